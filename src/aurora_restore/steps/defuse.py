"""Defuse: what came along with the snapshot is listed, and what of it would act by itself is put to rest.

A cluster with hundreds of databases takes several calls. Each looks at some databases anew, and goes further only where
nothing is left in them to be put to rest. What it is about to do is in the record before it is done, with the state
before and the statements that take it back; what was done by a call that died is seen as done by the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from aurora_restore.domain.defusing import (
    FUSES_PER_CALL,
    WRITTEN_BYTES_MOST,
    Fuse,
    Survey,
    SurveyProgress,
    WrittenDown,
    at_rest_by_trail,
    chosen_fuses,
    first_states,
    refuse_what_still_acts,
    refused,
    survey_warnings,
    written,
)
from aurora_restore.domain.errors import CopyNotQuiet
from aurora_restore.domain.observed import Credentials, DatabaseEndpoint
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.record import (
    CameAlongRecord,
    Changes,
    Record,
    changed,
    with_new_warnings,
)
from aurora_restore.domain.results import done, goes_on, in_progress, skipped
from aurora_restore.domain.states import Strategy
from aurora_restore.steps.audit_events import AuditTrail
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.ports import Ports
from aurora_restore.steps.restore_cluster import restored_endpoint
from aurora_restore.steps.runner import record_details, record_events

# After this a survey, and what is done about it, ends as soon as it can: the function has ten minutes for both.
CALL_TIME = timedelta(minutes=1)

# An audit entry has room for some names, and not for those of thousands of triggers.
_NAMES_IN_THE_TRAIL = 20


def defuse(operation: Operation, ports: Ports) -> StepOutcome:
    """Look, and take out some of what is there; done when nothing is left that can be taken out.

    Raises:
        CopyNotQuiet: something acts by itself, and the server refuses to end it.
        DatabaseUnreachable, MasterLoginRefused, SecretNotFound, ClusterFailed.
    """
    plan, defused = operation.plan, operation.record.defused
    if plan.strategy is Strategy.UNDO:
        return StepOutcome(skipped("the kept cluster is not a copy"))
    endpoint = restored_endpoint(ports, plan)
    if endpoint is None:
        return StepOutcome(in_progress("the cluster does not name its endpoint yet"))
    master = ports.secrets.read_credentials(plan.admin_secret_id)
    begun = SurveyProgress.of_record(operation.record.came_along)
    survey = ports.databases.survey_copy(
        endpoint, master, begun, _has_time_left(ports), lambda fuse: bool(_to_be_taken_out(operation, [fuse]))
    )
    # First what acts, then the look at further databases: each moment in which it may act counts.
    if left := _to_be_taken_out(operation, survey.fuses):
        return _take_out(operation, ports, endpoint, master, survey, left[:FUSES_PER_CALL])
    if progress := survey.unfinished:
        # Nothing is left to do in the databases that are finished; the record says where the next call goes on.
        message = f"what came along was looked for in {progress.done} of {progress.total} databases"
        return StepOutcome(goes_on(message, progress.percent, "survey"), _listed(survey))
    # What was written down and then refused is not at rest, and does not count.
    kept = [key for key in defused.refused if key in defused.written]
    count = len(first_states(defused)) - len(kept) + at_rest_by_trail(defused)
    listed = len(survey.came_along.found) + sum((survey.came_along.more or {}).values())
    words = f"{listed or 'nothing'} listed of what came along, {count or 'nothing'} put to rest"
    if not (listed or count):
        words = "the copy has nothing that acts by itself, or that has to be listed"
    if survey.acting and not plan.quiet_start:
        words += f"; {survey.acting} act by themselves, since quiet_start is false"
    left_over = survey_warnings(
        survey, defused, quiet_start=plan.quiet_start, outward_connections=plan.outward_connections
    )
    warned = with_new_warnings(operation.record, *left_over)
    return StepOutcome(done(words), {**_listed(survey), **warned})


def _has_time_left(ports: Ports) -> Callable[[], bool]:
    """Whether this call may begin with another database; asked before each."""
    started = ports.clock.now()
    return lambda: ports.clock.now() - started < CALL_TIME


def _to_be_taken_out(operation: Operation, fuses: Sequence[Fuse]) -> list[Fuse]:
    """Those that this run takes out, and that were not refused before."""
    plan, was_refused = operation.plan, operation.record.defused.refused
    chosen = chosen_fuses(fuses, quiet_start=plan.quiet_start, outward_connections=plan.outward_connections)
    return [fuse for fuse in chosen if fuse.key not in was_refused]


def _take_out(
    operation: Operation,
    ports: Ports,
    endpoint: DatabaseEndpoint,
    master: Credentials,
    survey: Survey,
    fuses: Sequence[Fuse],
) -> StepOutcome:
    """The next call looks at these databases again, and leaves them behind once nothing is left in them."""
    defused = operation.record.defused
    down = written(fuses, defused, ports.clock.now(), WRITTEN_BYTES_MOST)
    # Before anything is changed: only what the record says can be taken back, and a call may die at any moment.
    write_down(operation, ports, down)
    outcome = ports.databases.defuse(endpoint, master, fuses, _has_time_left(ports))
    changes = {**refused(outcome.refusals, defused, down), **_listed(survey)}
    try:
        refuse_what_still_acts(outcome.refusals)
    except CopyNotQuiet:
        # The run ends here: what was found goes into the record first, since the error names only some of it.
        record_details(ports, operation.operation_id, changes)
        raise
    kept = {refusal.fuse.key for refusal in outcome.refusals} | {fuse.key for fuse in outcome.left}
    taken = [fuse for fuse in fuses if fuse.key not in kept]
    names = [f"{fuse.kind.value} {fuse.name}" for fuse in taken]
    event = Event("came_along.defused", {"count": len(taken), "names": names[:_NAMES_IN_THE_TRAIL]})
    message = f"{len(taken)} of what came along put to rest, looking again"
    percent = survey.unfinished.percent if survey.unfinished else 0
    return StepOutcome(goes_on(message, percent, "defusing"), changes, (event,) if taken else ())


def write_down(operation: Operation, ports: Ports, down: WrittenDown) -> None:
    """Only a record that runs gets further. What it has no room for is noted there first, as every event is."""
    events = [Event("came_along.written", {"written": down.in_trail})] if down.in_trail else []
    record_events(AuditTrail(ports, operation), down.changes, events)


def _listed(survey: Survey) -> Changes:
    return changed(Record, came_along=CameAlongRecord.read(survey.to_item()))
