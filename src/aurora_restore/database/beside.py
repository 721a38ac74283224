"""What of a database no level speaks of, and people should know: functions that act as their owner, large objects."""
# ruff: noqa: S608 - statements are made of constants

from __future__ import annotations

from aurora_restore.database.amazon_roles import is_amazons
from aurora_restore.database.session import Session

_NAMED_MOST = 3


def notes(session: Session) -> list[str]:
    return [*_definer_functions(session), *_large_objects(session)]


def _definer_functions(session: Session) -> list[str]:
    """Those that may write (VOLATILE), may be called by everyone, and are no part of an extension."""
    rows = session.rows(
        "SELECT p.oid::regprocedure::text, p.prokind = 'p' FROM pg_proc p"
        " JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_roles r ON r.oid = p.proowner"
        " WHERE p.prosecdef AND p.provolatile = 'v' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
        " AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)"
        f" AND NOT r.rolsuper AND NOT {is_amazons('r.rolname')}"
        " AND EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a"
        " WHERE a.grantee = 0 AND a.privilege_type = 'EXECUTE')"
        " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid"
        " AND d.deptype = 'e') ORDER BY 1"
    )
    if not rows:
        return []
    names = [session.readable(name) for name, _ in rows]
    kind = "PROCEDURE" if rows[0][1] else "FUNCTION"
    return [
        f"in {session.database} everyone may call {_listed(names)} (SECURITY DEFINER): what it does is done with the"
        f" rights of its owner, also for a read_only user; `REVOKE EXECUTE ON {kind} {names[0]} FROM PUBLIC` ends that"
    ]


def _large_objects(session: Session) -> list[str]:
    [[count, owners]] = session.rows(
        "SELECT count(*), string_agg(DISTINCT quote_ident(r.rolname), ', ') FROM pg_largeobject_metadata m"
        f" JOIN pg_roles r ON r.oid = m.lomowner WHERE NOT r.rolsuper AND NOT {is_amazons('r.rolname')}"
    )
    if not count:
        return []
    return [
        f"{session.database} holds {count} large object(s) of {owners}: no access level opens them to another user;"
        " `GRANT SELECT ON LARGE OBJECT <oid> TO <user>` does"
    ]


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED_MOST} more" if len(names) > _NAMED_MOST else ""
    return ", ".join(names[:_NAMED_MOST]) + more
