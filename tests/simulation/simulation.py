"""A whole account on a virtual clock: the real definitions, functions and RDS adapter, everything else in memory.

    sim = Simulation(Surroundings(targets=(TARGET,)))
    sim.start("restore-20230615-120000", request(delete_cluster_if_exists=True))
    sim.run()

Everything in it is deterministic from its seed. A simulation can be pickled between two events, and goes on from
there any number of times.
"""

from __future__ import annotations

import functools
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from tests.fakes.databases import FakeDatabases
from tests.fakes.executions import FakeExecutions
from tests.fakes.fault_injector import FaultInjector
from tests.fakes.rds_client import FakeClients, FakeRdsClient
from tests.fakes.records import FakeRecords
from tests.fakes.scaling_client import FakeScalingClient, FakeScalingClients
from tests.fakes.services import FakeKeys, FakeMetrics, FakeNetwork, FakeNotifications, FakeSecrets
from tests.fakes.tables import FakeAudit, FakeLocks
from tests.simulation.databases import SimulatedDatabases
from tests.simulation.observations import Observations
from tests.simulation.outside import STUCK_AFTER, Watch, status_event
from tests.simulation.parameter_groups import left_groups
from tests.simulation.pipeline import CLEANUP_MACHINE, MAIN_MACHINE, SWEEP_FUNCTION, functions, machines
from tests.simulation.quietness import Servers
from tests.simulation.seeding import (
    ACCOUNT,
    ADMIN_SECRET,
    SECRETS,
    SECURITY_GROUP,
    SOURCE_REGION,
    START,
    TARGET_REGION,
    VPC,
    Surroundings,
    seed,
)
from tests.states_language.interpreter import Execution, StepFunctions
from tests.states_language.scheduler import Scheduler, VirtualClock, seeded_random
from tests.support.faults import EventFault

from aurora_restore.aws.rds import AwsRds
from aurora_restore.aws.scaling import AwsScaling
from aurora_restore.domain.errors import RestoreError
from aurora_restore.domain.naming import KEEP_UNTIL_TAG, OPERATION_TAG, RETAIN_UNTIL_TAG
from aurora_restore.domain.observed import SecurityGroup
from aurora_restore.domain.settings import PipelineSettings
from aurora_restore.domain.times import parse_time
from aurora_restore.steps.measured_audit import MeasuredAudit
from aurora_restore.steps.ports import Metrics, Ports
from local_aurora.model import LocalAurora
from local_aurora.timing import Durations, Kind

EVENT_SECONDS, DOUBLED_SECONDS, LATE_SECONDS = 1.0, 7.0, 1500.0
SWEEP_SECONDS = 300.0
SWEEP_RETRY_SECONDS = (60.0, 120.0)
ENDS_WITH_EVENT = frozenset({"FAILED", "TIMED_OUT", "ABORTED"})


@dataclass
class Started:
    """An operation as it was begun, and what was done to it from outside."""

    operation_id: str
    request: Mapping[str, Any]
    execution_arn: str
    time: datetime
    was_stopped: bool = False
    was_timed_out: bool = False
    was_marked: bool = False


@dataclass
class Counters:
    """What has happened so far. `crashes`: unexpected errors of functions."""

    invocations: int = 0
    sweeps: int = 0
    events: int = 0
    log: list[str] = field(default_factory=list)
    crashes: list[str] = field(default_factory=list)


