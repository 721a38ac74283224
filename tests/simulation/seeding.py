"""The account that a simulated run begins in, and the names of what is in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from aurora_restore.domain.observed import Credentials
from local_aurora.model import LocalAurora

ACCOUNT = "123456789012"
SOURCE_REGION, TARGET_REGION = "us-east-1", "us-west-2"
START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SNAPSHOT_TIME = datetime(2023, 6, 15, 3, 10, tzinfo=UTC)
SOURCE, TARGET, BYSTANDER = "production", "aurora-restored-cluster", "aurora-restored-elsewhere"
SUBNET_GROUP, SECURITY_GROUP, VPC = "default-vpc-subnet-group", "sg-0a1b2c3d", "vpc-0a1b2c3d"
ADMIN_SECRET, USER_SECRET = "aurora-restore/admin-credentials", "aurora-restore/users/reporting"
OLD_CONTENTS = "what was there before"
NAMED_BY_HAND = "aurora-restore-made-by-hand"

PASSWORDS = {
    "production": "the-password-of-production",
    "admin": "the-new-admin-password",
    "old": "the-password-that-was",
    "user": "the-password-of-reporting",
}
"""Every secret there is. None of them may ever be seen outside Secrets Manager and RDS."""

SECRETS = {
    ADMIN_SECRET: {"username": "postgres", "password": PASSWORDS["admin"]},
    USER_SECRET: {"username": "reporting", "password": PASSWORDS["user"]},
}
OLD_SETTINGS: dict[str, Any] = {
    "BackupRetentionPeriod": 3,
    "CopyTagsToSnapshot": True,
    "EnableIAMDatabaseAuthentication": True,
    "PreferredBackupWindow": "07:00-07:30",
    "Tags": [{"Key": "team", "Value": "shop"}],
}
POSTGRESQL, MYSQL = "aurora-postgresql", "aurora-mysql"
TUNED = "tuned"
FAMILIES = {POSTGRESQL: "aurora-postgresql17", MYSQL: "aurora-mysql8.0"}
TUNED_VALUES = {
    POSTGRESQL: {"max_logical_replication_workers": "8", "max_locks_per_transaction": "256"},
    MYSQL: {"event_scheduler": "ON", "long_query_time": "2"},
}
EXPORTED_LOGS = {POSTGRESQL: ["postgresql"], MYSQL: ["slowquery"]}
OLD_INSTANCES = {"aurora-restored-writer": "db.r5.large", "aurora-restored-reader": "db.r5.large"}


@dataclass(frozen=True)
class Surroundings:
    """What exists before anything begins.

    `targets`: clusters that a run can replace. `days`: production has a snapshot of its first day, and of as many
    more days before it. `scaled`: the readers of the first target are scaled, which the operator has suspended in part.
    `tuned`: the clusters of the target Region have a parameter group of their own, so that none was made with the
    family's default one. `engine`: that of all clusters.
    """

    targets: tuple[str, ...] = ()
    days: int = 1
    scaled: bool = False
    tuned: bool = False
    engine: str = POSTGRESQL


def day_of(days_before: int) -> str:
    """The day of a snapshot of production."""
    return f"{SNAPSHOT_TIME - timedelta(days=days_before):%Y-%m-%d}"


def request(**changes: Any) -> dict[str, Any]:
    """The request of the operations guide, with one user; a change to `...` leaves a field out."""
    asked: dict[str, Any] = {
        "source_snapshot_date": "2023-06-15",
        "source_region": SOURCE_REGION,
        "target_region": TARGET_REGION,
        "target_cluster_id": TARGET,
        "db_instance_class": "db.r5.large",
        "vpc_security_group_ids": [SECURITY_GROUP],
        "db_subnet_group_name": SUBNET_GROUP,
        "db_users": [{"username": "reporting", "secret_id": USER_SECRET}],
    }
    return {name: value for name, value in (asked | changes).items() if value is not ...}


def seed(aurora: LocalAurora, surroundings: Surroundings) -> None:
    """Production with its snapshot, the old targets, and things that are not the pipeline's."""
    seeder = aurora.seed
    production = Credentials("postgres", PASSWORDS["production"])
    seeder.put_cluster(
        SOURCE_REGION,
        SOURCE,
        production,
        engine=surroundings.engine,
        instances={"production-1": "db.r5.large"},
        contents="production today",
    )
    for days in range(surroundings.days):
        time = SNAPSHOT_TIME - timedelta(days=days)
        seeder.put_snapshot(SOURCE_REGION, SOURCE, time, contents=f"production on {day_of(days)}")
    subnets = {"subnet-1": f"{TARGET_REGION}a", "subnet-2": f"{TARGET_REGION}b"}
    seeder.put_subnet_group(TARGET_REGION, SUBNET_GROUP, VPC, subnets)
    seeder.put_security_group(TARGET_REGION, SECURITY_GROUP, VPC)
    engine = surroundings.engine
    group: dict[str, Any] = {"engine": engine}
    if surroundings.tuned:
        group["DBClusterParameterGroupName"] = TUNED
        family, values = FAMILIES[engine], TUNED_VALUES[engine]
        seeder.put_parameter_group(TARGET_REGION, TUNED, family, cluster=True, values=values)
    for target in surroundings.targets:
        put_old_target(aurora, target, **group)
    _put_bystanders(aurora, **group)
    if surroundings.scaled:
        _put_scaling(aurora, surroundings.targets[0])


def put_old_target(aurora: LocalAurora, target: str, engine: str = POSTGRESQL, **more: Any) -> None:
    """A cluster with a writer and a reader, settings of its own, and data of its own."""
    mark = "" if target == TARGET else f"-{target}"
    aurora.seed.put_cluster(
        TARGET_REGION,
        target,
        Credentials("postgres", PASSWORDS["old"]),
        instances={f"{name}{mark}": size for name, size in OLD_INSTANCES.items()},
        contents=f"{OLD_CONTENTS}{mark}",
        engine=engine,
        EnableCloudwatchLogsExports=EXPORTED_LOGS[engine],
        DBSubnetGroupName=SUBNET_GROUP,
        VpcSecurityGroupIds=[SECURITY_GROUP],
        **OLD_SETTINGS,
        **more,
    )


def _put_bystanders(aurora: LocalAurora, **more: Any) -> None:
    """Things under our prefixes that no request names."""
    master = Credentials("postgres", PASSWORDS["old"])
    aurora.seed.put_cluster(
        TARGET_REGION,
        BYSTANDER,
        master,
        instances={f"{BYSTANDER}-1": "db.r5.large"},
        contents="elsewhere",
        **more,
    )
    aurora.seed.put_snapshot(
        TARGET_REGION, BYSTANDER, SNAPSHOT_TIME, identifier=NAMED_BY_HAND, snapshot_type="manual"
    )


def _put_scaling(aurora: LocalAurora, target: str) -> None:
    """Readers that come and go with the load; the operator has suspended the schedule, and has to find it so again."""
    named = {
        "ServiceNamespace": "rds",
        "ResourceId": f"cluster:{target}",
        "ScalableDimension": "rds:cluster:ReadReplicaCount",
    }
    capacity = {"MinCapacity": 1, "MaxCapacity": 5, "SuspendedState": {"ScheduledScalingSuspended": True}}
    aurora.scale("RegisterScalableTarget", TARGET_REGION, {**named, **capacity})
    policy = {
        "PolicyName": "by-load",
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {"TargetValue": 60.0},
    }
    aurora.scale("PutScalingPolicy", TARGET_REGION, {**named, **policy})
