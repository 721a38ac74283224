"""What an account may do, by the grant tables, and what it is to do.

A grant on a database holds for its future tables by itself. So a level is one grant for each database, and whatever
else an account has is more than its level.
"""
# ruff: noqa: S608 - statements are made of constants, and of what is quoted

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from aurora_restore.database.mysql import quoting
from aurora_restore.database.mysql.accounts import Account, all_accounts
from aurora_restore.database.mysql.quoting import literal, on_databases
from aurora_restore.database.mysql.session import Session
from aurora_restore.domain.users import ANY_HOST, Access

_READ = frozenset({"SELECT", "SHOW VIEW"})
_WRITE = _READ | {"INSERT", "UPDATE", "DELETE", "EXECUTE", "CREATE TEMPORARY TABLES", "LOCK TABLES"}
# All that MySQL has for a database, but for GRANT OPTION: an admin of databases makes no other users.
_ADMIN = _WRITE | {
    "ALTER",
    "ALTER ROUTINE",
    "CREATE",
    "CREATE ROUTINE",
    "CREATE VIEW",
    "DROP",
    "EVENT",
    "INDEX",
    "REFERENCES",
    "TRIGGER",
}
PRIVILEGES = {Access.READ_ONLY: _READ, Access.READ_WRITE: _WRITE, Access.ADMIN: _ADMIN}

GLOBAL = "*.*"
# Columns of mysql.user and mysql.db that are named otherwise than the privilege.
_NAMED_OTHERWISE = {
    "CREATE TMP TABLE": "CREATE TEMPORARY TABLES",
    "SHOW DB": "SHOW DATABASES",
    "REPL SLAVE": "REPLICATION SLAVE",
    "REPL CLIENT": "REPLICATION CLIENT",
    "GRANT": "GRANT OPTION",
}
_COLUMN_END = "_priv"


@dataclass(frozen=True, order=True)
class Right:
    """`privilege` on `where`, as a GRANT names both; `kind` tells apart what is taken back in different ways."""

    kind: str
    where: str
    privilege: str

    @property
    def shown(self) -> str:
        return self.privilege if self.kind in (_ROLE, _PROXY) else f"{self.privilege} on {self.where}"


_ORDINARY, _ROLE, _PROXY = "privilege", "role", "proxy"


def has_wildcards(session: Session) -> bool:
    """Whether the database name of a grant is a pattern: since MySQL 8.0.16 a parameter turns that off."""
    return session.variable("partial_revokes") not in ("1", "ON")


def wanted(access: Access | None, pattern: str) -> frozenset[Right]:
    """What the level gives in the one database that the pattern means."""
    if access is None:
        return frozenset()
    return frozenset(Right(_ORDINARY, f"`{pattern}`.*", privilege) for privilege in PRIVILEGES[access])


def of_account(session: Session, account: Account) -> frozenset[Right]:
    """All that was granted to it, whatever the level: global, database, table, column, routine, role and proxy."""
    who = f"User = {literal(account.name)} AND Host = {literal(account.host)}"
    found = set(_by_columns(session.named_rows(f"SELECT * FROM mysql.user WHERE {who}"), lambda _: GLOBAL))
    found |= set(
        _by_columns(session.named_rows(f"SELECT * FROM mysql.db WHERE {who}"), lambda row: f"`{row['Db']}`.*")
    )
    found |= {
        Right(_ORDINARY, f"`{database}`.`{table}`", f"{privileges or column_privileges}".upper())
        for database, table, privileges, column_privileges in session.rows(
            f"SELECT Db, Table_name, Table_priv, Column_priv FROM mysql.tables_priv WHERE {who}"
        )
    }
    found |= {
        Right(_ORDINARY, f"{kind} `{database}`.`{name}`", str(privileges).upper())
        for database, name, kind, privileges in session.rows(
            f"SELECT Db, Routine_name, Routine_type, Proc_priv FROM mysql.procs_priv WHERE {who}"
        )
    }
    found |= {
        Right(_PROXY, quoting.account(name, host), f"PROXY on {quoting.account(name, host)}")
        for name, host in session.rows(
            f"SELECT Proxied_user, Proxied_host FROM mysql.proxies_priv WHERE {who}"
        )
    }
    return frozenset(found | _of_version(session, account, who))


