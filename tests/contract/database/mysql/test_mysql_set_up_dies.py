"""A set-up that dies at any statement, before or after it, is finished by the next call, and leaves nothing open."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contract.database.mysql.mysql_servers import RestoredMysql, reset
from tests.contract.database.servers import MASTER, OWN_SECRET, PRODUCTION
from tests.support.shares import every_case, today

from aurora_restore.database.mysql.session import Session
from aurora_restore.domain.errors import DatabaseUnreachable
from aurora_restore.domain.observed import Credentials, LoginOutcome
from aurora_restore.domain.users import Access, DbUser, DbUserLogin, UsersReport

pytestmark = pytest.mark.file_one_day_in(7, 3)

USERS = [
    DbUserLogin(DbUser("ann", Access.READ_ONLY, "s", databases=("shop",)), Credentials("ann", OWN_SECRET)),
    DbUserLogin(DbUser("ben", Access.READ_WRITE, "s", databases=("shop",)), Credentials("ben", OWN_SECRET)),
]
GRANTS = {
    "ann": ["GRANT SELECT, SHOW VIEW ON `shop`.* TO `ann`@`%`"],
    "ben": [
        "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, SHOW VIEW ON `shop`.* TO"
        " `ben`@`%`"
    ],
}


_SHARE = 7


class Dying:
    """The process dies at the given statement: before the server has it (`is_done` false), or after."""

    def __init__(self, at: int, *, is_done: bool) -> None:
        self._left = at
        self._is_done = is_done
        self.died = False
        self._answer = Session._answer

    def __call__(self, session: Session, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        self._left -= 1
        if self._left >= 0:
            return self._answer(session, sql)
        if not self.died and self._is_done:
            self._answer(session, sql)
        self.died = True
        raise DatabaseUnreachable("The function has died.")


def set_up(cluster: RestoredMysql) -> UsersReport:
    return cluster.databases.set_up_users(cluster.endpoint, MASTER, USERS, True)


def grants(cluster: RestoredMysql, name: str) -> list[str]:
    return [grant for grant in cluster.grants_of(name) if "GRANT USAGE" not in grant]


@pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
def test_every_death_is_mended_by_the_next_call(
    restored: RestoredMysql, monkeypatch: pytest.MonkeyPatch, is_done: bool
) -> None:
    # `make faults` tries every statement; a run of the tests a share of them, another one each day.
    step = 1 if every_case() else _SHARE
    at, deaths = today() % step, 0
    while True:
        restored.run(
            "CREATE USER ben IDENTIFIED BY 'Old-secret'",
            "GRANT SELECT ON *.* TO ben",
            "GRANT DROP ON `sh%`.* TO ben",
            login=restored.superuser,
        )
        dying = Dying(at, is_done=is_done)
        with monkeypatch.context() as patched:
            patched.setattr(Session, "_answer", lambda session, sql, dying=dying: dying(session, sql))
            try:
                set_up(restored)
            except DatabaseUnreachable:
                deaths += 1
        if not dying.died:
            break
        report = set_up(restored)
        assert [user.username for user in report.users] == ["ann", "ben"], at
        assert report.locked_logins == (PRODUCTION.username,), at
        assert {name: grants(restored, name) for name in GRANTS} == GRANTS, at
        for login in (PRODUCTION, Credentials("ben", "Old-secret")):
            assert restored.databases.log_in(restored.endpoint, login).outcome is LoginOutcome.REFUSED, at
        assert [user.action for user in set_up(restored).users] == ["unchanged", "unchanged"], at
        reset(restored)
        at += step
    assert deaths > 20 // step
