"""Defuse with a fault at each login and each statement: nothing wakes, and all that is done can be taken back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from pg8000.native import Connection
from tests.contract.database.catalog import Catalog, superusers_sessions
from tests.contract.database.copies import CRON, NIGHTLY, SUBSCRIBE, as_superuser
from tests.contract.database.faults import DEFUSE_DAYS, Plan, chosen
from tests.contract.database.faulty_phases import Call, PhaseOnServer
from tests.contract.database.servers import RestoredCluster
from tests.contract.database.test_defusing import ENABLE, SLOT
from tests.support.faults import StatementFault

from aurora_restore.domain.defusing import first_states
from aurora_restore.domain.record import Record
from aurora_restore.domain.results import Phase
from aurora_restore.steps import defuse as step
from aurora_restore.steps.defuse import defuse

# The enumeration is of our statements, and takes long.
pytestmark = pytest.mark.newest_server
CASES_AT_LEAST, STATES_AT_LEAST = 6, 3
DATABASES = ("postgres", "shop", "private")

# What is quiet already, and is never to be seen awake.
ASLEEP = (
    "INSERT INTO cron.job (schedule, command, database, username, active)"
    " VALUES ('@daily', 'SELECT 1', 'shop', 'shop_app', false)"
)

State = tuple[tuple[Any, ...], ...]
_STATE = {
    "subscription": "SELECT subname::text, subenabled, coalesce(subslotname, '') FROM pg_subscription ORDER BY 1",
    "logical_slot": "SELECT slot_name::text, plugin, two_phase FROM pg_replication_slots ORDER BY 1",
    "cron_job": "SELECT jobid, active FROM cron.job ORDER BY 1",
}


class Copy:
    """The phase on a copy that would act, and how it looked before and after a phase without a fault."""

    def __init__(self, cluster: RestoredCluster, sessions: list[Connection]) -> None:
        self._sessions = dict(zip(DATABASES, sessions, strict=True))
        self._catalog = Catalog(sessions, [])
        self.gone_on_from: set[Any] = set()
        self.before, self.rights = self.state(), self._catalog.facts()
        self.phase = PhaseOnServer(cluster, Phase.DEFUSE, defuse)
        self.faultless = self.phase.end()
        assert self.faultless.is_done
        self.at_rest = self.state()
        self.take_back(self.faultless)

    def state(self) -> dict[str, State]:
        return {
            kind: tuple(tuple(row) for row in self._sessions["shop"].run(query))
            for kind, query in _STATE.items()
        }

    def take_back(self, call: Call) -> None:
        """With nothing but what the record says, to what it was before."""
        for state in first_states(Record.read(call.record).defused):
            if not self._is_as_before(state.kind):
                for statement in state.take_back:
                    self._sessions["shop"].run(statement)
        assert self.state() == self.before

    def _is_as_before(self, kind: str) -> bool:
        return self.state()[kind] == self.before[kind]

    def violations(self, plan: Plan) -> Iterator[str]:
        call = self.phase.until_fault(plan)
        where = f"{plan.kind} at {plan.at}, {plan.places[-1][:100]!r}"
        yield from (f"{where}: meanwhile {words}" for words in self.faults_of(call))
        now = (tuple(self.state().items()), self._catalog.facts(), call.memory)
        if not call.is_final and now not in self.gone_on_from:
            self.gone_on_from.add(now)
            call = self.phase.end(before=call)
            yield from (f"{where}: at the end {words}" for words in self.faults_of(call))
        if call.error is not None and plan.kind is not StatementFault.REFUSED:
            yield f"{where}: ended with {call.error}"
        if call.is_done:
            yield from (f"{where}: {words}" for words in self._left(call))
        self.take_back(call)

    def faults_of(self, call: Call) -> Iterator[str]:
        written = {item.kind for item in first_states(Record.read(call.record).defused)}
        for kind, seen in self.state().items():
            if seen not in (self.before[kind], self.at_rest[kind]):
                yield f"{kind} is neither as before nor at rest: {seen}"
            if seen != self.before[kind] and kind not in written:
                yield f"{kind} was changed, and the record does not say how it was"

    def _left(self, call: Call) -> Iterator[str]:
        reported = " ".join(
            [*call.record.get("warnings", ()), str(call.record["came_along"]["not_looked_into"])]
        )
        for kind, seen in self.state().items():
            if seen != self.at_rest[kind] and kind.replace("_", " ") not in reported:
                yield f"{kind} is not at rest, and nothing says so"
        if (more := self._catalog.facts() - self.rights) and "aurora_restore_borrowed" not in reported:
            yield f"rights are left: {sorted(more)}"


@pytest.fixture(params=[False, True], ids=["in one call", "in pieces"])
def acting(
    copy: RestoredCluster, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Copy]:
    """In pieces each call sees to one database, or takes one thing out."""
    if request.param:
        monkeypatch.setattr(step, "CALL_TIME", timedelta(0))
    as_superuser(copy, *CRON, NIGHTLY, ASLEEP, SLOT, SUBSCRIBE.format("taken"))
    as_superuser(
        copy, "GRANT pg_create_subscription TO shop_app", "ALTER SUBSCRIPTION taken OWNER TO shop_app"
    )
    as_superuser(copy, ENABLE.format("taken"), "CREATE DATABASE private OWNER shop_app")
    # As a cluster with pg_cron says it: without that setting no job runs, and none is missed where `shop` is closed.
    as_superuser(copy, "ALTER ROLE master SET cron.database_name = 'shop'")
    as_superuser(copy, "REVOKE ALL ON DATABASE private FROM PUBLIC")
    with superusers_sessions(copy, DATABASES) as sessions:
        yield Copy(copy, sessions)


@pytest.mark.one_day_in(DEFUSE_DAYS)
@pytest.mark.parametrize("kind", StatementFault)
def test_a_fault_at_any_place_wakes_nothing_and_hides_nothing_of_the_way_back(
    acting: Copy, kind: StatementFault
) -> None:
    cases = chosen(acting.faultless.plan.places, kind)
    found = [words for at in cases for words in acting.violations(Plan(kind, at))]

    assert found == [], "\n".join(found)
    assert len(cases) >= CASES_AT_LEAST
    assert acting.faultless.record["came_along"]["not_looked_into"] == []
    assert len(acting.gone_on_from) >= STATES_AT_LEAST or kind is StatementFault.REFUSED


def test_the_enumeration_sees_a_change_that_is_written_down_only_after_it_was_made(
    acting: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step, "record_events", lambda *_: None)
    commits = [at for at, place in enumerate(acting.faultless.plan.places) if place == "COMMIT"]

    found = [
        words
        for at in commits
        for words in acting.faults_of(acting.phase.until_fault(Plan(StatementFault.REPLY_LOST, at)))
    ]

    assert any("the record does not say how it was" in words for words in found)
