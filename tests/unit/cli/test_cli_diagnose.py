"""`diagnose` on an account in this process: what is in the bundle, what is not, and how it is written."""

from __future__ import annotations

import json
import stat
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.faults import FaultKind
from tests.support.in_process_aws import InProcessAws, is_operation, shared_aws
from tests.unit.cli.cli_records import succeeded
from tests.unit.cli.document_permissions import documented_actions, iam_actions

from aurora_restore.aws.attribute_values import to_item
from aurora_restore.cli import app, connection
from aurora_restore.cli.bundle import Bundle, NothingToCollect, Part
from aurora_restore.cli.commands import diagnose as diagnose_command
from aurora_restore.cli.errors import PathUnusable
from aurora_restore.deployment.packaging import PackagingFailed, Project
from aurora_restore.domain.times import format_time

REGION = "us-west-2"
NAME = "restore-20261122-114200"
PASSWORD = "hunter2-typed-into-a-request"
MACHINES = ("aurora-restore-state-machine", "aurora-restore-cleanup-state-machine")
DEFINITION = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> InProcessAws:
    aws = shared_aws()
    aws.create_tables()
    arns = [aws.create_state_machine(name, DEFINITION) for name in MACHINES]
    with aws.setting_up():
        states = aws.session().client("stepfunctions")
        states.start_execution(stateMachineArn=arns[0], name=NAME, input=json.dumps({"password": PASSWORD}))
        for operation in (NAME, "restore-another"):
            event = {"detail": {"name": operation, "input": json.dumps({"password": PASSWORD})}}
            states.start_execution(stateMachineArn=arns[1], name=f"of-{operation}", input=json.dumps(event))

    def no_tree(_: Project) -> Any:
        raise PackagingFailed("There is no source tree in this test.")

    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setattr(connection, "make_session", aws.session)
    monkeypatch.setattr(connection, "source_versions", no_tree)
    monkeypatch.chdir(tmp_path)
    return aws


def put_record(aws: InProcessAws) -> None:
    """The record of an operation of an hour ago."""
    now = datetime.now(UTC)
    times = {"start_time": format_time(now - timedelta(hours=1)), "end_time": format_time(now)}
    item = succeeded() | {"operation_id": NAME, "execution_arn": None} | times
    with aws.setting_up():
        client = aws.session().client("dynamodb")
        client.put_item(TableName="AuroraRestoreState", Item=to_item(item))
        lock = {"target_cluster_id": "aurora-restored-staging", "operation_id": NAME}
        client.put_item(TableName="AuroraRestoreLocks", Item=to_item(lock))


