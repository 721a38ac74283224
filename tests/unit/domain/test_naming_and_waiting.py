from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aurora_restore.domain.naming import copy_identifier, identifier_fault, instance_identifier
from aurora_restore.domain.waiting import CAP_SECONDS, FLOOR_SECONDS, next_wait_seconds

EXECUTION_NAMES = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-_.+~", min_size=1, max_size=80)


def test_the_copy_of_an_operation_by_the_custom_carries_its_time() -> None:
    assert copy_identifier("restore-20230615-123456") == "aurora-restore-20230615-123456"


@given(EXECUTION_NAMES)
def test_every_operation_id_gives_a_valid_copy_name(operation_id: str) -> None:
    assert identifier_fault(copy_identifier(operation_id)) is None


@given(EXECUTION_NAMES, EXECUTION_NAMES)
def test_two_operations_never_share_a_copy_name(one: str, other: str) -> None:
    assert (copy_identifier(one) == copy_identifier(other)) == (one == other)


@given(
    st.from_regex(r"aurora-restored(-[a-z0-9]{1,10}){1,4}", fullmatch=True),
    EXECUTION_NAMES,
    st.integers(1, 16),
)
def test_every_instance_name_is_valid(cluster: str, operation_id: str, number: int) -> None:
    assert identifier_fault(instance_identifier(cluster, operation_id, number)) is None


@given(st.floats(0, 7 * 86_400))
def test_a_wait_keeps_between_floor_and_cap(elapsed_seconds: float) -> None:
    assert FLOOR_SECONDS <= next_wait_seconds(elapsed_seconds) <= CAP_SECONDS


def test_a_week_of_waiting_stays_under_five_thousand_history_events() -> None:
    elapsed, looks = 0.0, 0
    while elapsed < 7 * 86_400:
        elapsed += next_wait_seconds(elapsed)
        looks += 1
    assert looks * 9 < 5_000
