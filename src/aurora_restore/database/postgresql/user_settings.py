"""Settings and limits that came along with the snapshot for the users that are asked for.

A setting that keeps a user from its work is reset where it is the user's own, and the report names it. A setting of the
database applies to every user: the report names it with the statement that ends it, and names every other setting.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from aurora_restore.database.postgresql.quoting import identifier
from aurora_restore.database.postgresql.roles import find_role
from aurora_restore.database.postgresql.session import Session
from aurora_restore.domain.users import Access, DbUser

_ON = frozenset({"on", "true", "tru", "tr", "t", "yes", "ye", "y", "1"})
_OFF = frozenset({"off", "of", "false", "fals", "fal", "fa", "f", "no", "n", "0"})
_READ_ONLY = frozenset({"default_transaction_read_only", "transaction_read_only"})
# A limit of time below this lets hardly any statement through.
_SHORT_MILLISECONDS = 1000.0
_TIMES = frozenset(
    {
        "statement_timeout",
        "lock_timeout",
        "transaction_timeout",
        "idle_in_transaction_session_timeout",
        "idle_session_timeout",
    }
)
_TIME = re.compile(r"\s*([0-9]*\.?[0-9]+)\s*(us|ms|s|min|h|d)?\s*")
_MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1e3, "min": 6e4, "h": 3.6e6, "d": 8.64e7}


@dataclass(frozen=True)
class Setting:
    """One that a login finds. `database` is empty for all; `is_everyones`: it is the database's and no role's."""

    name: str
    value: str
    database: str
    is_everyones: bool

    def breaks(self, user: DbUser) -> bool:
        """Whether the user cannot do with it what it is to do."""
        if self.name == "role":
            return self.value not in ("none", user.username)
        if self.name == "row_security":
            return self.value.lower() in _OFF
        if self.name in _READ_ONLY:
            return user.access is not Access.READ_ONLY and self.value.lower() in _ON
        time = _TIME.fullmatch(self.value)
        if self.name not in _TIMES or not time:
            return False
        # Zero is no limit.
        return 0 < float(time[1]) * _MILLISECONDS[time[2] or "ms"] < _SHORT_MILLISECONDS


def settings_of(session: Session, username: str) -> list[Setting]:
    """What came along for the role and for the databases."""
    rows = session.rows(
        "SELECT split_part(c, '=', 1), substr(c, strpos(c, '=') + 1), coalesce(d.datname, ''), s.setrole = 0"
        " FROM pg_db_role_setting s LEFT JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) c"
        " WHERE s.setrole IN (0, (SELECT oid FROM pg_roles WHERE rolname = :username)) ORDER BY 3, 4, 1",
        username=username,
    )
    return [Setting(*row) for row in rows]


@dataclass(frozen=True)
class Mended:
    """`notes`: a sentence for each thing that came along; `is_changed`: whether something of it was reset."""

    notes: tuple[str, ...]
    is_changed: bool


def mend(session: Session, user: DbUser, databases: list[str]) -> Mended:
    """Reset what breaks the user, in whichever database it holds, and say what came along.

    `databases`: those that the user is to have; settings for other databases are ignored.
    """
    notes, is_changed = [], False
    for setting in settings_of(session, user.username):
        is_used = not setting.database or setting.database in databases
        breaks = is_used and setting.breaks(user)
        if setting.is_everyones and breaks:
            # Other users may depend on it, so that it is left to a person.
            where = f"DATABASE {identifier(setting.database)}" if setting.database else "ROLE ALL"
            statement = f"ALTER {where} RESET {setting.name}"
            notes.append(f"{_said(setting)} came along for everyone and holds: `{statement}` ends it")
        elif breaks:
            within = f" IN DATABASE {identifier(setting.database)}" if setting.database else ""
            words, is_reset = _reset(session, user, f"{within} RESET {identifier(setting.name)}")
            notes.append(f"{_said(setting)} came along and {words}")
            is_changed = is_changed or is_reset
        elif is_used and not setting.is_everyones:
            notes.append(f"{_said(setting)} came along and holds")
    role = find_role(session, user.username)
    limit = role.connection_limit if role else -1
    if limit == 0:
        words, is_reset = _reset(session, user, " CONNECTION LIMIT -1")
        notes.append(f"CONNECTION LIMIT 0 came along and {words}")
        is_changed = is_changed or is_reset
    elif limit > 0:
        notes.append(f"CONNECTION LIMIT {limit} came along and holds")
    return Mended(tuple(f"note: {note}" for note in notes), is_changed)


def _reset(session: Session, user: DbUser, clause: str) -> tuple[str, bool]:
    """What became of it, in words, and whether it worked."""
    with session.transaction():
        refused = session.refusal(f"ALTER ROLE {identifier(user.username)}{clause}")
    return ("was reset", True) if refused is None else (f"could not be reset: {refused}", False)


def _said(setting: Setting) -> str:
    # A setting of the customer's own has a dot in its name, and may hold a secret.
    value = "" if "." in setting.name else f" = {setting.value}"
    return f"{setting.name}{value}" + (f" in {setting.database}" if setting.database else "")
