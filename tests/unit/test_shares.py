"""Whatever is tried in shares, another one each day, is tried whole within the days that it says."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from math import gcd
from pathlib import Path
from typing import Any, cast

import pytest
from tests.contract.database.faults import (
    DEFUSE_DAYS,
    EFFECTS_DAYS,
    SPARSE_DAYS,
    USERS_DAYS,
    chosen,
)
from tests.simulation import enumeration, test_contrary_aurora
from tests.support.faults import StatementFault
from tests.support.shares import DAY, EVERY_CASE, EVERY_FILE, of_other_days, todays_share

SOME_DAY = date(2026, 11, 27)
CASES = range(1000)
PLACES = ["login", "BEGIN", "GRANT", "COMMIT", "SELECT", "ALTER ROLE"] * 20


@pytest.fixture(autouse=True)
def shares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(EVERY_CASE, raising=False)
    monkeypatch.delenv(EVERY_FILE, raising=False)


def each_day(
    monkeypatch: pytest.MonkeyPatch, days: int, tried: Callable[[], Iterable[Hashable]]
) -> list[set[Hashable]]:
    found = []
    for number in range(days):
        monkeypatch.setenv(DAY, (SOME_DAY + timedelta(days=number)).isoformat())
        found.append(set(tried()))
    return found


@dataclass(frozen=True)
class Marked:
    """A test as the collection hook sees it."""

    nodeid: str
    days: int | None
    days_of_file: int | None = None
    turn: int = 0

    @property
    def path(self) -> Path:
        return Path(self.nodeid.partition("::")[0]).resolve()

    def get_closest_marker(self, name: str) -> Any:
        if name == "file_one_day_in":
            return (
                pytest.mark.file_one_day_in(self.days_of_file, self.turn).mark if self.days_of_file else None
            )
        return pytest.mark.one_day_in(self.days).mark if self.days else None


@pytest.mark.parametrize("days", [1, 2, enumeration.DAYS, test_contrary_aurora.DAYS])
def test_each_case_is_tried_once_in_so_many_days(monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    found = each_day(monkeypatch, days, lambda: todays_share(CASES, days))
    assert set.union(*found) == set(CASES)
    assert sum(map(len, found)) == len(CASES)
    assert max(map(len, found)) - min(map(len, found)) <= 1


@pytest.mark.parametrize("days", [1, 3, 5])
def test_each_marked_test_is_tried_once_in_so_many_days_and_the_cases_of_a_function_evenly(
    monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    cases = [Marked(f"test_file.py::test_{name}[{number}]", days) for name in "abcd" for number in range(10)]
    alone = [Marked(f"test_file.py::test_alone_{number}", days) for number in range(100)]
    items = cast("list[pytest.Item]", [*cases, *alone])
    found = each_day(monkeypatch, days, lambda: set(items) - set(of_other_days(items)))
    assert set.union(*found) == set(items)
    assert sum(map(len, found)) == len(items)
    for name in "abcd":
        each = [sum(f"test_{name}[" in str(item) for item in todays) for todays in found]
        assert max(each) - min(each) <= 1


def test_the_tests_of_a_marked_file_are_tried_on_one_day_together(monkeypatch: pytest.MonkeyPatch) -> None:
    files = [[Marked(f"test_{turn}.py::test_{n}", None, 4, turn) for n in range(5)] for turn in range(4)]
    items = cast("list[pytest.Item]", [item for tests in files for item in tests])
    found = each_day(monkeypatch, 4, lambda: set(items) - set(of_other_days(items)))
    assert {frozenset(tests) for tests in found} == {frozenset(tests) for tests in files}


@pytest.mark.parametrize(("days_of_file", "days"), [(4, 2), (4, 3), (4, 4), (2, 6)])
def test_what_is_shared_out_within_a_marked_file_is_all_tried_as_well(
    monkeypatch: pytest.MonkeyPatch, days_of_file: int, days: int
) -> None:
    cases = [Marked(f"test_file.py::test_a[{number}]", days, days_of_file, 1) for number in range(12)]
    items = cast("list[pytest.Item]", cases)
    found = each_day(monkeypatch, days_of_file * days, lambda: set(items) - set(of_other_days(items)))
    assert set.union(*found) == set(items)
    assert sum(map(len, found)) == len(items)


def test_a_marked_file_that_is_named_is_tried_on_any_day(monkeypatch: pytest.MonkeyPatch) -> None:
    items = cast("list[pytest.Item]", [Marked("test_file.py::test_a", None, 4, turn) for turn in range(4)])
    found = each_day(monkeypatch, 4, lambda: of_other_days(items, {items[0].path}))
    assert found == [set()] * 4


def test_all_files_are_tried_where_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(EVERY_FILE, "1")
    items = cast("list[pytest.Item]", [Marked("test_file.py::test_a", None, 4, turn) for turn in range(4)])
    assert set(of_other_days(items)) == set()


def test_a_test_without_the_marker_is_tried_every_day(monkeypatch: pytest.MonkeyPatch) -> None:
    items = cast("list[pytest.Item]", [Marked(f"test_{number}", None) for number in range(10)])
    found = each_day(monkeypatch, 5, lambda: of_other_days(items))
    assert found == [set()] * 5


@pytest.mark.parametrize("kind", StatementFault)
def test_each_place_of_a_database_fault_is_tried_within_its_days(
    monkeypatch: pytest.MonkeyPatch, kind: StatementFault
) -> None:
    found = each_day(monkeypatch, SPARSE_DAYS, lambda: chosen(PLACES, kind, days=EFFECTS_DAYS))
    assert set.union(*found) == set(range(len(PLACES)))
    effects = each_day(monkeypatch, 1, lambda: chosen(PLACES, kind))[0]
    assert effects <= found[0] | found[1]


@pytest.mark.parametrize("kinds_days", [USERS_DAYS, DEFUSE_DAYS])
def test_each_kind_of_database_fault_meets_each_place(kinds_days: int) -> None:
    assert gcd(kinds_days, SPARSE_DAYS) == gcd(kinds_days, EFFECTS_DAYS) == 1


def test_every_case_is_tried_where_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(EVERY_CASE, "1")
    assert list(todays_share(CASES, 12)) == list(CASES)
    assert chosen(PLACES, StatementFault.DIES, days=2) == list(range(len(PLACES)))
