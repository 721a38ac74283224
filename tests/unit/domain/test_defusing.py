"""What is taken out, what is written down about it first, and when a copy counts as not quiet."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.fakes.copies import subscription, user_mapping

from aurora_restore.domain.came_along import CameAlong, Finding, Kind, NotLookedInto
from aurora_restore.domain.defusing import (
    FUSES_PER_CALL,
    REFUSALS_IN_WORDS_MOST,
    WRITTEN_BYTES_MOST,
    Fuse,
    Refusal,
    Survey,
    SurveyProgress,
    chosen_fuses,
    first_states,
    is_enough,
    refuse_what_still_acts,
    refused,
    refused_sentences,
    rest_lines,
    written,
)
from aurora_restore.domain.errors import CopyNotQuiet
from aurora_restore.domain.outward import OutwardConnections
from aurora_restore.domain.record import CameAlongRecord, DefusedRecord, plain

EARLY, LATE = datetime(2026, 11, 26, 10, tzinfo=UTC), datetime(2026, 11, 26, 10, 5, tzinfo=UTC)
NOTHING = DefusedRecord.read(None)


def fuse_of(kind: Kind) -> Fuse:
    return replace(subscription(kind.value, enabled=False), kind=kind)


FUSES = (*(fuse_of(kind) for kind in Kind if kind is not Kind.USER_MAPPING), user_mapping())
QUIETED = {Kind.SUBSCRIPTION, Kind.REPLICATION_CHANNEL, Kind.LOGICAL_SLOT, Kind.CRON_JOB, Kind.EVENT}


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


def record_after(*changes: dict[str, Any]) -> DefusedRecord:
    """What a record has after these changes."""
    section: dict[str, Any] = {}
    for path, value in (item for change in changes for item in change.items()):
        *parents, name = path.split(".")[1:]
        holder = section
        for parent in parents:
            holder = holder.setdefault(parent, {})
        holder[name] = value
    return DefusedRecord.read(section)


def test_what_is_written_down_holds_the_state_before_and_the_way_back() -> None:
    [(path, item)] = written([subscription()], NOTHING, EARLY, WRITTEN_BYTES_MOST).changes.items()

    assert path.startswith("defused.written.")
    assert "." not in path.removeprefix("defused.written.")
    assert item["before"] == {"enabled": True, "slot_name": "from_production_slot"}
    assert item["take_back"][-1] == 'ALTER SUBSCRIPTION "from_production" ENABLE;'


def test_what_is_written_already_is_not_written_again() -> None:
    record = record_after(written([subscription()], NOTHING, EARLY, WRITTEN_BYTES_MOST).changes)

    assert written([subscription()], record, LATE, WRITTEN_BYTES_MOST).changes == {}


def test_two_calls_at_once_write_different_things_into_different_places() -> None:
    one, other = (written([subscription(name)], NOTHING, EARLY, WRITTEN_BYTES_MOST).changes for name in "ab")

    assert one.keys().isdisjoint(other)


def test_the_first_state_of_a_thing_is_the_one_that_is_taken_back() -> None:
    first = written([subscription()], NOTHING, EARLY, WRITTEN_BYTES_MOST).changes
    later = written([subscription(enabled=False)], record_after(first), LATE, WRITTEN_BYTES_MOST).changes

    [state] = first_states(record_after(first, later))

    assert (state.time, state.before["enabled"]) == (EARLY, True)


def test_what_the_record_has_no_room_for_goes_into_the_trail_and_is_counted() -> None:
    fuses = [subscription(f"s{number}") for number in range(5)]
    room = 2 * len(json.dumps(plain(fuses[0].written_at(EARLY))))

    down = written(fuses, NOTHING, EARLY, room)

    kept = [path for path in down.changes if path.startswith("defused.written.")]
    assert (len(kept), [item["name"] for item in down.in_trail.values()]) == (2, ["s2", "s3", "s4"])
    assert down.changes["defused.in_trail"]["count"] == 3


def test_what_is_in_the_trail_already_is_not_written_there_again() -> None:
    first = written([subscription("a"), subscription("b")], NOTHING, EARLY, 0)
    record = record_after(first.changes)

    again = written([subscription("b"), subscription("c")], record, LATE, 0)

    assert [item["name"] for item in again.in_trail.values()] == ["c"]
    in_trail = again.changes["defused.in_trail"]
    assert (in_trail["count"], len(in_trail["keys"])) == (3, 2)


def test_of_many_that_were_refused_the_first_are_reported_and_the_others_counted() -> None:
    refusals = [Refusal(subscription(f"s{number:03}"), "must be owner") for number in range(70)]
    nothing_written = written([], NOTHING, EARLY, WRITTEN_BYTES_MOST)

    half = refused(refusals[:35], NOTHING, nothing_written)
    reported = record_after(half, refused(refusals[35:], record_after(half), nothing_written))

    assert refused_sentences(reported)[0] == "subscription s000 in shop: must be owner"
    assert refused_sentences(reported)[REFUSALS_IN_WORDS_MOST:] == ["50 more"]


def test_what_was_refused_does_not_count_as_put_to_rest_though_its_state_is_in_the_trail() -> None:
    fuses = [subscription("a"), subscription("b")]
    down = written(fuses, NOTHING, EARLY, 0)
    changes = refused([Refusal(fuses[0], "must be owner")], NOTHING, down)

    assert rest_lines(record_after(down.changes, changes)) == ["1 more, written down in the audit trail"]


def test_a_survey_that_is_under_way_is_read_back_as_it_was_written() -> None:
    mapping = Finding(Kind.USER_MAPPING, "shop", "PUBLIC at ledger", "DROP …;", "options: user")
    left = NotLookedInto("archive", "closed")
    in_databases = CameAlong((mapping,), {Kind.PUBLICATION: 3}, (left,), 2)
    progress = SurveyProgress(16400, 3, 9, in_databases, 1, 1, ("PUBLIC at ledger in shop",))
    of_cluster = Finding(Kind.SETTING, "", "role ann", "ALTER ROLE …;")
    everything = replace(in_databases, found=(of_cluster, mapping))

    section = json.loads(json.dumps(Survey(everything, unfinished=progress).to_item()))

    assert SurveyProgress.of_record(CameAlongRecord.read(section)) == progress
    assert SurveyProgress.of_record(CameAlongRecord.read(Survey(everything).to_item())) is None


def test_what_a_call_finds_counts_beside_what_the_calls_before_have_reported() -> None:
    begun = SurveyProgress(acting=1, logins=3, login_names=("a", "b"))

    survey = Survey(CameAlong(), (subscription(), user_mapping(), user_mapping("PUBLIC at books")), begun)

    assert (survey.acting, survey.logins) == (2, 5)
    assert survey.login_names == ("a", "b", "PUBLIC at ledger in shop")


def test_a_look_ends_for_what_acts_and_for_many_that_sleep() -> None:
    asleep = [subscription(f"s{number}", enabled=False) for number in range(FUSES_PER_CALL)]

    assert not is_enough(asleep[1:])
    assert is_enough(asleep)
    assert is_enough([asleep[0], subscription()])


def test_what_could_not_be_ended_and_acts_is_refused_with_the_servers_words() -> None:
    refusals = [Refusal(subscription(f"s{number}"), "must be owner") for number in range(7)]

    with pytest.raises(CopyNotQuiet) as not_quiet:
        refuse_what_still_acts(refusals)

    assert "s0 in shop: must be owner" in not_quiet.value.message
    assert "2 more" in not_quiet.value.message


def test_what_could_not_be_ended_and_sleeps_ends_nothing() -> None:
    refuse_what_still_acts([Refusal(subscription(enabled=False), "must be owner")])
    refuse_what_still_acts([])
