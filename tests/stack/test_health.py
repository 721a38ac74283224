"""`check` on a stack that is well, and on the same stack with one thing after the other really broken and repaired.

The stack is one of its own: of the one that all files share, other tests leave alarms and operations that are not well.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from tests.stack.conftest import KEPT_WORKERS, QUICK, Clients, clients_of
from tests.stack.polling import poll_until
from tests.support.aws_cli import directory_of_aws
from tests.support.inbox import admit_topic

from aurora_restore.cli import app, connection
from aurora_restore.demo.seed_aurora import put
from aurora_restore.demo.setup import set_up
from aurora_restore.deployment.packaging import Project
from aurora_restore.deployment.source_versions import source_versions
from aurora_restore.domain.checks.versions import SourceVersions
from aurora_restore.domain.naming import SCHEDULE_GROUP
from aurora_restore.domain.times import format_time
from local_stack import lifecycle
from local_stack.stack_info import StackInfo, environment_of

pytestmark = pytest.mark.file_one_day_in(7, 6)

STATE, LOCKS, SWEEP = "AuroraRestoreState", "AuroraRestoreLocks", "aurora-restore-sweep"
ADMIN_SECRET = "aurora-restore/admin-credentials"
MARK = "m4rk3d"
MACHINE = "aurora-restore-state-machine"


@pytest.fixture(scope="module")
def well(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackInfo]:
    """A stack in which nothing is wrong: deployed, and with a subscription."""
    home = tmp_path_factory.mktemp("a stack that is well")
    options = lifecycle.UpOptions(home=home, fresh=True, durations=QUICK, **KEPT_WORKERS)
    info = lifecycle.up(options, find_set_up=lambda: set_up)
    subscribe(clients_of(info), info)
    yield info
    lifecycle.down(home)


@pytest.fixture(scope="module")
def aws(well: StackInfo) -> Clients:
    return clients_of(well)


@pytest.fixture(scope="module")
def source() -> SourceVersions:
    return source_versions(Project.find())


@pytest.fixture
def cli(
    well: StackInfo,
    source: SourceVersions,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., tuple[int, dict[str, Any]]]:
    """`cli("check")`: the exit status, and what `--json` prints."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in environment_of(well).items():
        monkeypatch.setenv(name, value)
    # Built once: it is the same for each of them.
    monkeypatch.setattr(connection, "source_versions", lambda _project: source)

    def run(*arguments: str) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        status = app.run([*arguments, "--json"])
        return status, json.loads(capsys.readouterr().out)

    return run


