"""What an access level means in a database, and how what stands differs from it.

The catalog is asked with the server's own has_*_privilege functions, so that what comes through PUBLIC or a
membership counts, and a GRANT that the server answered with no more than a warning does not.
"""
# ruff: noqa: S608 - statements are made of the constants of this file; values are sent apart from them

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aurora_restore.database.amazon_roles import is_amazons
from aurora_restore.database.session import Session
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


def _wanted(kind: str, level: Access | None, foreign: ForeignTables) -> tuple[str, ...]:
    """The privileges of a level on a kind; on what leads to a foreign table no more than was asked for."""
    if kind != "FOREIGN":
        return _LEVELS[level][kind]
    return tuple(privilege for privilege in _LEVELS[level]["TABLE"] if privilege in _FOREIGN[foreign])


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


# What reads or writes another server. What is stored in a materialized view is stored here, wherever it came from.
LEADS_OUT = """(
    WITH RECURSIVE leads_out AS (
        SELECT oid FROM pg_class WHERE relkind = 'f'
        UNION
        SELECT found.oid FROM leads_out l, LATERAL (
            SELECT i.inhparent AS oid FROM pg_inherits i WHERE i.inhrelid = l.oid
            UNION ALL
            SELECT v.oid FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
                JOIN pg_class v ON v.oid = r.ev_class AND v.relkind = 'v'
                WHERE d.classid = CAST('pg_rewrite' AS regclass) AND d.refobjid = l.oid
                AND d.refclassid = CAST('pg_class' AS regclass)) found)
    SELECT oid FROM leads_out)"""

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
        + f" AND c.oid NOT IN {LEADS_OUT}",
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
"""`VIEW` stands for materialized views: they are read like tables and never written. `FOREIGN` are foreign tables and
what leads to one: a view of it, and a table of which it is a partition or a child."""


@dataclass(frozen=True)
class Surplus:
    """A privilege that a user was given beyond the level, or (`option`) the right to pass it on.

    `grantor` is the role that gave it where that is not the owner: only that role can take it back.
    """

    privilege: str
    option: bool = False
    grantor: str = ""

    def __str__(self) -> str:
        what = f"the grant option of {self.privilege}" if self.option else self.privilege
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
# RDS itself and of superusers are nobody's to grant, and are left as they are.
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
        rows = session.rows(
            _difference_query(kind),
            username=username,
            wanted=list(_wanted(kind, level, foreign)),
            keep=level is Access.ADMIN,
        )
        found += [
            Difference(kind, name, owner, tuple(missing), tuple(map(_surplus, surplus)))
            for name, owner, missing, surplus in rows
        ]
    return found


def _surplus(text: str) -> Surplus:
    """Read what `_difference_query` writes: the privilege, whether it is the option, the grantor's name."""
    privilege, option, grantor = text.split(" ", 2)
    return Surplus(privilege, option == "option", grantor)


def _difference_query(kind: str) -> str:
    return f"""
        WITH objects AS ({KINDS[kind].source}), decided AS ({_DECIDING_OWNER}),
        who AS (
            SELECT oid, CAST(:wanted AS text[]) AS wanted, CAST(:keep AS boolean) AS keep
            FROM pg_roles WHERE rolname = :username),
        judged AS (
            SELECT o.name, o.decider,
                ARRAY(SELECT p FROM unnest(who.wanted) p
                    WHERE NOT {KINDS[kind].function}(who.oid, o.oid, p)) AS missing,
                ARRAY(SELECT DISTINCT a.privilege_type
                    || CASE WHEN a.privilege_type = ANY (who.wanted) THEN ' option ' ELSE ' all ' END
                    || CASE WHEN a.grantor = o.owner THEN '' ELSE
                        (SELECT g.rolname::text FROM pg_roles g WHERE g.oid = a.grantor) END
                    FROM aclexplode(o.acl) a
                    WHERE a.grantee = who.oid AND o.owner <> who.oid AND NOT who.keep
                    AND (a.is_grantable OR NOT a.privilege_type = ANY (who.wanted))
                    ORDER BY 1) AS surplus
            FROM decided o, who)
        SELECT name, decider, missing, surplus FROM judged
        WHERE missing <> '{{}}' OR surplus <> '{{}}' ORDER BY name
    """


def excesses(
    session: Session, username: str, level: Access, foreign: ForeignTables = ForeignTables.NONE
) -> list[Excess]:
    """What a read_only or read_write user can do beyond the level, by whatever way it came."""
    writes = {
        kind: [p for p in _TABLE_WRITES if p not in _wanted(kind, level, foreign)]
        for kind in ("TABLE", "FOREIGN")
    }
    queries: list[tuple[str, str, list[str]]] = [
        ("DATABASE", "has_database_privilege(who.oid, o.oid, p)", ["CREATE"]),
        ("SCHEMA", "has_schema_privilege(who.oid, o.oid, p)", ["CREATE"]),
        *((kind, _TABLE_OR_COLUMN, [*beyond, "OWNER"]) for kind, beyond in writes.items()),
    ]
    return [
        Excess(f"{KINDS[kind].grant_word.lower()} {name}", privilege, public)
        for kind, judgement, beyond in queries
        for name, privilege, public in session.rows(
            _excess_query(kind, judgement), username=username, beyond=beyond
        )
    ]


_TABLE_OR_COLUMN = """CASE p WHEN 'OWNER' THEN o.owner = who.oid
    WHEN 'DELETE' THEN has_table_privilege(who.oid, o.oid, p)
    WHEN 'TRUNCATE' THEN has_table_privilege(who.oid, o.oid, p)
    ELSE has_any_column_privilege(who.oid, o.oid, p) END"""


def _excess_query(kind: str, judgement: str) -> str:
    # In a database made before PostgreSQL 15 everyone may create objects in `public`, which is Amazon's there.
    of_amazon_too = "j.public" if kind == "SCHEMA" else "false"
    return f"""
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
