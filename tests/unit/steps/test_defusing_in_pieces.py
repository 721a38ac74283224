"""Defuse of a cluster with many databases: several calls, each of which says how far it has come."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from tests.fakes.copies import FakeCopy, found, subscription, user_mapping
from tests.states_language.interpreter import ProcessDied
from tests.support.worlds import PipelineRun

from aurora_restore.domain.came_along import summary_lines
from aurora_restore.domain.defusing import Fuse, Outcome, first_states
from aurora_restore.domain.errors import PhaseTimedOut
from aurora_restore.domain.record import Record
from aurora_restore.domain.results import Phase, StepStatus
from aurora_restore.domain.user_progress import always
from aurora_restore.domain.waiting import FLOOR_SECONDS
from aurora_restore.steps import defuse as step

NAME = "restore-20261126-120000"
CALLS_MOST = 200
# DynamoDB's limit is 400 kB, and later phases write into the record too.
RECORD_BYTES_MOST = 250_000


def rooms(count: int) -> tuple[str, ...]:
    return tuple(f"tenant_{number:03}" for number in range(count))


def a_run(*fuses: Fuse, count: int = 4, a_call: int = 1, **request: Any) -> PipelineRun:
    """Defuse comes next."""
    run = PipelineRun()
    run.server.copy = FakeCopy(found(*fuses), list(fuses), rooms=rooms(count), rooms_a_call=a_call)
    run.run(NAME, until=Phase.RESTORE_CLUSTER, **request)
    return run


def ended(run: PipelineRun) -> dict[str, Any]:
    """The record once Defuse is done."""
    for _ in range(CALLS_MOST):
        if run.phase(Phase.DEFUSE, NAME).status is StepStatus.DONE:
            return run.record(NAME)
    raise AssertionError("Defuse did not come to its end.")


def test_each_call_goes_on_where_the_record_says_and_begins_at_once() -> None:
    run = a_run()
    reported = []
    for _ in range(3):
        answer = run.phase(Phase.DEFUSE, NAME)
        reported.append((answer.status, answer.wait_seconds, answer.progress_percent))
    message = run.record(NAME)["phases"]["Defuse"]["message"]

    assert reported == [(StepStatus.IN_PROGRESS, FLOOR_SECONDS, percent) for percent in (25, 50, 75)]
    assert message == "what came along was looked for in 3 of 4 databases"
    assert run.phase(Phase.DEFUSE, NAME).status is StepStatus.DONE
    assert run.server.copy.looked_into == list(rooms(4))


def test_what_all_the_calls_have_found_is_in_the_list_at_the_end_and_in_no_call_twice() -> None:
    logins = [user_mapping(f"PUBLIC at {room}", room) for room in rooms(4)]
    run = a_run(*logins)

    record = ended(run)

    assert [item["name"] for item in record["came_along"]["found"]] == [login.name for login in logins]
    assert "unfinished" not in record["came_along"]
    [warning] = record["warnings"]
    assert "PUBLIC at tenant_002 in tenant_002 and 1 more" in warning


def test_what_acts_is_put_to_rest_before_any_database_is_looked_into() -> None:
    run = a_run(subscription())

    run.phase(Phase.DEFUSE, NAME)

    assert (run.server.copy.fuses, run.server.copy.looked_into) == ([], [])
    assert ended(run)["came_along"]["found"]
    assert run.server.copy.looked_into == list(rooms(4))


def test_a_database_is_left_behind_only_once_nothing_is_left_in_it_to_be_done() -> None:
    logins = [user_mapping(f"PUBLIC at {room}", room) for room in rooms(3)]
    run = a_run(*logins, count=3, outward_connections="cut")

    record = ended(run)

    assert [state.name for state in first_states(Record.read(record).defused)] == [
        each.name for each in logins
    ]
    assert run.server.copy.looked_into == [room for room in rooms(3) for _ in range(2)]
    assert run.server.copy.fuses == []


def test_a_death_in_the_middle_is_followed_by_a_call_that_goes_on_there() -> None:
    logins = [user_mapping(f"PUBLIC at {room}", room) for room in rooms(4)]
    run = a_run(*logins, outward_connections="cut")
    copy, take_out = run.server.copy, run.server.copy.take_out
    for _ in range(2):
        run.phase(Phase.DEFUSE, NAME)

    def dies(fuses: Sequence[Fuse], has_time: Callable[[], bool] = always) -> Outcome:
        take_out(fuses, has_time)
        raise ProcessDied

    copy.take_out = dies  # type: ignore[method-assign]
    with pytest.raises(ProcessDied):
        run.phase(Phase.DEFUSE, NAME)
    copy.take_out = take_out  # type: ignore[method-assign]
    record = ended(run)

    assert copy.looked_into.count("tenant_000") == 2
    assert sorted(copy.taken) == [state.name for state in first_states(Record.read(record).defused)]
    assert len(record["defused"]["written"]) == 4


def test_what_there_was_no_time_to_put_to_rest_is_not_said_to_be_at_rest_and_comes_next() -> None:
    run = a_run(*(subscription(f"s{number}") for number in range(3)))
    run.server.copy.fuses_a_call = 1

    run.phase(Phase.DEFUSE, NAME)

    assert run.record(NAME)["phases"]["Defuse"]["message"].startswith("1 of what came along put to rest")
    assert len(run.server.copy.fuses) == 2
    assert ended(run)["phases"]["Defuse"]["calls"] == 3 + 4


def test_all_calls_together_have_the_time_of_the_phase_and_the_end_says_how_far_it_came() -> None:
    run = a_run(subscription(), count=500)
    run.phase(Phase.DEFUSE, NAME)
    run.phase(Phase.DEFUSE, NAME)
    run.clock.advance(3601)

    with pytest.raises(PhaseTimedOut, match="looked for in 2 of 500 databases"):
        run.phase(Phase.DEFUSE, NAME)

    assert (
        summary_lines(Record.read(run.record(NAME)).came_along)[-1]
        == "not looked into yet: 499 of 500 databases"
    )


def test_hundreds_of_databases_with_logins_leave_room_in_the_record_and_every_way_back_is_kept() -> None:
    logins = [
        user_mapping(f"{user} at ledger", room) for room in rooms(300) for user in ("PUBLIC", "shop_app")
    ]
    run = a_run(*logins, count=300, a_call=50, outward_connections="cut")
    take_out = run.server.copy.take_out
    sizes: list[int] = []

    def measured(fuses: Sequence[Fuse], has_time: Callable[[], bool] = always) -> Outcome:
        sizes.append(len(json.dumps(run.record(NAME))))
        return take_out(fuses, has_time)

    run.server.copy.take_out = measured  # type: ignore[method-assign]
    record = ended(run)

    kept = [*record["defused"]["written"].values(), *in_the_trail(run)]
    assert sorted(map(place, kept)) == sorted((each.database, each.name) for each in logins)
    assert record["defused"]["in_trail"]["count"] == len(in_the_trail(run)) > 0
    assert "600 put to rest" in record["phases"]["Defuse"]["message"]
    assert max(sizes) < RECORD_BYTES_MOST


def in_the_trail(run: PipelineRun) -> list[dict[str, Any]]:
    """What was written down beside the record."""
    events = [entry for entry in run.ports.audit.trail(NAME) if entry["event"] == "came_along.written"]
    return [item for entry in events for item in entry["details"]["written"].values()]


def place(item: dict[str, Any]) -> tuple[str, str]:
    return item["database"], item["name"]


@pytest.mark.parametrize("written_by_then", [True, False], ids=["after", "before"])
def test_a_death_around_the_writing_of_the_trail_loses_nothing_and_doubles_nothing(
    monkeypatch: pytest.MonkeyPatch, written_by_then: bool
) -> None:
    monkeypatch.setattr(step, "WRITTEN_BYTES_MOST", 0)
    run = a_run(*(subscription(f"s{number}") for number in range(3)))

    append = run.ports.audit.append

    def dies(item: Mapping[str, Any]) -> None:
        if written_by_then or item["event"] != "came_along.written":
            append(item)
        if item["event"] == "came_along.written":
            raise ProcessDied

    monkeypatch.setattr(run.ports.audit, "append", dies)
    with pytest.raises(ProcessDied):
        run.phase(Phase.DEFUSE, NAME)
    monkeypatch.setattr(run.ports.audit, "append", append)
    assert len(run.server.copy.fuses) == 3
    record = ended(run)

    assert sorted(item["name"] for item in in_the_trail(run)) == ["s0", "s1", "s2"]
    assert record["defused"]["in_trail"]["count"] == 3
    assert run.server.copy.fuses == []
