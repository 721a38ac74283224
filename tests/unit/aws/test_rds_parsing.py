"""RDS's answers as the domain sees them."""

from __future__ import annotations

from datetime import UTC, datetime

from aurora_restore.aws.rds_parsing import (
    parse_cluster,
    parse_cluster_snapshot,
    parse_instance,
    parse_subnet_group,
    to_tag_list,
)
from aurora_restore.domain.observed import ClusterSnapshot, DbInstance, SubnetGroup

ARN = "arn:aws:rds:us-east-1:123456789012"


def test_a_snapshot_that_is_being_created_has_no_time_yet() -> None:
    snapshot = parse_cluster_snapshot(
        {
            "DBClusterSnapshotIdentifier": "s",
            "DBClusterSnapshotArn": f"{ARN}:cluster-snapshot:s",
            "Status": "creating",
        }
    )
    assert snapshot == ClusterSnapshot("s", f"{ARN}:cluster-snapshot:s", "", "creating", "", "", "", "")


def test_a_snapshot_under_rds_s_own_encryption_has_no_key() -> None:
    snapshot = parse_cluster_snapshot(
        {
            "DBClusterSnapshotIdentifier": "rds:production-2023-06-15-06-10",
            "DBClusterSnapshotArn": f"{ARN}:cluster-snapshot:rds:production-2023-06-15-06-10",
            "DBClusterIdentifier": "production",
            "Status": "available",
            "SnapshotType": "automated",
            "Engine": "aurora-postgresql",
            "EngineVersion": "17.4",
            "MasterUsername": "postgres",
            "SnapshotCreateTime": datetime(2023, 6, 15, 6, 10, tzinfo=UTC),
            "PercentProgress": 100,
            "Port": 0,
            "StorageEncrypted": False,
            "StorageEncryptionType": "sse-rds",
            "KmsKeyId": "",
            "TagList": [{"Key": "team", "Value": "shop"}],
        }
    )
    assert snapshot.snapshot_create_time == datetime(2023, 6, 15, 6, 10, tzinfo=UTC)
    assert not snapshot.storage_encrypted
    assert snapshot.kms_key_id is None
    assert snapshot.port is None
    assert snapshot.tags == {"team": "shop"}


def test_a_cluster_shows_its_writer_first_and_its_groups_in_order() -> None:
    cluster = parse_cluster(
        {
            "DBClusterIdentifier": "staging",
            "DBClusterArn": f"{ARN}:cluster:staging",
            "PercentProgress": "50",
            "DBClusterMembers": [
                {"DBInstanceIdentifier": "staging-1", "IsClusterWriter": False},
                {"DBInstanceIdentifier": "staging-2", "IsClusterWriter": True},
            ],
            "VpcSecurityGroups": [
                {"VpcSecurityGroupId": "sg-2", "Status": "active"},
                {"VpcSecurityGroupId": "sg-1", "Status": "active"},
            ],
            "ServerlessV2ScalingConfiguration": {"MinCapacity": 0.5, "MaxCapacity": 4.0},
            "EnabledCloudwatchLogsExports": ["postgresql"],
        }
    )
    assert cluster.member_identifiers == ("staging-2", "staging-1")
    assert cluster.vpc_security_group_ids == ("sg-1", "sg-2")
    assert cluster.percent_progress == 50
    assert cluster.serverless_v2 == {"min_capacity": 0.5, "max_capacity": 4.0}
    assert cluster.cloudwatch_logs_exports == ("postgresql",)


def test_a_pending_password_shows_that_it_is_pending_and_nothing_of_itself() -> None:
    cluster = parse_cluster(
        {
            "DBClusterIdentifier": "staging",
            "DBClusterArn": f"{ARN}:cluster:staging",
            "PercentProgress": "",
            "PendingModifiedValues": {"MasterUserPassword": "****", "EngineVersion": "17.5"},
        }
    )
    assert cluster.pending_modified_values == {"master_user_password": True, "engine_version": "17.5"}
    assert cluster.percent_progress is None
    assert cluster.serverless_v2 is None


def test_an_instance_shows_its_parameter_group() -> None:
    instance = parse_instance(
        {
            "DBInstanceIdentifier": "staging-1",
            "DBInstanceArn": f"{ARN}:db:staging-1",
            "DBClusterIdentifier": "staging",
            "DBInstanceStatus": "available",
            "DBInstanceClass": "db.r5.large",
            "Engine": "aurora-postgresql",
            "PromotionTier": 0,
            "DBParameterGroups": [{"DBParameterGroupName": "own", "ParameterApplyStatus": "in-sync"}],
        }
    )
    assert instance == DbInstance(
        "staging-1",
        f"{ARN}:db:staging-1",
        "staging",
        "available",
        "db.r5.large",
        "aurora-postgresql",
        promotion_tier=0,
        db_parameter_group_name="own",
    )


def test_a_subnet_group_names_each_zone_once() -> None:
    group = parse_subnet_group(
        {
            "DBSubnetGroupName": "databases",
            "VpcId": "vpc-1",
            "SubnetGroupStatus": "Complete",
            "Subnets": [
                {"SubnetIdentifier": name, "SubnetAvailabilityZone": {"Name": zone}}
                for name, zone in (("a", "us-west-2b"), ("b", "us-west-2a"), ("c", "us-west-2b"))
            ],
        }
    )
    assert group == SubnetGroup("databases", "vpc-1", "Complete", ("us-west-2a", "us-west-2b"))


def test_tags_that_aws_reserves_are_left_out() -> None:
    assert to_tag_list({"aws:cloudformation:stack-name": "x", "AWS:y": "x", "team": "shop"}) == [
        {"Key": "team", "Value": "shop"}
    ]
