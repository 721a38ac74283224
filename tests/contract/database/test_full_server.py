"""A real server whose connections are all in use: the error says so, nothing is half made, and then it goes on."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from pg8000.native import DatabaseError
from tests.contract.database.servers import MASTER, RestoredCluster, login
from tests.support.waiting import wait_until

from aurora_restore.domain.errors import DatabaseBusy
from aurora_restore.domain.observed import LoginOutcome

CONNECTIONS_AT_MOST = 100
FULL = r"too many clients already \(SQLSTATE 53300\)"


def take_all(cluster: RestoredCluster, sessions: ExitStack) -> None:
    """Log in until the server is full, the places that it keeps for superusers among them."""
    for _ in range(CONNECTIONS_AT_MOST):
        try:
            sessions.enter_context(cluster.session(cluster.superuser))
        except DatabaseError as error:
            if error.args[0]["C"] != "53300":
                raise
            return
    raise AssertionError(f"The server took {CONNECTIONS_AT_MOST} connections and was not full.")


def test_a_full_server_is_a_fault_that_passes_and_the_work_goes_on_once_there_is_room(
    cluster: RestoredCluster,
) -> None:
    databases, endpoint = cluster.databases, cluster.endpoint
    with ExitStack() as sessions:
        take_all(cluster, sessions)

        with pytest.raises(DatabaseBusy, match=FULL):
            databases.survey_copy(endpoint, MASTER)
        with pytest.raises(DatabaseBusy, match=FULL):
            databases.set_up_users(endpoint, MASTER, [login("ann")], True)
        assert databases.log_in(endpoint, MASTER).outcome is LoginOutcome.BUSY

    wait_until(lambda: databases.log_in(endpoint, MASTER).outcome is LoginOutcome.ACCEPTED)
    assert databases.survey_copy(endpoint, MASTER).fuses == ()
    [report] = databases.set_up_users(endpoint, MASTER, [login("ann")], True).users
    assert report.action == "created"
