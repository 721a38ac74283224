"""Records of runs that replace a cluster, undo that, or end abnormally, in the shape that the state table has."""

from __future__ import annotations

from typing import Any

from tests.unit.cli.cli_records import CHECKED, PLAN, REQUEST, STATES_ARN, begun, copying, succeeded

TARGET = "aurora-restored-staging"
ASIDE = "aurora-restored-staging-0a1b2c3d-old"
STAGING = "aurora-restored-staging-0a1b2c3d-new"
FINAL_SNAPSHOT = "aurora-restore-20261122-114200-final-0a1b2c3d"
UNDO_SNAPSHOT = "aurora-restore-undo-20261122-150000-final-9f8e7d6c"
UNDO_ID = "undo-20261122-150000"

REPLACED: dict[str, Any] = {
    "db_cluster_identifier": TARGET,
    "db_cluster_resource_id": "cluster-ABCDEFGHIJKL",
    "engine": "aurora-postgresql",
    "engine_version": "16.4",
    "db_subnet_group_name": "default-vpc-subnet-group",
    "vpc_security_group_ids": ["sg-12345678", "sg-87654321"],
    "db_cluster_parameter_group_name": None,
    "port": 5432,
    "backup_retention_days": 7,
    "deletion_protection": False,
    "cloudwatch_logs_exports": ["postgresql"],
    "tags": {"team": "checkout"},
    "members": [
        {
            "db_instance_identifier": "aurora-restored-staging-1",
            "db_instance_class": "db.r5.large",
            "promotion_tier": 0,
        },
        {
            "db_instance_identifier": "aurora-restored-staging-2",
            "db_instance_class": "db.r5.xlarge",
            "promotion_tier": 1,
        },
    ],
}

DIFFERENCES: list[dict[str, Any]] = [
    {
        "field": "engine_version",
        "replaced": "16.4",
        "restored": "17.7",
        "asked_for": False,
        "accepted": True,
    },
    {"field": "instance_count", "replaced": "2", "restored": "1", "asked_for": True, "accepted": False},
]
UNASKED: dict[str, Any] = {
    "field": "backup_retention_days",
    "replaced": "7",
    "restored": "1",
    "asked_for": False,
    "accepted": False,
}

IN_PROGRESS: dict[str, Any] = CHECKED | {"status": "IN_PROGRESS", "end_time": None, "progress_percent": 20}


def planned(**parameters: Any) -> dict[str, Any]:
    """The plan of a replacement, as the pipeline makes it from the request."""
    strategy = parameters.get("replace_strategy", "swap")
    replacement = {
        "strategy": strategy,
        "replaced_resource_id": REPLACED["db_cluster_resource_id"],
        "retired_identifier": ASIDE,
        "final_snapshot_identifier": FINAL_SNAPSHOT if parameters.get("final_snapshot", True) else None,
        "keep_hours": parameters.get("keep_replaced_hours", 0),
    }
    cluster = PLAN["cluster"] | {"db_cluster_identifier": STAGING if strategy == "swap" else TARGET}
    return PLAN | {"target_cluster_id": TARGET, "cluster": cluster, "replacement": replacement}


def waiting(**wait: Any) -> dict[str, Any]:
    """A copy that is waited for, with what is known about its end."""
    record = copying(43)
    item = {"since": "2026-11-22T11:42:05.000Z", "seconds": 25, "looks": 4, "added_seconds_most": 2} | wait
    record["phases"] = {
        **record["phases"],
        "CopySnapshot": record["phases"]["CopySnapshot"] | {"waits": {"copy": item}},
    }
    return record


def replacing(**parameters: Any) -> dict[str, Any]:
    """The new cluster is being made under its staging name."""
    asked = {"delete_cluster_if_exists": True, "accept_differences": ["engine_version"], "instance_count": 1}
    record = copying() | {"parameters": REQUEST | asked | parameters, "replaced": REPLACED}
    record["phases"] = {
        **record["phases"],
        "CopySnapshot": CHECKED | {"message": "the copy aurora-restore-20261122-114200 is available"},
        "ClearTarget": CHECKED | {"status": "SKIPPED", "message": "the cluster is replaced by swap"},
        "RestoreCluster": IN_PROGRESS | {"message": f"the cluster {STAGING} is `creating`"},
    }
    return record | {
        "step": "RestoreCluster",
        "plan": planned(**parameters),
        "made": {"copy": "aurora-restore-20261122-114200", "cluster": STAGING},
    }


