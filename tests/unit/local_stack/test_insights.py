"""The query language of Logs Insights, as AWS documents it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local_stack.insights import LogEvent, MalformedQuery, read_query, run

T0 = 1_795_000_000_000
LINES: list[dict[str, Any]] = [
    {"level": "ERROR", "function_name": "copy", "message": "it failed", "took": 12, "user": {"name": "ann"}},
    {"level": "INFO", "function_name": "copy", "message": "Operation completed in 1.250 seconds", "took": 3},
    {"level": "INFO", "function_name": "notify", "message": "Operation completed in 0.5 seconds", "took": 30},
    {"level": "WARNING", "function_name": "notify", "message": "a pause", "list": [{"id": "x7"}]},
    {"level": "INFO", "message": "of no function"},
]


def events() -> list[LogEvent]:
    lines = [json.dumps(line) for line in LINES] + ["START RequestId: 1 Version: $LATEST"]
    return [
        LogEvent(T0 + 60_000 * number, line, "1:group", "stream", f"ptr-{number}", T0)
        for number, line in enumerate(lines)
    ]


def answer(query: str, limit: int | None = None) -> list[dict[str, str]]:
    outcome = run(read_query(query), events(), T0 / 1000, limit)
    return [{name: text for name, text in row if name != "@ptr"} for row in outcome.rows]


def levels(condition: str) -> list[str]:
    return [
        row.get("level", "") for row in answer(f"filter {condition} | fields level | sort @timestamp asc")
    ]


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ('level = "ERROR"', ["ERROR"]),
        ("level = 'ERROR' or level = \"WARNING\"", ["ERROR", "WARNING"]),
        ('level != "INFO"', ["ERROR", "WARNING"]),
        ('level in ["ERROR", "WARNING"]', ["ERROR", "WARNING"]),
        ('level not in ["INFO"] and ispresent(level)', ["ERROR", "WARNING"]),
        ("took > 3", ["ERROR", "INFO"]),
        ("took >= 3 and took < 30", ["ERROR", "INFO"]),
        ("took * 2 + 1 = 25", ["ERROR"]),
        ("(took = 3 or took = 30) and function_name = \"notify\"", ["INFO"]),
        ('message like "Operation completed"', ["INFO", "INFO"]),
        ("message like /completed in [0-9.]+/", ["INFO", "INFO"]),
        ("message like /(?i)OPERATION/", ["INFO", "INFO"]),
        ("message =~ /paus.$/", ["WARNING"]),
        ('message not like "Operation" and ispresent(function_name)', ["ERROR", "WARNING"]),
        ("not ispresent(function_name)", ["INFO", ""]),
        ('user.name = "ann"', ["ERROR"]),
        ('list.0.id = "x7"', ["WARNING"]),
        ("strlen(level) = 7", ["WARNING"]),
        ("toupper(function_name) = 'COPY'", ["ERROR", "INFO"]),
        ('@message like "START"', [""]),
        ("toMillis(@timestamp) < now() * 1000 + 60000", ["ERROR"]),
        ("LEVEL = 'ERROR'", []),
    ],
)  # fmt: skip
def test_a_filter_keeps_what_it_says(condition: str, found: list[str]) -> None:
    assert levels(condition) == found


def test_events_come_newest_first_with_their_time_and_their_message() -> None:
    rows = answer("limit 2")
    assert [list(row) for row in rows] == [["@timestamp", "@message"]] * 2
    assert rows[0]["@message"].startswith("START")
    assert rows[0]["@timestamp"] > rows[1]["@timestamp"]


def test_values_are_grouped_and_put_together() -> None:
    rows = answer(
        "stats count(*), count(took) as n, avg(took), max(took) as most, min(took), sum(took), pct(took, 50) as half "
        "by function_name | sort function_name asc"
    )
    # What has no function is a group of its own, and no value is made of nothing.
    assert rows == [
        {"count(*)": "2", "n": "0"},
        {"function_name": "copy", "count(*)": "2", "n": "2", "avg(took)": "7.5", "most": "12", "min(took)": "3",
         "sum(took)": "15", "half": "3"},
        {"function_name": "notify", "count(*)": "2", "n": "1", "avg(took)": "30", "most": "30", "min(took)": "30",
         "sum(took)": "30", "half": "30"},
    ]  # fmt: skip


def test_what_is_parsed_out_of_a_text_is_a_field() -> None:
    assert answer(
        'parse message "in * seconds" as duration | filter ispresent(duration) | stats max(duration)'
    ) == [{"max(duration)": "1.25"}]
    assert answer(
        r"parse message /completed in (?<s>[\d.]+) (?<unit>\w+)/ | filter s > 1 | display s, unit"
    ) == [{"s": "1.250", "unit": "seconds"}]
    assert answer('filter level="ERROR" | parse message "it *" as rest | display rest') == [
        {"rest": "failed"}
    ]


def test_events_are_counted_by_the_time_that_they_fall_into() -> None:
    rows = answer("stats count() as n by bin(5m) as time | sort time asc")
    assert sum(int(row["n"]) for row in rows) == len(events())
    assert all(row["time"].endswith(("0:00.000", "5:00.000")) for row in rows)
    # "CloudWatch Logs caps your request according to the time unit": more than 60 seconds are 60.
    capped = answer("stats count() as n by bin(300s) as time")
    assert capped == answer("stats count() as n by bin(1m) as time")
    assert len(capped) == len(events())


def test_the_order_is_natural_with_numbers_after_texts() -> None:
    rows = answer(
        "filter ispresent(level) | fields coalesce(took, message) as key | sort key asc | display key"
    )
    assert [row["key"] for row in rows] == ["a pause", "of no function", "3", "12", "30"]
    down = answer("filter ispresent(took) | sort took desc | display took")
    assert [row["took"] for row in down] == ["30", "12", "3"]


def test_later_stats_work_on_the_rows_of_earlier_ones() -> None:
    assert answer("stats count(*) as n by level | filter n > 1 | stats max(n) as most, count(*) as rows") == [
        {"most": "3", "rows": "1"}
    ]


def test_only_the_last_display_counts_and_doubles_can_be_left_out() -> None:
    assert answer("fields level | display function_name | display level | dedup level | sort level asc") == [
        {}, {"level": "ERROR"}, {"level": "INFO"}, {"level": "WARNING"},
    ]  # fmt: skip


def test_the_smaller_limit_holds() -> None:
    assert len(answer("limit 3")) == 3
    assert len(answer("limit 3", limit=2)) == 2
    assert len(answer("limit 2", limit=3)) == 2


@pytest.mark.parametrize(
    ("query", "at"),
    [
        ("", 0),
        ("bin(5m)", 0),
        ("fields level | ", 15),
        ("filter level =", 14),
        ("filter level = 'a' )", 19),
        ("filter level like level", 18),
        ("stats mode(took)", 6),
        ("stats bin(5)", 10),
        ("limit 0", 6),
        ("limit any 3", 6),
        ('parse message "* and *" as one', 14),
        ("filter message like /(/", 20),
        ("filter a ~ b", 9),
    ],
)
def test_what_it_does_not_know_is_refused_where_it_stands(query: str, at: int) -> None:
    with pytest.raises(MalformedQuery) as malformed:
        read_query(query)
    assert malformed.value.at == at
