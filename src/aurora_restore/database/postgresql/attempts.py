"""What a user really can and cannot do, tried with its own login: with the settings, search path and limits it has.

Nothing is changed: EXPLAIN checks the privileges of a statement as running it would and does not run it (PostgreSQL
checks them when it starts the executor, which EXPLAIN does too), and what creates something is rolled back. What is
tried is found out by the master beforehand, since in the user's session a function of the restored data may stand in
for one of the system's.

Only what the server itself finds missing says something about the level. What else a statement meets (row security that
needs a context, a trigger, an encoding, a lock) says nothing: it is noted, and another table is tried. What would hold
up or discard a row beyond the privileges is not run, and is named with what can be done.
"""
# ruff: noqa: S608 - the names in statements are quoted by the server itself (quote_ident)

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aurora_restore.database.postgresql.amazon_roles import is_amazons
from aurora_restore.database.postgresql.leading_out import LEADS_OUT, WRITES_LEAD_OUT
from aurora_restore.database.postgresql.session import (
    LoginRefused,
    Server,
    ServerRefused,
    Session,
)
from aurora_restore.domain.errors import DbUserSetupFailed
from aurora_restore.domain.users import Access, DbUserLogin

_PROBE = "aurora_restore_privilege_probe"
_TABLES_MOST = 10
# A table that another session has locked (a prepared transaction locks for ever) is not waited for.
_LOCK_WAIT = "SET LOCAL lock_timeout = '2s'"
_NOT_TRIED = "could not be tried: "
# pg_rewrite.ev_type
_SELECT, _UPDATE, _INSERT, _DELETE = "1", "2", "3", "4"


@dataclass(frozen=True)
class _Command:
    """What is tried on a table."""

    event: str
    words: str
    statement: str


_READ = _Command(_SELECT, "SELECT from", "SELECT FROM {table} LIMIT 0")
_WRITES = (
    _Command(_INSERT, "INSERT into", "EXPLAIN INSERT INTO {table} DEFAULT VALUES"),
    _Command(_DELETE, "DELETE from", "EXPLAIN DELETE FROM {table}"),
    _Command(_UPDATE, "UPDATE", "EXPLAIN UPDATE {table} SET {column} = {column}"),
)


@dataclass(frozen=True)
class Table:
    """One to try, its name quoted; `column`: one that an UPDATE may name; `shown`: the name for people.

    `inconclusive`: the commands, as pg_rewrite.ev_type has them, for which an attempt would prove nothing: a rule
    replaces them, or the table has no partition that takes a row.
    """

    name: str
    column: str | None
    shown: str
    has_row_security: bool
    has_triggers: bool
    inconclusive: str

    def unrun(self, *, writes: bool) -> str:
        """What an attempt leaves out, and a program meets."""
        left_out = ["row security"] * self.has_row_security + ["triggers"] * (self.has_triggers and writes)
        verb = "were" if left_out[-1:] == ["triggers"] else "was"
        return f" (its {' and '.join(left_out)} {verb} not run)" if left_out else ""


@dataclass(frozen=True)
class Ground:
    """What there is to try in a database, as its master sees it.

    `is_database_closed`, `is_public_closed`: whether only some may create in the database, or in `public`;
    `is_public_ours`: whether the owner of `public` is none of RDS.
    """

    database: str
    tables: tuple[Table, ...]
    is_of_rds: bool
    is_database_closed: bool
    is_public_closed: bool
    is_public_ours: bool
    has_rdsadmin: bool


@dataclass(frozen=True)
class _Probe:
    """A statement that shows whether a user has a power; `unrun`: what it leaves out."""

    what: str
    statement: str
    writes: bool = True
    unrun: str = ""


_HAS_TRIGGERS = (
    "EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D')"
)
_INCONCLUSIVE = (
    "(SELECT coalesce(string_agg(CAST(w.ev_type AS text), ''), '') FROM pg_rewrite w"
    " WHERE w.ev_class = c.oid AND w.is_instead AND w.ev_enabled <> 'D')"
    " || CASE WHEN c.relkind = 'p' AND NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = c.oid)"
    f" THEN '{_INSERT}' ELSE '' END"
    f" || CASE WHEN c.oid IN {WRITES_LEAD_OUT} THEN '{_UPDATE}{_INSERT}{_DELETE}' ELSE '' END"
)


