"""`archive`, `audit --archive`, and what `backup` and `recover` refuse before they ask AWS for anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.in_process_aws import InProcessAws, shared_aws
from tests.unit.domain.audit_chains import RUN, begun

from aurora_restore.aws.table_items import AwsTableItems
from aurora_restore.cli import app, connection

GOOD, RUNNING, BROKEN = "restore-20261101-020000", "restore-20261102-020000", "restore-20261103-020000"
# Not expired, whenever the tests run.
DAYS = 365 * 100
COMMAND = ["archive", "--before", "2026-12-01", "--to", "s3://archive/old", "--region", "us-west-2"]
VERIFY = ["--verify", "--archive", "s3://archive/old", "--region", "us-west-2"]


@pytest.fixture
def items(monkeypatch: pytest.MonkeyPatch) -> AwsTableItems:
    """Three operations: one that may be archived, one that runs, and one that lacks an event."""
    aws: InProcessAws = shared_aws()
    aws.create_tables()
    aws.create_bucket("archive")
    monkeypatch.setattr(connection, "make_session", aws.session)
    items = AwsTableItems(aws.clients(), "AuroraRestoreState", "AuroraRestoreAudit")
    for name in (GOOD, RUNNING, BROKEN):
        chain = begun(operation_id=name, days=DAYS)
        chain.write(*RUN)
        if name != RUNNING:
            chain.close()
        items.put_record(chain.record)
        for event in chain.events[:-1] if name == BROKEN else chain.events:
            items.put_event(event)
    return items


def data(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_a_dry_run_shows_what_goes_and_touches_nothing(
    items: AwsTableItems, capsys: pytest.CaptureFixture[str]
) -> None:
    before = items.operation_ids()
    assert app.run([*COMMAND, "--dry-run", "--json"]) == 0
    shown = data(capsys)
    assert [each["operation_id"] for each in shown["operations"]] == [GOOD, BROKEN]
    assert shown["moved"] is None
    assert items.operation_ids() == before


def test_without_a_terminal_and_a_yes_nothing_is_moved(items: AwsTableItems) -> None:
    before = items.operation_ids()
    assert app.run(COMMAND) == 2
    assert items.operation_ids() == before


def test_what_is_whole_is_moved_what_is_not_stays_and_the_status_says_so(
    items: AwsTableItems, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run([*COMMAND, "--yes", "--json"]) == 1
    shown = data(capsys)
    assert [each["operation_id"] for each in shown["moved"]] == [GOOD]
    assert shown["broken"] == [BROKEN]
    assert items.operation_ids() == {RUNNING, BROKEN}


def test_a_moved_operation_verifies_in_the_archive_alone(
    items: AwsTableItems, capsys: pytest.CaptureFixture[str]
) -> None:
    app.run([*COMMAND, "--yes"])
    assert app.run(["audit", GOOD, "--region", "us-west-2"]) == 4
    capsys.readouterr()
    assert app.run(["audit", GOOD, *VERIFY, "--json"]) == 0
    assert data(capsys)["verification"]["state"] == "VERIFIED"
    assert app.run(["audit", RUNNING, *VERIFY]) == 4


def test_a_repetition_has_nothing_more_to_move(
    items: AwsTableItems, capsys: pytest.CaptureFixture[str]
) -> None:
    app.run([*COMMAND, "--yes"])
    capsys.readouterr()
    app.run([*COMMAND, "--yes", "--json"])
    assert data(capsys)["moved"] == []
    assert app.run(["audit", GOOD, *VERIFY]) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["archive", "--before", "yesterday", "--to", "s3://bucket/prefix"],
        ["archive", "--before", "2026-12-01", "--to", "bucket/prefix"],
        ["backup", "--to", "s3://bucket"],
        ["backup", "--to", "s3://B/prefix"],
        ["recover", "--from", "s3:///prefix", "--yes"],
        ["audit", "--archive", "s3://bucket/prefix"],
    ],
)
def test_what_cannot_be_read_is_wrong_use_before_aws_is_asked(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "Clients", None)
    assert app.run([*arguments, "--region", "us-west-2"]) == 2


@pytest.mark.parametrize("content", ["{", "[]", '{"target_cluster_id": "aurora-restored-x"}'])
def test_a_test_restore_is_a_rehearsal_and_nothing_else(content: str, tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    file.write_text(content)
    assert app.run(["recover", "--from", "s3://bucket/prefix", "--test-restore", str(file), "--yes"]) == 2
