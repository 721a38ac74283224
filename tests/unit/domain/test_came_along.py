"""The list of what came along: in an order, of a length that a person reads, and in words."""

from __future__ import annotations

import json

import pytest

from aurora_restore.domain.came_along import (
    HIDDEN_JOBS,
    MEANINGS,
    CameAlong,
    Finding,
    Kind,
    NotLookedInto,
    bounded,
    summary_lines,
)
from aurora_restore.domain.record import CameAlongRecord


def lines_of(listed: CameAlong) -> list[str]:
    return summary_lines(CameAlongRecord.read(listed.to_item()))


def finding(kind: Kind, name: str, database: str = "shop") -> Finding:
    return Finding(kind, database, name, f"DROP {name};")


def test_every_kind_has_one_plain_sentence_that_says_what_it_means() -> None:
    assert set(MEANINGS) == set(Kind)
    assert [text for text in MEANINGS.values() if not text.endswith(".") or ". " in text] == []


def test_what_acts_by_itself_comes_before_what_is_only_there() -> None:
    found = [finding(kind, kind.value) for kind in reversed(Kind)]

    assert [each.kind for each in bounded(found, {}, []).found] == list(Kind)


def test_a_few_of_a_kind_are_named_and_those_beyond_are_counted_with_those_that_were_never_read() -> None:
    found = [finding(Kind.PUBLICATION, f"p{number}") for number in range(5)]

    seen = bounded(found, {Kind.PUBLICATION: 7, Kind.SETTING: 1}, [], most=3)

    assert [each.name for each in seen.found] == ["p0", "p1", "p2"]
    assert seen.more == {Kind.PUBLICATION: 9, Kind.SETTING: 1}


def test_of_many_databases_that_were_not_looked_into_the_number_is_said() -> None:
    left = [NotLookedInto(f"d{number}", "closed") for number in range(5)]

    seen = bounded([], {}, left, most=2, unseen_more=4)

    assert [each.database for each in seen.not_looked_into] == ["d0", "d1"]
    assert lines_of(seen)[-1] == "not looked into: 7 more"


def test_what_may_hide_something_that_acts_is_not_lost_among_closed_databases() -> None:
    left = [NotLookedInto(f"d{number}", "closed") for number in range(5)]
    hidden = NotLookedInto("shop", "row security", HIDDEN_JOBS)
    of_cluster = NotLookedInto("", "no time", "subscription")

    assert bounded([], {}, [*left, hidden, of_cluster], most=2).not_looked_into == (of_cluster, hidden)


def test_nothing_is_said_where_nothing_came_along() -> None:
    assert lines_of(CameAlong()) == []


@pytest.mark.parametrize(
    ("names", "line"),
    [
        (["a"], "1 subscription: a in shop"),
        (["a", "b"], "2 subscriptions: a in shop, b in shop"),
        (["a", "b", "c", "d", "e"], "5 subscriptions: a in shop, b in shop, c in shop and 2 more"),
    ],
)
def test_each_kind_is_one_short_line(names: list[str], line: str) -> None:
    found = [finding(Kind.SUBSCRIPTION, name) for name in names]

    assert lines_of(bounded(found, {}, [])) == [line]


def test_what_was_not_seen_is_a_line_too() -> None:
    left = (NotLookedInto("archive", "closed"), NotLookedInto("shop", "no right", "cron job"))

    assert lines_of(CameAlong(not_looked_into=left)) == [
        "not looked into: archive: closed",
        "not looked into: shop, cron job: no right",
    ]


def test_the_largest_list_leaves_room_in_a_record() -> None:
    found = [
        Finding(kind, "d" * 63, "n" * 9000, "s" * 9000, "x" * 9000) for kind in Kind for _ in range(1000)
    ]

    item = bounded(found, {}, [NotLookedInto("d" * 63, "r" * 9000)] * 1000).to_item()

    assert len(json.dumps(item)) < 200_000


def test_a_statement_that_is_too_long_is_left_out_and_never_cut() -> None:
    kept, left_out = (Finding(Kind.DEFINER_FUNCTION, "shop", "f", "s" * length) for length in (600, 601))

    assert kept.to_item()["ends_with"] == "s" * 600
    assert left_out.to_item()["ends_with"].startswith("-- ")
