"""Auto scaling of readers rests while a name changes clusters, and afterwards is as it was.

A reader that is added in between would belong to a cluster that is about to go, or keep one from being renamed, stopped
or deleted. What the scaling was is written into the record before it is suspended, so that the next step, or a
cleanup, can set it back. It goes on once the endpoint of the new cluster is proved: until then the cluster may
have to be rebooted, or stopped and started.

A cluster serves without its auto scaling, so that Application Auto Scaling decides no run: what it refuses, or does not
answer for long, is a warning with the command that a person needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from aurora_restore.domain.acts import RegisterScaling, SuspendScaling
from aurora_restore.domain.asking import ASK_AGAIN, Asked
from aurora_restore.domain.errors import RestoreError, TransientError
from aurora_restore.domain.naming import OPERATION_TAG, PUT_BACK_TAG
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.record import ScalingOfRun, ScalingState, changed, with_new_warnings, written
from aurora_restore.domain.results import in_progress
from aurora_restore.domain.scaling import (
    EVERYTHING,
    RESUME_ACT,
    SUSPEND_ACT,
    ScalingBefore,
    active_warning,
    decide_resumption,
    left_warning,
    lost_warning,
    resumption_words,
)
from aurora_restore.domain.switching import parties_of
from aurora_restore.steps.cleanup_context import CleanupContext, persisted
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.perform import Guard, asked_for
from aurora_restore.steps.ports import Ports
from aurora_restore.steps.runner import RunGuard, record_running
from aurora_restore.steps.scaling_notes import REFUSALS, find_scaling

WAIT = "scaling"
LIMIT = timedelta(minutes=10)
# Shorter: the old cluster waits for its name meanwhile.
HOLD_LIMIT = timedelta(minutes=2)
UNREAD_WARNING = (
    "the record does not say any more how auto scaling of {name} was before the switch, so that it is left as it is: "
    "look at `aws application-autoscaling describe-scalable-targets --service-namespace rds --resource-ids "
    "cluster:{name}`, and set SuspendedState to what it is to be"
)
NOT_SUSPENDED = (ScalingState.ACTIVE, ScalingState.KEPT)


def suspend_scaling(operation: Operation, ports: Ports) -> StepOutcome | None:
    """Before the first act that takes the name from the old cluster; None where nothing is left to do."""
    if operation.record.scaling.state not in (None, ScalingState.ASKED):
        return None
    try:
        return _suspend(operation, ports)
    except REFUSALS as refused:
        if refused.is_of_record:
            raise
        failure: RestoreError = refused
    # Nothing was touched yet: what may pass is tried for a while, and then the switch goes on without it.
    name, now = operation.plan.target_cluster_id, ports.clock.now()
    since = operation.record.scaling.suspend_since or now
    if isinstance(failure, TransientError) and now - since < LIMIT:
        message = f"auto scaling of {name} could not be suspended yet: {failure.message}"
        return StepOutcome(in_progress(message, 10, WAIT), changed(ScalingOfRun, suspend_since=since))
    asked = operation.asked(SUSPEND_ACT)
    # Without an answer it may be suspended: then it is set back like one that was observed to be suspended.
    state = ScalingState.SUSPENDED if asked and not asked.refused else ScalingState.ACTIVE
    warned = with_new_warnings(operation.record, active_warning(name, failure.message))
    changes = {**changed(ScalingOfRun, state=state), **warned}
    event = Event(f"scaling.{state.value}", {"db_cluster_identifier": name, "reason": failure.message})
    return StepOutcome(in_progress(f"auto scaling of {name} is not waited for", 10, WAIT), changes, (event,))


def _suspend(operation: Operation, ports: Ports) -> StepOutcome | None:
    # A damaged entry is known as well: what shows now was suspended by this run, and not by an operator.
    name, is_known = operation.plan.target_cluster_id, bool(operation.record.scaling.before)
    before = find_scaling(ports, name)
    if before is None:
        return None
    if before.target.suspension.is_complete:
        found = changed(ScalingOfRun, state=ScalingState.SUSPENDED)
        # Suspended by an operator, before this run has asked for it: then it is to stay so.
        if not is_known:
            found = written(ScalingOfRun(state=ScalingState.KEPT, before=before.to_item()))
        record_running(ports, operation.operation_id, found)
        return None
    also = {} if is_known else written(ScalingOfRun(state=ScalingState.ASKED, before=before.to_item()))
    answered = RunGuard(ports, operation).ask(SuspendScaling(name, EVERYTHING, kind=SUSPEND_ACT, also=also))
    message = f"auto scaling of {name} is suspended while the name changes clusters"
    event = Event("scaling.suspended", {"db_cluster_identifier": name})
    return StepOutcome(
        in_progress(message, 10, WAIT),
        {**answered, **changed(ScalingOfRun, state=ScalingState.SUSPENDED)},
        (event,),
    )


def resume_scaling(operation: Operation, ports: Ports) -> StepOutcome | None:
    """In a run, for the new cluster; None where nothing is left to do."""
    before = _before(operation)
    if before is None:
        return _left_unread(operation, ports, operation.record.scaling)
    guard, asked = RunGuard(ports, operation), operation.asked(RESUME_ACT)
    return _Resumption(operation, ports, guard, asked, operation.record.scaling, before).advance()


def tidy_scaling(context: CleanupContext) -> StepOutcome | None:
    """The same in a cleanup that goes forward."""
    return _resumed(context, context.operation.record.scaling)


def hold_scaling(context: CleanupContext) -> StepOutcome | None:
    """In a cleanup that goes back: what the run has let go on rests again, until the old cluster has its name.

    The old cluster waits for its name meanwhile, so that what is refused is not tried for long.
    """
    asked = context.operation.asked_by_cleanup()
    # A run that has not asked for it yet has let nothing go on.
    is_held = RESUME_ACT not in context.operation.record.acts or RESUME_ACT in asked
    if context.plan is None or is_held or _before(context.operation) is None:
        return None
    name, held = context.plan.target_cluster_id, asked.get(SUSPEND_ACT)
    is_overdue = held is not None and held.is_overdue(context.ports.clock.now(), HOLD_LIMIT)
    if is_overdue or context.plan.replacement is None:
        return None
    cluster, parties = context.find(name), parties_of(context.operation_id, context.plan)
    # Only while the run's own cluster has the name, which goes; with delete_first there may be none yet.
    tags = cluster.tags if cluster else {}
    is_tagged = tags.get(OPERATION_TAG) == context.operation_id and PUT_BACK_TAG not in tags
    if not (parties.is_new(cluster) if parties else cluster is None or is_tagged):
        return None
    doing = f"auto scaling of {name} is suspended again"
    try:
        target = context.ports.scaling.find_target(name)
        if target is None or target.suspension.is_complete:
            return None
        return context.do(SuspendScaling(name, EVERYTHING, kind=SUSPEND_ACT, reason=doing))
    except REFUSALS as refused:
        if refused.is_of_record:
            raise
        if held is None:
            context.guard.note(SUSPEND_ACT, name)
        return StepOutcome(in_progress(f"{doing}: {refused.message}", 10, WAIT))


def give_scaling_back(context: CleanupContext) -> StepOutcome | None:
    """In a cleanup that goes back, once the old cluster serves under its name."""
    return _resumed(context, context.operation.record.scaling_back)


def _resumed(context: CleanupContext, state: ScalingOfRun) -> StepOutcome | None:
    before = _before(context.operation)
    if before is None:
        return persisted(context, _left_unread(context.operation, context.ports, state))
    asked = context.operation.asked_by_cleanup().get(RESUME_ACT)
    resumption = _Resumption(context.operation, context.ports, context.guard, asked, state, before)
    return persisted(context, resumption.advance())


def _before(operation: Operation) -> ScalingBefore | None:
    """How the scaling was before the switch, suspended by this operation or not; None where there was none to see."""
    item = operation.record.scaling.before
    return ScalingBefore.from_item(item) if item else None


def _left_unread(operation: Operation, ports: Ports, state: ScalingOfRun) -> StepOutcome | None:
    """Warn, once, where the record was damaged and does not say any more how the scaling was."""
    if not operation.record.scaling.before or state.is_settled:
        return None
    name = operation.plan.target_cluster_id
    changes = changed(type(state), state=ScalingState.LEFT, settled_time=ports.clock.now())
    return StepOutcome(
        in_progress(f"auto scaling of {name} is left as it is", 10, WAIT),
        changes | with_new_warnings(operation.record, UNREAD_WARNING.format(name=name)),
        (Event("scaling.left", {"db_cluster_identifier": name}),),
    )


@dataclass(frozen=True)
class _Resumption:
    """One call: `asked` is what this run, or this cleanup, has asked for; `state` says what came of it."""

    operation: Operation
    ports: Ports
    guard: Guard
    asked: Asked | None
    state: ScalingOfRun
    before: ScalingBefore

    def advance(self) -> StepOutcome | None:
        if self.state.is_settled:
            return None
        try:
            return self._set_back()
        except REFUSALS as refused:
            if refused.is_of_record:
                raise
            now = self.ports.clock.now()
            since = self.state.resume_since or (self.asked.first if self.asked else now)
            # The cluster serves without its auto scaling: no run is held open for it.
            if now - since > LIMIT:
                return self._settled(ScalingState.LEFT, left_warning(self.before, refused.message))
            result = in_progress(f"{resumption_words(self.before)}: {refused.message}", 10, WAIT)
            return StepOutcome(result, changed(type(self.state), resume_since=since))

    @property
    def name(self) -> str:
        return self.before.target.db_cluster_identifier

    def _set_back(self) -> StepOutcome:
        found, part = self.ports.scaling.find_target(self.name), type(self.state)
        next_act = decide_resumption(self.before, found, part)
        now, record = self.ports.clock.now(), self.operation.record
        # By the run or by its cleanup: the second of them finds what the first one has registered.
        was_lost = record.scaling.registered_again or record.scaling_back.registered_again
        if next_act is None and was_lost:
            return self._settled(ScalingState.RESUMED, lost_warning(self.before))
        state = record.scaling.state
        if state in NOT_SUSPENDED and not isinstance(next_act, RegisterScaling):
            # The run has suspended nothing: what differs now was changed by a person.
            return self._settled(state)
        if next_act is None:
            return self._settled(ScalingState.RESUMED)
        if self.asked and self.asked.is_overdue(now, LIMIT):
            minutes = LIMIT.total_seconds() / 60
            return self._settled(
                ScalingState.LEFT, left_warning(self.before, f"it does not show after {minutes:g} minutes")
            )
        if self.asked and self.asked.answered and now - self.asked.last < ASK_AGAIN:
            return StepOutcome(in_progress(next_act.reason, next_act.percent, next_act.waits_for))
        event = Event("scaling.asked", {"db_cluster_identifier": self.name, "done": next_act.describe()})
        return asked_for(next_act, self.guard.ask(next_act), event)

    def _settled(self, state: ScalingState, warning: str | None = None) -> StepOutcome:
        changes = changed(type(self.state), state=state, settled_time=self.ports.clock.now())
        if warning:
            changes |= with_new_warnings(self.operation.record, warning)
        event = Event(f"scaling.{state.value}", {"db_cluster_identifier": self.name})
        return StepOutcome(
            in_progress(f"auto scaling of {self.name} is {state.value}", 10, WAIT), changes, (event,)
        )
