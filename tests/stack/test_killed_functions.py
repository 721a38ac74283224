"""Functions that die in mid-work, and functions that are called twice at once: the run still ends well."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from tests.stack.conftest import FinishedRun, end_idle_workers
from tests.stack.polling import poll_until

from local_stack.stack_info import StackInfo

pytestmark = pytest.mark.file_one_day_in(7, 1)

FUNCTIONS = {
    "SnapshotCheck": "snapshot-check",
    "CopySnapshot": "copy-snapshot",
    "RestoreCluster": "restore-cluster",
    "SetupDbUsers": "setup-db-users",
    "VerifyRestore": "verify-restore",
    "ArchiveSnapshot": "archive-snapshot",
    "Notify": "notify",
}
LAST_PHASES = {"VerifyRestore", "ArchiveSnapshot", "Notify"}
"""The phases that take moments, at the end of a run."""
PHASES = {f"aurora-restore-{name}": phase for phase, name in FUNCTIONS.items()}
LOOK_SECONDS = 0.003
QUICK_POLL_SECONDS = 0.02
"""Often enough to meet a phase while the run is in it: the second call must not come after the end of the run."""
WATCH_AT_MOST_SECONDS = 100.0
RUNS_AT_MOST = 4


def request(target: str) -> dict[str, Any]:
    return {
        "source_snapshot_date": "2023-06-15",
        "target_cluster_id": target,
        "vpc_security_group_ids": ["sg-12345678"],
        "db_subnet_group_name": "default-vpc-subnet-group",
        "db_users": [{"username": "reporting_reader", "secret_id": "aurora-restore/users/reporting"}],
    }


class Killer(threading.Thread):
    """Kills the worker of a phase once its step has begun, which the record tells, and is not done."""

    def __init__(self, stack: StackInfo, boto: Any, operation_id: str, phases: set[str]) -> None:
        super().__init__(daemon=True)
        self._control, self._dynamodb, self._operation_id = stack.control, boto("dynamodb"), operation_id
        self._left = set(phases)
        self.is_over = threading.Event()

    def run(self) -> None:
        deadline = time.monotonic() + WATCH_AT_MOST_SECONDS
        while self._left and not self.is_over.is_set() and time.monotonic() < deadline:
            for worker in self._control.workers():
                phase = PHASES.get(worker["function"])
                if worker["busy"] and phase in self._left:
                    self._look_at(worker["pid"], phase)
            self.is_over.wait(LOOK_SECONDS)

    def _look_at(self, pid: int, phase: str) -> None:
        """Hold the worker while the record is read, so that it cannot get past the moment in between."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            if phase in self._begun():
                self._control.kill_worker(pid)
                self._left.discard(phase)
            else:
                os.kill(pid, signal.SIGCONT)

    def _begun(self) -> set[str]:
        found = self._dynamodb.get_item(
            TableName="AuroraRestoreState",
            Key={"operation_id": {"S": self._operation_id}},
            ProjectionExpression="phases",
        )
        phases = found.get("Item", {}).get("phases", {}).get("M", {})
        return {name for name, state in phases.items() if state["M"]["status"]["S"] == "IN_PROGRESS"}


def killed_phases(run: FinishedRun) -> set[str]:
    """The phases whose Task failed, by the history; each failure is that of a killed process."""
    entered, killed = "", set()
    for event in run.events:
        entered = event.get("stateEnteredEventDetails", {}).get("name", entered)
        if event["type"] == "TaskFailed":
            assert event["taskFailedEventDetails"]["error"] == "Runtime.ExitError"
            killed.add(entered)
    return killed


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


def test_a_run_ends_well_though_its_functions_are_killed_at_work(
    stack: StackInfo, boto: Any, start_run: Callable[..., str], await_run: Callable[..., FinishedRun]
) -> None:
    """A function that was done just before it was met is met in a further run."""
    spared = set(FUNCTIONS)
    for number in range(RUNS_AT_MOST):
        without_copies(boto)
        end_idle_workers(
            stack
        )  # so that each function starts cold, and is at work long enough to be met there
        target = f"aurora-restored-killed-{number}"
        arn = start_run(request(target))
        killer = Killer(stack, boto, arn.rsplit(":", 1)[1], spared)
        killer.start()
        ended = await_run(arn)
        killer.is_over.set()
        killer.join(timeout=5)
        assert ended.status == "SUCCEEDED", ended.cause
        assert things_of(boto, target, ended.operation_id) == (1, 1, 1)
        spared -= killed_phases(ended)
        if not spared:
            return
    raise AssertionError(f"in {RUNS_AT_MOST} runs these were never killed at work: {spared}")


def test_a_run_ends_well_though_each_of_its_functions_is_called_a_second_time(
    boto: Any, start_run: Callable[..., str], await_run: Callable[..., FinishedRun]
) -> None:
    without_copies(boto)
    arn = start_run(request("aurora-restored-doubled"))
    answers = call_each_again(boto, arn)
    ended = await_run(arn)
    assert ended.status == "SUCCEEDED", ended.cause
    assert things_of(boto, "aurora-restored-doubled", ended.operation_id) == (1, 1, 1)
    assert set(answers) == set(FUNCTIONS)
    # On a busy machine a call arrives after the end of the run: then nothing is done any more.
    late = {phase for phase, answer in answers.items() if answer.get("errorType") == "OperationNotRunning"}
    assert late <= LAST_PHASES
    for phase in answers.keys() - late:
        assert answers[phase].get("status") in {"DONE", "IN_PROGRESS"}, (phase, answers[phase])


def call_each_again(boto: Any, execution_arn: str) -> dict[str, Any]:
    """Call the function of each phase once more, as soon as the state machine is seen in that phase.

    Each call has a thread of its own: while one waits for its answer, the state machine goes on to the next phase.
    """
    states, functions = boto("stepfunctions"), boto("lambda")
    payload = {
        "operation_id": execution_arn.rsplit(":", 1)[1],
        "execution_arn": execution_arn,
        "request": request("aurora-restored-doubled"),
    }

    def call(phase: str) -> Any:
        called = functions.invoke(
            FunctionName=f"aurora-restore-{FUNCTIONS[phase]}", Payload=json.dumps(payload)
        )
        return json.loads(called["Payload"].read())

    with ThreadPoolExecutor(max_workers=len(FUNCTIONS)) as pool:
        calls: dict[str, Future[Any]] = {}

        def look() -> bool:
            is_over = bool(states.describe_execution(executionArn=execution_arn)["status"] != "RUNNING")
            history = states.get_execution_history(executionArn=execution_arn, maxResults=1000)["events"]
            for event in history:
                phase = event.get("stateEnteredEventDetails", {}).get("name")
                if phase in FUNCTIONS and phase not in calls:
                    calls[phase] = pool.submit(call, phase)
            return is_over

        poll_until(look, f"the end of {execution_arn}", WATCH_AT_MOST_SECONDS, QUICK_POLL_SECONDS)
        return {phase: future.result() for phase, future in calls.items()}
