"""Small worlds for the tests of decisions: one of each thing, changed where a test says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from aurora_restore.domain.naming import OPERATION_TAG
from aurora_restore.domain.observed import ClusterSnapshot, DbCluster, DbInstance
from aurora_restore.domain.plan import RestorePlan, build_plan
from aurora_restore.domain.request import RestoreRequest, parse_request
from aurora_restore.domain.selection import SelectedSnapshot
from aurora_restore.domain.settings import PipelineSettings

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
OPERATION_ID = "restore-20261122-120000"
KEY_ARN = "arn:aws:kms:us-west-2:123456789012:key/11111111-2222-3333-4444-555555555555"

SETTINGS = PipelineSettings(
    target_region="us-west-2",
    default_source_region="us-east-1",
    default_db_instance_class="db.r5.large",
    admin_secret_id="aurora-restore/admin-credentials",
    target_cluster_prefix="aurora-restored-",
)


def raw_request(**changes: Any) -> dict[str, Any]:
    """The request of the operations guide, with changes; a change to `...` leaves the field out."""
    request: dict[str, Any] = {
        "source_snapshot_date": "2023-06-15",
        "source_region": "us-east-1",
        "target_region": "us-west-2",
        "target_cluster_id": "aurora-restored-cluster",
        "db_instance_class": "db.r5.large",
        "vpc_security_group_ids": ["sg-12345678"],
        "db_subnet_group_name": "default-vpc-subnet-group",
        "delete_cluster_if_exists": True,
    }
    return {name: value for name, value in (request | changes).items() if value is not ...}


def request(**changes: Any) -> RestoreRequest:
    return parse_request(raw_request(**changes), SETTINGS, NOW)


def snapshot(**changes: Any) -> ClusterSnapshot:
    name = changes.get("db_cluster_snapshot_identifier", "rds:production-2023-06-15-03-10")
    base = ClusterSnapshot(
        db_cluster_snapshot_identifier=name,
        db_cluster_snapshot_arn=f"arn:aws:rds:us-east-1:123456789012:cluster-snapshot:{name}",
        db_cluster_identifier="production",
        status="available",
        snapshot_type="automated",
        engine="aurora-postgresql",
        engine_version="15.4",
        master_username="postgres",
        snapshot_create_time=datetime(2023, 6, 15, 3, 10, tzinfo=UTC),
    )
    return replace(base, **changes)


def plan(
    chosen: ClusterSnapshot | None = None, kms_key_arn: str | None = None, **changes: Any
) -> RestorePlan:
    selected = SelectedSnapshot(
        chosen or snapshot(), "the only available snapshot of production of 2023-06-15 (UTC)"
    )
    return build_plan(OPERATION_ID, request(**changes), selected, kms_key_arn, SETTINGS)


def copy_of(chosen: ClusterSnapshot, name: str, **changes: Any) -> ClusterSnapshot:
    base = replace(
        chosen,
        db_cluster_snapshot_identifier=name,
        db_cluster_snapshot_arn=f"arn:aws:rds:us-west-2:123456789012:cluster-snapshot:{name}",
        snapshot_type="manual",
        source_db_cluster_snapshot_arn=chosen.db_cluster_snapshot_arn,
        tags={OPERATION_TAG: OPERATION_ID},
    )
    return replace(base, **changes)


def cluster(**changes: Any) -> DbCluster:
    """The cluster of `plan()` as it is when everything went well."""
    expected = plan().cluster
    base = DbCluster(
        db_cluster_identifier=expected.db_cluster_identifier,
        db_cluster_arn=f"arn:aws:rds:us-west-2:123456789012:cluster:{expected.db_cluster_identifier}",
        status="available",
        engine="aurora-postgresql",
        engine_version="15.4",
        master_username="postgres",
        endpoint="localhost",
        reader_endpoint="localhost",
        port=5432,
        db_subnet_group_name=expected.db_subnet_group_name,
        vpc_security_group_ids=expected.vpc_security_group_ids,
        engine_lifecycle_support=expected.engine_lifecycle_support,
        tags=expected.tags,
    )
    return replace(base, **changes)


def instances(count: int = 1, **changes: Any) -> list[DbInstance]:
    return [
        replace(
            DbInstance(
                db_instance_identifier=expected.db_instance_identifier,
                db_instance_arn=f"arn:aws:rds:us-west-2:123456789012:db:{expected.db_instance_identifier}",
                db_cluster_identifier="aurora-restored-cluster",
                status="available",
                db_instance_class=expected.db_instance_class,
                engine="aurora-postgresql",
                promotion_tier=expected.promotion_tier,
                tags=plan().cluster.tags,
            ),
            **changes,
        )
        for expected in plan(instance_count=count).instances
    ]
