"""VerifyRestore: compare what was asked for with what exists, field by field."""

from __future__ import annotations

from aurora_restore.domain.configuration import (
    difference_words,
)
from aurora_restore.domain.errors import DifferenceNotAccepted, VerificationFailed
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.prediction import found_differences
from aurora_restore.domain.record import CheckState, DifferenceState, RestoreDetails, changed, with_warnings
from aurora_restore.domain.results import Phase, done, in_progress, skipped
from aurora_restore.domain.states import Strategy
from aurora_restore.domain.verification import (
    PENDING_LIMIT,
    Settling,
    compare,
    is_pending,
    settling,
)
from aurora_restore.steps.outcome import StepOutcome
from aurora_restore.steps.ports import Ports
from aurora_restore.steps.runner import record_details

PENDING_VALUES = "pending_values"
"""A subject of a wait: values that RDS has accepted, and still shows as pending."""
PENDING_WARNING = (
    "RDS has not applied these values to {name} within {minutes:g} minutes and goes on showing them as pending: "
    "{pending} (named as in a request). Look at PendingModifiedValues of `aws rds describe-db-clusters`; a value that "
    "stays there may wait for the maintenance window."
)


def verify_restore(operation: Operation, ports: Ports) -> StepOutcome:
    """Put the comparison into the record. Raises VerificationFailed where a settled cluster differs."""
    plan = operation.plan
    if plan.strategy is Strategy.UNDO:
        return StepOutcome(skipped("nothing was restored: the kept cluster is as it was"))
    name = plan.cluster.db_cluster_identifier
    cluster = ports.target_rds.find_cluster(name)
    if cluster is None:
        raise VerificationFailed(f"The cluster {name} is gone since it was restored.")
    instances = ports.target_rds.list_cluster_instances(name)
    wanted_group = operation.record.quiet_group.wanted if plan.starts_with_quiet_group else None
    checks = compare(plan, cluster, instances, wanted_group)
    differences = found_differences(operation, cluster, instances, keeps_port=ports.settings.keeps_ports)
    changes = changed(
        RestoreDetails,
        verification=tuple(CheckState.read(check.to_item()) for check in checks),
        differences=tuple(DifferenceState.read(item.to_item()) for item in differences),
    )
    state = settling(cluster, instances)
    if state is Settling.CHANGING:
        message = f"the cluster {name} is still settling: `{cluster.status}`"
        return StepOutcome(in_progress(message, 50, "settling"))
    pending = ", ".join(cluster.pending_modified_values)
    if state is Settling.PENDING:
        message = f"RDS has still to apply values to the cluster {name}: {pending}"
        if operation.waited_for(Phase.VERIFY_RESTORE, PENDING_VALUES, ports.clock.now()) < PENDING_LIMIT:
            return StepOutcome(in_progress(message, 50, "settling", subject=PENDING_VALUES))
        # A value may wait for the maintenance window, days from now: it is reported, and the restore goes on.
        minutes = PENDING_LIMIT.total_seconds() / 60
        warning = PENDING_WARNING.format(name=name, minutes=minutes, pending=pending)
        changes |= with_warnings(operation.record, warning)
    differing = [check for check in checks if not check.matches and not is_pending(check, cluster)]
    if differing:
        # The comparison goes into the record first: it is what
        # the operator needs, and the error names only a part.
        record_details(ports, operation.operation_id, changes)
        words = "; ".join(f"{item.field}: expected {item.wanted}, found {item.found}" for item in differing)
        raise VerificationFailed(f"{len(differing)} of {len(checks)} fields of {name} differ: {words}.")
    # Before the switch: a cluster that differs in what the request does not ask for never gets the name.
    if unwanted := [item for item in differences if item.stops_the_run]:
        record_details(ports, operation.operation_id, changes)
        raise DifferenceNotAccepted(
            f"{name} is not as the cluster that it is to replace: {difference_words(unwanted)}. The request does "
            "not ask for that, and accept_differences does not name it."
        )
    words = f"all {len(checks)} fields are as asked for"
    if differences:
        words += f"; {len(differences)} differ from the replaced cluster, as asked for or accepted"
    return StepOutcome(done(words), changes)
