"""Waiting for what comes about by itself, within a bound."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(holds: Callable[[], bool], timeout_seconds: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not holds():
        assert time.monotonic() < deadline, f"it did not happen within {timeout_seconds} s"
        time.sleep(0.01)
