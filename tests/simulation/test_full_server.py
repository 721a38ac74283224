"""A server whose connections are all in use for five minutes: people see that, the run waits, and then it goes on."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from tests.fakes.logs import FakeLogs
from tests.fakes.region_executions import FakeRegionExecutions
from tests.fakes.tables import FakeAudit
from tests.simulation.checkers import check
from tests.simulation.databases import SimulatedDatabases
from tests.simulation.scenarios import OPERATION
from tests.simulation.seeding import Surroundings, request
from tests.simulation.simulation import Simulation
from tests.unit.cli.cli_fakes import (
    REGION,
    Time,
    execution,
    existing,
)

from aurora_restore.cli import app
from aurora_restore.cli.pipeline import Pipeline
from aurora_restore.domain.errors import DatabaseBusy
from aurora_restore.domain.results import Phase
from aurora_restore.domain.times import parse_time

FULL = timedelta(minutes=5)
# The pauses between the tries of the state machine grow with them.
BEARABLE = 2 * FULL


class SimulatedTime(Time):
    """While the command sleeps, everything else goes on."""

    def __init__(self, sim: Simulation) -> None:
        super().__init__()
        self.sim = sim

    def now(self) -> datetime:
        return self.sim.clock.now()

    def sleep(self, seconds: float) -> None:
        self.sim.run_for(seconds)


def full_in(sim: Simulation, phase: Phase) -> None:
    databases = sim.ports.databases
    assert isinstance(databases, SimulatedDatabases)
    assert sim.run_until_phase(OPERATION, phase.value)
    databases.full_until = sim.clock.now() + FULL


def watched(monkeypatch: pytest.MonkeyPatch, sim: Simulation) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    executions = FakeRegionExecutions({OPERATION: execution()})
    existing(
        monkeypatch, Pipeline(REGION, sim.records, executions, FakeAudit(), FakeLogs()), SimulatedTime(sim)
    )


def screen_of(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What a command shows, whichever way its lines are folded."""
    assert app.run([command, OPERATION]) == 0
    return " ".join(capsys.readouterr().out.split())


WORDS = "sorry, too many clients already (SQLSTATE 53300)"


@pytest.mark.parametrize("phase", [Phase.DEFUSE, Phase.SETUP_DB_USERS])
def test_the_phase_that_waits_for_a_full_server_says_so_and_until_when_and_then_goes_on(
    phase: Phase, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sim = Simulation(Surroundings())
    sim.start(OPERATION, request())
    watched(monkeypatch, sim)
    full_in(sim, phase)
    sim.run_for(120)

    shown = screen_of("status", capsys)

    begun = parse_time(sim.records.items[OPERATION]["phases"][phase.value]["start_time"])
    until = f"until {begun + sim.settings.phase_limit(phase):%H:%M:%S} UTC at most"
    for fact in (f"{phase.value} cannot go on yet", WORDS, until, DatabaseBusy.default_hint):
        assert fact in shown
    assert sim.records.items[OPERATION]["status"] == "RUNNING"

    lines = screen_of("watch", capsys)

    assert (
        lines.index(WORDS)
        < lines.index(until)
        < lines.index(f"{phase.value} done")
        < lines.index("SUCCEEDED")
    )
    assert WORDS not in screen_of("status", capsys)
    assert check(sim) == []
    assert sim.clock.now() - begun < BEARABLE


def test_a_server_that_is_full_in_two_phases_one_after_the_other_is_waited_for_twice() -> None:
    sim = Simulation(Surroundings())
    sim.start(OPERATION, request())
    full_in(sim, Phase.DEFUSE)
    full_in(sim, Phase.SETUP_DB_USERS)
    sim.run()

    record = sim.records.items[OPERATION]
    assert (record["status"], check(sim)) == ("SUCCEEDED", [])
    for phase in (Phase.DEFUSE, Phase.SETUP_DB_USERS):
        state = record["phases"][phase.value]
        assert WORDS in state["last_transient_error"]["message"]
        assert parse_time(state["end_time"]) - parse_time(state["start_time"]) >= FULL
