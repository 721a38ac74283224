"""Users on genuine servers: exactly the account that was asked for, with exactly the rights of its level."""

from __future__ import annotations

import re

import pymysql
import pytest
from tests.contract.database.mysql.mysql_servers import RestoredMysql
from tests.contract.database.servers import MASTER, OWN_SECRET, PRODUCTION

from aurora_restore.database.mysql.quoting import account, identifier
from aurora_restore.domain.errors import DbUserSetupFailed
from aurora_restore.domain.observed import Credentials, LoginOutcome
from aurora_restore.domain.user_fields import db_users
from aurora_restore.domain.users import ANY_HOST, Access, DbUser, DbUserLogin, UserReport, UsersReport

pytestmark = pytest.mark.file_one_day_in(7, 1)

HOSTILE_NAMES = [
    "x`; DROP USER y; --",
    "o'brien",
    'say "no"',
    "back\\slash",
    "Ärger 漢字",
    "a b",
    "$1",
    "%s",
    "%",
    "_",
    "a@b",
    "ann'@'%",
    "`",
    "é" * 32,
    "-" * 32,
]
HOSTILE_PASSWORDS = [
    'it\'s a \\ "secret" `of` %s %% $1 :name',
    "Ärger \U0001f418 漢字",
    " spaces around ",
    "'; DROP USER y; --",
    "\\",
    "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19",
    "a\nb\tc",
    "p" * 256,
]
HOSTILE_DATABASES = ["my_db", "p%q", "back\\slash", "a\\_b", "tick`tick", "quo'te", "Großes Lager", "d" * 64]


def login(
    username: str,
    access: Access = Access.READ_ONLY,
    password: str = OWN_SECRET,
    databases: tuple[str, ...] = (),
    host: str = ANY_HOST,
) -> DbUserLogin:
    user = DbUser(username, access, "a-secret", databases=databases, host=host)
    return DbUserLogin(user, Credentials(username, password))


def set_up(cluster: RestoredMysql, *users: DbUserLogin, lock: bool = False) -> UsersReport:
    return cluster.databases.set_up_users(cluster.endpoint, MASTER, users, lock)


def outcome(cluster: RestoredMysql, username: str, password: str) -> LoginOutcome:
    return cluster.databases.log_in(cluster.endpoint, Credentials(username, password)).outcome


def notes(report: UserReport) -> list[str]:
    return [check for check in report.checks if check.startswith("note: ") or "before" in check]


def logged(cluster: RestoredMysql) -> str:
    """All statements that the general log holds."""
    rows = cluster.run("SELECT argument FROM mysql.general_log", login=cluster.superuser)
    return "\n".join(
        value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for (value,) in rows
    )


def test_hostile_names_are_made_exactly_so(restored: RestoredMysql) -> None:
    set_up(restored, login("y", password="y-secret"))
    users = [login(name, databases=("shop",)) for name in HOSTILE_NAMES]
    report = set_up(restored, login("y", password="y-secret"), *users)

    assert [entry.username for entry in report.users] == ["y", *HOSTILE_NAMES]
    names = {str(name) for (name,) in restored.run("SELECT User FROM mysql.user")}
    assert set(HOSTILE_NAMES) <= names
    for name in HOSTILE_NAMES:
        assert outcome(restored, name, OWN_SECRET) is LoginOutcome.ACCEPTED
    assert outcome(restored, "y", "y-secret") is LoginOutcome.ACCEPTED
    assert [entry.action for entry in set_up(restored, *users).users] == ["unchanged"] * len(users)


