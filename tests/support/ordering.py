"""In which order the files of tests are handed to the workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pytest

WAITING = "stack"
"""The folder whose tests wait more than they compute."""

WAITING_PART = 0.8

T = TypeVar("T")


def spread_waiting(items: list[pytest.Item]) -> None:
    """Spread the files that wait evenly among those that compute, so that a machine is never full of either.

    The last ones compute, so that no worker waits alone at the end.
    """
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    waiting = [path for path in files if WAITING in path.parts]
    computing = [path for path in files if WAITING not in path.parts]
    items[:] = [item for path in spread(waiting, computing) for item in files[path]]


def spread(some: Sequence[T], others: Sequence[T]) -> list[T]:
    """Both in their own order, each evenly: `others` over the whole, `some` over its first part, and they begin."""
    places = [
        (part * number / len(each), which, number)
        for which, (each, part) in enumerate(((some, WAITING_PART), (others, 1.0)))
        for number in range(len(each))
    ]
    return [(some, others)[which][number] for _, which, number in sorted(places)]
