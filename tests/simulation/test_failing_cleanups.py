"""A cleanup that cannot go on says why, and goes on by itself once a person has removed the cause."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.simulation.checkers import check
from tests.simulation.seeding import (
    OLD_CONTENTS,
    OLD_INSTANCES,
    OLD_SETTINGS,
    PASSWORDS,
    SECURITY_GROUP,
    SUBNET_GROUP,
    TARGET,
    TARGET_REGION,
    Surroundings,
    request,
)
from tests.simulation.simulation import Simulation

from aurora_restore.domain.naming import BY_HAND, PUT_BACK_TAG
from aurora_restore.domain.observed import Credentials
from aurora_restore.domain.record import Record
from aurora_restore.domain.rollback import CREATE_AGAIN_LIMIT
from aurora_restore.domain.states import OperationStatus
from local_aurora.faults import Effect, FaultRule
from local_aurora.timing import Durations

OPERATION = "restore-20230615-123456"
HOUR = 3600
AS_IT_WAS, NOTHING_GONE, ONE_AT_MOST = 2, 3, 4


def stopped_after_the_deletion(*faults: FaultRule) -> Simulation:
    """The old cluster is deleted, the run is stopped, and what the cleanup asks for fails."""
    sim = Simulation(Surroundings(targets=(TARGET,)))
    sim.start(OPERATION, request(delete_cluster_if_exists=True, replace_strategy="delete_first"))
    assert sim.run_until_phase(OPERATION, "RestoreCluster")
    sim.stop(OPERATION)
    for fault in faults:
        sim.aurora.faults.add(fault)
    return sim


def always_ends_as(status: str, action: str) -> FaultRule:
    return FaultRule(
        name="fails", effect=Effect.END_AS, action=action, region=TARGET_REGION, status=status, times=0
    )


def warnings_about(sim: Simulation, *facts: str) -> list[str]:
    return [warning for warning in record(sim).warnings if all(fact in warning for fact in facts)]


def record(sim: Simulation) -> Record:
    return Record.read(sim.records.items[OPERATION])


def expect_a_failing_cleanup(sim: Simulation, code: str) -> None:
    found = record(sim)
    assert found.status == OperationStatus.CLEANING_UP
    assert found.cleanup.error is not None
    assert found.cleanup.error.code == code
    # The sweep goes on trying, and the record says when it was tried last.
    assert found.cleanup.failed_time is not None
    assert sim.clock.now() - found.cleanup.failed_time < timedelta(minutes=10)
    assert sim.locks.owners == {TARGET: OPERATION}


def expect_the_old_cluster_serves(sim: Simulation, *broken_by_hand: int) -> None:
    """`broken_by_hand`: the invariants that what a person did breaks."""
    sim.run()
    found = record(sim)
    assert found.is_closed
    assert (found.cleanup.error, found.cleanup.failing_since, found.cleanup.failed_time) == (None, None, None)
    serving = sim.ports.target_rds.find_cluster(TARGET)
    assert serving is not None
    assert serving.status == "available"
    assert [each for each in check(sim) if each.invariant not in broken_by_hand] == []


def test_an_instance_that_never_comes_up_is_created_again_for_an_hour_and_then_a_person_is_needed() -> None:
    sim = stopped_after_the_deletion(always_ends_as("incompatible-network", "CreateDBInstance"))
    sim.run_for(CREATE_AGAIN_LIMIT.total_seconds() / 2)
    assert record(sim).cleanup.error is None
    sim.run_for(2 * HOUR)
    expect_a_failing_cleanup(sim, "INSTANCE_FAILED")
    sim.aurora.faults.end("fails")
    for instance in sim.ports.target_rds.list_cluster_instances(TARGET):
        sim.ports.target_rds.delete_instance(instance.db_instance_identifier)
    expect_the_old_cluster_serves(sim)


def test_a_cluster_that_fails_while_it_is_put_back_is_left_to_a_person() -> None:
    sim = stopped_after_the_deletion(always_ends_as("migration-failed", "RestoreDBClusterFromSnapshot"))
    sim.run_for(2 * HOUR)
    expect_a_failing_cleanup(sim, "CLUSTER_FAILED")
    sim.aurora.faults.end("fails")
    sim.ports.target_rds.delete_cluster(TARGET, keep_automated_backups=False)
    expect_the_old_cluster_serves(sim, ONE_AT_MOST)


def test_an_old_cluster_that_a_person_restores_by_hand_is_taken_up_by_its_tag() -> None:
    """The final snapshot, the only one to restore it from, was deleted by another party."""
    sim = stopped_after_the_deletion()
    final = record(sim).retirement.final_snapshot_identifier
    assert final is not None
    sim.ports.target_rds.delete_cluster_snapshot(final)
    sim.run_for(HOUR)
    expect_a_failing_cleanup(sim, "FINAL_SNAPSHOT_FAILED")
    restore_by_hand(sim, TARGET, Port=13351)
    expect_the_old_cluster_serves(sim, AS_IT_WAS)
    assert record(sim).retirement.restored_by_hand
    assert "restored by hand" in sim.notifications.published[-1].body
    # What only the restore can be given is not mended: the person learns of it.
    assert warnings_about(sim, "port", "5432", "13351")


def test_a_cluster_that_was_restored_by_hand_after_the_cleanup_had_tried_is_not_said_to_be_the_old_one() -> (
    None
):
    sim = stopped_after_the_deletion(always_ends_as("migration-failed", "RestoreDBClusterFromSnapshot"))
    sim.run_for(HOUR)
    final = record(sim).retirement.final_snapshot_identifier
    assert final is not None
    sim.ports.target_rds.delete_cluster_snapshot(final)
    sim.ports.target_rds.delete_cluster(TARGET, keep_automated_backups=False)
    sim.run_for(HOUR)
    expect_a_failing_cleanup(sim, "FINAL_SNAPSHOT_FAILED")
    restore_by_hand(sim, TARGET)
    expect_the_old_cluster_serves(sim, AS_IT_WAS, ONE_AT_MOST)
    assert record(sim).retirement.restored_by_hand
    assert final not in "".join(record(sim).cleanup.kept)


def test_an_old_cluster_that_another_party_deleted_is_restored_by_hand_beside_the_new_one() -> None:
    sim = Simulation(Surroundings(targets=(TARGET,)), durations=Durations(rename=60))
    sim.start(OPERATION, request(delete_cluster_if_exists=True))
    assert sim.run_until_phase(OPERATION, "SwitchOver")
    rds, aside = sim.ports.target_rds, record(sim).plan.replacement.retired_identifier or ""
    for _ in range(60):
        if rds.find_cluster(aside):
            break
        sim.run_for(2)
    for instance in rds.list_cluster_instances(aside):
        rds.delete_instance(instance.db_instance_identifier)
    rds.delete_cluster(aside, keep_automated_backups=True)
    sim.stop(OPERATION)
    sim.run_for(3 * HOUR)
    expect_a_failing_cleanup(sim, "SWITCH_OVER_FAILED")
    restore_by_hand(sim, aside)
    sim.run_for(HOUR)
    # Without an instance it does not serve: nothing gives way to it.
    expect_a_failing_cleanup(sim, "CLUSTER_FAILED")
    assert rds.find_cluster(aside) is not None
    assert rds.find_cluster(record(sim).plan.cluster.db_cluster_identifier or "") is not None
    for name, instance_class in OLD_INSTANCES.items():
        sim.aurora.seed.put_instance(TARGET_REGION, aside, name, instance_class)
    expect_the_old_cluster_serves(sim, AS_IT_WAS, NOTHING_GONE)
    assert record(sim).retirement.restored_by_hand


def restore_by_hand(sim: Simulation, name: str, **more: Any) -> None:
    """Without instances, as RestoreDBClusterToPointInTime does it."""
    tags = [*OLD_SETTINGS["Tags"], {"Key": PUT_BACK_TAG, "Value": f"{OPERATION}{BY_HAND}"}]
    sim.aurora.seed.put_cluster(
        TARGET_REGION,
        name,
        Credentials("postgres", PASSWORDS["old"]),
        contents=OLD_CONTENTS,
        DBSubnetGroupName=SUBNET_GROUP,
        VpcSecurityGroupIds=[SECURITY_GROUP],
        **{**OLD_SETTINGS, "Tags": tags, **more},
    )


@pytest.mark.parametrize("refused", ["", "DeleteDBClusterParameterGroup"])
def test_a_warning_about_a_restore_by_hand_stays_beside_others(refused: str) -> None:
    sim = stopped_after_the_deletion()
    final = record(sim).retirement.final_snapshot_identifier
    sim.ports.target_rds.delete_cluster_snapshot(final or "")
    sim.run_for(HOUR)
    if refused:
        rule = FaultRule(name="denied", effect=Effect.ERROR, action=refused, code="AccessDenied", times=0)
        sim.aurora.faults.add(rule)
    restore_by_hand(sim, TARGET, Port=13351)
    sim.run()
    assert warnings_about(sim, "port", "5432", "13351")
    assert len(record(sim).warnings) == (2 if refused else 1)
