"""What a user really can and cannot do, tried with its own login.

Nothing is changed: EXPLAIN asks for the privileges of the statement that it explains and does not run it; what would
make something is tried under a name that exists, and what would drop something under one that does not, since MySQL
looks for the privilege before it looks for the object. A temporary table is the session's own, and goes with it.

Only what the server itself finds missing says something about the level. What else a statement meets is noted.
"""
# ruff: noqa: S608 - statements are made of constants, and of what is quoted

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aurora_restore.database.mysql.accounts import Account
from aurora_restore.database.mysql.amazon_accounts import SYSTEM_DATABASES
from aurora_restore.database.mysql.quoting import identifier, literal
from aurora_restore.database.mysql.session import (
    DATABASE_EXISTS,
    TABLE_EXISTS,
    UNKNOWN_TABLE,
    DatabaseRefused,
    LoginRefused,
    Server,
    ServerRefused,
    Session,
)
from aurora_restore.domain.errors import DbUserSetupFailed
from aurora_restore.domain.users import Access, DbUser, DbUserLogin

_PROBE = "aurora_restore_privilege_probe"
_NOT_TRIED = "could not be tried: "
# What the server says after it has found the privilege.
_ALLOWED_THOUGH = frozenset({TABLE_EXISTS, UNKNOWN_TABLE, DATABASE_EXISTS})


@dataclass(frozen=True)
class Ground:
    """What there is to try in a database, as its master sees it. `column`: one that an UPDATE may name."""

    database: str
    table: str | None
    column: str | None
    others: tuple[str, ...]


@dataclass(frozen=True)
class _Probe:
    what: str
    statement: str
    undone_by: str = ""


def survey_ground(session: Session, database: str, databases: Sequence[str]) -> Ground:
    """Find what to try, in the master's session."""
    # A federated table leads to another server.
    tables = session.rows(
        "SELECT t.TABLE_NAME FROM information_schema.TABLES t"
        f" WHERE t.TABLE_SCHEMA = {literal(database)} AND t.TABLE_TYPE = 'BASE TABLE'"
        " AND t.ENGINE IS NOT NULL AND t.ENGINE NOT IN ('FEDERATED', 'CONNECT') ORDER BY 1 LIMIT 1"
    )
    others = tuple(name for name in databases if name != database)
    if not tables:
        return Ground(database, None, None, others)
    table = str(tables[0][0])
    columns = session.rows(
        "SELECT c.COLUMN_NAME FROM information_schema.COLUMNS c"
        f" WHERE c.TABLE_SCHEMA = {literal(database)} AND c.TABLE_NAME = {literal(table)}"
        " AND c.EXTRA NOT LIKE '%GENERATED%' ORDER BY c.ORDINAL_POSITION LIMIT 1"
    )
    return Ground(database, table, str(columns[0][0]) if columns else None, others)


def check_login(
    server: Server,
    login: DbUserLogin,
    ground: Ground,
    accounts: Sequence[Account],
    client_host: str,
) -> list[str]:
    """Log in with the user's own password and try what the level says, and the next thing up.

    `accounts`: all of the server; `client_host`: from where it sees us.

    Raises:
        DbUserSetupFailed: the password is refused, or a privilege is missing or too much.
        DatabaseRefused: a limit that came along does not let the user in.
        DatabaseBusy, DatabaseUnreachable: as `Server.open`.
    """
    user, credentials = login.user, login.credentials
    if credentials is None:
        return []
    if not covers(user.host, client_host):
        return [f"note: its login {_NOT_TRIED}it comes from {user.host}, and the check from {client_host}"]
    nearer = [
        each.shown
        for each in accounts
        if each.name in (user.username, "")
        and each.key != (user.username, user.host)
        and each.host != "%"
        and covers(each.host, client_host)
    ]
    try:
        session = server.open_as_users_do(credentials, ground.database)
    except LoginRefused as refused:
        if nearer:
            return [
                f"note: its login {_NOT_TRIED}the account {nearer[0]} is nearer to where the check comes from"
            ]
        raise DbUserSetupFailed(
            f"The user {user.account} cannot log in with the password of its secret: {refused}.",
            "See that the secret was not changed during the run; then start again under a new name.",
        ) from None
    except DatabaseRefused as refused:
        if nearer and not refused.is_limit:
            return [
                f"note: its login {_NOT_TRIED}the account {nearer[0]} is nearer to where the check comes from"
            ]
        raise
    with session:
        taken = session.own_account
        if taken != (user.username, user.host):
            return [f"note: its login {_NOT_TRIED}the account {taken[0]}@{taken[1]} took it"]
        return [f"logs in to {ground.database} with its own password", *_Trial(session, user, ground).run()]


