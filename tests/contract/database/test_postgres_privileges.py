"""What the levels mean on a real server, tried by the users themselves."""

from __future__ import annotations

import re

import pytest
from tests.contract.database.older_servers import since
from tests.contract.database.refusals import ANN, refusals
from tests.contract.database.servers import MASTER, PRODUCTION, RestoredCluster, iam_login, login
from tests.support.waiting import wait_until

from aurora_restore.domain.errors import DbUserSetupFailed
from aurora_restore.domain.observed import Credentials
from aurora_restore.domain.users import Access, DbUserLogin, UserReport

pytestmark = pytest.mark.file_one_day_in(7, 5)

READS = [
    "SELECT item FROM app.orders",
    "SELECT * FROM app.totals",
    "SELECT last_value FROM app.orders_id_seq",
    "SELECT * FROM public.notes",
]
WRITES = [
    "INSERT INTO app.orders (item) VALUES ('a teapot')",
    "UPDATE app.orders SET item = 'a cup'",
    "DELETE FROM app.orders",
    "SELECT nextval('app.orders_id_seq')",
    "SELECT app.secret_sum()",
]
CREATES = ["CREATE TABLE app.mine ()", "CREATE SCHEMA mine", "CREATE ROLE newcomer", "TRUNCATE app.orders"]


def set_up(cluster: RestoredCluster, *users: DbUserLogin, lock: bool = False) -> list[UserReport]:
    return list(cluster.databases.set_up_users(cluster.endpoint, MASTER, users, lock).users)


@pytest.mark.parametrize(
    ("access", "beyond"),
    [
        (Access.READ_ONLY, [*WRITES, *CREATES]),
        (Access.READ_WRITE, CREATES),
        (Access.ADMIN, ["TRUNCATE app.orders"]),
    ],
)
def test_a_user_can_do_what_its_level_says_and_no_more(
    cluster: RestoredCluster, access: Access, beyond: list[str]
) -> None:
    set_up(cluster, login("ann", access))
    assert refusals(cluster, [*READS, *WRITES, *CREATES]) == beyond


@pytest.mark.parametrize("before", [Access.READ_WRITE, Access.ADMIN])
def test_a_lower_level_takes_the_surplus_away(cluster: RestoredCluster, before: Access) -> None:
    set_up(cluster, login("ann", before))
    set_up(cluster, login("ann", Access.READ_ONLY))
    assert refusals(cluster, [*READS, *WRITES, *CREATES]) == [*WRITES, *CREATES]


def test_tables_that_their_owners_make_later_are_open_to_the_level_too(cluster: RestoredCluster) -> None:
    set_up(cluster, login("ann", Access.READ_ONLY), login("eve", Access.ADMIN))
    cluster.run(
        "CREATE TABLE app.later (x int)", "CREATE SCHEMA new", "CREATE TABLE new.x ()", login=PRODUCTION
    )
    cluster.run("CREATE TABLE public.later (x int)")
    cluster.run("CREATE TABLE public.of_eve (x int)", login=Credentials("eve", "Own-secret-4711"))
    later = ["app.later", "new.x", "public.later", "public.of_eve"]
    assert refusals(cluster, [f"TABLE {name}" for name in later]) == []
    inserts = [f"INSERT INTO {name} DEFAULT VALUES" for name in later]
    assert refusals(cluster, inserts) == inserts


def test_a_database_that_is_no_longer_named_is_closed_again(cluster: RestoredCluster) -> None:
    set_up(cluster, login("ann", Access.READ_WRITE))
    [report] = set_up(cluster, login("ann", Access.READ_WRITE, ANN.password, "books"))
    assert (report.action, report.databases) == ("changed", ("books",))
    assert refusals(cluster, [*READS, *WRITES]) == [*READS, *WRITES]
    cluster.run("CREATE TABLE app.later (x int)", login=PRODUCTION)
    assert refusals(cluster, ["SELECT FROM app.later"]) == ["SELECT FROM app.later"]


def test_the_master_is_not_a_member_of_the_owners_afterwards(cluster: RestoredCluster) -> None:
    before = cluster.run(
        "SELECT * FROM pg_auth_members WHERE member = 'master'::regrole ORDER BY roleid, grantor"
    )
    set_up(cluster, login(PRODUCTION.username, Access.ADMIN, PRODUCTION.password))
    after = cluster.run(
        "SELECT * FROM pg_auth_members WHERE member = 'master'::regrole ORDER BY roleid, grantor"
    )
    assert after == before


