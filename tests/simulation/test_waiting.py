"""What waiting costs: history events for a week, and time added to what RDS takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from tests.simulation.checkers import check
from tests.simulation.enumeration import RecordProperty
from tests.simulation.scenarios import OPERATION
from tests.simulation.seeding import Surroundings, request
from tests.simulation.simulation import Simulation
from tests.simulation.summary import TABLE

from aurora_restore.domain.results import Phase
from aurora_restore.domain.times import parse_time
from local_aurora.timing import Durations

pytestmark = pytest.mark.file_one_day_in(7, 0)

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
DURATIONS = (
    3.0, 10.0, 25.0, MINUTE, 3 * MINUTE, 7 * MINUTE, 9.9 * MINUTE, 10.1 * MINUTE, 20 * MINUTE, 47 * MINUTE, 2 * HOUR,
    5 * HOUR, 13 * HOUR, DAY, 2.3 * DAY, 4 * DAY, 7 * DAY,
)  # fmt: skip
LONG_SHARE, SHORT_ADDED_SECONDS = 0.03, 22.0
PATIENCE = dict.fromkeys(Phase, 190.0)


@dataclass(frozen=True)
class Waited:
    """A phase, how long RDS took in it, and what our waiting added."""

    what: str
    seconds: float
    added_seconds: float

    @property
    def is_cheap(self) -> bool:
        return self.added_seconds < max(SHORT_ADDED_SECONDS, LONG_SHARE * self.seconds)


def simulation(**durations: float) -> Simulation:
    sim = Simulation(
        Surroundings(), durations=Durations(**durations), sweep_seconds=DAY, phase_timeout_hours=PATIENCE
    )
    sim.start(OPERATION, request())
    sim.run()
    assert check(sim) == []
    assert sim.records.items[OPERATION]["status"] == "SUCCEEDED"
    return sim


def times(sim: Simulation) -> Mapping[str, float]:
    """The first time of each event of the trail, in seconds."""
    found: dict[str, float] = {}
    for _, entry in sorted(sim.audit.entries[OPERATION].items()):
        found.setdefault(str(entry["event"]), parse_time(entry["time"]).timestamp())
    return found


def waited_for_a_copy(seconds: float) -> Waited:
    at = times(simulation(copy=seconds))
    return Waited("copy", seconds, at["CopySnapshot.done"] - at["copy.started"] - seconds)


def waited_for_a_restore(seconds: float) -> Waited:
    at = times(simulation(restore=seconds))
    return Waited("restore", seconds, at["instance.create_started"] - at["cluster.restore_started"] - seconds)


def waited_for_an_instance(seconds: float) -> Waited:
    at = times(simulation(instance=seconds))
    return Waited(
        "instance", seconds, at["master_password.change_started"] - at["instance.create_started"] - seconds
    )


def test_a_copy_of_seven_days_stays_small_and_ends_well() -> None:
    sim = simulation(copy=7 * DAY)
    assert len(sim.main_execution(OPERATION).history) < 5_000


def test_waiting_adds_little_to_what_is_waited_for(record_property: RecordProperty) -> None:
    waits = [
        measure(seconds)
        for measure in (waited_for_a_copy, waited_for_a_restore, waited_for_an_instance)
        for seconds in DURATIONS
    ]
    record_property(TABLE, table(waits))
    assert [wait for wait in waits if not wait.is_cheap] == []


def table(waits: list[Waited]) -> str:
    lines = ["what was waited for   took (s)   added (s)   added (%)"]
    lines += [
        f"{wait.what:<19} {wait.seconds:10,.0f} {wait.added_seconds:11,.1f} "
        f"{100 * wait.added_seconds / wait.seconds:11.2f}"
        for wait in waits
    ]
    return "\n".join(lines)
