"""States of a production that a snapshot brings along: what is reported of them, and that no run fails needlessly."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from tests.contract.database.older_servers import since
from tests.contract.database.servers import (
    MASTER,
    OWN_SECRET,
    PRODUCTION,
    RestoredCluster,
    iam_login,
    login,
)
from tests.contract.database.states import as_superuser, undo_states

from aurora_restore.database.postgresql.adapter import PostgresDatabases
from aurora_restore.domain.errors import DatabaseBusy, DbUserSetupFailed
from aurora_restore.domain.observed import Credentials, LoginOutcome
from aurora_restore.domain.users import Access, DbUserLogin, UserReport, UsersReport

pytestmark = pytest.mark.file_one_day_in(7, 6)

ANN = Credentials("ann", OWN_SECRET)


@pytest.fixture
def cluster(shared_cluster: RestoredCluster) -> Iterator[RestoredCluster]:
    yield shared_cluster
    undo_states(shared_cluster)


def set_up(cluster: RestoredCluster, *users: DbUserLogin, lock: bool = False) -> UsersReport:
    return cluster.databases.set_up_users(cluster.endpoint, MASTER, users, lock)


def notes_of(report: UserReport) -> list[str]:
    return [check for check in report.checks if check.startswith("note: ")]


def in_shop(access: Access = Access.READ_ONLY, *databases: str) -> DbUserLogin:
    return login("ann", access, OWN_SECRET, *(databases or ("shop",)))


# --- settings and limits ---


def test_settings_that_keep_a_user_from_its_work_are_reset_and_said(cluster: RestoredCluster) -> None:
    cluster.run(
        "CREATE ROLE ann LOGIN",
        "ALTER ROLE ann SET default_transaction_read_only = on",
        "ALTER ROLE ann IN DATABASE shop SET statement_timeout = '1ms'",
        "ALTER ROLE ann SET search_path = nowhere",
        "GRANT rds_replication TO ann",
    )
    [report] = set_up(cluster, in_shop(Access.READ_WRITE)).users
    assert report.action == "changed"
    assert notes_of(report) == [
        "note: default_transaction_read_only = on came along and was reset",
        "note: search_path = nowhere came along and holds",
        "note: statement_timeout = 1ms in shop came along and was reset",
    ]
    cluster.run("INSERT INTO app.orders (item) VALUES ('a cup')", login=ANN)


def test_a_role_that_a_login_acts_as_is_reset(cluster: RestoredCluster) -> None:
    cluster.run("CREATE ROLE ann LOGIN", "GRANT shop_app TO ann", "ALTER ROLE ann SET role = shop_app")
    [report] = set_up(cluster, in_shop()).users
    assert "note: role = shop_app came along and was reset" in report.checks
    assert cluster.run("SELECT current_user", login=ANN) == [["ann"]]


def test_the_value_of_a_customers_own_setting_is_not_reported(cluster: RestoredCluster) -> None:
    cluster.run("CREATE ROLE ann LOGIN")
    as_superuser(cluster)("ALTER ROLE ann SET app.key = 'Setting-secret-4711'")
    [report] = set_up(cluster, in_shop()).users
    assert notes_of(report) == ["note: app.key came along and holds"]


def test_a_reader_keeps_the_setting_that_makes_it_read_only(cluster: RestoredCluster) -> None:
    cluster.run("CREATE ROLE ann LOGIN", "ALTER ROLE ann SET default_transaction_read_only = on")
    [report] = set_up(cluster, in_shop()).users
    assert notes_of(report) == ["note: default_transaction_read_only = on came along and holds"]
    assert any(check.startswith("in shop cannot INSERT into app.orders") for check in report.checks)


def test_no_proof_is_claimed_where_the_database_makes_every_transaction_read_only(
    cluster: RestoredCluster,
) -> None:
    cluster.run("ALTER DATABASE shop SET default_transaction_read_only = on", database="postgres")
    [report] = set_up(cluster, in_shop(Access.READ_WRITE)).users
    assert "in shop can SELECT from app.orders" in report.checks
    assert any(
        check.startswith("in shop, in a transaction that is set READ WRITE, can INSERT")
        for check in report.checks
    )
    assert any(
        '`ALTER DATABASE "shop" RESET default_transaction_read_only`' in note for note in notes_of(report)
    )


@pytest.mark.parametrize(
    "limit", ["statement_timeout", "idle_in_transaction_session_timeout", "transaction_timeout"]
)
def test_a_time_limit_of_the_database_that_lets_no_attempt_through_is_said(
    cluster: RestoredCluster, limit: str
) -> None:
    if limit == "transaction_timeout":
        since(cluster.major, 17, "this limit")
    cluster.run(f"ALTER DATABASE shop SET {limit} = '1ms'", database="postgres")
    [report] = set_up(cluster, in_shop(Access.READ_WRITE)).users
    assert any(f'`ALTER DATABASE "shop" RESET {limit}` ends it' in note for note in notes_of(report))
    cluster.run("ALTER DATABASE shop RESET ALL", database="postgres")
    [report] = set_up(cluster, in_shop(Access.READ_WRITE)).users
    assert (report.action, notes_of(report)) == ("unchanged", [])


def test_settings_of_the_master_have_no_effect_on_its_work(cluster: RestoredCluster) -> None:
    cluster.run("GRANT shop_app TO master")
    as_superuser(cluster)(
        "ALTER ROLE master SET role = shop_app",
        "ALTER ROLE master SET default_transaction_isolation = serializable",
        "ALTER ROLE master SET idle_session_timeout = '1ms'",
        "ALTER ROLE master SET quote_all_identifiers = on",
    )
    [report] = set_up(cluster, in_shop()).users
    assert report.action == "created"


def test_a_connection_limit_of_nought_is_lifted_and_another_is_said(cluster: RestoredCluster) -> None:
    cluster.run("CREATE ROLE ann LOGIN CONNECTION LIMIT 0", "CREATE ROLE bob LOGIN CONNECTION LIMIT 1")
    ann, bob = set_up(cluster, in_shop(), login("bob", Access.READ_ONLY, OWN_SECRET)).users
    assert notes_of(ann) == ["note: CONNECTION LIMIT 0 came along and was reset"]
    assert notes_of(bob) == ["note: CONNECTION LIMIT 1 came along and holds"]
    cluster.run("SELECT 1", login=ANN)


def test_what_is_reset_counts_as_a_change_and_only_once(cluster: RestoredCluster) -> None:
    set_up(cluster, in_shop())
    cluster.run("ALTER ROLE ann CONNECTION LIMIT 0", "ALTER ROLE ann SET role = ann")
    assert [report.action for report in set_up(cluster, in_shop()).users] == ["changed"]
    assert [report.action for report in set_up(cluster, in_shop()).users] == ["unchanged"]


# --- what hinders an attempt and is not a missing privilege ---


def test_row_security_that_needs_a_context_is_a_note_and_another_table_is_tried(
    cluster: RestoredCluster,
) -> None:
    cluster.run(
        "CREATE TABLE app.accounts (id int, tenant int)",
        "ALTER TABLE app.accounts ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY mine ON app.accounts USING (tenant = current_setting('app.tenant')::int)",
        login=PRODUCTION,
    )
    [report] = set_up(cluster, in_shop()).users
    assert any(check.startswith("in shop can SELECT from app.orders") for check in report.checks)


def test_where_row_security_hinders_every_attempt_that_is_said_and_the_catalog_holds(
    cluster: RestoredCluster,
) -> None:
    as_superuser(cluster)("DROP TABLE app.orders CASCADE", "DROP TABLE public.notes", database="shop")
    cluster.run(
        "CREATE TABLE app.accounts (id int, tenant int)",
        "INSERT INTO app.accounts VALUES (1, 1)",
        "ALTER TABLE app.accounts ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY mine ON app.accounts USING (tenant = current_setting('app.tenant')::int)",
        login=PRODUCTION,
    )
    [report] = set_up(cluster, in_shop(Access.READ_WRITE)).users
    hindered = [note for note in notes_of(report) if "could not be tried" in note]
    assert hindered
    assert all('unrecognized configuration parameter "app.tenant"' in note for note in hindered)
    assert not any("can SELECT" in check for check in report.checks)


def test_a_user_is_tried_with_its_own_search_path(cluster: RestoredCluster) -> None:
    cluster.run("ALTER DATABASE shop SET search_path = app, public")
    cluster.run(
        "CREATE TABLE app.logins (login text)",
        "CREATE FUNCTION app.tenant() RETURNS bool LANGUAGE plpgsql STABLE AS"
        " 'BEGIN RETURN EXISTS (SELECT FROM logins WHERE login = session_user); END'",
        "ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY mine ON app.orders USING (app.tenant())",
        login=PRODUCTION,
    )
    cluster.run("DROP TABLE public.notes")
    [report] = set_up(cluster, in_shop()).users
    assert notes_of(report) == []


def event_trigger(cluster: RestoredCluster, words: str) -> None:
    as_superuser(cluster)(
        "CREATE FUNCTION public.refuse() RETURNS event_trigger LANGUAGE plpgsql SET search_path = pg_catalog AS"
        f" $$ BEGIN RAISE EXCEPTION '{words}'; END $$",
        "CREATE EVENT TRIGGER gate ON ddl_command_start EXECUTE FUNCTION public.refuse()",
        database="shop",
    )


def test_an_event_trigger_that_refuses_grants_is_quoted_and_no_cause_is_assumed(
    cluster: RestoredCluster,
) -> None:
    event_trigger(cluster, "only migrations change the schema")
    with pytest.raises(DbUserSetupFailed, match="only migrations change the schema") as caught:
        set_up(cluster, in_shop())
    assert "ADMIN OPTION" not in caught.value.hint
    assert "may not act" not in caught.value.message


def test_an_event_trigger_before_an_attempt_is_a_note(cluster: RestoredCluster) -> None:
    set_up(cluster, in_shop())
    event_trigger(cluster, "only migrations change the schema")
    [report] = set_up(cluster, in_shop()).users
    assert report.action == "unchanged"
    assert [note for note in notes_of(report) if "create a schema could not be tried" in note]
    assert any("cannot INSERT into app.orders" in check for check in report.checks)


def test_a_table_that_is_locked_for_ever_is_not_waited_for(cluster: RestoredCluster) -> None:
    set_up(cluster, in_shop())
    with cluster.session(cluster.superuser) as holder:
        holder.run("BEGIN")
        holder.run("LOCK TABLE app.orders")
        [report] = set_up(cluster, in_shop()).users
    assert any(check.startswith("in shop can SELECT from public.notes") for check in report.checks)


# --- databases ---


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("ALLOW_CONNECTIONS false", "ALLOW_CONNECTIONS false"),
        ("CONNECTION LIMIT 0", "CONNECTION LIMIT 0"),
    ],
)
def test_a_closed_database_is_named_and_refused_only_where_the_request_asks_for_it(
    cluster: RestoredCluster, state: str, why: str
) -> None:
    cluster.run("CREATE DATABASE archive", f"ALTER DATABASE archive {state}", database="postgres")
    report = set_up(cluster, login("ann"))
    assert report.users[0].databases == ("books", "postgres", "shop")
    [left] = report.not_looked_into
    assert left.database == "archive"
    assert why in left.reason
    with pytest.raises(DbUserSetupFailed, match=re.escape(why)) as caught:
        set_up(cluster, in_shop(Access.READ_ONLY, "archive"))
    assert "does not have" not in caught.value.message


def test_all_databases_that_cannot_be_had_are_reported_at_once(cluster: RestoredCluster) -> None:
    cluster.run("CREATE DATABASE archive ALLOW_CONNECTIONS false", database="postgres")
    cluster.run("CREATE DATABASE pattern IS_TEMPLATE true", database="postgres")
    bob = login("bob", Access.READ_ONLY, OWN_SECRET, "pattern", "shop")
    with pytest.raises(DbUserSetupFailed) as caught:
        set_up(cluster, in_shop(Access.READ_ONLY, "archive", "attic"), bob)
    for words in (
        "ann is to have access to archive",
        "to attic, which the",
        "bob is to have access to pattern",
    ):
        assert words in caught.value.message


def closed_payroll(cluster: RestoredCluster, *, made_by_master: bool) -> None:
    """A database of another owner that PUBLIC may not connect to."""
    creator = MASTER if made_by_master else cluster.superuser
    cluster.run("CREATE ROLE hr", login=creator)
    as_superuser(cluster)("CREATE DATABASE payroll OWNER hr", "REVOKE ALL ON DATABASE payroll FROM PUBLIC")
    as_superuser(cluster)(
        "CREATE TABLE salaries (x int)", "ALTER TABLE salaries OWNER TO hr", database="payroll"
    )


def test_a_database_of_another_owner_is_entered_with_the_owners_role(cluster: RestoredCluster) -> None:
    closed_payroll(cluster, made_by_master=True)
    members = "SELECT * FROM pg_auth_members WHERE roleid = 'hr'::regrole ORDER BY member, grantor"
    acl = "SELECT datacl::text FROM pg_database WHERE datname = 'payroll'"
    before = cluster.run(members), cluster.run(acl)
    report = set_up(cluster, in_shop(Access.READ_ONLY, "payroll"))
    cluster.run("SELECT * FROM salaries", login=ANN, database="payroll")
    assert report.not_looked_into == ()
    assert cluster.run(members) == before[0]
    [[after]] = cluster.run(acl)
    assert "master" not in str(after)


def test_a_database_that_the_master_can_find_no_way_into_names_the_grant_that_is_missing(
    cluster: RestoredCluster,
) -> None:
    since(cluster.major, 16, "that ADMIN on a role is needed to act for it")
    closed_payroll(cluster, made_by_master=False)
    with pytest.raises(DbUserSetupFailed, match='GRANT "hr" TO "master" WITH ADMIN OPTION') as caught:
        set_up(cluster, in_shop(Access.READ_ONLY, "payroll"))
    assert "permission denied for database" in caught.value.message
    report = set_up(cluster, in_shop())
    assert [left.database for left in report.not_looked_into] == ["payroll"]


def test_where_postgres_takes_no_connections_the_master_is_accepted_and_users_are_made(
    cluster: RestoredCluster,
) -> None:
    as_superuser(cluster)("ALTER DATABASE postgres CONNECTION LIMIT 0")
    attempt = cluster.databases.log_in(cluster.endpoint, MASTER)
    assert attempt.outcome is LoginOutcome.ACCEPTED
    assert 'too many connections for database "postgres"' in attempt.reason
    report = set_up(cluster, login("ann"))
    assert report.users[0].databases == ("books", "shop")


def test_only_a_database_that_the_request_asks_for_is_waited_for(cluster: RestoredCluster) -> None:
    cluster.run("CREATE ROLE ann LOGIN", "GRANT CREATE ON DATABASE books TO ann")
    impatient = PostgresDatabases(cluster.engine.ca_bundle_path, 10, 1)
    with cluster.session(cluster.superuser) as holder:
        holder.run("BEGIN")
        holder.run("GRANT TEMPORARY ON DATABASE books TO shop_app")
        report = impatient.set_up_users(cluster.endpoint, MASTER, [in_shop()], False)
        [left] = report.not_looked_into
        assert left.database == "books"
        assert "SQLSTATE 57014" in left.reason
        with pytest.raises(DatabaseBusy, match="SQLSTATE 57014"):
            impatient.set_up_users(cluster.endpoint, MASTER, [in_shop(Access.READ_ONLY, "books")], False)
        holder.run("ROLLBACK")


def test_a_user_that_no_database_could_be_opened_for_is_not_a_success(cluster: RestoredCluster) -> None:
    names = ("books", "postgres", "shop")
    as_superuser(cluster)(
        *(f"ALTER DATABASE {name} CONNECTION LIMIT 0" for name in names), database="template1"
    )
    try:
        with pytest.raises(DbUserSetupFailed, match="ann could be set up in no database") as caught:
            set_up(cluster, login("ann"))
    finally:
        as_superuser(cluster)(
            *(f"ALTER DATABASE {name} CONNECTION LIMIT -1" for name in names), database="template1"
        )
    for name in names:
        assert f"the database {name} was not looked into" in caught.value.message


def test_a_login_trigger_that_refuses_the_master_is_quoted(cluster: RestoredCluster) -> None:
    since(cluster.major, 17, "triggers of a login")
    as_superuser(cluster)(
        "CREATE FUNCTION public.refuse() RETURNS event_trigger LANGUAGE plpgsql AS"
        " $$ BEGIN IF session_user <> 'rdsadmin' THEN RAISE EXCEPTION 'the shop is closed'; END IF; END $$",
        "CREATE EVENT TRIGGER gate ON login EXECUTE FUNCTION public.refuse()",
        "ALTER EVENT TRIGGER gate ENABLE ALWAYS",
        database="shop",
    )
    report = set_up(cluster, login("ann"))
    assert report.users[0].databases == ("books", "postgres")
    [left] = report.not_looked_into
    assert left.database == "shop"
    assert left.reason.startswith("the shop is closed")
    with pytest.raises(DbUserSetupFailed, match="the shop is closed"):
        set_up(cluster, in_shop())


def test_a_login_trigger_that_refuses_the_user_alone_fails_where_its_database_was_named(
    cluster: RestoredCluster,
) -> None:
    since(cluster.major, 17, "triggers of a login")
    as_superuser(cluster)(
        "CREATE FUNCTION public.refuse() RETURNS event_trigger LANGUAGE plpgsql AS"
        " $$ BEGIN IF session_user = 'ann' THEN RAISE EXCEPTION 'not you'; END IF; END $$",
        "CREATE EVENT TRIGGER gate ON login EXECUTE FUNCTION public.refuse()",
        database="shop",
    )
    [report] = set_up(cluster, login("ann")).users
    assert [note for note in notes_of(report) if "shop does not let it in: not you" in note]
    with pytest.raises(DbUserSetupFailed, match=r"password of the user ann is right, .*not you"):
        set_up(cluster, in_shop())


# --- grants ---


def test_a_grant_of_another_grantor_is_taken_back_as_that_grantor(cluster: RestoredCluster) -> None:
    cluster.run("CREATE ROLE team LOGIN PASSWORD 'x'", "CREATE ROLE ann LOGIN")
    cluster.run(
        "GRANT USAGE ON SCHEMA app TO team",
        "GRANT INSERT ON app.orders TO team WITH GRANT OPTION",
        login=PRODUCTION,
    )
    cluster.run("GRANT INSERT ON app.orders TO ann", login=Credentials("team", "x"))
    set_up(cluster, in_shop())
    [[acl]] = cluster.run("SELECT relacl::text FROM pg_class WHERE relname = 'orders'")
    assert "ann=r/shop_app" in str(acl)
    assert "team=a*/shop_app" in str(acl)


def test_a_grantor_that_the_master_may_not_act_for_is_named(cluster: RestoredCluster) -> None:
    since(cluster.major, 16, "that ADMIN on a role is needed to act for it")
    as_superuser(cluster)("CREATE ROLE team LOGIN PASSWORD 'x'")
    cluster.run("CREATE ROLE ann LOGIN")
    cluster.run(
        "GRANT USAGE ON SCHEMA app TO team",
        "GRANT INSERT ON app.orders TO team WITH GRANT OPTION",
        login=PRODUCTION,
    )
    cluster.run("GRANT INSERT ON app.orders TO ann", login=Credentials("team", "x"))
    with pytest.raises(DbUserSetupFailed, match=r"keeps INSERT \(granted by team\) on app\.orders") as caught:
        set_up(cluster, in_shop())
    assert "SQLSTATE 42501" in caught.value.message
    assert "team" in caught.value.hint


def test_a_reader_cannot_pass_on_what_it_may(cluster: RestoredCluster) -> None:
    cluster.run("CREATE ROLE ann LOGIN")
    cluster.run(
        "GRANT SELECT ON app.orders TO ann WITH GRANT OPTION",
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO ann WITH GRANT OPTION",
        login=PRODUCTION,
    )
    [report] = set_up(cluster, in_shop()).users
    assert report.action == "changed"
    cluster.run("GRANT SELECT ON app.orders TO PUBLIC", login=ANN)
    cluster.run("CREATE TABLE app.later ()", login=PRODUCTION)
    cluster.run("GRANT SELECT ON app.later TO PUBLIC", login=ANN)
    public = "SELECT count(*) FROM pg_class c, aclexplode(c.relacl) a WHERE a.grantee = 0 AND c.relname IN"
    assert cluster.run(f"{public} ('orders', 'later')") == [[0]]


def test_a_reader_cannot_pass_on_a_membership_that_it_keeps(cluster: RestoredCluster) -> None:
    cluster.run("CREATE ROLE ida LOGIN", "GRANT rds_iam TO ida WITH ADMIN OPTION")
    [report] = set_up(cluster, iam_login("ida")).users
    assert report.action == "changed"
    options = "SELECT roleid::regrole::text, admin_option FROM pg_auth_members WHERE member = 'ida'::regrole"
    assert cluster.run(options) == [["rds_iam", False]]


# --- Amazon's roles, names ---


def test_the_login_of_rds_proxy_is_amazons(cluster: RestoredCluster) -> None:
    as_superuser(cluster)("CREATE ROLE rdsproxyadmin LOGIN")
    report = set_up(cluster, lock=True)
    assert (report.other_logins, report.locked_logins, report.notes) == (("shop_app",), ("shop_app",), ())


def test_a_login_like_amazons_that_only_amazon_may_alter_is_reported_and_fails_nothing(
    cluster: RestoredCluster,
) -> None:
    since(cluster.major, 16, "that ADMIN on a role is needed to act for it")
    as_superuser(cluster)("CREATE ROLE rdsnewservice LOGIN")
    report = set_up(cluster, lock=True)
    assert report.other_logins == ("rdsnewservice", "shop_app")
    assert report.locked_logins == ("shop_app",)
    assert "the login rdsnewservice was left open" in report.notes[0]
    assert "permission denied" in report.notes[0]


LATIN = "ENCODING 'LATIN1' LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"


def run_bytes(cluster: RestoredCluster, database: str, statement: bytes) -> None:
    """Run a statement of any bytes, as the superuser."""
    with cluster.session(cluster.superuser, database) as session:
        session.run("SET client_encoding = 'SQL_ASCII'")
        session._client_encoding = "latin-1"
        session.run(statement.decode("latin-1"))


def test_a_role_whose_name_is_not_utf8_is_shown_escaped_and_can_be_locked(cluster: RestoredCluster) -> None:
    cluster.run(f"CREATE DATABASE legacy {LATIN}", database="postgres")
    run_bytes(cluster, "legacy", b'CREATE ROLE "m\xfcller" LOGIN')
    run_bytes(cluster, "legacy", b'GRANT "m\xfcller" TO master WITH ADMIN OPTION')
    assert set_up(cluster, login("ann")).other_logins == ("m\\xfcller", "shop_app")
    assert set_up(cluster, login("ann"), lock=True).locked_logins == ("m\\xfcller", "shop_app")
    open_logins = cluster.run(
        "SELECT count(*) FROM pg_roles WHERE rolcanlogin AND rolname::text ~ '^m.*ller$'"
    )
    assert open_logins == [[0]]


def test_tables_of_an_owner_whose_name_is_not_utf8_are_opened(cluster: RestoredCluster) -> None:
    cluster.run(f"CREATE DATABASE legacy {LATIN}", database="postgres")
    run_bytes(cluster, "legacy", b'CREATE ROLE "m\xfcller"')
    run_bytes(cluster, "legacy", b'GRANT "m\xfcller" TO master WITH ADMIN OPTION')
    as_superuser(cluster)(
        "CREATE TABLE public.of_mueller ()",
        "DO $$ BEGIN EXECUTE (SELECT format('ALTER TABLE public.of_mueller OWNER TO %I', rolname) FROM pg_roles"
        " WHERE rolname::text ~ '^m.*ller$'); END $$",
        database="shop",
    )
    set_up(cluster, in_shop())
    cluster.run("TABLE public.of_mueller", login=ANN)
    as_superuser(cluster)("DROP TABLE public.of_mueller", database="shop")


def test_a_table_whose_name_is_not_utf8_is_opened(cluster: RestoredCluster) -> None:
    cluster.run(f"CREATE DATABASE old {LATIN.replace('LATIN1', 'SQL_ASCII')}", database="postgres")
    run_bytes(cluster, "old", b'CREATE TABLE "stra\xdfe" (id int)')
    run_bytes(cluster, "old", b'ALTER TABLE "stra\xdfe" OWNER TO master')
    [report] = set_up(cluster, in_shop(Access.READ_ONLY, "old")).users
    assert any('can SELECT from public."stra\\xdfe"' in check for check in report.checks)


def test_letters_of_another_encoding_are_shown_as_letters(cluster: RestoredCluster) -> None:
    cluster.run(f"CREATE DATABASE legacy {LATIN}", database="postgres")
    cluster.run('CREATE TABLE "Straßen" (id int)', database="legacy")
    user = login("ключ", Access.READ_ONLY, OWN_SECRET, "legacy")
    [report] = set_up(cluster, user).users
    assert any('can SELECT from public."Straßen"' in check for check in report.checks)


def test_a_database_whose_name_is_not_utf8_is_one_like_any_other(cluster: RestoredCluster) -> None:
    cluster.run(f"CREATE DATABASE legacy {LATIN}", database="postgres")
    run_bytes(cluster, "legacy", b"ALTER ROLE master CREATEDB")
    run_bytes(cluster, "legacy", b'CREATE DATABASE "b\xfccher" OWNER master TEMPLATE template1')
    try:
        [report] = set_up(cluster, login("ann")).users
        assert "b\\xfccher" in report.databases
    finally:
        run_bytes(cluster, "legacy", b'DROP DATABASE "b\xfccher" WITH (FORCE)')


# --- passwords ---


@pytest.mark.parametrize(
    "password",
    [
        "emoji \U0001f418",
        "groß ẞ",
        "₹ 100",
        "a newline\n",
        "tab\there",
        "\u00a0",
        "soft\u00adhyphen",
        "אב1",
        "\u2168",
    ],
    ids=ascii,
)
def test_a_password_that_libpq_takes_is_taken(cluster: RestoredCluster, password: str) -> None:
    set_up(cluster, login("ann", Access.READ_ONLY, password, "shop"))
    attempt = cluster.databases.log_in(cluster.endpoint, Credentials("ann", password))
    assert attempt.outcome is LoginOutcome.ACCEPTED
    # The server's own preparation of the same password fits ours.
    quoted = "U&'" + "".join(f"\\+{ord(letter):06x}" for letter in password) + "'"
    cluster.run(f"ALTER ROLE ann PASSWORD {quoted}")
    attempt = cluster.databases.log_in(cluster.endpoint, Credentials("ann", password))
    assert attempt.outcome is LoginOutcome.ACCEPTED


@pytest.mark.parametrize("password", ["", "a\0b", "half \ud800"], ids=ascii)
def test_a_password_that_cannot_work_is_refused_before_anything_is_asked(
    cluster: RestoredCluster, password: str
) -> None:
    with pytest.raises(DbUserSetupFailed, match="its password cannot be used"):
        set_up(cluster, login("ann", Access.READ_ONLY, password))


def test_all_users_that_cannot_be_are_reported_at_once(cluster: RestoredCluster) -> None:
    with pytest.raises(DbUserSetupFailed) as caught:
        set_up(cluster, login("rdsadmin"), iam_login("a b"), login("ann"), login("ann"))
    assert caught.value.message.count("is not made") == 3
