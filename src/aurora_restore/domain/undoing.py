"""The undo of a replacement: what is asked for, whether it can be done, and its plan, a swap of two clusters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aurora_restore.domain import request_fields as parse
from aurora_restore.domain.custom_endpoints import CustomEndpoint
from aurora_restore.domain.errors import InvalidRequest, NothingKept, RestoreError, UnknownField, refuse
from aurora_restore.domain.naming import final_snapshot_identifier, retired_identifier
from aurora_restore.domain.notes import certificate_note
from aurora_restore.domain.observed import DbCluster, DbInstance
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.plan import PlannedInstance, RestorePlan
from aurora_restore.domain.replacement import Replacement
from aurora_restore.domain.request import UNDO_FIELD
from aurora_restore.domain.retention import kept_until, retirement_state
from aurora_restore.domain.states import OperationStatus, RetirementState, Strategy

PARSERS: Mapping[str, Any] = {
    UNDO_FIELD: parse.text,
    "final_snapshot": parse.flag,
    "certificate_renewal": parse.one_of("auto", "never"),
    "dry_run": parse.flag,
    "requested_by": parse.text,
}


@dataclass(frozen=True)
class UndoRequest:
    """Put back what the operation replaced; `final_snapshot`: of the cluster that goes for it."""

    undo_operation_id: str
    final_snapshot: bool = True
    certificate_renewal: str = "auto"
    dry_run: bool = False
    requested_by: str | None = None


def parse_undo_request(raw: Mapping[str, Any]) -> UndoRequest:
    """Raises InvalidRequest, UnknownField, or PreflightFailed with all problems."""
    problems: list[RestoreError] = [
        UnknownField(f"{name} is not a field of an undo; the fields are {', '.join(PARSERS)}.")
        for name in raw
        if name not in PARSERS
    ]
    values: dict[str, Any] = {}
    for name, value in raw.items():
        if name in PARSERS and value is not None:
            try:
                values[name] = PARSERS[name](value)
            except parse.FieldProblem as problem:
                problems.append(InvalidRequest(f"{name}: {problem}"))
    if UNDO_FIELD not in values and not problems:
        problems.append(InvalidRequest(f"{UNDO_FIELD} is missing."))
    refuse(problems)
    return UndoRequest(**values)


def refuse_nothing_kept(undone: Operation) -> None:
    """Raises NothingKept where, by the operation's record, there is nothing to put back."""
    name, state = undone.operation_id, retirement_state(undone)
    if undone.status != OperationStatus.SUCCEEDED:
        raise NothingKept(
            f"The operation {name} is {undone.status}: it replaced nothing that could be put back."
        )
    if state is RetirementState.UNDONE:
        raise NothingKept(f"The operation {name} was undone already.")
    if state in (RetirementState.BEGUN, RetirementState.RETIRED):
        snapshot = undone.record.retirement.final_snapshot_identifier
        saved = f" Its final snapshot is {snapshot}." if snapshot else ""
        raise NothingKept(f"The cluster that {name} replaced was retired, or is about to be.{saved}")
    if kept_until(undone) is None:
        raise NothingKept(f"The operation {name} kept no cluster.")


def refuse_changed_places(undone: Operation, target: DbCluster | None, kept: DbCluster | None) -> None:
    """Raises NothingKept where one of the two clusters is not where the operation left it."""
    plan, restored = undone.plan, undone.record.restore_details.db_cluster_resource_id
    replacement = plan.replacement
    if replacement is None or kept is None or kept.db_cluster_resource_id != replacement.replaced_resource_id:
        raise NothingKept(f"The cluster that {undone.operation_id} kept does not exist any more.")
    # A later restore may have replaced it: the undo would put back what is two steps old.
    if target is None or target.db_cluster_resource_id != restored:
        raise NothingKept(
            f"The cluster under {plan.target_cluster_id} is not the one that {undone.operation_id} put there: it was "
            "replaced since, or removed. Nothing was touched.",
            f"The kept cluster is {kept.db_cluster_identifier}: start it and rename it by hand if you need it.",
        )


def build_undo_plan(
    operation_id: str, request: UndoRequest, undone: Operation, kept: DbCluster, members: Sequence[DbInstance]
) -> RestorePlan:
    """A swap in which the kept cluster takes the target's name, and the restored one is retired."""
    before = undone.plan
    target = before.target_cluster_id
    replacement = Replacement(
        strategy=Strategy.UNDO,
        replaced_resource_id=undone.record.restore_details.db_cluster_resource_id or "",
        retired_identifier=retired_identifier(target, operation_id),
        final_snapshot_identifier=final_snapshot_identifier(operation_id) if request.final_snapshot else None,
        incoming_resource_id=kept.db_cluster_resource_id,
        undoes=undone.operation_id,
        final_snapshot_retention_days=before.replacement.final_snapshot_retention_days
        if before.replacement
        else None,
    )
    return replace(
        before,
        copy=None,
        copy_reason="an undo copies nothing",
        cluster=replace(
            before.cluster,
            db_cluster_identifier=kept.db_cluster_identifier,
            # The one that clients knew before: what was about to be retired may be fenced.
            port=undone.record.replaced.port,
            # The kept cluster has its secret all along.
            managed_master_secret=False,
        ),
        instances=tuple(
            PlannedInstance(item.db_instance_identifier, item.db_instance_class, item.promotion_tier or 0)
            for item in members
        ),
        db_users=(),
        # What came along was in the cluster before; an undo adds nothing.
        coming_along=(),
        will_be_lost=(),
        # As they were on the kept cluster, with its own members.
        custom_endpoints=tuple(
            CustomEndpoint.from_item(each.item) for each in undone.record.replaced.endpoints
        )
        if before.custom_endpoints
        else (),
        lock_other_logins=False,
        notes=(
            f"puts back the cluster that {undone.operation_id} replaced, as it was when it was stopped",
            certificate_note(request.certificate_renewal),
        ),
        replacement=replacement,
        certificate_renewal=request.certificate_renewal,
    )
