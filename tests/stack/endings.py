"""How a run has to end that an operator has stopped: what exists then, what the record and the notification say."""

from __future__ import annotations

from typing import Any

from tests.stack.serving_targets import NEW_DATA, Place, messages_of, old_data_of
from tests.support.inbox import Inbox

from aurora_restore.domain.naming import copy_identifier

REASON = "the window is needed for something else"


def assert_cancelled(place: Place, inbox: Inbox, target: str, operation_id: str) -> dict[str, Any]:
    """What existed before exists, what the run made is gone, and a notification says so."""
    record = place.closed(operation_id)
    assert (record["status"], record["error"]["code"]) == ("CANCELLED", "CANCELLED")
    assert REASON in record["error"]["message"]
    assert place.execution(operation_id)["status"] == "ABORTED"
    (message,) = messages_of(inbox, operation_id)
    assert "was cancelled" in message
    assert f"{target} is the old cluster" in message or "nothing was created" in message
    assert_as_before(place, target, operation_id)
    return record


def assert_as_before(place: Place, target: str, operation_id: str) -> None:
    assert place.data_of(target) == old_data_of(target)
    things = place.things(target, operation_id)
    assert things.clusters == {target}
    assert things.instances == {f"{target}-a"}
    assert things.snapshots <= {copy_identifier(operation_id)}
    for snapshot in things.snapshots:
        found = place.boto("rds").describe_db_cluster_snapshots(DBClusterSnapshotIdentifier=snapshot)
        assert found["DBClusterSnapshots"][0]["Status"] == "available"
    assert place.lock_owner(target) is None


def assert_succeeded(place: Place, inbox: Inbox, target: str, operation_id: str) -> dict[str, Any]:
    record = place.closed(operation_id)
    assert (record["status"], record.get("error")) == ("SUCCEEDED", None)
    assert "the restore had succeeded" in record["warnings"][-1]
    assert place.data_of(target) == NEW_DATA
    assert place.lock_owner(target) is None
    (message,) = messages_of(inbox, operation_id)
    assert "is available, restored from" in message
    assert f"Warning: {record['warnings'][-1]}" in message
    return record