def test_a_membership_that_the_master_gave_itself_stays_as_it_was(cluster: RestoredCluster) -> None:
    cluster.run("GRANT shop_app TO master WITH INHERIT FALSE")
    members = (
        "SELECT * FROM pg_auth_members"
        " WHERE member = 'master'::regrole AND roleid = 'shop_app'::regrole ORDER BY grantor"
    )
    before = cluster.run(members)
    set_up(cluster, login("ann"))
    assert cluster.run(members) == before
    assert refusals(cluster, READS) == []


def test_tables_of_an_owner_that_the_master_may_not_act_for_are_named(cluster: RestoredCluster) -> None:
    since(cluster.major, 16, "that ADMIN on a role is needed to act for it")
    cluster.run(
        "CREATE ROLE vault_keeper",
        "CREATE SCHEMA vault AUTHORIZATION vault_keeper",
        "SET ROLE vault_keeper",
        "CREATE TABLE vault.gold ()",
        login=cluster.superuser,
    )
    with pytest.raises(
        DbUserSetupFailed, match=r"In database shop the user ann lacks .*vault\.gold.*vault_keeper"
    ) as caught:
        set_up(cluster, login("ann"))
    assert "WITH ADMIN OPTION" in caught.value.hint
    cluster.run("GRANT vault_keeper TO master WITH ADMIN OPTION", login=cluster.superuser)
    set_up(cluster, login("ann"))
    assert refusals(cluster, ["SELECT FROM vault.gold"]) == []


def test_what_belongs_to_rds_is_left_alone(cluster: RestoredCluster) -> None:
    cluster.run("CREATE TABLE public.of_rds ()", login=cluster.superuser)
    set_up(cluster, login("ann", Access.READ_WRITE))
    assert refusals(cluster, ["SELECT FROM public.of_rds"]) == ["SELECT FROM public.of_rds"]


def test_a_table_that_everyone_may_write_fails_the_check_of_a_reader(cluster: RestoredCluster) -> None:
    cluster.run("GRANT UPDATE (note) ON public.notes TO PUBLIC")
    with pytest.raises(DbUserSetupFailed, match=re.escape("UPDATE on table public.notes (through PUBLIC)")):
        set_up(cluster, login("ann", Access.READ_ONLY))
    set_up(cluster, login("ann", Access.READ_WRITE))


def test_a_schema_where_everyone_may_create_is_said_and_does_not_fail(cluster: RestoredCluster) -> None:
    cluster.run("GRANT CREATE ON SCHEMA public TO PUBLIC")
    [report] = set_up(cluster, login("ann", Access.READ_ONLY))
    assert "note: everyone may create objects in schema public of shop" in report.checks


def test_it_is_said_too_where_the_schema_is_amazons_as_in_databases_made_before_15(
    cluster: RestoredCluster,
) -> None:
    cluster.run(
        "ALTER SCHEMA public OWNER TO rdsadmin",
        "GRANT CREATE ON SCHEMA public TO PUBLIC",
        login=cluster.superuser,
    )
    [report] = set_up(cluster, login("ann", Access.READ_ONLY))
    assert "note: everyone may create objects in schema public of shop" in report.checks


def test_thousands_of_tables_are_no_trouble(cluster: RestoredCluster) -> None:
    cluster.run(
        "DO $$ BEGIN FOR i IN 1..1500 LOOP EXECUTE format('CREATE TABLE public.t%s ()', i); END LOOP; END $$"
    )
    set_up(cluster, login("ann"))
    [report] = set_up(cluster, login("ann"))
    assert report.action == "unchanged"
    assert refusals(cluster, ["SELECT FROM public.t1500"]) == []


def test_odd_object_names_are_served(cluster: RestoredCluster) -> None:
    names = ['"we""ird; DROP"', '"with space"', '"quo\'te"', '"Ünï"', '"select"']
    cluster.run(*(f"CREATE TABLE public.{name} ({name} int)" for name in names), 'CREATE DATABASE "o""dd db"')
    [report] = set_up(cluster, login("ann", Access.READ_WRITE))
    assert 'o"dd db' in report.databases
    assert refusals(cluster, [f"DELETE FROM public.{name}" for name in names]) == []  # noqa: S608


# --- users that came along from production ---


