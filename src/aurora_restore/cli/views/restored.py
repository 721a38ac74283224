"""The result of a restore: addresses, instances, users, and the checks."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.text import Text

from aurora_restore.cli.views.common import account_words, facts, heading, listed, plain_table, words
from aurora_restore.domain.record import CheckState, RestoreDetails, RestoredInstance, RestoredUser


def render_restored(restored: RestoreDetails) -> RenderableType:
    """The restored cluster: addresses, instances, users, checks."""
    checks = restored.verification
    matching = sum(check.matches for check in checks)
    return facts(
        [
            ("writer", restored.endpoint),
            ("reader", restored.reader_endpoint),
            ("port", words(restored.port) if restored.port else None),
            ("instances", words([_instance_words(item) for item in restored.instances] or "")),
            ("users", words([_user_words(item) for item in restored.users] or "")),
            ("other logins", _other_logins(restored)),
            *listed("notes", restored.user_notes),
            ("verified", f"{matching} of {len(checks)} fields as expected" if checks else None),
        ]
    )


def _instance_words(item: RestoredInstance) -> str:
    details = ", ".join(filter(None, (item.db_instance_class, item.status)))
    return f"{item.db_instance_identifier} ({details})" if details else item.db_instance_identifier


def _user_words(item: RestoredUser) -> str:
    action = f", {item.action}" if item.action else ""
    return f"{account_words(item)} ({item.access}{action})"


def _other_logins(restored: RestoreDetails) -> str | None:
    locked, still_open = restored.locked_logins, restored.open_logins
    parts = []
    if still_open:
        parts.append(f"{words(still_open)}: came along with the snapshot, with production's passwords")
    if locked:
        parts.append(f"{len(locked)} locked: {words(locked)}")
    return "; ".join(parts) or None


def render_verification(checks: Iterable[CheckState]) -> RenderableType:
    """Field by field: expected, found; what differs first."""
    table = plain_table("field", "expected", "found", "")
    for check in sorted(checks, key=lambda item: item.matches):
        table.add_row(
            check.field,
            words(check.wanted),
            words(check.found),
            Text(
                "as expected" if check.matches else "DIFFERS", style="green" if check.matches else "bold red"
            ),
        )
    return table


def render_user_checks(restored: RestoreDetails) -> RenderableType | None:
    """What was tried with each user; None where none was."""
    users = [user for user in restored.users if user.checks]
    if not users:
        return None
    return Group(
        heading("Users"),
        facts((account_words(user), "; ".join(user.checks)) for user in users),
    )