def clearing() -> dict[str, Any]:
    """With delete_first: the old cluster is being removed, before anything is restored."""
    record = replacing(replace_strategy="delete_first")
    phases = {name: record["phases"][name] for name in ("SnapshotCheck", "CopySnapshot")}
    phases["ClearTarget"] = IN_PROGRESS | {"message": "the instance aurora-restored-staging-1 is `deleting`"}
    retirement = {
        "state": "BEGUN",
        "final_snapshot_identifier": FINAL_SNAPSHOT,
        "begun_time": "2026-11-22T11:42:10.000Z",
    }
    return record | {"step": "ClearTarget", "phases": phases, "retirement": retirement}


def switched(**parameters: Any) -> dict[str, Any]:
    """The new cluster has the name, and the old one is being retired."""
    record = replacing(**parameters)
    done = {
        name: CHECKED | {"message": f"{name} is done"}
        for name in ("RestoreCluster", "SetupDbUsers", "VerifyRestore", "SwitchOver")
    }
    retiring = IN_PROGRESS | {"message": f"the snapshot {FINAL_SNAPSHOT} is creating"}
    return record | {
        "step": "RetireReplaced",
        "phases": {**record["phases"], **done, "RetireReplaced": retiring},
        "restore_details": succeeded()["restore_details"] | {"differences": DIFFERENCES},
        "switch_over": {
            "retired_identifier": ASIDE,
            "name_gone_time": "2026-11-22T11:40:02.000Z",
            "switched_time": "2026-11-22T11:41:20.000Z",
            "seconds_without_name": 78,
        },
    }


def _ended(record: dict[str, Any]) -> dict[str, Any]:
    phases = {**record["phases"], "RetireReplaced": CHECKED, "ArchiveSnapshot": CHECKED, "Notify": CHECKED}
    return record | {
        "status": "SUCCEEDED",
        "step": "Notify",
        "phases": phases,
        "end_time": "2026-11-22T11:42:20.000Z",
    }


def kept() -> dict[str, Any]:
    """The replaced cluster is kept for a day."""
    retirement = {"state": "KEPT", "keep_until": "2026-11-23T11:42:00.000Z"}
    return _ended(switched(keep_replaced_hours=24)) | {"retirement": retirement}


def retired() -> dict[str, Any]:
    retirement = {"state": "RETIRED", "final_snapshot_identifier": FINAL_SNAPSHOT}
    return _ended(switched()) | {"retirement": retirement}


def cancelled_after_the_switch() -> dict[str, Any]:
    """Stopped just when it had switched: the restore has succeeded, and the old cluster is kept for a day."""
    cleanup = {
        "ending": "SUCCEEDED",
        "step": "close",
        "message": "the record is closed",
        "done": [f"{ASIDE} was stopped"],
        "kept": [f"{ASIDE} until 2026-11-23T11:42:00Z"],
        "last_updated_time": "2026-11-22T11:42:19.000Z",
    }
    warning = f"the run was stopped after the switch: nothing was undone, and {ASIDE} is kept for 24 h"
    return kept() | {"cleanup": cleanup, "warnings": [warning]}


def differing() -> dict[str, Any]:
    """The new cluster came out otherwise than it was asked for; it was removed."""
    record = replacing()
    done = dict.fromkeys(("RestoreCluster", "SetupDbUsers"), CHECKED)
    error = {
        "code": "DIFFERENCE_NOT_ACCEPTED",
        "message": "backup_retention_days: was 7, would be 1",
        "hint": "Ask for the value in the request, or name the field in accept_differences.",
        "step": "VerifyRestore",
    }
    return record | {
        "status": "FAILED",
        "step": "VerifyRestore",
        "end_time": "2026-11-22T11:52:02.000Z",
        "phases": {**record["phases"], **done, "VerifyRestore": IN_PROGRESS},
        "restore_details": {"differences": [*DIFFERENCES, UNASKED]},
        "cleanup": TIDIED | {"ending": "FAILED"},
        "error": error,
    }