def test_a_role_of_the_customer_whose_name_begins_like_amazons_is_an_owner_like_any_other(
    cluster: RestoredCluster,
) -> None:
    cluster.run("CREATE ROLE rdsreport")
    cluster.run(
        "CREATE SCHEMA report AUTHORIZATION rdsreport",
        "SET ROLE rdsreport",
        "CREATE TABLE report.sums (x int)",
        login=cluster.superuser,
    )
    set_up(cluster, login("ann"))
    assert refusals(cluster, ["SELECT FROM report.sums"]) == []
    cluster.run("GRANT UPDATE ON report.sums TO PUBLIC", login=cluster.superuser)
    with pytest.raises(DbUserSetupFailed, match=re.escape("UPDATE on table report.sums (through PUBLIC)")):
        set_up(cluster, login("ann"))


def test_a_user_that_came_along_is_brought_to_the_level(cluster: RestoredCluster) -> None:
    cluster.run(
        "CREATE ROLE writers",
        "GRANT writers TO shop_app",
        "CREATE ROLE ann CREATEDB CREATEROLE NOINHERIT PASSWORD 'Production-secret' VALID UNTIL '2001-01-01'",
        "GRANT writers TO ann",
        "GRANT UPDATE (note), REFERENCES ON public.notes TO ann",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT INSERT ON TABLES TO ann",
    )
    [report] = set_up(cluster, login("ann", Access.READ_ONLY))
    assert report.action == "changed"
    assert refusals(cluster, [*READS, *WRITES, *CREATES]) == [*WRITES, *CREATES]
    cluster.run("CREATE TABLE public.later (x int)")
    insert = "INSERT INTO public.later VALUES (1)"
    assert refusals(cluster, [insert]) == [insert]
    [report] = set_up(cluster, login("ann", Access.READ_ONLY))
    assert report.action == "unchanged"


def test_a_user_that_the_master_may_not_change_is_named(cluster: RestoredCluster) -> None:
    since(cluster.major, 16, "that ADMIN on a role is needed to act for it")
    cluster.run("CREATE ROLE ann LOGIN PASSWORD 'Production-secret'", login=cluster.superuser)
    with pytest.raises(
        DbUserSetupFailed, match="user ann could not be made or changed: permission denied"
    ) as caught:
        set_up(cluster, login("ann"))
    assert "SCRAM-SHA-256" not in str(caught.value)


@pytest.mark.parametrize("power", ["SUPERUSER", "BYPASSRLS", "REPLICATION"])
def test_a_user_with_a_power_beyond_the_master_is_refused(cluster: RestoredCluster, power: str) -> None:
    cluster.run(f"CREATE ROLE ann {power}", "GRANT ann TO master WITH ADMIN OPTION", login=cluster.superuser)
    with pytest.raises(DbUserSetupFailed, match=power):
        set_up(cluster, login("ann"))


def test_a_reader_that_owns_a_table_is_refused(cluster: RestoredCluster) -> None:
    with pytest.raises(DbUserSetupFailed, match=r"shop_app can do more than read_only: .*app"):
        set_up(cluster, login(PRODUCTION.username, Access.READ_ONLY, PRODUCTION.password))


def test_a_stored_password_that_works_is_kept(cluster: RestoredCluster) -> None:
    verifier = "SELECT rolpassword FROM pg_authid WHERE rolname = 'ann'"
    set_up(cluster, login("ann"))
    before = cluster.run(verifier, login=cluster.superuser)
    set_up(cluster, login("ann"))
    assert cluster.run(verifier, login=cluster.superuser) == before
    assert str(before[0][0]).startswith("SCRAM-SHA-256$4096:")


def test_a_password_of_an_iam_user_is_taken_out(cluster: RestoredCluster) -> None:
    cluster.run("CREATE ROLE ida LOGIN PASSWORD 'Production-secret'", "GRANT rds_iam TO ida")
    set_up(cluster, iam_login("ida"))
    assert cluster.run(
        "SELECT rolpassword FROM pg_authid WHERE rolname = 'ida'", login=cluster.superuser
    ) == [[None]]


def test_a_non_ascii_password_works(cluster: RestoredCluster) -> None:
    [report] = set_up(cluster, login("ann", Access.READ_ONLY, "pâßwörd \u2603 ½"))
    assert report.action == "created"


def test_settings_that_came_along_for_the_database_do_not_disturb(cluster: RestoredCluster) -> None:
    cluster.run(
        "ALTER DATABASE shop SET default_transaction_read_only = on",
        "ALTER DATABASE shop SET standard_conforming_strings = off",
        "ALTER ROLE master SET search_path = public, pg_catalog",
        "ALTER ROLE master IN DATABASE shop SET statement_timeout = 1",
        database="postgres",
    )
    [report] = set_up(cluster, login("back\\slash'", Access.READ_WRITE))
    assert report.action == "created"


