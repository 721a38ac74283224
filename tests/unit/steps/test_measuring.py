"""What the functions measure while they work, and that measuring decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from tests.fakes.services import FakeMetrics
from tests.fakes.tables import FakeAudit
from tests.states_language.scheduler import VirtualClock
from tests.support.worlds import PipelineRun

from aurora_restore.domain.errors import AwsUnavailable, SweepIncomplete
from aurora_restore.domain.measures import Measured
from aurora_restore.domain.observed import Quota
from aurora_restore.domain.results import Phase
from aurora_restore.steps.measured_audit import MeasuredAudit
from aurora_restore.steps.sweep import sweep

OPERATION = "restore-20261122-120000"


@pytest.fixture
def run() -> PipelineRun:
    return PipelineRun()


def ends(run: PipelineRun) -> list[Measured]:
    return [line for line in run.metrics.lines if "RestoreMinutes" in line.values]


def test_the_end_of_an_operation_is_measured_once_however_often_it_is_called(run: PipelineRun) -> None:
    record = run.run(OPERATION)
    run.phase(Phase.NOTIFY, OPERATION)
    run.look_of_cleanup(OPERATION)

    (line,) = ends(run)
    assert line.dimensions == {"Outcome": "SUCCEEDED"}
    assert 0 < line.values["RtoMinutes"] <= line.values["RestoreMinutes"]
    done = {name for name, state in record["phases"].items() if state["status"] == "DONE"}
    assert {each.dimensions["Phase"] for each in run.metrics.lines if "Phase" in each.dimensions} == done


def test_a_call_that_died_before_it_noted_its_end_measures_the_same_moment_again(run: PipelineRun) -> None:
    run.run(OPERATION)
    before = ends(run)
    run.ports.records.update(OPERATION, {"settled_time": None})
    run.phase(Phase.NOTIFY, OPERATION)

    assert ends(run) == [*before, *before]


def test_a_refused_run_and_a_cancelled_one_are_measured_with_their_outcome(run: PipelineRun) -> None:
    run.fail("restore-refused", "SnapshotNotFound")
    run.check("restore-cancelled")
    run.phase(Phase.COPY_SNAPSHOT, "restore-cancelled")
    run.clean_up("restore-cancelled", "ABORTED")

    assert [line.dimensions["Outcome"] for line in ends(run)] == ["FAILED", "CANCELLED"]
    assert all("RtoMinutes" not in line.values for line in ends(run))


def test_a_dry_run_is_not_measured(run: PipelineRun) -> None:
    run.check(OPERATION, dry_run=True)
    run.phase(Phase.NOTIFY, OPERATION)
    assert run.metrics.lines == []


def test_a_sweep_says_how_things_are(run: PipelineRun) -> None:
    run.run(OPERATION)
    run.check("restore-running", target_cluster_id="aurora-restored-other")
    run.clock.advance(1800)
    # A sweep would begin the cleanup of an operation without an execution: it is measured all the same.
    sweep(run.ports)

    line = run.metrics.lines[-1]
    assert line.values["OperationsRunning"] == 1
    assert line.values["OldestOperationMinutes"] == pytest.approx(30, abs=1)
    assert line.values["OldestLockMinutes"] == pytest.approx(30, abs=1)
    # SnapshotCheck was done: the operation is in no phase.
    assert line.values["OperationsBeyondLimit"] == 0
    assert 0 < line.values["QuotaUsedPercent"] < 90
    assert line.values["HoursSinceLastRestore"] == pytest.approx(0.5, abs=0.2)


def test_a_sweep_that_cannot_see_the_quotas_does_all_else_and_measures_none(
    run: PipelineRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused() -> dict[str, Quota]:
        raise AwsUnavailable("RDS does not answer")

    monkeypatch.setattr(run.ports.target_rds, "quotas", refused)
    with pytest.raises(SweepIncomplete, match="RDS does not answer"):
        sweep(run.ports)
    assert "QuotaUsedPercent" not in run.metrics.lines[-1].values
    assert "OperationsRunning" in run.metrics.lines[-1].values


COPY_STARTED = {
    "operation_id": OPERATION,
    "event_id": "2026-11-22T12:00:00.000Z#copy.started",
    "event_date": "2026-11-22",
    "event": "copy.started",
}


def test_an_audit_event_that_is_not_written_is_measured_and_stays_an_error() -> None:
    class Refusing(FakeAudit):
        def append(self, item: Mapping[str, Any]) -> None:
            raise AwsUnavailable("DynamoDB does not answer")

    metrics, clock = FakeMetrics(keeps=True), VirtualClock()
    audit = MeasuredAudit(Refusing(), metrics, clock)
    with pytest.raises(AwsUnavailable):
        audit.append(COPY_STARTED)

    (line,) = metrics.lines
    assert line.values == {"AuditWritesFailed": 1}
    assert line.facts == {"audit_event": "copy.started", "error_code": "AWS_UNAVAILABLE"}
    assert line.time == clock.now()


def test_an_audit_event_that_is_written_is_not_measured() -> None:
    metrics, clock, trail = FakeMetrics(keeps=True), VirtualClock(), FakeAudit()
    audit = MeasuredAudit(trail, metrics, clock)
    audit.append(COPY_STARTED)

    assert metrics.lines == []
    assert [entry["event"] for entry in audit.trail(OPERATION)] == ["copy.started"]
