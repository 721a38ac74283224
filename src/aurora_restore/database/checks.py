"""Checks, after the set-up, what each user really can and cannot do: a sentence for each that held.

Nothing is changed: EXPLAIN checks the privileges of a statement as running it would and does not run it
(PostgreSQL checks them when it starts the executor, which EXPLAIN does too), and what creates something is
rolled back.
"""
# ruff: noqa: S608 - the names in statements are quoted by the server itself (regclass, quote_ident)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aurora_restore.database import privileges
from aurora_restore.database.amazon_roles import is_amazons
from aurora_restore.database.roles import IAM_GROUP, SUPERUSER_GROUP, find_role, wanted_groups
from aurora_restore.database.session import (
    INSUFFICIENT_PRIVILEGE,
    DatabaseRefused,
    LoginRefused,
    Server,
    Session,
)
from aurora_restore.domain.errors import DbUserSetupFailed
from aurora_restore.domain.users import Access, DbUser, DbUserLogin

_CHANGED_MEANWHILE = (
    "Something else changed the role during the run: see who works on the restored cluster, and start again under a "
    "new name."
)
_MEMBERSHIP_HINT = (
    "The master user can grant only roles that it has ADMIN on, and take back only what it granted itself: mend the "
    "membership in the source cluster, or choose another username; then start again under a new name."
)
_PROBE = "aurora_restore_privilege_probe"


@dataclass(frozen=True)
class _Probe:
    """A statement that tells whether a user has a power."""

    what: str
    statement: str


def check_role(session: Session, user: DbUser) -> list[str]:
    """Membership and attributes, by the catalog.

    Raises:
        DbUserSetupFailed: the role is not what it is to be.
    """
    role = find_role(session, user.username)
    if role is None or not role.can_login:
        raise DbUserSetupFailed(
            f"The database user {user.username} is not there, or may not log in, after its set-up.",
            _CHANGED_MEANWHILE,
        )
    held = {membership.group for membership in role.memberships}
    missing = sorted(wanted_groups(user) - held)
    surplus = sorted(held - wanted_groups(user)) if user.access is not Access.ADMIN else []
    if missing or surplus:
        said = f"lacks membership of {missing}" if missing else f"is still a member of {surplus}"
        raise DbUserSetupFailed(
            f"The database user {user.username} ({user.access}) {said} after its set-up.", _MEMBERSHIP_HINT
        )
    found = []
    if user.iam:
        found.append(
            f"is a member of {IAM_GROUP}; the login itself was not tried: it needs the right rds-db:connect"
        )
    if user.access is Access.ADMIN:
        found.append(f"is a member of {SUPERUSER_GROUP}, may create databases and roles, and is no superuser")
    return found


def check_limits(session: Session, user: DbUser) -> list[str]:
    """What is beyond the level, by the catalog, whichever way it came: grant, membership, ownership, PUBLIC.

    CREATE that everyone has in a schema (`public`, in databases made before PostgreSQL 15) is said and does
    not fail the check: no grant of ours gave it, and taking it from everyone could stop an application.

    Raises:
        DbUserSetupFailed: the user can do more than its level says.
    """
    if user.access is Access.ADMIN:
        return []
    found = privileges.excesses(session, user.username, user.access, user.foreign_tables)
    tolerated = [excess for excess in found if excess.public and excess.privilege == "CREATE"]
    beyond = [excess for excess in found if excess not in tolerated]
    if beyond:
        listed = ", ".join(
            f"{excess.privilege} on {excess.name}{' (through PUBLIC)' if excess.public else ''}"
            for excess in beyond[:5]
        )
        raise DbUserSetupFailed(
            f"In database {session.database} the user {user.username} can do more than {user.access}: {listed}"
            f"{f' and {len(beyond) - 5} more' if len(beyond) > 5 else ''}.",
            "Take the privilege from PUBLIC in the source cluster, or choose a user that owns nothing there.",
        )
    return [
        f"note: everyone may create objects in {excess.name} of {session.database}" for excess in tolerated
    ]


def check_login(server: Server, login: DbUserLogin, databases: Sequence[str]) -> list[str]:
    """Log in with the user's own password and try what the level says, and the next thing up.

    Raises:
        DbUserSetupFailed: the login or an attempt went otherwise than the level says.
        DatabaseUnreachable: no answer.
    """
    user, credentials = login.user, login.credentials
    if credentials is None:
        return []
    found = []
    for database in databases:
        try:
            with server.open(credentials, database) as session:
                found += [f"logs in to {database} with its own password", *_attempts(session, user)]
        except (LoginRefused, DatabaseRefused) as refused:
            raise DbUserSetupFailed(
                f"The user {user.username} cannot log in to database {database} with the password of its secret:"
                f" {refused}.",
                "See that the secret was not changed during the run, and that no limit of the role or the database "
                "(CONNECTION LIMIT) came along; then start again under a new name.",
            ) from None
    return found


