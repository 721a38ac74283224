"""A cluster that serves is replaced under the eyes of its client, kept, brought back, and let go."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.stack.conftest import Clients, await_execution
from tests.stack.reading_client import ReadingClient
from tests.stack.serving_targets import (
    INSTANCE_CLASS,
    NEW_DATA,
    STATE_TABLE,
    Place,
    messages_of,
    old_data_of,
    request,
)
from tests.support.inbox import Inbox

from aurora_restore.demo.seed_aws import SECURITY_GROUP_ID, SUBNET_GROUP
from aurora_restore.domain.times import parse_time
from local_stack.stack_info import StackInfo

TARGET, UNDONE, SWEPT = "aurora-restored-swapped", "aurora-restored-undone", "aurora-restored-swept"
RESTORED_AGAIN = "aurora-restored-again"
RENAME_SECONDS = 1.5


@dataclass(frozen=True)
class Replacement:
    """A swap that has ended, and what the target's client saw of it."""

    record: dict[str, Any]
    client: ReadingClient
    seconds: float


@pytest.fixture(scope="module")
def place(stack: StackInfo, boto: Clients) -> Place:
    stack.control.change_durations(rename=RENAME_SECONDS, snapshot=1)
    return Place(stack, boto)


@pytest.fixture(scope="module")
def inbox(boto: Clients) -> Iterator[Inbox]:
    inbox = Inbox(boto)
    yield inbox
    inbox.close()


@pytest.fixture(scope="module")
def kept(place: Place, inbox: Inbox) -> dict[str, str]:
    """Replacements that keep the old cluster, under way beside the one that is watched: target → operation."""
    place.make_targets([TARGET, UNDONE, SWEPT])
    return {name: place.start(request(name, keep_replaced_hours=2)) for name in (UNDONE, SWEPT)}


@pytest.fixture(scope="module")
def replacement(place: Place, kept: dict[str, str]) -> Replacement:
    client = ReadingClient(place, TARGET)
    client.start()
    operation_id = place.start(request(TARGET))
    record = place.closed(operation_id)
    ended = await_execution(place.boto("stepfunctions"), place.execution_arn(operation_id), 10)
    client.end()
    assert ended.status == "SUCCEEDED", ended.cause
    return Replacement(record, client, seconds_between(record["start_time"], record["end_time"]))


@pytest.fixture(scope="module")
def afterwards(place: Place, kept: dict[str, str], replacement: Replacement) -> dict[str, str]:
    """An undo and a restore of the final snapshot, under way beside each other: target → operation."""
    place.closed(kept[UNDONE])
    final = replacement.record["retirement"]["final_snapshot_identifier"]
    expected = request(
        RESTORED_AGAIN,
        source_snapshot_date=...,
        source_snapshot_identifier=final,
        source_region=place.stack.region,
        db_subnet_group_name=SUBNET_GROUP,
        vpc_security_group_ids=[SECURITY_GROUP_ID],
        db_instance_class=INSTANCE_CLASS,
    )
    assert place.data_of(UNDONE) == NEW_DATA
    return {
        UNDONE: place.start({"undo_operation_id": kept[UNDONE]}),
        RESTORED_AGAIN: place.start(expected),
    }


def seconds_between(first: str, last: str) -> float:
    return (parse_time(last) - parse_time(first)).total_seconds()


def test_a_client_reads_the_old_data_until_the_switch_and_the_new_data_from_then_on(
    replacement: Replacement,
) -> None:
    assert replacement.client.data_seen == [old_data_of(TARGET), NEW_DATA]


def test_no_read_fails_for_longer_than_the_record_says_that_clients_could_not_reach_the_target(
    replacement: Replacement, capsys: pytest.CaptureFixture[str]
) -> None:
    client = replacement.client
    outage = client.longest_seconds(nameless=False)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{len(client.readings)} reads, {len(client.failures)} of them failed; the longest time between two "
            f"that succeeded was {outage:.2f} s\n"
        )
    # The client verifies the name, so it is without the database until the certificate is renewed.
    reported = float(replacement.record["proof"]["seconds_unreachable_for_clients"])
    # It tells tenths of a second, so that what is compared with it is rounded alike.
    assert round(client.proved_seconds(nameless=False), 1) <= reported, client.failures