class Simulation:
    """One account.

    Attributes:
        on_state: called with the operation id and the name of every state that the main machine enters.
        event_faults: what happens to the n-th event of an abnormal end (from 1; 0: to every other one).
        stuck_reason: why a run was given up, if it was.
    """

    def __init__(
        self,
        surroundings: Surroundings,
        seed_number: int = 0,
        durations: Durations | None = None,
        sweep_seconds: float = SWEEP_SECONDS,
        **settings: Any,
    ) -> None:
        functions()  # what cannot be imported is to fail here, and not as an error of a step
        self.clock = VirtualClock(START)
        self.scheduler = Scheduler(self.clock)
        self.random = seeded_random(seed_number)
        self.injector = FaultInjector(self.clock.tick)
        used = durations or Durations()
        # The pipeline waits for as long as RDS wants a new parameter group to be left alone.
        settings.setdefault("parameter_group_seconds", used.parameter_group_completion)
        self.records = FakeRecords(self.injector)
        self.audit = FakeAudit(self.injector)
        self.locks = FakeLocks(self.injector)
        self.notifications = FakeNotifications(self.injector)
        self.metrics = self._metrics()
        self.secrets = FakeSecrets(SECRETS, self.injector)
        self.keys = FakeKeys({}, self.injector)
        self.network = FakeNetwork([SecurityGroup(SECURITY_GROUP, "database", VPC)], self.injector)
        self.step_functions = StepFunctions(
            self.scheduler, machines(), self._invoke, self.random, f"arn:aws:states:{TARGET_REGION}:{ACCOUNT}"
        )
        self.step_functions.on_end = self._on_end
        self.step_functions.on_enter = self._on_enter
        self.on_state: Callable[[str, str], None] | None = None
        self.executions = FakeExecutions(self.step_functions, self.injector)
        self.engine = surroundings.engine
        self.servers = Servers(surroundings.engine)
        self.settings = PipelineSettings(
            target_region=TARGET_REGION,
            default_source_region=SOURCE_REGION,
            default_db_instance_class="db.r5.large",
            admin_secret_id=ADMIN_SECRET,
            target_cluster_prefix="aurora-restored-",
            **settings,
        )
        self.sweep_seconds = sweep_seconds
        self.started: dict[str, Started] = {}
        self.event_faults: dict[int, EventFault] = {}
        self.counters = Counters()
        self.stuck_reason: str | None = None
        self._connect(_seeded(surroundings, used), None)
        self.observations = Observations(self.aurora.world)
        self.observations.keep_beginning()
        self._plan_sweep()

    def start(self, operation_id: str, request: Mapping[str, Any]) -> str:
        """Start a run of the main machine; returns its execution's ARN."""
        arn = self.step_functions.start(MAIN_MACHINE, operation_id, dict(request))
        self.started[operation_id] = Started(operation_id, dict(request), arn, self.clock.now())
        return arn

    def stop(self, operation_id: str, error: str = "StoppedByOperator", cause: str = "not needed") -> None:
        """The operator's stop-execution."""
        started = self.started[operation_id]
        if self.main_execution(operation_id).is_running:
            started.was_stopped = True
        self.step_functions.stop(started.execution_arn, error, cause)

    def time_out(self, operation_id: str) -> None:
        """The machine's time limit is over."""
        started = self.started[operation_id]
        if self.main_execution(operation_id).is_running:
            started.was_timed_out = True
        self.step_functions.time_out(started.execution_arn)

    def mark_failed_by_hand(self, operation_id: str) -> None:
        """The guide's update-item on a record that is still open: status and error, nothing else."""
        item = self.records.items.get(operation_id)
        if item is None or item.get("end_time"):
            return
        if item["status"] == "RUNNING":
            self.started[operation_id].was_marked = True
        by_hand = {"status": "FAILED", "error": "Manual intervention: not needed any more"}
        self.records.write_by_hand(operation_id, by_hand)

    def meanwhile(self, seconds: float) -> None:
        """In the middle of a request, everything else goes on for a while."""
        self.scheduler.run_until(self.clock.now() + timedelta(seconds=seconds))

    def main_execution(self, operation_id: str) -> Execution:
        return self.step_functions.executions[self.started[operation_id].execution_arn]

    def run(self, before_each: Callable[[], None] | None = None) -> None:
        """Until nothing runs any more and nothing is due; or until it is stuck: `stuck_reason` says why."""
        watch = Watch(self)
        while self.scheduler.has_foreground or self._what_is_left():
            if watch.is_stuck():
                left = self._what_is_left() or "executions that run"
                self.stuck_reason = (
                    f"for {STUCK_AFTER} nothing has come of anything, and there is left: {left}"
                )
                return
            if before_each:
                before_each()
            self.scheduler.step()

    def run_for(self, seconds: float) -> None:
        self.scheduler.run_until(self.clock.now() + timedelta(seconds=seconds))

    def run_until_phase(self, operation_id: str, phase: str) -> bool:
        """Until the main machine is about to call a phase; False where it ends before."""
        execution = self.main_execution(operation_id)
        while execution.is_running and execution.state_name != phase:
            if not self.scheduler.step():
                return False
        return execution.is_running

    def sweep_once(self) -> None:
        """One more sweep, beside the scheduled ones; what it begins is run to its end."""
        self._call_sweep(attempt=len(SWEEP_RETRY_SECONDS))
        self.run()

    def checkpoint(self) -> bytes:
        """The whole state; `Simulation.resume` goes on from it."""
        return pickle.dumps(self, pickle.HIGHEST_PROTOCOL)

    @staticmethod
    def resume(checkpoint: bytes) -> Simulation:
        return cast("Simulation", pickle.loads(checkpoint))  # noqa: S301 - our own, a moment old

    def _what_is_left(self) -> str:
        """What a sweep would still have to see to, in words; empty for nothing."""
        open_records = [name for name, item in self.records.items.items() if not item.get("end_time")]
        if open_records:
            return f"records that are not closed: {', '.join(open_records)}"
        unsettled = [
            name for name, item in self.records.items.items() if item.get("settled_time", "") is None
        ]
        if unsettled:
            return f"records whose end was not seen through: {', '.join(unsettled)}"
        if self.locks.owners:
            return f"locks that are not free: {self.locks.owners}"
        # A copy that goes on when everything is closed belongs to no run: it is left, and not waited for.
        at_work = [t.kind.value for t in self.aurora.world.transitions if t.kind is not Kind.SNAPSHOT_COPY]
        if at_work:
            return f"RDS is at work: {at_work}"
        if failed := self._failed_copies():
            return f"copies that failed: {', '.join(failed)}"
        region = self.aurora.world.regions[TARGET_REGION]
        if groups := left_groups(region):
            return f"parameter groups of a first start: {', '.join(groups)}"
        due = self._due_things()
        return f"things whose time is over: {', '.join(due)}" if due else ""

    def _failed_copies(self) -> list[str]:
        """Of the operations, which are closed by now."""
        snapshots = self.aurora.world.regions[TARGET_REGION].snapshots.values()
        made = [
            item
            for item in snapshots
            if item.source_arn and item.tags.get(OPERATION_TAG) in self.records.items
        ]
        return [item.identifier for item in made if item.status == "failed"]

    def _due_things(self) -> list[str]:
        now = self.clock.now()
        region = self.aurora.world.regions[TARGET_REGION]
        tagged = [(item.identifier, item.tags.get(KEEP_UNTIL_TAG)) for item in region.clusters.values()]
        tagged += [
            (item.identifier, item.tags.get(RETAIN_UNTIL_TAG))
            for item in region.snapshots.values()
            if OPERATION_TAG in item.tags
        ]
        return [name for name, time in tagged if time and parse_time(time) <= now]

    def _invoke(self, function_name: str, payload: dict[str, Any]) -> Mapping[str, Any]:
        self.counters.invocations += 1
        try:
            return functions()[function_name](self.ports, payload)
        except RestoreError as error:
            self.counters.log.append(f"{function_name}: {error.code}: {error.message} {error.hint}")
            raise
        except Exception as error:
            self.counters.crashes.append(f"{function_name}: {type(error).__name__}: {error}")
            raise

    def _on_enter(self, execution: Execution) -> None:
        if self.on_state and execution.machine_name == MAIN_MACHINE:
            self.on_state(execution.name, execution.state_name)

    def _on_end(self, execution: Execution) -> None:
        """EventBridge hears of an abnormal end, if it does."""
        if execution.machine_name != MAIN_MACHINE or execution.status not in ENDS_WITH_EVENT:
            return
        self.counters.events += 1
        number = self.counters.events
        fault = self.event_faults.get(number, self.event_faults.get(0))
        if fault is EventFault.LOST:
            return
        event = status_event(execution, number)
        seconds = LATE_SECONDS if fault is EventFault.LATE else EVENT_SECONDS
        self.scheduler.after(seconds, functools.partial(self._deliver, event, f"event-{number}"))
        if fault is EventFault.DOUBLED:
            again = functools.partial(self._deliver, event, f"event-{number}-again")
            self.scheduler.after(DOUBLED_SECONDS, again)

    def _deliver(self, event: Mapping[str, Any], name: str) -> None:
        self.step_functions.start(CLEANUP_MACHINE, name, event)

    def _plan_sweep(self) -> None:
        self.scheduler.after(self.sweep_seconds, self._scheduled_sweep, background=True)

    def _scheduled_sweep(self) -> None:
        self._plan_sweep()
        self._call_sweep(attempt=0)

    def _call_sweep(self, attempt: int) -> None:
        """Called by an event, so Lambda itself repeats it, twice."""
        self.counters.sweeps += 1
        try:
            self._invoke(SWEEP_FUNCTION, {})
        except BaseException as error:  # a death of the process is one of them
            if isinstance(error, KeyboardInterrupt):
                raise
            if attempt < len(SWEEP_RETRY_SECONDS):
                again = functools.partial(self._call_sweep, attempt + 1)
                self.scheduler.after(SWEEP_RETRY_SECONDS[attempt], again, background=True)

    def _connect(self, aurora_world: bytes, faults: Any) -> None:
        """Put the parts around the model of RDS that cannot be pickled."""
        self.aurora = LocalAurora(self.clock, account_id=ACCOUNT)
        self.aurora.world = pickle.loads(aurora_world)  # noqa: S301 - our own
        if faults is not None:
            self.aurora.faults = faults
        clients = FakeClients(
            {
                region: FakeRdsClient(self.aurora, region, self.injector, self._observe)
                for region in (SOURCE_REGION, TARGET_REGION)
            },
            TARGET_REGION,
        )
        scaling = FakeScalingClients(
            FakeScalingClient(self.aurora, TARGET_REGION, self.injector, self._observe)
        )
        databases = FakeDatabases(self.aurora, self.servers.of)
        self.ports = Ports(
            settings=self.settings,
            clock=self.clock,
            rds=functools.cache(functools.partial(AwsRds, cast("Any", clients))),
            network=self.network,
            scaling=AwsScaling(cast("Any", scaling)),
            keys=self.keys,
            secrets=self.secrets,
            records=self.records,
            audit=MeasuredAudit(self.audit, self.metrics, self.clock),
            locks=self.locks,
            notifications=self.notifications,
            databases=SimulatedDatabases(databases, self.injector, self.clock),
            executions=self.executions,
            metrics=self.metrics,
        )

    def _metrics(self) -> Metrics:
        return FakeMetrics()

    def _observe(self) -> None:
        self.observations.look(self.clock.now())

    def __getstate__(self) -> dict[str, Any]:
        state = {name: value for name, value in vars(self).items() if name not in ("aurora", "ports")}
        return {**state, "aurora_world": pickle.dumps(self.aurora.world), "aurora_faults": self.aurora.faults}

    def __setstate__(self, state: dict[str, Any]) -> None:
        aurora_world, faults = state.pop("aurora_world"), state.pop("aurora_faults")
        vars(self).update(state)
        self.step_functions.machines = machines()
        self._connect(aurora_world, faults)
        self.observations.aurora_world = self.aurora.world


@functools.cache
def _seeded(surroundings: Surroundings, durations: Durations) -> bytes:
    """The world of RDS at the beginning, made once for all simulations that begin in it."""
    aurora = LocalAurora(VirtualClock(START), durations=durations, account_id=ACCOUNT)
    seed(aurora, surroundings)
    return pickle.dumps(aurora.world)
