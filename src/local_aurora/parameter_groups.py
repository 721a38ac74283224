"""Parameter groups: describe, create, copy, modify, reset, delete.

Instances have groups of their own too (`pg`); of those only the names matter here.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from local_aurora import catalogue, errors
from local_aurora.identifiers import bare_identifier, checked_tags, validated_identifier
from local_aurora.objects import Cluster
from local_aurora.paging import matching, page
from local_aurora.parameter_catalogue import (
    AT_ONCE,
    checked_change,
    checked_method,
    found_parameter,
    parameters_of,
    show_parameter,
    source_of,
)
from local_aurora.parameter_objects import DEFAULT_PREFIX, ParameterGroup, show_parameter_group
from local_aurora.taking_parameters import show_as_applying
from local_aurora.world import Call, Region, operation

_KINDS = {"cluster-pg": "DBClusterParameterGroup", "pg": "DBParameterGroup"}
_MOST_CHANGES = 20
_MAX_NAME_LENGTH = 255


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
    """The calls on groups of clusters say DBParameterGroupNotFound too, as their model does."""
    found = _groups(call.region, kind).get(bare_identifier(name, kind))
    default_names = {f"{DEFAULT_PREFIX}{version.family}" for version in catalogue.engine_versions()}
    # Without that habit the default groups exist before any cluster needs one.
    is_default = kind == "cluster-pg" and name.lower() in default_names
    if found is None and is_default and not call.world.habits.default_groups_need_a_cluster:
        found = call.world.default_group_of_family(
            call.region, kind, name.lower().removeprefix(DEFAULT_PREFIX)
        )
    if found is None:
        raise errors.AwsError("DBParameterGroupNotFound", f"{_KINDS[kind]} not found: {name}")
    return found


def create_db_cluster_parameter_group(call: Call) -> dict[str, Any]:
    return _create(call, "cluster-pg", call.world.quotas.cluster_parameter_groups)


def create_db_parameter_group(call: Call) -> dict[str, Any]:
    return _create(call, "pg", call.world.quotas.parameter_groups)


def _create(call: Call, kind: str, limit: int) -> dict[str, Any]:
    name = _free_name(call, kind, f"{_KINDS[kind]}Name", limit)
    family = call.params["DBParameterGroupFamily"]
    if family not in {version.family for version in catalogue.engine_versions()}:
        raise errors.invalid_value(f"ParameterGroupFamily {family} is not a valid parameter group family")
    return _made(call, kind, name, family, call.params["Description"])


def copy_db_cluster_parameter_group(call: Call) -> dict[str, Any]:
    """A default group cannot be copied, and none into another Region (AuroraUserGuide, "Copying a DB cluster …").

    The description of RDS's refusal is not published; the code is that of a parameter that it does not take.
    """
    source_name = call.params["SourceDBClusterParameterGroupIdentifier"]
    source = _group(call, "cluster-pg", source_name)
    if source.is_default:
        raise errors.invalid_value(f"Default parameter group {source.name} cannot be copied.")
    limit = call.world.quotas.cluster_parameter_groups
    name = _free_name(call, "cluster-pg", "TargetDBClusterParameterGroupIdentifier", limit)
    shown = _made(
        call, "cluster-pg", name, source.family, call.params["TargetDBClusterParameterGroupDescription"]
    )
    made = call.region.cluster_parameter_groups[name]
    made.parameters = {key: dict(entry) for key, entry in source.parameters.items()}
    return shown


def _free_name(call: Call, kind: str, parameter: str, limit: int) -> str:
    groups = _groups(call.region, kind)
    name = validated_identifier(parameter, call.params[parameter], _MAX_NAME_LENGTH)
    if name in groups:
        raise errors.AwsError("DBParameterGroupAlreadyExists", f"Parameter group {name} already exists")
    # RDS makes the default groups itself, and does not count them.
    if sum(not group.is_default for group in groups.values()) >= limit:
        raise errors.AwsError(
            "DBParameterGroupQuotaExceeded", f"Quota exceeded: {limit} in {call.region.name}."
        )
    return name


def _made(call: Call, kind: str, name: str, family: str, description: str) -> dict[str, Any]:
    durations = call.world.durations
    group = ParameterGroup(
        region=call.region.name,
        account=call.world.account_id,
        name=name,
        kind=kind,
        family=family,
        description=description,
        tags=checked_tags(call.params.get("Tags")),
        complete_at=call.now + timedelta(seconds=durations.parameter_group_completion),
        settled_at=call.now + timedelta(seconds=durations.parameter_group_pending),
    )
    _groups(call.region, kind)[name] = group
    return {_KINDS[kind]: show_parameter_group(group)}


def modify_db_cluster_parameter_group(call: Call) -> dict[str, Any]:
    group = _changeable(call)
    changes = call.params["Parameters"]
    _refuse_many(changes)
    # All of them before the first is set: a call that is refused changes nothing.
    checked = [checked_change(group.family, change) for change in changes]
    for parameter, value, method in checked:
        group.parameters[parameter.name] = {"ParameterValue": value, "ApplyMethod": method}
    _changed(
        call, group, {parameter.name: value for parameter, value, method in checked if method == AT_ONCE}
    )
    return {"DBClusterParameterGroupName": group.name}


def reset_db_cluster_parameter_group(call: Call) -> dict[str, Any]:
    """Back to the family's defaults, the named parameters or all of them."""
    group = _changeable(call)
    named, resets_all = call.params.get("Parameters") or [], bool(call.params.get("ResetAllParameters"))
    if bool(named) == resets_all:
        raise errors.invalid_combination("Either Parameters or ResetAllParameters must be specified.")
    _refuse_many(named)
    for change in named:
        checked_method(found_parameter(group.family, change["ParameterName"]), change)
    for name in [change["ParameterName"] for change in named] or list(group.parameters):
        group.parameters.pop(name, None)
    _changed(call, group, {})
    return {"DBClusterParameterGroupName": group.name}


