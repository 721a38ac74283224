"""What a new local stack has in it: that the guide's example can run, and that a snapshot is its day's data."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from tests.stack.conftest import Clients, end_idle_workers
from tests.stack.polling import poll_until

from aurora_restore.demo import seed_aurora, seed_aws, seed_data
from aurora_restore.demo.facts import SHOP_DATABASE, ShopFacts
from aurora_restore.domain.observed import Credentials, DatabaseEndpoint
from local_aurora.engines.postgresql.admin import connection
from local_stack import lifecycle
from local_stack.stack_info import StackInfo

RESTORED = "restored-by-the-seed-test"


def snapshot_days(boto: Clients, db_cluster_identifier: str) -> list[date]:
    found = boto("rds", "us-east-1").describe_db_cluster_snapshots(
        DBClusterIdentifier=db_cluster_identifier, SnapshotType="automated"
    )["DBClusterSnapshots"]
    return sorted(snapshot["SnapshotCreateTime"].astimezone(UTC).date() for snapshot in found)


def recent_days() -> set[date]:
    """The last three days, whether the stack was made before or after midnight."""
    today = datetime.now(UTC).date()
    return {today - timedelta(days=ago) for ago in range(1, 5)}


def secret(boto: Clients, name: str, region: str | None = None) -> Credentials:
    value = json.loads(boto("secretsmanager", region).get_secret_value(SecretId=name)["SecretString"])
    return Credentials(value["username"], value["password"])


def shop_facts(cluster: dict[str, Any], master: Credentials, info: StackInfo) -> ShopFacts:
    endpoint = DatabaseEndpoint(cluster["Endpoint"], cluster["Port"])
    with connection(endpoint, master, SHOP_DATABASE, info.ca_bundle) as shop:
        return seed_data.facts(shop)


@pytest.fixture(scope="module")
def restored(boto: Clients) -> dict[str, Any]:
    """The guide's snapshot as a cluster of its own, restored by RDS calls alone."""
    rds = boto("rds", "us-east-1")
    snapshot = next(
        each["DBClusterSnapshotIdentifier"]
        for each in rds.describe_db_cluster_snapshots(SnapshotType="automated")["DBClusterSnapshots"]
        if each["SnapshotCreateTime"].astimezone(UTC).date() == seed_aurora.GUIDE_SNAPSHOT_DAY
    )
    rds.restore_db_cluster_from_snapshot(
        DBClusterIdentifier=RESTORED,
        SnapshotIdentifier=snapshot,
        Engine="aurora-postgresql",
        DBSubnetGroupName=seed_aws.SUBNET_GROUP,
    )
    rds.create_db_instance(
        DBInstanceIdentifier=f"{RESTORED}-1",
        DBClusterIdentifier=RESTORED,
        DBInstanceClass="db.r5.large",
        Engine="aurora-postgresql",
    )

    def available() -> bool:
        seen = rds.describe_db_instances(DBInstanceIdentifier=f"{RESTORED}-1")["DBInstances"][0]
        return bool(seen["DBInstanceStatus"] == "available")

    poll_until(available, "the restored instance", timeout_seconds=30)
    cluster: dict[str, Any] = rds.describe_db_clusters(DBClusterIdentifier=RESTORED)["DBClusters"][0]
    return cluster


def test_production_has_snapshots_of_the_guides_day_and_of_the_last_three(boto: Clients) -> None:
    guide_day, *recent = snapshot_days(boto, "production")
    assert guide_day == date(2023, 6, 15)
    assert len(recent) == 3
    assert set(recent) <= recent_days()


def test_the_encrypted_cluster_has_none_of_the_guides_day_so_its_request_is_unambiguous(
    boto: Clients,
) -> None:
    billing = boto("rds", "us-east-1").describe_db_clusters(DBClusterIdentifier="billing")["DBClusters"][0]
    assert billing["StorageEncrypted"]
    assert billing["KmsKeyId"].startswith("arn:aws:kms:us-east-1:")
    assert set(snapshot_days(boto, "billing")) <= recent_days()


