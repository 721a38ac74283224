"""What belongs to the account and the Region: quotas, engine versions, classes, events, tags, global clusters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Protocol

from local_aurora import catalogue, errors
from local_aurora.identifiers import (
    MAX_TAGS,
    bare_identifier,
    checked_tags,
    parse_arn,
    tag_list,
)
from local_aurora.objects import show_event, show_global_cluster
from local_aurora.paging import matching, page
from local_aurora.world import Call, Region, World, operation

_DEFAULT_EVENT_MINUTES = 60


class Tagged(Protocol):
    tags: dict[str, str]


def describe_account_attributes(call: Call) -> dict[str, Any]:
    region, quotas = call.region, call.world.quotas
    # The groups that RDS makes itself do not count.
    groups = [group for group in region.cluster_parameter_groups.values() if not group.is_default]
    shown = (
        ("DBInstances", len(region.instances), quotas.instances),
        ("DBClusters", len(region.clusters), quotas.clusters),
        ("ManualClusterSnapshots", region.manual_snapshots(), quotas.manual_snapshots),
        ("DBClusterParameterGroups", len(groups), quotas.cluster_parameter_groups),
        ("DBParameterGroups", len(region.parameter_groups), quotas.parameter_groups),
        ("DBSubnetGroups", len(region.subnet_groups), quotas.subnet_groups),
    )
    return {
        "AccountQuotas": [
            {"AccountQuotaName": name, "Used": used, "Max": limit} for name, used, limit in shown
        ]
    }


def describe_db_engine_versions(call: Call) -> dict[str, Any]:
    found = catalogue.engine_versions(call.text("Engine"))
    if family := call.text("DBParameterGroupFamily"):
        found = [v for v in found if v.family == family]
    if version := call.text("EngineVersion"):
        found = [v for v in found if v.version == version or v.version.startswith(f"{version}.")]
    if call.params.get("DefaultOnly"):
        found = [v for v in found if v.is_default]
    found = matching(call, found, {
        "db-parameter-group-family": lambda v: (v.family,),
        "engine": lambda v: (v.engine,),
        "engine-version": lambda v: (v.version,),
        "status": lambda _: ("available",),
        "engine-mode": lambda _: ("provisioned",),
    })  # fmt: skip
    return page(
        call,
        "DBEngineVersions",
        found,
        lambda v: f"{v.engine}/{v.version}",
        lambda v: catalogue.show_engine_version(v, call.region.name),
    )


def describe_orderable_db_instance_options(call: Call) -> dict[str, Any]:
    engine, asked_class = call.params["Engine"], call.text("DBInstanceClass")
    zones = call.region.subnet_group("default").availability_zones
    offered = [
        (version.version, instance_class)
        for version in catalogue.engine_versions(engine)
        if call.text("EngineVersion") in (None, version.version)
        and call.text("LicenseModel") in (None, catalogue.license_model(engine))
        for instance_class in catalogue.instance_classes(engine, version.version)
        # Outside a VPC nothing is offered: EC2-Classic is gone.
        if asked_class in (None, instance_class) and call.params.get("Vpc") is not False
    ]
    offered = matching(call, offered, {})
    return page(
        call,
        "OrderableDBInstanceOptions",
        offered,
        "/".join,
        lambda offer: catalogue.show_orderable(engine, *offer, zones),
    )


def describe_events(call: Call) -> dict[str, Any]:
    """The events of the last hour, or of the time asked for, oldest first."""
    end = call.params.get("EndTime") or call.now
    minutes = call.params.get("Duration") or _DEFAULT_EVENT_MINUTES
    start = call.params.get("StartTime") or end - timedelta(minutes=minutes)
    categories = set(call.params.get("EventCategories") or ())
    found = [
        (number, event)
        for number, event in enumerate(call.region.events)
        if start <= event.date <= end
        and call.text("SourceType") in (None, event.source_type)
        and call.text("SourceIdentifier") in (None, event.source_identifier)
        and (not categories or categories & set(event.categories))
    ]
    # By number: several events can have the same time.
    return page(call, "Events", found, lambda entry: f"{entry[0]:08d}", lambda entry: show_event(entry[1]))


def describe_global_clusters(call: Call) -> dict[str, Any]:
    found = matching(call, call.world.global_clusters.values(), {
        "db-cluster-id": lambda g: (*g.member_arns, *(bare_identifier(arn, "cluster") for arn in g.member_arns)),
    })  # fmt: skip
    if named := call.text("GlobalClusterIdentifier"):
        found = [g for g in found if g.identifier == named.lower()]
        if not found:
            raise errors.AwsError("GlobalClusterNotFoundFault", f"Global cluster {named} not found")
    return page(call, "GlobalClusters", found, lambda g: g.identifier, show_global_cluster)


def list_tags_for_resource(call: Call) -> dict[str, Any]:
    return {"TagList": tag_list(_tagged(call).tags)}


def add_tags_to_resource(call: Call) -> dict[str, Any]:
    resource = _tagged(call)
    # Together: a key that the resource has already takes no further place.
    tags = {**resource.tags, **checked_tags(call.params["Tags"])}
    if len(tags) > MAX_TAGS:
        raise errors.AwsError("TagQuotaExceeded", f"A resource takes at most {MAX_TAGS} tags.")
    resource.tags = tags
    return {}


def remove_tags_from_resource(call: Call) -> dict[str, Any]:
    resource = _tagged(call)
    removed = set(call.params["TagKeys"])
    resource.tags = {key: value for key, value in resource.tags.items() if key not in removed}
    return {}


def tags_of(world: World, region_name: str, arn_text: str) -> Mapping[str, str]:
    """The tags of the resource with an ARN; none where that is nothing that has tags here."""
    arn, region = parse_arn(arn_text), world.regions.get(region_name)
    if arn is None or region is None or arn.region != region_name:
        return {}
    find = _finders(region).get(arn.kind)
    try:
        return find(arn.name).tags if find else {}
    except errors.AwsError:
        # The answer to the request will be that there is no such resource.
        return {}


def _tagged(call: Call) -> Tagged:
    named = call.params["ResourceName"]
    arn = parse_arn(named)
    # Each Region of RDS knows its own resources alone.
    if arn is None or arn.region != call.region.name:
        raise errors.invalid_value(
            f"Invalid resource name: {named}. The ARN of a resource in {call.region.name} is needed."
        )
    finders = _finders(call.region)
    if arn.kind not in finders:
        raise errors.invalid_value(f"Invalid resource name: {named}. Kinds known here: {', '.join(finders)}.")
    return finders[arn.kind](arn.name)


def _finders(region: Region) -> Mapping[str, Callable[[str], Tagged]]:
    """How a resource with tags is found by its name, by the kind that its ARN names."""
    return {
        "cluster": region.cluster,
        "cluster-snapshot": region.snapshot,
        "db": region.instance,
        "subgrp": region.subnet_group,
        "cluster-pg": region.cluster_parameter_group,
        "pg": region.parameter_group,
    }


_PAGED = "Filters MaxRecords Marker"
OPERATIONS = {
    "DescribeAccountAttributes": operation(describe_account_attributes, ""),
    "DescribeDBEngineVersions": operation(
        describe_db_engine_versions,
        f"Engine EngineVersion DBParameterGroupFamily DefaultOnly IncludeAll ListSupportedCharacterSets "
        f"ListSupportedTimezones {_PAGED}",
    ),
    "DescribeOrderableDBInstanceOptions": operation(
        describe_orderable_db_instance_options,
        f"Engine EngineVersion DBInstanceClass Vpc LicenseModel {_PAGED}",
    ),
    "DescribeEvents": operation(
        describe_events, f"SourceIdentifier SourceType StartTime EndTime Duration EventCategories {_PAGED}"
    ),
    "DescribeGlobalClusters": operation(describe_global_clusters, f"GlobalClusterIdentifier {_PAGED}"),
    "ListTagsForResource": operation(list_tags_for_resource, "ResourceName Filters"),
    "AddTagsToResource": operation(add_tags_to_resource, "ResourceName Tags"),
    "RemoveTagsFromResource": operation(remove_tags_from_resource, "ResourceName TagKeys"),
}