def survey_ground(session: Session) -> Ground:
    """Find what to try, in the master's session."""
    rows = session.rows(
        "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname),"
        " (SELECT quote_ident(a.attname) FROM pg_attribute a"
        " WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
        " AND a.attgenerated = '' AND a.attidentity <> 'a' ORDER BY a.attnum LIMIT 1),"
        f" c.relrowsecurity, {_HAS_TRIGGERS}, {_INCONCLUSIVE}"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles r ON r.oid = c.relowner"
        " WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
        f" AND NOT r.rolsuper AND NOT {is_amazons('r.rolname')} AND c.oid NOT IN {LEADS_OUT}"
        " AND NOT EXISTS (SELECT FROM aclexplode(c.relacl) a WHERE a.grantee = 0)"
        f" ORDER BY 3, 4, 5, 1 LIMIT {_TABLES_MOST}"
    )
    closed = session.rows(
        f"SELECT n.nspowner = to_regrole('pg_database_owner') OR NOT (r.rolsuper OR {is_amazons('r.rolname')})"
        " FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner WHERE n.nspname = 'public' AND NOT EXISTS"
        " (SELECT FROM aclexplode(n.nspacl) a WHERE a.grantee = 0 AND a.privilege_type = 'CREATE')"
    )
    # Where the database belongs to a role of RDS, its CREATE is not the master's to give.
    is_of_rds = session.value(
        f"SELECT r.rolsuper OR {is_amazons('r.rolname')} FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba"
        " WHERE d.datname = current_database()"
    )
    return Ground(
        session.database,
        tuple(Table(name, column, session.readable(name), *state) for name, column, *state in rows),
        bool(is_of_rds),
        not session.value(
            "SELECT EXISTS (SELECT FROM pg_database d, aclexplode(d.datacl) a WHERE d.datname = current_database()"
            " AND a.grantee = 0 AND a.privilege_type = 'CREATE')"
        ),
        bool(closed),
        bool(closed and closed[0][0]),
        bool(session.rows("SELECT 1 FROM pg_roles WHERE rolname = 'rdsadmin'")),
    )


def check_login(server: Server, login: DbUserLogin, ground: Ground) -> list[str]:
    """Log in with the user's own password and try what the level says, and the next thing up.

    Raises:
        DbUserSetupFailed: the password is refused, or a privilege is missing or too much.
        DatabaseRefused: the database does not let the user in.
        DatabaseBusy, DatabaseUnreachable: as `Server.open`.
    """
    user, credentials = login.user, login.credentials
    if credentials is None:
        return []
    try:
        session = server.open_as_users_do(credentials, ground.database)
    except LoginRefused as refused:
        raise DbUserSetupFailed(
            f"The user {user.username} cannot log in to database {ground.database} with the password of its secret:"
            f" {refused}.",
            "See that the secret was not changed during the run; then start again under a new name.",
        ) from None
    with session:
        return [f"logs in to {ground.database} with its own password", *_Trial(session, login, ground).run()]


def refused_login(login: DbUserLogin, database: str, words: str) -> DbUserSetupFailed:
    """The failure of a user whose password is right, but who is refused by a database that it is to have."""
    return DbUserSetupFailed(
        f"The password of the user {login.user.username} is right, and the database {database} does not let it in:"
        f" {words}.",
        "Mend in the source cluster what the server's words name (a limit of the role or the database, CONNECT, a "
        "trigger at the login), and restore a snapshot taken after that; or leave this database out.",
    )


