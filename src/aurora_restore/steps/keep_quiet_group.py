"""Where the requested group is a default one that does not exist, the group of the first start becomes the cluster's
own.

RDS makes `default.<family>` with the first cluster of a family that names no group; until then a request that names it
is refused (terraform-aws-rds-aurora #50, aws-cdk #2512). A Region in which nothing was restored before has none.
"""

from __future__ import annotations

from aurora_restore.domain.acts import ResetParameters
from aurora_restore.domain.observed import DbCluster
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.quiet_group import RESET_ACT, is_default_group, quiet_parameters
from aurora_restore.domain.record import QuietGroup, changed
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.perform import carry_out
from aurora_restore.steps.ports import Ports
from aurora_restore.steps.runner import RunGuard


def keep_group(operation: Operation, ports: Ports, cluster: DbCluster) -> StepOutcome | None:
    """Bring the group back to its family's defaults, once; None where that is not to be done, or has been."""
    group, rds = operation.record.quiet_group, ports.target_rds
    name, expected, default = group.name, group.wanted, group.kept_for
    if not name or not expected or cluster.db_cluster_parameter_group_name != name:
        return None
    # A group of the operator's own is never replaced by ours, and neither is a default one that exists by now.
    if default is None:
        if not is_default_group(expected) or rds.find_cluster_parameter_group(expected) is not None:
            return None
        default = expected
    asked = operation.asked(RESET_ACT)
    if asked and asked.answered:
        return None
    quiet = quiet_parameters(operation.plan.parameter_group_family or "")
    parameters = [each for each in quiet if each in rds.cluster_parameters(name)]
    reason = f"there is no {default} in this Region: {name} gets the defaults of its family"
    # From now on this is the expected group, even where the default one comes to exist meanwhile.
    also = changed(QuietGroup, kept_for=default, wanted=name)
    reset = ResetParameters(name, parameters, kind=RESET_ACT, reason=reason, also=also)
    event = Event("parameter_group.kept", {"name": name, "instead_of": default})
    return carry_out(RunGuard(ports, operation), reset, event)