def written(folder: Path) -> dict[str, str]:
    """The files of the one bundle in a folder."""
    [path] = folder.glob("diagnose-*.zip")
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_a_bundle_has_all_that_there_is_and_the_index_names_it(
    aws: InProcessAws, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put_record(aws)
    assert app.run(["diagnose", NAME, "--json"]) == 0
    files = written(tmp_path)
    index = json.loads(files["index.json"])
    assert next(iter(files)) == "index.json"
    assert {item["name"] for item in index["files"]} == set(files) - {"index.json"}
    assert json.loads(files["record.json"])["operation_id"] == NAME
    assert json.loads(files["locks.json"])[0]["operation_id"] == NAME
    assert json.loads(files["execution.json"])["name"] == NAME
    # Those of other operations are not its own.
    assert [each["name"] for each in json.loads(files["cleanups.json"])] == [f"of-{NAME}"]
    assert "aurora-restored-staging" in files["status.txt"]
    assert json.loads(capsys.readouterr().out)["files"] == index["files"]


def test_what_an_operator_typed_into_a_request_is_not_in_a_bundle(aws: InProcessAws, tmp_path: Path) -> None:
    put_record(aws)
    assert app.run(["diagnose", NAME]) == 0
    files = written(tmp_path)
    assert all(PASSWORD not in content for content in files.values())
    assert not any(call.service == "secretsmanager" for call in aws.calls)


def test_only_its_owner_reads_a_bundle_and_nothing_else_is_left(
    aws: InProcessAws, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put_record(aws)
    assert app.run(["diagnose", NAME, "--output", "bundle.zip"]) == 0
    [path] = tmp_path.iterdir()
    assert path.name == "bundle.zip"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    content = path.read_bytes()
    # What is there is not written over.
    assert app.run(["diagnose", NAME, "--output", "bundle.zip"]) == 2
    assert "PATH_UNUSABLE" in capsys.readouterr().err
    assert path.read_bytes() == content
    assert app.run(["diagnose", NAME, "--output", "no/such/folder/bundle.zip"]) == 2


@pytest.mark.parametrize(
    ("operation", "missing"),
    [
        ("GetItem", {"record.json", "status.txt"}),
        ("Query", {"audit.json"}),
        ("GetExecutionHistory", {"execution.json", "cleanups.json"}),
        ("DescribeDBInstances", {"rds/instances.json"}),
        ("DescribeEvents", {"rds/events.json", "rds/source_events.json"}),
        ("DescribeLogGroups", {"logs.jsonl", "errors.jsonl"}),
        ("Scan", {"locks.json"}),
        ("DescribeStacks", {"stack.json"}),
    ],
)
def test_what_may_not_be_collected_is_in_the_index_with_the_reason_and_the_rest_is_written(
    aws: InProcessAws, tmp_path: Path, operation: str, missing: set[str]
) -> None:
    put_record(aws)
    aws.before(is_operation(operation), FaultKind.DENIED, times=1000)
    assert app.run(["diagnose", NAME]) == 0
    files = written(tmp_path)
    reasons = {item["name"]: item["reason"] for item in json.loads(files["index.json"])["not_collected"]}
    assert missing <= set(reasons)
    assert all(operation in reasons[name] for name in missing)
    assert missing.isdisjoint(files)
    assert len(files) > 3


def test_an_operation_without_a_record_is_diagnosed_from_its_execution(
    aws: InProcessAws, tmp_path: Path
) -> None:
    assert app.run(["diagnose", NAME]) == 0
    files = written(tmp_path)
    assert json.loads(files["execution.json"])["name"] == NAME
    assert "record.json" not in files


def test_an_operation_of_which_nothing_is_known_is_not_found_and_nothing_is_written(
    aws: InProcessAws, tmp_path: Path
) -> None:
    assert app.run(["diagnose", "restore-none"]) == 4
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_that_is_interrupted_leaves_nothing(
    aws: InProcessAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_record(aws)

    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(zipfile.ZipFile, "writestr", interrupt)
    assert app.run(["diagnose", NAME]) == 130
    assert list(tmp_path.iterdir()) == []


def test_the_actions_that_diagnose_needs_are_those_of_the_document(aws: InProcessAws) -> None:
    put_record(aws)
    write_logs(aws)
    aws.calls.clear()
    assert app.run(["diagnose", NAME]) == 0
    asked = iam_actions((call.service, call.operation) for call in aws.calls)
    # There is no stack here.
    assert asked == documented_actions("diagnose")
    aws.calls.clear()
    assert app.run(["list"]) == 0
    assert iam_actions((call.service, call.operation) for call in aws.calls) == documented_actions("list")


def write_logs(aws: InProcessAws) -> None:
    with aws.setting_up():
        logs = aws.session().client("logs")
        logs.create_log_group(logGroupName="/aws/lambda/aurora-restore-notify")


def test_a_part_that_does_not_exist_says_why(tmp_path: Path) -> None:
    def nothing() -> Any:
        raise NothingToCollect("it never was")

    bundle = Bundle(NAME, REGION, "123456789012", datetime(2026, 11, 27, 6, tzinfo=UTC))
    bundle.add(Part("a.json", "a thing", nothing))
    bundle.add(Part("b.json", "another", lambda: {"time": datetime(2026, 11, 27, tzinfo=UTC)}))
    assert bundle.index()["not_collected"] == [
        {"name": "a.json", "what": "a thing", "reason": "it never was"}
    ]
    bundle.write(tmp_path / "bundle.zip")
    with pytest.raises(PathUnusable):
        bundle.write(tmp_path / "bundle.zip")
    assert diagnose_command.diagnose.name == "diagnose"
