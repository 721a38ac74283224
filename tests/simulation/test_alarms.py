"""Each alarm goes off when what it is for happens, and none does in a month in which all goes well.

The rules are those of the template; the values are those of the lines that the functions write in a simulation, and of
AWS's own metrics as the interpreter of the state machines would give them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.simulation.cloudwatch import (
    EXPECTED_HOURS,
    Metrics,
    Schedule,
    alarm_rules,
    gone_off,
    metrics_of,
)
from tests.simulation.logged import LoggedSimulation
from tests.simulation.pipeline import CLEANUP_MACHINE, SWEEP_FUNCTION
from tests.simulation.seeding import SOURCE_REGION, TARGET, Surroundings, request
from tests.support.faults import FaultKind

from aurora_restore.domain.errors import AwsUnavailable
from aurora_restore.domain.naming import METRIC_NAMESPACE
from aurora_restore.domain.results import Phase
from local_aurora.timing import Durations

DAY, HOUR, QUARTER = 86_400.0, 3600.0, 900.0
NIGHTS = int(os.environ.get("ALARM_NIGHTS", "30"))
# Every sweep of the month is simulated where all cases are wanted; else one in two hours while nothing runs.
SWEEPS_WHILE_IDLE = 300.0 if os.environ.get("EVERY_CASE") else 2 * HOUR
OPERATION = "restore-20230615-123456"
AS_ON_AWS = Durations(
    copy=2400, restore=1500, create=300, instance=600, rename=60, delete=300, snapshot=600, reboot=120,
    parameter_group_completion=300,
)  # fmt: skip


def simulation(durations: Durations | None = None, **settings: Any) -> LoggedSimulation:
    """An account in which a sweep was seen already."""
    sim = LoggedSimulation(Surroundings(targets=(TARGET,)), durations=durations, **settings)
    sim.run_for(2 * QUARTER)
    return sim


def replacing(**changes: Any) -> dict[str, Any]:
    return request(delete_cluster_if_exists=True, **changes)


def a_restore_fails() -> LoggedSimulation:
    sim = simulation()
    sim.start(OPERATION, request(source_snapshot_date="2019-01-01"))
    sim.run()
    return sim


def a_restore_runs_out_of_time() -> LoggedSimulation:
    sim = simulation(AS_ON_AWS)
    sim.start(OPERATION, replacing())
    sim.run_until_phase(OPERATION, "RestoreCluster")
    sim.time_out(OPERATION)
    sim.run()
    return sim


def lambda_refuses(function: str, seconds: float) -> Callable[[], LoggedSimulation]:
    def work() -> LoggedSimulation:
        sim = simulation()
        sim.start(OPERATION, replacing())
        sim.run_until_phase(OPERATION, "CopySnapshot")
        sim.throttles.add(function)
        if function == "aurora-restore-cleanup":
            sim.stop(OPERATION)
        sim.run_for(seconds)
        sim.throttles.clear()
        sim.run()
        return sim

    return work


def a_cleanup_runs_out_of_time() -> LoggedSimulation:
    sim = simulation(AS_ON_AWS)
    sim.start(OPERATION, replacing())
    sim.run_until_phase(OPERATION, "SwitchOver")
    sim.stop(OPERATION)
    sim.run_for(10)
    (arn,) = [arn for arn in sim.step_functions.executions if f":{CLEANUP_MACHINE}:" in arn]
    sim.step_functions.time_out(arn)
    sim.run()
    return sim


def a_sweep_fails() -> LoggedSimulation:
    sim = simulation()
    sim.injector.faults[sim.injector.count] = FaultKind.DENIED
    sim.sweep_once()
    return sim


def the_sweep_is_disabled() -> LoggedSimulation:
    sim = simulation()
    sim.sweep_seconds = 365 * DAY
    sim.run_for(HOUR)
    return sim


def a_request_is_throttled() -> LoggedSimulation:
    sim = simulation()
    sim.start(OPERATION, replacing())
    sim.run_until_phase(OPERATION, "RestoreCluster")
    sim.injector.faults[sim.injector.count + 2] = FaultKind.THROTTLED
    sim.run()
    return sim


def a_phase_takes_too_long() -> LoggedSimulation:
    """Between its limit and the next call of the phase, which then ends the run."""
    sim = simulation(Durations(copy=12 * HOUR), phase_timeout_hours={Phase.COPY_SNAPSHOT: 1})
    sim.start(OPERATION, replacing())
    sim.run()
    return sim


def an_audit_event_is_not_written(monkeypatch: pytest.MonkeyPatch) -> LoggedSimulation:
    sim = simulation()
    sim.start(OPERATION, replacing())
    sim.run_until_phase(OPERATION, "RestoreCluster")
    append = sim.audit.append

    def refuse_once(*given: Any) -> None:
        monkeypatch.setattr(sim.audit, "append", append)
        raise AwsUnavailable("DynamoDB does not answer")

    monkeypatch.setattr(sim.audit, "append", refuse_once)
    sim.run()
    return sim


def snapshots_are_nearly_as_many_as_there_may_be() -> LoggedSimulation:
    sim = simulation()
    sim.aurora.world.quotas = sim.aurora.world.quotas.changed({"manual_snapshots": 1})
    sim.run_for(QUARTER)
    return sim


def no_restore_is_started() -> LoggedSimulation:
    sim = simulation()
    sim.start(OPERATION, replacing())
    sim.run()
    sim.sweep_seconds = 300
    sim.run_for((EXPECTED_HOURS + 1) * HOUR)
    return sim


CONDITIONS: dict[str, tuple[Callable[[], LoggedSimulation], set[str]]] = {
    # What happens, and which other alarms go off with it.
    "executions-failed": (a_restore_fails, {"lambda-errors"}),
    "executions-timed-out": (a_restore_runs_out_of_time, set()),
    "cleanup-failed": (
        lambda_refuses("aurora-restore-cleanup", 6 * HOUR),
        {"lambda-errors", "lambda-throttles"},
    ),
    "cleanup-timed-out": (a_cleanup_runs_out_of_time, set()),
    "sweep-failed": (a_sweep_fails, set()),
    "sweep-missing": (the_sweep_is_disabled, set()),
    "lambda-errors": (a_request_is_throttled, set()),
    "lambda-throttles": (
        lambda_refuses("aurora-restore-copy-snapshot", QUARTER),
        {"lambda-errors", "executions-failed"},
    ),
    "phase-beyond-limit": (a_phase_takes_too_long, {"lambda-errors", "executions-failed"}),
    "quota-nearly-met": (snapshots_are_nearly_as_many_as_there_may_be, set()),
    "restore-overdue": (no_restore_is_started, set()),
}
# In the short simulations no restore had ended well for long at their beginning.
NOT_ASKED = {"restore-overdue"}


@pytest.mark.parametrize("alarm", CONDITIONS)
def test_an_alarm_goes_off_when_what_it_is_for_happens(alarm: str) -> None:
    happens, others = CONDITIONS[alarm]

    sim = happens()

    # Until the metrics of the last minutes were evaluated.
    sim.run_for(QUARTER)
    assert gone_off(sim) - NOT_ASKED == {alarm, *others} - NOT_ASKED


def test_an_alarm_goes_off_when_an_audit_event_could_not_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    sim = an_audit_event_is_not_written(monkeypatch)

    # The call was repeated: the run has succeeded, and its trail is whole.
    assert sim.records.items[OPERATION]["status"] == "SUCCEEDED"
    sim.run_for(QUARTER)
    assert gone_off(sim) - NOT_ASKED == {"audit-writes-failed", "lambda-errors"}


@pytest.mark.parametrize(
    ("refusals", "alarms"), [(1, {"schedule-failed"}), (3, {"schedule-failed", "schedule-dropped"})]
)
def test_alarms_go_off_when_a_scheduled_restore_cannot_be_handed_over(
    refusals: int, alarms: set[str]
) -> None:
    sim = simulation()
    schedule = Schedule(sim, retries=2, refusals=refusals)

    started = schedule.fire(lambda: sim.start(OPERATION, replacing()))

    sim.run()
    sim.run_for(QUARTER)
    assert started is (refusals < 3)
    assert gone_off(sim, metrics_of(sim) | schedule.sent) - NOT_ASKED == alarms


def test_an_alarm_goes_off_when_a_scheduled_restore_is_handed_over_and_does_not_start() -> None:
    sim = simulation()
    sim.start(OPERATION, replacing())
    sim.run()
    schedule = Schedule(sim)

    # The name was used by another restore.
    assert not schedule.fire(lambda: sim.start(OPERATION, replacing(instance_count=2)))

    sim.run_for(QUARTER)
    assert gone_off(sim, metrics_of(sim) | schedule.sent) - NOT_ASKED == {"scheduled-start-failed"}


def test_every_alarm_has_a_test_here() -> None:
    of_their_own = {"audit-writes-failed", "schedule-failed", "schedule-dropped", "scheduled-start-failed"}
    tested = {*CONDITIONS, *of_their_own}
    assert {rule.name.removeprefix("aurora-restore-") for rule in alarm_rules()} == tested, (
        "CONDITIONS needs an entry for each alarm, with what makes it go off"
    )


def test_no_alarm_goes_off_in_a_month_of_nightly_restores() -> None:
    """While nothing runs, one sweep in two hours is simulated, and what it says is taken for those before it: ages only
    grow meanwhile. EVERY_CASE=1 simulates each."""
    sim = LoggedSimulation(Surroundings(targets=(TARGET,)))
    schedule = Schedule(sim)
    # The night before the month: without any restore, one is overdue.
    restore_in_the_night(sim, schedule, 0)
    begin = sim.clock.now()
    for night in range(1, NIGHTS + 1):
        restore_in_the_night(sim, schedule, night)
    metrics = with_every_sweep(metrics_of(sim) | schedule.sent)
    end = max(time for time, _ in sweeps(metrics))

    assert [item["status"] for item in sim.records.items.values()] == ["SUCCEEDED"] * (NIGHTS + 1)
    assert gone_off(sim, metrics, begin, datetime.fromtimestamp(end, UTC)) == set()
    # What was looked at was there: each restore was measured, and a sweep every five minutes was seen.
    (restores,) = [values for key, values in metrics.items() if key[1] == "RtoMinutes"]
    assert len(restores) == NIGHTS + 1
    assert all(1 < minutes < 5 for _, minutes in restores)
    assert len({int(time // 300) for time, _ in sweeps(metrics)}) >= (end - begin.timestamp()) // 300


def restore_in_the_night(sim: LoggedSimulation, schedule: Schedule, night: int) -> None:
    now, source = sim.clock.now(), sim.aurora.world.regions[SOURCE_REGION]
    sim.aurora.seed.put_snapshot(
        SOURCE_REGION, "production", now, shares_storage_with=next(iter(source.snapshots))
    )
    sim.sweep_seconds = 300.0
    asked = replacing(source_snapshot_date=f"{now:%Y-%m-%d}")
    assert schedule.fire(lambda: sim.start(f"restore-{now:%Y%m%d}-{night:06d}", asked))
    sim.run()
    sim.sweep_seconds = SWEEPS_WHILE_IDLE
    sim.run_for((now + timedelta(days=1) - sim.clock.now()).total_seconds())


def sweeps(metrics: Metrics) -> list[tuple[float, float]]:
    return metrics[METRIC_NAMESPACE, "OperationsRunning", ()]


def with_every_sweep(metrics: Metrics) -> Metrics:
    """The values of each sweep also for the five minutes since the one before it, as far as none was simulated."""
    filled = dict(metrics)
    for key, values in metrics.items():
        if key[0] == METRIC_NAMESPACE and not key[2] and len(values) == len(sweeps(metrics)):
            before, *_ = values[0]
            filled[key] = []
            for time, value in values:
                missing = round((time - before) / 300) - 1
                filled[key] += [(time - 300 * number, value) for number in range(max(0, missing) + 1)]
                before = time
    return filled


def test_the_sweep_is_called_by_the_function_that_the_alarm_watches() -> None:
    (rule,) = [each for each in alarm_rules() if each.name == "aurora-restore-sweep-failed"]
    assert rule.metric[2] == (("FunctionName", "SweepFunction"),)
    assert SWEEP_FUNCTION == "aurora-restore-sweep"
