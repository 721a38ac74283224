"""Who gets into a MySQL server, and what they may do there."""

from __future__ import annotations

from collections.abc import Iterator

import pymysql
import pytest
from pymysql.connections import Connection

from local_aurora.access import PasswordLogin
from local_aurora.engines.mysql.admin import rows
from local_aurora.engines.mysql.statements import account, identifier, literal

from .conftest import MASTER, Cluster

pytestmark = pytest.mark.file_one_day_in(7, 5)

DENIED = (1044, 1045, 1142, 1227)
UNKNOWN_PLUGIN, TLS_REQUIRED = 1524, 3159
DEPUTY = PasswordLogin("deputy", "deputy-password")


def refusal(session: Connection, statement: str) -> int:
    """The number of the error with which the server refuses a statement."""
    with pytest.raises(pymysql.MySQLError) as refused:
        rows(session, statement)
    return int(refused.value.args[0])


@pytest.fixture
def deputy(cluster: Cluster) -> Iterator[PasswordLogin]:
    with cluster.session() as session:
        rows(session, f"CREATE USER {DEPUTY.username} IDENTIFIED BY '{DEPUTY.password}'")
    yield DEPUTY
    with cluster.session() as session:
        rows(session, f"DROP USER {DEPUTY.username}")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE mysql.user SET host = '%' WHERE user = 'rdsadmin'",
        "DELETE FROM mysql.db",
        "INSERT INTO mysql.proxies_priv SELECT * FROM mysql.proxies_priv",
        "CREATE TABLE mysql.own (n integer)",
        "DROP TABLE mysql.plugin",
        "DROP DATABASE mysql",
        "GRANT SUPER ON *.* TO CURRENT_USER",
        "SET GLOBAL max_connections = 1000",
        "SHUTDOWN",
        "ALTER USER rdsadmin@localhost IDENTIFIED BY 'whatever-else'",
        "DROP USER rdsadmin@localhost",
        "SELECT 1 INTO OUTFILE '/tmp/one'",
        "INSTALL PLUGIN rewriter SONAME 'rewriter.so'",
        "CLONE LOCAL DATA DIRECTORY = '/tmp/all'",
    ],
)
def test_the_master_user_is_no_superuser_and_writes_nothing_into_the_schema_mysql(
    cluster: Cluster, statement: str
) -> None:
    with cluster.session() as session:
        assert refusal(session, statement) in (*DENIED, 1410)


def test_the_master_user_has_auroras_role_and_reads_who_has_what(cluster: Cluster) -> None:
    with cluster.session() as session:
        assert rows(session, "SELECT current_role()") == [("`rds_superuser_role`@`%`",)]
        grants = " ".join(grant for (grant,) in rows(session, "SHOW GRANTS"))
        assert "SUPER" not in grants.replace("rds_superuser", "")
        assert rows(session, "SELECT count(*) FROM mysql.user WHERE user = 'rdsadmin'") == [(1,)]


def test_the_master_user_makes_databases_users_and_grants(cluster: Cluster, deputy: PasswordLogin) -> None:
    with cluster.session() as session:
        for statement in (
            "CREATE DATABASE my_db",
            "CREATE DATABASE myxdb",
            "CREATE TABLE my_db.t (n integer)",
            "CREATE TABLE myxdb.t (n integer)",
            r"GRANT SELECT ON `my\_db`.* TO deputy",
            "CREATE DEFINER = deputy VIEW my_db.v AS SELECT 1",
            "CREATE PROCEDURE my_db.p() SELECT 1",
            "CREATE EVENT my_db.e ON SCHEDULE EVERY 1 DAY DO DELETE FROM my_db.t",
        ):
            rows(session, statement)
        with cluster.session(deputy, "my_db") as theirs:
            assert rows(theirs, "SELECT * FROM my_db.t") == []
            assert refusal(theirs, "SELECT * FROM myxdb.t") in DENIED
            assert refusal(theirs, "INSERT INTO my_db.t VALUES (1)") in DENIED
        for statement in (
            "DROP DATABASE my_db",
            "DROP DATABASE myxdb",
            "REVOKE ALL, GRANT OPTION FROM deputy",
        ):
            rows(session, statement)


def test_an_underscore_that_is_not_escaped_is_a_wildcard_as_on_aurora(
    cluster: Cluster, deputy: PasswordLogin
) -> None:
    with cluster.session() as session:
        rows(session, "CREATE DATABASE myxdb")
        rows(session, "GRANT SELECT ON `my_db`.* TO deputy")
        with cluster.session(deputy, None) as theirs:
            assert ("myxdb",) in rows(theirs, "SHOW DATABASES")
        rows(session, "DROP DATABASE myxdb")


