"""Subnet groups."""

from __future__ import annotations

from typing import Any

from local_aurora import errors
from local_aurora.identifiers import checked_tags
from local_aurora.objects import SubnetGroup, show_subnet_group
from local_aurora.paging import matching, page
from local_aurora.world import Call, operation

_MIN_ZONES = 2


def describe_db_subnet_groups(call: Call) -> dict[str, Any]:
    found = matching(call, call.region.subnet_groups.values(), {})
    if named := call.text("DBSubnetGroupName"):
        found = [call.region.subnet_group(named)]
    return page(call, "DBSubnetGroups", found, lambda g: g.name, show_subnet_group)


def create_db_subnet_group(call: Call) -> dict[str, Any]:
    name = call.params["DBSubnetGroupName"].lower()
    if name in call.region.subnet_groups:
        raise errors.AwsError("DBSubnetGroupAlreadyExists", f"The DB subnet group '{name}' already exists.")
    limit = call.world.quotas.subnet_groups
    if len(call.region.subnet_groups) >= limit:
        message = f"Quota exceeded: {limit} in {call.region.name}."
        raise errors.AwsError("DBSubnetGroupQuotaExceeded", message)
    ids = call.params["SubnetIds"]
    found = [
        call.world.subnet_lookup(call.region.name, subnet_id, place) for place, subnet_id in enumerate(ids)
    ]
    subnets = [subnet for subnet in found if subnet is not None]
    # One error for both, as RDS has it.
    if len(subnets) < len(ids) or len({subnet.vpc_id for subnet in subnets}) != 1:
        raise errors.AwsError(
            "InvalidSubnet", f"Some input subnets are invalid, or not of one VPC: {', '.join(ids)}."
        )
    group = SubnetGroup(
        region=call.region.name,
        account=call.world.account_id,
        name=name,
        vpc_id=subnets[0].vpc_id,
        subnets={subnet.subnet_id: subnet.availability_zone for subnet in subnets},
        description=call.params["DBSubnetGroupDescription"],
        tags=checked_tags(call.params.get("Tags")),
    )
    if len(group.availability_zones) < _MIN_ZONES:
        raise errors.AwsError(
            "DBSubnetGroupDoesNotCoverEnoughAZs",
            "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Add subnets to cover at "
            f"least {_MIN_ZONES} AZs. Current AZ coverage: {', '.join(group.availability_zones)}",
        )
    call.region.subnet_groups[name] = group
    return {"DBSubnetGroup": show_subnet_group(group)}


_PAGED = "Filters MaxRecords Marker"
OPERATIONS = {
    "DescribeDBSubnetGroups": operation(describe_db_subnet_groups, f"DBSubnetGroupName {_PAGED}"),
    "CreateDBSubnetGroup": operation(
        create_db_subnet_group, "DBSubnetGroupName DBSubnetGroupDescription SubnetIds Tags"
    ),
}
