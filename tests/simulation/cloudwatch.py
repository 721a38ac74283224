"""CloudWatch beside a simulation: the values that its metrics have, and the states that the template's alarms take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from tests.simulation.logged import LoggedSimulation
from tests.simulation.pipeline import CLEANUP_MACHINE, MAIN_MACHINE, SWEEP_FUNCTION
from tests.states_language.interpreter import Execution, ExecutionAlreadyExists
from tests.support.alarm_states import ALARM, AlarmRule, MetricKey, changes
from tests.support.filter_patterns import matches
from tests.support.template_policies import Template

from aurora_restore.domain.naming import METRIC_NAMESPACE, SCHEDULE_GROUP, SCHEDULED_START_FUNCTION
from local_stack.embedded_metrics import metrics_in

EXPECTED_HOURS = 30
# As the template names them before it is deployed.
MACHINES = {MAIN_MACHINE: "StateMachine", CLEANUP_MACHINE: "CleanupStateMachine"}
SWEEP = "SweepFunction"
ENDS = {
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "TIMED_OUT": "ExecutionsTimedOut",
    "ABORTED": "ExecutionsAborted",
}
Metrics = dict[MetricKey, list[tuple[float, float]]]


@cache
def template() -> Template:
    return Template({"ExpectedRestoreHours": str(EXPECTED_HOURS)})


@cache
def alarm_rules() -> tuple[AlarmRule, ...]:
    return tuple(AlarmRule.of(each) for each in template().resources("AWS::CloudWatch::Alarm").values())


def metrics_of(sim: LoggedSimulation) -> Metrics:
    """What AWS's services and the pipeline's lines would have sent until now."""
    found: Metrics = defaultdict(list)
    for event in sim.events:
        for value in metrics_in(event.message):
            found[value.namespace, value.name, value.dimensions].append((value.time / 1000, value.value))
    for execution in sim.step_functions.executions.values():
        _add_execution(found, execution)
    for call in sim.invocations:
        if call.function == SWEEP_FUNCTION:
            dimension = (("FunctionName", SWEEP),)
            found["AWS/Lambda", "Invocations", dimension].append((call.began.timestamp(), 1))
            found["AWS/Lambda", "Errors", dimension].append(
                (call.began.timestamp(), float(call.error is not None))
            )
    return found


def _add_execution(found: Metrics, execution: Execution) -> None:
    dimension = (("StateMachineArn", MACHINES[execution.machine_name]),)
    found["AWS/States", "ExecutionsStarted", dimension].append((execution.start_time.timestamp(), 1))
    if execution.stop_time is not None:
        ended = execution.stop_time.timestamp()
        found["AWS/States", ENDS[execution.status], dimension].append((ended, 1))
    # The log of a state machine has an event of each entry of the history.
    for event in execution.history:
        if event.type in ("TaskFailed", "TaskTimedOut"):
            logged = {"type": event.type, "details": event.details}
            _add_filtered(found, f"{dimension[0][1]}Logs", event.time, logged)


def _add_filtered(found: Metrics, log_group: str, time: datetime, logged: Mapping[str, Any]) -> None:
    for each in _filters():
        if each["LogGroupName"] == log_group and matches(each["FilterPattern"], logged):
            (made,) = each["MetricTransformations"]
            found[made["MetricNamespace"], made["MetricName"], ()].append(
                (time.timestamp(), float(made["MetricValue"]))
            )


@cache
def _filters() -> tuple[Mapping[str, Any], ...]:
    return tuple(template().resources("AWS::Logs::MetricFilter").values())


def gone_off(
    sim: LoggedSimulation,
    metrics: Metrics | None = None,
    begin: datetime | None = None,
    end: datetime | None = None,
) -> set[str]:
    """The names of the alarms, without their prefix, that were in ALARM at any time.

    Between two times; else from the first sweep until now.
    """
    known = metrics_of(sim) if metrics is None else metrics
    first_sweep = min(time for time, _ in known[METRIC_NAMESPACE, "OperationsRunning", ()])
    start = begin.timestamp() if begin else first_sweep // 300 * 300
    until = (end or sim.clock.now()).timestamp()
    return {
        rule.name.removeprefix("aurora-restore-")
        for rule in alarm_rules()
        for _, state in changes(rule, known.get(rule.metric, ()), start, until)
        if state == ALARM
    }


@dataclass
class Schedule:
    """EventBridge Scheduler, which calls a function that starts a restore.

    It tries a call that is refused again, as the RetryPolicy of the schedule has it, and then gives it up. The function
    is called asynchronously: Scheduler does not learn of its error, and Lambda calls it twice more.

    Attributes:
        refusals: how many of the next calls the target refuses.
        sent: the metrics.
    """

    sim: LoggedSimulation
    retries: int = 2
    refusals: int = 0
    sent: Metrics = field(default_factory=lambda: defaultdict(list))

    def fire(self, start: Callable[[], object]) -> bool:
        """One scheduled time; whether the restore was started."""
        group = (("ScheduleGroup", SCHEDULE_GROUP),)
        for attempt in range(self.retries + 1):
            self._count("AWS/Scheduler", "InvocationAttemptCount", group)
            if not self.refusals:
                return self._call(start)
            self.refusals -= 1
            self._count("AWS/Scheduler", "TargetErrorCount", group)
            self.sim.run_for(60 * 2**attempt)
        self._count("AWS/Scheduler", "InvocationDroppedCount", group)
        return False

    def _call(self, start: Callable[[], object]) -> bool:
        for seconds in (60, 120, 0):
            try:
                start()
            except ExecutionAlreadyExists:
                self._count("AWS/Lambda", "Errors", (("FunctionName", SCHEDULED_START_FUNCTION),))
                self.sim.run_for(seconds)
            else:
                return True
        return False

    def _count(self, namespace: str, name: str, dimensions: tuple[tuple[str, str], ...]) -> None:
        self.sent[namespace, name, dimensions].append((self.sim.clock.now().timestamp(), 1))
