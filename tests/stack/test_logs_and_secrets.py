"""What a whole run leaves behind for operators to read: every line in one form, and no secret anywhere."""

from __future__ import annotations

import json
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.stack.conftest import FinishedRun, await_execution, new_operation_id
from tests.stack.polling import poll_until
from tests.support.commands import run_command
from tests.support.inbox import Inbox

from aurora_restore.deployment.definitions import CALLED_IN_A_RESTORE, CLEAN_UP
from aurora_restore.deployment.functions import BY_NAME
from local_stack.stack_info import StackInfo, environment_of

pytestmark = pytest.mark.file_one_day_in(7, 6)

FIELDS = {"level", "function_name", "operation_id", "message", "timestamp"}
COMPLETED = re.compile(r"Operation completed in \d+\.\d{3} seconds")
FUNCTIONS = {BY_NAME[name].full_name for name in (*CALLED_IN_A_RESTORE, CLEAN_UP.function)}
ADMIN_SECRET = "aurora-restore/admin-credentials"
MARK = "m4rk3d"
REQUEST: dict[str, Any] = {
    "source_snapshot_date": "2023-06-15",
    "target_cluster_id": "aurora-restored-marked",
    "vpc_security_group_ids": ["sg-12345678"],
    "db_subnet_group_name": "default-vpc-subnet-group",
}


@pytest.fixture(scope="module")
def inbox(boto: Any) -> Iterator[Inbox]:
    inbox = Inbox(boto)
    yield inbox
    inbox.close()


@pytest.fixture(scope="module")
def marked_runs(boto: Any, inbox: Inbox) -> Iterator[list[FinishedRun]]:
    """A run that ends well, one that is refused, and one whose user cannot be made: all with marked secrets."""
    secrets, states = boto("secretsmanager"), boto("stepfunctions")
    before = secrets.get_secret_value(SecretId=ADMIN_SECRET)["SecretString"]
    try:
        yield _run_marked(secrets, states)
    finally:
        secrets.put_secret_value(SecretId=ADMIN_SECRET, SecretString=before)


def _run_marked(secrets: Any, states: Any) -> list[FinishedRun]:
    put = {"username": "postgres", "password": f"{MARK}-admin-password"}
    secrets.put_secret_value(SecretId=ADMIN_SECRET, SecretString=json.dumps(put))
    for user in ("reader", "writer"):
        value = json.dumps({"username": f"marked_{user}", "password": f"{MARK}-{user}-password"})
        secrets.create_secret(Name=f"aurora-restore/users/marked-{user}", SecretString=value)
    users = [
        {"username": "marked_reader", "secret_id": "aurora-restore/users/marked-reader"},
        {
            "username": "marked_writer",
            "secret_id": "aurora-restore/users/marked-writer",
            "access": "read_write",
        },
    ]
    missing = [users[0] | {"databases": ["no_such_database"]}]
    requests = [
        REQUEST | {"db_users": users, "lock_other_logins": True},
        REQUEST | {"db_users": users, "instance_counts": 2},
        REQUEST | {"db_users": missing, "target_cluster_id": "aurora-restored-marked-too"},
    ]
    machine = next(
        item["stateMachineArn"]
        for item in states.list_state_machines()["stateMachines"]
        if item["name"] == "aurora-restore-state-machine"
    )
    runs = []
    for request in requests:
        started = states.start_execution(
            stateMachineArn=machine, name=new_operation_id(), input=json.dumps(request)
        )
        runs.append(await_execution(states, started["executionArn"], 240))
    cleanups = machine.replace("aurora-restore-state", "aurora-restore-cleanup-state")

    def cleaned_up() -> bool:
        """Each of the two that failed has its cleanup, and it has ended."""
        seen = [item["status"] for item in states.list_executions(stateMachineArn=cleanups)["executions"]]
        return seen.count("SUCCEEDED") >= 2 and "RUNNING" not in seen

    poll_until(cleaned_up, "the cleanups", 240)
    return runs


@pytest.fixture(scope="module")
def lines_by_group(boto: Any, marked_runs: list[FinishedRun]) -> dict[str, list[str]]:
    """Every line of every log group."""
    logs = boto("logs")
    groups = [
        group["logGroupName"]
        for page in logs.get_paginator("describe_log_groups").paginate()
        for group in page["logGroups"]
    ]
    return {
        group: [
            event["message"].rstrip("\n")
            for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group)
            for event in page["events"]
        ]
        for group in groups
    }


@pytest.fixture(scope="module")
def lines(lines_by_group: dict[str, list[str]]) -> list[str]:
    """Every line that a function wrote; a report of Lambda itself, about one that was killed, is none."""
    functions = [group for group in lines_by_group if group.startswith("/aws/lambda/aurora-restore-")]
    # The last one has nothing to do where nothing is scheduled.
    others = {"aurora-restore-sweep", "aurora-restore-start-scheduled"}
    assert {name.rpartition("/")[2] for name in functions} == FUNCTIONS | others
    written = [line for group in functions for line in lines_by_group[group]]
    return [line for line in written if not json.loads(line).get("type", "").startswith("platform.")]


