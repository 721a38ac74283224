"""Servers with more databases and tables than one call can see to: pieces, progress, and a death in the middle.

`make big` runs it with the numbers that people have met in the field; without them it is small enough for every day.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from tests.contract.database.copies import as_superuser
from tests.contract.database.faults import Plan
from tests.contract.database.faulty_phases import OPERATION, Call, PhaseOnServer
from tests.contract.database.servers import MASTER, OWN_SECRET, RestoredCluster, login
from tests.states_language.interpreter import ProcessDied
from tests.support.faults import StatementFault

from aurora_restore.domain.results import Phase
from aurora_restore.domain.user_progress import SetupProgress, always
from aurora_restore.domain.users import Access, DbUserLogin, UserReport, UsersReport
from aurora_restore.steps import defuse as step

pytestmark = [pytest.mark.newest_server, pytest.mark.file_one_day_in(7, 2)]

DATABASES = int(os.environ.get("DATABASES", "10"))
TABLES = int(os.environ.get("TABLES", "6000"))
# The function has ten minutes, and begins no further piece after one. With 0 each call does one piece and no more.
CALL_SECONDS = float(os.environ.get("CALL_SECONDS", "0"))
FUNCTION_SECONDS = 600.0
TABLES_A_STATEMENT = 500
CALLS_MOST = 100


@pytest.fixture
def crowded(cluster: RestoredCluster) -> Iterator[RestoredCluster]:
    names = [f"tenant_{number:04}" for number in range(DATABASES)]
    for name in names:
        cluster.run(f"CREATE DATABASE {name} STRATEGY wal_log")
    yield cluster
    for name in names:
        cluster.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def full(cluster: RestoredCluster) -> RestoredCluster:
    for start in range(0, TABLES, TABLES_A_STATEMENT):
        made = f"FOR n IN {start}..{min(start + TABLES_A_STATEMENT, TABLES) - 1} LOOP "
        cluster.run(
            f"DO $$ BEGIN {made} EXECUTE format('CREATE TABLE public.t%s (id int)', n); END LOOP; END $$",
            database="shop",
        )
    return cluster


def within(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() < end


def dying_after(times: int) -> Callable[[], bool]:
    asked = iter(range(times))

    def has_time() -> bool:
        if next(asked, None) is None:
            raise ProcessDied
        return True

    return has_time


def call(
    cluster: RestoredCluster,
    users: list[DbUserLogin],
    begun: SetupProgress | None,
    has_time: Callable[[], bool],
) -> UsersReport:
    started = time.monotonic()
    report = cluster.databases.set_up_users(cluster.endpoint, MASTER, users, False, begun, has_time)
    assert time.monotonic() - started < FUNCTION_SECONDS
    return report


def seen_through(
    cluster: RestoredCluster, users: list[DbUserLogin], begun: SetupProgress | None = None
) -> tuple[list[SetupProgress], list[UserReport]]:
    reported: list[SetupProgress] = []
    for _ in range(CALLS_MOST):
        report = call(cluster, users, begun, within(CALL_SECONDS))
        if report.unfinished is None:
            return reported, list(report.users)
        begun = report.unfinished
        reported.append(begun)
    raise AssertionError(
        f"not finished after {CALLS_MOST} calls: {reported[-1].done} of {reported[-1].total}"
    )


USERS = [login("ann", Access.READ_ONLY, OWN_SECRET), login("ben", Access.READ_WRITE, OWN_SECRET)]


def test_hundreds_of_databases_are_seen_to_in_several_calls_that_get_further_each_time(
    crowded: RestoredCluster,
) -> None:
    reported, users = seen_through(crowded, USERS)
    done = [(progress.checking, progress.done) for progress in reported]
    assert done == sorted(done)
    assert len(set(done)) > 1
    assert {user.database_count for user in users} == {DATABASES + 3}
    assert all(len(str(progress.to_item())) < 100_000 for progress in reported)
    unchanged = seen_through(crowded, USERS)[1]
    assert [user.action for user in unchanged] == ["unchanged", "unchanged"]
    assert [user.database_count for user in unchanged] == [user.database_count for user in users]


def test_a_call_that_dies_among_many_databases_is_followed_by_one_that_goes_on(
    crowded: RestoredCluster,
) -> None:
    first = call(crowded, USERS, None, within(0))
    with pytest.raises(ProcessDied):
        call(crowded, USERS, first.unfinished, dying_after(DATABASES // 2))
    _, users = seen_through(crowded, USERS, first.unfinished)
    assert {user.database_count for user in users} == {DATABASES + 3}


def test_a_database_of_many_tables_is_granted_in_pieces_and_a_death_in_the_middle_leaves_less_to_do(
    full: RestoredCluster,
) -> None:
    users = [login("ann", Access.READ_WRITE, OWN_SECRET, "shop")]
    with pytest.raises(ProcessDied):
        call(full, users, None, dying_after(4))
    granted = full.run("SELECT count(*) FROM pg_class WHERE relacl::text LIKE '%ann=%'", database="shop")
    assert 0 < int(str(granted[0][0])) < TABLES
    _, [user] = seen_through(full, users)
    assert user.database_count == 1
    ann = login("ann", Access.READ_WRITE, OWN_SECRET).credentials
    assert ann is not None
    lacks = full.run(
        "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r'"
        " AND n.nspname = 'public' AND NOT has_table_privilege('ann', c.oid, 'INSERT')",
        database="shop",
    )
    assert lacks == [[0]]
    assert full.databases.set_up_users(full.endpoint, MASTER, users, False, None, always).unfinished is None


# Beside those of the tenants: postgres, template1, shop, books and a template.
OTHER_DATABASES = 5
RECORD_BYTES_MOST = 250_000
# In how many calls the phase is at the latest done, where each sees to one database and takes one thing out.
DEFUSE_CALLS_MOST = 4 * DATABASES + 50
LEDGER = (
    "CREATE EXTENSION postgres_fdw",
    "CREATE SERVER ledger FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'ledger.example.com')",
    "CREATE USER MAPPING FOR PUBLIC SERVER ledger OPTIONS (user 'reader', password 'Ledger-secret-4711')",
    "ALTER SERVER ledger OWNER TO master",
)


@pytest.fixture
def leading_out(cluster: RestoredCluster) -> Iterator[RestoredCluster]:
    """Each database of a tenant has a login to another server."""
    names = [f"tenant_{number:04}" for number in range(DATABASES)]
    as_superuser(cluster, f"CREATE DATABASE {names[0]}")
    as_superuser(cluster, *LEDGER, database=names[0])
    for name in names[1:]:
        as_superuser(cluster, f"CREATE DATABASE {name} TEMPLATE {names[0]} STRATEGY wal_log")
    yield cluster
    for name in names:
        as_superuser(cluster, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "CALL_TIME", timedelta(seconds=CALL_SECONDS))


def defusing(cluster: RestoredCluster) -> PhaseOnServer:
    return PhaseOnServer(cluster, Phase.DEFUSE, step.defuse, has_passing_time=True, outward_connections="cut")


def defused(phase: PhaseOnServer, before: Call | None = None) -> list[Call]:
    """Every call until the phase is done."""
    calls: list[Call] = []
    for _ in range(DEFUSE_CALLS_MOST):
        started = time.monotonic()
        calls.append(phase.call(Plan(), calls[-1] if calls else before))
        assert time.monotonic() - started < FUNCTION_SECONDS
        if calls[-1].is_final:
            return calls
    raise AssertionError(f"not done after {len(calls)} calls: {calls[-1].record['phases']['Defuse']}")


def logins_left(cluster: RestoredCluster) -> list[str]:
    """The databases that still have a login to another server; one that was seen to is much like the next."""
    first, last = "tenant_0000", f"tenant_{DATABASES - 1:04}"
    count = "SELECT count(*) FROM pg_user_mapping"
    return [name for name in (first, last) if as_superuser(cluster, count, database=name) != [[0]]]


def ways_back(phase: PhaseOnServer, record: Any) -> list[str]:
    """The databases of which the record or the trail says how their logins are made again."""
    in_trail = [
        item
        for entry in phase.audit.trail(OPERATION)
        if entry["event"] == "came_along.written"
        for item in entry["details"]["written"].values()
    ]
    # A call that only looked has written nothing down.
    in_record = (record.get("defused") or {}).get("written") or {}
    return sorted(item["database"] for item in [*in_record.values(), *in_trail])


@pytest.mark.usefixtures("in_pieces")
def test_hundreds_of_databases_are_defused_in_several_calls_that_get_further_each_time(
    leading_out: RestoredCluster,
) -> None:
    phase = defusing(leading_out)

    calls = defused(phase)

    end = calls[-1].record
    progress = [call.record["came_along"].get("unfinished") for call in calls if "came_along" in call.record]
    done = [each["done"] for each in progress if each]
    assert done == sorted(done)
    assert len(set(done)) > 1
    assert {each["total"] for each in progress if each} == {DATABASES + OTHER_DATABASES}
    assert end["came_along"]["not_looked_into"] == []
    assert ways_back(phase, end) == [f"tenant_{number:04}" for number in range(DATABASES)]
    assert logins_left(leading_out) == []
    assert max(len(json.dumps(call.record)) for call in calls) < RECORD_BYTES_MOST


@pytest.mark.usefixtures("in_pieces")
def test_a_defusing_call_that_dies_among_many_databases_is_followed_by_one_that_goes_on(
    leading_out: RestoredCluster,
) -> None:
    phase = defusing(leading_out)
    # A run of its own: what it takes out, and its way back, is in its own record.
    counted = phase.call(Plan())
    places = len(counted.plan.places)

    # In the middle of a later call, in whatever it does then.
    died = phase.until_fault(Plan(StatementFault.DIES, 4 * places))
    begun = (died.record.get("came_along") or {}).get("unfinished")
    calls = defused(phase, before=died)

    assert begun
    first = (calls[0].record.get("came_along") or {}).get("unfinished")
    assert first is None or first["done"] >= begun["done"]
    both = {*ways_back(phase, counted.record), *ways_back(phase, calls[-1].record)}
    assert sorted(both) == [f"tenant_{number:04}" for number in range(DATABASES)]
    assert logins_left(leading_out) == []


def test_a_database_of_many_tables_is_looked_into_within_a_call(full: RestoredCluster) -> None:
    started = time.monotonic()
    survey = full.databases.survey_copy(full.endpoint, MASTER)

    assert (survey.came_along.not_looked_into, survey.unfinished) == ((), None)
    assert time.monotonic() - started < FUNCTION_SECONDS
