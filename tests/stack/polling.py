"""Waiting for what a stack does in its own time, within bounds that a busy machine does not reach."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

POLL_SECONDS = 0.2

T = TypeVar("T")


def poll_until(
    look: Callable[[], T | None], what: str, timeout_seconds: float = 60.0, poll_seconds: float = POLL_SECONDS
) -> T:
    """Look again and again until something is there."""
    deadline = time.monotonic() + timeout_seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what}: not within {timeout_seconds} s"
        time.sleep(poll_seconds)
    return found