def test_hostile_passwords_open_exactly_their_account_and_no_log_holds_them(
    restored: RestoredMysql,
) -> None:
    for number, password in enumerate(HOSTILE_PASSWORDS):
        name = f"user{number}"
        set_up(restored, login(name, password=password, databases=("shop",)))
        assert outcome(restored, name, password) is LoginOutcome.ACCEPTED
        assert outcome(restored, name, password + "x") is LoginOutcome.REFUSED
        [again] = set_up(restored, login(name, password=password, databases=("shop",))).users
        assert again.action == "unchanged"

    statements = logged(restored)
    # The server leaves a password out of what it logs of a clear-text clause: the words before it tell.
    said = [line for line in statements.splitlines() if "IDENTIFIED" in line and "user0" in line]
    assert said
    assert [line for line in said if not re.search(r"IDENTIFIED WITH \S+ AS ", line)] == []
    assert [password for password in HOSTILE_PASSWORDS if len(password) > 1 and password in statements] == []


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("a ", OWN_SECRET),
        (" a", OWN_SECRET),
        ("eleph\U0001f418", OWN_SECRET),
        ("x" * 33, OWN_SECRET),
        ("mysql.sys", OWN_SECRET),
        ("rdsadmin", OWN_SECRET),
        ("AWS_LAMBDA_ACCESS", OWN_SECRET),
        ("a\nb", OWN_SECRET),
        ("'quoted'", OWN_SECRET),
        (MASTER.username, OWN_SECRET),
        ("ann", "p" * 257),
        ("ann", "a\0b"),
        ("ann", ""),
    ],
    ids=ascii,
)
def test_a_user_that_would_be_another_one_is_refused_and_no_account_is_made(
    restored: RestoredMysql, name: str, password: str
) -> None:
    before = restored.run("SELECT User, Host FROM mysql.user ORDER BY 1, 2")
    with pytest.raises(DbUserSetupFailed, match="is not made"):
        set_up(restored, login(name, password=password))
    assert restored.run("SELECT User, Host FROM mysql.user ORDER BY 1, 2") == before


def test_a_database_is_opened_by_its_name_and_not_by_a_pattern(restored: RestoredMysql) -> None:
    for name in ("my_db", "myxdb", "p%q", "pxxq"):
        restored.run(f"CREATE DATABASE {identifier(name)}", f"CREATE TABLE {identifier(name)}.t (a INT)")
    set_up(restored, login("ann", databases=("my_db", "p%q")))

    ann = Credentials("ann", OWN_SECRET)
    for name, may in (("my_db", True), ("p%q", True), ("myxdb", False), ("pxxq", False)):
        if may:
            restored.run(f"USE {identifier(name)}", login=ann)
        else:
            with pytest.raises(pymysql.err.OperationalError, match="denied"):
                restored.run(f"USE {identifier(name)}", login=ann)


def test_hostile_database_names_are_opened_and_nothing_beside_them(restored: RestoredMysql) -> None:
    for name in HOSTILE_DATABASES:
        restored.run(f"CREATE DATABASE {identifier(name)}", f"CREATE TABLE {identifier(name)}.t (a INT)")
    [report] = set_up(restored, login("ann", Access.ADMIN, databases=tuple(HOSTILE_DATABASES))).users

    assert report.databases == tuple(sorted(HOSTILE_DATABASES))
    assert notes(report) == []
    for name in HOSTILE_DATABASES:
        restored.run(f"CREATE TABLE {identifier(name)}.made (a INT)", login=Credentials("ann", OWN_SECRET))


# What a master of Aurora has on every database. The local one has it by a pattern, which means itself here.
_OF_MASTER = "INSERT, UPDATE, DELETE, CREATE, DROP, EXECUTE, CREATE TEMPORARY TABLES, LOCK TABLES, SHOW VIEW"