def test_production_holds_a_hundred_thousand_rows(stack: StackInfo, boto: Clients) -> None:
    production = boto("rds", "us-east-1").describe_db_clusters(DBClusterIdentifier="production")[
        "DBClusters"
    ][0]
    assert shop_facts(production, secret(boto, "production/master", "us-east-1"), stack).rows >= 100_000


def test_a_snapshot_holds_the_data_of_its_day_and_none_of_a_later_one(
    stack: StackInfo, boto: Clients, restored: dict[str, Any]
) -> None:
    seen = shop_facts(restored, secret(boto, "production/master", "us-east-1"), stack)
    days = (seed_aurora.GUIDE_SNAPSHOT_DAY - seed_data.HISTORY_BEGINS).days + 1
    assert seen.orders == days * seed_data.PRODUCTION_ORDERS_PER_DAY
    assert seen.newest_order_time is not None
    assert seen.newest_order_time.astimezone(UTC).date() == seed_aurora.GUIDE_SNAPSHOT_DAY


def test_the_names_of_the_guides_example_exist_and_fit_each_other(boto: Clients) -> None:
    group = boto("ec2").describe_security_groups(GroupIds=["sg-12345678"])["SecurityGroups"][0]
    subnets = boto("rds").describe_db_subnet_groups(DBSubnetGroupName="default-vpc-subnet-group")[
        "DBSubnetGroups"
    ][0]
    assert group["VpcId"] == subnets["VpcId"]
    assert len({subnet["SubnetAvailabilityZone"]["Name"] for subnet in subnets["Subnets"]}) >= 2


def test_there_is_a_security_group_of_another_vpc(boto: Clients) -> None:
    groups = boto("ec2").describe_security_groups(GroupIds=["sg-12345678", "sg-87654321"])["SecurityGroups"]
    assert len({group["VpcId"] for group in groups}) == 2


def test_the_key_for_restored_clusters_is_enabled(boto: Clients) -> None:
    key = boto("kms").describe_key(KeyId="alias/aurora-restore")["KeyMetadata"]
    assert key["KeyState"] == "Enabled"


def test_the_admin_secret_names_productions_master_user_with_a_password_of_its_own(boto: Clients) -> None:
    admin = secret(boto, "aurora-restore/admin-credentials")
    production = secret(boto, "production/master", "us-east-1")
    assert admin.username == production.username
    assert admin.password != production.password


def test_passwords_are_new_for_every_stack_and_such_as_rds_takes(boto: Clients) -> None:
    names = ["aurora-restore/admin-credentials", *seed_aws.USER_SECRETS]
    passwords = {secret(boto, name).password for name in names}
    assert len(passwords) == len(names)
    assert all(
        re.fullmatch(r"[!-~]{8,41}", password) and not set(password) & set('/"@') for password in passwords
    )


def test_the_pipeline_is_deployed_by_its_own_template(boto: Clients) -> None:
    stacks = boto("cloudformation").describe_stacks(StackName="aurora-restore-pipeline")["Stacks"]
    assert stacks[0]["StackStatus"] == "CREATE_COMPLETE"
    names = {each["FunctionName"] for each in boto("lambda").list_functions()["Functions"]}
    assert "aurora-restore-snapshot-check" in names


def test_the_idle_stack_fits_into_400_mb(stack: StackInfo) -> None:
    def has_no_workers() -> bool:
        end_idle_workers(stack)
        return not stack.control.workers()

    # The cleanup of another file's run may still be at work: it looks for late arrivals for 150 seconds.
    poll_until(has_no_workers, "the end of the workers", timeout_seconds=240)
    seen = lifecycle.status(stack.home)
    assert seen.process_count > 2
    assert seen.memory_bytes < 400_000_000


def test_it_was_ready_in_time(stack: StackInfo) -> None:
    assert stack.seconds < 60, "a limit for a busy machine; `make bench` measures it"
