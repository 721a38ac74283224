"""Determinism, and what survives from one run to the next."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from tests.states_language.scheduler import VirtualClock

from local_aurora.model import LocalAurora
from local_aurora.timing import Durations

from .conftest import DURATIONS, MASTER, Place

Refused = Callable[..., str]


def test_the_same_calls_make_the_same_world() -> None:
    def world() -> str:
        aurora = LocalAurora(VirtualClock(), durations=DURATIONS)
        aurora.seed.put_cluster("us-east-1", "production", MASTER, instances={"p-1": "db.r5.large"})
        return json.dumps(aurora.to_json(), sort_keys=True)

    assert world() == world()


def test_a_saved_world_goes_on_where_it_was(place: Place) -> None:
    place.restored("staging")
    place.copy("copy-in-flight")
    saved = json.loads(json.dumps(place.aurora.to_json()))
    later = LocalAurora(place.clock, state_json=saved)
    assert later.to_json() == saved
    place.clock.advance(DURATIONS.copy)
    answer = later.call(
        "DescribeDBClusterSnapshots", "us-west-2", {"DBClusterSnapshotIdentifier": "copy-in-flight"}
    )
    assert answer["DBClusterSnapshots"][0]["Status"] == "available"


def test_a_state_that_was_saved_before_a_field_existed_is_read_with_its_default(place: Place) -> None:
    place.restored("staging")
    place.here.create_db_cluster_endpoint(
        DBClusterIdentifier="staging", DBClusterEndpointIdentifier="reports", EndpointType="ANY"
    )
    place.clock.advance(DURATIONS.endpoint)
    saved = json.loads(json.dumps(place.aurora.to_json()))
    for region in saved["regions"].values():
        del region["retained_backups"]
    del saved["regions"]["us-west-2"]["custom_endpoints"]["reports"]["status"]
    del saved["regions"]["us-west-2"]["clusters"]["staging"]["busy_until"]
    later = LocalAurora(place.clock, state_json=saved)
    with later.locked() as world:
        region = world.regions["us-west-2"]
        assert region.retained_backups == {}
        assert region.custom_endpoints["reports"].status == "available"
        assert region.clusters["staging"].busy_until is None
    later.at_once("DeleteDBInstance", "us-west-2", {"DBInstanceIdentifier": "staging-1"})
    deletion = {"DBClusterIdentifier": "staging", "SkipFinalSnapshot": True, "DeleteAutomatedBackups": False}
    later.at_once("DeleteDBCluster", "us-west-2", deletion)
    with later.locked() as world:
        assert len(world.regions["us-west-2"].retained_backups) == 1


def test_no_password_is_saved(place: Place) -> None:
    place.restored("staging")
    place.here.modify_db_cluster(DBClusterIdentifier="staging", MasterUserPassword="second-password")
    saved = json.dumps(place.aurora.to_json())
    assert MASTER.password not in saved
    assert "second-password" not in saved


def test_a_state_of_another_account_is_refused(place: Place) -> None:
    with pytest.raises(ValueError, match="account 000000000000"):
        LocalAurora(place.clock, account_id="111111111111", state_json=place.aurora.to_json())


def test_seeding_does_not_wait_for_what_only_time_can_end(place: Place) -> None:
    place.copy("copy-1")
    place.clock.advance(DURATIONS.copy)
    place.here.restore_db_cluster_from_snapshot(
        DBClusterIdentifier="staging", SnapshotIdentifier="copy-1", Engine="aurora-postgresql"
    )
    with pytest.raises(TimeoutError, match="waits for something that is under way"):
        place.aurora.seed.put_instance("us-west-2", "staging", "staging-1", "db.r5.large")


def test_a_change_of_durations_counts_for_what_begins_after_it(place: Place) -> None:
    place.copy("copy-1")
    place.aurora.set_durations({"copy": 10})
    place.copy("copy-2")
    place.clock.advance(10)
    assert (place.snapshot_status("copy-1"), place.snapshot_status("copy-2")) == ("copying", "available")
    with pytest.raises(ValueError, match="Unknown durations coppy"):
        place.aurora.set_durations({"coppy": 10})
    with pytest.raises(ValueError, match="copy"):
        Durations(copy=-1)


def test_the_next_end_is_where_a_clock_can_jump_to(place: Place) -> None:
    assert place.aurora.next_end() is None
    place.copy("copy-1")
    end = place.aurora.next_end()
    assert end is not None
    assert (end - place.clock.now()).total_seconds() == DURATIONS.copy
