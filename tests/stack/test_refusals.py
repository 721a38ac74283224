"""Each thing that can stand in the way ends a run in seconds, before anything is created, with its own code: the same
in the record, in the notification, in the execution and on the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.stack.conftest import FinishedRun, new_operation_id
from tests.stack.polling import poll_until
from tests.support.inbox import Inbox

from local_stack import lifecycle
from local_stack.stack_info import StackInfo

pytestmark = pytest.mark.file_one_day_in(7, 4)

REQUEST: dict[str, Any] = {
    "source_snapshot_date": "2023-06-15",
    "target_cluster_id": "aurora-restored-refused",
    "vpc_security_group_ids": ["sg-12345678"],
    "db_subnet_group_name": "default-vpc-subnet-group",
}
REQUEST_REFUSED = 3
SECONDS_AT_MOST = 10
YESTERDAY = (datetime.now(UTC).date() - timedelta(days=1)).isoformat()
A_USER = "aurora-restore/users/reporting"
RunToEnd = Callable[..., FinishedRun]


@pytest.fixture(scope="module")
def inbox(boto: Any) -> Iterator[Inbox]:
    inbox = Inbox(boto)
    yield inbox
    inbox.close()


@pytest.fixture(scope="module")
def command_line(stack: StackInfo) -> Callable[[str], dict[str, Any]]:
    """The error of an operation as `aurora-restore status` shows it to a program."""
    environ = {"PATH": os.environ["PATH"], **lifecycle.environment(stack.home)}

    def show(operation_id: str) -> dict[str, Any]:
        command = [sys.executable, "-m", "aurora_restore", "status", operation_id, "--json"]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == REQUEST_REFUSED, done.stderr
        error: dict[str, Any] = json.loads(done.stdout)["error"]
        return error

    return show


@pytest.fixture
def refused(
    run_to_end: RunToEnd, boto: Any, inbox: Inbox, command_line: Callable[[str], dict[str, Any]]
) -> Callable[..., dict[str, Any]]:
    """Run a request that has to be refused; gives the error that the record shows."""

    def run(code: str, **changes: Any) -> dict[str, Any]:
        operation_id = new_operation_id()
        before, began = things(boto), time.monotonic()
        request = {name: value for name, value in (REQUEST | changes).items() if value is not ...}
        ended = run_to_end(request, operation_id)
        error: dict[str, Any] = plain(record(boto, operation_id)["error"])
        assert (ended.status, error["code"]) == ("FAILED", code)
        assert error["message"]
        assert error["hint"]
        assert error["step"] == "SnapshotCheck"
        assert ended.cause is not None
        assert ended.cause.startswith(f"{code}: ")
        assert time.monotonic() - began < SECONDS_AT_MOST
        assert things(boto) == before
        shown = command_line(operation_id)
        assert (shown["code"], shown["message"], shown["hint"]) == (
            error["code"],
            error["message"],
            error["hint"],
        )
        (message,) = poll_until(lambda: inbox.about(operation_id), f"a message about {operation_id}")
        assert code in message
        assert error["hint"] in message
        return error

    return run


def things(boto: Any) -> set[str]:
    """All clusters, instances and snapshots of the target Region."""
    rds = boto("rds")
    return (
        {item["DBClusterArn"] for item in rds.describe_db_clusters()["DBClusters"]}
        | {item["DBInstanceArn"] for item in rds.describe_db_instances()["DBInstances"]}
        | {item["DBClusterSnapshotArn"] for item in rds.describe_db_cluster_snapshots()["DBClusterSnapshots"]}
    )


def record(boto: Any, operation_id: str) -> dict[str, Any]:
    found: dict[str, Any] = boto("dynamodb").get_item(
        TableName="AuroraRestoreState", Key={"operation_id": {"S": operation_id}}, ConsistentRead=True
    )["Item"]
    return found


def plain(value: dict[str, Any]) -> Any:
    (kind, content), *_ = value.items()
    if kind == "M":
        return {name: plain(item) for name, item in content.items()}
    return [plain(item) for item in content] if kind == "L" else content


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("SNAPSHOT_NOT_FOUND", {"source_snapshot_date": "2023-06-14"}),
        ("INVALID_DATE", {"source_snapshot_date": "15.06.2023"}),
        ("DATE_IN_FUTURE", {"source_snapshot_date": "2999-01-01"}),
        ("SNAPSHOT_AMBIGUOUS", {"source_snapshot_date": YESTERDAY}),
        ("TARGET_OUTSIDE_PREFIX", {"target_cluster_id": "production"}),
        ("INVALID_TARGET_NAME", {"target_cluster_id": "aurora-restored--x"}),
        ("UNKNOWN_FIELD", {"delete_cluster_if_exist": True}),
        ("SUBNET_GROUP_NOT_FOUND", {"db_subnet_group_name": "nowhere"}),
        ("SECURITY_GROUP_OF_ANOTHER_VPC", {"vpc_security_group_ids": ["sg-87654321"]}),
        ("SECURITY_GROUP_NOT_FOUND", {"vpc_security_group_ids": ["sg-00000000"]}),
        ("INSTANCE_CLASS_NOT_ORDERABLE", {"db_instance_class": "db.m1.small"}),
        ("KMS_KEY_REQUIRED", {"source_cluster_id": "billing", "source_snapshot_date": "latest"}),
        ("KMS_KEY_NOT_ACCESSIBLE", {"kms_key_id": "alias/missing"}),
        ("SECRET_NOT_FOUND", {"db_users": [{"username": "x", "secret_id": "aurora-restore/users/missing"}]}),
        ("SECRET_WRONG_USER", {"db_users": [{"username": 'x"; DROP ROLE y; --', "secret_id": A_USER}]}),
        ("PARAMETER_GROUP_NOT_FOUND", {"db_parameter_group_name": "nowhere"}),
        ("TARGET_REGION_MISMATCH", {"target_region": "eu-west-1"}),
        ("PREFLIGHT_FAILED", {"db_subnet_group_name": "nowhere", "kms_key_id": "alias/missing"}),
    ],
)
def test_a_run_is_refused_before_anything_is_created(
    refused: Callable[..., dict[str, Any]], code: str, changes: dict[str, Any]
) -> None:
    refused(code, **changes)


def test_several_faults_are_reported_together(refused: Callable[..., dict[str, Any]]) -> None:
    error = refused("PREFLIGHT_FAILED", db_subnet_group_name="nowhere", db_instance_class="db.m1.small")
    codes = {fault["code"] for fault in error["problems"]}
    assert codes == {"SUBNET_GROUP_NOT_FOUND", "INSTANCE_CLASS_NOT_ORDERABLE"}
    assert all(fault["hint"] for fault in error["problems"])


def test_the_clusters_to_choose_from_are_listed(refused: Callable[..., dict[str, Any]]) -> None:
    error = refused("SNAPSHOT_AMBIGUOUS", source_snapshot_date="latest")
    assert "billing, production" in error["message"]


def test_a_snapshot_that_is_still_creating_is_refused(stack: StackInfo, boto: Any, refused: Any) -> None:
    stack.control.change_durations(snapshot=3600)
    boto("rds", "us-east-1").create_db_cluster_snapshot(
        DBClusterSnapshotIdentifier="still-creating", DBClusterIdentifier="production"
    )
    stack.control.change_durations(snapshot=1)
    refused("SNAPSHOT_NOT_AVAILABLE", source_snapshot_date=..., source_snapshot_identifier="still-creating")


def test_a_missing_admin_secret_and_one_of_another_user_are_refused(boto: Any, refused: Any) -> None:
    secrets = boto("secretsmanager")
    name = "aurora-restore/admin-credentials"
    value = secrets.get_secret_value(SecretId=name)["SecretString"]
    try:
        secrets.put_secret_value(
            SecretId=name, SecretString=json.dumps({"username": "root", "password": "x" * 12})
        )
        assert "root" in refused("SECRET_WRONG_USER")["message"]
        secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
        refused("ADMIN_SECRET_NOT_FOUND")
    finally:
        secrets.create_secret(Name=name, SecretString=value)


def test_an_existing_target_and_one_that_is_being_made_are_refused(
    start_run: Callable[..., str], await_run: RunToEnd, run_to_end: RunToEnd, boto: Any, refused: Any
) -> None:
    request = REQUEST | {"target_cluster_id": "aurora-restored-standing"}
    arn = start_run(request)
    owner = arn.rsplit(":", 1)[1]
    poll_until(lambda: "plan" in boto("dynamodb").get_item(
        TableName="AuroraRestoreState", Key={"operation_id": {"S": owner}}).get("Item", {}), "the plan")  # fmt: skip
    second = run_to_end(request)
    assert second.error == "TargetLocked"
    assert owner in (second.cause or "")
    assert await_run(arn).status == "SUCCEEDED"
    refused("TARGET_EXISTS", target_cluster_id="aurora-restored-standing")


def test_a_hostile_username_is_made_exactly_so_and_never_executed(boto: Any, run_to_end: RunToEnd) -> None:
    hostile = 'x"; DROP ROLE y; --'
    boto("secretsmanager").create_secret(
        Name="aurora-restore/users/hostile",
        SecretString=json.dumps({"username": hostile, "password": "a-fine-password"}),
    )
    ended = run_to_end(
        REQUEST
        | {
            "target_cluster_id": "aurora-restored-hostile",
            "db_users": [{"username": hostile, "secret_id": "aurora-restore/users/hostile"}],
        }
    )
    assert ended.status == "SUCCEEDED", ended.cause
    users = plain(record(boto, ended.operation_id)["restore_details"])["users"]
    assert [user["username"] for user in users] == [hostile]