def covers(host: str, address: str) -> bool:
    """Whether an account's host means the address. A name is not looked up: RDS does not do it either."""
    if "/" in host:
        try:
            return ipaddress.ip_address(address) in ipaddress.ip_network(host, strict=False)
        except ValueError:
            return False
    parts = (".*" if each == "%" else "." if each == "_" else re.escape(each) for each in host)
    return re.fullmatch("".join(parts), address, re.IGNORECASE) is not None


class _Trial:
    """The attempts of one user in one database."""

    def __init__(self, session: Session, user: DbUser, ground: Ground) -> None:
        self._session = session
        self._user = user
        self._ground = ground
        self._notes: list[str] = []

    def run(self) -> list[str]:
        allowed, denied = list(self._allowed()), list(self._denied())
        done = [probe.what for probe in allowed if self._may(probe)]
        refused = [probe.what for probe in denied if self._may_not(probe)]
        where = self._ground.database
        found = [f"may {', '.join(done)} in {where}"] if done else []
        return [*found, *([f"may not {', '.join(refused)}"] if refused else []), *self._notes]

    def _allowed(self) -> Iterator[_Probe]:
        if self._ground.table is None:
            self._notes.append(f"note: {self._ground.database} has no table to be tried")
        else:
            yield _Probe(f"SELECT from {self._ground.table}", f"SELECT 1 FROM {self._table} LIMIT 0")
        if self._user.access is not Access.READ_ONLY:
            yield from self._writes()
            yield self._temporary_table()
        if self._user.access is Access.ADMIN:
            yield from self._ddl()

    def _denied(self) -> Iterator[_Probe]:
        if self._user.access is Access.READ_ONLY:
            yield from self._writes()
            yield self._temporary_table()
        if self._user.access is not Access.ADMIN:
            yield from self._ddl()
        yield _Probe("read the accounts of the server", "SELECT 1 FROM mysql.user LIMIT 0")
        yield _Probe("create databases beyond its own", "CREATE DATABASE `mysql`")
        if self._user.databases:
            beyond = [
                name
                for name in self._ground.others
                if name not in self._user.databases and name not in SYSTEM_DATABASES
            ]
            for name in beyond[:1]:
                yield _Probe(f"use {name}", f"USE {identifier(name)}")

    def _writes(self) -> Iterator[_Probe]:
        if self._ground.table is None:
            return
        table, name = self._table, self._ground.table
        yield _Probe(f"INSERT into {name}", f"EXPLAIN INSERT INTO {table} () VALUES ()")
        yield _Probe(f"DELETE from {name}", f"EXPLAIN DELETE FROM {table}")
        if self._ground.column:
            column = identifier(self._ground.column)
            yield _Probe(f"UPDATE {name}", f"EXPLAIN UPDATE {table} SET {column} = {column}")

    def _temporary_table(self) -> _Probe:
        name = f"{identifier(self._ground.database)}.{identifier(_PROBE)}"
        return _Probe(
            "make temporary tables",
            f"CREATE TEMPORARY TABLE {name} (number INT)",
            f"DROP TEMPORARY TABLE {name}",
        )

    def _ddl(self) -> Iterator[_Probe]:
        database = identifier(self._ground.database)
        yield _Probe("create tables", f"CREATE DATABASE {database}")
        yield _Probe("drop tables", f"DROP TABLE {database}.{identifier(_PROBE)}")

    @property
    def _table(self) -> str:
        return f"{identifier(self._ground.database)}.{identifier(self._ground.table or '')}"

    def _may(self, probe: _Probe) -> bool:
        refused = self._tried(probe)
        if refused is not None and refused.lacks_privilege:
            raise DbUserSetupFailed(
                f"The user {self._user.account} ({self._user.access}) cannot {probe.what} in"
                f" {self._ground.database}: {refused}.",
                "Something else changed the account during the run: see who works on the restored cluster, and start "
                "again under a new name.",
            )
        return refused is None

    def _may_not(self, probe: _Probe) -> bool:
        refused = self._tried(probe)
        if refused is None:
            raise DbUserSetupFailed(
                f"The user {self._user.account} can {probe.what} in {self._ground.database}, which is more than"
                f" {self._user.access}.",
                "Take away in the source cluster what every account has (grants to the anonymous account, the "
                "parameter mandatory_roles), and restore a snapshot taken after that.",
            )
        return refused.lacks_privilege

    def _tried(self, probe: _Probe) -> ServerRefused | None:
        """None where the user may, and the refusal otherwise; one for another reason is noted."""
        try:
            self._session.run(probe.statement)
        except ServerRefused as refused:
            if refused.number in _ALLOWED_THOUGH:
                return None
            if not refused.lacks_privilege:
                self._notes.append(f"note: whether it may {probe.what} {_NOT_TRIED}{refused}")
            return refused
        if probe.undone_by:
            self._session.run(probe.undone_by)
        return None