def test_partial_revokes_change_nothing_about_names(mysql: RestoredMysql) -> None:
    mysql.run(
        "SET GLOBAL partial_revokes = ON",
        f"GRANT {_OF_MASTER} ON *.* TO master WITH GRANT OPTION",
        login=mysql.superuser,
    )
    names = ("my_db", "p%q", "back\\slash", "a\\_b")
    ann = login("ann", Access.READ_WRITE, databases=names)
    try:
        for name in (*names, "myxdb", "pxxq", "a_b"):
            mysql.run(f"CREATE DATABASE {identifier(name)}", f"CREATE TABLE {identifier(name)}.t (a INT)")
        [report] = set_up(mysql, ann).users
        assert (report.action, notes(report)) == ("created", [])
        assert [entry.action for entry in set_up(mysql, ann).users] == ["unchanged"]
        for name in ("myxdb", "pxxq", "a_b"):
            with pytest.raises(pymysql.err.OperationalError, match="denied"):
                mysql.run(f"USE {identifier(name)}", login=Credentials("ann", OWN_SECRET))
    finally:
        mysql.run(
            "SET GLOBAL partial_revokes = OFF",
            f"REVOKE {_OF_MASTER} ON *.* FROM master",
            login=mysql.superuser,
        )


def test_a_level_holds_for_tables_that_are_made_later(restored: RestoredMysql) -> None:
    set_up(restored, login("ann", Access.READ_WRITE))
    restored.run("CREATE TABLE shop.later (a INT)")
    restored.run("INSERT INTO shop.later VALUES (1)", login=Credentials("ann", OWN_SECRET))


@pytest.mark.parametrize(
    ("access", "does", "is_refused"),
    [
        (Access.READ_ONLY, "SELECT * FROM shop.orders", "INSERT INTO shop.notes VALUES ('x')"),
        (Access.READ_ONLY, "SHOW CREATE VIEW shop.seen", "CREATE TEMPORARY TABLE shop.x (a INT)"),
        (Access.READ_ONLY, "SELECT * FROM shop.seen", "CALL shop.count_orders()"),
        (Access.READ_WRITE, "INSERT INTO shop.notes VALUES ('x')", "CREATE TABLE shop.x (a INT)"),
        (Access.READ_WRITE, "CALL shop.count_orders()", "DROP TABLE shop.notes"),
        (Access.READ_WRITE, "CREATE TEMPORARY TABLE shop.x (a INT)", "ALTER TABLE shop.notes ADD a INT"),
        (Access.ADMIN, "CREATE TABLE shop.x (a INT)", "CREATE USER z"),
        (Access.ADMIN, "DROP TABLE shop.notes", "GRANT SELECT ON shop.* TO shop_app"),
        (Access.ADMIN, "CREATE VIEW shop.again AS SELECT 1", "CREATE DATABASE attic"),
    ],
)
def test_a_user_does_what_its_level_says_and_is_refused_the_next_thing_up(
    restored: RestoredMysql, access: Access, does: str, is_refused: str
) -> None:
    restored.run(
        "CREATE VIEW shop.seen AS SELECT id FROM shop.orders",
        "CREATE PROCEDURE shop.count_orders() SQL SECURITY INVOKER SELECT COUNT(*) FROM shop.orders",
    )
    set_up(restored, login("ann", access))
    ann = Credentials("ann", OWN_SECRET)
    restored.run(does, login=ann)
    with pytest.raises(pymysql.err.OperationalError, match="denied"):
        restored.run(is_refused, login=ann)


def test_rights_beyond_the_level_are_revoked_and_said(restored: RestoredMysql) -> None:
    restored.run(
        "CREATE USER ann IDENTIFIED BY 'Old-secret'",
        "GRANT SELECT, INSERT ON *.* TO ann WITH GRANT OPTION",
        "GRANT ALL ON books.* TO ann",
        "GRANT SELECT ON `sh%`.* TO ann",
        "GRANT UPDATE (item), DELETE ON shop.orders TO ann",
        "CREATE PROCEDURE shop.p() SELECT 1",
        "GRANT EXECUTE ON PROCEDURE shop.p TO ann",
        login=restored.superuser,
    )
    [report] = set_up(restored, login("ann", databases=("shop",))).users

    assert report.action == "changed"
    [said] = notes(report)
    assert "had more than read_only before, which was revoked" in said
    assert restored.grants_of("ann") == sorted(
        [
            next(grant for grant in restored.grants_of("ann") if "USAGE" in grant),
            "GRANT SELECT, SHOW VIEW ON `shop`.* TO `ann`@`%`",
        ]
    )
    [again] = set_up(restored, login("ann", databases=("shop",))).users
    assert (again.action, notes(again)) == ("unchanged", [])