def _of_version(session: Session, account: Account, who: str) -> set[Right]:
    """Roles, and privileges that only MySQL 8.0 and later have by name."""
    if session.version.is_mariadb:
        rows = session.rows(f"SELECT Role FROM mysql.roles_mapping WHERE {who}")
        return {Right(_ROLE, quoting.identifier(role), f"the role {role}") for (role,) in rows}
    if not session.version.has_roles:
        return set()
    dynamic = session.rows(f"SELECT PRIV FROM mysql.global_grants WHERE {who}")
    roles = session.rows(
        "SELECT FROM_USER, FROM_HOST FROM mysql.role_edges"
        f" WHERE TO_USER = {literal(account.name)} AND TO_HOST = {literal(account.host)}"
    )
    return {Right(_ORDINARY, GLOBAL, privilege) for (privilege,) in dynamic} | {
        Right(_ROLE, quoting.account(name, host), f"the role {name}") for name, host in roles
    }


def _by_columns(rows: Iterable[dict[str, Any]], where: Any) -> Iterable[Right]:
    for row in rows:
        for column, value in row.items():
            if column.endswith(_COLUMN_END) and value == "Y":
                words = column.removesuffix(_COLUMN_END).replace("_", " ").upper()
                yield Right(_ORDINARY, where(row), _NAMED_OTHERWISE.get(words, words))


def take_back(session: Session, account: Account, surplus: Iterable[Right]) -> None:
    """Take back what is more than the level. What is within it is granted again afterwards.

    One statement takes back every privilege of every kind, and asks for CREATE USER alone: a master cannot take back
    one by one what it does not have itself. Roles and proxies are not among them.

    Raises:
        ServerRefused: in the server's words.
    """
    kinds = {right.kind for right in surplus}
    if _ORDINARY in kinds:
        session.run(f"REVOKE ALL PRIVILEGES, GRANT OPTION FROM {account.quoted}")
    for right in sorted(surplus):
        if right.kind == _ROLE:
            session.run(f"REVOKE {right.where} FROM {account.quoted}")
        elif right.kind == _PROXY:
            session.run(f"REVOKE PROXY ON {right.where} FROM {account.quoted}")


def give(session: Session, account: Account, pattern: str, missing: Iterable[Right]) -> None:
    """Grant what is missing in one database. Raises ServerRefused."""
    names = sorted(right.privilege for right in missing)
    if names:
        session.run(f"GRANT {', '.join(names)} ON {on_databases(pattern)} TO {account.quoted}")


def of_other_hosts(session: Session, account: Account) -> list[str]:
    """What a session of the account may have through rows of the same user name and another host, a sentence each.

    MySQL looks for the rights on a database, a table or a routine by the user name and the address of the client, and
    not by the account that logged in: where the account has no row of its own, the nearest other one counts.
    """
    hosts = {
        str(host)
        for table in ("db", "tables_priv", "procs_priv")
        for (host,) in session.rows(
            f"SELECT Host FROM mysql.{table} WHERE User = {literal(account.name)}"
            f" AND Host <> {literal(account.host)}"
        )
    }
    if account.host == ANY_HOST:
        # Every other account of the name is nearer, and so takes the logins from its addresses.
        hosts -= {each.host for each in all_accounts(session) if each.name == account.name}
    return [
        f"in databases where it has no right of its own, what is granted to '{account.name}'@'{host}' counts for its "
        "sessions from addresses that both hosts mean"
        for host in sorted(hosts)
    ]


def of_everyone(session: Session) -> list[str]:
    """What every account has besides its own grants: through the anonymous account, and by mandatory roles."""
    rows = session.rows("SELECT DISTINCT Db FROM mysql.db WHERE User = '' ORDER BY Db")
    found = [f"every account may use `{name}`, through a grant to the anonymous account" for (name,) in rows]
    if roles := session.variable("mandatory_roles") if session.version.has_roles else None:
        found.append(f"every account has the roles {roles}, by the parameter mandatory_roles")
    return found


def shown(rights: Sequence[Right], most: int = 8) -> str:
    named = ", ".join(right.shown for right in rights[:most])
    return named + (f" and {len(rights) - most} more" if len(rights) > most else "")
