"""Quotas, engine versions, classes, groups and tags."""

from __future__ import annotations

from collections.abc import Callable

from local_aurora.world import Subnet

from .conftest import Place

Refused = Callable[..., str]


def test_quotas_tell_what_is_used(place: Place) -> None:
    place.copy("copy-1")
    quotas = place.here.describe_account_attributes()["AccountQuotas"]
    shown = {quota["AccountQuotaName"]: (quota["Used"], quota["Max"]) for quota in quotas}
    assert shown["ManualClusterSnapshots"] == (1, 100)
    assert shown["DBClusters"] == (0, 40)


def test_an_engine_version_tells_its_parameter_group_family(place: Place) -> None:
    found = place.here.describe_db_engine_versions(Engine="aurora-postgresql", EngineVersion="15.10")
    assert [v["DBParameterGroupFamily"] for v in found["DBEngineVersions"]] == ["aurora-postgresql15"]
    default = place.here.describe_db_engine_versions(Engine="aurora-mysql", DefaultOnly=True)[
        "DBEngineVersions"
    ]
    assert [v["DBParameterGroupFamily"] for v in default] == ["aurora-mysql8.0"]
    assert place.here.describe_db_engine_versions(Engine="postgres")["DBEngineVersions"] == []


def test_classes_are_orderable_by_engine_and_version(place: Place) -> None:
    def orderable(version: str, instance_class: str) -> int:
        found = place.here.describe_orderable_db_instance_options(
            Engine="aurora-postgresql", EngineVersion=version, DBInstanceClass=instance_class
        )
        return len(found["OrderableDBInstanceOptions"])

    assert orderable("17.4", "db.r5.large") == 1
    assert orderable("17.4", "db.m5.large") == 0
    assert orderable("12.22", "db.r8g.large") == 0
    pages = place.here.get_paginator("describe_orderable_db_instance_options").paginate(
        Engine="aurora-postgresql"
    )
    assert sum(len(page["OrderableDBInstanceOptions"]) for page in pages) > 100


def test_a_subnet_group_covers_the_zones_of_its_subnets(place: Place, refused: Refused) -> None:
    zones = {"subnet-1": "us-west-2a", "subnet-2": "us-west-2b", "subnet-3": "us-west-2a"}
    place.aurora.world.subnet_lookup = lambda _region, subnet_id, _place: (
        Subnet(subnet_id, zones[subnet_id], "vpc-1") if subnet_id in zones else None
    )
    create = place.here.create_db_subnet_group
    group = {"DBSubnetGroupName": "Inner", "DBSubnetGroupDescription": "inside"}
    assert "DoesNotCoverEnoughAZs" in refused(create, **group, SubnetIds=["subnet-1", "subnet-3"])
    assert refused(create, **group, SubnetIds=["subnet-1", "subnet-9"]).startswith("InvalidSubnet")
    create(DBSubnetGroupName="Inner", DBSubnetGroupDescription="inside", SubnetIds=["subnet-1", "subnet-2"])
    shown = place.here.describe_db_subnet_groups(DBSubnetGroupName="inner")["DBSubnetGroups"][0]
    assert (shown["VpcId"], shown["SubnetGroupStatus"], len(shown["Subnets"])) == ("vpc-1", "Complete", 2)
    describe = place.here.describe_db_subnet_groups
    assert refused(describe, DBSubnetGroupName="no").startswith("DBSubnetGroupNotFoundFault")


def test_a_parameter_group_keeps_what_is_set(place: Place, refused: Refused) -> None:
    create, modify = (
        place.here.create_db_cluster_parameter_group,
        place.here.modify_db_cluster_parameter_group,
    )
    group = {"DBClusterParameterGroupName": "tuned", "Description": "ours"}
    assert refused(create, **group, DBParameterGroupFamily="postgres17").startswith("InvalidParameterValue")
    create(
        DBClusterParameterGroupName="tuned", Description="ours", DBParameterGroupFamily="aurora-postgresql17"
    )
    modify(
        DBClusterParameterGroupName="tuned",
        Parameters=[{"ParameterName": "rds.force_ssl", "ParameterValue": "1", "ApplyMethod": "immediate"}],
    )
    found = place.here.describe_db_cluster_parameters(DBClusterParameterGroupName="tuned", Source="user")[
        "Parameters"
    ]
    assert [(p["ParameterName"], p["ParameterValue"]) for p in found] == [("rds.force_ssl", "1")]
    place.here.create_db_parameter_group(
        DBParameterGroupName="for-instances", DBParameterGroupFamily="aurora-postgresql17", Description="ours"
    )
    shown = place.here.describe_db_parameter_groups(DBParameterGroupName="for-instances")["DBParameterGroups"]
    assert shown[0]["DBParameterGroupFamily"] == "aurora-postgresql17"
    describe = place.here.describe_db_cluster_parameter_groups
    assert refused(describe, DBClusterParameterGroupName="no").startswith("DBParameterGroupNotFound")


def test_tags_are_added_listed_and_removed(place: Place, refused: Refused) -> None:
    place.restored("staging")
    arn = "arn:aws:rds:us-west-2:000000000000:cluster:staging"
    place.here.add_tags_to_resource(
        ResourceName=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    )
    place.here.remove_tags_from_resource(ResourceName=arn, TagKeys=["a"])
    assert place.here.list_tags_for_resource(ResourceName=arn)["TagList"] == [{"Key": "b", "Value": "2"}]
    reserved = [{"Key": "AWS:x", "Value": "1"}]
    answer = refused(place.here.add_tags_to_resource, ResourceName=arn, Tags=reserved)
    assert answer.startswith("InvalidParameterValue: Tag keys cannot start with the reserved prefix")
    missing = arn.replace("staging", "nothing")
    assert refused(place.here.list_tags_for_resource, ResourceName=missing).startswith(
        "DBClusterNotFoundFault"
    )


def test_what_is_not_implemented_is_named(place: Place, refused: Refused) -> None:
    answer = refused(place.here.failover_db_cluster, DBClusterIdentifier="staging")
    assert answer.startswith("InvalidAction: ")
    assert "FailoverDBCluster" in answer


def test_a_region_that_is_not_there_is_refused(client: Callable[[str], object], refused: Refused) -> None:
    elsewhere = client("eu-west-1")
    answer = refused(elsewhere.describe_db_clusters)  # type: ignore[attr-defined]
    assert answer.startswith("InvalidClientTokenId")
