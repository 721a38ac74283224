"""What an access level means in a database, and how what exists differs from it.

The catalog is asked with the server's own has_*_privilege functions, so that what comes through PUBLIC or a
membership counts, and a GRANT that the server answered with no more than a warning does not.
"""
# ruff: noqa: S608 - statements are made of the constants of this file; values are sent apart from them

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aurora_restore.database.postgresql.amazon_roles import is_amazons
from aurora_restore.database.postgresql.leading_out import LEADS_OUT, WRITES_LEAD_OUT
from aurora_restore.database.postgresql.session import Session
from aurora_restore.domain.outward import ForeignTables
from aurora_restore.domain.users import Access

_READ_ONLY: dict[str, tuple[str, ...]] = {
    "DATABASE": ("CONNECT",),
    "SCHEMA": ("USAGE",),
    "TABLE": ("SELECT",),
    "VIEW": ("SELECT",),
    "SEQUENCE": ("SELECT",),
    "ROUTINE": (),
}
_READ_WRITE = _READ_ONLY | {
    "TABLE": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "SEQUENCE": ("SELECT", "USAGE", "UPDATE"),
    "ROUTINE": ("EXECUTE",),
}
_ADMIN = _READ_WRITE | {"DATABASE": ("CONNECT", "CREATE"), "SCHEMA": ("USAGE", "CREATE")}
_NONE: dict[str, tuple[str, ...]] = dict.fromkeys(_READ_ONLY, ())

_LEVELS: dict[Access | None, Mapping[str, tuple[str, ...]]] = {
    None: _NONE,
    Access.READ_ONLY: _READ_ONLY,
    Access.READ_WRITE: _READ_WRITE,
    Access.ADMIN: _ADMIN,
}

_FOREIGN: Mapping[ForeignTables, tuple[str, ...]] = {
    ForeignTables.NONE: (),
    ForeignTables.READ_ONLY: ("SELECT",),
    ForeignTables.READ_WRITE: ("SELECT", "INSERT", "UPDATE", "DELETE"),
}


# What leads to another server, and what may be done with it all the same, since it stays here.
_LEADING_OUT: Mapping[str, tuple[str, ...]] = {"FOREIGN": (), "SENT_ON": ("SELECT",)}


def _privileges_of(kind: str, level: Access | None, foreign: ForeignTables) -> tuple[str, ...]:
    """The privileges of a level on a kind; on what leads to a foreign table no more than was asked for."""
    if kind not in _LEADING_OUT:
        return _LEVELS[level][kind]
    asked_for = (*_FOREIGN[foreign], *_LEADING_OUT[kind])
    return tuple(privilege for privilege in _LEVELS[level]["TABLE"] if privilege in asked_for)


_TABLE_WRITES = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")

# Objects that are not the user's own kind of thing: the catalogs, and schemas of temporary tables.
_ORDINARY_SCHEMA = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"

_COLUMN_ACLS = (
    " UNION ALL SELECT unnest(a.attacl) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attacl IS NOT NULL"
)


@dataclass(frozen=True)
class Kind:
    """A kind of object: its word in GRANT, where its objects are listed, and which function judges it."""

    grant_word: str
    function: str
    source: str


def _relations(relkinds: str, acl: str) -> str:
    return (
        f"SELECT c.oid, c.oid::regclass::text AS name, c.relowner AS owner,"
        f" nullif(ARRAY({acl}), '{{}}'::aclitem[]) AS acl"
        f" FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        f" WHERE c.relkind::text = ANY ({relkinds}) AND {_ORDINARY_SCHEMA}"
    )


