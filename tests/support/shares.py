"""Which part of many cases is tried today: another one each day, until after a number of days all of them were.

Cases within a test are shared out by `todays_share`, tests by the marker `one_day_in(days)`, and files whose tests
have something costly in common, such as a stack, by `file_one_day_in(days, turn)`: on one of so many days, all of it.
Most of these files have one day of the week.

The day is the one on which the test run began, in all of its processes. TEST_DAY=2026-11-27 repeats that of another
day, EVERY_FILE=1 tries all files, and EVERY_CASE=1 all cases. A run that names single tests or files leaves none of
them out.
"""

from __future__ import annotations

import os
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Set
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import pytest

DAY, EVERY_FILE, EVERY_CASE = "TEST_DAY", "EVERY_FILE", "EVERY_CASE"

T = TypeVar("T")


def keep_day() -> None:
    """Let the workers of a test run, which inherit the environment, have the day on which it began."""
    os.environ.setdefault(DAY, datetime.now(UTC).date().isoformat())


def today() -> int:
    """The number of the day."""
    given = os.environ.get(DAY)
    return (date.fromisoformat(given) if given else datetime.now(UTC).date()).toordinal()


def every_case() -> bool:
    return bool(os.environ.get(EVERY_CASE))


def every_file() -> bool:
    return bool(os.environ.get(EVERY_FILE))


def todays_share(cases: Iterable[T], days: int) -> Iterator[T]:
    """Every `days`-th case, from another one on each day."""
    return iter(cases) if every_case() else islice(cases, today() % days, None, days)


def leave_to_other_days(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests with a marker whose day is another one."""
    if every_case() or any("::" in argument for argument in config.args):
        return
    named = {Path(argument).resolve() for argument in config.args if argument.endswith(".py")}
    left_out = set(of_other_days(items, named))
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]


def of_other_days(items: Iterable[pytest.Item], named: Set[Path] = frozenset()) -> Iterator[pytest.Item]:
    """The cases of one function follow each other from day to day; the functions begin at different days.

    The files in `named` have their day today.
    """
    numbers: Counter[str] = Counter()
    for item in items:
        day = today()
        if shared := item.get_closest_marker("file_one_day_in"):
            days, turn = shared.args
            is_tried = day % days == turn or every_file() or item.path in named
            # What is shared out within the file goes on with each day of the file, so that none is left out.
            day //= days
            if not is_tried:
                yield item
                continue
        marker = item.get_closest_marker("one_day_in")
        if marker is None:
            continue
        function = item.nodeid.partition("[")[0]
        number = zlib.crc32(function.encode()) + numbers[function]
        numbers[function] += 1
        if number % marker.args[0] != day % marker.args[0]:
            yield item