@pytest.fixture(scope="module")
def shell(well: StackInfo, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """A shell in which the AWS CLI reaches the stack."""
    environ = {**environment_of(well), "AWS_PAGER": "", "HOME": str(tmp_path_factory.mktemp("home"))}
    environ["PATH"] = f"{directory_of_aws(tmp_path_factory.mktemp('bin'))}{os.pathsep}{os.environ['PATH']}"

    def run(command: str) -> str:
        done = subprocess.run(["/bin/bash", "-ec", command], cwd=Project.find().root, env=environ,
                              capture_output=True, text=True, timeout=120, check=False)  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


def topic_of(info: StackInfo) -> str:
    return f"arn:aws:sns:{info.region}:{info.account_id}:aurora-restore-notifications"


def subscribe(aws: Clients, info: StackInfo) -> str:
    queue = aws("sqs").create_queue(QueueName="health")["QueueUrl"]
    arn = admit_topic(aws("sqs"), queue, topic_of(info))
    subscribed = aws("sns").subscribe(TopicArn=topic_of(info), Protocol="sqs", Endpoint=arn)
    return str(subscribed["SubscriptionArn"])


@contextmanager
def without_recovery(aws: Clients, _: StackInfo) -> Iterator[None]:
    # Its own repair brings it back.
    off = {"PointInTimeRecoveryEnabled": False}
    aws("dynamodb").update_continuous_backups(TableName=STATE, PointInTimeRecoverySpecification=off)
    yield


@contextmanager
def without_protection(aws: Clients, _: StackInfo) -> Iterator[None]:
    aws("dynamodb").update_table(TableName=LOCKS, DeletionProtectionEnabled=False)
    yield


@contextmanager
def with_a_missing_secret(aws: Clients, _: StackInfo) -> Iterator[None]:
    aws("secretsmanager").delete_secret(SecretId=ADMIN_SECRET)
    yield
    aws("secretsmanager").restore_secret(SecretId=ADMIN_SECRET)


@contextmanager
def with_a_malformed_secret(aws: Clients, _: StackInfo) -> Iterator[None]:
    secrets = aws("secretsmanager")
    before = secrets.get_secret_value(SecretId=ADMIN_SECRET)["SecretString"]
    secrets.put_secret_value(
        SecretId=ADMIN_SECRET, SecretString=f'{{"username": "postgres", "pass": "{MARK}"}}'
    )
    yield
    secrets.put_secret_value(SecretId=ADMIN_SECRET, SecretString=before)


@contextmanager
def with_a_malformed_user_secret(aws: Clients, _: StackInfo) -> Iterator[None]:
    secrets = aws("secretsmanager")
    secrets.create_secret(Name="aurora-restore/users/plain", SecretString=MARK)
    yield
    secrets.delete_secret(SecretId="aurora-restore/users/plain", ForceDeleteWithoutRecovery=True)


@contextmanager
def with_old_snapshots_only(aws: Clients, info: StackInfo) -> Iterator[None]:
    """The snapshots of the last days failed."""
    since = datetime.now(UTC) - timedelta(days=2)
    found = aws("rds", info.source_region).describe_db_cluster_snapshots()["DBClusterSnapshots"]
    recent = [item["DBClusterSnapshotIdentifier"] for item in found if item["SnapshotCreateTime"] > since]
    assert recent

    def set_all(status: str) -> None:
        for name in recent:
            put(info, "status", {"region": info.source_region, "kind": "cluster-snapshot", "identifier": name,
                                 "status": status})  # fmt: skip

    set_all("failed")
    yield
    set_all("available")


@contextmanager
def without_the_sweep(aws: Clients) -> Iterator[None]:
    """The sweep would see to it in the middle of the test."""
    aws("events").disable_rule(Name=SWEEP)
    yield
    aws("events").enable_rule(Name=SWEEP)


@contextmanager
def with_a_stuck_operation(aws: Clients, info: StackInfo) -> Iterator[None]:
    """A record that says RUNNING, of an execution that Step Functions does not know."""
    begun = format_time(datetime.now(UTC) - timedelta(hours=3))
    arn = f"arn:aws:states:{info.region}:{info.account_id}:execution:{MACHINE}:restore-stuck"
    item = {"operation_id": "restore-stuck", "status": "RUNNING", "start_time": begun, "last_updated_time": begun,
            "execution_arn": arn, "step": "RestoreCluster"}  # fmt: skip
    with without_the_sweep(aws):
        aws("dynamodb").put_item(TableName=STATE, Item={name: {"S": value} for name, value in item.items()})
        yield
        aws("dynamodb").delete_item(TableName=STATE, Key={"operation_id": {"S": "restore-stuck"}})


@contextmanager
def with_a_lock_that_was_left(aws: Clients, _: StackInfo) -> Iterator[None]:
    lock = {"target_cluster_id": {"S": "aurora-restored-left"}, "operation_id": {"S": "restore-gone"}}
    with without_the_sweep(aws):
        aws("dynamodb").put_item(TableName=LOCKS, Item=lock)
        yield
        key = {"target_cluster_id": lock["target_cluster_id"]}
        aws("dynamodb").delete_item(TableName=LOCKS, Key=key)


@contextmanager
def with_an_alarm(aws: Clients, _: StackInfo) -> Iterator[None]:
    """An alarm beside those of the stack, with a metric of the test: the stack's own stay what they are."""
    cloudwatch = aws("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="aurora-restore-of-a-test", AlarmDescription="The test failed on purpose.", Namespace="Health",
        MetricName="Failed", Statistic="Sum", Period=300, EvaluationPeriods=1, Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold", TreatMissingData="notBreaching",
    )  # fmt: skip
    cloudwatch.put_metric_data(Namespace="Health", MetricData=[{"MetricName": "Failed", "Value": 1}])

    def goes_off() -> bool:
        [alarm] = cloudwatch.describe_alarms(AlarmNames=["aurora-restore-of-a-test"])["MetricAlarms"]
        return bool(alarm["StateValue"] == "ALARM")

    poll_until(goes_off, "the alarm")
    yield
    cloudwatch.delete_alarms(AlarmNames=["aurora-restore-of-a-test"])


@contextmanager
def with_a_silent_alarm(aws: Clients, _: StackInfo) -> Iterator[None]:
    first = aws("cloudwatch").describe_alarms(AlarmNamePrefix="aurora-restore-")["MetricAlarms"][0][
        "AlarmName"
    ]
    aws("cloudwatch").disable_alarm_actions(AlarmNames=[first])
    yield


@contextmanager
def with_an_older_function(aws: Clients, info: StackInfo) -> Iterator[None]:
    """The code of one function is another: what it has is taken from the bucket, and given another file."""
    bucket = f"aurora-restore-artifacts-{info.account_id}-{info.region}"
    key = package_key()
    packed = io.BytesIO(aws("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr("of_an_older_release.txt", "before")
    aws("lambda").update_function_code(FunctionName="aurora-restore-notify", ZipFile=packed.getvalue())
    yield
    aws("lambda").update_function_code(FunctionName="aurora-restore-notify", S3Bucket=bucket, S3Key=key)


@cache
def package_key() -> str:
    return source_versions(Project.find()).package_key


@contextmanager
def with_another_definition(aws: Clients, info: StackInfo) -> Iterator[None]:
    arn = f"arn:aws:states:{info.region}:{info.account_id}:stateMachine:{MACHINE}"
    definition = json.loads(aws("stepfunctions").describe_state_machine(stateMachineArn=arn)["definition"])
    changed = json.dumps({**definition, "Comment": "of an older release"})
    aws("stepfunctions").update_state_machine(stateMachineArn=arn, definition=changed)
    yield


@contextmanager
def without_subscriptions(aws: Clients, info: StackInfo) -> Iterator[None]:
    """Nothing but one by mail, which waits for its receiver."""
    listed = aws("sns").list_subscriptions_by_topic(TopicArn=topic_of(info))["Subscriptions"]
    for item in listed:
        aws("sns").unsubscribe(SubscriptionArn=item["SubscriptionArn"])
    waiting = aws("sns").subscribe(
        TopicArn=topic_of(info), Protocol="email", Endpoint="night@example.com", ReturnSubscriptionArn=True
    )
    yield
    aws("sns").unsubscribe(SubscriptionArn=waiting["SubscriptionArn"])
    subscribe(aws, info)


@contextmanager
def with_a_paused_schedule(aws: Clients, info: StackInfo) -> Iterator[None]:
    starts = f"arn:aws:lambda:{info.region}:{info.account_id}:function:aurora-restore-start-scheduled"
    role = f"arn:aws:iam::{info.account_id}:role/aurora-restore-scheduler-{info.region}"
    aws("scheduler").create_schedule(
        Name="nightly", GroupName=SCHEDULE_GROUP, State="DISABLED", ScheduleExpression="cron(0 3 * * ? *)",
        FlexibleTimeWindow={"Mode": "OFF"}, Target={"Arn": starts, "RoleArn": role},
    )  # fmt: skip
    yield
    aws("scheduler").delete_schedule(Name="nightly", GroupName=SCHEDULE_GROUP)


@contextmanager
def with_a_disabled_sweep(aws: Clients, _: StackInfo) -> Iterator[None]:
    aws("events").disable_rule(Name=SWEEP)
    yield


@contextmanager
def with_a_disabled_rule_for_abnormal_ends(aws: Clients, _: StackInfo) -> Iterator[None]:
    aws("events").disable_rule(Name="aurora-restore-abnormal-end")
    yield


@dataclass(frozen=True)
class Broken:
    """What is broken, the finding that has to be red, what it names, and whether its own commands repair it."""

    by: Callable[[Clients, StackInfo], Any]
    finding: str
    names: str
    is_repaired_by_its_commands: bool = False
    also_red: tuple[str, ...] = ()


BROKEN = (
    Broken(without_recovery, f"table {STATE}", "point-in-time recovery is off", True),
    Broken(without_protection, f"table {LOCKS}", "deletion protection is off", True),
    Broken(with_a_missing_secret, "admin secret", ADMIN_SECRET),
    Broken(with_a_malformed_secret, "admin secret", "password"),
    Broken(with_a_malformed_user_secret, "secrets of users", "aurora-restore/users/plain"),
    Broken(with_old_snapshots_only, "snapshots", "none of the last two days in us-east-1"),
    Broken(with_a_stuck_operation, "operations", "restore-stuck", also_red=("sweep",)),
    Broken(with_a_lock_that_was_left, "locks", "aurora-restored-left", also_red=("sweep",)),
    Broken(with_an_alarm, "alarms", "aurora-restore-of-a-test is in ALARM"),
    Broken(with_a_silent_alarm, "alarms", "the actions of aurora-restore-", True),
    Broken(with_an_older_function, "functions", "aurora-restore-notify"),
    Broken(with_another_definition, "state machines", MACHINE, True),
    Broken(without_subscriptions, "topic", "night@example.com"),
    Broken(with_a_paused_schedule, "schedules", "nightly is paused"),
    Broken(with_a_disabled_sweep, "sweep", "is disabled", True),
    Broken(with_a_disabled_rule_for_abnormal_ends, "abnormal ends", "is disabled", True),
)


def test_a_stack_that_is_well_is_green(cli: Callable[..., tuple[int, dict[str, Any]]]) -> None:
    status, document = cli("check")
    assert [item for item in document["findings"] if item["health"] != "green"] == []
    assert (status, document["health"]) == (0, "green")


def test_a_stack_that_is_well_has_one_line_a_check_and_nothing_to_say_to_cron(
    cli: Callable[..., tuple[int, dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    _, document = cli("check")
    assert app.run(["check"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 80 for line in lines)
    # Where no operation says from which cluster, those that have a snapshot are named in a second line.
    marked = [line for line in lines if line.startswith("ok ")]
    assert len(marked) == len(document["findings"])
    assert len(lines) <= len(marked) + 3
    assert app.run(["check", "--quiet"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.by.__name__)
def test_what_is_broken_is_red_names_the_fault_and_the_repair(
    well: StackInfo,
    aws: Clients,
    cli: Callable[..., tuple[int, dict[str, Any]]],
    shell: Callable[[str], str],
    broken: Broken,
) -> None:
    with broken.by(aws, well):
        status, document = cli("check")
        assert status == 8
        red = {item["name"]: item for item in document["findings"] if item["health"] != "green"}
        # Nothing else is: so each of the others was put back.
        assert set(red) == {broken.finding, *broken.also_red}
        assert broken.names in red[broken.finding]["seen"]
        assert red[broken.finding]["means"]
        assert red[broken.finding]["repairs"]
        assert MARK not in json.dumps(document)
        if broken.is_repaired_by_its_commands:
            for command in red[broken.finding]["repairs"]:
                shell(command)


def test_the_zip_of_a_key_is_known_by_its_hash_and_one_that_is_not_there_is_an_answer(
    well: StackInfo, cli: Callable[..., tuple[int, dict[str, Any]]], source: SourceVersions
) -> None:
    # `cli` has pointed this process at the stack.
    around = connection.connect_surroundings(well.region, "aurora-restore-pipeline")
    known = around.deployed.package_sha256(around.default_bucket, source.package_key, well.account_id)
    assert known == source.code_sha256
    for bucket, key in ((around.default_bucket, "lambda/none.zip"), ("no-such-bucket-of-ours", "x")):
        assert around.deployed.package_sha256(bucket, key, well.account_id) is None


def test_a_test_notification_arrives(
    well: StackInfo, aws: Clients, cli: Callable[..., tuple[int, dict[str, Any]]]
) -> None:
    status, document = cli("notify", "--test")
    assert status == 0
    queue = aws("sqs").get_queue_url(QueueName="health")["QueueUrl"]

    def received() -> list[str]:
        messages = aws("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(item["Body"])["Message"] for item in messages]

    found = poll_until(received, "the test notification")
    assert any(document["operation_id"] in text and re.search(r'"outcome": "TEST"', text) for text in found)
