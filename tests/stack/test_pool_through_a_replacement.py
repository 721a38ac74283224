"""A pool through a whole replacement and through an undo: no acknowledged write is lost, and its sessions come back."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from tests.stack.conftest import Clients
from tests.stack.polling import poll_until
from tests.stack.pooled_client import POOL_SIZE, PooledClient
from tests.stack.serving_targets import (
    END_TIMEOUT_SECONDS,
    INSTANCE_CLASS,
    NEW_DATA,
    Place,
    old_data_of,
    request,
)

from aurora_restore.demo.seed_aws import SECURITY_GROUP_ID, SUBNET_GROUP
from local_stack.stack_info import StackInfo

pytestmark = pytest.mark.file_one_day_in(7, 5)

REPLACED, UNDONE = "aurora-restored-pooled", "aurora-restored-pooled-undone"


@dataclass(frozen=True)
class Passage:
    """What a client went through, the records of it, and where its writes are now: by place, the markers there."""

    client: PooledClient
    records: Mapping[str, Mapping[str, Any]]
    found: Mapping[str, set[str]]


@pytest.fixture(scope="module")
def place(stack: StackInfo, boto: Clients) -> Place:
    stack.control.change_durations(snapshot=1)
    return Place(stack, boto)


def markers_in(place: Place, name: str) -> set[str]:
    with place.session(name) as session:
        return {str(row[0]) for row in session.run("SELECT marker FROM acknowledged")}


def markers_in_snapshot(place: Place, snapshot: str, name: str) -> set[str]:
    """What a final snapshot holds, seen in a cluster that is restored from it."""
    rds = place.boto("rds")
    rds.restore_db_cluster_from_snapshot(
        DBClusterIdentifier=name,
        SnapshotIdentifier=snapshot,
        Engine="aurora-postgresql",
        DBSubnetGroupName=SUBNET_GROUP,
        VpcSecurityGroupIds=[SECURITY_GROUP_ID],
    )
    rds.create_db_instance(
        DBInstanceIdentifier=f"{name}-1",
        DBClusterIdentifier=name,
        DBInstanceClass=INSTANCE_CLASS,
        Engine="aurora-postgresql",
    )

    def serves() -> bool:
        found = rds.describe_db_instances(DBInstanceIdentifier=f"{name}-1")["DBInstances"]
        return bool(found[0]["DBInstanceStatus"] == "available")

    poll_until(serves, name, END_TIMEOUT_SECONDS)
    return markers_in(place, name)


@pytest.fixture(scope="module")
def replacement(place: Place) -> Passage:
    place.make_target(REPLACED)
    with PooledClient(place, REPLACED).at_work() as client:
        record = place.closed(place.start(request(REPLACED)))
        assert record["status"] == "SUCCEEDED", record.get("error")
        poll_until(lambda: len(client.instances) > 1, "writes to the new cluster")
    final = record["retirement"]["final_snapshot_identifier"]
    found = {
        "final snapshot": markers_in_snapshot(place, final, f"{REPLACED}-seen"),
        "new": markers_in(place, REPLACED),
    }
    return Passage(client, {"swap": record}, found)


@pytest.fixture(scope="module")
def undo(place: Place) -> Passage:
    place.make_target(UNDONE)
    with PooledClient(place, UNDONE).at_work() as client:
        swap = place.closed(place.start(request(UNDONE, keep_replaced_hours=2)))
        poll_until(lambda: len(client.instances) > 1, "writes to the restored cluster")
        before = len(client.written)
        back = place.closed(place.start({"undo_operation_id": swap["operation_id"]}))
        assert (swap["status"], back["status"]) == ("SUCCEEDED", "SUCCEEDED"), back.get("error")
        kept = f"{UNDONE}-a"
        poll_until(
            lambda: any(item.instance == kept for item in client.written[before:]), "writes to what came back"
        )
    final = back["retirement"]["final_snapshot_identifier"]
    found = {
        "final snapshot of the restored": markers_in_snapshot(place, final, f"{UNDONE}-seen"),
        "came back": markers_in(place, UNDONE),
    }
    return Passage(client, {"swap": swap, "undo": back}, found)


@pytest.mark.parametrize("passage", ["replacement", "undo"])
def test_every_acknowledged_write_is_in_a_final_snapshot_or_in_the_existing_cluster(
    passage: str, request: pytest.FixtureRequest
) -> None:
    went: Passage = request.getfixturevalue(passage)

    assert len(went.client.written) > POOL_SIZE
    assert went.client.markers - set().union(*went.found.values()) == set()
    assert all(markers & went.client.markers for markers in went.found.values())


def test_the_pools_sessions_are_cut_and_come_back_to_the_new_cluster(
    place: Place, replacement: Passage
) -> None:
    client = replacement.client
    old, *new = client.instances
    members = {item["DBInstanceIdentifier"] for item in place.cluster(REPLACED)["DBClusterMembers"]}

    assert old == f"{REPLACED}-a"
    assert len(new) == 1
    assert set(new) <= members
    sessions_on_old = {item.session for item in client.written if item.instance == old}
    sessions_on_new = {item.session for item in client.written if item.instance in new}
    assert sessions_on_old
    assert sessions_on_new
    assert not sessions_on_old & sessions_on_new
    assert max(client.written, key=lambda item: item.seconds).instance in new
    assert place.data_of(REPLACED) == NEW_DATA


def test_a_session_survives_the_renames_and_ends_with_the_fence(replacement: Passage) -> None:
    """Writes of open sessions go to the old cluster after the switch; they are in its final snapshot."""
    client, found = replacement.client, replacement.found
    late = [item for item in client.written if item.instance == f"{REPLACED}-a"][-POOL_SIZE:]

    assert {item.marker for item in late} <= found["final snapshot"]
    assert not {item.marker for item in late} & found["new"]


def test_after_the_undo_clients_are_where_they_were_before(place: Place, undo: Passage) -> None:
    assert place.data_of(UNDONE) == old_data_of(UNDONE)
    assert undo.client.instances[0] == f"{UNDONE}-a"
    last = max(undo.client.written, key=lambda item: item.seconds)
    assert last.instance == f"{UNDONE}-a"


@pytest.mark.parametrize("passage", ["replacement", "undo"])
def test_the_seconds_are_reported_as_rds_and_as_a_client_see_them(
    passage: str, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    went: Passage = request.getfixturevalue(passage)
    reported = {
        name: (
            float(record["switch_over"]["seconds_without_name"]),
            float(record["proof"]["seconds_unreachable_for_clients"]),
        )
        for name, record in went.records.items()
    }
    gap = went.client.longest_gap()
    with capsys.disabled():
        for name, (rds, clients) in reported.items():
            sys.stdout.write(
                f"\n{passage}, {name}: {rds:.1f} s in RDS's answers, {clients:.1f} s as clients see it"
            )
        sys.stdout.write(
            f"; the longest time in which no newcomer got in was {gap:.2f} s; {len(went.client.written)} writes were "
            f"acknowledged, {len(went.client.failures)} attempts failed\n"
        )

    assert all(rds < clients for rds, clients in reported.values())
    # The record tells tenths of a second, so that what is compared with it is rounded alike.
    assert round(gap, 1) <= max(clients for _, clients in reported.values())