class _Trial:
    """The attempts of one user in one database."""

    def __init__(self, session: Session, login: DbUserLogin, ground: Ground) -> None:
        self._session = session
        self._user = login.user
        self._ground = ground
        self._is_read_only = False
        self._notes: list[str] = []

    def run(self) -> list[str]:
        reads = [self._of_tables(_READ)]
        writes = [self._of_tables(command) for command in _WRITES]
        match self._user.access:
            case Access.ADMIN:
                role = [[_Probe("create a role", f"CREATE ROLE {_PROBE}")]]
                can = [*reads, *writes, *self._creates(ours_alone=True), *role]
                # The next thing above an admin is what only Amazon may.
                beyond = [[_Probe("make a superuser", f"CREATE ROLE {_PROBE} SUPERUSER")]]
                if self._ground.has_rdsadmin:
                    beyond.append([_Probe("become rdsadmin", "SET LOCAL ROLE rdsadmin")])
                found = [*self._can(can), *self._cannot(beyond)]
            case Access.READ_WRITE:
                found = [*self._can([*reads, *writes]), *self._cannot(self._creates(ours_alone=False))]
            case _:
                found = [*self._can(reads), *self._cannot([*writes, *self._creates(ours_alone=False)])]
        return found + self._notes

    def _of_tables(self, command: _Command) -> list[_Probe]:
        """The same attempt on one table after another: the first that shows something is enough."""
        writes = command is not _READ
        return [
            _Probe(
                f"{command.words} {table.shown}",
                command.statement.format(table=table.name, column=table.column),
                writes,
                table.unrun(writes=writes),
            )
            for table in self._ground.tables
            if command.event not in table.inconclusive
            and (table.column or "{column}" not in command.statement)
        ]

    def _creates(self, *, ours_alone: bool) -> list[list[_Probe]]:
        """A new schema and a table in `public`; with `ours_alone` only where no role of RDS decides about it."""
        ground, probes = self._ground, []
        may_ask = not (ours_alone and ground.is_of_rds)
        # Where everyone may create, an attempt says nothing about this user.
        if may_ask and (ours_alone or ground.is_database_closed):
            probes.append([_Probe("create a schema", f"CREATE SCHEMA {_PROBE}")])
        if ground.is_public_closed and (not ours_alone or (ground.is_public_ours and may_ask)):
            probes.append([_Probe("create a table in public", f"CREATE TABLE public.{_PROBE} ()")])
        return probes

    def _can(self, attempts: list[list[_Probe]]) -> list[str]:
        done: list[str] = []
        read_write: list[str] = []
        database = self._ground.database
        for probe, refused in self._outcomes(attempts):
            if refused is not None:
                raise DbUserSetupFailed(
                    f"In database {database} the user {self._user.username} ({self._user.access}) cannot"
                    f" {probe.what}: {refused}.",
                    "Give in the source cluster the privilege that the server's words name (a function that row "
                    "security calls, a table behind a view), and restore a snapshot taken after that; or ask for "
                    "another access.",
                )
            (read_write if probe.writes and self._is_read_only else done).append(probe.what + probe.unrun)
        found = [f"in {database} can {', '.join(done)}"] if done else []
        if read_write:
            # The login's own settings make it read-only: no more is claimed than its privileges allow.
            found.append(
                f"in {database}, in a transaction that is set READ WRITE, can {', '.join(read_write)}"
            )
        return found if found or self._ground.tables else [f"in {database} finds no table to try"]

    def _cannot(self, attempts: list[list[_Probe]]) -> list[str]:
        refusals = []
        for probe, refused in self._outcomes(attempts):
            if refused is None:
                raise DbUserSetupFailed(
                    f"In database {self._ground.database} the user {self._user.username} ({self._user.access}) can"
                    f" {probe.what}.",
                    "Find the membership, ownership or grant to PUBLIC that lets it, take it away in the source "
                    "cluster, and restore a snapshot taken after that; or choose another username.",
                )
            refusals.append(probe.what)
        return [f"in {self._ground.database} cannot {', '.join(refusals)}"] if refusals else []

    def _outcomes(self, attempts: list[list[_Probe]]) -> Iterator[tuple[_Probe, ServerRefused | None]]:
        """Of each attempt the first probe that shows something about a privilege; what hinders all of them is noted."""
        for probes in attempts:
            hindrance = ""
            for probe in probes:
                with self._session.transaction(keep=False):
                    self._session.run(_LOCK_WAIT)
                    if probe.writes and self._session.value("SHOW transaction_read_only") == "on":
                        self._is_read_only = True
                        self._session.run("SET TRANSACTION READ WRITE")
                    refused = self._session.refusal(probe.statement)
                if refused is None or refused.lacks_privilege:
                    yield probe, refused
                    break
                hindrance = (
                    hindrance or f"note: in {self._ground.database} {probe.what} {_NOT_TRIED}{refused}"
                )
            else:
                self._notes += [hindrance] if hindrance else []
