"""What keeps a cluster from being replaced is reported before anything is touched, each with its code."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.stack.conftest import Clients
from tests.stack.polling import poll_until
from tests.stack.serving_targets import INSTANCE_CLASS, Place, messages_of, old_data_of, request
from tests.support.inbox import Inbox

from local_stack.stack_info import StackInfo

pytestmark = pytest.mark.file_one_day_in(7, 3)

PLAIN, STOPPED, PROTECTED, WORLDWIDE = (
    f"aurora-restored-{word}" for word in ("plain", "stopped", "protected", "worldwide")
)
KEPT, NEVER_REPLACED = "restore-kept", "restore-without-keeping"
RESTORED_FROM = "of-the-target"
Arrange = Callable[[Place], None]


@dataclass(frozen=True)
class Refusal:
    """A request that has to be refused, and in which words."""

    code: str
    words: str
    request: dict[str, Any]
    hint: str = ""


REFUSALS = {
    "deletion protection on the old cluster": Refusal(
        "DELETION_PROTECTED", "deletion protection", request(PROTECTED), "--no-deletion-protection"
    ),
    "deletion protection, whatever the strategy": Refusal(
        "DELETION_PROTECTED", "deletion protection", request(PROTECTED, replace_strategy="delete_first")
    ),
    "the old cluster is stopped": Refusal("TARGET_NOT_AVAILABLE", "`stopped`", request(STOPPED)),
    "the old cluster is a member of a global cluster": Refusal(
        "GLOBAL_CLUSTER_MEMBER", "around-the-world", request(WORLDWIDE)
    ),
    "the target is the cluster that the snapshot is of": Refusal(
        "TARGET_IS_SOURCE",
        PLAIN,
        request(
            PLAIN,
            source_snapshot_date=...,
            source_snapshot_identifier=RESTORED_FROM,
            source_region="us-west-2",
        ),
    ),
    "delete_first has nothing to keep": Refusal(
        "KEEP_NEEDS_SWAP",
        "keep_replaced_hours",
        request(PLAIN, replace_strategy="delete_first", keep_replaced_hours=1),
    ),
    "an undo of an operation that kept nothing": Refusal(
        "NOTHING_KEPT", "FAILED", {"undo_operation_id": NEVER_REPLACED}
    ),
    "an undo of an unknown operation": Refusal(
        "NOTHING_KEPT", "no record", {"undo_operation_id": "restore-20200101-000000"}
    ),
}


@pytest.fixture(scope="module")
def place(stack: StackInfo, boto: Clients) -> Place:
    """Targets that may not be replaced, and one that may."""
    place, rds = Place(stack, boto), boto("rds")
    stack.control.change_durations(stop=0.2, snapshot=0.2)
    place.make_targets([PLAIN, STOPPED, PROTECTED, WORLDWIDE])
    rds.modify_db_cluster(DBClusterIdentifier=PROTECTED, DeletionProtection=True)
    rds.stop_db_cluster(DBClusterIdentifier=STOPPED)
    arn = place.cluster(WORLDWIDE)["DBClusterArn"]
    place.seed("global-cluster", identifier="around-the-world", member_arns=[arn])
    rds.create_db_cluster_snapshot(DBClusterIdentifier=PLAIN, DBClusterSnapshotIdentifier=RESTORED_FROM)
    poll_until(lambda: place.cluster(STOPPED)["Status"] == "stopped", STOPPED)
    rds.get_waiter("db_cluster_snapshot_available").wait(
        DBClusterSnapshotIdentifier=RESTORED_FROM, WaiterConfig={"Delay": 1, "MaxAttempts": 10}
    )
    place.closed(place.start({"source_snapshot_date": "never", "target_cluster_id": PLAIN}, NEVER_REPLACED))
    return place


@pytest.fixture(scope="module")
def inbox(boto: Clients) -> Iterator[Inbox]:
    inbox = Inbox(boto)
    yield inbox
    inbox.close()


@pytest.fixture
def refused(place: Place, inbox: Inbox) -> Callable[[Refusal], None]:
    """Run it, and see that it is refused in its first step, that nothing was touched, and that people are reported."""

    def run(refusal: Refusal) -> None:
        assert inbox.messages() is not None
        before = everything(place)
        operation_id = place.start(refusal.request)
        record = place.closed(operation_id)
        error = record["error"]
        assert (record["status"], error["step"], error["code"]) == ("FAILED", "SnapshotCheck", refusal.code)
        assert refusal.words in error["message"]
        assert refusal.hint in error["hint"]
        assert "acts" not in record
        poll_until(lambda: place.execution(operation_id)["status"] == "FAILED", "the end of the execution")
        assert everything(place) == before
        (message,) = messages_of(inbox, operation_id)
        assert f"{refusal.code}: {error['message']}" in message
        assert "nothing was created, and nothing that existed before was touched" in message

    return run


def everything(place: Place) -> list[str]:
    """All that there is of RDS in the target Region, to the last field but those that move by themselves."""
    rds = place.boto("rds")
    things = [
        *rds.describe_db_clusters()["DBClusters"],
        *rds.describe_db_instances()["DBInstances"],
        *rds.describe_db_cluster_snapshots()["DBClusterSnapshots"],
    ]
    changing = ("LatestRestorableTime", "EarliestRestorableTime", "PercentProgress")
    return [
        json.dumps({key: value for key, value in thing.items() if key not in changing}, default=str)
        for thing in things
    ]


@pytest.mark.parametrize("why", REFUSALS)
def test_a_replacement_is_refused_before_anything_is_touched(
    place: Place, refused: Callable[[Refusal], None], why: str
) -> None:
    refused(REFUSALS[why])
    target = REFUSALS[why].request.get("target_cluster_id")
    if target:
        assert place.lock_owner(target) is None


def test_a_cluster_whose_replacement_was_refused_serves_its_old_data(place: Place) -> None:
    for target in (PLAIN, PROTECTED, WORLDWIDE):
        assert place.data_of(target) == old_data_of(target)


def test_without_room_for_a_second_cluster_delete_first_is_the_hint_and_helps(
    place: Place, refused: Callable[[Refusal], None]
) -> None:
    usual = place.change_quotas()
    count = len(place.boto("rds").describe_db_clusters()["DBClusters"])
    place.change_quotas(clusters=count)
    try:
        refused(Refusal("QUOTA_EXCEEDED", "DBClusters", request(PLAIN), "delete_first"))
        dry_run = place.start(request(PLAIN, replace_strategy="delete_first", dry_run=True))
        record = place.closed(dry_run)
        assert record["status"] == "SUCCEEDED", record.get("error")
    finally:
        place.change_quotas(clusters=usual["clusters"])


def test_an_undo_is_refused_while_another_operation_is_at_work_on_the_target(
    place: Place, refused: Callable[[Refusal], None]
) -> None:
    place.closed(place.start(request(PLAIN, keep_replaced_hours=1, db_instance_class=INSTANCE_CLASS), KEPT))
    place.fault("another", effect="hold", action="RestoreDBClusterFromSnapshot", identifier=f"{PLAIN}-*")
    another = place.start(request(PLAIN))
    poll_until(lambda: place.hit("another"), "another operation is at work", 240)
    refused(Refusal("TARGET_LOCKED", another, {"undo_operation_id": KEPT}))
    assert place.lock_owner(PLAIN) == another
    place.stop(another)
    place.release("another")
    assert place.closed(another)["status"] == "CANCELLED"
    undo = place.closed(place.start({"undo_operation_id": KEPT, "dry_run": True}))
    assert undo["status"] == "SUCCEEDED", undo.get("error")
