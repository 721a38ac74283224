"""Custom endpoints of clusters.

The Aurora user guide, "Considerations for custom endpoints": "You can't reuse the same custom endpoint name for more
than one cluster in the same AWS Region", at most five belong to one cluster, and a cluster that is restored from a
snapshot has none. An endpoint belongs to its cluster, also after a rename of the cluster. That it is deleted with its
cluster is an assumption, which is not verified on an account.
"""

from __future__ import annotations

from typing import Any

from local_aurora import errors
from local_aurora.identifiers import validated_identifier
from local_aurora.objects import Cluster, CustomEndpoint
from local_aurora.paging import matching, page
from local_aurora.timing import Kind
from local_aurora.world import Call, operation

_MOST = 5
_TYPES = ("READER", "ANY")
_FILTERS = {"db-cluster-endpoint-type": lambda _: ["custom"]}


def create_db_cluster_endpoint(call: Call) -> dict[str, Any]:
    cluster = call.region.cluster(call.params["DBClusterIdentifier"])
    name = validated_identifier("DBClusterEndpointIdentifier", call.params["DBClusterEndpointIdentifier"])
    endpoint_type, region = str(call.params["EndpointType"]).upper(), call.region
    if endpoint_type not in _TYPES:
        raise errors.invalid_value(f"Invalid EndpointType {endpoint_type}: {', '.join(_TYPES)}.")
    if name in region.custom_endpoints:
        raise errors.AwsError(
            "DBClusterEndpointAlreadyExistsFault", f"The DB cluster endpoint {name} exists already."
        )
    own = [
        each for each in region.custom_endpoints.values() if each.cluster_resource_id == cluster.resource_id
    ]
    if len(own) >= _MOST:
        raise errors.AwsError(
            "DBClusterEndpointQuotaExceededFault", f"A cluster has at most {_MOST} custom endpoints."
        )
    static, excluded = (list(call.params.get(key) or []) for key in ("StaticMembers", "ExcludedMembers"))
    if static and excluded:
        raise errors.invalid_combination("StaticMembers and ExcludedMembers exclude each other.")
    # RDS takes only instances of this very cluster.
    members = {member.identifier for member in region.members(cluster)}
    if strangers := sorted({*static, *excluded} - members):
        raise errors.instance_not_found(strangers[0])
    if cluster.status != "available":
        raise _cluster_is_busy(cluster)
    made = CustomEndpoint(
        name,
        cluster.resource_id,
        endpoint_type,
        static,
        excluded,
        cluster.host_name("cluster-custom", name),
        status="creating",
    )
    region.custom_endpoints[name] = made
    call.world.begin(Kind.ENDPOINT_CREATE, region, made.subject, call.now, call.world.durations.endpoint)
    return _show(call, made)


def describe_db_cluster_endpoints(call: Call) -> dict[str, Any]:
    """Only custom endpoints are shown here, so that only they may be asked for."""
    expected = [each for each in call.params.get("Filters") or [] if "custom" in each.get("Values", [])]
    if not expected:
        raise errors.invalid_value("The local Aurora describes custom endpoints alone: filter by their type.")
    found = matching(call, call.region.custom_endpoints.values(), _FILTERS)
    if named := call.text("DBClusterIdentifier"):
        cluster = call.region.cluster(named)
        found = [each for each in found if each.cluster_resource_id == cluster.resource_id]
    return page(call, "DBClusterEndpoints", found, lambda e: e.identifier, lambda e: _show(call, e))


def delete_db_cluster_endpoint(call: Call) -> dict[str, Any]:
    name = str(call.params["DBClusterEndpointIdentifier"]).lower()
    if (gone := call.region.custom_endpoints.get(name)) is None:
        raise errors.AwsError("DBClusterEndpointNotFoundFault", f"DB cluster endpoint {name} not found.")
    if gone.status != "available":
        raise errors.AwsError(
            "InvalidDBClusterEndpointStateFault",
            f"The DB cluster endpoint {name} is in the {gone.status} state.",
        )
    cluster = call.region.cluster_by_resource_id(gone.cluster_resource_id)
    if cluster is not None and cluster.status != "available":
        raise _cluster_is_busy(cluster)
    gone.status = "deleting"
    call.world.begin(Kind.ENDPOINT_DELETE, call.region, gone.subject, call.now, call.world.durations.endpoint)
    return _show(call, gone)


def _cluster_is_busy(cluster: Cluster) -> errors.AwsError:
    return errors.invalid_cluster_state(
        f"DB cluster {cluster.identifier} is in the {cluster.status} state; it must be available."
    )


def shown_hosts(call: Call, cluster: Cluster) -> list[str]:
    """The host names that the cluster itself shows."""
    shows_all = call.world.habits.changing_endpoints_show
    return sorted(
        each.host
        for each in call.region.custom_endpoints.values()
        if each.cluster_resource_id == cluster.resource_id and (shows_all or each.status == "available")
    )


def _show(call: Call, endpoint: CustomEndpoint) -> dict[str, Any]:
    cluster = call.region.cluster_by_resource_id(endpoint.cluster_resource_id)
    return {
        "DBClusterEndpointIdentifier": endpoint.identifier,
        "DBClusterIdentifier": cluster.identifier if cluster else "",
        "Endpoint": endpoint.host,
        "Status": endpoint.status,
        "EndpointType": "CUSTOM",
        "CustomEndpointType": endpoint.endpoint_type,
        "StaticMembers": endpoint.static_members,
        "ExcludedMembers": endpoint.excluded_members,
    }


OPERATIONS = {
    "CreateDBClusterEndpoint": operation(
        create_db_cluster_endpoint,
        "DBClusterIdentifier DBClusterEndpointIdentifier EndpointType StaticMembers ExcludedMembers",
    ),
    "DescribeDBClusterEndpoints": operation(
        describe_db_cluster_endpoints, "DBClusterIdentifier Filters MaxRecords Marker"
    ),
    "DeleteDBClusterEndpoint": operation(delete_db_cluster_endpoint, "DBClusterEndpointIdentifier"),
}