def test_a_user_who_is_given_auroras_role_can_do_what_the_master_user_can(
    cluster: Cluster, deputy: PasswordLogin
) -> None:
    with cluster.session() as session:
        rows(session, "GRANT rds_superuser_role TO deputy")
        rows(session, "SET DEFAULT ROLE rds_superuser_role TO deputy")
    with cluster.session(deputy, None) as theirs:
        rows(theirs, "CREATE DATABASE books")
        rows(theirs, "DROP DATABASE books")
        assert refusal(theirs, "DELETE FROM mysql.db") in DENIED


def test_a_user_can_be_locked_and_lost_rights_come_back_with_a_new_master_password(
    cluster: Cluster, deputy: PasswordLogin
) -> None:
    with cluster.session() as session:
        rows(session, "ALTER USER deputy ACCOUNT LOCK")
        with pytest.raises(pymysql.OperationalError, match="locked"), cluster.session(deputy, None):
            pass
    with cluster.session(cluster.amazons, None) as amazons:
        rows(amazons, f"REVOKE ALL, GRANT OPTION FROM {account(MASTER.username)}")
        rows(amazons, f"ALTER USER {account(MASTER.username)} ACCOUNT LOCK")
    cluster.engine.set_master_password(cluster.cluster_id, MASTER)
    with cluster.session() as session:
        rows(session, "CREATE DATABASE books")
        rows(session, "DROP DATABASE books")


def test_an_account_of_iam_meets_the_error_that_aurora_has_where_iam_is_off(cluster: Cluster) -> None:
    cluster.engine.set_iam_authentication(cluster.cluster_id, True)
    with cluster.session() as session:
        statement = "CREATE USER iam_user IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS'"
        assert refusal(session, statement) == UNKNOWN_PLUGIN


def test_tls_is_asked_for_as_the_parameter_group_says(cluster: Cluster) -> None:
    strict = cluster.restarted(require_secure_transport="ON")
    with pytest.raises(pymysql.OperationalError) as refused:
        log_in_in_the_clear(strict)
    assert refused.value.args[0] == TLS_REQUIRED
    log_in_in_the_clear(cluster.restarted(require_secure_transport="OFF"))


def log_in_in_the_clear(cluster: Cluster) -> None:
    """After a login over TLS: the server then knows the password, and asks for no other protection of it."""
    with cluster.session() as session:
        assert rows(session, "SHOW STATUS LIKE 'Ssl_version'")[0][1].startswith("TLS")
    pymysql.connect(
        host="127.0.0.1", port=cluster.endpoint.port, user=MASTER.username, password=MASTER.password.encode(),
        ssl_disabled=True, connect_timeout=10,
    ).close()  # fmt: skip


def test_the_server_takes_the_parameters_that_it_knows_and_says_which_instance_it_is(
    cluster: Cluster,
) -> None:
    started = cluster.restarted(event_scheduler="ON", wait_timeout="77", aurora_parallel_query="1")
    with started.session() as session:
        assert rows(session, "SELECT @@event_scheduler, @@global.wait_timeout, @@report_host") == [
            ("ON", 77, "writer-1")
        ]
    with cluster.restarted().session() as session:
        assert rows(session, "SELECT @@event_scheduler") == [("OFF",)]


def test_a_general_log_of_the_engines_own_work_holds_no_password(cluster: Cluster) -> None:
    started = cluster.restarted(general_log="1", log_output="TABLE")
    new = PasswordLogin(MASTER.username, "Never-to-be-read")
    started.engine.set_master_password(started.cluster_id, new)
    with started.session(new) as session:
        logged = rows(session, "SELECT argument FROM mysql.general_log WHERE argument LIKE '%ALTER USER%'")
        assert logged
        assert not [text for (text,) in logged if b"Never-to-be-read" in bytes(text)]
    started.engine.set_master_password(started.cluster_id, MASTER)


@pytest.mark.parametrize("name", ["plain", "we`ird'x", 'quo"te', "per%cent_", "back\\slash", "Zoë"])
def test_names_and_passwords_are_what_they_are(cluster: Cluster, name: str) -> None:
    password = f"{name}'\\ \" ` %s"
    with cluster.session() as session:
        rows(session, f"CREATE USER {account(name)} IDENTIFIED BY {literal(password)}")
        rows(session, f"CREATE DATABASE {identifier(name)}")
        with cluster.session(PasswordLogin(name, password), None) as theirs:
            assert rows(theirs, "SELECT current_user()") == [(f"{name}@%",)]
        rows(session, f"DROP DATABASE {identifier(name)}")
        rows(session, f"DROP USER {account(name)}")
