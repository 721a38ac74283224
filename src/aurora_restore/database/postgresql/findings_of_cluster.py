"""What came along that belongs to the whole cluster: asked once, from whichever database lets the master in."""

# ruff: noqa: S608 - statements are made of the constants of this file, and of what is quoted

from __future__ import annotations

from dataclasses import dataclass

from aurora_restore.database.found import Found
from aurora_restore.database.postgresql.amazon_roles import is_amazons
from aurora_restore.database.postgresql.names import Name, statement
from aurora_restore.database.postgresql.quoting import identifier, literal
from aurora_restore.database.postgresql.reach import DROP_INTERRUPTED
from aurora_restore.database.postgresql.session import Session
from aurora_restore.domain.came_along import NAMED_PER_KIND, Finding, Kind
from aurora_restore.domain.defusing import Fuse
from aurora_restore.domain.visible_text import visible

# PostgreSQL gives smaller OIDs to what initdb makes: rdsadmin itself, and the roles that begin with pg_.
FIRST_OID_OF_USERS = 16384
# Every fuse is needed; a cluster with more subscriptions or slots than this is seen in several looks.
MOST_FUSES = 500


@dataclass(frozen=True)
class Database:
    """A database as the cluster lists it.

    `closed` says why it cannot be connected to by anyone, and `opened_by` is the SQL that changes this.
    """

    oid: int
    name: Name
    closed: str = ""
    opened_by: str = ""


def databases(session: Session) -> list[Database]:
    """All of them, template0 and RDS's own aside."""
    rows = session.rows(
        "SELECT oid, datname, datallowconn, datconnlimit FROM pg_database"
        " WHERE datname NOT IN ('template0', 'rdsadmin') ORDER BY oid"
    )
    found = []
    for oid, digits, allows_connections, limit in rows:
        name, closed, opened_by = Name.of(session, digits), "", ""
        if limit == DROP_INTERRUPTED:
            closed = "its DROP was interrupted, and nothing else can be done with it"
            opened_by = statement("DROP DATABASE {};", name.quoted, shown=name.shown)
        elif not allows_connections:
            closed = "ALLOW_CONNECTIONS is false"
            opened_by = statement("ALTER DATABASE {} ALLOW_CONNECTIONS true;", name.quoted, shown=name.shown)
        found.append(Database(int(oid), name, closed, opened_by))
    return found


def closed_databases(found: list[Database]) -> Found:
    return Found(
        [
            Finding(Kind.CLOSED_DATABASE, "", each.name.shown, each.opened_by, each.closed)
            for each in found
            if each.closed
        ]
    )


def subscriptions(session: Session) -> Found:
    """All of the cluster; where they lead is not read, since no master user may read it, and it holds a password."""
    rows = session.rows(
        f"SELECT s.oid, s.subname, d.datname, r.rolname,"
        f" s.subenabled, s.subslotname, count(*) OVER ()"
        " FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid JOIN pg_roles r ON r.oid = s.subowner"
        " ORDER BY s.subenabled DESC, s.subslotname IS NULL, s.subname"
        f" LIMIT {MOST_FUSES}"
    )
    found = Found()
    alter = "ALTER SUBSCRIPTION {} "
    # It lets go of its slot first: otherwise DROP connects to production, to drop the slot there.
    endings = ("DISABLE", "SET (slot_name = NONE)")
    for oid, *names, enabled, slot_name, _ in rows:
        name, database, owner, slot = (Name.of(session, digits) for digits in (*names, slot_name))
        let_go = [_by_oid(alter + end, oid, name) for end in endings]
        detail = f"{'enabled' if enabled else 'disabled'}, slot {slot.shown or 'none'}, of {owner.shown}"
        drop = _by_oid("DROP SUBSCRIPTION {}", oid, name)
        ends_with = "; ".join([*let_go, drop]) + ";"
        found.things.append(Finding(Kind.SUBSCRIPTION, database.shown, name.shown, ends_with, detail))
        if not enabled and not slot.raw:
            continue
        take_back = [alter + f"SET (slot_name = {slot.literal})"] if slot.raw else []
        take_back += [alter + "ENABLE"] if enabled else []
        found.fuses.append(
            Fuse(
                Kind.SUBSCRIPTION,
                database.shown,
                name.shown,
                before={"enabled": enabled, "slot_name": slot.shown or None, "owner": owner.shown},
                statements=tuple((alter + end).format(identifier(name.raw)) for end in endings),
                take_back=tuple(_by_oid(each, oid, name) + ";" for each in take_back),
                connect_to=database.raw,
                owner=owner.raw,
                acts=enabled,
            )
        )
    found.count_rest(Kind.SUBSCRIPTION, rows[0][-1] if rows else 0, len(rows))
    return found


