"""Which databases of a server there are, and the ways into them."""

from __future__ import annotations

from dataclasses import dataclass

from aurora_restore.database.amazon_roles import is_amazons
from aurora_restore.database.quoting import identifier
from aurora_restore.database.session import (
    DATABASE_NOT_FOUND,
    INSUFFICIENT_PRIVILEGE,
    MAINTENANCE_DATABASES,
    DatabaseRefused,
    LoginRefused,
    Server,
    Session,
)
from aurora_restore.domain.errors import DbUserSetupFailed
from aurora_restore.domain.observed import Credentials

_INTERRUPTED = -2


@dataclass(frozen=True)
class Known:
    """The databases of a server, RDS's own aside. `closed`: why each of them takes no connections."""

    open: tuple[str, ...]
    closed: dict[str, str]
    templates: tuple[str, ...]


def find_databases(session: Session) -> Known:
    rows = session.rows(
        "SELECT datname, datistemplate, datallowconn, datconnlimit FROM pg_database"
        " WHERE datname <> 'rdsadmin' ORDER BY datname"
    )
    closed = {name: why for name, _, allows, limit in rows if (why := _why_closed(allows, limit))}
    templates = tuple(name for name, is_template, *_ in rows if is_template)
    everything = [name for name, *_ in rows if name not in templates]
    return Known(
        tuple(name for name in everything if name not in closed),
        {name: closed[name] for name in everything if name in closed},
        templates,
    )


def _why_closed(allows_connections: bool, limit: int) -> str:
    if not allows_connections:
        return "it takes no connections (ALLOW_CONNECTIONS false)"
    if limit == _INTERRUPTED:
        return "its DROP DATABASE was interrupted, and it takes no connections"
    return "it takes no connections (CONNECTION LIMIT 0)" if limit == 0 else ""


def open_maintenance(server: Server, master: Credentials, others: tuple[str, ...]) -> Session:
    """A session from which roles are managed: any database does, those of the cluster itself first.

    Raises:
        DbUserSetupFailed: the master is refused, or no database lets it in; with the words of the first that is there.
        DatabaseBusy, DatabaseUnreachable: as `Server.open`.
    """
    said: list[str] = []
    for database in (*MAINTENANCE_DATABASES, *others):
        try:
            return server.open(master, database)
        except LoginRefused as refused:
            raise DbUserSetupFailed(
                f"The master user {master.username} could not log in to database {database}: {refused}.",
                "See that the admin secret was not changed during the run; then start again under a new name.",
            ) from None
        except DatabaseRefused as refused:
            if refused.sqlstate != DATABASE_NOT_FOUND:
                said.append(f"{database}: {refused}")
    raise DbUserSetupFailed(
        f"The password of the master user {master.username} is right, and no database lets it in: {'; '.join(said)}.",
        "Mend in the source cluster what the server's words name (a limit of the role or the database, CONNECT, a "
        "trigger at the login) for one of these databases, and restore a snapshot taken after that.",
    )


def open_database(server: Server, master: Credentials, maintenance: Session, database: str) -> Session:
    """Log in as master; where CONNECT is missing, with the owner's role borrowed for that moment.

    Raises:
        LoginRefused, DatabaseRefused: it is closed to the master, in the server's words.
    """
    try:
        return server.open(master, database)
    except DatabaseRefused as refused:
        if refused.sqlstate != INSUFFICIENT_PRIVILEGE:
            raise
        return _open_as_owner(server, master, maintenance, database, refused)


def _open_as_owner(
    server: Server, master: Credentials, maintenance: Session, database: str, refused: DatabaseRefused
) -> Session:
    """The owner grants CONNECT for as long as it takes to connect: a membership would be more than that."""
    owner = _owner(maintenance, database)
    if owner is None:
        raise refused
    connect = f"CONNECT ON DATABASE {identifier(database)}"
    said = _as_owner(maintenance, owner, f"GRANT {connect} TO {identifier(master.username)}")
    if said:
        raise DatabaseRefused(
            refused.sqlstate,
            f"{refused}; the master user could not act for its owner {owner}: {said}; needed is "
            f"`GRANT {identifier(owner)} TO {identifier(master.username)} WITH ADMIN OPTION`",
        )
    try:
        return server.open(master, database)
    finally:
        _as_owner(maintenance, owner, f"REVOKE {connect} FROM {identifier(master.username)}")


def _owner(session: Session, database: str) -> str | None:
    """The owner of the database; None where that is a role of RDS, or a superuser."""
    found = session.rows(
        "SELECT d.datname, r.rolname FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba"  # noqa: S608 - constants
        f" WHERE NOT r.rolsuper AND NOT {is_amazons('r.rolname')}"
    )
    return dict(found).get(database)


def _as_owner(session: Session, owner: str, statement: str) -> str:
    """Run it as the owner of something; the server's words where it refuses, else nothing."""
    inherit = " WITH INHERIT TRUE, SET TRUE" if session.version >= 160000 else ""
    role = identifier(owner)
    with session.transaction():
        is_member = session.refusal(f"SET LOCAL ROLE {role}") is None
        session.run("SET LOCAL ROLE NONE")
        if not is_member and (refused := session.refusal(f"GRANT {role} TO current_user{inherit}")):
            return str(refused)
        refused = session.refusal(f"SET LOCAL ROLE {role}; {statement}; SET LOCAL ROLE NONE")
        if not is_member:
            session.run(f"REVOKE {role} FROM current_user")
    return str(refused) if refused else ""