def test_roles_and_named_privileges_beyond_the_level_are_revoked(mysql: RestoredMysql) -> None:
    mysql.run(
        "CREATE USER ann IDENTIFIED BY 'Old-secret'",
        "CREATE ROLE keeper",
        "GRANT DELETE ON shop.* TO keeper",
        "GRANT keeper TO ann",
        "SET DEFAULT ROLE keeper TO ann",
        "GRANT XA_RECOVER_ADMIN, SHOW_ROUTINE ON *.* TO ann",
        login=mysql.superuser,
    )
    [report] = set_up(mysql, login("ann", databases=("shop",))).users

    [said] = notes(report)
    assert "the role keeper" in said
    assert "XA_RECOVER_ADMIN on *.*" in said
    assert mysql.grants_of("ann")[0] == "GRANT SELECT, SHOW VIEW ON `shop`.* TO `ann`@`%`"
    assert len(mysql.grants_of("ann")) == 2


def test_a_role_beyond_the_level_is_revoked_on_mariadb_too(restored: RestoredMysql) -> None:
    if not restored.is_mariadb:
        pytest.skip("MySQL's own roles are another test")
    restored.run(
        "CREATE USER ann IDENTIFIED BY 'Old-secret'",
        "CREATE ROLE keeper",
        "GRANT keeper TO ann",
        f"GRANT keeper TO {account(MASTER.username, ANY_HOST)} WITH ADMIN OPTION",
        login=restored.superuser,
    )
    [report] = set_up(restored, login("ann", databases=("shop",))).users
    assert "the role keeper" in notes(report)[0]
    restored.run("DROP ROLE keeper", login=restored.superuser)


def test_the_password_before_does_not_go_on_opening_the_account(mysql: RestoredMysql) -> None:
    mysql.run(
        "CREATE USER ann IDENTIFIED BY 'Old-secret'",
        f"ALTER USER ann IDENTIFIED BY '{OWN_SECRET}' RETAIN CURRENT PASSWORD",
    )
    assert outcome(mysql, "ann", "Old-secret") is LoginOutcome.ACCEPTED
    assert [report.action for report in set_up(mysql, login("ann")).users] == ["changed"]
    assert outcome(mysql, "ann", "Old-secret") is LoginOutcome.REFUSED
    assert outcome(mysql, "ann", OWN_SECRET) is LoginOutcome.ACCEPTED


def test_an_account_that_cannot_be_changed_fails_with_the_servers_words(mysql: RestoredMysql) -> None:
    mysql.run(
        "CREATE USER ann IDENTIFIED BY 'Old-secret'",
        "GRANT SYSTEM_USER ON *.* TO ann",
        login=mysql.superuser,
    )
    with pytest.raises(DbUserSetupFailed, match="SYSTEM_USER"):
        set_up(mysql, login("ann"))


# Only root may grant it, and the master cannot revoke it.
_PROXY_OF_ANN = (
    "INSERT INTO mysql.proxies_priv (Host, User, Proxied_host, Proxied_user) VALUES ('%', 'ann', '%', 'shop_app')",
    "FLUSH PRIVILEGES",
)


