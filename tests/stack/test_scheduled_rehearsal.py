"""A schedule begins a rehearsal by itself: once, although it is delivered twice; it leaves a verdict and no cluster."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from tests.stack.conftest import STATE_MACHINE, Clients
from tests.stack.polling import poll_until
from tests.support.commands import run_command

from local_stack.schedule_expressions import delay_seconds
from local_stack.stack_info import StackInfo, environment_of

pytestmark = pytest.mark.file_one_day_in(7, 0)

NAME = "drill"
REQUEST = [
    *("--source-cluster", "production", "--security-group", "sg-12345678"),
    *("--subnet-group", "default-vpc-subnet-group", "--rto-minutes", "240", "--rpo-hours", "0.1"),
]


def soonest(stack: StackInfo) -> datetime:
    """Of the next minute's seconds the one that is delivered first: each is delivered late, by a number of its own."""
    arn = f"arn:aws:scheduler:{stack.region}:{stack.account_id}:schedule/aurora-restore/{NAME}"
    begin = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=4)
    seconds = [begin + timedelta(seconds=number) for number in range(30)]
    return min(seconds, key=lambda time: time + timedelta(seconds=delay_seconds(arn, time)))


def newest_day(stack: StackInfo, boto: Clients) -> str:
    """Of the automated snapshots of production: that of the day before the stack was seeded, also after a midnight."""
    found = boto("rds", stack.source_region).describe_db_cluster_snapshots(
        DBClusterIdentifier="production", SnapshotType="automated"
    )["DBClusterSnapshots"]
    return str(max(each["SnapshotCreateTime"] for each in found).date())


def test_a_scheduled_rehearsal_runs_once_and_leaves_its_verdict_and_no_cluster(
    stack: StackInfo, boto: Clients
) -> None:
    def cli(*arguments: str) -> str:
        done = run_command(environment_of(stack), arguments)
        assert done.status == 0, done.out + done.err
        return done.out

    clusters = {each["DBClusterIdentifier"] for each in boto("rds").describe_db_clusters()["DBClusters"]}
    request = [*REQUEST, "--source-date", newest_day(stack, boto)]
    planned = soonest(stack)
    cli("schedule", "create", NAME, "--expression", f"at({planned:%Y-%m-%dT%H:%M:%S})", *request)
    operation_id = f"{NAME}-{planned:%Y%m%d-%H%M%S}"
    table = boto("dynamodb")

    def ended() -> dict[str, dict[str, str]] | None:
        key = {"operation_id": {"S": operation_id}}
        item = table.get_item(TableName="AuroraRestoreState", Key=key).get("Item") or {}
        return item if item.get("settled_time", {}).get("S") else None

    record = poll_until(ended, f"the end of {operation_id}", timeout_seconds=300)
    assert record is not None
    watched = run_command(environment_of(stack), ["watch", operation_id])
    assert watched.status == 1
    assert "missed its objective (RPO)" in watched.out
    assert "rehearsal missed RPO" in cli("list")
    left = {each["DBClusterIdentifier"] for each in boto("rds").describe_db_clusters()["DBClusters"]}
    assert left == clusters
    machine = f"arn:aws:states:{stack.region}:{stack.account_id}:stateMachine:{STATE_MACHINE}"
    executions = boto("stepfunctions").list_executions(stateMachineArn=machine)["executions"]
    assert [each["name"] for each in executions if each["name"].startswith(NAME)] == [operation_id]
    cli("schedule", "delete", NAME)
    assert "No schedules" in cli("schedule", "list")


def test_a_schedule_is_paused_and_resumed_and_what_cannot_be_is_refused(stack: StackInfo) -> None:
    def cli(*arguments: str) -> tuple[int, str]:
        done = run_command(environment_of(stack), ["schedule", *arguments])
        return done.status, done.out + done.err

    def state() -> tuple[str, str]:
        (found,) = json.loads(cli("list", "--json")[1])
        return found["state"], found["timezone"]

    daily = ["create", "refresh", "--daily", "01:30", "--target-cluster", "aurora-restored-refreshed"]
    assert cli(*daily, "--timezone", "Europe/Berlin", "--paused")[0] == 0
    assert state() == ("paused", "Europe/Berlin")
    assert cli("resume", "refresh")[0] == 0
    # An update is to give everything back that it does not change.
    assert state() == ("active", "Europe/Berlin")
    assert cli("pause", "refresh")[0] == 0
    assert state() == ("paused", "Europe/Berlin")
    status, said = cli(*daily)
    assert (status, "SCHEDULE_EXISTS" in said) == (3, True)
    status, said = cli(
        "create", "other", "--expression", "cron(1 2 3)", "--target-cluster", "aurora-restored-x"
    )
    assert (status, "SCHEDULE_REFUSED" in said) == (3, True)
    status, said = cli("list", "--region", "ap-northeast-1")
    assert (status, "PIPELINE_NOT_DEPLOYED" in said) == (5, True)
    assert cli("delete", "refresh")[0] == 0
    assert cli("delete", "refresh")[0] == 4
