"""Auto scaling of readers rests while a name changes clusters, and afterwards is as it was.

A reader that is added in between would stand on a cluster that is about to go, or keep one from being renamed, stopped
or deleted. What the scaling was is written into the record before it is suspended, so that whoever comes next, a step
or a cleanup, can set it back. It goes on once the endpoint of the new cluster is proved: until then the cluster may
have to be rebooted, or stopped and started. The cluster serves without it, so that what is refused for long is left,
and said.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from aurora_restore.domain.asking import ASK_AGAIN, Asked
from aurora_restore.domain.errors import OperationNotRunning, RequestRefused, ResourceBusy, StepFailed
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.results import in_progress
from aurora_restore.domain.scaling import (
    EVERYTHING,
    ScalableTarget,
    ScalingAction,
    ScalingBefore,
    decide_resumption,
    left_warning,
    lost_warning,
)
from aurora_restore.domain.switching import parties_of
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.retirement import Act
from aurora_restore.steps.runner import act, record_running
from aurora_restore.steps.tidying import Tidying, noting_act, persisted
from aurora_restore.steps.world import World

SUSPEND, RESUME = "suspend_scaling", "resume_scaling"
WAIT = "scaling"
SECTION, SECTION_BACK = "scaling", "scaling_back"
LIMIT = timedelta(minutes=10)


def find_scaling(world: World, name: str) -> ScalingBefore | None:
    """How the readers of the cluster that has this name are scaled; None where they are not."""
    target = world.scaling.find_target(name)
    return ScalingBefore(target, tuple(world.scaling.policy_names(name))) if target else None


def suspend_scaling(operation: Operation, world: World) -> StepOutcome | None:
    """Before the first act that takes the name from the old cluster; None where nothing is left to do.

    Raises what Application Auto Scaling refuses: nothing was touched yet.
    """
    asked = operation.asked(SUSPEND)
    if asked and asked.answered:
        return None
    name = operation.plan.target_cluster_id
    target = world.scaling.find_target(name)
    if target is None:
        return None
    known = bool(operation.section(SECTION))
    found = {} if known else {SECTION: _section(world, target)}
    if target.suspension.is_complete:
        if found:
            record_running(world, operation.operation_id, found)
        return None
    message = f"auto scaling of {name} is suspended while the name changes clusters"
    answered = act(
        world, operation, SUSPEND, name, lambda: world.scaling.suspend(name, EVERYTHING), also=found
    )
    event = Event("scaling.suspended", {"db_cluster_identifier": name})
    return StepOutcome(in_progress(message, 10, WAIT), answered, (event,))


def _section(world: World, target: ScalableTarget) -> dict[str, Any]:
    policies = tuple(world.scaling.policy_names(target.db_cluster_identifier))
    return {"state": "suspended", "before": ScalingBefore(target, policies).to_item()}


def resume_scaling(operation: Operation, world: World) -> StepOutcome | None:
    """In a run, for the new cluster; None where nothing is left to do."""
    before = _before(operation)
    if before is None:
        return None
    acting, asked = partial(act, world, operation), operation.asked(RESUME)
    return _Resumption(operation, world, acting, asked, SECTION, before).advance()


def tidy_scaling(look: Tidying) -> StepOutcome | None:
    """The same in a cleanup that goes forward."""
    return _tidied(look, SECTION)


def hold_scaling(look: Tidying) -> StepOutcome | None:
    """In a cleanup that goes back: what the run has let go on rests again, until the old cluster has its name."""
    parties = parties_of(look.operation_id, look.plan) if look.plan else None
    asked = look.operation.asked_by_cleanup()
    # A run that has not asked for it yet has let nothing go on.
    if parties is None or RESUME not in look.operation.acts or RESUME in asked:
        return None
    name, held = parties.plan.target_cluster_id, asked.get(SUSPEND)
    if not parties.is_new(look.find(name)) or (held and held.is_overdue(look.world.clock.now(), LIMIT)):
        return None
    target = look.world.scaling.find_target(name)
    if target is None or target.suspension.is_complete:
        return None
    doing, done = f"auto scaling of {name} is suspended again", f"suspended the auto scaling of {name}"
    look.note_asked(SUSPEND, name)
    try:
        return look.do(doing, done, WAIT, lambda: look.world.scaling.suspend(name, EVERYTHING))
    except (StepFailed, RequestRefused) as refused:
        return StepOutcome(in_progress(f"{doing}: {refused.message}", 10, WAIT))


def give_scaling_back(look: Tidying) -> StepOutcome | None:
    """In a cleanup that goes back, once the old cluster serves under its name."""
    return _tidied(look, SECTION_BACK)


def _tidied(look: Tidying, section: str) -> StepOutcome | None:
    before = _before(look.operation)
    if before is None:
        return None
    asked = look.operation.asked_by_cleanup().get(RESUME)
    resumption = _Resumption(look.operation, look.world, noting_act(look), asked, section, before)
    return persisted(look, resumption.advance())


def _before(operation: Operation) -> ScalingBefore | None:
    item = operation.section(SECTION).get("before")
    return ScalingBefore.from_item(item) if item else None


@dataclass(frozen=True)
class _Resumption:
    """One look: `asked` is what this run, or this cleanup, has asked for; `section` says what came of it."""

    operation: Operation
    world: World
    acting: Act
    asked: Asked | None
    section: str
    before: ScalingBefore

    def advance(self) -> StepOutcome | None:
        if self._state.get("state") in ("resumed", "left"):
            return None
        found = self.world.scaling.find_target(self.name)
        action = decide_resumption(self.before, found)
        if action is ScalingAction.NONE:
            return self._resumed()
        if self.asked and self.asked.is_overdue(self.world.clock.now(), LIMIT):
            return self._left()
        return self._carry_out(action)

    @property
    def name(self) -> str:
        return self.before.target.db_cluster_identifier

    @property
    def _state(self) -> dict[str, Any]:
        return self.operation.section(self.section)

    def _carry_out(self, action: ScalingAction) -> StepOutcome:
        message = f"auto scaling of {self.name} is set back to what it was"
        now, target = self.world.clock.now(), self.before.target
        if self.asked and self.asked.answered and now - self.asked.last < ASK_AGAIN:
            return StepOutcome(in_progress(message, 10, WAIT))
        is_gone = action is ScalingAction.REGISTER
        lost = {self.section: {**self._state, "registered_again": True}} if is_gone else {}

        def request() -> None:
            if is_gone:
                self.world.scaling.register(target)
            else:
                self.world.scaling.suspend(self.name, target.suspension)

        try:
            changes = self.acting(RESUME, self.name, request, also=lost)
        except OperationNotRunning:
            raise
        except (ResourceBusy, StepFailed, RequestRefused) as refused:
            return StepOutcome(in_progress(f"{message}: {refused.message}", 10, WAIT))
        done = (
            f"{'registered the scalable target' if is_gone else 'set back the auto scaling'} of {self.name}"
        )
        event = Event("scaling.asked", {"db_cluster_identifier": self.name, "done": done})
        return StepOutcome(in_progress(message, 10, WAIT), changes, (event,))

    def _resumed(self) -> StepOutcome:
        lost = bool(self._state.get("registered_again"))
        return self._settled("resumed", lost_warning(self.before) if lost else None)

    def _left(self) -> StepOutcome:
        minutes = LIMIT.total_seconds() / 60
        return self._settled("left", left_warning(self.before, f"not within {minutes:g} minutes"))

    def _settled(self, state: str, warning: str | None) -> StepOutcome:
        changes: dict[str, Any] = {self.section: {**self._state, "state": state}}
        if warning:
            changes["warnings"] = [*self.operation.item.get("warnings", ()), warning]
        event = Event(f"scaling.{state}", {"db_cluster_identifier": self.name})
        message = f"auto scaling of {self.name} is {state}"
        return StepOutcome(in_progress(message, 10, WAIT), changes, (event,))
