"""What a survey of a real cluster finds, each kind made by the statements that make it in production."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from tests.contract.database.copies import (
    CRON,
    NIGHTLY,
    SUBSCRIBE,
    as_superuser,
    fuses,
    of_kind,
    survey,
)
from tests.contract.database.servers import MASTER, NOWHERE, OWN_SECRET, PRODUCTION, RestoredCluster, login

from aurora_restore.database.postgresql.adapter import PostgresDatabases
from aurora_restore.domain.came_along import NAMED_PER_KIND, Kind, summary_lines
from aurora_restore.domain.defusing import Fuse, Outcome
from aurora_restore.domain.errors import DatabaseBusy, DatabaseUnreachable, MasterLoginRefused
from aurora_restore.domain.observed import Credentials
from aurora_restore.domain.record import CameAlongRecord, plain
from aurora_restore.domain.users import Access

pytestmark = pytest.mark.file_one_day_in(7, 5)

TIME = datetime(2026, 11, 26, 10, tzinfo=UTC)

LEDGER = (
    "CREATE EXTENSION postgres_fdw",
    "CREATE SERVER ledger FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'ledger.example.com', dbname 'books')",
    "ALTER SERVER ledger OWNER TO master",
    "CREATE USER MAPPING FOR PUBLIC SERVER ledger OPTIONS (user 'reader', password 'Ledger-secret-4711')",
    "CREATE USER MAPPING FOR shop_app SERVER ledger OPTIONS (user 'writer', password 'Ledger-secret-4712')",
)

CASES = {
    Kind.SUBSCRIPTION: ((SUBSCRIBE.format("from_production"),), "shop", "from_production"),
    Kind.LOGICAL_SLOT: (
        ("SELECT pg_create_logical_replication_slot('production_slot', 'pgoutput')",),
        "shop",
        "production_slot",
    ),
    Kind.PHYSICAL_SLOT: (("SELECT pg_create_physical_replication_slot('standby')",), "", "standby"),
    Kind.CRON_JOB: ((*CRON, NIGHTLY), "shop", "job 1 (invoices)"),
    Kind.FOREIGN_SERVER: (LEDGER, "shop", "ledger"),
    Kind.USER_MAPPING: ((), "shop", "PUBLIC at ledger"),
    Kind.CALLING_EXTENSION: (("CREATE EXTENSION dblink",), "shop", "dblink"),
    Kind.PUBLICATION: (("CREATE PUBLICATION everything FOR ALL TABLES",), "shop", "everything"),
    Kind.EVENT_TRIGGER: (
        (
            "CREATE FUNCTION no_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
            "CREATE ROLE trigger_owner SUPERUSER",
            "CREATE EVENT TRIGGER only_migrations ON ddl_command_start EXECUTE FUNCTION no_ddl()",
            "ALTER EVENT TRIGGER only_migrations OWNER TO trigger_owner",
        ),
        "shop",
        "only_migrations",
    ),
    Kind.PREPARED_TRANSACTION: (("BEGIN", "PREPARE TRANSACTION 'payment 17'"), "shop", "payment 17"),
    Kind.CLOSED_DATABASE: (
        ("CREATE DATABASE archive", "ALTER DATABASE archive ALLOW_CONNECTIONS false"), "", "archive",
    ),
    Kind.SETTING: (
        ("ALTER ROLE shop_app IN DATABASE shop SET app.key = 'Setting-secret-4711'",),
        "",
        "role shop_app in database shop",
    ),
    Kind.DEFINER_FUNCTION: (
        (
            "SET ROLE shop_app",
            "CREATE SCHEMA app",
            "CREATE FUNCTION app.wipe(what text) RETURNS void LANGUAGE sql SECURITY DEFINER AS 'SELECT'",
        ),
        "shop",
        "app.wipe(text)",
    ),
    Kind.LARGE_OBJECTS: (("SELECT lo_from_bytea(0, 'a contract')",), "", "shop"),
    Kind.INVALID_INDEX: (
        (
            "CREATE TABLE public.parcels (id int)",
            "CREATE INDEX parcels_by_id ON public.parcels (id)",
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = CAST('public.parcels_by_id' AS regclass)",
        ),
        "shop",
        "public.parcels_by_id",
    ),
    Kind.COLLATION: (
        (
            "CREATE COLLATION public.german (provider = builtin, locale = 'C.UTF-8')",
            "UPDATE pg_collation SET collversion = '0' WHERE collname = 'german'",
        ),
        "shop",
        "public.german",
    ),
}  # fmt: skip

SECRETS = (
    "Repl-Secret-4711",
    "Ledger-secret-4711",
    "Ledger-secret-4712",
    "Setting-secret-4711",
    "send_invoices",
)


OF_MYSQL = {Kind.REPLICATION_CHANNEL, Kind.EVENT, Kind.DEFINER_ROUTINE, Kind.MISSING_DEFINER}


def test_there_is_a_case_for_every_kind() -> None:
    assert set(CASES) == set(Kind) - OF_MYSQL


def test_what_came_along_is_named_with_the_statement_that_ends_it(copy: RestoredCluster) -> None:
    cases = dict(CASES)
    if copy.major < 17:
        # The only collation with a version that is the same on every system is of PostgreSQL itself, since 17.
        del cases[Kind.COLLATION]
    for statements, _, _ in cases.values():
        as_superuser(copy, *statements)

    seen = survey(copy).came_along

    found = {(each.kind, each.database, each.name): each for each in seen.found}
    expected = {(kind, database, name) for kind, (_, database, name) in cases.items()}
    assert expected - found.keys() == set()
    assert (seen.more, seen.not_looked_into) == ({}, ())
    for kind, database, name in expected - OF_OTHERS:
        ending = found[kind, database, name].ends_with
        as_superuser(copy, *_parts(ending), database="postgres" if kind is Kind.CLOSED_DATABASE else "shop")
    assert (
        expected & {(each.kind, each.database, each.name) for each in survey(copy).came_along.found} == set()
    )


# What goes with the foreign server.
OF_OTHERS = {(Kind.USER_MAPPING, "shop", "PUBLIC at ledger")}


def _parts(statements: str) -> list[str]:
    """Each by itself, as some of them are refused inside a transaction. There is no cron.unschedule here."""
    if "cron." in statements:
        return ["DELETE FROM cron.job"]
    # The indexes of the whole database have nothing to do with it.
    return [part for part in statements.split("; ") if not part.startswith("REINDEX DATABASE")]


def test_a_cluster_with_nothing_of_the_kind_has_nothing_on_its_list(copy: RestoredCluster) -> None:
    seen = survey(copy)

    assert (summary_lines(CameAlongRecord.read(seen.came_along.to_item())), seen.fuses) == ([], ())


def test_no_password_and_no_command_is_read(copy: RestoredCluster) -> None:
    for kind in (Kind.SUBSCRIPTION, Kind.FOREIGN_SERVER, Kind.SETTING, Kind.CRON_JOB):
        as_superuser(copy, *CASES[kind][0])

    seen = survey(copy)

    said = json.dumps([seen.came_along.to_item(), [plain(fuse.written_at(TIME)) for fuse in seen.fuses]])
    assert "ledger.example.com" in said
    assert [secret for secret in SECRETS if secret in said] == []


def test_the_options_of_every_stored_login_are_seen_by_name(copy: RestoredCluster) -> None:
    as_superuser(copy, *LEDGER)

    assert {each.name: each.detail for each in of_kind(copy, Kind.USER_MAPPING)} == {
        "PUBLIC at ledger": "options: user, password",
        "shop_app at ledger": "options: user, password",
    }
    assert [fuse.before["user"] for fuse in fuses(copy, Kind.USER_MAPPING)] == ["reader", "writer"]


def test_databases_that_are_closed_limited_or_broken_are_named_and_fail_nothing(
    copy: RestoredCluster,
) -> None:
    for database in ("closed", "dropped", "limited", "revoked"):
        as_superuser(copy, f"CREATE DATABASE {database}")
    as_superuser(
        copy,
        "ALTER DATABASE closed ALLOW_CONNECTIONS false",
        "UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'dropped'",
        "ALTER DATABASE limited CONNECTION LIMIT 0",
        "REVOKE CONNECT ON DATABASE revoked FROM PUBLIC",
        SUBSCRIBE.format("from_production"),
    )

    seen = survey(copy)

    closed = {
        each.name: each.ends_with for each in seen.came_along.found if each.kind is Kind.CLOSED_DATABASE
    }
    assert closed == {
        "closed": 'ALTER DATABASE "closed" ALLOW_CONNECTIONS true;',
        "dropped": 'DROP DATABASE "dropped";',
    }
    assert {each.database: each.reason.partition(" (")[0] for each in seen.came_along.not_looked_into} == {
        "limited": IsPart("too many connections"),
        "revoked": IsPart("permission denied"),
    }
    assert [fuse.name for fuse in seen.fuses] == ["from_production"]


class IsPart:
    """Equal to every text that it is a part of."""

    def __init__(self, part: str) -> None:
        self.part = part

    def __eq__(self, other: object) -> bool:
        return self.part in str(other)

    __hash__ = None  # type: ignore[assignment]


def test_no_more_than_a_few_of_a_kind_are_named_and_the_rest_is_counted(copy: RestoredCluster) -> None:
    as_superuser(copy, *(f"CREATE PUBLICATION p{number:02}" for number in range(NAMED_PER_KIND + 3)))

    seen = survey(copy).came_along

    assert len([each for each in seen.found if each.kind is Kind.PUBLICATION]) == NAMED_PER_KIND
    assert seen.more == {Kind.PUBLICATION: 3}
    assert summary_lines(CameAlongRecord.read(seen.to_item())) == [
        "15 publications: p00 in shop, p01 in shop, p02 in shop and 12 more"
    ]


def test_a_name_that_is_not_utf8_is_shown_escaped_and_hurts_nothing(copy: RestoredCluster) -> None:
    as_superuser(
        copy,
        "CREATE DATABASE old ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0",
    )
    make = "DO $$ BEGIN EXECUTE replace({}, '?', convert_from('\\xfc', 'SQL_ASCII')); END $$"
    as_superuser(
        copy,
        make.format("'CREATE PUBLICATION \"gr?n\"'"),
        make.format("'CREATE ROLE \"gr?n\"'"),
        make.format("'ALTER ROLE \"gr?n\" SET work_mem = ''1MB'''"),
        database="old",
    )

    seen = survey(copy).came_along

    assert [each.name for each in seen.found] == ["gr\\xfcn", "role gr\\xfcn"]
    assert seen.not_looked_into == ()


def test_names_are_shown_without_what_moves_a_cursor(copy: RestoredCluster) -> None:
    evil = 'evil\x1b[31m"\n\\;--'
    as_superuser(copy, f"CREATE PUBLICATION {chr(34)}{evil.replace(chr(34), chr(34) * 2)}{chr(34)}")

    [found] = of_kind(copy, Kind.PUBLICATION)

    assert found.name == 'evil\\x1b[31m"\\n\\;--'
    assert found.ends_with.isprintable()
    as_superuser(copy, found.ends_with)
    assert of_kind(copy, Kind.PUBLICATION) == []


def test_a_table_that_only_looks_like_that_of_pg_cron_is_not_touched(copy: RestoredCluster) -> None:
    copy.run(*CRON, NIGHTLY, login=PRODUCTION)

    seen = survey(copy)

    [left] = seen.came_along.not_looked_into
    assert (left.database, left.what, seen.fuses) == ("shop", "cron job", ())


def test_a_statement_that_takes_too_long_leaves_its_kind_unseen_and_the_others_seen(
    copy: RestoredCluster,
) -> None:
    as_superuser(copy, SUBSCRIBE.format("from_production"), "CREATE PUBLICATION everything")
    with copy.session(copy.superuser, "shop") as session:
        session.run("BEGIN")
        session.run("LOCK TABLE pg_foreign_server IN ACCESS EXCLUSIVE MODE")
        quick = PostgresDatabases(copy.engine.ca_bundle_path, statement_timeout_seconds=0.5)
        seen = quick.survey_copy(copy.endpoint, MASTER).came_along

    assert "foreign server" in {left.what for left in seen.not_looked_into}
    assert {each.name for each in seen.found} >= {"from_production", "everything"}


def no_time() -> bool:
    return False


def test_looks_at_one_database_each_tell_together_what_one_look_tells(copy: RestoredCluster) -> None:
    as_superuser(copy, *CRON, NIGHTLY, SUBSCRIBE.format("from_production"), *LEDGER)
    for database in ("books", "closed"):
        as_superuser(copy, f"CREATE DATABASE {database}")
    for number in range(NAMED_PER_KIND + 1):
        as_superuser(copy, f"CREATE PUBLICATION p{number:02}")
        as_superuser(copy, f"CREATE PUBLICATION q{number:02}", database="books")
    as_superuser(copy, "ALTER DATABASE closed CONNECTION LIMIT 0")
    whole = survey(copy)
    looks = [copy.databases.survey_copy(copy.endpoint, MASTER, None, no_time)]
    while begun := looks[-1].unfinished:
        looks.append(copy.databases.survey_copy(copy.endpoint, MASTER, begun, no_time))

    reported = [(each.unfinished.done, each.unfinished.total) for each in looks if each.unfinished]
    assert reported == [(done, len(looks)) for done in range(1, len(looks))]
    assert len(looks) == len(("postgres", "template1", "shop", "books", "closed"))
    assert looks[-1].came_along == whole.came_along
    assert {fuse for each in looks for fuse in map(key_of, each.fuses)} == set(map(key_of, whole.fuses))
    assert (looks[-1].acting, looks[-1].logins) == (whole.acting, whole.logins)


def key_of(fuse: Fuse) -> str:
    return fuse.key


def test_a_look_ends_where_something_that_acts_is_to_be_put_to_rest_first(copy: RestoredCluster) -> None:
    as_superuser(copy, *CRON, NIGHTLY, "ALTER ROLE master SET cron.database_name = 'shop'", *LEDGER)

    look = copy.databases.survey_copy(copy.endpoint, MASTER, is_wanted=lambda fuse: fuse.acts)

    assert look.unfinished
    assert (look.unfinished.done, {fuse.database for fuse in look.fuses}) == (0, {"shop"})
    rest = copy.databases.survey_copy(copy.endpoint, MASTER, look.unfinished)
    assert (rest.unfinished, rest.acting) == (None, 1)
    assert [each.name for each in rest.came_along.found if each.kind is Kind.FOREIGN_SERVER] == ["ledger"]


def test_what_was_seen_before_the_first_database_with_work_is_not_looked_at_again(
    copy: RestoredCluster,
) -> None:
    as_superuser(copy, "CREATE PUBLICATION p", database="postgres")
    as_superuser(copy, *LEDGER)

    look = copy.databases.survey_copy(copy.endpoint, MASTER, is_wanted=is_login)

    assert look.unfinished
    assert look.unfinished.done == len(("postgres", "template1"))
    assert [each.name for each in look.came_along.found] == ["p"]
    copy.databases.defuse(copy.endpoint, MASTER, look.fuses)
    rest = copy.databases.survey_copy(copy.endpoint, MASTER, look.unfinished, is_wanted=is_login)
    assert rest.unfinished is None
    assert [(each.kind, each.name) for each in rest.came_along.found] == [
        (Kind.FOREIGN_SERVER, "ledger"), (Kind.CALLING_EXTENSION, "postgres_fdw"), (Kind.PUBLICATION, "p"),
    ]  # fmt: skip


def is_login(fuse: Fuse) -> bool:
    return fuse.kind is Kind.USER_MAPPING


def test_of_a_database_with_jobs_that_lets_the_master_not_in_it_is_said_that_they_were_not_seen(
    copy: RestoredCluster,
) -> None:
    as_superuser(
        copy,
        "ALTER ROLE master SET cron.database_name = 'shop'",
        "ALTER DATABASE shop CONNECTION LIMIT 0",
        database="postgres",
    )

    assert [(left.database, left.what) for left in survey(copy).came_along.not_looked_into] == [
        ("shop", "cron job"),
        ("shop", ""),
    ]


def test_a_closed_postgres_does_not_hide_what_came_along(copy: RestoredCluster) -> None:
    as_superuser(copy, SUBSCRIBE.format("from_production"), "ALTER DATABASE postgres CONNECTION LIMIT 0")

    assert [fuse.name for fuse in fuses(copy, Kind.SUBSCRIPTION)] == ["from_production"]


def test_a_server_that_does_not_answer_and_a_wrong_password_are_reported_as_such(
    copy: RestoredCluster,
) -> None:
    with pytest.raises(DatabaseUnreachable):
        copy.databases.survey_copy(NOWHERE, MASTER)
    with pytest.raises(MasterLoginRefused):
        copy.databases.survey_copy(copy.endpoint, Credentials("master", "Wrong-secret"))


def test_functions_that_act_as_their_owner_and_large_objects_are_reported_by_the_survey_alone(
    copy: RestoredCluster,
) -> None:
    copy.run(
        "CREATE SCHEMA app",
        "CREATE FUNCTION app.wipe() RETURNS void LANGUAGE sql SECURITY DEFINER AS 'SELECT'",
        "CREATE FUNCTION app.only_reads() RETURNS int LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT 1'",
        "CREATE FUNCTION app.on_write() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN NEW; END'",
        "SELECT lo_from_bytea(0, 'a contract')",
        login=PRODUCTION,
    )

    [definer] = of_kind(copy, Kind.DEFINER_FUNCTION)
    [large] = of_kind(copy, Kind.LARGE_OBJECTS)

    assert (definer.name, definer.ends_with) == (
        "app.wipe()", "REVOKE EXECUTE ON ROUTINE app.wipe() FROM PUBLIC;",
    )  # fmt: skip
    assert large.detail == "1 of shop_app"
    ann = login("ann", Access.READ_ONLY, OWN_SECRET, "shop")
    report = copy.databases.set_up_users(copy.endpoint, MASTER, [ann], False)
    assert (report.notes, report.not_looked_into) == ((), ())


def test_names_in_a_database_of_another_encoding_are_shown_as_letters_and_taken_out(
    copy: RestoredCluster,
) -> None:
    as_superuser(
        copy, "CREATE DATABASE legacy ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0"
    )
    as_superuser(
        copy,
        "CREATE EXTENSION postgres_fdw",
        'CREATE SERVER "prüfung" FOREIGN DATA WRAPPER postgres_fdw',
        'ALTER SERVER "prüfung" OWNER TO master',
        "CREATE USER MAPPING FOR PUBLIC SERVER \"prüfung\" OPTIONS (user 'reader')",
        database="legacy",
    )
    [fuse] = fuses(copy, Kind.USER_MAPPING)
    assert fuse.name == "PUBLIC at prüfung"

    assert copy.databases.defuse(copy.endpoint, MASTER, [fuse]) == Outcome()

    assert of_kind(copy, Kind.USER_MAPPING) == []
    as_superuser(copy, *fuse.take_back, database="legacy")
    assert [each.name for each in of_kind(copy, Kind.USER_MAPPING)] == ["PUBLIC at prüfung"]


def test_a_database_that_only_its_owner_may_enter_is_looked_into_with_the_owners_role(
    copy: RestoredCluster,
) -> None:
    copy.run("CREATE ROLE hr")
    as_superuser(copy, "CREATE DATABASE payroll OWNER hr", "REVOKE ALL ON DATABASE payroll FROM PUBLIC")
    as_superuser(copy, "CREATE PUBLICATION salaries", database="payroll")

    seen = survey(copy).came_along

    assert [(each.database, each.name) for each in seen.found] == [("payroll", "salaries")]
    assert seen.not_looked_into == ()


def test_what_acts_and_is_held_for_a_while_is_waited_for_and_not_refused(copy: RestoredCluster) -> None:
    as_superuser(copy, SUBSCRIBE.format("taken"), "ALTER SUBSCRIPTION taken OWNER TO master")
    as_superuser(copy, "ALTER SUBSCRIPTION taken ENABLE")
    quick = PostgresDatabases(copy.engine.ca_bundle_path, statement_timeout_seconds=0.5)
    found = fuses(copy, Kind.SUBSCRIPTION)
    with copy.session(copy.superuser, "shop") as session:
        session.run("BEGIN")
        session.run("LOCK TABLE pg_subscription IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(DatabaseBusy):
            quick.defuse(copy.endpoint, MASTER, found)

    assert quick.defuse(copy.endpoint, MASTER, found) == Outcome()


def test_a_cluster_none_of_whose_databases_lets_the_master_in_is_not_called_silent(
    copy: RestoredCluster,
) -> None:
    as_superuser(copy, "ALTER ROLE master CONNECTION LIMIT 0")

    with pytest.raises(MasterLoginRefused, match="53300"):
        survey(copy)
