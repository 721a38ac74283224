"""How long to wait before looking again: a pure function of the time already spent."""

from __future__ import annotations

import math

FLOOR_SECONDS = 2
CAP_SECONDS = 3600
# A look costs about nine history events; a wait of 3 % of the time spent keeps a week far below 25,000.
SHARE_OF_ELAPSED = 0.03


def next_wait_seconds(elapsed_seconds: float) -> int:
    """The next wait: a small share of the time spent, never below the floor, never above the cap."""
    return max(FLOOR_SECONDS, min(CAP_SECONDS, math.floor(elapsed_seconds * SHARE_OF_ELAPSED)))