def _changeable(call: Call) -> ParameterGroup:
    group = _group(call, "cluster-pg", call.params["DBClusterParameterGroupName"])
    if group.is_default:
        raise _invalid_state(f"Default DBParameterGroup cannot be modified: {group.name}")
    if group.has_pending_changes(call.now):
        # terraform-provider-aws waits for this one, for minutes.
        raise _invalid_state(f"DBParameterGroup with name {group.name} has pending changes")
    return group


def _refuse_many(changes: Iterable[Any]) -> None:
    """ "A maximum of 20 parameters can be modified in a single request" (API reference)."""
    if len(list(changes)) > _MOST_CHANGES:
        raise errors.invalid_value(
            f"A maximum of {_MOST_CHANGES} parameters can be modified in a single request."
        )


def _changed(call: Call, group: ParameterGroup, at_once: dict[str, str]) -> None:
    group.settled_at = call.now + timedelta(seconds=call.world.durations.parameter_group_pending)
    for cluster in _users(call, group):
        for member in call.region.members(cluster):
            show_as_applying(call.world, member, group, call.now)
            # The others wait until the engine is started anew.
            member.applied.values |= at_once


def _users(call: Call, group: ParameterGroup) -> list[Cluster]:
    return [each for each in call.region.clusters.values() if each.parameter_group == group.name]


def delete_db_cluster_parameter_group(call: Call) -> dict[str, Any]:
    """Not one that a cluster has, or had a moment ago (hashicorp/terraform #15071; terraform-aws-rds #78)."""
    group = _group(call, "cluster-pg", call.params["DBClusterParameterGroupName"])
    if group.is_default:
        raise _invalid_state(f"Default DBParameterGroup cannot be deleted: {group.name}")
    released = call.region.released_groups.get(group.name, call.now)
    if _users(call, group) or call.now < released:
        raise _invalid_state(
            f"One or more database instances are still members of this parameter group {group.name}, so the group "
            "cannot be deleted"
        )
    if group.has_pending_changes(call.now):
        raise _invalid_state(f"DB parameter group {group.name} can not be deleted in the current state")
    del call.region.cluster_parameter_groups[group.name]
    return {}


def _invalid_state(message: str) -> errors.AwsError:
    return errors.AwsError("InvalidDBParameterGroupState", message)


def describe_db_cluster_parameters(call: Call) -> dict[str, Any]:
    """Every parameter of the family, with what the group sets. "Source": user, system, engine-default."""
    group = _group(call, "cluster-pg", call.params["DBClusterParameterGroupName"])
    source = (call.text("Source") or "").lower()

    def value(name: str) -> str | None:
        entry = group.parameters.get(name)
        return None if entry is None else str(entry["ParameterValue"])

    known = matching(call, parameters_of(group.family).values(), {})
    found = [entry for entry in known if source in ("", source_of(entry, value(entry.name)))]
    return page(
        call,
        "Parameters",
        found,
        lambda entry: entry.name,
        lambda entry: show_parameter(
            entry, value(entry.name), group.parameters.get(entry.name, {}).get("ApplyMethod")
        ),
    )


_PAGED = "Filters MaxRecords Marker"
_CREATED = "DBParameterGroupFamily Description Tags"
OPERATIONS = {
    "DescribeDBClusterParameterGroups": operation(
        describe_db_cluster_parameter_groups, f"DBClusterParameterGroupName {_PAGED}"
    ),
    "DescribeDBParameterGroups": operation(describe_db_parameter_groups, f"DBParameterGroupName {_PAGED}"),
    "CreateDBClusterParameterGroup": operation(
        create_db_cluster_parameter_group, f"DBClusterParameterGroupName {_CREATED}"
    ),
    "CreateDBParameterGroup": operation(create_db_parameter_group, f"DBParameterGroupName {_CREATED}"),
    "CopyDBClusterParameterGroup": operation(
        copy_db_cluster_parameter_group,
        "SourceDBClusterParameterGroupIdentifier TargetDBClusterParameterGroupIdentifier "
        "TargetDBClusterParameterGroupDescription Tags",
    ),
    "ModifyDBClusterParameterGroup": operation(
        modify_db_cluster_parameter_group, "DBClusterParameterGroupName Parameters"
    ),
    "ResetDBClusterParameterGroup": operation(
        reset_db_cluster_parameter_group, "DBClusterParameterGroupName Parameters ResetAllParameters"
    ),
    "DeleteDBClusterParameterGroup": operation(
        delete_db_cluster_parameter_group, "DBClusterParameterGroupName"
    ),
    "DescribeDBClusterParameters": operation(
        describe_db_cluster_parameters, f"DBClusterParameterGroupName Source {_PAGED}"
    ),
}