# --- logins that came along ---


def test_sessions_of_a_locked_login_are_ended(cluster: RestoredCluster) -> None:
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'shop_app'"
    with cluster.session(PRODUCTION):
        assert cluster.run(sessions) == [[1]]
        cluster.databases.set_up_users(cluster.endpoint, MASTER, [], True)
        wait_until(lambda: cluster.run(sessions) == [[0]])


def test_a_lock_keeps_the_comment_and_gives_it_back(cluster: RestoredCluster) -> None:
    comment = "SELECT shobj_description('shop_app'::regrole, 'pg_authid')"
    cluster.run("COMMENT ON ROLE shop_app IS 'The web shop'")
    cluster.databases.set_up_users(cluster.endpoint, MASTER, [], True)
    assert cluster.run(comment) == [["Login disabled by aurora-restore. The web shop"]]
    set_up(cluster, login(PRODUCTION.username, Access.ADMIN, PRODUCTION.password))
    assert cluster.run(comment) == [["The web shop"]]


def test_a_login_that_cannot_be_locked_is_named(cluster: RestoredCluster) -> None:
    since(cluster.major, 16, "that ADMIN on a role is needed to act for it")
    cluster.run("CREATE ROLE intruder LOGIN PASSWORD 'x'", login=cluster.superuser)
    with pytest.raises(DbUserSetupFailed, match="could not be disabled: intruder"):
        cluster.databases.set_up_users(cluster.endpoint, MASTER, [], True)
    assert cluster.databases.set_up_users(cluster.endpoint, MASTER, [], False).other_logins == (
        "intruder",
        "shop_app",
    )


def test_a_login_whose_name_begins_like_amazons_is_found_and_locked(cluster: RestoredCluster) -> None:
    mine = ["rds_team", "rdsreport", "shop_app"]
    cluster.run(*(f"CREATE ROLE {name} LOGIN PASSWORD 'x'" for name in mine[:2]))
    report = cluster.databases.set_up_users(cluster.endpoint, MASTER, [], False)
    assert (list(report.other_logins), report.locked_logins) == (mine, ())
    report = cluster.databases.set_up_users(cluster.endpoint, MASTER, [], True)
    assert (list(report.other_logins), list(report.locked_logins)) == (mine, mine)
    logins = cluster.run("SELECT rolname FROM pg_roles WHERE rolcanlogin ORDER BY 1")
    assert logins == [["master"], ["rdsadmin"]]


def test_logins_of_amazon_are_neither_reported_nor_locked(cluster: RestoredCluster) -> None:
    service = ["rdstopmgr", "rdsrepladmin", "rdswriteforwarduser"]
    cluster.run(*(f"CREATE ROLE {name} LOGIN" for name in service), login=cluster.superuser)
    report = cluster.databases.set_up_users(cluster.endpoint, MASTER, [], True)
    assert report.other_logins == ("shop_app",)
    open_logins = cluster.run("SELECT count(*) FROM pg_roles WHERE rolcanlogin AND rolname ~ '^rds'")
    assert open_logins == [[4]]


def test_a_check_that_fails_leaves_no_other_login_open(cluster: RestoredCluster) -> None:
    cluster.run("GRANT UPDATE (note) ON public.notes TO PUBLIC")
    with pytest.raises(DbUserSetupFailed, match="can do more than read_only"):
        set_up(cluster, login("ann", Access.READ_ONLY), lock=True)
    assert cluster.run("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'shop_app'") == [[False]]


def test_the_hint_for_a_role_that_came_along_is_the_grant_that_is_missing(cluster: RestoredCluster) -> None:
    since(cluster.major, 16, "that ADMIN on a role is needed to act for it")
    cluster.run("CREATE ROLE ann LOGIN PASSWORD 'x'", login=cluster.superuser)
    with pytest.raises(DbUserSetupFailed) as caught:
        set_up(cluster, login("ann"))
    assert 'GRANT "ann" TO <master user> WITH ADMIN OPTION' in caught.value.hint


def test_the_hint_for_a_new_role_is_the_right_of_the_master_that_is_missing(cluster: RestoredCluster) -> None:
    cluster.run("ALTER ROLE master NOCREATEROLE", login=cluster.superuser)
    try:
        with pytest.raises(DbUserSetupFailed, match="ann could not be made") as caught:
            set_up(cluster, login("ann"))
    finally:
        cluster.run("ALTER ROLE master CREATEROLE", login=cluster.superuser)
    assert "came along" not in caught.value.hint
    assert "CREATEROLE" in caught.value.hint
