"""The audit events of an operation, as calls write them that are at work at once, die, or come late."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from tests.states_language.interpreter import ProcessDied
from tests.support.worlds import PipelineRun

from aurora_restore.domain.audit_verification import ChainState, Verification, verify
from aurora_restore.domain.errors import RecordContended
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.record import Record
from aurora_restore.domain.states import OperationStatus
from aurora_restore.steps.audit_events import AuditTrail
from aurora_restore.steps.beginning import begin_record
from aurora_restore.steps.finalize import close, settle
from aurora_restore.steps.outcome import Event
from aurora_restore.steps.sweep import sweep

NAME = "restore-20261122-120000"
ANN = "arn:aws:iam::123456789012:user/ann"


@pytest.fixture
def run() -> PipelineRun:
    run = PipelineRun()
    begin_record(run.ports, NAME, run.arn(NAME), {"requested_by": ANN})
    return run


def trail_of(run: PipelineRun) -> AuditTrail:
    return AuditTrail(run.ports, Operation(run.record(NAME)))


def verified(run: PipelineRun) -> Verification:
    return verify(run.record(NAME), run.ports.audit.trail(NAME), run.clock.now())


def dying_at(run: PipelineRun, monkeypatch: pytest.MonkeyPatch, event: str) -> Callable[[], None]:
    """The process dies before it appends an event; call what is given back to let the next one live."""
    append = run.ports.audit.append

    def dies(item: Mapping[str, Any]) -> None:
        if item["event"] == event:
            raise ProcessDied
        append(item)

    monkeypatch.setattr(run.ports.audit, "append", dies)
    return lambda: monkeypatch.setattr(run.ports.audit, "append", append)


def test_who_asked_is_in_the_record_and_in_the_first_event(run: PipelineRun) -> None:
    (first,) = run.ports.audit.trail(NAME)
    assert (run.record(NAME)["requested_by"], first["details"]["requested_by"]) == (ANN, ANN)


def test_two_calls_at_once_add_to_one_chain(run: PipelineRun) -> None:
    one, other = trail_of(run), trail_of(run)
    assert one.write({"step": "one"}, [Event("one")])
    assert other.write({"step": "other"}, [Event("other"), Event("more")])
    assert one.write({}, [Event("again")])
    assert run.events(NAME) == ["operation.started", "one", "other", "more", "again"]
    assert verified(run) == Verification(ChainState.VERIFIED, 5)


def test_what_a_dead_call_has_noted_is_appended_by_one_that_knew_nothing_of_it(
    run: PipelineRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead, other = trail_of(run), trail_of(run)
    live_on = dying_at(run, monkeypatch, "dead")
    with pytest.raises(ProcessDied):
        dead.write({}, [Event("dead")])
    live_on()
    assert other.write({}, [Event("other")])
    assert run.events(NAME) == ["operation.started", "dead", "other"]
    assert verified(run) == Verification(ChainState.VERIFIED, 3)


def test_a_call_that_only_waits_gives_nothing_up_that_another_has_noted(
    run: PipelineRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    trail_of(run).write({}, [Event("known")])
    dead, waiting = trail_of(run), trail_of(run)
    live_on = dying_at(run, monkeypatch, "dead")
    with pytest.raises(ProcessDied):
        dead.write({}, [Event("dead")])
    live_on()
    assert waiting.write({"step": "waits"}, ())
    assert run.events(NAME) == ["operation.started", "known", "dead"]
    assert run.record(NAME)["step"] == "waits"


def test_a_call_that_dies_before_it_appends_leaves_the_same_entries_to_the_next_one(
    run: PipelineRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    live_on = dying_at(run, monkeypatch, "second")
    with pytest.raises(ProcessDied):
        trail_of(run).write({}, [Event("first"), Event("second"), Event("third")])
    noted = Record.read(run.record(NAME)).last_events
    live_on()
    trail_of(run).flush()
    trail_of(run).flush()
    hashes = [event["hash"] for event in run.ports.audit.trail(NAME)[1:]]
    assert hashes == [entry.hash for entry in noted]
    assert verified(run) == Verification(ChainState.VERIFIED, 4)


def test_a_late_step_adds_no_event_to_an_operation_that_was_ended_by_hand(run: PipelineRun) -> None:
    late = trail_of(run)
    run.ports.records.update(NAME, {"status": "FAILED"})
    assert not late.write({"step": "late"}, [Event("late")], "RUNNING")
    assert run.events(NAME) == ["operation.started"]
    assert run.record(NAME)["step"] != "late"
    assert verified(run).state is ChainState.VERIFIED


def test_nothing_is_written_for_an_operation_without_a_record(run: PipelineRun) -> None:
    gone = AuditTrail(run.ports, Operation({**run.record(NAME), "operation_id": "restore-gone"}))
    assert not gone.write({}, [Event("late")])
    assert run.events("restore-gone") == []


def test_a_record_that_others_change_again_and_again_is_left_to_a_later_call(
    run: PipelineRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    others: list[int] = []
    update = run.ports.records.update

    def overtaken(*args: Any, **conditions: Any) -> bool:
        if len(others) < 50:
            others.append(1)
            with monkeypatch.context() as meanwhile:
                meanwhile.setattr(run.ports.records, "update", update)
                trail_of(run).write({}, [Event("other")])
        return update(*args, **conditions)

    busy = trail_of(run)
    monkeypatch.setattr(run.ports.records, "update", overtaken)
    with pytest.raises(RecordContended):
        busy.write({}, [Event("mine")])
    assert "mine" not in run.events(NAME)
    assert verified(run).state is ChainState.VERIFIED


def test_the_end_is_noted_with_the_change_that_closes_the_record(
    run: PipelineRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    live_on = dying_at(run, monkeypatch, "operation.failed")
    with pytest.raises(ProcessDied):
        close(
            Operation(run.record(NAME)),
            run.ports,
            OperationStatus.FAILED,
            {"error": {"code": "X", "message": "y"}},
        )
    assert Record.read(run.record(NAME)).is_closed
    live_on()
    settle(run.ports, NAME)
    settle(run.ports, NAME)
    assert run.events(NAME) == ["operation.started", "operation.failed"]
    assert run.ports.audit.trail(NAME)[-1]["details"]["code"] == "X"
    assert run.record(NAME)["last_events"] == []
    assert verified(run) == Verification(ChainState.VERIFIED, 2)


def test_what_was_noted_after_everything_else_and_not_appended_is_appended_by_the_sweep(
    run: PipelineRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    close(
        Operation(run.record(NAME)),
        run.ports,
        OperationStatus.FAILED,
        {"error": {"code": "X", "message": "y"}},
    )
    settle(run.ports, NAME)
    live_on = dying_at(run, monkeypatch, "copy.removed")
    with pytest.raises(ProcessDied):
        trail_of(run).write({}, [Event("copy.removed")])
    live_on()
    assert verified(run).notes
    run.clock.advance(3600)
    sweep(run.ports)
    assert run.events(NAME)[-1] == "copy.removed"
    assert run.record(NAME)["last_events"] == []
    assert verified(run) == Verification(ChainState.VERIFIED, 3)


def test_the_chain_of_an_operation_that_an_earlier_version_began_begins_late(run: PipelineRun) -> None:
    item = {name: value for name, value in run.record(NAME).items() if name != "audit_head"}
    noted = {"time": "2026-11-22T12:00:01.000Z", "event": "SnapshotCheck.started", "details": {}}
    earlier = {**item, "operation_id": "restore-earlier", "last_events": [noted]}
    run.ports.records.create(earlier)
    operation = Operation(run.record("restore-earlier"))
    assert AuditTrail(run.ports, operation).write({}, [Event("plan.made")])
    close(Operation(run.record("restore-earlier")), run.ports, OperationStatus.FAILED, {})
    settle(run.ports, "restore-earlier")
    assert run.events("restore-earlier") == [
        "operation.started",
        "SnapshotCheck.started",
        "plan.made",
        "operation.failed",
    ]
    outcome = verify(run.record("restore-earlier"), run.ports.audit.trail("restore-earlier"), run.clock.now())
    assert (outcome.state, outcome.count) == (ChainState.VERIFIED, 2)
    assert "2 event(s) before the chain" in outcome.notes[0]


@pytest.mark.parametrize("edited", ["", 5])
def test_an_end_of_the_chain_that_was_edited_stops_no_operation(run: PipelineRun, edited: object) -> None:
    run.ports.records.update(NAME, {"audit_head.hash": edited})
    assert trail_of(run).write({"step": "CopySnapshot"}, [Event("copy.started", {})], "RUNNING")
    assert run.record(NAME)["step"] == "CopySnapshot"
    assert verified(run).state is ChainState.BROKEN


def test_all_events_expire_with_the_record_however_late_they_come(run: PipelineRun) -> None:
    run.clock.advance(30 * 24 * 3600)
    trail_of(run).write({}, [Event("copy.removed", {})])
    expiries = {event["expires_at"] for event in run.ports.audit.trail(NAME)}
    assert expiries == {run.record(NAME)["expires_at"]}
