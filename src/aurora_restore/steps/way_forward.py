"""The way forward: a restore had succeeded when its run ended, and only the old cluster is left to be seen to."""

from __future__ import annotations

from collections.abc import Sequence

from aurora_restore.domain.results import StepStatus, done
from aurora_restore.domain.retention import KEPT_AFTER_CANCEL, RetirementState, retirement_state
from aurora_restore.domain.switching import Parties
from aurora_restore.steps.outcome import StepOutcome
from aurora_restore.steps.retire_replaced import finish_undo
from aurora_restore.steps.retirement import Retirement
from aurora_restore.steps.switch_over import switched_changes
from aurora_restore.steps.way_back import (
    Duty,
    Tidying,
    await_late_arrivals,
    drop_snapshot_of,
    parties_of_look,
)


def record_switch(look: Tidying) -> StepOutcome | None:
    """The run was stopped between the last rename and the word about it."""
    parties = parties_of_look(look)
    if parties is None or look.operation.section("switch_over").get("switched_time"):
        return None
    target = look.find(parties.plan.target_cluster_id)
    if target is not None and parties.is_new(target):
        changes = switched_changes(look.operation, target, look.world.clock.now())
        look.world.records.update(look.operation_id, changes)
    return None


def drop_early_snapshot(look: Tidying) -> StepOutcome | None:
    """What is kept gets its final snapshot when it goes: one that was taken before is not its last state."""
    parties = parties_of_look(look)
    if parties is None or retirement_state(look.operation) is not None:
        return None
    return drop_snapshot_of(look, look.find(parties.replacement.aside_identifier))


def see_to_replaced(look: Tidying) -> StepOutcome | None:
    """What has begun to go is brought to its end; what still stands is kept for a day, so that an undo can be asked."""
    parties = parties_of_look(look)
    if parties is None:
        return None
    outcome = _retire_or_keep(look, parties)
    if outcome.result.status is not StepStatus.IN_PROGRESS and parties.replacement.undoes:
        outcome = _end_undo(look, parties, outcome)
    if outcome.result.status is StepStatus.IN_PROGRESS:
        return outcome
    persist(look, outcome)
    return None


def persist(look: Tidying, outcome: StepOutcome) -> None:
    """What a duty that has come to its end leaves in the record and in the trail."""
    for event in outcome.events:
        look.world.audit.append(look.operation_id, look.world.clock.now(), event.name, event.details)
    if outcome.changes:
        look.world.records.update(look.operation_id, outcome.changes)


def _retire_or_keep(look: Tidying, parties: Parties) -> StepOutcome:
    state = retirement_state(look.operation)
    if state in (RetirementState.KEPT, RetirementState.RETIRED):
        return StepOutcome(done("the replaced cluster was seen to"))
    name = parties.replacement.aside_identifier
    retirement = Retirement.of_replaced(look.world, look.operation, look.act, name, parties.replacement)
    if state is RetirementState.BEGUN:
        return retirement.advance()
    return retirement.keep(KEPT_AFTER_CANCEL)


def _end_undo(look: Tidying, parties: Parties, outcome: StepOutcome) -> StepOutcome:
    target = look.find(parties.plan.target_cluster_id)
    if target is None:
        return outcome
    return finish_undo(look.operation, look.world, parties, target, look.act, outcome)


WAY_FORWARD: Sequence[Duty] = (record_switch, await_late_arrivals, drop_early_snapshot, see_to_replaced)
