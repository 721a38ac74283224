"""Subnet groups and parameter groups."""

from __future__ import annotations

from typing import Any

from local_aurora import catalogue, errors
from local_aurora.identifiers import checked_tags, validated_identifier
from local_aurora.objects import (
    ParameterGroup,
    SubnetGroup,
    show_parameter_group,
    show_subnet_group,
)
from local_aurora.paging import matching, page
from local_aurora.world import Call, Region, operation

_KINDS = {"cluster-pg": "DBClusterParameterGroup", "pg": "DBParameterGroup"}
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
    _refuse_beyond(
        call, len(call.region.subnet_groups), call.world.quotas.subnet_groups, "DBSubnetGroupQuotaExceeded"
    )
    ids = call.params["SubnetIds"]
    found = [
        call.world.subnet_lookup(call.region.name, subnet_id, place) for place, subnet_id in enumerate(ids)
    ]
    subnets = [subnet for subnet in found if subnet is not None]
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


def _refuse_beyond(call: Call, used: int, limit: int, code: str) -> None:
    if used >= limit:
        raise errors.AwsError(code, f"Quota exceeded: {limit} in {call.region.name}.")


def _groups(region: Region, kind: str) -> dict[str, ParameterGroup]:
    return region.cluster_parameter_groups if kind == "cluster-pg" else region.parameter_groups


def describe_db_cluster_parameter_groups(call: Call) -> dict[str, Any]:
    return _describe(call, "cluster-pg")


def describe_db_parameter_groups(call: Call) -> dict[str, Any]:
    return _describe(call, "pg")


def _describe(call: Call, kind: str) -> dict[str, Any]:
    found = matching(call, _groups(call.region, kind).values(), {})
    if named := call.text(f"{_KINDS[kind]}Name"):
        found = [_group(call, kind, named)]
    return page(call, f"{_KINDS[kind]}s", found, lambda g: g.name, show_parameter_group)


def _group(call: Call, kind: str, name: str) -> ParameterGroup:
    """DescribeDBClusterParameterGroups says DBParameterGroupNotFound for both kinds, as its model does."""
    found = _groups(call.region, kind).get(name.lower())
    if found is None:
        raise errors.AwsError("DBParameterGroupNotFound", f"{_KINDS[kind]} not found: {name}")
    return found


def create_db_cluster_parameter_group(call: Call) -> dict[str, Any]:
    return _create(call, "cluster-pg", call.world.quotas.cluster_parameter_groups)


def create_db_parameter_group(call: Call) -> dict[str, Any]:
    return _create(call, "pg", call.world.quotas.parameter_groups)


def _create(call: Call, kind: str, limit: int) -> dict[str, Any]:
    groups = _groups(call.region, kind)
    name = validated_identifier(f"{_KINDS[kind]}Name", call.params[f"{_KINDS[kind]}Name"])
    if name in groups:
        raise errors.AwsError("DBParameterGroupAlreadyExists", f"Parameter group {name} already exists")
    _refuse_beyond(call, len(groups), limit, "DBParameterGroupQuotaExceeded")
    family = call.params["DBParameterGroupFamily"]
    if family not in {version.family for version in catalogue.engine_versions()}:
        raise errors.invalid_value(f"ParameterGroupFamily {family} is not a valid parameter group family")
    group = ParameterGroup(
        region=call.region.name,
        account=call.world.account_id,
        name=name,
        kind=kind,
        family=family,
        description=call.params["Description"],
        tags=checked_tags(call.params.get("Tags")),
    )
    groups[name] = group
    return {_KINDS[kind]: show_parameter_group(group)}


def modify_db_cluster_parameter_group(call: Call) -> dict[str, Any]:
    name = call.params["DBClusterParameterGroupName"]
    group = _group(call, "cluster-pg", name)
    if group.name.startswith("default."):
        raise errors.AwsError(
            "InvalidDBParameterGroupState", f"Default parameter group {name} cannot be modified."
        )
    for parameter in call.params["Parameters"]:
        if "ParameterName" not in parameter or "ParameterValue" not in parameter:
            raise errors.invalid_combination(
                "A parameter needs ParameterName, ParameterValue and ApplyMethod."
            )
        group.parameters[parameter["ParameterName"]] = dict(parameter)
    return {"DBClusterParameterGroupName": group.name}


def describe_db_cluster_parameters(call: Call) -> dict[str, Any]:
    """The parameters that somebody set; the engine's own defaults are not listed here."""
    group = _group(call, "cluster-pg", call.params["DBClusterParameterGroupName"])
    wanted = call.text("Source")
    parameters = group.parameters.values() if wanted in (None, "user") else ()
    return page(call, "Parameters", parameters, lambda p: str(p["ParameterName"]), _show_parameter)


def _show_parameter(parameter: dict[str, Any]) -> dict[str, Any]:
    return {**parameter, "Source": "user", "IsModifiable": True}


_PAGED = "Filters MaxRecords Marker"
_CREATED = "DBParameterGroupFamily Description Tags"
OPERATIONS = {
    "DescribeDBSubnetGroups": operation(describe_db_subnet_groups, f"DBSubnetGroupName {_PAGED}"),
    "CreateDBSubnetGroup": operation(
        create_db_subnet_group, "DBSubnetGroupName DBSubnetGroupDescription SubnetIds Tags"
    ),
    "DescribeDBClusterParameterGroups": operation(
        describe_db_cluster_parameter_groups, f"DBClusterParameterGroupName {_PAGED}"
    ),
    "DescribeDBParameterGroups": operation(describe_db_parameter_groups, f"DBParameterGroupName {_PAGED}"),
    "CreateDBClusterParameterGroup": operation(
        create_db_cluster_parameter_group, f"DBClusterParameterGroupName {_CREATED}"
    ),
    "CreateDBParameterGroup": operation(create_db_parameter_group, f"DBParameterGroupName {_CREATED}"),
    "ModifyDBClusterParameterGroup": operation(
        modify_db_cluster_parameter_group, "DBClusterParameterGroupName Parameters"
    ),
    "DescribeDBClusterParameters": operation(
        describe_db_cluster_parameters, f"DBClusterParameterGroupName Source {_PAGED}"
    ),
}
