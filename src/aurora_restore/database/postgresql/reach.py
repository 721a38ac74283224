"""Which databases of a server there are, and the ways into them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aurora_restore.database.postgresql.acting import act_as
from aurora_restore.database.postgresql.amazon_roles import is_amazons
from aurora_restore.database.postgresql.quoting import identifier
from aurora_restore.database.postgresql.session import (
    DATABASE_NOT_FOUND,
    MAINTENANCE_DATABASES,
    DatabaseRefused,
    Server,
    ServerRefused,
    Session,
)
from aurora_restore.domain.observed import Credentials
from aurora_restore.domain.visible_text import storable

# What pg_database.datconnlimit says of a database whose DROP was interrupted (DATCONNLIMIT_INVALID_DB).
DROP_INTERRUPTED = -2
BORROWED = "aurora_restore_borrowed"
"""The role by which the master enters a database that lets only its owner in. It is there for that moment alone."""


@dataclass(frozen=True)
class Known:
    """The databases of a server, RDS's own aside. `closed`: why each of them takes no connections.

    `open`: the oid of each, in their order: a database that is made meanwhile comes last.
    """

    open: dict[str, int]
    closed: dict[str, str]
    templates: tuple[str, ...]


def find_databases(session: Session) -> Known:
    rows = session.rows(
        "SELECT datname, oid, datistemplate, datallowconn, datconnlimit FROM pg_database"
        " WHERE datname <> 'rdsadmin' ORDER BY oid"
    )
    closed: dict[str, str] = {}
    for name, _, _, allows_connections, limit in rows:
        if not allows_connections:
            closed[name] = "it takes no connections (ALLOW_CONNECTIONS false)"
        elif limit == DROP_INTERRUPTED:
            closed[name] = "its DROP DATABASE was interrupted, and it takes no connections"
        elif limit == 0:
            closed[name] = "it takes no connections (CONNECTION LIMIT 0)"
    templates = tuple(sorted(name for name, _, is_template, *_ in rows if is_template))
    # A template holds no work: new databases are copied from it.
    everything = {name: int(oid) for name, oid, *_ in rows if name not in templates}
    return Known(
        {name: oid for name, oid in everything.items() if name not in closed},
        {name: closed[name] for name in sorted(everything) if name in closed},
        templates,
    )


def open_maintenance(server: Server, master: Credentials, others: Sequence[str] = ()) -> Session:
    """A session for what belongs to the whole cluster: any database does, those of the cluster itself first.

    Raises:
        LoginRefused: user or password is wrong.
        DatabaseRefused: they are right, and no database lets the master in; with the words of each that is there.
        DatabaseBusy, DatabaseUnreachable: as `Server.open`.
    """
    said: list[str] = []
    sqlstate = DATABASE_NOT_FOUND
    for database in (*MAINTENANCE_DATABASES, *others):
        try:
            return server.open(master, database)
        except DatabaseRefused as refused:
            if refused.sqlstate != DATABASE_NOT_FOUND:
                sqlstate = refused.sqlstate
                said.append(f"{storable(database)}: {refused}")
    raise DatabaseRefused(sqlstate, "; ".join(said) or "it has no database that is known")


def make_sure_it_answers(server: Server, master: Credentials) -> None:
    """After one database gave no answer: is it that database, or the server? Raises as `open_maintenance`."""
    open_maintenance(server, master).close()


def open_database(server: Server, master: Credentials, maintenance: Session, database: str) -> Session:
    """Log in as master; where CONNECT is missing, with the owner's role borrowed for that moment.

    Raises:
        LoginRefused, DatabaseRefused: it is closed to the master, in the server's words.
    """
    try:
        return server.open(master, database)
    except DatabaseRefused as error:
        if not error.lacks_privilege:
            raise
        refused = error
    # Of a role of RDS, or a superuser, nothing can be borrowed.
    found = maintenance.rows(
        "SELECT d.datname, r.rolname FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba"  # noqa: S608 - constants
        f" WHERE NOT r.rolsuper AND NOT {is_amazons('r.rolname')}"
    )
    owner = dict(found).get(database)
    if owner is None:
        raise refused
    # The owner grants CONNECT for as long as it takes to connect: a membership would be more than that.
    said = _borrow(maintenance, owner, database)
    if said:
        raise DatabaseRefused(
            refused.sqlstate,
            f"{refused}; the master user could not act for its owner {owner}: {said}; needed is "
            f"`GRANT {identifier(owner)} TO {identifier(master.username)} WITH ADMIN OPTION`",
        )
    try:
        session = server.open(master, database)
    except Exception:
        give_back(maintenance)
        raise
    try:
        give_back(maintenance)
    except BaseException:
        session.close()
        raise
    return session


def _borrow(maintenance: Session, owner: str, database: str) -> str:
    """Let the master in by a role of ours, which says by its name that this is not a grant of the customer's.

    The server's words where it refuses, else nothing.
    """
    give_back(maintenance)
    role = identifier(BORROWED)
    inherit = " WITH INHERIT TRUE" if maintenance.version >= 160000 else ""
    try:
        with maintenance.transaction():
            maintenance.run(f"CREATE ROLE {role}")
            maintenance.run(f"GRANT {role} TO current_user{inherit}")
            act_as(maintenance, owner, [f"GRANT CONNECT ON DATABASE {identifier(database)} TO {role}"])
    except ServerRefused as refused:
        return str(refused)
    return ""


def give_back(maintenance: Session) -> str:
    """Take away what was borrowed, by this call or by one that died; the server's words where it refuses.

    Every call of the port begins and ends with it, and names what is left.
    """
    found = maintenance.rows(
        "SELECT d.datname, r.rolname FROM pg_roles b LEFT JOIN pg_database d ON EXISTS"
        " (SELECT FROM aclexplode(d.datacl) a WHERE a.grantee = b.oid) LEFT JOIN pg_roles r ON r.oid = d.datdba"
        " WHERE b.rolname = :role",
        role=BORROWED,
    )
    if not found:
        return ""
    role = identifier(BORROWED)
    try:
        with maintenance.transaction():
            for database, owner in found:
                if database is not None:
                    revoke = f"REVOKE CONNECT ON DATABASE {identifier(database)} FROM {role}"
                    act_as(maintenance, owner, [revoke])
            maintenance.run(f"DROP ROLE {role}")
    except ServerRefused as refused:
        return (
            f"the role {BORROWED}, with which the pipeline let the master user into a database of another owner, "
            f"could not be dropped: {refused}; revoke its CONNECT as that owner, and drop it"
        )
    return ""
