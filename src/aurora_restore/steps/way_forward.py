"""The way forward: a restore had succeeded when its run ended, and only the old cluster is left to be seen to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from aurora_restore.domain.asking import STILL_ARRIVES
from aurora_restore.domain.proving import START_ACT, STOP_ACT
from aurora_restore.domain.rds_statuses import SERVING_STATUSES
from aurora_restore.domain.results import StepStatus, done, in_progress
from aurora_restore.domain.retention import keep_after_cancel, retirement_state
from aurora_restore.domain.states import RetirementState
from aurora_restore.domain.switching import Parties
from aurora_restore.domain.times import parse_time
from aurora_restore.steps.archive_snapshot import archive_snapshot
from aurora_restore.steps.log_exports import bring_log_exports
from aurora_restore.steps.master_secret import tidy_master_secret
from aurora_restore.steps.move_endpoints import tidy_endpoints
from aurora_restore.steps.outcome import StepOutcome
from aurora_restore.steps.remove_quiet_group import remove_quiet_group
from aurora_restore.steps.retire_replaced import finish_undo
from aurora_restore.steps.retirement import Retirement
from aurora_restore.steps.suspend_scaling import tidy_scaling
from aurora_restore.steps.switch_over import switched_changes
from aurora_restore.steps.tidying import Duty, Tidying
from aurora_restore.steps.way_back import await_late_arrivals, drop_snapshot_of, parties_of_look


def record_switch(look: Tidying) -> StepOutcome | None:
    """The run was stopped between the last rename and the word about it."""
    parties = parties_of_look(look)
    if parties is None or look.operation.section("switch_over").get("switched_time"):
        return None
    target = look.find(parties.plan.target_cluster_id)
    if target is not None and parties.is_new(target):
        changes = switched_changes(look.operation, target, look.ports.clock.now())
        look.ports.records.update(look.operation_id, changes)
    return None


def bring_new_up(look: Tidying) -> StepOutcome | None:
    """The run was stopped while it renewed the new cluster's certificate: whatever of that comes late, it serves again.

    A stop that was asked for may show minutes later; the cluster is not left before it can have come.
    """
    parties = parties_of_look(look)
    target = look.find(parties.plan.target_cluster_id) if parties else None
    if parties is None or target is None or not parties.is_new(target):
        return None
    name = target.db_cluster_identifier
    if target.status == "stopped":
        doing, done = f"the new cluster {name} is being started again", f"started {name} again"
        started = {"proof.started_by_cleanup": True}
        look.ports.records.update(look.operation_id, started)
        return look.do(doing, done, "start", lambda: look.ports.target_rds.start_cluster(name))
    if target.status not in SERVING_STATUSES:
        return StepOutcome(in_progress(f"the new cluster {name} is `{target.status}`", 50, "start"))
    acts = look.operation.acts
    was_started = START_ACT in acts or look.operation.section("proof").get("started_by_cleanup")
    asked = acts.get(STOP_ACT, {}).get("last_time")
    if asked and not was_started and look.ports.clock.now() - parse_time(asked) < STILL_ARRIVES:
        return StepOutcome(in_progress(f"the stop of {name} was asked for and may still come", 50, "stop"))
    return None


def export_logs(look: Tidying) -> StepOutcome | None:
    """The run was stopped before the new cluster exported its logs."""
    parties = parties_of_look(look)
    target = look.find(parties.plan.target_cluster_id) if parties else None
    if parties is None or target is None or not parties.is_new(target):
        return None

    def acting(kind: str, name: str, request: Callable[[], None], /) -> dict[str, Any]:
        look.note_asked(kind, name)
        return look.act(kind, name, request)

    return bring_log_exports(look.operation, look.ports, target, acting)


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
        look.ports.audit.append(look.operation_id, look.ports.clock.now(), event.name, event.details)
    if outcome.changes:
        look.ports.records.update(look.operation_id, outcome.changes)


def _retire_or_keep(look: Tidying, parties: Parties) -> StepOutcome:
    state = retirement_state(look.operation)
    if state in (RetirementState.KEPT, RetirementState.RETIRED):
        return StepOutcome(done("the replaced cluster was seen to"))
    name = parties.replacement.aside_identifier
    retirement = Retirement.of_replaced(look.ports, look.operation, look.act, name, parties.replacement)
    if state is RetirementState.BEGUN:
        return retirement.advance()
    return retirement.keep(keep_after_cancel(parties.replacement.keep_hours))


def _end_undo(look: Tidying, parties: Parties, outcome: StepOutcome) -> StepOutcome:
    target = look.find(parties.plan.target_cluster_id)
    if target is None:
        return outcome
    return finish_undo(look.operation, look.ports, parties, target, look.act, outcome)


def keep_copy(look: Tidying) -> StepOutcome | None:
    """The copy is kept for as long as after any restore that used it."""
    details = look.operation.section("snapshot_details")
    if look.plan is None or not details.get("restored_from") or details.get("retain_until"):
        return None
    persist(look, archive_snapshot(look.operation, look.ports))
    return None


WAY_FORWARD: Sequence[Duty] = (
    record_switch,
    await_late_arrivals,
    bring_new_up,
    tidy_scaling,
    export_logs,
    drop_early_snapshot,
    tidy_master_secret,
    tidy_endpoints,
    see_to_replaced,
    keep_copy,
    remove_quiet_group,
)
