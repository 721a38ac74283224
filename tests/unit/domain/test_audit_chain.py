"""The chain of the audit events, and what its verification finds."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from tests.unit.domain.audit_chains import DAYS, RUN, Chain, begun, ended
from tests.unit.domain.builders import NOW, OPERATION_ID

from aurora_restore.domain.audit_chain import (
    NO_EVENT_BEFORE,
    audit_item,
    canonical,
    first_entry,
    hash_of,
    next_entries,
    noted,
)
from aurora_restore.domain.audit_verification import ChainState, FindingKind, Verification, verify
from aurora_restore.domain.record import Record

LATER = NOW + timedelta(hours=2)
EDITED, REMOVED, INSERTED = FindingKind.EDITED, FindingKind.REMOVED, FindingKind.INSERTED


def verified(chain: Chain) -> Verification:
    return verify(chain.record, chain.events, LATER)


def found(chain: Chain) -> list[tuple[FindingKind, int]]:
    return [(finding.kind, finding.sequence) for finding in verified(chain).findings]


def test_each_event_carries_the_hash_of_the_one_before_it_and_the_record_that_of_the_last() -> None:
    chain = ended()
    assert [event["sequence"] for event in chain.events] == [1, 2, 3, 4, 5]
    assert [event["previous_hash"] for event in chain.events] == [
        NO_EVENT_BEFORE,
        *(event["hash"] for event in chain.events[:-1]),
    ]
    head = Record.read(chain.record).audit_head
    assert (head.count, head.hash) == (5, chain.events[-1]["hash"])
    assert verified(chain) == Verification(ChainState.VERIFIED, 5)


def test_the_same_record_and_events_make_the_same_entries() -> None:
    record = Record.read(begun().record)
    assert next_entries(record, RUN, NOW, DAYS) == next_entries(record, RUN, NOW, DAYS)


def test_the_first_event_is_made_of_the_record_alone_however_far_the_run_has_come() -> None:
    first, chain = begun().events[0], ended()
    again = first_entry(Record.read(chain.record))
    assert again is not None
    assert audit_item(OPERATION_ID, again) == first
    assert first["details"] == {"parameters": {"target_cluster_id": "T"}}


def test_the_first_event_names_who_asked() -> None:
    chain = begun({"requested_by": "arn:aws:iam::123456789012:user/ann"})
    assert chain.record["requested_by"] == "arn:aws:iam::123456789012:user/ann"
    assert chain.events[0]["details"]["requested_by"] == "arn:aws:iam::123456789012:user/ann"


@pytest.mark.parametrize("asker", [None, 7, ["ann"], {"name": "ann"}])
def test_who_asked_is_not_known_where_the_request_does_not_say_it_in_a_text(asker: object) -> None:
    chain = begun({"requested_by": asker})
    assert chain.record["requested_by"] is None
    assert "requested_by" not in chain.events[0]["details"]


def test_times_go_on_where_a_clock_is_behind_or_several_events_are_of_one_moment() -> None:
    record = Record.read(ended().record)
    _, entries = next_entries(record, RUN, NOW - timedelta(hours=1), DAYS)
    times = [record.audit_head.time, *(entry.time for entry in entries)]
    assert all(before < after for before, after in pairwise(times) if before and after)


def test_an_entry_that_was_noted_is_the_same_when_it_is_read_back() -> None:
    chain = begun()
    chain.note(("Event", {"nothing": None, "empty": {}, "list": []}))
    (entry,) = Record.read(chain.record).last_events
    item = audit_item(OPERATION_ID, entry)
    assert item["details"] == {"nothing": None, "empty": {}, "list": []}
    assert hash_of(item) == item["hash"]


@pytest.mark.parametrize(
    ("written", "read_back"),
    [
        (1.0, 1),
        (-0.0, 0),
        (1e22, 10**22),
        (1e30, 10**30),
        (0.1, 0.1),
        ({"a": (1, 2.0)}, {"a": [1, 2]}),
        ({"b": 1, "a": 2}, {"a": 2, "b": 1}),
    ],
)
def test_the_canonical_form_is_the_same_as_dynamodb_gives_values_back(written: Any, read_back: Any) -> None:
    assert canonical(written) == canonical(read_back)


@pytest.mark.parametrize(
    ("one", "other"), [(1, True), (1, "1"), (0, None), ([], {}), ({"a": None}, {}), (0.1, 0.2)]
)
def test_different_values_have_different_canonical_forms(one: Any, other: Any) -> None:
    assert canonical(one) != canonical(other)


def test_nothing_that_json_does_not_know_has_a_canonical_form() -> None:
    with pytest.raises(TypeError):
        canonical({"a": {1, 2}})
    with pytest.raises(ValueError, match="JSON"):
        canonical(float("inf"))


def rewritten(event: dict[str, Any], **changes: Any) -> None:
    """Edited by a hand that computes the hash anew."""
    event |= changes
    event["hash"] = hash_of(event)


EDITS: list[Callable[[dict[str, Any]], None]] = [
    lambda event: event["details"].update(more="words"),
    lambda event: event.update(event="something.else"),
    lambda event: event.update(time="2026-11-22T09:00:00.000Z"),
    lambda event: event.update(expires_at=1),
    lambda event: event.update(hash="0" * 64),
    lambda event: event.update(previous_hash="1" * 64),
    lambda event: event.update(operation_id="restore-other"),
    lambda event: event.update(details={"a": {1, 2}}),
    lambda event: rewritten(event, details={"more": "words"}),
    lambda event: rewritten(event, previous_hash=NO_EVENT_BEFORE),
]


@pytest.mark.parametrize("place", [2, 3, 5])
@pytest.mark.parametrize("edit", EDITS, ids=range(len(EDITS)))
def test_an_edited_event_is_found_wherever_it_is(edit: Callable[[dict[str, Any]], None], place: int) -> None:
    chain = ended()
    edit(chain.events[place - 1])
    assert found(chain) == [(EDITED, place)]
    (finding,) = verified(chain).findings
    assert finding.event_id == chain.events[place - 1]["event_id"]
    assert finding.hint


@pytest.mark.parametrize("place", [1, 2, 3, 4, 5])
def test_a_removed_event_is_found_wherever_it_was(place: int) -> None:
    chain = ended()
    del chain.events[place - 1]
    assert found(chain) == [(REMOVED, place)]


def test_removed_events_are_found_even_where_all_are_gone() -> None:
    chain = ended()
    del chain.events[3:]
    assert found(chain) == [(REMOVED, 4)]
    assert "events 4 to 5" in verified(chain).findings[0].message
    chain.events.clear()
    assert found(chain) == [(REMOVED, 1)]
    assert verified(chain).state is ChainState.BROKEN


def test_an_end_that_was_removed_and_written_anew_is_found() -> None:
    """By who can write the audit table alone: the record knows another last event."""
    chain = ended()
    forged = Chain(copy.deepcopy(begun().record), [])
    for event in [*RUN[:-1], ("operation.failed", {})]:
        forged.write(event)
    chain.events[4:] = forged.events[3:]
    assert found(chain) == [(EDITED, 5)]


def inserted(**changes: Any) -> dict[str, Any]:
    event = {
        "operation_id": OPERATION_ID,
        "event_id": "2026-11-22T10:30:00.000Z#forged",
        "time": "2026-11-22T10:30:00.000Z",
        "event": "forged",
        "details": {},
        **changes,
    }
    return event | {"hash": hash_of(event)} if "sequence" in event else event


@pytest.mark.parametrize("sequence", [None, 1, 3, 5, 6, 10**15, -1, True, "3"])
def test_an_inserted_event_is_found_whatever_place_it_claims(sequence: object) -> None:
    chain = ended()
    previous = {"sequence": sequence, "previous_hash": chain.events[1]["hash"]}
    chain.events.append(inserted(**(previous if sequence is not None else {})))
    (finding,) = verified(chain).findings
    assert (finding.kind, finding.event_id) == (INSERTED, "2026-11-22T10:30:00.000Z#forged")


def test_several_things_are_found_at_once_in_the_order_of_their_places() -> None:
    chain = ended()
    chain.events[3]["details"]["more"] = "words"
    del chain.events[1]
    assert found(chain) == [(REMOVED, 2), (EDITED, 4)]


def test_an_event_that_the_record_has_noted_is_not_missing() -> None:
    chain = begun()
    chain.write(RUN[0])
    chain.note(*RUN[1:3])
    outcome = verified(chain)
    assert (outcome.state, outcome.count) == (ChainState.VERIFIED, 2)
    assert "2 event(s) are noted" in outcome.notes[0]


def test_a_run_whose_first_call_has_not_appended_yet_misses_nothing() -> None:
    chain = begun()
    chain.events.clear()
    assert found(chain) == []


def test_a_noted_event_is_vouched_for_as_any_other() -> None:
    chain = begun()
    chain.write(RUN[0])
    chain.note(RUN[1])
    chain.events[1]["details"]["more"] = "words"
    assert found(chain) == [(EDITED, 2)]


def test_a_chain_that_began_late_lets_events_of_an_earlier_version_be_before_it_and_none_after_that() -> None:
    earlier = inserted(time="2026-11-22T09:00:00.000Z", event_id="2026-11-22T09:00:00.000Z#operation.started")
    chain = Chain(
        {"operation_id": OPERATION_ID, "status": "RUNNING", "start_time": "2026-11-22T09:00:00.000Z"}, []
    )
    chain.write(RUN[0])
    chain.write(RUN[1])
    chain.events.append(earlier)
    outcome = verified(chain)
    assert (outcome.state, outcome.count) == (ChainState.VERIFIED, 2)
    assert "1 event(s) before the chain" in outcome.notes[0]
    chain.events.append(inserted(time="2026-11-22T23:00:00.000Z"))
    assert found(chain) == [(INSERTED, 0)]


def test_an_operation_of_an_earlier_version_has_no_chain() -> None:
    assert verify({"operation_id": OPERATION_ID}, [inserted()], LATER).state is ChainState.UNLINKED


@pytest.mark.parametrize(
    ("record", "kind"), [(None, FindingKind.RECORD_LOST), ({"status": "FAILED"}, FindingKind.HEAD_LOST)]
)
def test_events_whose_record_or_head_is_gone_are_a_finding(record: Any, kind: FindingKind) -> None:
    outcome = verify(record, ended().events, LATER)
    assert (outcome.state, [finding.kind for finding in outcome.findings]) == (ChainState.BROKEN, [kind])


@pytest.mark.parametrize("record_is_there", [True, False])
def test_what_dynamodb_removes_when_its_time_is_over_is_not_missing(record_is_there: bool) -> None:
    chain, years_later = ended(), NOW + timedelta(days=DAYS + 1)
    del chain.events[1]
    outcome = verify(chain.record if record_is_there else None, chain.events, years_later)
    assert (outcome.state, outcome.findings) == (ChainState.EXPIRED, ())
    chain.events[2]["details"]["more"] = "words"
    outcome = verify(chain.record if record_is_there else None, chain.events, years_later)
    assert [finding.kind for finding in outcome.findings] == [EDITED]


def test_a_head_that_a_hand_has_written_anything_into_ends_nothing_early_and_takes_no_time() -> None:
    chain = ended()
    chain.record["audit_head"]["count"] = 10**15
    assert verified(chain).state is ChainState.BROKEN
    chain.record["audit_head"] = {"count": "many", "hash": 7}
    assert verified(chain).state is ChainState.BROKEN


def test_noting_changes_the_head_and_the_entries_and_nothing_else() -> None:
    head, entries = next_entries(Record.read(begun().record), RUN, NOW, DAYS)
    assert set(noted(head, entries)) == {"audit_head", "last_events"}