def test_the_time_without_the_name_is_that_of_the_two_renames_and_not_that_of_the_restore(
    replacement: Replacement, capsys: pytest.CaptureFixture[str]
) -> None:
    record = replacement.record
    reported = float(record["switch_over"]["seconds_without_name"])
    seen = replacement.client.longest_seconds(nameless=True)
    restore, switch = record["phases"]["RestoreCluster"], record["phases"]["SwitchOver"]
    with capsys.disabled():
        sys.stdout.write(
            f"\nWithout the name: {seen:.2f} s as the client saw it, {reported:.1f} s at the most by the record; two "
            f"renames take {2 * RENAME_SECONDS:.1f} s, the whole replacement took {replacement.seconds:.1f} s\n"
        )
    # No bound in seconds: a busy machine is slow at both. What lies in it is the switch alone, and of that a part.
    # The record tells tenths of a second, so that all that is compared with it is rounded alike.
    switching = seconds_between(switch["start_time"], switch["end_time"])
    assert seen >= RENAME_SECONDS
    assert round(replacement.client.proved_seconds(nameless=True), 1) <= reported <= round(switching, 1)
    assert switching < replacement.seconds / 3
    assert restore["end_time"] < switch["start_time"] <= record["switch_over"]["name_gone_time"]
    assert record["switch_over"]["switched_time"] <= switch["end_time"]


def test_nothing_of_the_old_cluster_is_left_but_its_final_snapshot(
    place: Place, replacement: Replacement
) -> None:
    record = replacement.record
    things = place.things(TARGET, record["operation_id"])
    assert things.clusters == {TARGET}
    assert things.instances == {item["db_instance_identifier"] for item in record["plan"]["instances"]}
    assert record["retirement"]["state"] == "RETIRED"
    assert record["retirement"]["final_snapshot_identifier"] in things.snapshots
    assert place.lock_owner(TARGET) is None


def test_the_message_tells_for_how_long_the_name_was_away_and_where_the_old_data_is(
    replacement: Replacement, inbox: Inbox
) -> None:
    (message,) = messages_of(inbox, replacement.record["operation_id"])
    assert "No name:" in message
    assert replacement.record["retirement"]["final_snapshot_identifier"] in message


@pytest.mark.usefixtures("afterwards")
def test_a_kept_cluster_is_retired_by_the_sweep_when_its_time_is_over_and_not_before(
    place: Place, kept: dict[str, str]
) -> None:
    operation_id = kept[SWEPT]
    retired = place.closed(operation_id)["retirement"]["db_cluster_identifier"]
    assert place.cluster(retired)["Status"] == "stopped"
    assert not [line for line in place.sweep() if operation_id in line]
    end_the_keeping(place, operation_id)
    assert [line for line in place.sweep() if operation_id in line]
    record = place.becomes(operation_id, lambda item: item["retirement"]["state"] == "RETIRED")
    assert place.find_cluster(retired) is None
    assert record["retirement"]["final_snapshot_identifier"] in place.things(SWEPT, operation_id).snapshots
    assert place.data_of(SWEPT) == NEW_DATA
    assert record["status"] == "SUCCEEDED"
    place.becomes_free(SWEPT)


def test_the_final_snapshot_can_be_restored_and_holds_the_old_data(
    place: Place, afterwards: dict[str, str]
) -> None:
    record = place.closed(afterwards[RESTORED_AGAIN])
    assert record["status"] == "SUCCEEDED", record.get("error")
    assert place.data_of(RESTORED_AGAIN) == old_data_of(TARGET)


def test_an_undo_by_a_plain_start_execution_brings_the_old_data_back(
    place: Place, kept: dict[str, str], afterwards: dict[str, str], inbox: Inbox
) -> None:
    undo = afterwards[UNDONE]
    record = place.closed(undo)
    assert record["status"] == "SUCCEEDED", record.get("error")
    assert place.data_of(UNDONE) == old_data_of(UNDONE)
    assert place.things(UNDONE, undo).clusters == {UNDONE}
    assert place.record(kept[UNDONE])["retirement"]["state"] == "UNDONE"
    assert [tag for tag in place.cluster(UNDONE)["TagList"] if tag["Key"].startswith("aurora-restore:")] == []
    (message,) = messages_of(inbox, undo)
    assert "is again the cluster from before" in message
    assert record["retirement"]["final_snapshot_identifier"] in message


def end_the_keeping(place: Place, operation_id: str) -> None:
    place.boto("dynamodb").update_item(
        TableName=STATE_TABLE,
        Key={"operation_id": {"S": operation_id}},
        UpdateExpression="SET retirement.keep_until = :now",
        ExpressionAttributeValues={":now": {"S": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")}},
    )
