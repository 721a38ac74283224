"""Brings privileges to what the levels say, acting for the roles that own the objects.

The master of an Aurora cluster is no superuser: what another role owns, only that role or a member of it can
grant. So for the length of one transaction the master becomes a member of every owner concerned, which it may
where it made the role or (on RDS) as a member of rds_superuser. Whether each grant took hold is asked of the
catalog afterwards, since PostgreSQL answers a grant without the right to it with a warning alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aurora_restore.database import privileges
from aurora_restore.database.privileges import KINDS, DefaultDifference, Difference
from aurora_restore.database.quoting import identifier
from aurora_restore.database.session import Session
from aurora_restore.domain.errors import DbUserSetupFailed
from aurora_restore.domain.outward import ForeignTables
from aurora_restore.domain.users import Access

_OBJECTS_PER_STATEMENT = 200
_NAMES_IN_A_MESSAGE = 5


@dataclass(frozen=True)
class Entitlement:
    """The level that a user is to have in one database; None where the user is to have none there."""

    username: str
    level: Access | None
    foreign_tables: ForeignTables = ForeignTables.NONE


@dataclass(frozen=True)
class _Change:
    entitlement: Entitlement
    objects: list[Difference]
    defaults: list[DefaultDifference]

    @property
    def owners(self) -> set[str]:
        return {item.owner for item in self.objects} | {item.owner for item in self.defaults}


def bring_about(
    session: Session, master: str, entitlements: Sequence[Entitlement], creators: Iterable[str]
) -> set[str]:
    """Grant what is missing and take back what is too much, in the session's database.

    `creators`: roles, beside those that own something here, whose later objects are to be open to the users.
    Returns the names of the users for whom something was changed.

    Raises:
        DbUserSetupFailed: a user lacks, or keeps, a privilege after all; names user, database and objects.
    """
    everyone = sorted({*privileges.owners(session), master, *creators})
    changes = [change for change in _differences(session, entitlements, everyone) if change.owners]
    if not changes:
        return set()
    with session.transaction():
        borrowed = _join_owners(session, set().union(*(change.owners for change in changes)))
        for statement in _statements(changes):
            # Refusals are not lost: what did not take hold is found again below.
            session.refusal(statement)
        for statement in borrowed:
            session.run(statement)
    for change in _differences(session, entitlements, everyone):
        _refuse_remainder(session.database, master, change)
    return {change.entitlement.username for change in changes}


def _differences(session: Session, entitlements: Sequence[Entitlement], creators: list[str]) -> list[_Change]:
    return [
        _Change(
            entitlement,
            privileges.differences(
                session, entitlement.username, entitlement.level, entitlement.foreign_tables
            ),
            privileges.default_differences(session, entitlement.username, entitlement.level, creators),
        )
        for entitlement in entitlements
    ]


def _join_owners(session: Session, owners: set[str]) -> list[str]:
    """Make the master a member of the owners, as far as it may; returns the statements that undo it."""
    inherit = " WITH INHERIT TRUE" if int(session.value("SHOW server_version_num")) >= 160000 else ""
    undo = []
    for owner in sorted(owners):
        if session.value("SELECT pg_has_role(CAST(:owner AS name), 'USAGE')", owner=owner):
            continue
        held_by_own_grant = session.rows(
            "SELECT 1 FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid"
            " WHERE r.rolname = :owner AND m.grantor = m.member"
            " AND m.member = (SELECT oid FROM pg_roles WHERE rolname = current_user)",
            owner=owner,
        )
        role = identifier(owner)
        if session.refusal(f"GRANT {role} TO current_user{inherit}") is None:
            undo.append(
                f"GRANT {role} TO current_user WITH INHERIT FALSE"
                if held_by_own_grant and inherit
                else f"REVOKE {role} FROM current_user"
            )
    return undo


def _statements(changes: list[_Change]) -> list[str]:
    statements = []
    for change in changes:
        grantee = identifier(change.entitlement.username)
        statements += _object_statements(change.objects, grantee)
        statements += [_default_statement(difference, grantee) for difference in change.defaults]
    return statements


def _object_statements(differences: list[Difference], grantee: str) -> list[str]:
    """One statement for many objects of the same kind, owner and privileges: a schema may hold thousands."""
    groups: dict[tuple[str, str, str, tuple[str, ...]], list[str]] = {}
    for difference in differences:
        for verb, granted in (("GRANT", difference.missing), ("REVOKE", difference.surplus)):
            if granted:
                groups.setdefault((verb, difference.kind, difference.owner, granted), []).append(
                    difference.name
                )
    statements = []
    for (verb, kind, _, granted), names in groups.items():
        for start in range(0, len(names), _OBJECTS_PER_STATEMENT):
            objects = ", ".join(names[start : start + _OBJECTS_PER_STATEMENT])
            preposition = "TO" if verb == "GRANT" else "FROM"
            statements.append(
                f"{verb} {', '.join(granted)} ON {KINDS[kind].grant_word} {objects} {preposition} {grantee}"
            )
    return statements


def _default_statement(difference: DefaultDifference, grantee: str) -> str:
    schema = f" IN SCHEMA {identifier(difference.schema)}" if difference.schema else ""
    what = (
        f"GRANT {', '.join(difference.missing)} ON {difference.objects} TO {grantee}"
        if difference.missing
        else f"REVOKE {', '.join(difference.surplus)} ON {difference.objects} FROM {grantee}"
    )
    return f"ALTER DEFAULT PRIVILEGES FOR ROLE {identifier(difference.owner)}{schema} {what}"


def _refuse_remainder(database: str, master: str, change: _Change) -> None:
    if not change.owners:
        return
    faults = [
        *_in_words("lacks", [(d.missing, d.owner, d.name) for d in change.objects]),
        *_in_words("keeps", [(d.surplus, d.owner, d.name) for d in change.objects]),
        *_in_words("lacks", [(d.missing, d.owner, f"later {d.objects.lower()}") for d in change.defaults]),
        *_in_words("keeps", [(d.surplus, d.owner, f"later {d.objects.lower()}") for d in change.defaults]),
    ]
    owners = ", ".join(sorted(change.owners))
    raise DbUserSetupFailed(
        f"In database {database} the user {change.entitlement.username} {'; '.join(faults)}. The master user {master}"
        f" may not act for the owner ({owners}).",
        f"Let the master user act for it: `GRANT <owner> TO {master} WITH ADMIN OPTION` in the source cluster, and"
        " restore a snapshot taken after that.",
    )


def _in_words(verb: str, entries: list[tuple[tuple[str, ...], str, str]]) -> list[str]:
    found: dict[tuple[tuple[str, ...], str], list[str]] = {}
    for granted, owner, name in entries:
        if granted:
            found.setdefault((granted, owner), []).append(name)
    words = []
    for (granted, owner), names in found.items():
        more = f" and {len(names) - _NAMES_IN_A_MESSAGE} more" if len(names) > _NAMES_IN_A_MESSAGE else ""
        words.append(
            f"{verb} {', '.join(granted)} on {', '.join(names[:_NAMES_IN_A_MESSAGE])}{more} of {owner}"
        )
    return words