def _by_oid(template: str, oid: int, name: Name) -> str:
    """A statement for people; a subscription whose name cannot be written in letters is named by the server itself."""
    if name.quoted is not None:
        return template.format(name.quoted)
    inner = template.replace("'", "''").format("%I")
    return (
        f"DO $do$ BEGIN EXECUTE (SELECT format('{inner}', subname)"
        f" FROM pg_catalog.pg_subscription WHERE oid = {oid}); END $do$"
    )


_SLOT = "FROM pg_catalog.pg_replication_slots WHERE slot_name ="


def slots(session: Session) -> Found:
    """Those that survive a restart. A slot's own name is made of a-z, 0-9 and _ (PostgreSQL: "slot names")."""
    rows = session.rows(
        f"SELECT slot_name, slot_type, plugin, database, active_pid IS NOT NULL,"
        " coalesce(CAST(to_jsonb(s) ->> 'two_phase' AS boolean), false),"
        " coalesce(CAST(to_jsonb(s) ->> 'failover' AS boolean), false), count(*) OVER ()"
        f" FROM pg_replication_slots s WHERE NOT temporary ORDER BY slot_name LIMIT {MOST_FUSES}"
    )
    found = Found()
    for name, slot_type, plugin, database, active, two_phase, failover, _ in rows:
        ends_with = f"SELECT pg_drop_replication_slot('{name}');"
        in_use = ", in use" if active else ""
        if slot_type != "logical":
            found.things.append(Finding(Kind.PHYSICAL_SLOT, "", name, ends_with, in_use.removeprefix(", ")))
            continue
        where = Name.of(session, database)
        found.things.append(
            Finding(Kind.LOGICAL_SLOT, where.shown, name, ends_with, f"plugin {plugin}{in_use}")
        )
        options = "false, true" if two_phase else "false"
        options += ", failover => true" if failover else ""
        create = f"SELECT pg_create_logical_replication_slot('{name}', {literal(plugin)}, {options});"
        drop = f"SELECT pg_drop_replication_slot(slot_name) {_SLOT} {literal(name)}"
        found.fuses.append(
            Fuse(
                Kind.LOGICAL_SLOT,
                where.shown,
                name,
                before={"plugin": plugin, "two_phase": two_phase, "failover": failover, "in_use": active},
                statements=(drop,),
                take_back=(create,),
            )
        )
    return found


def prepared_transactions(session: Session) -> Found:
    rows = session.rows(
        f"SELECT gid, database, owner,"
        " to_char(prepared AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), count(*) OVER ()"
        f" FROM pg_prepared_xacts ORDER BY prepared LIMIT {NAMED_PER_KIND}"
    )
    found = Found()
    for digits, database, owner, prepared, _ in rows:
        gid = Name.of(session, digits)
        found.things.append(
            Finding(
                Kind.PREPARED_TRANSACTION, Name.of(session, database).shown, gid.shown,
                statement("ROLLBACK PREPARED {};", gid.literal, shown=gid.shown),
                f"since {prepared} UTC, of {Name.of(session, owner).shown}",
            )
        )  # fmt: skip
    found.count_rest(Kind.PREPARED_TRANSACTION, rows[0][-1] if rows else 0, len(rows))
    return found


def settings(session: Session) -> Found:
    """Which settings roles and databases have; their values are not read, for an own setting may hold a secret."""
    rows = session.rows(
        f"SELECT r.rolname, d.datname,"
        " (SELECT string_agg(split_part(c, '=', 1), ', ' ORDER BY 1) FROM unnest(s.setconfig) c), count(*) OVER ()"
        " FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole"
        " LEFT JOIN pg_database d ON d.oid = s.setdatabase"
        f" WHERE (r.oid IS NULL OR (r.oid >= {FIRST_OID_OF_USERS} AND NOT {is_amazons('r.rolname')}))"
        f" AND (d.oid IS NULL OR d.datname <> 'rdsadmin') ORDER BY 1, 2 LIMIT {NAMED_PER_KIND}"
    )
    found = Found()
    for role_digits, database_digits, names, _ in rows:
        role, database = Name.of(session, role_digits), Name.of(session, database_digits)
        parts = [f"role {role.shown}"] if role.raw else []
        parts += [f"database {database.shown}"] if database.raw else []
        whose = " in ".join(parts) or "all roles"
        target, quoted = "ROLE ALL", []
        if role.raw:
            target = "ROLE {} IN DATABASE {}" if database.raw else "ROLE {}"
            quoted = [role.quoted, database.quoted] if database.raw else [role.quoted]
        elif database.raw:
            target, quoted = "DATABASE {}", [database.quoted]
        reset = statement(f"ALTER {target} RESET ALL;", *quoted, shown=whose)
        found.things.append(Finding(Kind.SETTING, "", whose, reset, visible(names or "")))
    found.count_rest(Kind.SETTING, rows[0][-1] if rows else 0, len(rows))
    return found