def test_the_marked_runs_ended_as_they_should(marked_runs: list[FinishedRun]) -> None:
    assert [run.status for run in marked_runs] == ["SUCCEEDED", "FAILED", "FAILED"]
    assert [run.error for run in marked_runs] == [None, "UnknownField", "DbUserSetupFailed"]


def test_every_line_is_json_with_the_fields_that_operators_search_by(lines: list[str]) -> None:
    assert len(lines) > 30
    for line in lines:
        assert set(json.loads(line)) >= FIELDS, line


def test_the_last_line_of_each_invocation_says_how_long_it_took(
    lines: list[str], marked_runs: list[FinishedRun]
) -> None:
    by_invocation = defaultdict(list)
    ours = {run.operation_id for run in marked_runs}
    for entry in map(json.loads, lines):
        if entry["operation_id"] in ours:
            by_invocation[entry["function_request_id"]].append(entry)
    assert {entry["function_name"] for logged in by_invocation.values() for entry in logged} == FUNCTIONS
    for logged in by_invocation.values():
        last = max(enumerate(logged), key=lambda item: (item[1]["timestamp"], item[0]))[1]
        assert COMPLETED.fullmatch(last["message"]), logged
        completions = [item for item in logged if COMPLETED.fullmatch(item["message"])]
        assert len(completions) == 1, json.dumps(logged, indent=1)


def test_errors_are_found_by_their_level(lines: list[str], marked_runs: list[FinishedRun]) -> None:
    errors = [json.loads(line) for line in lines if json.loads(line)["level"] == "ERROR"]
    ours = [item for item in errors if item["operation_id"] in {run.operation_id for run in marked_runs}]
    assert {item["error_code"] for item in ours} == {"UNKNOWN_FIELD", "DB_USER_SETUP_FAILED"}


@pytest.fixture(scope="module")
def everywhere(
    boto: Any, lines_by_group: dict[str, list[str]], marked_runs: list[FinishedRun]
) -> dict[str, str]:
    """The text of every place that a person or a program can read."""
    dynamodb = boto("dynamodb")

    def scan(table: str) -> str:
        return json.dumps(
            [page["Items"] for page in dynamodb.get_paginator("scan").paginate(TableName=table)], default=str
        )

    return {
        "state table": scan("AuroraRestoreState"),
        "audit table": scan("AuroraRestoreAudit"),
        "lock table": scan("AuroraRestoreLocks"),
        "log groups": json.dumps(lines_by_group),
    }


@pytest.mark.parametrize("place", ["state table", "audit table", "lock table", "log groups"])
def test_no_secret_is_in(everywhere: dict[str, str], place: str) -> None:
    assert MARK not in everywhere[place]


def test_no_secret_is_in_the_execution_history(marked_runs: list[FinishedRun]) -> None:
    for run in marked_runs:
        assert MARK not in json.dumps(run.events, default=str)


def test_no_secret_is_in_any_notification(inbox: Inbox, marked_runs: list[FinishedRun]) -> None:
    expected = {run.operation_id for run in marked_runs}

    def all_told() -> bool:
        return all(inbox.about(operation_id) for operation_id in expected)

    assert poll_until(all_told, "a message about each run")
    assert MARK not in "".join(inbox.messages())


def test_no_secret_is_in_what_is_collected_for_an_escalation(
    stack: StackInfo, boto: Any, marked_runs: list[FinishedRun], tmp_path: Path
) -> None:
    secrets = boto("secretsmanager")
    names = [
        item["Name"]
        for page in secrets.get_paginator("list_secrets").paginate()
        for item in page["SecretList"]
    ]
    passwords = {
        json.loads(secrets.get_secret_value(SecretId=name)["SecretString"]).get("password") for name in names
    }
    assert any(str(password).startswith(MARK) for password in passwords)
    for run in marked_runs:
        path = tmp_path / f"{run.operation_id}.zip"
        done = run_command(
            environment_of(stack), ["diagnose", run.operation_id, "--output", str(path), "--json"]
        )
        assert done.status == 0, done.err
        assert done.document["not_collected"] == [
            # A run that was refused has no plan.
            item
            for item in done.document["not_collected"]
            if run.error == "UnknownField" and item["name"].startswith("rds/source")
        ]
        with zipfile.ZipFile(path) as archive:
            files = {name: archive.read(name).decode() for name in archive.namelist()}
        for name, content in files.items():
            assert MARK not in content, name
            assert not [password for password in passwords if password and password in content], name
        history = json.loads(files["execution.json"])["events"]
        assert [event["id"] for event in history] == [event["id"] for event in run.events]
        assert json.loads(files["record.json"])["operation_id"] == run.operation_id
        # A run that ended abnormally was cleaned up.
        assert bool(json.loads(files["cleanups.json"])) is (run.status == "FAILED")
        assert files["logs.jsonl"].strip()
        assert bool(files["errors.jsonl"].strip()) is (run.status == "FAILED")
        assert bool(json.loads(files["audit.json"]))
