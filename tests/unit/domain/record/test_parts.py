"""A record is read whatever was written into it, and changed field by field."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from aurora_restore.domain.record import (
    Cleanup,
    ErrorState,
    MasterSecret,
    Notification,
    PhaseState,
    Record,
    RestoreDetails,
    Retirement,
    WaitState,
    act_given_up,
    changed,
    plain,
    with_new_warnings,
    with_warnings,
    written,
)
from aurora_restore.domain.states import Ending, PhaseStatus, RetirementState

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
NONSENSE: tuple[Any, ...] = (
    None,
    "",
    "nonsense",
    7,
    -1.5,
    True,
    [],
    ["a", 1, None, {}],
    {},
    {"a": {"b": [1]}},
)


def test_a_change_names_the_fields_that_it_sets_and_no_other() -> None:
    assert changed(Retirement, state=RetirementState.KEPT, keep_until=NOON) == {
        "retirement.state": "KEPT",
        "retirement.keep_until": "2026-11-22T12:00:00.000Z",
    }


def test_a_field_that_is_to_be_empty_is_set_to_nothing() -> None:
    assert changed(RestoreDetails, user_setup=None) == {"restore_details.user_setup": None}


def test_a_change_of_the_record_itself_has_no_path() -> None:
    error = ErrorState(code="A", message="b", hint="c", step="Notify")
    item = {"code": "A", "message": "b", "hint": "c", "step": "Notify"}
    assert changed(Record, settled_time=None, error=error) == {"settled_time": None, "error": item}


def test_a_part_that_is_written_whole_leaves_out_what_it_does_not_have() -> None:
    assert written(MasterSecret(arn="arn")) == {"master_secret": {"arn": "arn"}}


def test_a_part_without_a_place_of_its_own_cannot_be_changed_by_itself() -> None:
    with pytest.raises(TypeError):
        changed(WaitState, looks=1)


def test_what_was_read_is_written_with_what_this_version_does_not_know() -> None:
    item = {"message_id": "1", "subject": "s", "of_a_newer_version": [1]}
    assert plain(Notification.read(item)) == item


def test_what_is_missing_is_read_as_its_default() -> None:
    record = Record.read({})
    assert (record.status, record.end_time, record.warnings, record.error) == ("", None, (), None)
    assert not record.retirement
    assert record.phase("Notify").status is None


def test_a_part_is_true_where_the_record_has_anything_of_it() -> None:
    assert Record.read({"cleanup": {"ending": "FAILED"}}).cleanup
    assert not Record.read({"cleanup": {}}).cleanup


def test_what_was_written_is_read_back() -> None:
    waits = {"copy": WaitState(since=NOON, looks=2, seconds=1.5)}
    state = PhaseState(status=PhaseStatus.DONE, start_time=NOON, calls=3, waits=waits)
    assert PhaseState.read(plain(state)) == state


def test_a_plain_text_in_place_of_an_error_is_kept_apart() -> None:
    record = Record.read({"error": "Given up, see the ticket."})
    assert (record.error, record.error_by_hand) == (None, "Given up, see the ticket.")


def test_a_text_in_place_of_a_list_of_texts_is_a_list_of_one() -> None:
    assert Record.read({"warnings": "careful"}).warnings == ("careful",)


def test_of_a_list_and_a_map_what_can_be_read_is_read() -> None:
    record = Record.read({"cleanup": {"done": ["one", {}, None, 2]}, "phases": {"Notify": "?", "Defuse": {}}})
    assert record.cleanup.done == ("one", "2")
    assert set(record.phases) == {"Defuse"}


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_nothing_that_a_hand_writes_stops_the_reading(nonsense: Any) -> None:
    names = Record.FIELDS
    read_whole(Record.read(nonsense))
    read_whole(Record.read(dict.fromkeys(names, nonsense)))
    for name in names:
        kind = type(getattr(Record.read({}), name))
        inner = getattr(kind, "FIELDS", {})
        read_whole(Record.read({name: dict.fromkeys(inner, nonsense)}))


def read_whole(found: Any) -> None:
    """Ask for every field of a part, and of the parts in it."""
    if isinstance(found, dict):
        found = tuple(found.values())
    if isinstance(found, tuple):
        for each in found:
            read_whole(each)
    for name in getattr(found, "FIELDS", {}):
        read_whole(getattr(found, name))


def test_an_ending_that_cannot_be_read_is_decided_again() -> None:
    assert Cleanup.read({"ending": "PERHAPS"}).ending is None
    assert Cleanup.read({"ending": "FAILED"}).ending is Ending.FAILED


@pytest.mark.parametrize(
    ("sign", "state"),
    [
        ("undone_by", RetirementState.UNDONE),
        ("retired_time", RetirementState.RETIRED),
        ("begun_time", RetirementState.BEGUN),
        ("keep_until", RetirementState.KEPT),
        ("made_again", None),
    ],
)
def test_a_retirement_whose_state_cannot_be_read_is_known_by_what_else_was_written(
    sign: str, state: RetirementState | None
) -> None:
    assert Retirement.read({"state": "?", sign: "x"}).state is state


def test_a_deletion_has_begun_although_its_time_cannot_be_read() -> None:
    retirement = Retirement.read({"state": "BEGUN", "begun_time": "yesterday"})
    assert (retirement.begun_time, retirement.deletion_has_begun) == (None, True)


def test_an_act_is_given_up_without_touching_what_else_is_known_of_it() -> None:
    assert act_given_up("windows") == {"acts.windows.given_up": True}


def test_a_warning_is_added_to_those_that_exist() -> None:
    record = Record.read({"warnings": ["one"]})
    assert with_warnings(record, "one") == {"warnings": ["one", "one"]}
    assert with_new_warnings(record, "one", "two") == {"warnings": ["one", "two"]}
    assert with_new_warnings(record, "one") == {}
