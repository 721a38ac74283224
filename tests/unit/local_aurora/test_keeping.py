"""What a world's keeper has on disk after each call, whatever becomes of the process then."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.states_language.scheduler import VirtualClock

from local_aurora import state
from local_aurora.journal import Journal
from local_aurora.keeping import WorldKeeper
from local_aurora.model import LocalAurora
from local_aurora.world import MAX_EVENTS

from .conftest import DURATIONS, MASTER

US = "us-east-1"


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "model.db")


@pytest.fixture
def aurora(journal: Journal) -> LocalAurora:
    aurora = LocalAurora(VirtualClock(), durations=DURATIONS, keeper=WorldKeeper(journal))
    aurora.seed.put_cluster(US, "production", MASTER, instances={"p-1": "db.r5.large"})
    return aurora


def read_again(journal: Journal) -> LocalAurora:
    return LocalAurora(VirtualClock(), durations=DURATIONS, state_json=WorldKeeper(journal).saved())


def snapshot(aurora: LocalAurora, name: str) -> None:
    aurora.call(
        "CreateDBClusterSnapshot",
        US,
        {"DBClusterIdentifier": "production", "DBClusterSnapshotIdentifier": name},
    )


def test_each_call_is_on_disk_when_it_is_answered(aurora: LocalAurora, journal: Journal) -> None:
    for name in ("one", "two", "three"):
        snapshot(aurora, name)
        assert read_again(journal).to_json() == aurora.to_json()


def test_what_is_deleted_is_not_there_again(aurora: LocalAurora, journal: Journal) -> None:
    snapshot(aurora, "one")
    aurora.clock.advance(DURATIONS.snapshot)  # type: ignore[attr-defined]
    aurora.call("DeleteDBClusterSnapshot", US, {"DBClusterSnapshotIdentifier": "one"})
    aurora.clock.advance(DURATIONS.snapshot_delete)  # type: ignore[attr-defined]
    with aurora.locked():
        pass
    assert "one" not in read_again(journal).world.regions[US].snapshots


def test_a_password_that_was_accepted_and_is_not_yet_in_force_is_not_lost(
    aurora: LocalAurora, journal: Journal
) -> None:
    aurora.call(
        "ModifyDBCluster",
        US,
        {"DBClusterIdentifier": "production", "MasterUserPassword": "a-second-one", "ApplyImmediately": True},
    )
    again = read_again(journal).world.regions[US].cluster("production")
    before = aurora.world.regions[US].cluster("production")
    assert (again.master_password, again.pending_password) == (
        before.master_password,
        before.pending_password,
    )
    assert "a-second-one" in (again.master_password, again.pending_password)


def test_ids_never_come_again(aurora: LocalAurora, journal: Journal) -> None:
    made = {aurora.world.ids.resource_id("snapshot") for _ in range(3)}
    snapshot(aurora, "one")
    again = read_again(journal)
    assert again.world.ids.resource_id("snapshot") not in made | {
        entry.storage_id for entry in aurora.world.regions[US].snapshots.values()
    }


def test_the_events_keep_their_order_and_only_the_newest_are_kept(
    aurora: LocalAurora, journal: Journal
) -> None:
    region = aurora.world.regions[US]
    cluster = region.cluster("production")
    for number in range(MAX_EVENTS + 20):
        with_number = f"event {number}"
        aurora.world.report(region, cluster, aurora.clock.now(), with_number)
        if number % 700 == 0:
            with aurora.locked():
                pass
    with aurora.locked():
        pass
    kept = read_again(journal).world.regions[US].events
    assert [event.message for event in kept] == [event.message for event in region.events]


def test_nothing_is_written_where_nothing_changed(aurora: LocalAurora, journal: Journal) -> None:
    before = journal.read()
    aurora.call("DescribeDBClusters", US, {})
    assert journal.read() == before


def test_a_journal_that_is_closed_stays_as_it_is(
    aurora: LocalAurora, journal: Journal, tmp_path: Path
) -> None:
    journal.close()
    snapshot(aurora, "too-late")
    assert "too-late" not in read_again(Journal(tmp_path / "model.db")).world.regions[US].snapshots


def test_what_is_shown_has_no_password(aurora: LocalAurora) -> None:
    assert MASTER.password not in str(state.save(aurora.world))
