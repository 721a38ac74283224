"""A master user that a real server refuses, and the error of the pipeline that comes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.contract.database.servers import MASTER, RestoredCluster
from tests.fakes.databases import FakeDatabases
from tests.support.worlds import PipelineRun

from aurora_restore.domain.errors import MasterLoginByIam
from aurora_restore.domain.observed import Credentials, DatabaseEndpoint, LoginAttempt, LoginOutcome
from aurora_restore.domain.results import Phase
from local_aurora.engines.postgresql.roles import access_rules
from local_aurora.engines.storage import directory_name

OPERATION = "restore-20261122-120000"
SECONDS_AT_MOST = 10.0
Way = Callable[[RestoredCluster, Path], AbstractContextManager[None]]


class AnsweredByTheServer(FakeDatabases):
    """Each login to a cluster of the pipeline is tried on a real server, with credentials of that server."""

    def __init__(self, run: PipelineRun, server: RestoredCluster, login: Credentials) -> None:
        super().__init__(run.aurora, lambda _cluster: run.server)
        self.server, self.login = server, login

    def log_in(self, endpoint: DatabaseEndpoint, credentials: Credentials) -> LoginAttempt:
        return self.server.databases.log_in(self.server.endpoint, self.login)


def run_on(cluster: RestoredCluster, login: Credentials = MASTER) -> PipelineRun:
    run = PipelineRun(on_dynamodb=True)
    run.ports = replace(run.ports, databases=AnsweredByTheServer(run, cluster, login))
    return run


@contextmanager
def may_not_log_in(cluster: RestoredCluster, _directory: Path) -> Iterator[None]:
    def alter(what: str) -> None:
        cluster.run(f"ALTER ROLE master {what}", login=cluster.superuser, database="postgres")

    alter("NOLOGIN")
    try:
        yield
    finally:
        alter("LOGIN")


@contextmanager
def rejected_as_a_member_of_rds_iam(cluster: RestoredCluster, directory: Path) -> Iterator[None]:
    """The master user has no rule of its own, before that of the members of rds_iam.

    ADMIN on the role counts as membership; before PostgreSQL 16 the master has no need of it to grant the role.
    """

    def admin(statement: str) -> None:
        cluster.run(statement, login=cluster.superuser, database="postgres")

    rules = directory / "postgres" / "clusters" / directory_name(cluster.cluster_id) / "data" / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text(access_rules("another"))
    if cluster.major < 16:
        admin("GRANT rds_iam TO master")
    admin("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        rules.write_text(before)
        if cluster.major < 16:
            admin("REVOKE rds_iam FROM master")
        admin("SELECT pg_reload_conf()")


def attempt_until(cluster: RestoredCluster, outcome: LoginOutcome) -> LoginAttempt:
    """A server reads its rules anew a moment after it was asked to."""
    end = time.monotonic() + SECONDS_AT_MOST
    while (attempt := cluster.databases.log_in(cluster.endpoint, MASTER)).outcome is not outcome:
        assert time.monotonic() < end, f"the login never was {outcome}: {attempt.reason}"
    return attempt


@pytest.mark.parametrize("way", [may_not_log_in, rejected_as_a_member_of_rds_iam])
def test_a_master_that_no_password_lets_in_ends_the_run_with_its_own_error(
    cluster: RestoredCluster, engine_directory: Path, way: Way
) -> None:
    with way(cluster, engine_directory):
        refused = attempt_until(cluster, LoginOutcome.REFUSED)
        run = run_on(cluster)
        with pytest.raises(MasterLoginByIam) as failed:
            run.run(OPERATION, Phase.RESTORE_CLUSTER)
    attempt_until(cluster, LoginOutcome.ACCEPTED)
    assert refused.sqlstate == "28000"
    assert "28000" in failed.value.message
    assert MASTER.password not in failed.value.message
    assert run.record(OPERATION).get("master_password_changes") is None


def test_a_master_with_another_password_is_given_the_expected_one(cluster: RestoredCluster) -> None:
    run = run_on(cluster, Credentials(MASTER.username, "Wrong-secret"))
    run.run(OPERATION, Phase.COPY_SNAPSHOT)
    while not run.record(OPERATION).get("master_password_changes"):
        run.clock.advance(run.phase(Phase.RESTORE_CLUSTER, OPERATION).wait_seconds)
    assert run.record(OPERATION)["master_password_changes"]["count"] == 1
