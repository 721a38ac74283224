"""The result of a restore: addresses, instances, users, and the checks."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.text import Text

from aurora_restore.cli.views.common import account_words, facts, heading, indented, listed
from aurora_restore.domain.record import CheckState, RestoreDetails
from aurora_restore.domain.wording import value_words

# Beside it there is room for the longest setting in a terminal of 80 columns.
_WIDEST_FIELD = 32


def render_restored(restored: RestoreDetails) -> RenderableType:
    """The restored cluster: addresses, instances, users, checks."""
    checks = restored.verification
    matching = sum(check.matches for check in checks)
    instances = []
    for instance in restored.instances:
        details = ", ".join(filter(None, (instance.db_instance_class, instance.status)))
        instances.append(instance.db_instance_identifier + (f" ({details})" if details else ""))
    users = [
        f"{account_words(user)} ({user.access}{f', {user.action}' if user.action else ''})"
        for user in restored.users
    ]
    # The open ones come first: an operator may have to act on them.
    other_logins = []
    if restored.open_logins:
        other_logins.append(
            f"{value_words(restored.open_logins)}: came along with the snapshot, with production's passwords"
        )
    if restored.locked_logins:
        other_logins.append(f"{len(restored.locked_logins)} locked: {value_words(restored.locked_logins)}")
    return facts(
        [
            ("writer", restored.endpoint),
            ("reader", restored.reader_endpoint),
            ("port", value_words(restored.port) if restored.port else None),
            ("instances", value_words(instances)),
            ("users", value_words(users)),
            ("other logins", "; ".join(other_logins)),
            *listed("notes", restored.user_notes),
            ("verified", f"{matching} of {len(checks)} fields as expected" if checks else None),
        ]
    )


def render_verification(checks: Iterable[CheckState]) -> RenderableType:
    """Field by field, what differs first: expected and found; of what is as expected, the value."""
    checks = list(checks)
    parts: list[RenderableType] = []
    if differing := [check for check in checks if not check.matches]:
        parts.append(Text("DIFFERS", style="bold red"))
    for check in differing:
        values = [("expected", value_words(check.wanted)), ("found", value_words(check.found))]
        parts += [indented(Text(check.field)), indented(facts(values))]
    if matching := [(check.field, value_words(check.found)) for check in checks if check.matches]:
        parts += [Text("as expected", style="green"), facts(matching, _WIDEST_FIELD)]
    return Group(*parts)


def render_user_checks(restored: RestoreDetails) -> RenderableType | None:
    """What was tried with each user; None where none was."""
    users = [user for user in restored.users if user.checks]
    if not users:
        return None
    return Group(
        heading("Users"),
        facts((account_words(user), "; ".join(user.checks)) for user in users),
    )
