"""A hundred operations at once, twenty of them after the same targets, with throttling."""

from __future__ import annotations

from collections import Counter

import pytest
from tests.simulation.checkers import check
from tests.simulation.enumeration import RecordProperty
from tests.simulation.seeding import Surroundings, day_of, request
from tests.simulation.simulation import Simulation
from tests.simulation.summary import CASES
from tests.states_language.scheduler import seeded_random
from tests.support.faults import FaultKind

from local_aurora.timing import Durations

pytestmark = pytest.mark.file_one_day_in(7, 3)

OPERATIONS, SHARING, SHARED, DAYS = 100, 20, 4, 12
THROTTLED_SHARE = 0.05


@pytest.fixture(scope="module")
def sim() -> Simulation:
    """At its end."""
    random = seeded_random(7)
    shared = tuple(f"aurora-restored-shared-{number}" for number in range(SHARED))
    durations = Durations(copy=1200, restore=300, instance=200, rename=20, delete=30, snapshot=60, stop=30)
    sim = Simulation(Surroundings(shared[:2], DAYS), 7, durations)
    quotas = sim.aurora.world.quotas
    quotas.clusters, quotas.instances, quotas.manual_snapshots = 400, 800, 400
    for index in range(100_000):
        if random.random() < THROTTLED_SHARE:
            sim.injector.faults[index] = FaultKind.THROTTLED
    for number in range(OPERATIONS):
        sharing = number < SHARING
        target = shared[number % SHARED] if sharing else f"aurora-restored-own-{number}"
        asked = request(
            target_cluster_id=target,
            source_snapshot_date=day_of(number % DAYS),
            delete_cluster_if_exists=sharing,
        )
        sim.start(f"restore-20230615-{number:06d}", asked)
    sim.run()
    return sim


def test_all_end_well_and_no_run_waits_on_a_dead_lock(
    sim: Simulation, record_property: RecordProperty
) -> None:
    record_property(CASES, (f"operations at once, {len(sim.injector.hits)} requests throttled", OPERATIONS))
    assert [str(violation) for violation in check(sim)] == []
    ended = Counter(
        (item["status"], (item.get("error") or {}).get("code")) for item in sim.records.items.values()
    )
    locked_out = ended.pop(("FAILED", "TARGET_LOCKED"), 0)
    assert ended == {("SUCCEEDED", None): OPERATIONS - locked_out}
    assert 0 < locked_out < SHARING
    # each shared target went to one of the runs that asked for it
    assert locked_out <= SHARING - SHARED


def test_never_more_than_five_copies_are_in_flight(sim: Simulation) -> None:
    assert sim.observations.copies_in_flight_most == 5
    assert all(len(execution.history) < 5_000 for execution in sim.step_functions.executions.values())
