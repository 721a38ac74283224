"""Servers with more databases and tables than one call can see to: pieces, progress, and a death in the middle.

`make big` runs it with the numbers that people have met in the field; without them it is small enough for every day.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

import pytest
from tests.contract.database.servers import MASTER, OWN_SECRET, RestoredCluster, login

from aurora_restore.domain.user_progress import SetupProgress, always
from aurora_restore.domain.users import Access, DbUserLogin, UserReport, UsersReport

pytestmark = pytest.mark.newest_server

DATABASES = int(os.environ.get("DATABASES", "10"))
TABLES = int(os.environ.get("TABLES", "6000"))
# The function has ten minutes, and begins no further piece after one. With 0 each call does one piece and no more.
CALL_SECONDS = float(os.environ.get("CALL_SECONDS", "0"))
FUNCTION_SECONDS = 600.0
TABLES_A_STATEMENT = 500
CALLS_MOST = 100


class DiedError(Exception):
    """The process ended."""


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
            raise DiedError
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
    told: list[SetupProgress] = []
    for _ in range(CALLS_MOST):
        report = call(cluster, users, begun, within(CALL_SECONDS))
        if report.unfinished is None:
            return told, list(report.users)
        begun = report.unfinished
        told.append(begun)
    raise AssertionError(f"not finished after {CALLS_MOST} calls: {told[-1].done} of {told[-1].total}")


USERS = [login("ann", Access.READ_ONLY, OWN_SECRET), login("ben", Access.READ_WRITE, OWN_SECRET)]


def test_hundreds_of_databases_are_seen_to_in_several_calls_that_get_further_each_time(
    crowded: RestoredCluster,
) -> None:
    told, users = seen_through(crowded, USERS)
    done = [(progress.checking, progress.done) for progress in told]
    assert done == sorted(done)
    assert len(set(done)) > 1
    assert {user.database_count for user in users} == {DATABASES + 3}
    assert all(len(str(progress.to_item())) < 100_000 for progress in told)
    unchanged = seen_through(crowded, USERS)[1]
    assert [user.action for user in unchanged] == ["unchanged", "unchanged"]
    assert [user.database_count for user in unchanged] == [user.database_count for user in users]


def test_a_call_that_dies_among_many_databases_is_followed_by_one_that_goes_on(
    crowded: RestoredCluster,
) -> None:
    first = call(crowded, USERS, None, within(0))
    with pytest.raises(DiedError):
        call(crowded, USERS, first.unfinished, dying_after(DATABASES // 2))
    _, users = seen_through(crowded, USERS, first.unfinished)
    assert {user.database_count for user in users} == {DATABASES + 3}


def test_a_database_of_many_tables_is_granted_in_pieces_and_a_death_in_the_middle_leaves_less_to_do(
    full: RestoredCluster,
) -> None:
    users = [login("ann", Access.READ_WRITE, OWN_SECRET, "shop")]
    with pytest.raises(DiedError):
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
