"""What came along in one database: one cheap question for each kind."""
# ruff: noqa: S608 - statements are made of the constants of this file

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aurora_restore.database.found import Found
from aurora_restore.database.postgresql.amazon_roles import is_amazons
from aurora_restore.database.postgresql.findings_of_cluster import FIRST_OID_OF_USERS
from aurora_restore.database.postgresql.names import Name, statement
from aurora_restore.database.postgresql.session import Session
from aurora_restore.domain.came_along import NAMED_PER_KIND, Finding, Kind
from aurora_restore.domain.visible_text import visible

_ORDINARY_SCHEMA = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
_MANY = 100_000

CALLING_EXTENSIONS: Mapping[str, str] = {
    "aws_lambda": "calls Lambda functions, with the roles of the cluster",
    "aws_s3": "reads and writes S3, with the roles of the cluster",
    "aws_ml": "calls Comprehend, SageMaker and Bedrock, with the roles of the cluster",
    "dblink": "opens connections to other databases",
    "file_fdw": "reads files of the server",
    "http": "sends HTTP requests",
    "log_fdw": "reads the logs of the server",
    "mysql_fdw": "has foreign tables of MySQL",
    "oracle_fdw": "has foreign tables of Oracle",
    "pg_cron": "runs jobs by itself wherever it is preloaded",
    "pg_net": "sends HTTP requests",
    "pglogical": "replicates by itself wherever it is preloaded; its subscriptions are not disabled by us",
    "postgres_fdw": "has foreign tables of PostgreSQL",
    "tds_fdw": "has foreign tables of SQL Server",
}
"""Of the extensions that Aurora PostgreSQL supports, and some that came before it: those that reach outside."""

# The options of a foreign server that say where it leads. All others are named without their values.
_WHERE_TO = "('host', 'hostaddr', 'port', 'dbname', 'dbserver', 'servername', 'database')"
_SERVER_OPTIONS = (
    f"(SELECT string_agg(CASE WHEN split_part(o, '=', 1) IN {_WHERE_TO} THEN o ELSE split_part(o, '=', 1) END, ', ')"
    " FROM unnest(s.srvoptions) o)"
)


@dataclass(frozen=True)
class Question:
    """One kind, its statement, and how a row is described. The last column is the number of all rows."""

    kind: Kind
    sql: str
    describe: Callable[[Session, Sequence[Any]], Finding]

    def ask(self, session: Session) -> Found:
        rows = session.rows(self.sql)
        found = Found([self.describe(session, row) for row in rows])
        found.count_rest(self.kind, rows[0][-1] if rows else 0, len(rows))
        return found


def _simple(
    kind: Kind, ends_with: str, details: Mapping[str, str] | None = None
) -> Callable[[Session, Sequence[Any]], Finding]:
    """For rows of a name and a detail; with `details` the detail is that of the name."""

    def describe(session: Session, row: Sequence[Any]) -> Finding:
        name = Name.of(session, row[0])
        ending = statement(ends_with, name.quoted, shown=name.shown)
        detail = details[name.raw] if details else visible(session.readable(str(row[1] or "")))
        return Finding(kind, visible(session.database), name.shown, ending, detail)

    return describe


def _spelled(kind: Kind, ends_with: str, of: str = "") -> Callable[[Session, Sequence[Any]], Finding]:
    """For rows of a name that the server has quoted already, and a detail; with `of` the detail is a name too."""

    def describe(session: Session, row: Sequence[Any]) -> Finding:
        name = Name.of(session, row[0])
        is_plain = name.text is not None and name.text.isprintable()
        ending = statement(ends_with, name.text if is_plain else None, shown=name.shown)
        detail = (
            f"{of} {Name.of(session, row[1]).shown}" if of else visible(session.readable(str(row[1] or "")))
        )
        return Finding(kind, visible(session.database), name.shown, ending, detail)

    return describe


def _large_objects(session: Session, row: Sequence[Any]) -> Finding:
    count = int(row[0])
    said = f"{count} or more" if count >= _MANY else str(count)
    ends_with = "SELECT lo_unlink(oid) FROM pg_largeobject_metadata;"
    return Finding(
        Kind.LARGE_OBJECTS,
        "",
        visible(session.database),
        ends_with,
        f"{said} of {Name.of(session, row[1]).shown}",
    )


