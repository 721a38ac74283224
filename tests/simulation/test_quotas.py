"""What replacements leave behind: nothing that grows without end, and no quota is met by surprise."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import pytest
from tests.simulation.checkers import check
from tests.simulation.seeding import SOURCE_REGION, TARGET, TARGET_REGION, Surroundings, request
from tests.simulation.simulation import Simulation

from aurora_restore.domain.naming import FINAL_SNAPSHOT_TAG

pytestmark = pytest.mark.file_one_day_in(7, 2)

DAY = 86_400.0
NIGHTS = int(os.environ.get("NIGHTS", "45"))
OPERATION = "restore-20230615-123456"


def fill_with_backups(sim: Simulation) -> None:
    region = sim.aurora.world.regions[TARGET_REGION]
    until = (sim.clock.now() + timedelta(days=30)).isoformat()
    for number in range(sim.aurora.world.quotas.clusters):
        region.retained_backups[f"cluster-GONE{number}"] = f"{until} gone-{number}"


def replaced_with_no_room_for_backups(**changes: Any) -> Simulation:
    sim = Simulation(Surroundings(targets=(TARGET,)))
    fill_with_backups(sim)
    sim.start(OPERATION, request(delete_cluster_if_exists=True, **changes))
    sim.run()
    assert check(sim) == []
    return sim


@pytest.mark.parametrize("strategy", ["swap", "delete_first"])
def test_backups_that_find_no_room_go_with_the_cluster_after_its_final_snapshot(strategy: str) -> None:
    sim = replaced_with_no_room_for_backups(replace_strategy=strategy)
    record = sim.records.items[OPERATION]
    assert record["status"] == "SUCCEEDED"
    assert record["retirement"]["state"] == "RETIRED"
    assert any("automated backups" in note for note in record["plan"]["notes"])
    assert sim.ports.target_rds.find_cluster_snapshot(record["retirement"]["final_snapshot_identifier"])


def test_without_a_final_snapshot_such_a_run_is_refused_before_it_begins() -> None:
    record = replaced_with_no_room_for_backups(final_snapshot=False).records.items[OPERATION]
    assert (record["status"], record["error"]["code"]) == ("FAILED", "QUOTA_EXCEEDED")


def test_backups_that_find_no_room_later_on_are_waited_for_where_nothing_else_holds_the_data() -> None:
    sim = Simulation(Surroundings(targets=(TARGET,)))
    sim.start(OPERATION, request(delete_cluster_if_exists=True, final_snapshot=False))
    assert sim.run_until_phase(OPERATION, "RetireReplaced")
    fill_with_backups(sim)
    sim.run_for(1800)
    assert sim.main_execution(OPERATION).is_running
    sim.aurora.world.regions[TARGET_REGION].retained_backups.clear()
    sim.run()
    assert sim.records.items[OPERATION]["retirement"]["state"] == "RETIRED"
    assert check(sim) == []


def test_a_final_snapshot_goes_after_its_last_day_and_no_other_does() -> None:
    sim = Simulation(Surroundings(targets=(TARGET,)))
    sim.start(OPERATION, request(delete_cluster_if_exists=True, final_snapshot_retention_days=2))
    sim.run()
    name = sim.records.items[OPERATION]["retirement"]["final_snapshot_identifier"]
    copied = sim.aurora.world.regions[TARGET_REGION].snapshots[name]
    by_hand = {**vars(copied), "identifier": f"{name}-by-hand"}
    sim.aurora.world.regions[TARGET_REGION].snapshots[f"{name}-by-hand"] = type(copied)(**by_hand)
    sim.run_for(1.9 * DAY)
    assert name in sim.aurora.world.regions[TARGET_REGION].snapshots
    sim.run_for(0.3 * DAY)
    existing = sim.aurora.world.regions[TARGET_REGION].snapshots
    assert name not in existing
    assert f"{name}-by-hand" in existing
    assert sim.records.items[OPERATION]["retirement"]["final_snapshot_removed_time"]


def test_a_final_snapshot_without_a_last_day_stays() -> None:
    sim = Simulation(Surroundings(targets=(TARGET,)))
    sim.start(OPERATION, request(delete_cluster_if_exists=True, final_snapshot_retention_days=0))
    sim.run()
    sim.run_for(40 * DAY)
    name = sim.records.items[OPERATION]["retirement"]["final_snapshot_identifier"]
    assert name in sim.aurora.world.regions[TARGET_REGION].snapshots


def test_a_replacement_every_night_meets_no_quota_and_comes_to_rest() -> None:
    """NIGHTS=365 is the whole year (`make year`)."""
    sim = Simulation(Surroundings(targets=(TARGET,)), sweep_seconds=3600.0)
    most = {"finals": 0, "copies": 0, "backups": 0}
    region, source = (sim.aurora.world.regions[name] for name in (TARGET_REGION, SOURCE_REGION))
    for night in range(NIGHTS):
        now = sim.clock.now()
        sim.aurora.seed.put_snapshot(
            SOURCE_REGION, "production", now, shares_storage_with=next(iter(source.snapshots))
        )
        operation_id = f"restore-{now:%Y%m%d}-{night:06d}"
        asked = request(delete_cluster_if_exists=True, source_snapshot_date=f"{now:%Y-%m-%d}")
        sim.start(operation_id, asked)
        sim.run()
        assert sim.records.items[operation_id]["status"] == "SUCCEEDED", sim.records.items[operation_id].get(
            "error"
        )
        finals = [s for s in region.snapshots.values() if FINAL_SNAPSHOT_TAG in s.tags]
        copies = [s for s in region.snapshots.values() if s.source_arn]
        seen = {"finals": len(finals), "copies": len(copies), "backups": len(region.retained_backups)}
        most = {name: max(number, seen[name]) for name, number in most.items()}
        sim.run_for((now + timedelta(days=1) - sim.clock.now()).total_seconds())
    assert len(region.clusters) == 2
    assert sim.locks.owners == {}
    assert most["finals"] <= 37
    assert most["copies"] <= 9
    assert most["backups"] <= 5
