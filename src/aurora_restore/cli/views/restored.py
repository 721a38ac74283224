"""The result of a restore: addresses, instances, users, and the checks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from aurora_restore.cli.views.common import account_words, facts, heading, listed, plain_table, words


def render_restored(restored: Mapping[str, Any]) -> RenderableType:
    """The restored cluster: addresses, instances, users, checks."""
    checks = restored.get("verification") or []
    matching = sum(1 for check in checks if check.get("matches"))
    return facts(
        [
            ("writer", restored.get("endpoint")),
            ("reader", restored.get("reader_endpoint")),
            ("port", words(restored.get("port")) if restored.get("port") else None),
            ("instances", words([_instance_words(item) for item in restored.get("instances") or []] or "")),
            ("users", words([_user_words(item) for item in restored.get("users") or []] or "")),
            ("other logins", _other_logins(restored)),
            *listed("notes", (str(note) for note in restored.get("user_notes") or ())),
            ("verified", f"{matching} of {len(checks)} fields as expected" if checks else None),
        ]
    )


def _instance_words(item: Any) -> str:
    if not isinstance(item, Mapping):
        return str(item)
    name = item.get("db_instance_identifier") or ""
    details = ", ".join(str(item[key]) for key in ("db_instance_class", "status") if item.get(key))
    return f"{name} ({details})" if details else str(name)


def _user_words(item: Mapping[str, Any]) -> str:
    action = f", {item['action']}" if item.get("action") else ""
    return f"{account_words(item)} ({item.get('access')}{action})"


def _other_logins(restored: Mapping[str, Any]) -> str | None:
    locked = restored.get("locked_logins") or []
    still_open = [name for name in restored.get("other_logins") or [] if name not in locked]
    parts = []
    if still_open:
        parts.append(f"{words(still_open)}: came along with the snapshot, with production's passwords")
    if locked:
        parts.append(f"{len(locked)} locked: {words(locked)}")
    return "; ".join(parts) or None


def render_verification(checks: Iterable[Mapping[str, Any]]) -> RenderableType:
    """Field by field: expected, found; what differs first."""
    table = plain_table("field", "expected", "found", "")
    for check in sorted(checks, key=lambda item: bool(item.get("matches"))):
        matches = bool(check.get("matches"))
        table.add_row(
            str(check.get("field", "")),
            words(check.get("wanted")),
            words(check.get("found")),
            Text("as expected" if matches else "DIFFERS", style="green" if matches else "bold red"),
        )
    return table


def render_user_checks(restored: Mapping[str, Any]) -> RenderableType | None:
    """What was tried with each user; None where none was."""
    users = [user for user in restored.get("users") or [] if user.get("checks")]
    if not users:
        return None
    return Group(
        heading("Users"),
        facts((account_words(user), "; ".join(str(check) for check in user["checks"])) for user in users),
    )
