"""A line of a function's log, for people."""

from __future__ import annotations

from datetime import UTC

from aurora_restore.domain.log_entries import LogEntry
from aurora_restore.domain.wording import value_words

_FUNCTION_PREFIX = "aurora-restore-"
_SHOWN_FIELDS = ("status", "error_code", "hint", "wait_seconds", "exception")


def render_entry(entry: LogEntry) -> str:
    """`2023-06-15 12:34:56.789 UTC  copy-snapshot  WARNING  …`, with what else an operator needs after it."""
    # Milliseconds, since entries of several functions are shown in one order.
    time = entry.time.astimezone(UTC)
    function = entry.function.removeprefix(_FUNCTION_PREFIX)
    facts = ", ".join(
        f"{name}={value_words(entry.fields[name])}" for name in _SHOWN_FIELDS if entry.fields.get(name)
    )
    text = f"{entry.message} ({facts})" if facts else entry.message
    stamp = f"{time:%Y-%m-%d %H:%M:%S}.{time.microsecond // 1000:03d} UTC"
    return f"{stamp}  {function:<16}  {entry.level or '-':<7}  {text}"
