"""States of a production that are met now and then: a row says what is asked for, what has to be said, what happens.

No run fails for a state that its users do not need, and none succeeds with a proof that does not hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from tests.contract.database.refusals import refusals
from tests.contract.database.servers import (
    MASTER,
    OWN_SECRET,
    PRODUCTION,
    RestoredCluster,
    login,
)
from tests.contract.database.states import undo_states

from aurora_restore.database.postgresql.adapter import PostgresDatabases
from aurora_restore.domain.errors import RestoreError
from aurora_restore.domain.observed import Credentials
from aurora_restore.domain.users import Access, DbUserLogin, UsersReport

pytestmark = pytest.mark.file_one_day_in(7, 5)


@dataclass(frozen=True)
class By:
    """Statements that one login runs in one database; `login` None is the superuser, which customers do not have."""

    login: Credentials | None
    statements: tuple[str, ...]
    database: str = "shop"


def production(*statements: str) -> By:
    return By(PRODUCTION, statements)


def master(*statements: str, database: str = "shop") -> By:
    return By(MASTER, statements, database)


def amazon(*statements: str, database: str = "shop") -> By:
    return By(None, statements, database)


@dataclass(frozen=True)
class State:
    """One that a snapshot brings along.

    Attributes:
        what: the state in words.
        made: how it comes about.
        user: the user that the run asks for.
        said: facts and statements that the report, or the error with its hint, holds.
        unsaid: what would be a false proof, or a false cause.
        code: that of the error with which the set-up ends; empty where it succeeds.
        works: what the user can do afterwards.
        refused: what the server refuses to the user afterwards, for want of a privilege.
        is_open: whether the user can log in to shop afterwards.
        held: what a session of the superuser does and leaves open meanwhile, as a prepared transaction would.
        first, last: the major versions that can have it.
    """

    what: str
    made: tuple[By, ...]
    user: DbUserLogin
    said: tuple[str, ...] = ()
    unsaid: tuple[str, ...] = ()
    code: str = ""
    works: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    is_open: bool = True
    first: int = 14
    last: int = 18


def ann(access: Access, *databases: str) -> DbUserLogin:
    return login("ann", access, OWN_SECRET, *(databases or ("shop",)))


READER, WRITER, ADMIN = ann(Access.READ_ONLY), ann(Access.READ_WRITE), ann(Access.ADMIN)
EVERYWHERE = login("ann", Access.READ_ONLY)
# Before 16 a role that may make roles may make itself a member of any other, and no membership has a grantor.
MEMBERSHIPS = 16
FAILED, BUSY = "DB_USER_SETUP_FAILED", "DATABASE_BUSY"

# Then app.orders is the only table, and what hinders an attempt there cannot be stepped around.
ONLY_ORDERS = master("DROP TABLE public.notes")
NO_TABLES = amazon("DROP TABLE app.orders CASCADE", "DROP TABLE public.notes")


def event_trigger(event: str, raised: str, condition: str = "") -> By:
    """One that raises something on an event, for a customer's own reasons."""
    return amazon(
        "CREATE FUNCTION public.refuse() RETURNS event_trigger LANGUAGE plpgsql SET search_path = pg_catalog AS"
        f" $$ BEGIN {raised}; END $$",
        f"CREATE EVENT TRIGGER gate ON {event} {condition} EXECUTE FUNCTION public.refuse()",
    )


_AS_IF_PRIVILEGE = "RAISE EXCEPTION 'ask the platform team' USING ERRCODE = 'insufficient_privilege'"
_FOR_ANN = f"IF session_user = 'ann' THEN {_AS_IF_PRIVILEGE}; END IF"
_FOR_MASTER = f"IF session_user = 'master' THEN {_AS_IF_PRIVILEGE}; END IF"
_ROW_SECURITY = (
    "ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY everyone ON app.orders USING (true)",
)
_TO_PRODUCTION = (
    "CREATE EXTENSION postgres_fdw",
    "CREATE SERVER ledger FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '1')",
    "CREATE USER MAPPING FOR PUBLIC SERVER ledger OPTIONS (user 'shop_app', password 'Production-secret-4711')",
    "GRANT USAGE ON FOREIGN SERVER ledger TO shop_app",
)
_SEND_ON = "CREATE RULE send_on AS ON INSERT TO app.orders DO ALSO INSERT INTO app.ledger VALUES (1)"


