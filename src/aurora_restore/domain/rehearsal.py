"""A rehearsal: a restore into a scratch cluster of its own, measured against objectives, whose cluster is then deleted.

Measured are two durations. The recovery time runs from the start of the operation to the proof that the endpoint of
the new cluster leads clients to it; the time that people need to notice a disaster and to start a restore is not in it.
The age of the data is that of the snapshot at the start of the operation: what a disaster at that moment would lose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aurora_restore.domain import request_fields as parse
from aurora_restore.domain.naming import OPERATION_TAG, PUT_BACK_TAG
from aurora_restore.domain.observed import DbCluster
from aurora_restore.domain.record import (
    Changes,
    Record,
    RehearsalAsked,
    RehearsalState,
    changed,
)
from aurora_restore.domain.results import Phase
from aurora_restore.domain.states import OperationStatus, RehearsalVerdict
from aurora_restore.domain.times import time_if_readable
from aurora_restore.domain.wording import duration_words

# With it and the other phases of a rehearsal a run stays within the time limit of the state machine.
HOLD_HOURS_MOST = 48
WINDOW_DAYS = 30
# Automated snapshots are kept for 35 days at most, manual ones for ever.
WINDOW_DAYS_MOST = 3650
# What asks for the end of the scratch cluster, as the record names it.
DELETE_ACT = "delete_cluster"
_FIELDS = ("rto_minutes", "rpo_hours", "hold_hours", "window_days")


@dataclass(frozen=True)
class Rehearsal:
    """What a request asks of a rehearsal; None: there is no such objective.

    `window_days`: how many days back a snapshot is chosen from at random.
    """

    rto_minutes: float | None = None
    rpo_hours: float | None = None
    hold_hours: float = 0
    window_days: int = WINDOW_DAYS


def read_rehearsal(value: Any) -> Rehearsal:
    """The field `rehearsal` of a request. Raises FieldProblem with everything that is wrong."""
    parse.known(value, _FIELDS)
    parsers: Mapping[str, parse.AnyParser] = {
        "rto_minutes": parse.number(1, 100_000),
        "rpo_hours": parse.number(0.1, 100_000),
        "hold_hours": parse.number(0, HOLD_HOURS_MOST),
        "window_days": parse.whole_number(1, WINDOW_DAYS_MOST),
    }
    values, problems = {}, []
    for name, given in value.items():
        if given is None:
            continue
        try:
            values[name] = parsers[name](given)
        except parse.FieldProblem as problem:
            problems += [f"{name} {text}" for text in problem.problems]
    if problems:
        raise parse.FieldProblem(*problems)
    return Rehearsal(**values)


def asked_of(record: Record) -> RehearsalAsked | None:
    """What was asked of this rehearsal; None where the operation is none, or only plans one."""
    return None if record.parameters.dry_run else record.parameters.rehearsal


def with_hold(record: Record, phase: Phase, limit: timedelta) -> timedelta:
    """How long a phase may take: the hours for which a rehearsal is to be held are added to its limit."""
    asked = asked_of(record) if phase is Phase.END_REHEARSAL else None
    return limit + timedelta(hours=asked.hold_hours if asked else 0)


def is_restored(record: Record) -> bool:
    """Whether the restore that is rehearsed has succeeded: clients were proved to reach the new cluster."""
    return record.phase(Phase.PROVE_ENDPOINT).has_ended_well


def measured(record: Record, now: datetime) -> RehearsalState:
    """The two durations, and whether the objectives were met. For a record whose endpoint was proved."""
    asked = asked_of(record) or RehearsalAsked.read({})
    proved = record.proof.proved_time or record.phase(Phase.PROVE_ENDPOINT).end_time
    # The moment whose data the snapshot has. A copy shows the time of its copying (`domain/selection.py`).
    source = record.plan.source
    made = None if source.is_copy else time_if_readable(source.snapshot_create_time)
    started = record.start_time
    rto_seconds = round((proved - started).total_seconds(), 3) if proved and started else None
    rpo_seconds = round((started - made).total_seconds(), 3) if started and made else None
    missed = []
    # What could not be measured has not been met.
    if asked.rto_minutes is not None and (rto_seconds is None or rto_seconds > asked.rto_minutes * 60):
        missed.append("rto")
    if asked.rpo_hours is not None and (rpo_seconds is None or rpo_seconds > asked.rpo_hours * 3600):
        missed.append("rpo")
    return RehearsalState(
        verdict=RehearsalVerdict.OBJECTIVE_MISSED if missed else RehearsalVerdict.PASSED,
        missed=tuple(missed),
        rto_minutes=asked.rto_minutes,
        rpo_hours=asked.rpo_hours,
        rto_seconds=rto_seconds,
        rpo_seconds=rpo_seconds,
        measured_time=now,
        hold_until=now + timedelta(hours=asked.hold_hours) if asked.hold_hours > 0 else None,
    )


def verdict_at_end(record: Record, status: OperationStatus, now: datetime) -> Changes:
    """What the record of a rehearsal that ends still lacks: its verdict, whatever the end is. Nothing for others."""
    if asked_of(record) is None or record.rehearsal.verdict is not None:
        return {}
    if is_restored(record):
        state = measured(record, now)
        return changed(
            RehearsalState,
            verdict=state.verdict,
            missed=state.missed,
            rto_minutes=state.rto_minutes,
            rpo_hours=state.rpo_hours,
            rto_seconds=state.rto_seconds,
            rpo_seconds=state.rpo_seconds,
            measured_time=now,
        )
    is_failure = status is OperationStatus.FAILED
    verdict = RehearsalVerdict.FAILED if is_failure else RehearsalVerdict.NOT_MEASURED
    return changed(RehearsalState, verdict=verdict)


def is_given_away(record: Record) -> bool:
    """Whether a rehearsal that has ended has left its cluster, as its record and its message say.

    From then on the cluster belongs to the operator, for good: another operation may have replaced it since, and put
    it back, so that nothing about it says any more whether it is needed.
    """
    return record.is_closed and record.rehearsal.left is not None


def refusal_to_delete(record: Record, cluster: DbCluster, prefix: str) -> str | None:
    """Why a cluster is not proved to be the one that this rehearsal made; None where it is proved.

    All of it from a fresh look: the cluster that has the name, its tags, its resource id.
    """
    name = cluster.db_cluster_identifier
    known = record.restore_details.db_cluster_resource_id
    # A restore that did not come so far has not written it: then the tag, the name and the record decide.
    if (known or is_restored(record)) and cluster.db_cluster_resource_id != known:
        return f"{name} is {cluster.db_cluster_resource_id}, and the rehearsal made {known}"
    if cluster.tags.get(OPERATION_TAG) != record.operation_id or PUT_BACK_TAG in cluster.tags:
        return f"{name} does not have the tag of the operation {record.operation_id}"
    if not name.startswith(prefix):
        return f"{name} does not begin with {prefix!r}"
    # The run would have been refused; a record that says so was edited, and proves nothing.
    if record.replaced or record.plan.replacement:
        return f"the record says that {name} existed before the rehearsal"
    if record.made.get("cluster") != name:
        return f"the record does not say that the rehearsal made {name}"
    # A rehearsal asks for no protection: an operator has set it, and wants the cluster.
    if cluster.deletion_protection:
        return f"{name} has deletion protection, which an operator has set"
    return None


def lost_words(name: str) -> str:
    """Why a scratch cluster was not deleted that does not exist under its name."""
    return f"no cluster has the name {name} any more: another party has deleted or renamed it"


def figures(state: RehearsalState) -> list[tuple[str, str]]:
    """The two measured durations with their objectives, in words; `RTO` and `RPO` name them."""
    rows = []
    for name, key, seconds, most in (
        ("RTO", "rto", state.rto_seconds, None if state.rto_minutes is None else state.rto_minutes * 60),
        ("RPO", "rpo", state.rpo_seconds, None if state.rpo_hours is None else state.rpo_hours * 3600),
    ):
        if seconds is None:
            continue
        words = duration_words(seconds)
        if most is None:
            words += ", without an objective"
        elif key in state.missed:
            words += f", MISSED: the objective is {duration_words(most)}"
        else:
            words += f", within the objective of {duration_words(most)}"
        rows.append((name, words))
    return rows
