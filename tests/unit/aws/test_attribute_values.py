"""Plain values survive the way into DynamoDB's wire format and back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_restore.aws.attribute_values import from_attribute_value, from_item, to_attribute_value, to_item

plain_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


@given(value=plain_values)
def test_a_value_comes_back_as_it_went(value: Any) -> None:
    assert from_attribute_value(to_attribute_value(value)) == value


def test_numbers_travel_as_text_with_no_loss() -> None:
    assert to_item({"a": 3, "b": 0.1, "c": True}) == {"a": {"N": "3"}, "b": {"N": "0.1"}, "c": {"BOOL": True}}
    assert from_item({"a": {"N": "3"}, "b": {"N": "3.25"}}) == {"a": 3, "b": 3.25}


def test_a_tuple_becomes_a_list() -> None:
    assert from_attribute_value(to_attribute_value(("a", 1))) == ["a", 1]


def test_sets_that_were_written_by_hand_can_be_read() -> None:
    assert from_item({"a": {"SS": ["y", "x"]}, "b": {"NS": ["2", "1"]}}) == {"a": ["x", "y"], "b": [1, 2]}


@pytest.mark.parametrize("value", [object(), b"bytes", {1, 2}])
def test_what_json_does_not_know_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="cannot hold"):
        to_attribute_value(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="cannot hold"):
        to_attribute_value(value)


def test_binary_values_are_refused() -> None:
    with pytest.raises(TypeError, match="type B"):
        from_attribute_value({"B": b"x"})
