"""The logins to other servers that are stored in a database. No password is ever read: options come as their names.

The options of a mapping for PUBLIC are shown to the owner of the foreign server, those of another to its own user with
USAGE on the server (PostgreSQL documentation, "pg_user_mappings"): so they are asked for as that role.
"""

from __future__ import annotations

from dataclasses import dataclass

from aurora_restore.database.found import Found
from aurora_restore.database.postgresql.acting import looking_as
from aurora_restore.database.postgresql.findings_of_cluster import MOST_FUSES
from aurora_restore.database.postgresql.names import Name, statement
from aurora_restore.database.postgresql.quoting import identifier, literal
from aurora_restore.database.postgresql.session import ServerRefused, Session
from aurora_restore.domain.came_along import Finding, Kind
from aurora_restore.domain.defusing import Fuse
from aurora_restore.domain.visible_text import visible

_EVERYONE = "PUBLIC"


class _NoLetters(Exception):
    """Something is in an encoding that is not known, so that no statement for people can hold it."""


@dataclass(frozen=True)
class _Mapping:
    oid: int
    server: Name
    owner: Name
    user: Name | None
    """None: for PUBLIC."""

    @property
    def sent_for_whom(self) -> str:
        return identifier(self.user.raw) if self.user else _EVERYONE

    @property
    def for_whom(self) -> str | None:
        """For a statement that people copy."""
        return self.user.quoted if self.user else _EVERYONE

    @property
    def shown(self) -> str:
        return f"{self.user.shown if self.user else _EVERYONE} at {self.server.shown}"


def user_mappings(session: Session) -> Found:
    rows = session.rows(
        f"SELECT m.umid, CAST(m.srvname AS text), o.rolname, m.umuser <> 0,"  # noqa: S608
        f" u.rolname, count(*) OVER () FROM pg_user_mappings m"
        " JOIN pg_foreign_server s ON s.oid = m.srvid JOIN pg_roles o ON o.oid = s.srvowner"
        f" LEFT JOIN pg_roles u ON u.oid = m.umuser ORDER BY m.umuser <> 0, m.umid LIMIT {MOST_FUSES}"
    )
    found = Found()
    for oid, server, owner, is_of_user, user, _ in rows:
        login = Name.of(session, user) if is_of_user else None
        mapping = _Mapping(oid, Name.of(session, server), Name.of(session, owner), login)
        _add(found, session, mapping)
    found.count_rest(Kind.USER_MAPPING, rows[0][-1] if rows else 0, len(rows))
    return found


def _add(found: Found, session: Session, mapping: _Mapping) -> None:
    ends_with = statement(
        "DROP USER MAPPING FOR {} SERVER {};", mapping.for_whom, mapping.server.quoted, shown=mapping.shown
    )
    try:
        options = _options(session, mapping)
        detail, hidden = f"options: {', '.join(options) or 'none'}", ""
    except (ServerRefused, _NoLetters) as refused:
        options = {}
        hidden = f"its options cannot be seen, so that it could not be made again ({refused})"
        detail = "options that cannot be seen"
    database = visible(session.database)
    found.things.append(Finding(Kind.USER_MAPPING, database, mapping.shown, ends_with, detail))
    if mapping.for_whom is None or mapping.server.quoted is None:
        hidden = "its name cannot be written in letters, so that it could not be made again"
    # The password is never read, so that a person has to put it back in.
    written = ", ".join(
        f"{name} {literal(value)}" if name == "user" else f"{name} '...'" for name, value in options.items()
    )
    ending = f" OPTIONS ({written})" if written else ""
    take_back = f"CREATE USER MAPPING FOR {mapping.for_whom} SERVER {mapping.server.quoted}{ending};"
    drop = f"DROP USER MAPPING IF EXISTS FOR {mapping.sent_for_whom} SERVER {identifier(mapping.server.raw)}"
    found.fuses.append(
        Fuse(
            Kind.USER_MAPPING,
            database,
            mapping.shown,
            before={"options": list(options), "user": options.get("user")},
            statements=(drop,),
            take_back=(take_back,),
            connect_to=session.database,
            owner=mapping.owner.raw,
            unreachable=hidden,
        )
    )


def _options(session: Session, mapping: _Mapping) -> dict[str, str]:
    """The names of the options; the value of `user` alone. All else stays on the server: a password is among it."""
    query = (
        "SELECT split_part(o, '=', 1), CASE WHEN o LIKE 'user=%' THEN substr(o, 6) END"
        " FROM pg_user_mappings m, unnest(m.umoptions) o WHERE m.umid = :umid"
    )
    owner, user = mapping.owner.raw, mapping.user
    if user is None:
        look = looking_as(session, owner)
    else:
        usage = f"GRANT USAGE ON FOREIGN SERVER {identifier(mapping.server.raw)} TO {identifier(user.raw)}"
        look = looking_as(session, user.raw, granted=usage, granted_by=owner)
    with look:
        rows = session.rows(query, umid=mapping.oid)
    return {_in_letters(session, name): _in_letters(session, value or "") for name, value in rows}


def _in_letters(session: Session, text: str) -> str:
    letters = session.letters(text)
    if letters is None:
        raise _NoLetters("they cannot be written in letters")
    return letters