def _attempts(session: Session, user: DbUser) -> list[str]:
    reads, writes = _table_probes(_table_to_try(session))
    if user.access is Access.ADMIN:
        creates = [
            *_create_probes(session, ours_alone=True),
            _Probe("create a role", f"CREATE ROLE {_PROBE}"),
        ]
        return [
            *_can(session, user, [*reads, *writes, *creates]),
            *_cannot(session, user, _superuser_probes(session)),
        ]
    creates = _create_probes(session, ours_alone=False)
    if user.access is Access.READ_WRITE:
        return [*_can(session, user, [*reads, *writes]), *_cannot(session, user, creates)]
    return [*_can(session, user, reads), *_cannot(session, user, [*writes, *creates])]


@dataclass(frozen=True)
class _Table:
    name: str
    column: str | None


def _table_to_try(session: Session) -> _Table | None:
    """The first ordinary table here that leads to no other server, with a column that an UPDATE may name."""
    found = session.rows(
        "SELECT c.oid::regclass::text, (SELECT quote_ident(a.attname) FROM pg_attribute a"
        " WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
        " AND a.attgenerated = '' AND a.attidentity <> 'a' ORDER BY a.attnum LIMIT 1)"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles r ON r.oid = c.relowner"
        " WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
        f" AND NOT r.rolsuper AND NOT {is_amazons('r.rolname')} AND c.oid NOT IN {privileges.LEADS_OUT}"
        " AND NOT EXISTS (SELECT FROM aclexplode(c.relacl) a WHERE a.grantee = 0) ORDER BY 1 LIMIT 1"
    )
    return _Table(*found[0]) if found else None


def _table_probes(table: _Table | None) -> tuple[list[_Probe], list[_Probe]]:
    if table is None:
        return [], []
    writes = [
        _Probe(f"INSERT into {table.name}", f"EXPLAIN INSERT INTO {table.name} DEFAULT VALUES"),
        _Probe(f"DELETE from {table.name}", f"EXPLAIN DELETE FROM {table.name}"),
    ]
    if table.column:
        update = f"EXPLAIN UPDATE {table.name} SET {table.column} = {table.column}"
        writes.append(_Probe(f"UPDATE {table.name}", update))
    return [_Probe(f"SELECT from {table.name}", f"SELECT FROM {table.name} LIMIT 0")], writes


def _create_probes(session: Session, *, ours_alone: bool) -> list[_Probe]:
    """A table in `public` and a new schema; with `ours_alone` only where no role of RDS decides about it."""
    probes = []
    if not (ours_alone and _is_of_rds(session)):
        probes.append(_Probe("create a schema", f"CREATE SCHEMA {_PROBE}"))
    # Where everyone may create in `public`, an attempt says nothing about this user.
    closed = session.rows(
        f"SELECT n.nspowner = to_regrole('pg_database_owner') OR NOT (r.rolsuper OR {is_amazons('r.rolname')})"
        " FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner WHERE n.nspname = 'public' AND NOT EXISTS"
        " (SELECT FROM aclexplode(n.nspacl) a WHERE a.grantee = 0 AND a.privilege_type = 'CREATE')"
    )
    if closed and (not ours_alone or (closed[0][0] and probes)):
        probes.append(_Probe("create a table in public", f"CREATE TABLE public.{_PROBE} ()"))
    return probes


def _is_of_rds(session: Session) -> bool:
    """Whether the database belongs to a role of RDS: then its CREATE is not the master's to give."""
    return bool(
        session.value(
            f"SELECT r.rolsuper OR {is_amazons('r.rolname')} FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba"
            " WHERE d.datname = current_database()"
        )
    )


def _superuser_probes(session: Session) -> list[_Probe]:
    probes = [_Probe("make a superuser", f"CREATE ROLE {_PROBE} SUPERUSER")]
    if session.rows("SELECT 1 FROM pg_roles WHERE rolname = 'rdsadmin'"):
        probes.append(_Probe("become rdsadmin", "SET LOCAL ROLE rdsadmin"))
    return probes


def _can(session: Session, user: DbUser, probes: list[_Probe]) -> list[str]:
    for probe in probes:
        with session.transaction(keep=False):
            refused = session.refusal(probe.statement)
        if refused is not None:
            raise DbUserSetupFailed(
                f"In database {session.database} the user {user.username} ({user.access}) cannot {probe.what}:"
                f" {refused}.",
                "Mend in the source cluster what the server's words name (row security, a trigger, an owner that "
                "grants nothing) and restore a snapshot taken after that; or ask for another access.",
            )
    said = f"can {_listed(probes)}" if probes else "finds no table to try"
    return [f"in {session.database} {said}"]


def _cannot(session: Session, user: DbUser, probes: list[_Probe]) -> list[str]:
    for probe in probes:
        with session.transaction(keep=False):
            refused = session.refusal(probe.statement)
        if refused is None or refused.sqlstate != INSUFFICIENT_PRIVILEGE:
            how = (
                "can"
                if refused is None
                else f"was not refused for want of a privilege ({refused}) when it tried to"
            )
            raise DbUserSetupFailed(
                f"In database {session.database} the user {user.username} ({user.access}) {how} {probe.what}.",
                "Find the membership, ownership or grant to PUBLIC that lets it, take it away in the source cluster, "
                "and restore a snapshot taken after that; or choose another username.",
            )
    return [f"in {session.database} cannot {_listed(probes)}"]


def _listed(probes: list[_Probe]) -> str:
    return ", ".join(probe.what for probe in probes)
