"""The operations guide's own commands, by the AWS CLI alone, on the deployed local stack."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.stack.conftest import FinishedRun
from tests.stack.polling import poll_until

from aurora_restore.domain.observed import Credentials, DatabaseEndpoint
from local_aurora.engines.postgresql.admin import connection
from local_stack import lifecycle
from local_stack.stack_info import StackInfo

ROOT = Path(__file__).parents[2]
GUIDE_REQUEST = """{
    "source_snapshot_date": "2023-06-15",
    "source_region": "us-east-1",
    "target_region": "us-west-2",
    "target_cluster_id": "aurora-restored-cluster",
    "db_instance_class": "db.r5.large",
    "vpc_security_group_ids": ["sg-12345678"],
    "db_subnet_group_name": "default-vpc-subnet-group",
    "delete_cluster_if_exists": true
  }"""
PHASES = [
    "SnapshotCheck",
    "CopySnapshot",
    "RestoreCluster",
    "Defuse",
    "SetupDbUsers",
    "ApplyParameterGroup",
    "VerifyRestore",
    "ArchiveSnapshot",
    "Notify",
]
Shell = Callable[[str], str]


def directory_of_aws(directory: Path) -> Path:
    """A directory with the AWS CLI that `make test` installs beside the project; else with the machine's own.

    By module, not by script: a script names its interpreter in its first line, which cannot hold a space.
    """
    installed = ROOT / ".venv-aws" / "bin" / "python"
    command = f'"{installed}" -m awscli' if installed.exists() else shutil.which("aws")
    assert command, "the AWS CLI is needed: make .venv-aws/.done"
    (directory / "aws").write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    (directory / "aws").chmod(0o755)
    return directory


@pytest.fixture(scope="module")
def shell(stack: StackInfo, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A shell as `eval "$(aurora-restore local env)"` makes it."""
    environ = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environ |= lifecycle.environment(stack.home) | {"NO_PROXY": "127.0.0.1,localhost", "AWS_PAGER": ""}
    environ["PATH"] = f"{directory_of_aws(tmp_path_factory.mktemp('cli'))}{os.pathsep}{environ['PATH']}"

    def run(command: str) -> str:
        done = subprocess.run(["/bin/bash", "-ec", command], cwd=ROOT, env=environ, capture_output=True, text=True,
                              timeout=120, check=False)  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


@pytest.fixture(scope="module")
def guide_run(shell: Shell) -> str:
    """One run, started and awaited by the guide's commands. Its name."""
    name = shell("echo restore-$(date +%Y%m%d-%H%M%S)").strip()
    shell(
        f"aws stepfunctions start-execution --name {name} --state-machine-arn "
        "arn:aws:states:$REGION:$ACCOUNT_ID:stateMachine:aurora-restore-state-machine "
        f"--input '{GUIDE_REQUEST}'"
    )
    describe = (
        "aws stepfunctions describe-execution --query status --output text --execution-arn "
        f"arn:aws:states:$REGION:$ACCOUNT_ID:execution:aurora-restore-state-machine:{name}"
    )
    poll_until(lambda: shell(describe).strip() != "RUNNING", "the end of the run", 300)
    assert shell(describe).strip() == "SUCCEEDED"
    return name


def test_the_history_shows_every_phase(shell: Shell, guide_run: str) -> None:
    history = json.loads(
        shell(
            "aws stepfunctions get-execution-history --output json --execution-arn "
            f"arn:aws:states:$REGION:$ACCOUNT_ID:execution:aurora-restore-state-machine:{guide_run}"
        )
    )
    entered = [
        event["stateEnteredEventDetails"]["name"]
        for event in history["events"]
        if "stateEnteredEventDetails" in event
    ]
    assert [name for name in dict.fromkeys(entered) if name in PHASES] == PHASES


def test_the_state_table_answers_the_guides_get_item(shell: Shell, guide_run: str) -> None:
    key = json.dumps({"operation_id": {"S": guide_run}})
    item = json.loads(
        shell(f"aws dynamodb get-item --table-name AuroraRestoreState --key '{key}' --output json")
    )["Item"]
    fields = {
        "operation_id",
        "status",
        "start_time",
        "last_updated_time",
        "parameters",
        "snapshot_details",
        "restore_details",
    }
    assert fields <= set(item)
    assert item["status"] == {"S": "SUCCEEDED"}
    assert item["parameters"]["M"]["source_snapshot_date"] == {"S": "2023-06-15"}


def test_the_log_group_of_the_first_function_can_be_searched(shell: Shell, guide_run: str) -> None:
    found = shell(
        "aws logs filter-log-events --log-group-name /aws/lambda/aurora-restore-snapshot-check "
        f"--filter-pattern '\"{guide_run}\"' --query 'events[].message' --output text"
    )
    assert "Operation completed in" in found


