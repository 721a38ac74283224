"""What follows from an end may be late; it is never left out while the sweep runs."""

from __future__ import annotations

from tests.simulation.checkers import check
from tests.simulation.seeding import TARGET, Surroundings, request
from tests.simulation.simulation import Simulation

from local_aurora.timing import Durations

EARLIER, LATER = "restore-20230614-000000", "restore-20230615-123456"


def test_a_lock_that_a_dead_function_took_for_a_closed_operation_is_given_back() -> None:
    sim = Simulation(Surroundings())
    sim.start(EARLIER, request())
    sim.run()
    sim.locks.owners["aurora-restored-orders"] = EARLIER
    sim.run()
    assert sim.locks.owners == {}


def test_a_lock_without_any_record_is_given_back() -> None:
    sim = Simulation(Surroundings())
    sim.locks.owners["aurora-restored-orders"] = "restore-20200101-000000"
    sim.run()
    assert sim.locks.owners == {}


def test_the_lock_of_an_operation_at_work_is_left_to_it() -> None:
    sim = Simulation(Surroundings(), durations=Durations(restore=3600))
    sim.start(EARLIER, request())
    assert sim.run_until_phase(EARLIER, "RestoreCluster")
    sim.run_for(2 * sim.sweep_seconds)
    assert sim.main_execution(EARLIER).is_running
    assert sim.locks.owners == {TARGET: EARLIER}


def test_the_record_of_a_cluster_that_was_made_again_names_the_current_one() -> None:
    sim = Simulation(Surroundings())
    sim.start(EARLIER, request())
    sim.run()
    before = sim.records.items[EARLIER]["restore_details"]["db_cluster_resource_id"]
    for operation_id in (LATER, "restore-20230616-000000"):
        asked = request(delete_cluster_if_exists=True, replace_strategy="delete_first")
        sim.start(operation_id, asked)
        assert sim.run_until_phase(operation_id, "RestoreCluster")
        sim.stop(operation_id)
        sim.run()
        details = sim.records.items[EARLIER]["restore_details"]
        existing = sim.ports.target_rds.find_cluster(TARGET)
        assert existing is not None
        assert details["made_again_by"] == operation_id
        assert before != details["db_cluster_resource_id"] == existing.db_cluster_resource_id
        before = details["db_cluster_resource_id"]
    assert check(sim) == []


def test_an_end_that_was_seen_through_is_not_asked_for_again() -> None:
    sim = Simulation(Surroundings())
    sim.start(EARLIER, request())
    sim.run()
    assert sim.records.items[EARLIER]["settled_time"]
    sim.run_for(3 * sim.sweep_seconds)
    assert [execution.machine_name for execution in sim.step_functions.executions.values()] == [
        "aurora-restore-state-machine"
    ]
