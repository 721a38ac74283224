"""What people read about the managed master secret and custom endpoints, which change clusters with the name."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.screen_text import identifier_at_the_end, text_of, words_of
from tests.unit.cli import cli_replacement_records as replacements
from tests.unit.cli.cli_records import NOW
from tests.unit.cli.cli_replacement_records import ASIDE, STAGING, TARGET

from aurora_restore.cli.views.operation import render_outcome, render_status
from aurora_restore.cli.views.record import view_operation

ARN = "arn:aws:secretsmanager:us-west-2:123456789012:secret:rds!cluster-11111111-2222-3333-4444-555555555555-AbCdEf"
ENDPOINTS = [
    {"identifier": "reports", "endpoint_type": "READER", "static_members": [f"{STAGING}-2"]},
    {"identifier": "everything", "endpoint_type": "ANY"},
]
MOVED = {"state": "moved", "db_cluster_identifier": TARGET}
LEFT = {"state": "left", "db_cluster_identifier": TARGET}
WARNING = "make it with `aws rds create-db-cluster-endpoint`."


def handing_over(record: dict[str, Any], **sections: Any) -> dict[str, Any]:
    """A record whose plan takes a managed secret and two endpoints along."""
    plan = record["plan"]
    cluster = plan["cluster"] | {"managed_master_secret": True}
    replaced = record["replaced"] | {"endpoints": ENDPOINTS}
    planned = plan | {"cluster": cluster, "custom_endpoints": ENDPOINTS}
    return record | {"plan": planned, "replaced": replaced} | sections


def handed_over(record: dict[str, Any], width: int = 200) -> list[str]:
    """The lines of the section, without its heading."""
    lines = text_of(render_status(view_operation(record), NOW), width).splitlines()
    if "Handed over" not in lines:
        return []
    first = lines.index("Handed over") + 1
    end = next((number for number in range(first, len(lines)) if not lines[number].strip()), len(lines))
    return [" ".join(line.split()) for line in lines[first:end]]


def test_before_the_switch_nothing_is_reported() -> None:
    assert handed_over(handing_over(replacements.replacing())) == []


def test_after_the_switch_what_has_not_come_along_yet_is_named() -> None:
    lines = handed_over(handing_over(replacements.switched(), endpoints={"reports": MOVED}))
    assert any("master secret" in line and "not managed by RDS yet" in line for line in lines)
    assert f"custom endpoint reports: serves {TARGET}" in lines
    assert any("everything" in line and "until it is moved" in line for line in lines)


def test_a_new_secret_is_named_by_its_arn_on_a_line_that_can_be_copied() -> None:
    lines = handed_over(handing_over(replacements.retired(), master_secret={"arn": ARN}))
    assert ARN in lines
    assert any("give clients its ARN" in line for line in lines)


def test_what_is_left_says_so_and_points_to_the_command() -> None:
    secret = {"arn": None, "left": "RDS did not take it on in time"}
    sections = {"endpoints": {"reports": LEFT, "everything": MOVED}, "master_secret": secret}
    record = handing_over(replacements.retired(), **sections, warnings=[WARNING])
    lines = handed_over(record)
    left = [line for line in lines if "LEFT TO YOU" in line]
    assert [("reports" in line, "admin secret" in line) for line in left] == [(False, True), (True, False)]
    screen = words_of(render_status(view_operation(record), NOW), 200)
    assert screen.index("LEFT TO YOU") < screen.index(WARNING)


def test_a_rollback_shows_the_rollback_alone() -> None:
    back = {"state": "moved", "db_cluster_identifier": TARGET}
    record = handing_over(
        replacements.cancelled(),
        switch_over={"retired_identifier": ASIDE},
        endpoints={"reports": LEFT},
        endpoints_back={"reports": back},
    )
    lines = handed_over(record)
    assert f"custom endpoint reports: serves {TARGET}" in lines
    assert not any("LEFT TO YOU" in line or "master secret" in line for line in lines)


def test_the_outcome_of_a_success_tells_it_too() -> None:
    record = handing_over(replacements.retired(), endpoints={"reports": MOVED, "everything": MOVED})
    assert f"everything: serves {TARGET}" in words_of(render_outcome(view_operation(record), NOW), 200)


def test_a_replacement_without_any_has_no_such_section() -> None:
    assert handed_over(replacements.retired()) == []


@pytest.mark.parametrize("width", [40, 80, 200])
def test_it_fits_every_width(width: int) -> None:
    sections = {"endpoints": {"reports": LEFT, "everything": MOVED}, "master_secret": {"arn": ARN}}
    record = handing_over(replacements.retired(), **sections)
    lines = text_of(render_status(view_operation(record), NOW), width).splitlines()
    assert all(identifier_at_the_end(line) for line in lines if len(line) > width)


@pytest.mark.parametrize("section", ["endpoints", "endpoints_back", "master_secret"])
@pytest.mark.parametrize("value", ["gone", 7, ["a"], {}, {"reports": 5}, {"reports": {"state": 5}}, None])
def test_nothing_that_a_hand_can_write_stops_the_display(section: str, value: Any) -> None:
    for state in (replacements.switched, replacements.cancelled, replacements.kept):
        record = handing_over(state(), **{section: value})
        assert record["operation_id"] in words_of(render_status(view_operation(record), NOW))
