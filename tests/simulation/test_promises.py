"""What the plan promised holds however the run ends."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.simulation.checkers import check
from tests.simulation.seeding import TARGET, TARGET_REGION, Surroundings, request
from tests.simulation.simulation import Simulation

from aurora_restore.domain.naming import OPERATION_TAG, REPLACED_BY_TAG, RETAIN_UNTIL_TAG
from aurora_restore.domain.times import parse_time
from local_aurora.faults import Effect, FaultRule
from local_aurora.timing import Durations

OPERATION = "restore-20230615-123456"


def stopped_after_the_switch(sim: Simulation, **changes: Any) -> dict[str, Any]:
    sim.start(OPERATION, request(delete_cluster_if_exists=True, **changes))
    assert sim.run_until_phase(OPERATION, "RetireReplaced")
    sim.stop(OPERATION)
    sim.run()
    assert check(sim) == []
    return sim.records.items[OPERATION]


@pytest.mark.parametrize(("asked", "kept"), [(168, 168), (3, 3), (0, 24)])
@pytest.mark.parametrize("final_snapshot", [True, False])
def test_a_stop_after_the_switch_shortens_no_promise(asked: int, kept: int, final_snapshot: bool) -> None:
    sim = Simulation(Surroundings(targets=(TARGET,)))
    record = stopped_after_the_switch(sim, keep_replaced_hours=asked, final_snapshot=final_snapshot)
    since = parse_time(record["switch_over"]["switched_time"])
    until = parse_time(record["retirement"]["keep_until"])
    assert record["status"] == "SUCCEEDED"
    assert timedelta(hours=kept) <= until - since < timedelta(hours=kept, minutes=5)


def test_a_copy_that_a_stopped_run_restored_from_is_kept_from_that_use_on() -> None:
    sim = Simulation(Surroundings(targets=(TARGET,)), durations=Durations(rename=60))
    sim.start("restore-20230614-000000", request(target_cluster_id="aurora-restored-other"))
    sim.run()
    sim.run_for(5 * 86_400)
    record = stopped_after_the_switch(sim)
    copy = sim.ports.target_rds.find_cluster_snapshot(record["snapshot_details"]["restored_from"])
    assert copy is not None
    kept = parse_time(copy.tags[RETAIN_UNTIL_TAG]) - parse_time(record["start_time"])
    assert kept >= timedelta(days=sim.settings.copy_retention_days)


def test_a_copy_that_failed_is_removed_where_its_run_went_on_with_that_of_another() -> None:
    """Two runs began a copy of one snapshot at the same moment; the describe calls showed neither to the other."""
    sim = Simulation(Surroundings(), durations=Durations(copy=600, describe_lag=60))
    other = "restore-20230614-000000"
    sim.aurora.faults.add(
        FaultRule(
            name="copy fails",
            effect=Effect.END_AS,
            action="CopyDBClusterSnapshot",
            region=TARGET_REGION,
            identifier=f"aurora-{OPERATION}",
            times=1,
            status="failed",
        )
    )
    sim.start(OPERATION, request())
    sim.start(other, request(target_cluster_id="aurora-restored-other"))
    sim.run()
    record = sim.records.items[OPERATION]
    assert (record["status"], record["snapshot_details"]["restored_from"]) == ("SUCCEEDED", f"aurora-{other}")
    # The describe calls may still show it.
    assert f"aurora-{OPERATION}" not in sim.aurora.world.regions[TARGET_REGION].snapshots
    assert record["snapshot_details"]["copy_removed_time"]
    assert check(sim) == []


@pytest.mark.parametrize("maker", [OPERATION, "restore-20200101-000000"])
def test_a_failed_copy_of_an_operation_that_is_at_work_or_not_known_is_left_alone(maker: str) -> None:
    sim = Simulation(Surroundings(), durations=Durations(restore=3600))
    sim.start(OPERATION, request())
    assert sim.run_until_phase(OPERATION, "RestoreCluster")
    sim.run_for(60)
    copy = sim.aurora.world.regions[TARGET_REGION].snapshots[f"aurora-{OPERATION}"]
    copy.status, copy.tags[OPERATION_TAG] = "failed", maker
    sim.run_for(2 * sim.sweep_seconds)
    assert sim.main_execution(OPERATION).is_running
    assert sim.ports.target_rds.find_cluster_snapshot(f"aurora-{OPERATION}") is not None


def test_a_final_snapshot_bears_the_tags_of_its_cluster_beside_ours() -> None:
    sim = Simulation(Surroundings(targets=(TARGET,)))
    sim.start(OPERATION, request(delete_cluster_if_exists=True))
    sim.run()
    name = sim.records.items[OPERATION]["retirement"]["final_snapshot_identifier"]
    snapshot = sim.ports.target_rds.find_cluster_snapshot(name)
    assert snapshot is not None
    assert snapshot.tags["team"] == "shop"
    assert snapshot.tags[OPERATION_TAG] == OPERATION
    assert REPLACED_BY_TAG not in snapshot.tags
