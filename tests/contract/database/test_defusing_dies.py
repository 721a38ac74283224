"""The process dies between any two statements: what was begun is as before or done, and the next call goes on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.contract.database.copies import CRON, NIGHTLY, SUBSCRIBE, as_superuser, survey, take_back
from tests.contract.database.servers import MASTER, RestoredCluster
from tests.contract.database.test_defusing import ENABLE, SLOT, jobs, slots, subscriptions
from tests.states_language.interpreter import ProcessDied

from aurora_restore.database import tls
from aurora_restore.database.postgresql.defusing import TakingOut
from aurora_restore.database.postgresql.session import Limits, Server, Session
from aurora_restore.domain.came_along import Kind
from aurora_restore.domain.defusing import Outcome
from aurora_restore.domain.observed import Credentials
from aurora_restore.domain.user_progress import always

pytestmark = [pytest.mark.newest_server, pytest.mark.file_one_day_in(7, 3)]

STATEMENTS_AT_MOST = 200


@dataclass
class Lives:
    """`left`: how many statements are run before the end."""

    left: int


class MortalSession(Session):
    lives: Lives

    def rows(self, sql: str, **values: Any) -> list[list[Any]]:
        if self.lives.left == 0:
            self._connection.close()
            raise ProcessDied
        self.lives.left -= 1
        return super().rows(sql, **values)


@dataclass(frozen=True)
class MortalServer(Server):
    lives: Lives = field(default_factory=lambda: Lives(0))

    def open(self, credentials: Credentials, database: str) -> Session:
        session = super().open(credentials, database)
        session.__class__ = MortalSession
        assert isinstance(session, MortalSession)
        session.lives = self.lives
        return session


def test_a_death_between_any_two_statements_leaves_nothing_half_done(copy: RestoredCluster) -> None:
    as_superuser(copy, *CRON, NIGHTLY, SLOT, SUBSCRIBE.format("taken"))
    as_superuser(
        copy, "GRANT pg_create_subscription TO shop_app", "ALTER SUBSCRIPTION taken OWNER TO shop_app"
    )
    as_superuser(copy, ENABLE.format("taken"))
    everything = survey(copy).fuses
    awake = state(copy)
    context = tls.verifying_context(copy.engine.ca_bundle_path)

    for statements in range(STATEMENTS_AT_MOST):
        lives = Lives(statements)
        server = MortalServer(copy.endpoint, context, Limits(), lives=lives)
        try:
            assert TakingOut(server, MASTER, always).run(everything) == Outcome()
        except ProcessDied:
            pass
        else:
            break
        for kind, seen in state(copy).items():
            assert seen in (awake[kind], AT_REST[kind]), f"{kind} after {statements} statements"
        assert memberships_of_master(copy) == []
        copy.databases.defuse(copy.endpoint, MASTER, everything)
        assert state(copy) == AT_REST
        for fuse in everything:
            take_back(copy, fuse, copy.superuser)
    else:
        raise AssertionError("It did not come to its end.")
    assert statements > len(everything)
    assert state(copy) == AT_REST


AT_REST: dict[Kind, list[list[object]]] = {
    Kind.SUBSCRIPTION: [["taken", False, None]],
    Kind.LOGICAL_SLOT: [],
    Kind.CRON_JOB: [[1, False]],
}


def state(copy: RestoredCluster) -> dict[Kind, list[list[object]]]:
    return {
        Kind.SUBSCRIPTION: subscriptions(copy),
        Kind.LOGICAL_SLOT: slots(copy),
        Kind.CRON_JOB: jobs(copy),
    }


def memberships_of_master(copy: RestoredCluster) -> list[list[object]]:
    """Those that it gave itself to act for an owner."""
    return as_superuser(
        copy,
        "SELECT m.roleid FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member"
        " WHERE r.rolname = 'master' AND m.grantor = m.member",
    )
