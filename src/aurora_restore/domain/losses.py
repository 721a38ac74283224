"""What depends on identities that change with the cluster, so that no setting of the new one can keep it."""

from __future__ import annotations

from aurora_restore.domain.configuration import ClusterConfiguration


def will_be_lost(replaced: ClusterConfiguration | None, *, is_secret_given: bool) -> tuple[str, ...]:
    """In words, for the plan, the record and the message. A loss of function is also reported as a difference."""
    if replaced is None:
        return ()
    members = ", ".join(item.db_instance_identifier for item in replaced.members) or "the instances"
    found = [
        f"the identifiers and endpoints of {members}: alarms, event subscriptions, DMS tasks and infrastructure-as-"
        "code that name them, or the resource id of the cluster, have to be pointed at the new ones",
        "the registration at an RDS Proxy, if there is one: register the new cluster as its target",
    ]
    if replaced.iam_authentication:
        found.append(
            f"rds-db:connect by policies that name {replaced.db_cluster_resource_id}: the new cluster has another "
            "resource id, which the record and the message name; a policy on dbuser:*/USER, or a proxy, outlasts this"
        )
    if replaced.managed_master_secret:
        instead = (
            "after the switch RDS makes a new one for the new cluster, whose ARN the record and the message name"
            if is_secret_given
            else "the new cluster's master user has the password of the admin secret"
        )
        found.append(
            f"the master secret {replaced.managed_master_secret}, which RDS deletes with the old cluster: {instead}"
        )
    return tuple(found)
