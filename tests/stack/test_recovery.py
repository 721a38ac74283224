"""A backup, everything deleted, and a recovery into another Region: the history, a restore and a notification."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.stack.conftest import RUN_TIMEOUT_SECONDS, Clients
from tests.stack.polling import poll_until
from tests.support.commands import Done, run_command
from tests.support.inbox import admit_topic

from aurora_restore.demo.seed_aurora import seed_network
from aurora_restore.demo.seed_aws import seed_target
from local_stack.stack_info import StackInfo, environment_of

pytestmark = pytest.mark.file_one_day_in(7, 5)

LOST, NEW = "eu-west-1", "eu-central-1"
STACK = "aurora-restore-pipeline"
STATE, AUDIT, LOCKS = TABLES = ("AuroraRestoreState", "AuroraRestoreAudit", "AuroraRestoreLocks")
BUCKET = "disaster-recovery"
TOPIC = "arn:aws:sns:{region}:{account}:aurora-restore-notifications"
CommandLine = Callable[..., Done]


@pytest.fixture(scope="module")
def cli(stack: StackInfo) -> CommandLine:
    # A deployment or a whole rehearsal may be part of one command.
    return lambda *arguments: run_command(environment_of(stack), arguments, RUN_TIMEOUT_SECONDS)


@pytest.fixture(scope="module")
def bucket(boto: Clients) -> str:
    """In a Region of its own, as it has to be where a Region can be lost."""
    configuration = {"LocationConstraint": "eu-north-1"}
    boto("s3", "eu-north-1").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=configuration)
    return f"s3://{BUCKET}"


def items(boto: Clients, region: str) -> dict[str, list[dict[str, Any]]]:
    """What the two tables of a Region hold, in one order."""
    pages = {
        name: boto("dynamodb", region).get_paginator("scan").paginate(TableName=name)
        for name in (STATE, AUDIT)
    }
    return {
        name: sorted((item for page in found for item in page["Items"]), key=str)
        for name, found in pages.items()
    }


def is_settled(boto: Clients) -> bool:
    records = items(boto, LOST)[STATE]
    return bool(records) and all(record["settled_time"].get("S") for record in records)


def take_away(boto: Clients, region: str) -> None:
    """The stack with its functions, and the tables that outlive it."""
    cloudformation, dynamodb = boto("cloudformation", region), boto("dynamodb", region)
    cloudformation.delete_stack(StackName=STACK)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})
    for name in TABLES:
        if name in dynamodb.list_tables()["TableNames"]:
            dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
            dynamodb.delete_table(TableName=name)
    poll_until(lambda: not dynamodb.list_tables()["TableNames"], "no table", 60)
    assert boto("lambda", region).list_functions()["Functions"] == []


def receiver(boto: Clients, stack: StackInfo, region: str) -> str:
    """A queue that is subscribed to the topic of a Region."""
    sqs = boto("sqs", region)
    url = str(sqs.create_queue(QueueName="on-call")["QueueUrl"])
    topic = TOPIC.format(region=region, account=stack.account_id)
    boto("sns", region).subscribe(TopicArn=topic, Protocol="sqs", Endpoint=admit_topic(sqs, url, topic))
    return url


@pytest.fixture(scope="module")
def lost(stack: StackInfo, boto: Clients, cli: CommandLine, bucket: str) -> Iterator[dict[str, Any]]:
    """The contents of a pipeline that has a history, was backed up, and is gone with everything."""
    deployed = cli("deploy", "--region", LOST, "--yes")
    assert deployed.status == 0, deployed.out + deployed.err
    # Nothing else is there: the operation is refused, and is recorded as any other.
    request = ["--source-cluster", "production", "--source-date", "latest", "--target-region", LOST]
    assert cli("plan", *request, "--target-cluster", "aurora-restored-lost").status == 3
    poll_until(lambda: is_settled(boto), "the end of the operation", 60)
    schedule = ["create", "weekly", "--daily", "01:30", "--target-cluster", "aurora-restored-weekly"]
    assert cli("schedule", *schedule, "--region", LOST).status == 0
    receiver(boto, stack, LOST)
    made = cli("backup", "--to", f"{bucket}/lost", "--region", LOST, "--json")
    assert made.status == 0, made.out + made.err
    before = items(boto, LOST)
    take_away(boto, LOST)
    yield {"items": before, "made": made.document}
    take_away(boto, NEW)


@pytest.fixture(scope="module")
def recovered(
    lost: dict[str, Any],
    stack: StackInfo,
    boto: Clients,
    cli: CommandLine,
    bucket: str,
    tmp_path_factory: Any,
) -> dict[str, Any]:
    """Recovered into a Region where nothing of it was, and then again with a receiver and a test restore."""
    there = replace(stack, region=NEW)
    seed_network(there, seed_target(there))
    command = ["recover", "--from", f"{bucket}/lost", "--region", NEW, "--yes", "--json"]
    first = cli(*command)
    assert first.status == 8, first.out + first.err
    loaded = items(boto, NEW)
    queue = receiver(boto, stack, NEW)
    request = {
        "source_cluster_id": "production",
        "source_snapshot_date": "latest",
        "vpc_security_group_ids": ["sg-12345678"],
        "db_subnet_group_name": "default-vpc-subnet-group",
        "rehearsal": {"rto_minutes": 240},
    }
    file: Path = tmp_path_factory.mktemp("requests") / "rehearsal.json"
    file.write_text(json.dumps(request))
    second = cli(*command, "--test-restore", str(file))
    assert second.status == 0, second.out + second.err
    return {"first": first.document, "second": second.document, "items": loaded, "queue": queue}


def test_the_history_is_complete_to_the_hash(
    lost: dict[str, Any], recovered: dict[str, Any], cli: CommandLine
) -> None:
    assert recovered["items"] == lost["items"]
    assert recovered["first"]["manifest_sha256"] == lost["made"]["manifest_sha256"]
    loaded = recovered["first"]["loaded"]
    count = lost["made"]["operations"]
    assert (loaded["written"], loaded["there_already"], loaded["left_behind"]) == (count, 0, [])
    assert loaded["chains"]["VERIFIED"] == lost["made"]["chains"]["VERIFIED"] == count > 0
    assert cli("audit", "--verify", "--region", NEW).status == 0


def test_a_repetition_loads_nothing_and_a_test_restore_succeeds_there(recovered: dict[str, Any]) -> None:
    loaded = recovered["second"]["loaded"]
    assert (loaded["written"], loaded["there_already"]) == (0, recovered["first"]["loaded"]["written"])
    record = recovered["second"]["test_restore"]
    assert record["status"] == "SUCCEEDED"
    assert record["rehearsal"]["verdict"] == "PASSED"


def test_a_notification_arrives(recovered: dict[str, Any], boto: Clients) -> None:
    sent = {
        recovered["second"]["notification"]["operation_id"],
        recovered["second"]["test_restore"]["operation_id"],
    }

    def outcomes() -> bool:
        answer = boto("sqs", NEW).receive_message(QueueUrl=recovered["queue"], MaxNumberOfMessages=10)
        for message in answer.get("Messages", []):
            for name in [name for name in sent if name in message["Body"]]:
                sent.remove(name)
        return not sent

    poll_until(outcomes, "the test notification, and that of the test restore", 30)


def test_schedules_are_made_again_and_begin_nothing_before_they_are_resumed(
    recovered: dict[str, Any], boto: Clients
) -> None:
    assert recovered["first"]["schedules_paused"] == ["weekly"]
    schedule = boto("scheduler", NEW).get_schedule(Name="weekly", GroupName="aurora-restore")
    assert schedule["State"] == "DISABLED"


def test_no_secret_is_in_a_backup(lost: dict[str, Any], boto: Clients) -> None:
    secrets = boto("secretsmanager")
    values = [
        json.loads(secrets.get_secret_value(SecretId=each["ARN"])["SecretString"])
        for each in secrets.list_secrets()["SecretList"]
    ]
    passwords = {value["password"].encode() for value in values if value.get("password")}
    assert passwords
    s3 = boto("s3", "eu-north-1")
    for each in s3.list_objects_v2(Bucket=BUCKET)["Contents"]:
        content = s3.get_object(Bucket=BUCKET, Key=each["Key"])["Body"].read()
        if each["Key"].endswith(".gz"):
            content = gzip.decompress(content)
        assert not [password for password in passwords if password in content], each["Key"]


def test_tables_that_hold_other_operations_are_left_as_they_are(
    recovered: dict[str, Any], boto: Clients, cli: CommandLine, bucket: str
) -> None:
    table = boto("dynamodb", NEW)
    removed = recovered["items"][STATE][0]
    # The test restore is in these tables and not in the backup; without it nothing would be missing.
    table.delete_item(TableName=STATE, Key={"operation_id": removed["operation_id"]})
    before = items(boto, NEW)
    refused = cli("recover", "--from", f"{bucket}/lost", "--region", NEW, "--yes", "--json")
    assert (refused.status, refused.document["error"]["code"]) == (3, "TABLES_IN_USE")
    assert items(boto, NEW) == before


def test_a_backup_that_was_changed_is_refused_before_anything_is_deployed(
    lost: dict[str, Any], boto: Clients, cli: CommandLine, bucket: str
) -> None:
    s3 = boto("s3", "eu-north-1")
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET, Prefix="lost/")["Contents"]]
    key = next(key for key in keys if "/data/" in key)
    content = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    s3.put_object(Bucket=BUCKET, Key=key, Body=gzip.compress(gzip.decompress(content) + b"\n"))
    refused = cli("recover", "--from", f"{bucket}/lost", "--region", LOST, "--yes", "--json")
    s3.put_object(Bucket=BUCKET, Key=key, Body=content)
    assert (refused.status, refused.document["error"]["code"]) == (3, "BACKUP_DAMAGED")
    assert boto("dynamodb", LOST).list_tables()["TableNames"] == []
