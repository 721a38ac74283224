from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_restore.domain.naming import (
    copy_identifier,
    final_snapshot_identifier,
    identifier_problem,
    instance_identifier,
    retired_identifier,
    staging_identifier,
)
from aurora_restore.domain.waiting import (
    CAP_SECONDS,
    FLOOR_SECONDS,
    Estimate,
    Expectation,
    estimate,
    next_wait_seconds,
)

EXECUTION_NAMES = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-_.+~", min_size=1, max_size=80)


def test_the_copy_of_an_operation_by_the_custom_carries_its_time() -> None:
    assert copy_identifier("restore-20230615-123456") == "aurora-restore-20230615-123456"


@given(EXECUTION_NAMES)
def test_every_operation_id_gives_a_valid_copy_name(operation_id: str) -> None:
    assert identifier_problem(copy_identifier(operation_id)) is None


@given(EXECUTION_NAMES, EXECUTION_NAMES)
def test_two_operations_never_share_a_copy_name(one: str, other: str) -> None:
    assert (copy_identifier(one) == copy_identifier(other)) == (one == other)


@given(
    st.from_regex(r"aurora-restored(-[a-z0-9]{1,10}){1,4}", fullmatch=True),
    EXECUTION_NAMES,
    st.integers(1, 16),
)
def test_every_instance_name_is_valid(cluster: str, operation_id: str, number: int) -> None:
    assert identifier_problem(instance_identifier(cluster, operation_id, number)) is None


@given(st.floats(0, 7 * 86_400))
def test_a_wait_keeps_between_floor_and_cap(elapsed_seconds: float) -> None:
    assert FLOOR_SECONDS <= next_wait_seconds(elapsed_seconds) <= CAP_SECONDS


def waited(duration_seconds: float, estimates: bool = False) -> tuple[float, int]:
    """How long a wait for something that takes so long really is, and how many looks it takes."""
    elapsed, looks = 0.0, 0
    while elapsed < duration_seconds:
        elapsed += next_wait_seconds(elapsed, duration_seconds - elapsed if estimates else None)
        looks += 1
    return elapsed, looks


def test_a_week_of_waiting_stays_under_five_thousand_history_events() -> None:
    assert waited(7 * 86_400)[1] * 9 < 4_500


@given(st.floats(1, 7 * 86_400))
def test_waiting_adds_little_to_what_is_waited_for(duration_seconds: float) -> None:
    added = waited(duration_seconds)[0] - duration_seconds
    assert added < max(22, 0.03 * duration_seconds)


@given(st.floats(1, 7 * 86_400))
def test_a_true_estimate_never_makes_it_longer(duration_seconds: float) -> None:
    assert waited(duration_seconds, estimates=True)[0] - duration_seconds <= 2


@pytest.mark.parametrize(
    ("elapsed", "percent", "before", "remaining", "words"),
    [
        (600, 50, None, 600, "RDS reports 50 %"),
        (600, 2, None, None, ""),
        (600, None, Expectation(900, "restore-1"), 300, "it took 15 min in restore-1"),
        (600, 25, Expectation(900, "restore-1"), 1800, "RDS reports 25 %"),
        (
            1000,
            None,
            Expectation(900, "restore-1"),
            None,
            "longer than last time: it took 15 min in restore-1",
        ),
    ],
)
def test_an_estimate_says_why(
    elapsed: float, percent: int | None, before: Expectation | None, remaining: float | None, words: str
) -> None:
    assert estimate(elapsed, percent, before) == Estimate(remaining, words)


@given(EXECUTION_NAMES, EXECUTION_NAMES)
def test_final_snapshots_and_copies_never_share_a_name(one: str, other: str) -> None:
    assert identifier_problem(final_snapshot_identifier(one)) is None
    assert final_snapshot_identifier(one) != copy_identifier(other)
    assert (final_snapshot_identifier(one) == final_snapshot_identifier(other)) == (one == other)


@given(st.from_regex(r"aurora-restored(-[a-z0-9]{1,10}){1,4}", fullmatch=True), EXECUTION_NAMES)
def test_the_names_beside_a_target_are_valid_and_keep_its_prefix(target: str, operation_id: str) -> None:
    others = {staging_identifier(target, operation_id), retired_identifier(target, operation_id)}
    assert len(others | {target}) == 3
    assert all(identifier_problem(name) is None and name.startswith("aurora-restored-") for name in others)
