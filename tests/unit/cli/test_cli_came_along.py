"""What `status` says about what came along, and about what of it was put to rest."""

from __future__ import annotations

from typing import Any

from tests.fakes.copies import found, subscription, user_mapping
from tests.support.screen_text import words_of
from tests.unit.cli import cli_records as records
from tests.unit.cli.cli_records import NOW

from aurora_restore.cli.views.operation import render_status
from aurora_restore.cli.views.record import view_operation
from aurora_restore.domain.defusing import WRITTEN_BYTES_MOST, Refusal, Survey, SurveyProgress, written
from aurora_restore.domain.record import DefusedRecord

NOTHING = DefusedRecord.read(None)


def status(**sections: Any) -> str:
    return words_of(render_status(view_operation(records.succeeded() | sections), NOW), 160)


def with_written(*names: str) -> dict[str, Any]:
    changes = written([subscription(name) for name in names], NOTHING, NOW, WRITTEN_BYTES_MOST).changes
    return {"written": {path.rpartition(".")[2]: item for path, item in changes.items()}}


def test_each_kind_is_a_line_with_the_first_names() -> None:
    fuses = [subscription(f"s{number}") for number in range(5)]

    seen = status(came_along=found(*fuses, user_mapping()).to_item())

    assert "5 subscriptions: s0 in shop, s1 in shop, s2 in shop and 2 more" in seen
    assert "1 user mapping: PUBLIC at ledger in shop" in seen


def test_what_was_put_to_rest_is_named_and_what_could_not_be_is_not() -> None:
    section = with_written("taken", "stubborn")
    refusal = Refusal(subscription("stubborn"), "must be owner")
    section["refused"] = {refusal.fuse.key: refusal.sentence}

    seen = status(came_along=found(subscription("taken")).to_item(), defused=section)

    assert "put to rest subscription: taken" in seen
    assert "stubborn" not in seen


def test_where_nothing_came_along_nothing_is_said() -> None:
    assert "Came along with the snapshot" not in status()
    assert "Came along with the snapshot" not in status(came_along=found().to_item())


def test_while_databases_are_looked_through_the_list_says_that_it_is_not_whole() -> None:
    survey = Survey(found(user_mapping()), unfinished=SurveyProgress(16400, 120, 503))

    seen = status(came_along=survey.to_item())

    assert "1 user mapping: PUBLIC at ledger in shop" in seen
    assert "not looked into yet: 383 of 503 databases" in seen


def test_the_plan_says_that_the_copy_will_be_quiet() -> None:
    record = records.planned()
    plan = record["plan"] | {"quiet_start": True}

    seen = words_of(render_status(view_operation(record | {"plan": plan}), NOW), 160)

    assert "quiet start subscriptions, logical slots and jobs of pg_cron are put to rest" in seen


def test_a_plan_says_what_is_known_of_what_comes_along_until_it_is_listed() -> None:
    sentences = [{"about": "comes along", "words": "it is listed after the first login"}]
    record = records.planned()
    record |= {"plan": record["plan"] | {"coming_along": sentences}}

    before = words_of(render_status(view_operation(record), NOW), 160)
    after = words_of(render_status(view_operation(record | {"came_along": found().to_item()}), NOW), 160)

    assert "comes along it is listed after the first login" in before
    assert "comes along" not in after
