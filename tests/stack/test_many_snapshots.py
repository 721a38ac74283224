"""A Region with more snapshots than a page of RDS holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.stack.conftest import FinishedRun

from aurora_restore.demo.seed_aurora import put
from local_stack.stack_info import StackInfo

COUNT = 250
FIRST_DAY = datetime(2021, 1, 1, 3, 10, tzinfo=UTC)


def test_the_right_one_of_two_hundred_and_fifty_snapshots_is_found(
    stack: StackInfo, boto: Any, run_to_end: Callable[..., FinishedRun]
) -> None:
    (known,) = [
        item["DBClusterSnapshotIdentifier"]
        for item in boto("rds", "us-east-1").describe_db_cluster_snapshots(DBClusterIdentifier="production")[
            "DBClusterSnapshots"
        ]
        if "2023-06-15" in item["DBClusterSnapshotIdentifier"]
    ]
    for number in range(COUNT):
        put(stack, "snapshot", {
            "region": "us-east-1",
            "DBClusterIdentifier": "production",
            "created_at": (FIRST_DAY + timedelta(days=number)).isoformat(),
            "shares_storage_with": known,
        })  # fmt: skip
    ended = run_to_end(
        {
            "source_snapshot_date": "2021-09-01",
            "target_cluster_id": "aurora-restored-of-many",
            "vpc_security_group_ids": ["sg-12345678"],
            "db_subnet_group_name": "default-vpc-subnet-group",
            "dry_run": True,
        }
    )
    assert ended.status == "SUCCEEDED", ended.cause
    item = boto("dynamodb").get_item(
        TableName="AuroraRestoreState", Key={"operation_id": {"S": ended.operation_id}}
    )
    assert "rds:production-2021-09-01-03-10" in json.dumps(item["Item"]["plan"])
