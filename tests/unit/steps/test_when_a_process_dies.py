"""A process may die at any of its calls: before AWS hears of it, or after AWS has acted. The state machine calls the
step again, and the run has to end as if nothing had happened."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.support.in_process_aws import ProcessDied
from tests.support.worlds import PipelineRun

from aurora_restore.domain.results import Phase, StepStatus

OPERATION = "restore-20261122-120000"
TRIES_AT_MOST = 3


def calls_of_a_run() -> list[str]:
    run = PipelineRun()
    run.aurora.set_durations(dict.fromkeys(("copy", "restore", "instance", "password_change"), 1))
    drive(run)
    return [call.operation for call in run.aws.calls]


def repeated(call: Callable[[], object]) -> object:
    """What Step Functions does with a function that died."""
    for _ in range(TRIES_AT_MOST):
        try:
            return call()
        except ProcessDied:
            continue
    raise AssertionError("the process died again and again")


def drive(run: PipelineRun) -> None:
    repeated(lambda: run.check(OPERATION))
    for phase in list(Phase)[1:]:
        for _ in range(100):
            result = repeated(lambda phase=phase: run.phase(phase, OPERATION))  # type: ignore[misc]
            assert hasattr(result, "status")
            assert hasattr(result, "wait_seconds")
            if result.status is not StepStatus.IN_PROGRESS:
                break
            run.clock.advance(result.wait_seconds)


CALLS = calls_of_a_run()


@pytest.mark.parametrize(
    "index", range(len(CALLS) + 1), ids=lambda index: f"{index}-{[*CALLS, 'the end'][index]}"
)
def test_a_run_ends_well_wherever_its_process_dies(index: int) -> None:
    """To die after a call has acted and to die before the next one leave the same world: one case covers both."""
    run = PipelineRun()
    run.aurora.set_durations(dict.fromkeys(("copy", "restore", "instance", "password_change"), 1))
    if index < len(CALLS):
        run.aws.before(index, ProcessDied())
    else:
        run.aws.after(index - 1, ProcessDied())
    drive(run)
    record = run.record(OPERATION)
    assert record["status"] == "SUCCEEDED"
    assert record["end_time"]
    assert all(check["matches"] for check in record["restore_details"]["verification"])
    assert run.world.locks.owner("aurora-restored-cluster") is None
    assert len(run.world.target_rds.list_cluster_snapshots()) == 1
    assert len(run.world.target_rds.list_cluster_instances("aurora-restored-cluster")) == 1
    assert 1 <= len(run.aws.published) <= 2
    assert [run.events(OPERATION).count(f"operation.{name}") for name in ("started", "succeeded")] == [1, 1]