def test_a_right_that_cannot_be_revoked_leaves_the_account_shut(restored: RestoredMysql) -> None:
    restored.run(
        "CREATE USER ann IDENTIFIED BY 'Old-secret'",
        "GRANT INSERT ON shop.* TO ann",
        *_PROXY_OF_ANN,
        login=restored.superuser,
    )
    old = Credentials("ann", "Old-secret")
    with restored.session(old) as cursor:
        with pytest.raises(DbUserSetupFailed):
            set_up(restored, login("ann"))
        with pytest.raises(pymysql.err.OperationalError):
            cursor.execute("SELECT 1")
    for password in (old.password, OWN_SECRET):
        assert outcome(restored, "ann", password) is LoginOutcome.REFUSED


def test_a_user_that_fails_leaves_the_ones_after_it_shut(restored: RestoredMysql) -> None:
    restored.run(
        "CREATE USER ann IDENTIFIED BY 'Old-secret'",
        *_PROXY_OF_ANN,
        "CREATE USER ben IDENTIFIED BY 'Old-secret'",
        login=restored.superuser,
    )
    with pytest.raises(DbUserSetupFailed):
        set_up(restored, login("ann"), login("ben"))
    assert outcome(restored, "ben", "Old-secret") is LoginOutcome.REFUSED


def test_a_session_that_cannot_be_ended_fails_the_setup_and_the_next_call_ends_it(
    restored: RestoredMysql,
) -> None:
    restored.run("CREATE USER ann IDENTIFIED BY 'Old-secret'", "GRANT INSERT ON shop.* TO ann")
    refusing = (
        "DROP PROCEDURE IF EXISTS mysql.rds_kill",
        "CREATE PROCEDURE mysql.rds_kill(thread BIGINT) SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not that one'",
    )
    again = ["DROP PROCEDURE mysql.rds_kill"]
    again += ["CREATE PROCEDURE mysql.rds_kill(thread BIGINT) KILL thread"] if restored.is_mariadb else []
    with restored.session(Credentials("ann", "Old-secret")) as cursor:
        restored.run(*refusing, login=restored.superuser)
        try:
            if not restored.is_mariadb:
                restored.run("GRANT EXECUTE ON mysql.* TO master", login=restored.superuser)
            with pytest.raises(DbUserSetupFailed, match="not that one"):
                set_up(restored, login("ann"))
        finally:
            if not restored.is_mariadb:
                restored.run("REVOKE EXECUTE ON mysql.* FROM master", login=restored.superuser)
            restored.run(*again, login=restored.superuser)
        assert [entry.action for entry in set_up(restored, login("ann")).users] == ["changed"]
        with pytest.raises(pymysql.err.OperationalError):
            cursor.execute("SELECT 1")


def test_an_expired_password_is_set_again(restored: RestoredMysql) -> None:
    restored.run(f"CREATE USER ann IDENTIFIED BY '{OWN_SECRET}'", "ALTER USER ann PASSWORD EXPIRE")
    assert [report.action for report in set_up(restored, login("ann")).users] == ["changed"]
    assert outcome(restored, "ann", OWN_SECRET) is LoginOutcome.ACCEPTED


def test_an_account_that_asks_for_a_certificate_asks_for_tls_alone(restored: RestoredMysql) -> None:
    restored.run(f"CREATE USER ann IDENTIFIED BY '{OWN_SECRET}' REQUIRE X509")
    assert outcome(restored, "ann", OWN_SECRET) is LoginOutcome.REFUSED
    assert [report.action for report in set_up(restored, login("ann")).users] == ["changed"]
    assert outcome(restored, "ann", OWN_SECRET) is LoginOutcome.ACCEPTED


