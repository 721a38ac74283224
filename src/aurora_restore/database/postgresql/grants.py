"""Brings privileges to what the levels say, acting for the roles that own the objects.

The master of an Aurora cluster is not a superuser: what another role owns, only that role or a member of it can
grant. So for the length of one transaction the master becomes a member of every owner concerned, which it may
where it made the role, or has ADMIN on it (PostgreSQL 16 and later ask for that of a member of rds_superuser too;
before, CREATEROLE was enough). Whether each grant took hold is asked of the catalog afterwards, since PostgreSQL
answers a grant without the right to it with a warning alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from aurora_restore.database.postgresql import privileges
from aurora_restore.database.postgresql.privileges import KINDS, DefaultDifference, Difference
from aurora_restore.database.postgresql.quoting import identifier
from aurora_restore.database.postgresql.session import Session
from aurora_restore.domain.errors import DbUserSetupFailed
from aurora_restore.domain.outward import ForeignTables
from aurora_restore.domain.users import Access

_OBJECTS_PER_STATEMENT = 200
# What is done in one transaction stays, whatever becomes of the call: a database may hold 100,000 tables.
_STATEMENTS_PER_TRANSACTION = 10
_NAMES_IN_A_MESSAGE = 5
# Warnings of PostgreSQL: "no privileges were granted", "no privileges could be revoked" and their like for some of
# them. The words may be in any language.
_NOT_GRANTED = ("(SQLSTATE 01007)", "(SQLSTATE 01006)")


class OutOfTime(Exception):
    """The time of the call is over before the work is. What was done stays; `changed`: the users that it changed."""

    def __init__(self, changed: set[str]) -> None:
        super().__init__()
        self.changed = changed


@dataclass(frozen=True)
class Outcome:
    """`changed`: the users of which something was changed; `notes`: for each user, what is not as its level says."""

    changed: set[str]
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


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

    @property
    def grantors(self) -> set[str]:
        """Roles that are not owners and that granted what is too much."""
        return {surplus.grantor for item in self.objects for surplus in item.surplus if surplus.grantor}

    @property
    def is_of_later_objects(self) -> bool:
        """Whether nothing is wrong with what there is, and nothing is too much."""
        return not self.objects and not any(item.surplus for item in self.defaults)


@dataclass(frozen=True)
class _Answer:
    """What the server said to one statement; `privilege_missing`: that the master lacks the right to it."""

    words: str
    privilege_missing: bool


def bring_about(
    session: Session,
    master: str,
    entitlements: Sequence[Entitlement],
    creators: Iterable[str],
    has_time: Callable[[], bool],
) -> Outcome:
    """Grant what is missing and take back what is too much, in the session's database.

    `creators`: roles, beside those that own something here, whose later objects are to be open to the users. What a
    role for which the master may not act makes later is not: that is noted, and fails nothing.

    Raises:
        DbUserSetupFailed: a user lacks, or keeps, a privilege after all; names user, database and objects.
        OutOfTime: some of it is done; the next call finds what is left.
    """
    everyone = sorted({*privileges.owners(session), master, *creators})
    before = _differences(session, entitlements, everyone)
    changes = [change for change in before if change.owners]
    if not changes:
        return Outcome(set())
    roles = set().union(*(change.owners | change.grantors for change in changes))
    answers: list[_Answer] = []
    statements = _statements(changes)
    for start in range(0, len(statements), _STATEMENTS_PER_TRANSACTION):
        if start and not has_time():
            raise OutOfTime({change.entitlement.username for change in changes})
        with session.transaction():
            # What was said before is not about these statements.
            session.warnings()
            # The roles are borrowed for the length of the transaction.
            borrowed, refusals = _join(session, roles)
            answers += refusals
            for statement in statements[start : start + _STATEMENTS_PER_TRANSACTION]:
                answers += _answers_to(session, statement)
            for statement in borrowed:
                session.run(statement)
    after = _differences(session, entitlements, everyone)
    notes = {
        change.entitlement.username: tuple(_remainder(session, master, change, answers)) for change in after
    }
    changed = {one.entitlement.username for one, other in zip(before, after, strict=True) if one != other}
    return Outcome(changed, notes)


def _answers_to(session: Session, statement: str) -> list[_Answer]:
    """Run it. A refusal ends nothing: what did not take hold is found again, and the words are shown with it."""
    refused = session.refusal(statement)
    if refused is not None:
        return [_Answer(str(refused), refused.lacks_privilege)]
    return [
        _Answer(words, privilege_missing=True) for words in session.warnings() if words.endswith(_NOT_GRANTED)
    ]


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


def _join(session: Session, roles: set[str]) -> tuple[list[str], list[_Answer]]:
    """Make the master a member of the roles, as far as it may; returns the statements that undo it, and refusals."""
    inherit = " WITH INHERIT TRUE" if session.version >= 160000 else ""
    undo, answers = [], []
    oids = dict(session.rows("SELECT rolname, oid FROM pg_roles"))
    for name in sorted(roles):
        oid, role = oids.get(name, 0), identifier(name)
        if session.value("SELECT pg_has_role(CAST(:oid AS oid), 'USAGE')", oid=oid):
            continue
        held_by_own_grant = session.rows(
            "SELECT 1 FROM pg_auth_members m WHERE m.roleid = CAST(:oid AS oid) AND m.grantor = m.member"
            " AND m.member = (SELECT oid FROM pg_roles WHERE rolname = current_user)",
            oid=oid,
        )
        refused = _answers_to(session, f"GRANT {role} TO current_user{inherit}")
        answers += refused
        # A membership that the master had given itself before stays, without the inheritance that it did not have.
        if not refused:
            undo.append(
                f"GRANT {role} TO current_user WITH INHERIT FALSE"
                if held_by_own_grant and inherit
                else f"REVOKE {role} FROM current_user"
            )
    return undo, answers


def _statements(changes: list[_Change]) -> list[str]:
    statements = []
    for change in changes:
        grantee = identifier(change.entitlement.username)
        statements += _object_statements(change.objects, grantee)
        for difference in change.defaults:
            schema = f" IN SCHEMA {identifier(difference.schema)}" if difference.schema else ""
            for_role = f"ALTER DEFAULT PRIVILEGES FOR ROLE {identifier(difference.owner)}{schema}"
            objects = difference.objects
            if difference.missing:
                statements.append(
                    f"{for_role} GRANT {', '.join(difference.missing)} ON {objects} TO {grantee}"
                )
                continue
            revoked: dict[str, list[str]] = {}
            for surplus in difference.surplus:
                revoked.setdefault("GRANT OPTION FOR " if surplus.option else "", []).append(
                    surplus.privilege
                )
            statements += [
                f"{for_role} REVOKE {option}{', '.join(names)} ON {objects} FROM {grantee}"
                for option, names in revoked.items()
            ]
    return statements


def _object_statements(differences: list[Difference], grantee: str) -> list[str]:
    """One statement for many objects of the same kind, owner and privileges: a schema may hold thousands."""
    groups: dict[tuple[str, str, str, str], list[str]] = {}
    for difference in differences:
        verbs = [(f"GRANT {', '.join(difference.missing)}", "")] if difference.missing else []
        # Only the role that granted a privilege can take it back.
        revoked: dict[tuple[str, str], list[str]] = {}
        for surplus in difference.surplus:
            verb = "REVOKE GRANT OPTION FOR" if surplus.option else "REVOKE"
            revoked.setdefault((verb, surplus.grantor), []).append(surplus.what)
        verbs += [(f"{verb} {', '.join(names)}", grantor) for (verb, grantor), names in revoked.items()]
        for verb, grantor in verbs:
            groups.setdefault((verb, difference.kind, difference.owner, grantor), []).append(difference.name)
    statements = []
    for (verb, kind, _, grantor), names in groups.items():
        for start in range(0, len(names), _OBJECTS_PER_STATEMENT):
            objects = ", ".join(names[start : start + _OBJECTS_PER_STATEMENT])
            preposition = "TO" if verb.startswith("GRANT ") else "FROM"
            statement = f"{verb} ON {KINDS[kind].grant_word} {objects} {preposition} {grantee}"
            if grantor:
                # As the role that made the grant: GRANTED BY takes no role but the current one.
                statement = f"SET LOCAL ROLE {identifier(grantor)}; {statement}; SET LOCAL ROLE NONE"
            statements.append(statement)
    return statements


def _remainder(session: Session, master: str, change: _Change, answers: list[_Answer]) -> list[str]:
    """What is left of a change, as notes; an error where the user cannot do without, or is not to have it."""
    if not change.owners:
        return []
    lacks_a_right = any(answer.privilege_missing for answer in answers)
    if change.is_of_later_objects and lacks_a_right:
        kinds: dict[str, list[str]] = {}
        for difference in change.defaults:
            kinds.setdefault(difference.owner, []).append(f"later {difference.objects.lower()}")
        return [
            f"note: in {session.database} it gets nothing on {', '.join(words)} of {session.readable(owner)}, for "
            f"which the master user {master} may not act"
            for owner, words in kinds.items()
        ]
    problems = []
    objects = [(d.missing, d.surplus, d.owner, d.name) for d in change.objects]
    later = [(d.missing, d.surplus, d.owner, f"later {d.objects.lower()}") for d in change.defaults]
    for left in (objects, later):
        problems += _in_words(session, "lacks", [(missing, owner, name) for missing, _, owner, name in left])
        kept = [(tuple(map(str, surplus)), owner, name) for _, surplus, owner, name in left]
        problems += _in_words(session, "keeps", kept)
    said = list(dict.fromkeys(answer.words for answer in answers))
    words = f" The server said: {'; '.join(said[:_NAMES_IN_A_MESSAGE])}." if said else ""
    hint = (
        "Mend in the source cluster what the server's words name, and restore a snapshot taken after that; or ask "
        "for other users."
    )
    if lacks_a_right:
        roles = ", ".join(sorted(change.owners | change.grantors))
        hint = (
            f"Let the master user {master} act for {roles}: `GRANT <role> TO {master} WITH ADMIN OPTION` in the"
            " source cluster, and restore a snapshot taken after that."
        )
    raise DbUserSetupFailed(
        f"In database {session.database} the user {change.entitlement.username} {'; '.join(problems)}.{words}",
        hint,
    )


def _in_words(session: Session, verb: str, entries: list[tuple[tuple[str, ...], str, str]]) -> list[str]:
    found: dict[tuple[tuple[str, ...], str], list[str]] = {}
    for granted, owner, name in entries:
        if granted:
            found.setdefault((granted, owner), []).append(session.readable(name))
    words = []
    for (granted, owner), names in found.items():
        more = f" and {len(names) - _NAMES_IN_A_MESSAGE} more" if len(names) > _NAMES_IN_A_MESSAGE else ""
        words.append(
            f"{verb} {', '.join(granted)} on {', '.join(names[:_NAMES_IN_A_MESSAGE])}{more} of {owner}"
        )
    return words