KINDS: Mapping[str, Kind] = {
    "DATABASE": Kind(
        "DATABASE",
        "has_database_privilege",
        "SELECT d.oid, quote_ident(d.datname) AS name, d.datdba AS owner, d.datacl AS acl"
        " FROM pg_database d WHERE d.datname = current_database()",
    ),
    "SCHEMA": Kind(
        "SCHEMA",
        "has_schema_privilege",
        "SELECT n.oid, quote_ident(n.nspname) AS name, n.nspowner AS owner, n.nspacl AS acl"
        f" FROM pg_namespace n WHERE {_ORDINARY_SCHEMA}",
    ),
    "TABLE": Kind(
        "TABLE",
        "has_table_privilege",
        _relations("'{r,p,f,v}'", "SELECT unnest(c.relacl)" + _COLUMN_ACLS)
        + f" AND c.oid NOT IN {LEADS_OUT} AND c.oid NOT IN {WRITES_LEAD_OUT}",
    ),
    "SENT_ON": Kind(
        "TABLE",
        "has_table_privilege",
        _relations("'{r,p,v}'", "SELECT unnest(c.relacl)" + _COLUMN_ACLS)
        + f" AND c.oid NOT IN {LEADS_OUT} AND c.oid IN {WRITES_LEAD_OUT}",
    ),
    "FOREIGN": Kind(
        "TABLE",
        "has_table_privilege",
        _relations("'{r,p,f,v}'", "SELECT unnest(c.relacl)" + _COLUMN_ACLS) + f" AND c.oid IN {LEADS_OUT}",
    ),
    "VIEW": Kind(
        "TABLE",
        "has_table_privilege",
        _relations("'{m}'", "SELECT unnest(c.relacl)" + _COLUMN_ACLS),
    ),
    "SEQUENCE": Kind("SEQUENCE", "has_sequence_privilege", _relations("'{S}'", "SELECT unnest(c.relacl)")),
    "ROUTINE": Kind(
        "ROUTINE",
        "has_function_privilege",
        "SELECT p.oid, p.oid::regprocedure::text AS name, p.proowner AS owner, p.proacl AS acl"
        f" FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {_ORDINARY_SCHEMA}",
    ),
}
"""`VIEW` means materialized views: they are read like tables and never written. `FOREIGN` are foreign tables and
what leads to one: a view of it, and a table of which it is a partition or a child. `SENT_ON` is read here, and what is
written to it arrives in another server."""


@dataclass(frozen=True)
class Surplus:
    """A privilege that a user was given beyond the level, or (`option`) the right to pass it on.

    `grantor` is the role that gave it where that is not the owner: only that role can take it back. `column` is the one
    that it was given on, quoted; empty for the whole object.
    """

    privilege: str
    option: bool = False
    grantor: str = ""
    column: str = ""

    @property
    def what(self) -> str:
        """As GRANT and REVOKE name it."""
        return f"{self.privilege} ({self.column})" if self.column else self.privilege

    def __str__(self) -> str:
        what = f"the grant option of {self.what}" if self.option else self.what
        return f"{what} (granted by {self.grantor})" if self.grantor else what


@dataclass(frozen=True)
class Difference:
    """What a user lacks, or was given beyond the level, on one object. `owner` is the role that decides."""

    kind: str
    name: str
    owner: str
    missing: tuple[str, ...]
    surplus: tuple[Surplus, ...]


@dataclass(frozen=True)
class Excess:
    """A privilege beyond the level that the user really has; `public`: because everyone has it."""

    name: str
    privilege: str
    public: bool


# `public` belongs to pg_database_owner, whose one member is the database's owner: that one decides. Objects of
# RDS itself and of superusers cannot be granted, and are left as they are.
_DECIDING_OWNER = f"""
    SELECT o.*, r.rolname AS decider FROM objects o
    JOIN pg_database d ON d.datname = current_database()
    JOIN pg_roles r ON r.oid = CASE WHEN o.owner = to_regrole('pg_database_owner') THEN d.datdba ELSE o.owner END
    WHERE NOT r.rolsuper AND NOT {is_amazons("r.rolname")}
"""


