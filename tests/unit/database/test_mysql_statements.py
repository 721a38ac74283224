"""Statements for servers that cannot be had here: Aurora with its plugin and procedures, MySQL 5.7 and 8.0."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from aurora_restore.database.by_engine import DatabasesByEngine
from aurora_restore.database.mysql import accounts, replication, rights
from aurora_restore.database.mysql.accounts import Account
from aurora_restore.database.mysql.adapter import MysqlDatabases
from aurora_restore.database.mysql.session import PLUGIN_NOT_LOADED, ServerRefused, Session
from aurora_restore.database.mysql.versions import Version
from aurora_restore.database.postgresql.adapter import PostgresDatabases
from aurora_restore.domain.engines import MYSQL, POSTGRESQL
from aurora_restore.domain.errors import DbUserSetupFailed
from aurora_restore.domain.observed import Credentials, DatabaseEndpoint
from aurora_restore.domain.users import Access, DbUser, DbUserLogin

IDA = DbUserLogin(DbUser("ida", Access.READ_ONLY, iam=True), None)
ANN = DbUserLogin(DbUser("ann", Access.READ_ONLY, "s"), Credentials("ann", "Ann-secret"))
AURORA_2, AURORA_3, AURORA_84 = "5.7.12-log", "8.0.39", "8.4.7"
_IAM = "IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL"


class ScriptedSession(Session):
    """Answers by the beginning of the question, and keeps what was run."""

    def __init__(
        self,
        version: str,
        variables: Mapping[str, str] | None = None,
        answers: Mapping[str, list[dict[str, Any]]] | None = None,
        refusal: ServerRefused | None = None,
    ) -> None:
        super().__init__(None, None)
        self.__dict__["version"] = Version.of(version)
        self._variables = variables or {}
        self._answers = answers or {}
        self._refusal = refusal
        self.ran: list[str] = []

    def _answer(self, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        if not sql.startswith(("SELECT", "SHOW")):
            if self._refusal:
                raise self._refusal
            self.ran.append(sql)
            return [], []
        rows = next((rows for begin, rows in self._answers.items() if sql.startswith(begin)), [])
        return (list(rows[0]) if rows else []), [tuple(row.values()) for row in rows]

    def variable(self, name: str) -> str | None:
        return self._variables.get(name)


def test_an_iam_user_is_made_with_amazons_plugin_and_asks_for_tls() -> None:
    session = ScriptedSession(AURORA_3)
    accounts.create(session, IDA, "mysql_native_password")
    assert session.ran == [f"CREATE USER `ida`@`%` {_IAM}"]


@pytest.mark.parametrize(
    ("account", "statements"),
    [
        (Account("ida", "%", "AWSAuthenticationPlugin", "RDS", ssl_type="ANY"), []),
        (Account("ida", "%", "AWSAuthenticationPlugin", "RDS"), [f"ALTER USER `ida`@`%` {_IAM}"]),
        (Account("ida", "%", "mysql_native_password", "*0"), [f"ALTER USER `ida`@`%` {_IAM}"]),
    ],
)
def test_an_account_that_came_along_becomes_an_iam_user_once(account: Account, statements: list[str]) -> None:
    session = ScriptedSession(AURORA_3)
    assert accounts.change(session, IDA, account, "mysql_native_password") is bool(statements)
    assert session.ran == statements


def test_an_iam_user_gets_a_password_by_its_verifier() -> None:
    session = ScriptedSession(AURORA_2)
    account = Account("ann", "%", "AWSAuthenticationPlugin", "RDS", ssl_type="ANY")
    assert accounts.change(session, ANN, account, "mysql_native_password")
    [statement] = session.ran
    assert statement.startswith("ALTER USER `ann`@`%` IDENTIFIED WITH 'mysql_native_password' AS '*")
    assert "Ann-secret" not in statement


def test_a_plugin_that_is_not_loaded_means_that_iam_authentication_is_off() -> None:
    refusal = ServerRefused(PLUGIN_NOT_LOADED, "Plugin 'AWSAuthenticationPlugin' is not loaded")
    session = ScriptedSession(AURORA_3, refusal=refusal)
    with pytest.raises(DbUserSetupFailed, match="IAM authentication is not enabled"):
        accounts.create(session, IDA, "mysql_native_password")


def test_a_second_factor_that_came_along_is_refused() -> None:
    account = Account("ann", "%", attributes={"multi_factor_authentication": [{}]})
    with pytest.raises(DbUserSetupFailed, match="second factor"):
        accounts.change(ScriptedSession(AURORA_3), ANN, account, "caching_sha2_password")


@pytest.mark.parametrize(
    ("version", "variables", "plugin"),
    [
        (AURORA_2, {"default_authentication_plugin": "mysql_native_password"}, "mysql_native_password"),
        (
            AURORA_3,
            {"authentication_policy": "*,,", "default_authentication_plugin": "mysql_native_password"},
            "mysql_native_password",
        ),
        (
            AURORA_3,
            {
                "authentication_policy": "*:caching_sha2_password,,",
                "default_authentication_plugin": "mysql_native_password",
            },
            "caching_sha2_password",
        ),
        (AURORA_84, {"authentication_policy": "*,,"}, "caching_sha2_password"),
        (AURORA_84, {"authentication_policy": "*:mysql_native_password,,"}, "mysql_native_password"),
        (AURORA_84, {"authentication_policy": "mysql_native_password,,"}, "mysql_native_password"),
        (AURORA_3, {"default_authentication_plugin": "sha256_password"}, "caching_sha2_password"),
        ("10.11.18-MariaDB", {}, "mysql_native_password"),
    ],
)
def test_the_plugin_of_a_new_account_is_the_servers_default(
    version: str, variables: dict[str, str], plugin: str
) -> None:
    assert accounts.default_plugin(ScriptedSession(version, variables)) == plugin


def test_a_lock_is_marked_where_accounts_have_comments() -> None:
    account = Account("ann", "%", attributes={"metadata": {"comment": "it's hers"}})
    assert account.lock(marks=False) == "ALTER USER `ann`@`%` ACCOUNT LOCK"
    marked = "'Login disabled by aurora-restore. it''s hers'"
    assert account.lock(marks=True) == f"ALTER USER `ann`@`%` ACCOUNT LOCK COMMENT {marked}"


def test_mysql_5_7_is_asked_for_nothing_that_it_does_not_have() -> None:
    asked: list[str] = []

    class Asked(ScriptedSession):
        def _answer(self, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
            asked.append(sql)
            return super()._answer(sql)

    session = Asked(AURORA_2)
    accounts.all_accounts(session)
    rights.of_account(session, Account("ann", "%"))
    rights.of_other_hosts(session, Account("ann", "%"))
    rights.of_everyone(session)
    newer = ("User_attributes", "role_edges", "global_grants", "mandatory_roles", "REPLICA")
    assert [sql for sql in asked if any(word in sql for word in newer)] == []


@pytest.mark.parametrize(
    ("version", "status", "role"),
    [
        (AURORA_2, ("SHOW SLAVE STATUS", "Master", "Slave"), "master"),
        (AURORA_3, ("SHOW REPLICA STATUS", "Source", "Replica"), "source"),
    ],
)
def test_replication_of_aurora_is_ended_and_begun_again_by_its_procedures(
    version: str, status: tuple[str, str, str], role: str
) -> None:
    question, source, replica = status
    row = {
        f"{source}_Host": "production.example",
        f"{source}_Port": 3306,
        f"{source}_User": "replicator",
        f"Relay_{source}_Log_File": "binlog.000007",
        f"Exec_{source}_Log_Pos": 4711,
        f"{replica}_IO_Running": "Yes",
        f"{replica}_SQL_Running": "Yes",
        f"{source}_SSL_Allowed": "Yes",
        "Auto_Position": 0,
        "Channel_Name": "",
    }
    session = ScriptedSession(version, answers={question: [row], "SELECT 1": [{"1": 1}]})
    [fuse] = replication.channels(session).fuses
    assert fuse.statements == (
        "CALL mysql.rds_stop_replication",
        f"CALL mysql.rds_reset_external_{role}",
    )
    where = "'production.example', 3306, 'replicator', '<password of the source>', 'binlog.000007', 4711, 1"
    assert fuse.take_back == (
        f"CALL mysql.rds_set_external_{role} ({where});",
        "CALL mysql.rds_start_replication;",
    )


def test_replication_by_gtid_is_begun_again_with_the_five_arguments_that_aurora_takes() -> None:
    row = {
        "Source_Host": "production.example",
        "Source_Port": 3306,
        "Source_User": "replicator",
        "Replica_IO_Running": "No",
        "Replica_SQL_Running": "No",
        "Source_SSL_Allowed": "No",
        "Auto_Position": 1,
        "Channel_Name": "",
    }
    session = ScriptedSession(AURORA_3, answers={"SHOW REPLICA STATUS": [row], "SELECT 1": [{"1": 1}]})
    [fuse] = replication.channels(session).fuses
    who = "'production.example', 3306, 'replicator', '<password of the source>', 0"
    assert fuse.take_back == (f"CALL mysql.rds_set_external_source_with_auto_position ({who});",)


@pytest.mark.parametrize(("engine", "adapter"), [(POSTGRESQL, PostgresDatabases), (MYSQL, MysqlDatabases)])
def test_the_adapter_of_the_endpoints_engine_answers(engine: str, adapter: type) -> None:
    databases = DatabasesByEngine()
    endpoint = DatabaseEndpoint("127.0.0.1", 1, engine)
    assert isinstance(databases._of(endpoint), adapter)
    assert databases._of(endpoint) is databases._of(endpoint)


def test_an_endpoint_without_an_engine_is_of_postgresql_and_an_unknown_engine_has_no_adapter() -> None:
    assert DatabaseEndpoint("127.0.0.1", 1).engine == POSTGRESQL
    with pytest.raises(ValueError, match="neptune"):
        DatabasesByEngine().log_in(DatabaseEndpoint("127.0.0.1", 1, "neptune"), Credentials("a", "b"))
