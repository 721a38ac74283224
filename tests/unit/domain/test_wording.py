"""Durations and values have one form each, wherever they are read."""

import pytest

from aurora_restore.domain.cluster_settings import ClusterRole
from aurora_restore.domain.wording import duration_words, rough_duration_words, value_words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""),
        (0, "0.0 s"),
        (0.84, "0.8 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (185, "3 min 5 s"),
        (725, "12 min 5 s"),
        (3599.6, "1 h"),
        (7659, "2 h 7 min"),
        (4 * 3600, "4 h"),
        (31 * 3600 + 300, "31 h 5 min"),
    ],
)
def test_a_duration_has_its_two_largest_units_without_those_that_are_zero(
    seconds: float | None, words: str
) -> None:
    assert duration_words(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (20, "less than a minute"),
        (43 * 60 + 20, "43 min"),
        (7810, "2 h 10 min"),
        (71 * 3600, "71 h"),
        (72 * 3600, "3 days"),
    ],
)
def test_an_estimate_has_whole_minutes_and_days_where_it_is_long(seconds: float, words: str) -> None:
    assert rough_duration_words(seconds) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (True, "yes"),
        (False, "no"),
        (5432, "5432"),
        (8.0, "8"),
        (0.5, "0.5"),
        ("none", "none"),
        (None, "(none)"),
        ("", "(empty)"),
        ([], "(none)"),
        ((), "(none)"),
        ({}, "(none)"),
        (["b", "a"], "b, a"),
        ({"max_capacity": 8.0, "min_capacity": None}, "max_capacity=8, min_capacity=(none)"),
        ((ClusterRole("arn:r", "s3Import"), ClusterRole("arn:q")), "arn:r (s3Import), arn:q"),
    ],
)
def test_a_value_reads_the_same_everywhere_and_none_of_it_reads_like_no_value(
    value: object, words: str
) -> None:
    assert value_words(value) == words
