"""Functions that die in mid-work, and functions that are called twice at once: the run still ends well."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.stack.conftest import FinishedRun

from aurora_restore.local.stack_info import StackInfo

pytestmark = pytest.mark.xdist_group("stack")

FUNCTIONS = (
    "snapshot-check",
    "copy-snapshot",
    "restore-cluster",
    "setup-db-users",
    "verify-restore",
    "archive-snapshot",
    "notify",
)
LOOK_SECONDS = 0.005
WATCH_AT_MOST_SECONDS = 100.0


def request(target: str) -> dict[str, Any]:
    return {
        "source_snapshot_date": "2023-06-15",
        "target_cluster_id": target,
        "vpc_security_group_ids": ["sg-12345678"],
        "db_subnet_group_name": "default-vpc-subnet-group",
        "db_users": [{"username": "reporting_reader", "secret_id": "aurora-restore/users/reporting"}],
    }


class Killer(threading.Thread):
    """Kills the worker of each function once, when it is first seen at work."""

    def __init__(self, stack: StackInfo) -> None:
        super().__init__(daemon=True)
        self._control = stack.control
        self._left = {f"aurora-restore-{name}" for name in FUNCTIONS}
        self.is_over = threading.Event()

    def run(self) -> None:
        deadline = time.monotonic() + WATCH_AT_MOST_SECONDS
        while self._left and not self.is_over.is_set() and time.monotonic() < deadline:
            for worker in self._control.workers():
                if (
                    worker["busy"]
                    and worker["function"] in self._left
                    and self._control.kill_worker(worker["pid"])
                ):
                    self._left.discard(worker["function"])
            self.is_over.wait(LOOK_SECONDS)

    @property
    def spared(self) -> set[str]:
        return self._left


def things_of(boto: Any, target: str, operation_id: str) -> tuple[int, int, int]:
    """How many clusters, instances and copies an operation has made."""
    rds = boto("rds")
    members = [
        item
        for item in rds.describe_db_instances()["DBInstances"]
        if item.get("DBClusterIdentifier") == target
    ]
    clusters = [
        item for item in rds.describe_db_clusters()["DBClusters"] if item["DBClusterIdentifier"] == target
    ]
    copies = [
        item
        for item in rds.describe_db_cluster_snapshots()["DBClusterSnapshots"]
        if {"Key": "aurora-restore:operation-id", "Value": operation_id} in item.get("TagList", [])
    ]
    return len(clusters), len(members), len(copies)


def without_copies(boto: Any) -> None:
    """So that the run has to make one of its own."""
    rds = boto("rds")
    for item in rds.describe_db_cluster_snapshots(SnapshotType="manual")["DBClusterSnapshots"]:
        rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=item["DBClusterSnapshotIdentifier"])


def test_a_run_ends_well_though_each_of_its_functions_is_killed_at_work(
    stack: StackInfo, boto: Any, start_run: Callable[..., str], await_run: Callable[..., FinishedRun]
) -> None:
    without_copies(boto)
    killer = Killer(stack)
    killer.start()
    ended = await_run(start_run(request("aurora-restored-killed")))
    killer.is_over.set()
    killer.join(timeout=5)
    failures = [event for event in ended.events if event["type"] == "TaskFailed"]
    assert killer.spared == set()
    assert {event["taskFailedEventDetails"]["error"] for event in failures} == {"Runtime.ExitError"}
    assert len(failures) == len(FUNCTIONS)
    assert ended.status == "SUCCEEDED", ended.cause
    assert things_of(boto, "aurora-restored-killed", ended.operation_id) == (1, 1, 1)


def test_a_run_ends_well_though_each_of_its_functions_is_called_a_second_time(
    boto: Any, start_run: Callable[..., str], await_run: Callable[..., FinishedRun]
) -> None:
    without_copies(boto)
    arn = start_run(request("aurora-restored-doubled"))
    operation_id = arn.rsplit(":", 1)[1]
    answers = call_each_again(boto, arn, operation_id)
    ended = await_run(arn)
    assert ended.status == "SUCCEEDED", ended.cause
    assert set(answers) == set(FUNCTIONS[1:])
    assert things_of(boto, "aurora-restored-doubled", ended.operation_id) == (1, 1, 1)


def call_each_again(boto: Any, execution_arn: str, operation_id: str) -> dict[str, Any]:
    """Call the function of each phase once more, as soon as the state machine is seen in that phase."""
    answers: dict[str, Any] = {}
    deadline = time.monotonic() + WATCH_AT_MOST_SECONDS
    names = {name.replace("-", ""): name for name in FUNCTIONS[1:]}
    while time.monotonic() < deadline:
        is_over = boto("stepfunctions").describe_execution(executionArn=execution_arn)["status"] != "RUNNING"
        history = boto("stepfunctions").get_execution_history(executionArn=execution_arn, maxResults=1000)[
            "events"
        ]
        for event in history:
            state = event.get("stateEnteredEventDetails", {}).get("name", "").lower()
            if state in names and names[state] not in answers:
                payload = json.dumps({"operation_id": operation_id})
                called = boto("lambda").invoke(FunctionName=f"aurora-restore-{names[state]}", Payload=payload)
                answers[names[state]] = json.loads(called["Payload"].read())
        if is_over:
            return answers
    raise AssertionError(f"{execution_arn} did not end within {WATCH_AT_MOST_SECONDS} s")