def test_two_hosts_are_two_accounts(restored: RestoredMysql) -> None:
    users = [
        login("ann", Access.READ_ONLY, "First-secret"),
        login("ann", Access.ADMIN, "Second-secret", ("books",), "10.0.%"),
    ]
    report = set_up(restored, *users)

    assert [(entry.username, entry.host) for entry in report.users] == [("ann", "%"), ("ann", "10.0.%")]
    assert outcome(restored, "ann", "First-secret") is LoginOutcome.ACCEPTED
    assert outcome(restored, "ann", "Second-secret") is LoginOutcome.REFUSED
    assert any("could not be tried" in check for check in report.users[1].checks)
    assert any(
        grant.startswith("GRANT ALL") or "ALTER" in grant for grant in restored.grants_of("ann", "10.0.%")
    )
    # MySQL looks for a right by the address of the client, so that the rows of `%` count for `10.0.%` as well.
    assert not any("nothing else" in check for check in report.users[1].checks)
    assert any("granted to 'ann'@'%'" in note for note in notes(report.users[1]))
    assert any("nothing else" in check for check in report.users[0].checks)
    assert [entry.action for entry in set_up(restored, *users).users] == ["unchanged", "unchanged"]


def test_rows_that_an_account_left_behind_are_noted(restored: RestoredMysql) -> None:
    restored.run(
        "INSERT INTO mysql.db (Host, Db, User, Delete_priv) VALUES ('10.9.%', 'books', 'ann', 'Y')",
        "FLUSH PRIVILEGES",
        login=restored.superuser,
    )
    try:
        [report] = set_up(restored, login("ann", databases=("shop",))).users
        assert any("granted to 'ann'@'10.9.%'" in note for note in notes(report))
        assert not any("nothing else" in check for check in report.checks)
    finally:
        restored.run("DELETE FROM mysql.db WHERE Host = '10.9.%'", login=restored.superuser)
        restored.run("FLUSH PRIVILEGES", login=restored.superuser)


def test_a_host_is_the_same_in_capital_letters(restored: RestoredMysql) -> None:
    [user] = db_users([{"username": "ann", "secret_id": "a-secret", "host": "App.Example.COM"}])
    ann = DbUserLogin(user, Credentials("ann", OWN_SECRET))
    assert [entry.action for entry in set_up(restored, ann).users] == ["created"]
    report = set_up(restored, ann, lock=True)
    assert [entry.action for entry in report.users] == ["unchanged"]
    assert report.locked_logins == (PRODUCTION.username,)


def test_an_account_that_is_nearer_than_the_one_asked_for_keeps_the_check_from_being_made(
    restored: RestoredMysql,
) -> None:
    restored.run("CREATE USER ann@localhost IDENTIFIED BY 'Another-secret'")
    [report] = set_up(restored, login("ann", databases=("shop",))).users
    assert any("could not be tried: the account 'ann'@'localhost'" in check for check in report.checks)


def test_another_account_of_the_same_name_is_another_login(restored: RestoredMysql) -> None:
    restored.run(f"CREATE USER {account(MASTER.username, '10.%')} IDENTIFIED BY 'Another-secret'")
    report = set_up(restored, lock=True)
    assert report.locked_logins == (f"'{MASTER.username}'@'10.%'", PRODUCTION.username)
    assert outcome(restored, MASTER.username, MASTER.password) is LoginOutcome.ACCEPTED


def test_a_locked_login_says_that_no_password_helps(restored: RestoredMysql) -> None:
    set_up(restored, lock=True)
    attempt = restored.databases.log_in(restored.endpoint, PRODUCTION)
    assert (attempt.outcome, attempt.is_refused_for_no_password) == (LoginOutcome.REFUSED, True)
    wrong = restored.databases.log_in(restored.endpoint, Credentials(MASTER.username, "Wrong-secret"))
    assert (wrong.outcome, wrong.is_refused_for_no_password) == (LoginOutcome.REFUSED, False)


def test_a_lock_ends_the_sessions_of_the_account(restored: RestoredMysql) -> None:
    with restored.session(PRODUCTION) as cursor:
        set_up(restored, lock=True)
        with pytest.raises(pymysql.err.OperationalError):
            cursor.execute("SELECT 1")


