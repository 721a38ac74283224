"""What is taken out, what is written down about it first, and when a copy counts as not quiet."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.fakes.copies import subscription, user_mapping

from aurora_restore.domain.came_along import Kind
from aurora_restore.domain.defusing import (
    Fuse,
    Refusal,
    chosen_fuses,
    first_states,
    refuse_what_still_acts,
    written,
)
from aurora_restore.domain.errors import CopyNotQuiet
from aurora_restore.domain.outward import OutwardConnections

EARLY, LATE = "2026-11-26T10:00:00Z", "2026-11-26T10:05:00Z"


def fuse_of(kind: Kind) -> Fuse:
    return replace(subscription(kind.value, enabled=False), kind=kind)


FUSES = (*(fuse_of(kind) for kind in Kind if kind is not Kind.USER_MAPPING), user_mapping())
QUIETED = {Kind.SUBSCRIPTION, Kind.LOGICAL_SLOT, Kind.CRON_JOB}


@pytest.mark.parametrize(
    ("quiet_start", "outward", "kinds"),
    [
        (True, OutwardConnections.REPORT, QUIETED),
        (True, OutwardConnections.KEEP, QUIETED),
        (True, OutwardConnections.CUT, QUIETED | {Kind.USER_MAPPING}),
        (False, OutwardConnections.REPORT, set()),
        (False, OutwardConnections.KEEP, set()),
        (False, OutwardConnections.CUT, {Kind.USER_MAPPING}),
    ],
)
def test_only_what_was_asked_for_is_taken_out(
    quiet_start: bool, outward: OutwardConnections, kinds: set[Kind]
) -> None:
    chosen = chosen_fuses(FUSES, quiet_start=quiet_start, outward_connections=outward)

    assert {fuse.kind for fuse in chosen} == kinds


def test_what_acts_is_taken_out_first() -> None:
    sleeping, acting = subscription("a", enabled=False), subscription("b")

    chosen = chosen_fuses([sleeping, acting], quiet_start=True, outward_connections=OutwardConnections.REPORT)

    assert chosen == (acting, sleeping)


def record_after(*changes: dict[str, object]) -> dict[str, object]:
    entries: dict[str, object] = {}
    for change in changes:
        entries |= {path.rpartition(".")[2]: value for path, value in change.items()}
    return {"written": entries}


def test_what_is_written_down_holds_the_state_before_and_the_way_back() -> None:
    [(path, item)] = written([subscription()], {}, EARLY).items()

    assert path.startswith("defused.written.")
    assert "." not in path.removeprefix("defused.written.")
    assert item["before"] == {"enabled": True, "slot_name": "from_production_slot"}
    assert item["take_back"][-1] == 'ALTER SUBSCRIPTION "from_production" ENABLE;'


def test_what_is_written_already_is_not_written_again() -> None:
    record = record_after(written([subscription()], {}, EARLY))

    assert written([subscription()], record, LATE) == {}


def test_two_calls_at_once_write_different_things_into_different_places() -> None:
    one, other = written([subscription("a")], {}, EARLY), written([subscription("b")], {}, EARLY)

    assert one.keys().isdisjoint(other)


def test_the_first_state_of_a_thing_is_the_one_that_is_taken_back() -> None:
    first = written([subscription()], {}, EARLY)
    later = written([subscription(enabled=False)], record_after(first), LATE)

    [state] = first_states(record_after(first, later))

    assert (state["time"], state["before"]["enabled"]) == (EARLY, True)


def test_what_could_not_be_ended_and_acts_is_refused_with_the_servers_words() -> None:
    refusals = [Refusal(subscription(f"s{number}"), "must be owner") for number in range(7)]

    with pytest.raises(CopyNotQuiet) as refused:
        refuse_what_still_acts(refusals)

    assert "s0 in shop: must be owner" in refused.value.message
    assert "2 more" in refused.value.message


def test_what_could_not_be_ended_and_sleeps_ends_nothing() -> None:
    refuse_what_still_acts([Refusal(subscription(enabled=False), "must be owner")])
    refuse_what_still_acts([])