def differences(
    session: Session, username: str, level: Access | None, foreign: ForeignTables = ForeignTables.NONE
) -> list[Difference]:
    """How the user's privileges on what exists in this database differ from the level (None: no access).

    Missing is what the user effectively lacks. Surplus is what was granted to the user directly beyond the
    level, the right to pass a privilege on among it; an admin keeps what there is.
    """
    found = []
    for kind in KINDS:
        query = f"""
            WITH objects AS ({KINDS[kind].source}), decided AS ({_DECIDING_OWNER}),
            who AS (
                SELECT oid, CAST(:expected AS text[]) AS expected, CAST(:keep AS boolean) AS keep
                FROM pg_roles WHERE rolname = :username),
            judged AS (
                SELECT o.name, o.decider,
                    ARRAY(SELECT p FROM unnest(who.expected) p
                        WHERE NOT {KINDS[kind].function}(who.oid, o.oid, p)) AS missing,
                    ARRAY(SELECT DISTINCT ARRAY[a.privilege_type,
                        CASE WHEN a.privilege_type = ANY (who.expected) THEN 'option' ELSE 'all' END,
                        CASE WHEN a.grantor = o.owner THEN '' ELSE
                            (SELECT g.rolname::text FROM pg_roles g WHERE g.oid = a.grantor) END,
                        a.part]
                        FROM {_TABLE_ENTRIES if KINDS[kind].grant_word == "TABLE" else _ENTRIES} a
                        WHERE a.grantee = who.oid AND o.owner <> who.oid AND NOT who.keep
                        AND (a.is_grantable OR NOT a.privilege_type = ANY (who.expected))
                        ORDER BY 1) AS surplus
                FROM decided o, who)
            SELECT name, decider, missing, surplus FROM judged
            WHERE missing <> '{{}}' OR surplus <> '{{}}' ORDER BY name
        """
        rows = session.rows(
            query,
            username=username,
            expected=list(_privileges_of(kind, level, foreign)),
            keep=level is Access.ADMIN,
        )
        found += [
            Difference(
                kind,
                name,
                owner,
                tuple(missing),
                tuple(
                    Surplus(privilege, option == "option", grantor, part)
                    for privilege, option, grantor, part in surplus
                ),
            )
            for name, owner, missing, surplus in rows
        ]
    return found


_ENTRIES = "(SELECT e.*, '' AS part FROM aclexplode(o.acl) e)"
# The columns of a table are looked at only where one of its entries is the user's.
_TABLE_ENTRIES = """(
    SELECT e.*, '' AS part FROM pg_class c, aclexplode(c.relacl) e WHERE c.oid = o.oid
    UNION ALL SELECT e.*, '"' || replace(CAST(t.attname AS text), '"', '""') || '"'
        FROM pg_attribute t, aclexplode(t.attacl) e WHERE t.attrelid = o.oid AND t.attacl IS NOT NULL
        AND EXISTS (SELECT FROM aclexplode(o.acl) x WHERE x.grantee = who.oid))"""


def excesses(
    session: Session, username: str, level: Access, foreign: ForeignTables = ForeignTables.NONE
) -> list[Excess]:
    """What a read_only or read_write user can do beyond the level, by whatever way it came."""
    writes = {
        kind: [p for p in _TABLE_WRITES if p not in _privileges_of(kind, level, foreign)]
        for kind in ("TABLE", *_LEADING_OUT)
    }
    queries: list[tuple[str, str, list[str]]] = [
        ("DATABASE", "has_database_privilege(who.oid, o.oid, p)", ["CREATE"]),
        ("SCHEMA", "has_schema_privilege(who.oid, o.oid, p)", ["CREATE"]),
        *((kind, _TABLE_OR_COLUMN, [*beyond, "OWNER"]) for kind, beyond in writes.items()),
        *((kind, "o.owner = who.oid", ["OWNER"]) for kind in ("VIEW", "SEQUENCE", "ROUTINE")),
    ]
    found = []
    for kind, judgement, beyond in queries:
        # In a database made before PostgreSQL 15 everyone may create objects in `public`, which is Amazon's there.
        of_amazon_too = "j.public" if kind == "SCHEMA" else "false"
        query = f"""
            WITH objects AS ({KINDS[kind].source}), decided AS ({_DECIDING_OWNER}),
            who AS (SELECT oid FROM pg_roles WHERE rolname = :username),
            judged AS (
                SELECT o.oid, o.name, p,
                    EXISTS (SELECT FROM aclexplode(o.acl) a WHERE a.grantee = 0 AND a.privilege_type = p) AS public
                FROM objects o, who, unnest(CAST(:beyond AS text[])) p
                WHERE {judgement})
            SELECT j.name, j.p, j.public FROM judged j
            WHERE {of_amazon_too} OR j.oid IN (SELECT oid FROM decided) ORDER BY j.name, j.p
        """
        found += [
            Excess(f"{KINDS[kind].grant_word.lower()} {name}", privilege, public)
            for name, privilege, public in session.rows(query, username=username, beyond=beyond)
        ]
    return found