TIDIED: dict[str, Any] = {
    "ending": "CANCELLED",
    "step": "close",
    "message": "the record is closed",
    "done": [
        f"the instance {STAGING}-1 was deleted",
        f"the cluster {STAGING} was deleted",
        "the lock was released",
    ],
    "kept": ["the snapshot copy aurora-restore-20261122-114200, for the next restore, until 2026-11-29"],
    "last_updated_time": "2026-11-22T11:52:01.000Z",
}

CANCELLATION: dict[str, Any] = {
    "code": "CANCELLED",
    "message": "Stopped by ManualCancellation: the wrong day",
    "hint": "Start again under a new name when you want it; a finished copy of the snapshot is used again.",
    "step": "RestoreCluster",
}


def cleaning_up() -> dict[str, Any]:
    """A cancelled replacement, half cleaned up."""
    cleanup = {
        "ending": "CANCELLED",
        "step": "remove_new_cluster",
        "message": f"the cluster {STAGING} is `deleting`",
        "done": [f"the instance {STAGING}-1 was deleted"],
        "kept": [],
        "last_updated_time": "2026-11-22T11:40:20.000Z",
    }
    return replacing() | {"status": "CLEANING_UP", "error": CANCELLATION, "cleanup": cleanup}


def cancelled() -> dict[str, Any]:
    return replacing() | {
        "status": "CANCELLED",
        "end_time": "2026-11-22T11:52:02.000Z",
        "error": CANCELLATION,
        "cleanup": TIDIED,
        "notification": {"message_id": "m-2"},
    }


def undoing() -> dict[str, Any]:
    """The kept cluster is being started again."""
    phases = {
        "SnapshotCheck": CHECKED | {"message": "the kept cluster exists"},
        "CopySnapshot": CHECKED | {"status": "SKIPPED", "message": "an undo copies nothing"},
        "RestoreCluster": IN_PROGRESS | {"message": f"the cluster {ASIDE} is `starting`"},
    }
    parameters = {"undo_operation_id": begun()["operation_id"]}
    return begun() | {
        "operation_id": UNDO_ID,
        "execution_arn": f"{STATES_ARN}:execution:aurora-restore-state-machine:{UNDO_ID}",
        "parameters": parameters,
        "step": "RestoreCluster",
        "phases": phases,
        "plan": _undo_plan(),
        "replaced": REPLACED,
    }


def _undo_plan() -> dict[str, Any]:
    replacement = {
        "strategy": "undo",
        "replaced_resource_id": "cluster-MNOPQRSTUVWX",
        "retired_identifier": "aurora-restored-staging-9f8e7d6c-old",
        "final_snapshot_identifier": UNDO_SNAPSHOT,
        "undoes": begun()["operation_id"],
    }
    return PLAN | {
        "target_cluster_id": TARGET,
        "cluster": PLAN["cluster"] | {"db_cluster_identifier": ASIDE},
        "copy": None,
        "copy_reason": "an undo copies nothing",
        "notes": ["puts back the cluster as it was when it was stopped"],
        "replacement": replacement,
    }


def undone() -> dict[str, Any]:
    record = undoing()
    done = dict.fromkeys(
        ("RestoreCluster", "VerifyRestore", "SwitchOver", "RetireReplaced", "Notify"), CHECKED
    )
    return record | {
        "status": "SUCCEEDED",
        "step": "Notify",
        "phases": {**record["phases"], **done},
        "end_time": "2026-11-22T11:50:00.000Z",
        "switch_over": switched()["switch_over"],
        "retirement": {"state": "RETIRED", "final_snapshot_identifier": UNDO_SNAPSHOT},
    }


def planned_replacement(**parameters: Any) -> dict[str, Any]:
    return replacing(**parameters) | {
        "status": "SUCCEEDED",
        "step": "SnapshotCheck",
        "end_time": "2026-11-22T11:42:02.000Z",
        "parameters": replacing(**parameters)["parameters"] | {"dry_run": True},
        "restore_details": {"differences": [*DIFFERENCES, UNASKED]},
        "phases": {"SnapshotCheck": CHECKED, "Notify": CHECKED},
        "made": {},
    }


def planned_undo() -> dict[str, Any]:
    return undoing() | {
        "status": "SUCCEEDED",
        "end_time": "2026-11-22T11:42:02.000Z",
        "parameters": {"undo_operation_id": begun()["operation_id"], "dry_run": True},
        "phases": {"SnapshotCheck": CHECKED, "Notify": CHECKED},
    }