QUESTIONS: tuple[Question, ...] = (
    Question(
        Kind.FOREIGN_SERVER,
        f"SELECT CAST(s.srvname AS text), {_SERVER_OPTIONS}, count(*) OVER ()"
        f" FROM pg_foreign_server s ORDER BY s.srvname LIMIT {NAMED_PER_KIND}",
        _simple(Kind.FOREIGN_SERVER, "DROP SERVER {} CASCADE;"),
    ),
    Question(
        Kind.CALLING_EXTENSION,
        "SELECT CAST(extname AS text), count(*) OVER () FROM pg_extension WHERE CAST(extname AS text) IN"
        f" ({', '.join(repr(name) for name in CALLING_EXTENSIONS)}) ORDER BY 1",
        _simple(Kind.CALLING_EXTENSION, "DROP EXTENSION {} CASCADE;", CALLING_EXTENSIONS),
    ),
    Question(
        Kind.PUBLICATION,
        f"SELECT CAST(pubname AS text),"
        " CASE WHEN puballtables THEN 'of all tables' ELSE '' END, count(*) OVER ()"
        f" FROM pg_publication ORDER BY pubname LIMIT {NAMED_PER_KIND}",
        _simple(Kind.PUBLICATION, "DROP PUBLICATION {};"),
    ),
    Question(
        Kind.EVENT_TRIGGER,
        f"SELECT CAST(e.evtname AS text), CAST(e.evtevent AS text), count(*) OVER ()"
        " FROM pg_event_trigger e JOIN pg_roles r ON r.oid = e.evtowner"
        f" WHERE e.evtenabled <> 'D' AND NOT {is_amazons('r.rolname')} ORDER BY e.evtname LIMIT {NAMED_PER_KIND}",
        _simple(Kind.EVENT_TRIGGER, "ALTER EVENT TRIGGER {} DISABLE;"),
    ),
    Question(
        Kind.DEFINER_FUNCTION,
        f"SELECT CAST(CAST(p.oid AS regprocedure) AS text),"
        f" r.rolname, count(*) OVER () FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
        f" JOIN pg_roles r ON r.oid = p.proowner WHERE p.prosecdef AND p.provolatile = 'v' AND {_ORDINARY_SCHEMA}"
        " AND p.prorettype NOT IN (CAST('trigger' AS regtype), CAST('event_trigger' AS regtype))"
        f" AND r.oid >= {FIRST_OID_OF_USERS} AND NOT {is_amazons('r.rolname')}"
        " AND EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a"
        " WHERE a.grantee = 0 AND a.privilege_type = 'EXECUTE')"
        " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = CAST('pg_proc' AS regclass) AND d.objid = p.oid"
        f" AND d.deptype = 'e') ORDER BY n.nspname, p.proname, p.oid LIMIT {NAMED_PER_KIND}",
        _spelled(Kind.DEFINER_FUNCTION, "REVOKE EXECUTE ON ROUTINE {} FROM PUBLIC;", "of"),
    ),
    Question(
        Kind.LARGE_OBJECTS,
        f"SELECT c, owners, 1 FROM (SELECT count(*) AS c, string_agg(DISTINCT CAST(r.rolname AS text), ', ') AS owners"
        f" FROM (SELECT lomowner FROM pg_largeobject_metadata LIMIT {_MANY}) l"
        " JOIN pg_roles r ON r.oid = l.lomowner) k WHERE c > 0",
        _large_objects,
    ),
    Question(
        Kind.INVALID_INDEX,
        f"SELECT CAST(CAST(i.indexrelid AS regclass) AS text),"
        f" CAST(c.relname AS text), count(*) OVER ()"
        " FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid"
        " JOIN pg_namespace n ON n.oid = c.relnamespace"
        f" WHERE NOT i.indisvalid AND {_ORDINARY_SCHEMA} ORDER BY i.indexrelid LIMIT {NAMED_PER_KIND}",
        _spelled(Kind.INVALID_INDEX, "REINDEX INDEX CONCURRENTLY {};", "on"),
    ),
    Question(
        Kind.COLLATION,
        f"SELECT CAST(CAST(c.oid AS regcollation) AS text),"
        " c.collversion || ' then, ' || v.now || ' now', count(*) OVER ()"
        " FROM pg_collation c, LATERAL (SELECT pg_collation_actual_version(c.oid) AS now) v"
        f" WHERE c.collversion <> v.now ORDER BY c.oid LIMIT {NAMED_PER_KIND}",
        _spelled(
            Kind.COLLATION,
            "REINDEX DATABASE CONCURRENTLY; ALTER COLLATION {} REFRESH VERSION;",
        ),
    ),
)


def default_collation(session: Session) -> Found:
    """The database's own collation, which PostgreSQL knows the version of since 15."""
    if session.version < 150000:
        return Found()
    rows = session.rows(
        "SELECT d.datname, d.datcollversion || ' then, ' || v.now || ' now' FROM pg_database d,"
        " LATERAL (SELECT pg_database_collation_actual_version(d.oid) AS now) v"
        " WHERE d.datname = current_database() AND d.datcollversion <> v.now"
    )
    describe = _simple(
        Kind.COLLATION, "REINDEX DATABASE CONCURRENTLY; ALTER DATABASE {} REFRESH COLLATION VERSION;"
    )
    return Found([describe(session, row) for row in rows])