def test_the_cluster_is_available_with_its_instances(shell: Shell, guide_run: str) -> None:
    clusters = json.loads(
        shell("aws rds describe-db-clusters --db-cluster-identifier aurora-restored-cluster --output json")
    )
    (cluster,) = clusters["DBClusters"]
    assert cluster["Status"] == "available"
    assert len(cluster["DBClusterMembers"]) == 1


def test_the_database_has_the_data_of_the_day(stack: StackInfo, boto: Any, guide_run: str) -> None:
    (cluster,) = boto("rds").describe_db_clusters(DBClusterIdentifier="aurora-restored-cluster")["DBClusters"]
    secret = json.loads(
        boto("secretsmanager").get_secret_value(SecretId="aurora-restore/admin-credentials")["SecretString"]
    )
    endpoint = DatabaseEndpoint(cluster["Endpoint"], cluster["Port"])
    with connection(endpoint, Credentials(**secret), "shop", stack.ca_bundle) as database:
        ((newest, count),) = database.run("SELECT max(placed_at)::date::text, count(*) FROM shop.orders")
    assert newest == "2023-06-15"
    assert count > 1000


def test_recent_operations_with_a_status_are_found_by_the_guides_scan(shell: Shell, guide_run: str) -> None:
    """With `#status`: the guide's own expression names a reserved word, which DynamoDB refuses."""
    found = shell(
        "aws dynamodb scan --table-name AuroraRestoreState "
        "--filter-expression '#status = :status AND start_time > :time' "
        '--expression-attribute-names \'{"#status": "status"}\' '
        '--expression-attribute-values \'{":status": {"S": "SUCCEEDED"}, ":time": {"S": "2023-06-01T00:00:00Z"}}\' '
        "--query 'Items[].operation_id.S' --output text"
    )
    assert guide_run in found


def documented(section: str) -> list[str]:
    """The commands of a section of our own document."""
    text = (ROOT / "docs" / "operations_guide.md").read_text()
    (body,) = re.findall(rf"^## {section}$(.*?)(?=^## )", text, re.MULTILINE | re.DOTALL)
    here = re.sub(r"<!-- not for the local stack.*?-->\n```bash\n.*?```", "", body, flags=re.DOTALL)
    blocks = re.findall(r"```bash\n(.*?)```", here, re.DOTALL)
    return [
        command
        for block in blocks
        for command in block.replace("\\\n", "").split("\n\n")
        if "aws " in command
    ]


def test_the_commands_for_watching_work_as_they_are_written(shell: Shell, guide_run: str) -> None:
    commands = [command.replace("restore-20230615-123456", guide_run) for command in documented("State")]
    assert len(commands) == 4
    answers = [json.loads(shell(f"{command.strip()} --output json")) for command in commands]
    assert answers[0]["Item"]["operation_id"]["S"] == guide_run
    assert "Count" in answers[1]
    assert answers[2]["Count"] > 10
    assert "Count" in answers[3]


def test_a_record_marked_by_hand_frees_the_target_for_the_next_run(
    shell: Shell, boto: Any, start_run: Callable[..., str], await_run: Callable[..., FinishedRun]
) -> None:
    request = json.loads(GUIDE_REQUEST) | {"target_cluster_id": "aurora-restored-by-hand"}
    arn = start_run(request)
    operation_id = arn.rsplit(":", 1)[1]
    key = {"operation_id": {"S": operation_id}}
    poll_until(
        lambda: "plan" in boto("dynamodb").get_item(TableName="AuroraRestoreState", Key=key).get("Item", {}),
        "a plan",
    )
    (mark,) = [command for command in documented("Cancel one") if "update-item" in command]
    shell(mark.replace("restore-20230615-123456", operation_id))
    assert await_run(arn).error == "OperationNotRunning"
    following = await_run(start_run(request | {"dry_run": True}))
    assert "TARGET_LOCKED" not in (following.cause or "")


def test_the_components_can_be_listed(shell: Shell) -> None:
    listed = shell(
        "aws cloudformation describe-stack-resources --stack-name aurora-restore-pipeline --output text"
    )
    for name in (
        "aurora-restore-state-machine",
        "AuroraRestoreState",
        "AuroraRestoreAudit",
        "aurora-restore-snapshot-check",
    ):
        assert name in listed


def test_the_same_name_twice_is_refused_by_aws_itself(
    start_run: Callable[..., str], await_run: Callable[..., FinishedRun], boto: Any
) -> None:
    request: dict[str, Any] = json.loads(GUIDE_REQUEST) | {
        "target_cluster_id": "aurora-restored-twice",
        "dry_run": True,
    }
    arn = start_run(request, "restore-the-same-name")
    with pytest.raises(boto("stepfunctions").exceptions.ExecutionAlreadyExists):
        start_run(request | {"instance_count": 2}, "restore-the-same-name")
    assert await_run(arn).status == "SUCCEEDED"
