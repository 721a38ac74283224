"""The kinds of run: what exists before, what is done, and when an interruption comes.

A scenario is played in stages; between two events it can be left and gone on with (`Simulation.checkpoint`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tests.simulation.seeding import MYSQL, TARGET, Surroundings, request
from tests.simulation.simulation import Simulation
from tests.support.faults import EventFault, InterruptionKind

from aurora_restore.domain.results import Phase
from local_aurora.timing import Durations

OPERATION, EARLIER = "restore-20230615-123456", "restore-20230614-000000"
KEEP_HOURS = 0.25
# In the middle of the overhead of a call: the function has been called and will work, whether a caller waits for it
# or not.
INTERRUPTION_SECONDS = 0.04
WAITING_PHASES = frozenset(
    {
        Phase.COPY_SNAPSHOT,
        Phase.CLEAR_TARGET,
        Phase.RESTORE_CLUSTER,
        Phase.APPLY_PARAMETER_GROUP,
        Phase.SWITCH_OVER,
        Phase.PROVE_ENDPOINT,
        Phase.RETIRE_REPLACED,
        Phase.END_REHEARSAL,
    }
)

CONTRARY = Durations(
    status_lag=3.0, name_release=2.5, busy_after_creation=3.0, describe_lag=0.7, first_instance_lag=3.0,
    parameter_group_completion=12.0, parameter_group_pending=0.8, parameter_status_lag=2.0, parameter_applying=1.0,
)  # fmt: skip
"""Quick, and as contrary as RDS: each of its ways is met in every run."""
QUICK = CONTRARY
UNDER_WAY: Mapping[Phase, Durations] = {
    Phase.COPY_SNAPSHOT: replace(CONTRARY, copy=900),
    Phase.CLEAR_TARGET: replace(CONTRARY, snapshot=20, delete=6),
    Phase.RESTORE_CLUSTER: replace(CONTRARY, restore=30),
    Phase.APPLY_PARAMETER_GROUP: replace(CONTRARY, reboot=20, parameter_status_lag=6),
    Phase.SWITCH_OVER: replace(CONTRARY, rename=8),
    Phase.PROVE_ENDPOINT: replace(CONTRARY, reboot=6, stop=20, start=20),
    Phase.RETIRE_REPLACED: replace(CONTRARY, snapshot=20, delete=6),
    Phase.END_REHEARSAL: replace(CONTRARY, delete=20),
}
"""What takes so long that an interruption, and the cleanup after it, find it unfinished."""


@dataclass(frozen=True)
class Start:
    """Start an operation, and let everything go to its end."""

    operation_id: str
    request: Mapping[str, Any] = field(hash=False)

    def act(self, sim: Simulation) -> None:
        sim.start(self.operation_id, self.request)


@dataclass(frozen=True)
class TimePasses:
    """Time goes by, and what was to wait for it happens."""

    hours: float

    def act(self, sim: Simulation) -> None:
        sim.run_for(self.hours * 3600)


@dataclass(frozen=True)
class Interruption:
    """An operation is interrupted when its execution first enters a state.

    `after`: not before the record says that this was asked for.
    """

    state: str
    kind: InterruptionKind
    operation_id: str = OPERATION
    after: str | None = None


Stage = Start | TimePasses


@dataclass(frozen=True)
class Scenario:
    """What comes before `faults_from_stage`, or before the operation enters `faults_from_state`, is preparation."""

    name: str
    surroundings: Surroundings
    stages: tuple[Stage, ...]
    interruption: Interruption | None = None
    faults_from_stage: int = 0
    faults_from_state: str | None = None
    event_fault: EventFault | None = None
    durations: Durations = QUICK
    habits: Mapping[str, bool] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        return self.name


@dataclass
class Play:
    """A scenario being played: everything that a checkpoint has to hold."""

    sim: Simulation
    scenario: Scenario
    stage: int = 0
    is_acted: bool = False
    interrupted_at: int | None = None
    is_entered: bool = False
    faults_from: int = 0

    def go_on(self, before_each: Callable[[], None] | None = None) -> None:
        """To the end."""
        while self.stage < len(self.scenario.stages):
            self.act()
            self.sim.run(before_each)
            self.stage, self.is_acted = self.stage + 1, False

    def act(self) -> None:
        """Do what the stage begins with, once."""
        if not self.is_acted:
            self.is_acted = True
            if self.stage == self.scenario.faults_from_stage:
                self.faults_from = self.sim.injector.count
            self.scenario.stages[self.stage].act(self.sim)

    def watch(self, operation_id: str, state: str) -> None:
        """Called whenever an execution of the main machine enters a state."""
        if (operation_id, state) == (OPERATION, self.scenario.faults_from_state) and not self.is_entered:
            # The first time: a phase that goes on in pieces enters its state again for each of them.
            self.is_entered, self.faults_from = True, self.sim.injector.count
        interruption = self.scenario.interruption
        if interruption is None or self.interrupted_at is not None:
            return
        acts = self.sim.records.items.get(operation_id, {}).get("acts", {})
        if (operation_id, state) == (interruption.operation_id, interruption.state) and (
            interruption.after is None or interruption.after in acts
        ):
            self.interrupted_at = self.sim.injector.count
            self.sim.scheduler.after(INTERRUPTION_SECONDS, functools.partial(self._interrupt, interruption))

    def _interrupt(self, interruption: Interruption) -> None:
        interrupt(self.sim, interruption.kind, interruption.operation_id)
        self.faults_from = self.sim.injector.count


def interrupt(sim: Simulation, kind: InterruptionKind, operation_id: str) -> None:
    """Do to an operation what another party would."""
    match kind:
        case InterruptionKind.STOP:
            sim.stop(operation_id)
        case InterruptionKind.MARK:
            sim.mark_failed_by_hand(operation_id)
        case InterruptionKind.TIME_OUT:
            sim.time_out(operation_id)


def begin(scenario: Scenario, seed_number: int = 0) -> Play:
    play = Play(Simulation(scenario.surroundings, seed_number, scenario.durations), scenario)
    play.sim.aurora.set_habits(scenario.habits)
    if scenario.event_fault:
        play.sim.event_faults[0] = scenario.event_fault
    play.sim.on_state = play.watch
    return play


def _state_of(phase: Phase) -> str:
    return f"{phase.value}Wait" if phase in WAITING_PHASES else phase.value


STANDING = Surroundings(targets=(TARGET,))
NEW = Start(OPERATION, request())
SWAP = Start(OPERATION, request(delete_cluster_if_exists=True))
SWAP_KEEP = Start(OPERATION, request(delete_cluster_if_exists=True, keep_replaced_hours=KEEP_HOURS))
DRY_RUN = Start(OPERATION, request(delete_cluster_if_exists=True, dry_run=True))
DELETE_FIRST = Start(OPERATION, request(delete_cluster_if_exists=True, replace_strategy="delete_first"))
EARLIER_SWAP_KEEP = Start(EARLIER, request(delete_cluster_if_exists=True, keep_replaced_hours=48))
UNDO = Start(OPERATION, {"undo_operation_id": EARLIER})

PLAIN = (
    Scenario("new", Surroundings(), (NEW,)),
    Scenario("dry-run", STANDING, (DRY_RUN,)),
    Scenario("swap", STANDING, (SWAP,)),
    Scenario(
        "keep",
        STANDING,
        (SWAP_KEEP, TimePasses(KEEP_HOURS + 0.2)),
        faults_from_state=Phase.RETIRE_REPLACED.value,  # until then it is `swap`
    ),
    Scenario("delete-first", STANDING, (DELETE_FIRST,)),
    Scenario("undo", STANDING, (EARLIER_SWAP_KEEP, UNDO), faults_from_stage=1),
)
_STAGES: Mapping[str, tuple[Surroundings, tuple[Stage, ...], Sequence[Phase]]] = {
    "new": (
        Surroundings(),
        (NEW,),
        (Phase.COPY_SNAPSHOT, Phase.RESTORE_CLUSTER, Phase.SETUP_DB_USERS, Phase.APPLY_PARAMETER_GROUP),
    ),
    "swap": (
        STANDING,
        (SWAP,),
        tuple(phase for phase in Phase if phase not in (Phase.CLEAR_TARGET, Phase.END_REHEARSAL)),
    ),
    "delete-first": (
        STANDING,
        (DELETE_FIRST,),
        (Phase.CLEAR_TARGET, Phase.RESTORE_CLUSTER, Phase.SETUP_DB_USERS, Phase.VERIFY_RESTORE),
    ),
    "undo": (
        STANDING,
        (EARLIER_SWAP_KEEP, UNDO),
        (Phase.SWITCH_OVER, Phase.PROVE_ENDPOINT, Phase.RETIRE_REPLACED),
    ),
}


_AFTER = {Phase.RESTORE_CLUSTER: "cluster"}
"""What makes the phase what it is: before it, the group of the first start is made."""


def interrupted(by: InterruptionKind) -> tuple[Scenario, ...]:
    """Each kind of run, with an interruption at each phase that matters to it."""
    phases = tuple(
        Scenario(
            f"{by}-{kind}-{phase.value}",
            surroundings,
            stages,
            Interruption(_state_of(phase), by, after=_AFTER.get(phase)),
            faults_from_stage=len(stages) - 1,
            durations=UNDER_WAY.get(phase, QUICK),
        )
        for kind, (surroundings, stages, phases) in _STAGES.items()
        for phase in phases
    )
    in_the_group = Interruption(_state_of(Phase.RESTORE_CLUSTER), by)
    return (*phases, Scenario(f"{by}-new-QuietGroup", Surroundings(), (NEW,), in_the_group))


CANCELLED = interrupted(InterruptionKind.STOP)
MARKED = interrupted(InterruptionKind.MARK)
TIMED_OUT = interrupted(InterruptionKind.TIME_OUT)
REFUSED = Scenario(
    "stop-refused-RecordFailure", STANDING, (NEW,), Interruption("RecordFailure", InterruptionKind.STOP)
)
"""The function that closes the record goes on alone: nothing repeats it if it dies on the way."""
EVENT_FAULTS = tuple(
    replace(scenario, name=f"{scenario.name}-{fault.value}", event_fault=fault)
    for scenario in (*CANCELLED, *TIMED_OUT, REFUSED)
    for fault in EventFault
)
SILENT_RENAME = Scenario(
    "silent-rename",
    STANDING,
    (SWAP,),
    Interruption(_state_of(Phase.SWITCH_OVER), InterruptionKind.STOP),
    durations=replace(CONTRARY, status_lag=400.0),
    habits={"pending_rename_shows": False},
)
"""Stopped after RDS has accepted a rename of which nothing tells for minutes: neither status nor pending values."""
REHEARSAL = Scenario(
    "rehearsal",
    Surroundings(),
    (Start(OPERATION, request(target_cluster_id=None, rehearsal={"rto_minutes": 240, "hold_hours": 0.05})),),
    faults_from_state=Phase.PROVE_ENDPOINT.value,  # until then it is `new`
)
REHEARSAL_INTERRUPTED = tuple(
    Scenario(
        f"{kind}-rehearsal-{phase.value}",
        Surroundings(),
        REHEARSAL.stages,
        Interruption(_state_of(phase), kind, after=_AFTER.get(phase)),
        durations=UNDER_WAY.get(phase, QUICK),
    )
    for kind in InterruptionKind
    for phase in (
        Phase.RESTORE_CLUSTER, Phase.SETUP_DB_USERS, Phase.PROVE_ENDPOINT, Phase.ARCHIVE_SNAPSHOT, Phase.END_REHEARSAL,
    )
)  # fmt: skip
NO_DEFAULT_GROUP = Scenario(
    "kept_group",
    Surroundings(tuned=True),
    (NEW,),
    faults_from_state=Phase.APPLY_PARAMETER_GROUP.value,  # until then it is `new`
    habits={"default_groups_need_a_cluster": True},
)
"""The first cluster of its family in the Region that names no parameter group."""
ON_MYSQL = (
    Scenario("mysql_new", Surroundings(engine=MYSQL), (NEW,)),
    Scenario("mysql_swap", replace(STANDING, engine=MYSQL, tuned=True), (SWAP,)),
    replace(
        NO_DEFAULT_GROUP,
        name="mysql_kept_group",
        surroundings=replace(NO_DEFAULT_GROUP.surroundings, engine=MYSQL),
    ),
)
"""Where the code goes by the engine: what a run begins with, what of a copy acts, which group it ends with."""
SCALED_STANDING = replace(STANDING, scaled=True)
LOSES_TARGETS = {"scalable_target_lost_without_cluster": True}
_SCALED = (
    Scenario("scaled-swap", SCALED_STANDING, (SWAP,), faults_from_state=Phase.SWITCH_OVER.value),
    Scenario(
        "scaled-delete_first", SCALED_STANDING, (DELETE_FIRST,), faults_from_state=Phase.CLEAR_TARGET.value
    ),
    Scenario(
        "scaled-undo",
        SCALED_STANDING,
        (EARLIER_SWAP_KEEP, UNDO),
        faults_from_stage=1,
        faults_from_state=Phase.SWITCH_OVER.value,
    ),
)
SCALED = (
    *_SCALED,
    *(replace(scenario, name=f"{scenario.name}-lost", habits=LOSES_TARGETS) for scenario in _SCALED),
)
"""The readers of the target are scaled; Application Auto Scaling keeps what it has of a name, or loses it."""
SCALED_INTERRUPTED = tuple(
    replace(scenario, name=f"scaled-{scenario.name}{end}", surroundings=SCALED_STANDING, habits=habits)
    for scenario in (*CANCELLED, *TIMED_OUT)
    if scenario.surroundings == STANDING
    for end, habits in (("", {}), ("-lost", LOSES_TARGETS))
)
BY_NAME = {
    scenario.name: scenario
    for scenario in (
        *PLAIN, *CANCELLED, *MARKED, *TIMED_OUT, *EVENT_FAULTS, SILENT_RENAME, NO_DEFAULT_GROUP, *ON_MYSQL, *SCALED,
        *SCALED_INTERRUPTED, REHEARSAL, *REHEARSAL_INTERRUPTED,
    )
}  # fmt: skip
