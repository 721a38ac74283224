"""Defuse: what came along with the snapshot is listed, and what of it would act by itself is put to rest.

Each call looks at everything anew. What it is about to do is in the record before it is done, with the state before and
the statements that take it back; what was done by a call that died is seen as done by the next one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aurora_restore.domain.came_along import HIDDEN_JOBS, CameAlong, Kind
from aurora_restore.domain.defusing import (
    FUSES_PER_CALL,
    Fuse,
    Refusal,
    Survey,
    chosen_fuses,
    first_states,
    refuse_what_still_acts,
    written,
)
from aurora_restore.domain.errors import CopyNotQuiet
from aurora_restore.domain.observed import Credentials, DatabaseEndpoint
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.outward import OutwardConnections
from aurora_restore.domain.plan import RestorePlan
from aurora_restore.domain.replacement import Strategy
from aurora_restore.domain.results import done, in_progress, skipped
from aurora_restore.domain.times import format_time
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.restore_cluster import restored_endpoint
from aurora_restore.steps.runner import record_details, record_running
from aurora_restore.steps.world import World

_NAMES_IN_THE_TRAIL = 20


def defuse(operation: Operation, world: World) -> StepOutcome:
    """Look, and take out some of what is there; done when nothing is left that can be taken out.

    Raises:
        CopyNotQuiet: something acts by itself, and the server refuses to end it.
        DatabaseUnreachable, MasterLoginRefused, SecretNotFound, ClusterFailed.
    """
    plan = operation.plan
    if plan.strategy is Strategy.UNDO:
        return StepOutcome(skipped("the kept cluster is not a copy"))
    endpoint = restored_endpoint(world, plan)
    if endpoint is None:
        return StepOutcome(in_progress("the cluster does not name its endpoint yet"))
    master = world.secrets.read_credentials(plan.admin_secret_id)
    survey = world.databases.survey_copy(endpoint, master)
    refused = operation.section("defused").get("refused") or {}
    left = [
        fuse
        for fuse in chosen_fuses(
            survey.fuses, quiet_start=plan.quiet_start, outward_connections=plan.outward_connections
        )
        if fuse.key not in refused
    ]
    if left:
        return _take_out(operation, world, endpoint, master, survey, left[:FUSES_PER_CALL])
    return _done(operation, plan, survey)


def _take_out(
    operation: Operation,
    world: World,
    endpoint: DatabaseEndpoint,
    master: Credentials,
    survey: Survey,
    fuses: Sequence[Fuse],
) -> StepOutcome:
    time = format_time(world.clock.now())
    record_running(world, operation.operation_id, written(fuses, operation.section("defused"), time))
    refusals = world.databases.defuse(endpoint, master, fuses)
    changes = _refused(refusals)
    try:
        refuse_what_still_acts(refusals)
    except CopyNotQuiet:
        came_along = {"came_along": survey.came_along.to_item()}
        record_details(world, operation.operation_id, {**changes, **came_along})
        raise
    count = len(fuses) - len(refusals)
    kept = {refusal.fuse.key for refusal in refusals}
    names = [f"{fuse.kind.value} {fuse.name}" for fuse in fuses if fuse.key not in kept]
    event = Event("came_along.defused", {"count": count, "names": names[:_NAMES_IN_THE_TRAIL]})
    message = f"{count} of what came along put to rest, looking again"
    return StepOutcome(in_progress(message, waiting_for="defusing"), changes, (event,) if count else ())


def _refused(refusals: Sequence[Refusal]) -> dict[str, Any]:
    return {f"defused.refused.{refusal.fuse.key}": refusal.sentence for refusal in refusals}


def _done(operation: Operation, plan: RestorePlan, survey: Survey) -> StepOutcome:
    section = operation.section("defused")
    known = list(operation.item.get("warnings", ()))
    new = [warning for warning in _warnings(plan, survey, section) if warning not in known]
    changes: dict[str, Any] = {"came_along": survey.came_along.to_item()}
    if new:
        changes["warnings"] = [*known, *new]
    return StepOutcome(done(_summary(plan, survey, section)), changes)


def _summary(plan: RestorePlan, survey: Survey, section: Mapping[str, Any]) -> str:
    count = len(first_states(section)) - len(section.get("refused") or ())
    came_along = survey.came_along
    listed = len(came_along.found) + sum((came_along.more or {}).values())
    words = f"{listed or 'nothing'} listed of what came along, {count or 'nothing'} put to rest"
    acting = [fuse for fuse in survey.fuses if fuse.acts]
    if acting and not plan.quiet_start:
        return f"{words}; {len(acting)} act by themselves, since quiet_start is false"
    return words


def _warnings(plan: RestorePlan, survey: Survey, section: Mapping[str, Any]) -> list[str]:
    warnings = [f"not put to rest: {sentence}" for sentence in (section.get("refused") or {}).values()]
    if plan.quiet_start:
        warnings += _unseen(survey.came_along)
    logins = [fuse for fuse in survey.fuses if fuse.kind is Kind.USER_MAPPING]
    if logins and plan.outward_connections is OutwardConnections.REPORT:
        named = ", ".join(f"{fuse.name} in {fuse.database}" for fuse in logins[:3])
        more = f" and {len(logins) - 3} more" if len(logins) > 3 else ""
        warnings.append(
            f"logins to other servers are stored in the copy ({named}{more}): who may use their foreign tables reaches "
            "production where nothing was changed; `outward_connections: cut` removes them, `keep` omits this warning"
        )
    return warnings


def _unseen(came_along: CameAlong) -> list[str]:
    return [
        f"jobs of pg_cron in {left.database} may act by themselves: {left.reason}"
        for left in came_along.not_looked_into
        if left.what in (HIDDEN_JOBS, Kind.CRON_JOB.replace("_", " "))
    ]