_TABLE_OR_COLUMN = """CASE p WHEN 'OWNER' THEN o.owner = who.oid
    WHEN 'DELETE' THEN has_table_privilege(who.oid, o.oid, p)
    WHEN 'TRUNCATE' THEN has_table_privilege(who.oid, o.oid, p)
    ELSE has_any_column_privilege(who.oid, o.oid, p) END"""


def sent_on(session: Session) -> list[str]:
    """The names of what is read here, and whose rows are sent on to another server when it is written to."""
    return [row[1] for row in session.rows(f"{KINDS['SENT_ON'].source} ORDER BY 2")]


_FUTURE_KINDS = {
    "TABLE": ("r", "TABLES"),
    "SEQUENCE": ("S", "SEQUENCES"),
    "ROUTINE": ("f", "FUNCTIONS"),
    "SCHEMA": ("n", "SCHEMAS"),
}


@dataclass(frozen=True)
class DefaultDifference:
    """How the default privileges of one owner for one kind differ; `schema` empty: for the whole database."""

    owner: str
    objects: str
    schema: str
    missing: tuple[str, ...]
    surplus: tuple[Surplus, ...]


def owners(session: Session) -> list[str]:
    """The roles that own something here, or the database itself, those of RDS aside."""
    everything = " UNION ALL ".join(f"SELECT owner FROM ({kind.source}) s" for kind in KINDS.values())
    rows = session.rows(
        f"WITH objects AS ({everything}), decided AS ({_DECIDING_OWNER})"
        " SELECT DISTINCT decider FROM decided ORDER BY 1"
    )
    return [row[0] for row in rows]


def default_differences(
    session: Session, username: str, level: Access | None, creators: list[str]
) -> list[DefaultDifference]:
    """How what the user will get on objects that `creators` make later differs from the level."""
    found = []
    for kind, (letter, objects) in _FUTURE_KINDS.items():
        # An admin makes what it needs; CREATE in schemas that others will make is not promised.
        privileges = tuple(p for p in _LEVELS[level][kind] if p != "CREATE")
        granted = _granted_defaults(session, username, letter)
        for owner in creators:
            held = {privilege for privilege, _ in granted.get((owner, ""), ())}
            missing = tuple(p for p in privileges if p not in held)
            if missing and owner != username:
                found.append(DefaultDifference(owner, objects, "", missing, ()))
        if level is Access.ADMIN:
            continue
        for (owner, schema), entries in granted.items():
            surplus = tuple(
                Surplus(privilege, option=privilege in privileges)
                for privilege, is_grantable in entries
                if is_grantable or privilege not in privileges
            )
            if surplus:
                found.append(DefaultDifference(owner, objects, schema, (), surplus))
    return found


def _granted_defaults(
    session: Session, username: str, letter: str
) -> dict[tuple[str, str], list[tuple[str, bool]]]:
    """Privileges by owner and schema, each with whether it may be passed on."""
    rows = session.rows(
        "SELECT r.rolname, coalesce(n.nspname, ''), a.privilege_type, bool_or(a.is_grantable)"
        " FROM pg_default_acl d JOIN pg_roles r ON r.oid = d.defaclrole"
        " LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace,"
        " aclexplode(d.defaclacl) a JOIN pg_roles u ON u.oid = a.grantee"
        ' WHERE u.rolname = :username AND r.oid <> u.oid AND d.defaclobjtype = CAST(:letter AS "char")'
        " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        username=username,
        letter=letter,
    )
    granted: dict[tuple[str, str], list[tuple[str, bool]]] = {}
    for owner, schema, privilege, is_grantable in rows:
        granted.setdefault((owner, schema), []).append((privilege, is_grantable))
    return granted