def test_a_lock_can_be_undone_and_leaves_the_comment_as_it_was(mysql: RestoredMysql) -> None:
    mysql.run("ALTER USER shop_app COMMENT 'SHOP\\\\ann: it\\'s the shop\\'s'")
    set_up(mysql, lock=True)
    assert mysql.run(_COMMENT) == [("Login disabled by aurora-restore. SHOP\\ann: it's the shop's", "Y")]
    set_up(mysql, login(PRODUCTION.username, Access.ADMIN, PRODUCTION.password))
    assert mysql.run(_COMMENT) == [("SHOP\\ann: it's the shop's", "N")]


_COMMENT = (
    "SELECT JSON_UNQUOTE(JSON_EXTRACT(User_attributes, '$.metadata.comment')), account_locked FROM mysql.user"
    " WHERE User = 'shop_app'"
)


def test_an_account_that_was_locked_in_production_is_not_said_to_be_locked_by_us(
    mysql: RestoredMysql,
) -> None:
    mysql.run("CREATE USER former IDENTIFIED BY 'Old-secret' ACCOUNT LOCK", "CREATE ROLE keeper")
    report = set_up(mysql, lock=True)
    assert (report.other_logins, report.locked_logins) == ((PRODUCTION.username,), (PRODUCTION.username,))


def test_iam_that_is_not_enabled_is_said_clearly(restored: RestoredMysql) -> None:
    """Amazon's plugin is on Aurora alone: elsewhere it is as where IAM authentication is not enabled."""
    ida = DbUserLogin(DbUser("ida", Access.READ_ONLY, iam=True), None)
    with pytest.raises(DbUserSetupFailed, match="IAM authentication is not enabled on the cluster") as caught:
        set_up(restored, ida)
    assert "iam_authentication" in caught.value.hint


def test_the_plugin_is_the_servers_default(restored: RestoredMysql) -> None:
    set_up(restored, login("ann"))
    [(plugin,)] = restored.run("SELECT plugin FROM mysql.user WHERE User = 'ann'")
    assert plugin == ("mysql_native_password" if restored.is_mariadb else "caching_sha2_password")


def test_what_every_account_may_is_noted(restored: RestoredMysql) -> None:
    restored.run("CREATE USER ''@'%'", "GRANT SELECT ON `test%`.* TO ''@'%'", login=restored.superuser)
    report = set_up(restored, login("ann", databases=("shop",)))
    assert any("every account may use `test%`" in check for check in report.users[0].checks)
    assert report.other_logins == ("''@'%'", PRODUCTION.username)


def test_sessions_of_an_anonymous_account_are_noted_when_it_is_locked(restored: RestoredMysql) -> None:
    restored.run("CREATE USER ''@'%'", login=restored.superuser)
    report = set_up(restored, lock=True)
    assert report.locked_logins == ("''@'%'", PRODUCTION.username)
    [note] = report.notes
    assert "''@'%'" in note


def test_accounts_that_only_look_like_the_servers_own_are_locked(restored: RestoredMysql) -> None:
    strangers = ("'mysql.app'@'%'", "'rdsadmin'@'10.%'", "'mysql.sys'@'10.%'")
    restored.run(*(f"CREATE USER {who} IDENTIFIED BY 'Old-secret'" for who in strangers))
    report = set_up(restored, lock=True)
    assert {"mysql.app", "'rdsadmin'@'10.%'", "'mysql.sys'@'10.%'"} <= set(report.locked_logins)
    assert outcome(restored, "mysql.app", "Old-secret") is LoginOutcome.REFUSED


def test_a_database_whose_name_no_grant_can_hold_is_refused_before_anything_is_done(
    restored: RestoredMysql,
) -> None:
    name = "a_" * 25
    restored.run(f"CREATE DATABASE {name}")
    with pytest.raises(DbUserSetupFailed, match=f"{name}.*64 characters"):
        set_up(restored, login("ann"))
    assert restored.run("SELECT 1 FROM mysql.user WHERE User = 'ann'") == []
    assert [entry.action for entry in set_up(restored, login("ann", databases=("shop",))).users] == [
        "created"
    ]