STATES = [
    # --- attempts that would prove nothing ---
    State(
        "a rule discards every INSERT, for a writer",
        (ONLY_ORDERS, production("CREATE RULE discard AS ON INSERT TO app.orders DO INSTEAD NOTHING")),
        WRITER,
        said=("in shop can SELECT from app.orders",),
        unsaid=("INSERT into app.orders",),
    ),
    State(
        "a rule discards every INSERT, for a reader",
        (ONLY_ORDERS, production("CREATE RULE discard AS ON INSERT TO app.orders DO INSTEAD NOTHING")),
        READER,
        said=("in shop can SELECT from app.orders", "in shop cannot DELETE from app.orders"),
        unsaid=("INSERT into app.orders",),
    ),
    State(
        "a rule discards every INSERT into one table of two",
        (production("CREATE RULE discard AS ON INSERT TO app.orders DO INSTEAD NOTHING"),),
        WRITER,
        said=("INSERT into public.notes",),
        unsaid=("INSERT into app.orders",),
    ),
    State(
        "a trigger refuses every INSERT",
        (
            ONLY_ORDERS,
            production(
                "CREATE FUNCTION app.no() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN RAISE EXCEPTION 'the year is closed'; END $$",
                "CREATE TRIGGER no BEFORE INSERT ON app.orders FOR EACH ROW EXECUTE FUNCTION app.no()",
            ),
        ),
        WRITER,
        said=("INSERT into app.orders (its triggers were not run)",),
    ),
    State(
        "a trigger refuses every INSERT into one table of two",
        (
            production(
                "CREATE FUNCTION app.no() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN RAISE EXCEPTION 'the year is closed'; END $$",
                "CREATE TRIGGER no BEFORE INSERT ON app.orders FOR EACH ROW EXECUTE FUNCTION app.no()",
            ),
        ),
        WRITER,
        said=("INSERT into public.notes, DELETE from public.notes, UPDATE public.notes",),
        unsaid=("INSERT into app.orders",),
        works=("INSERT INTO public.notes VALUES ('a note')",),
    ),
    State(
        "a partitioned table has no partition that would take a row",
        (NO_TABLES, production("CREATE TABLE app.days (day date) PARTITION BY RANGE (day)")),
        WRITER,
        said=("in shop can SELECT from app.days",),
        unsaid=("INSERT into app.days",),
    ),
    State(
        "every column of the only table makes its own value",
        (
            NO_TABLES,
            production(
                "CREATE TABLE app.tickets (id int GENERATED ALWAYS AS IDENTITY,"
                " twice int GENERATED ALWAYS AS (1 + 1) STORED)"
            ),
        ),
        WRITER,
        said=("INSERT into app.tickets",),
        unsaid=("UPDATE app.tickets",),
        works=("INSERT INTO app.tickets DEFAULT VALUES",),
    ),
    State(
        "the check of a domain fails for every value",
        (
            NO_TABLES,
            production(
                "CREATE FUNCTION app.bad(int) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS"
                " $$ BEGIN RAISE EXCEPTION 'no value is good'; END $$",
                "CREATE DOMAIN app.number AS int CHECK (app.bad(VALUE))",
                "CREATE TABLE app.counts (n app.number DEFAULT 1)",
            ),
        ),
        WRITER,
        said=("in shop can SELECT from app.counts",),
        works=("SELECT FROM app.counts",),
    ),
    State(
        "a materialized view was never filled",
        (production("CREATE MATERIALIZED VIEW app.sums AS SELECT 1 AS one WITH NO DATA"),),
        READER,
        said=("in shop can SELECT from app.orders",),
        works=("SELECT FROM app.orders",),
    ),
    State(
        "a table is locked as a whole by a transaction that does not end",
        (ONLY_ORDERS,),
        READER,
        said=("SELECT from app.orders could not be tried", "SQLSTATE 55P03"),
        unsaid=("can SELECT", "cannot DELETE"),
        held=("LOCK TABLE app.orders IN ACCESS EXCLUSIVE MODE",),
        last=17,
    ),
    State(
        "a table is locked as a whole, and its grants wait for that since 18",
        (ONLY_ORDERS,),
        READER,
        code=BUSY,
        said=("shop", "SQLSTATE 5"),
        held=("LOCK TABLE app.orders IN ACCESS EXCLUSIVE MODE",),
        first=18,
    ),
    State(
        "the grants of a table are held by a transaction that does not end",
        (),
        READER,
        code=BUSY,
        said=("shop", "SQLSTATE 5"),
        held=("GRANT TRIGGER ON app.orders TO rds_superuser",),
    ),
    # --- what is a missing privilege by its SQLSTATE alone ---
    State(
        "the login is set to stumble over row security",
        (
            ONLY_ORDERS,
            production(*_ROW_SECURITY),
            master("CREATE ROLE ann", "ALTER ROLE ann SET row_security = off"),
        ),
        READER,
        said=("row_security = off came along and was reset", "in shop can SELECT from app.orders"),
        works=("SELECT FROM app.orders",),
    ),
    State(
        "the database is set to stumble over row security",
        (
            ONLY_ORDERS,
            production(*_ROW_SECURITY),
            master("ALTER DATABASE shop SET row_security = off", database="postgres"),
        ),
        READER,
        said=(
            '`ALTER DATABASE "shop" RESET row_security` ends it',
            "SELECT from app.orders could not be tried",
        ),
        unsaid=("can SELECT", "cannot DELETE"),
    ),
    State(
        "a function of a policy may not read what it asks",
        (
            ONLY_ORDERS,
            amazon("CREATE TABLE public.tenants (login text)"),
            production(
                "CREATE FUNCTION app.mine() RETURNS bool STABLE LANGUAGE plpgsql AS"
                " $$ BEGIN RETURN EXISTS (SELECT FROM public.tenants); END $$",
                "INSERT INTO app.orders (item) VALUES ('a cup')",
                "ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY",
                "CREATE POLICY mine ON app.orders USING (app.mine())",
            ),
        ),
        READER,
        said=("SELECT from app.orders (its row security was not run)",),
        refused=("SELECT FROM app.orders",),
    ),
    State(
        "an event trigger refuses DDL with the SQLSTATE of a missing privilege, to an admin",
        (
            event_trigger(
                "ddl_command_start", _AS_IF_PRIVILEGE, "WHEN TAG IN ('CREATE SCHEMA', 'CREATE TABLE')"
            ),
        ),
        ADMIN,
        said=("create a schema could not be tried: ask the platform team", "create a role"),
        unsaid=("can create a schema",),
    ),
    State(
        "an event trigger refuses DDL with the SQLSTATE of a missing privilege, to a reader",
        (
            event_trigger(
                "ddl_command_end", _AS_IF_PRIVILEGE, "WHEN TAG IN ('CREATE SCHEMA', 'CREATE TABLE')"
            ),
        ),
        READER,
        said=("in shop cannot INSERT into app.orders",),
        works=("SELECT FROM app.orders",),
    ),
    State(
        "an event trigger refuses grants with the SQLSTATE of a missing privilege",
        (event_trigger("ddl_command_start", _AS_IF_PRIVILEGE),),
        READER,
        code=FAILED,
        said=("ask the platform team",),
        unsaid=("ADMIN OPTION",),
    ),
    State(
        "an event trigger warns at every command, and refuses one",
        (
            event_trigger(
                "ddl_command_end",
                "RAISE WARNING 'this is written down';"
                " IF tg_tag = 'ALTER DEFAULT PRIVILEGES' THEN RAISE EXCEPTION 'defaults are fixed'; END IF",
            ),
        ),
        READER,
        code=FAILED,
        said=("defaults are fixed",),
        unsaid=("ADMIN OPTION", "written down"),
    ),
    State(
        "a trigger at the login shuts the user out of a database that was not named",
        (event_trigger("login", _FOR_ANN),),
        EVERYWHERE,
        said=("the database shop does not let it in: ask the platform team",),
        unsaid=("logs in to shop",),
        is_open=False,
        first=17,
    ),
    State(
        "a trigger at the login shuts the user out of the database that was named",
        (event_trigger("login", _FOR_ANN),),
        READER,
        code=FAILED,
        said=("ask the platform team", "shop"),
        first=17,
    ),
    State(
        "a trigger at the login shuts the master out of a database that it may not act for",
        (
            amazon("CREATE ROLE hr", "ALTER DATABASE shop OWNER TO hr"),
            event_trigger("login", _FOR_MASTER),
        ),
        EVERYWHERE,
        said=("the database shop was not looked into: ask the platform team",),
        unsaid=("ADMIN OPTION",),
        first=17,
    ),
    # --- limits ---
    State(
        "the database takes one connection at a time",
        (master("ALTER DATABASE shop CONNECTION LIMIT 1", database="postgres"),),
        READER,
        said=('the database shop does not let it in: too many connections for database "shop"',),
        unsaid=("logs in to shop",),
        works=("SELECT FROM app.orders",),
    ),
    State(
        "the password of the user has expired",
        (master(f"CREATE ROLE ann LOGIN PASSWORD '{OWN_SECRET}' VALID UNTIL '2001-01-01'"),),
        READER,
        said=("logs in to shop with its own password",),
        works=("SELECT FROM app.orders",),
    ),
    State(
        "every transaction of the user waits for a quiet moment to be read-only",
        (
            master(
                "CREATE ROLE ann LOGIN",
                "ALTER ROLE ann SET default_transaction_isolation = serializable",
                "ALTER ROLE ann SET default_transaction_deferrable = on",
                "ALTER ROLE ann SET default_transaction_read_only = on",
            ),
        ),
        WRITER,
        said=(
            "default_transaction_read_only = on came along and was reset",
            "default_transaction_isolation = serializable came along and holds",
        ),
        works=("INSERT INTO app.orders (item) VALUES ('a cup')",),
    ),
    State(
        "the sessions of the user end when they rest",
        (master("CREATE ROLE ann LOGIN", "ALTER ROLE ann SET idle_session_timeout = '1ms'"),),
        READER,
        said=("idle_session_timeout = 1ms came along and was reset",),
        works=("SELECT FROM app.orders",),
    ),
    State(
        "settings of the master hide what the server says, and stumble over row security",
        (
            amazon(
                "ALTER ROLE master SET client_min_messages = error",
                "ALTER ROLE master SET row_security = off",
            ),
            amazon("CREATE ROLE hr", "CREATE TABLE public.pay ()", "ALTER TABLE public.pay OWNER TO hr"),
            amazon("GRANT SELECT ON public.pay TO master"),
        ),
        READER,
        code=FAILED,
        said=("lacks SELECT on public.pay of hr", "WITH ADMIN OPTION", "SQLSTATE 01007"),
        first=MEMBERSHIPS,
    ),
    # --- memberships and ownership ---
    State(
        "an admin came along that inherits nothing from rds_superuser",
        (
            amazon("GRANT rds_superuser TO master WITH ADMIN OPTION"),
            master("CREATE ROLE ann LOGIN", "GRANT rds_superuser TO ann WITH INHERIT FALSE, SET FALSE"),
        ),
        ADMIN,
        said=("is a member of rds_superuser",),
        works=("SELECT 1 / CAST(pg_has_role('rds_superuser', 'USAGE') AS int)",),
        first=MEMBERSHIPS,
    ),
    State(
        "a user that does not inherit reads by a group",
        (
            master("CREATE ROLE team", "CREATE ROLE ann LOGIN NOINHERIT", "GRANT team TO ann"),
            production("GRANT USAGE ON SCHEMA app TO team", "GRANT SELECT ON app.orders TO team"),
        ),
        READER,
        said=("in shop can SELECT from app.orders",),
        works=("SELECT FROM app.orders",),
        refused=("SET LOCAL ROLE team",),
    ),
    State(
        "a user has passed its membership on",
        (
            master("CREATE ROLE team", f"CREATE ROLE ann LOGIN PASSWORD '{OWN_SECRET}'", "CREATE ROLE bob"),
            master("GRANT team TO ann WITH ADMIN OPTION"),
            By(Credentials("ann", OWN_SECRET), ("GRANT team TO bob",)),
        ),
        READER,
        code=FAILED,
        said=("ann", "SQLSTATE 2BP01"),
        unsaid=("WITH ADMIN OPTION",),
        first=MEMBERSHIPS,
    ),
    State(
        "a user has passed a privilege on",
        (
            master(f"CREATE ROLE ann LOGIN PASSWORD '{OWN_SECRET}'", "CREATE ROLE bob"),
            production(
                "GRANT USAGE ON SCHEMA app TO ann", "GRANT SELECT ON app.orders TO ann WITH GRANT OPTION"
            ),
            By(Credentials("ann", OWN_SECRET), ("GRANT SELECT ON app.orders TO bob",)),
        ),
        READER,
        code=FAILED,
        said=("keeps the grant option of SELECT on app.orders", "SQLSTATE 2BP01"),
        unsaid=("ADMIN OPTION",),
    ),
    State(
        "a reader owns a materialized view",
        (
            master("CREATE ROLE ann"),
            amazon(
                "CREATE MATERIALIZED VIEW public.mine AS SELECT 1", "ALTER TABLE public.mine OWNER TO ann"
            ),
        ),
        READER,
        code=FAILED,
        said=("OWNER", "public.mine"),
    ),
    State(
        "a reader owns a function",
        (
            master("CREATE ROLE ann"),
            amazon(
                "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
                "ALTER FUNCTION public.mine() OWNER TO ann",
            ),
        ),
        READER,
        code=FAILED,
        said=("OWNER", "public.mine()"),
    ),
    State(
        "a writer owns a table whose row security binds its owner",
        (
            master("CREATE ROLE ann"),
            amazon(
                "CREATE TABLE public.mine (id int)",
                "ALTER TABLE public.mine OWNER TO ann",
                "ALTER TABLE public.mine ENABLE ROW LEVEL SECURITY",
                "ALTER TABLE public.mine FORCE ROW LEVEL SECURITY",
            ),
        ),
        WRITER,
        code=FAILED,
        said=("OWNER on table public.mine",),
    ),
    State(
        "a role that the master may not act for owns nothing that a reader needs",
        (
            amazon(
                "CREATE ROLE hr",
                "CREATE FUNCTION public.of_hr() RETURNS int LANGUAGE sql AS 'SELECT 1'",
                "ALTER FUNCTION public.of_hr() OWNER TO hr",
            ),
        ),
        READER,
        said=("later tables, later sequences, later schemas of hr", "in shop can SELECT from app.orders"),
        works=("SELECT FROM app.orders",),
        first=MEMBERSHIPS,
    ),
    State(
        "a role has a name that is almost a reserved word",
        (
            master('CREATE ROLE "Public"', 'CREATE ROLE "PG_team"'),
            amazon("CREATE TABLE public.one ()", 'ALTER TABLE public.one OWNER TO "Public"'),
            amazon("CREATE TABLE public.two ()", 'ALTER TABLE public.two OWNER TO "PG_team"'),
        ),
        READER,
        works=("SELECT FROM public.one", "SELECT FROM public.two"),
    ),
    # --- grants ---
    State(
        "everyone may create schemas in the database",
        (master("GRANT CREATE ON DATABASE shop TO PUBLIC"),),
        READER,
        said=("note: everyone may create objects in database shop", "in shop cannot INSERT into app.orders"),
        unsaid=("cannot INSERT into app.orders, DELETE from app.orders, UPDATE app.orders, create a schema",),
    ),
    State(
        "a role that owns nothing opens what it will make to a reader, for writing",
        (
            master(
                "CREATE ROLE team LOGIN PASSWORD 'x'",
                "CREATE ROLE ann",
                "GRANT CREATE ON DATABASE shop TO team",
            ),
            By(
                Credentials("team", "x"),
                ("ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT ON TABLES TO ann",),
            ),
        ),
        READER,
        said=("in shop can SELECT from app.orders",),
    ),
    State(
        "columns were opened for writing by another role than the owner",
        (
            master("CREATE ROLE team LOGIN PASSWORD 'x'", "CREATE ROLE ann"),
            production(
                "GRANT USAGE ON SCHEMA app TO team",
                "GRANT UPDATE (item) ON app.orders TO team WITH GRANT OPTION",
            ),
            By(Credentials("team", "x"), ("GRANT UPDATE (item) ON app.orders TO ann",)),
        ),
        READER,
        said=("cannot INSERT into app.orders, DELETE from app.orders, UPDATE app.orders",),
        refused=("UPDATE app.orders SET item = 'a cup'",),
    ),
    # --- ways out ---
    State(
        "a rule sends what is inserted on to another server",
        (
            amazon(*_TO_PRODUCTION),
            production("CREATE FOREIGN TABLE app.ledger (id int) SERVER ledger", _SEND_ON),
        ),
        WRITER,
        said=("in shop it may only read app.orders",),
        works=("SELECT FROM app.orders", "INSERT INTO public.notes VALUES ('a note')"),
        refused=("INSERT INTO app.orders (item) VALUES ('a cup')",),
    ),
    State(
        "a view that asks as its caller reads another server",
        (
            amazon(*_TO_PRODUCTION),
            production(
                "CREATE FOREIGN TABLE app.ledger (id int) SERVER ledger",
                "CREATE VIEW app.ledger_view WITH (security_invoker) AS SELECT id FROM app.ledger",
            ),
        ),
        WRITER,
        said=("INSERT into app.orders",),
        refused=("SELECT FROM app.ledger", "SELECT FROM app.ledger_view"),
        first=15,
    ),
    # --- encodings and versions ---
    State(
        "the order of texts is of another version than the server's",
        (amazon("UPDATE pg_database SET datcollversion = '1.0' WHERE datname = 'shop'"),),
        READER,
        said=("in shop can SELECT from app.orders",),
        works=("SELECT FROM app.orders",),
        first=15,
    ),
]


