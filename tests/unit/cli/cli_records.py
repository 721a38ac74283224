"""Records in each state that a person can meet, in the shape that the state table has."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

NOW = datetime(2026, 11, 22, 11, 42, 30, tzinfo=UTC)

STATES_ARN = "arn:aws:states:us-west-2:123456789012"

REQUEST: dict[str, Any] = {
    "source_snapshot_date": "2026-11-21",
    "source_region": "us-east-1",
    "target_region": "us-west-2",
    "target_cluster_id": "aurora-restored-staging",
    "db_instance_class": "db.r5.large",
    "vpc_security_group_ids": ["sg-12345678"],
    "db_subnet_group_name": "default-vpc-subnet-group",
}

PLAN: dict[str, Any] = {
    "source": {
        "cluster_snapshot_identifier": "rds:production-2026-11-21-05-00",
        "cluster_snapshot_arn": "arn:aws:rds:us-east-1:123456789012:cluster-snapshot:rds:production-2026-11-21-05-00",
        "region": "us-east-1",
        "db_cluster_identifier": "production",
        "snapshot_create_time": "2026-11-21T05:00:12.000Z",
        "engine": "aurora-postgresql",
        "engine_version": "17.7",
        "master_username": "postgres",
        "kms_key_id": None,
        "reason": "the only available snapshot of production of 2026-11-21 (UTC)",
    },
    "copy": {"cluster_snapshot_identifier": "aurora-restore-20261122-114200", "kms_key_id": None},
    "copy_reason": "the snapshot is in us-east-1, the target Region is us-west-2",
    "cluster": {
        "db_cluster_identifier": "aurora-restored-staging",
        "db_subnet_group_name": "default-vpc-subnet-group",
        "vpc_security_group_ids": ["sg-12345678"],
        "db_cluster_parameter_group_name": None,
        "kms_key_id": None,
        "port": None,
        "storage_type": None,
        "backup_retention_days": None,
        "deletion_protection": False,
        "iam_authentication": False,
        "cloudwatch_logs_exports": [],
        "engine_lifecycle_support": "open-source-rds-extended-support-disabled",
        "serverless_v2": None,
        "tags": {"aurora-restore:operation-id": "restore-20261122-114200"},
    },
    "instances": [
        {
            "db_instance_identifier": "aurora-restored-staging-0a1b2c3d-1",
            "db_instance_class": "db.r5.large",
            "promotion_tier": 0,
            "db_parameter_group_name": None,
        }
    ],
    "db_users": [
        {
            "username": "reporting",
            "access": "read_only",
            "secret_id": "aurora-restore/reporting",
            "iam": False,
            "databases": [],
        }
    ],
    "lock_other_logins": False,
    "admin_secret_id": "aurora-restore/admin-credentials",
    "notes": ["the engine version stays that of the snapshot: aurora-postgresql 17.7"],
}

CHECKED: dict[str, Any] = {
    "status": "DONE",
    "start_time": "2026-11-22T11:42:00.500Z",
    "end_time": "2026-11-22T11:42:01.300Z",
    "last_updated_time": "2026-11-22T11:42:01.300Z",
    "progress_percent": 100,
    "message": "the plan is made",
    "calls": 1,
    "wait_seconds": 0,
}


def begun() -> dict[str, Any]:
    return {
        "operation_id": "restore-20261122-114200",
        "execution_arn": f"{STATES_ARN}:execution:aurora-restore-state-machine:restore-20261122-114200",
        "status": "RUNNING",
        "step": "SnapshotCheck",
        "target_cluster_id": "aurora-restored-staging",
        "start_time": "2026-11-22T11:42:00.000Z",
        "last_updated_time": "2026-11-22T11:42:00.500Z",
        "parameters": dict(REQUEST),
        "phases": {},
    }


def copying(percent: int = 45) -> dict[str, Any]:
    return begun() | {
        "step": "CopySnapshot",
        "plan": PLAN,
        "snapshot_details": PLAN["source"] | {"copy": PLAN["copy"], "copy_reason": PLAN["copy_reason"]},
        "phases": {
            "SnapshotCheck": CHECKED,
            "CopySnapshot": {
                "status": "IN_PROGRESS",
                "start_time": "2026-11-22T11:42:02.000Z",
                "last_updated_time": "2026-11-22T11:42:29.000Z",
                "progress_percent": percent,
                "message": "the copy aurora-restore-20261122-114200 is creating",
                "calls": 4,
                "wait_seconds": 5,
            },
        },
    }


def succeeded() -> dict[str, Any]:
    phases = {
        name: CHECKED | {"message": f"{name} is done"}
        for name in (
            "SnapshotCheck",
            "RestoreCluster",
            "SetupDbUsers",
            "VerifyRestore",
            "ArchiveSnapshot",
            "Notify",
        )
    }
    phases["CopySnapshot"] = CHECKED | {
        "status": "SKIPPED",
        "message": "the snapshot is in us-west-2 already",
    }
    return copying() | {
        "status": "SUCCEEDED",
        "step": "Notify",
        "end_time": "2026-11-22T11:45:05.000Z",
        "phases": phases,
        "restore_details": {
            "db_cluster_identifier": "aurora-restored-staging",
            "endpoint": "aurora-restored-staging.cluster-x.us-west-2.rds.amazonaws.com",
            "reader_endpoint": "aurora-restored-staging.cluster-ro-x.us-west-2.rds.amazonaws.com",
            "port": 5432,
            "instances": [
                {"db_instance_identifier": "aurora-restored-staging-0a1b2c3d-1", "status": "available"}
            ],
            "users": [
                {
                    "username": "reporting",
                    "access": "read_only",
                    "action": "created",
                    "databases": ["shop"],
                    "checks": ["logs in", "reads", "cannot write"],
                }
            ],
            "other_logins": ["app_user"],
            "verification": [
                {
                    "field": "engine",
                    "wanted": "aurora-postgresql",
                    "found": "aurora-postgresql",
                    "matches": True,
                },
                {"field": "port", "wanted": 5432, "found": 5433, "matches": False},
            ],
        },
        "notification": {"message_id": "m-1", "published_time": "2026-11-22T11:45:05.000Z"},
    }


def planned() -> dict[str, Any]:
    return begun() | {
        "status": "SUCCEEDED",
        "end_time": "2026-11-22T11:42:02.000Z",
        "parameters": REQUEST | {"dry_run": True},
        "plan": PLAN,
        "phases": {"SnapshotCheck": CHECKED, "Notify": CHECKED},
    }


def refused() -> dict[str, Any]:
    faults = [
        {
            "code": "SUBNET_GROUP_NOT_FOUND",
            "message": "There is no subnet group blue.",
            "hint": "Name one that is.",
        },
        {"code": "KMS_KEY_REQUIRED", "message": "The snapshot is encrypted.", "hint": "Give kms_key_id."},
    ]
    return begun() | {
        "status": "FAILED",
        "end_time": "2026-11-22T11:42:02.000Z",
        "error": {
            "code": "PREFLIGHT_FAILED",
            "message": "2 problems: …",
            "hint": "Correct the request.",
            "step": "SnapshotCheck",
            "problems": faults,
        },
    }


def failed() -> dict[str, Any]:
    return copying() | {
        "status": "FAILED",
        "end_time": "2026-11-22T11:52:02.000Z",
        "error": {
            "code": "SNAPSHOT_COPY_FAILED",
            "message": "The copy aurora-restore-20261122-114200 ended `failed`.",
            "hint": "Look at the key's policy.",
            "step": "CopySnapshot",
        },
    }


def closed_by_hand() -> dict[str, Any]:
    """As the operations guide closes a stuck one: no end time, no hint, no step."""
    return copying() | {
        "status": "FAILED",
        "error": {"message": "Manually marked as failed", "code": "MANUAL_INTERVENTION"},
    }


def refused_by_aws_in_mid_run() -> dict[str, Any]:
    """RDS refused the second instance: an error of a request, met after things had been made."""
    error = {
        "code": "QUOTA_EXCEEDED",
        "message": "There is no room for another instance.",
        "hint": "Ask for a higher quota.",
        "step": "RestoreCluster",
    }
    made = {
        "instance-10": "aurora-restored-staging-0a1b2c3d-10",
        "instance-2": "aurora-restored-staging-0a1b2c3d-2",
        "cluster": "aurora-restored-staging",
        "copy": "aurora-restore-20261122-114200",
    }
    return failed() | {"step": "RestoreCluster", "error": error, "made": made}


def marked_by_hand_and_cleaned_up() -> dict[str, Any]:
    """What was marked by hand, after the cleanup has closed it."""
    cleanup = {"ending": "FAILED", "done": ["the unfinished copy was deleted"], "kept": []}
    return closed_by_hand() | {"end_time": "2026-11-22T11:46:00.000Z", "cleanup": cleanup}


def closed_by_hand_with_words() -> dict[str, Any]:
    """As an operator closes one in the console: the error is a plain text."""
    return copying() | {"status": "FAILED", "error": "Given up, see the ticket."}


def rehearsed(**changes: Any) -> dict[str, Any]:
    """A rehearsal that was measured, and whose cluster is gone."""
    state = {
        "verdict": "PASSED",
        "missed": [],
        "rto_minutes": 240,
        "rpo_hours": 26,
        "rto_seconds": 5025.2,
        "rpo_seconds": 23_400,
        "measured_time": "2026-11-22T11:40:00.000Z",
        "removed_time": "2026-11-22T11:42:00.000Z",
    }
    record = succeeded()
    asked = {"rehearsal": {"rto_minutes": 240, "rpo_hours": 26}}
    return {**record, "parameters": {**record["parameters"], **asked}, "rehearsal": state | changes}