@pytest.fixture
def cluster(shared_cluster: RestoredCluster) -> Iterator[RestoredCluster]:
    yield shared_cluster
    undo_states(shared_cluster)


@contextmanager
def holding(cluster: RestoredCluster, statements: tuple[str, ...]) -> Iterator[None]:
    """Let another session do this in a transaction that stays open."""
    if not statements:
        yield
        return
    with cluster.session(cluster.superuser) as session:
        session.run("BEGIN")
        for statement in statements:
            session.run(statement)
        yield
        session.run("ROLLBACK")


def make(cluster: RestoredCluster, state: State) -> None:
    for by in state.made:
        cluster.run(*by.statements, login=by.login or cluster.superuser, database=by.database)


def everything_said_in(report: UsersReport) -> str:
    [user] = report.users
    return "\n".join([*user.checks, *report.notes, *(left.sentence for left in report.not_looked_into)])


def set_up(cluster: RestoredCluster, state: State) -> tuple[str, str]:
    """What the set-up says, and the code of the error with which it ends."""
    # A lock that is held is not waited for as long as in earnest.
    databases = PostgresDatabases(cluster.engine.ca_bundle_path, 10, 5) if state.held else cluster.databases
    try:
        return everything_said_in(databases.set_up_users(cluster.endpoint, MASTER, [state.user], False)), ""
    except RestoreError as error:
        return f"{error.message}\n{error.hint}", error.code


@pytest.mark.parametrize("state", STATES, ids=[state.what for state in STATES])
def test_a_state_is_said_as_it_is_and_ends_the_set_up_only_where_the_user_needs_it(
    cluster: RestoredCluster, state: State
) -> None:
    major = cluster.major
    if not state.first <= major <= state.last:
        pytest.skip(f"PostgreSQL {major} cannot have it: {state.first} to {state.last} can")
    make(cluster, state)
    with holding(cluster, state.held):
        words, code = set_up(cluster, state)
    assert code == state.code, words
    assert [fact for fact in state.said if fact not in words] == [], words
    assert [fact for fact in state.unsaid if fact in words] == [], words
    if not code and state.is_open:
        assert refusals(cluster, [*state.works, *state.refused]) == list(state.refused)
