"""The saved queries give the right answers over the logs of a hundred simulated operations.

What is right is counted by other means: from what was seen of each call of a function, and from the records.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from pathlib import Path
from statistics import fmean

import pytest
from tests.simulation.logged import LoggedSimulation
from tests.simulation.seeding import TARGET, Surroundings, request
from tests.support.faults import FaultKind

from aurora_restore.deployment.log_queries import LAST_RESTORES, QUERIES, SOME_OPERATION
from aurora_restore.domain.errors import TransientError
from aurora_restore.domain.times import parse_time
from local_stack.insights import read_query, run

OPERATIONS = 100
GUIDE = Path(__file__).parents[1] / "data" / "guide_queries.json"
Table = list[dict[str, str]]


@pytest.fixture(scope="module")
def sim() -> LoggedSimulation:
    """Restores that succeed, meet throttling, are refused and are stopped, and dry runs."""
    sim = LoggedSimulation(Surroundings(targets=(TARGET,)))
    for number in range(OPERATIONS):
        begin_one(sim, number, f"restore-20230615-{number:06d}")
        sim.run()
        # The next one is to find another moment.
        sim.run_for(7)
    return sim


def begin_one(sim: LoggedSimulation, number: int, operation_id: str) -> None:
    asked = request(delete_cluster_if_exists=True)
    match number % 10:
        case 0:
            sim.start(operation_id, asked)
        case 1:
            sim.start(operation_id, asked)
            sim.run_until_phase(operation_id, "RestoreCluster")
            sim.injector.faults[sim.injector.count + number] = FaultKind.THROTTLED
        case 2:
            sim.start(operation_id, asked)
            sim.run_until_phase(operation_id, "CopySnapshot")
            sim.stop(operation_id)
        case 3 | 4 | 5:
            sim.start(operation_id, {**asked, "source_snapshot_date": "2019-01-01"})
        case _:
            sim.start(operation_id, {**asked, "dry_run": True})


def asked(sim: LoggedSimulation, query: str) -> Table:
    outcome = run(read_query(query), sim.events, sim.clock.now().timestamp())
    return [{name: text for name, text in row if name != "@ptr"} for row in outcome.rows]


def test_they_were_a_hundred_with_every_ending(sim: LoggedSimulation) -> None:
    statuses = Counter(item["status"] for item in sim.records.items.values())
    assert sum(statuses.values()) == OPERATIONS
    assert statuses.keys() == {"SUCCEEDED", "FAILED", "CANCELLED"}


@pytest.mark.parametrize("name", list(QUERIES)[:3])
def test_the_first_three_are_those_of_the_guide(name: str) -> None:
    assert QUERIES[name] == json.loads(GUIDE.read_text())[name]


def test_errors_are_counted_by_function(sim: LoggedSimulation) -> None:
    expected = Counter(
        call.function
        for call in sim.invocations
        # A fault that passes is logged as a warning, and a process that died logs nothing.
        if isinstance(call.error, Exception) and not isinstance(call.error, TransientError)
    )
    rows = asked(sim, QUERIES["Errors by Lambda Function"])

    assert {row["function_name"]: int(row["errorCount"]) for row in rows} == expected
    assert [int(row["errorCount"]) for row in rows] == sorted(expected.values(), reverse=True)
    assert expected.total() >= 30
    assert any(isinstance(call.error, TransientError) for call in sim.invocations)


def test_durations_are_put_together_by_function(sim: LoggedSimulation) -> None:
    expected: dict[str, list[float]] = defaultdict(list)
    for call in sim.invocations:
        # As they are logged, to the millisecond.
        expected[call.function].append(round(call.seconds, 3))
    rows = asked(sim, QUERIES["Operation Duration Analysis"])

    assert {row["function_name"] for row in rows} == expected.keys()
    for row in rows:
        seconds = expected[row["function_name"]]
        assert float(row["avg(duration)"]) == pytest.approx(fmean(seconds), abs=0.00005)
        assert float(row["max(duration)"]) == max(seconds)
        assert float(row["min(duration)"]) == min(seconds)
    assert len({max(seconds) for seconds in expected.values()}) > 3


@pytest.mark.parametrize("number", [0, 2, 3, 99])
def test_an_operation_is_followed_from_its_first_line_to_its_last(sim: LoggedSimulation, number: int) -> None:
    operation_id = f"restore-20230615-{number:06d}"
    calls = [call for call in sim.invocations if call.operation_id == operation_id]
    rows = asked(sim, QUERIES["Track Specific Operation"].replace(SOME_OPERATION, operation_id))

    # Each call ends with a line that says so: as many, of the same functions, in the same order.
    ends = [row for row in rows if row["message"].startswith("Operation completed")]
    assert [row["function_name"] for row in ends] == [call.function for call in calls]
    assert [row["@timestamp"] for row in rows] == sorted(row["@timestamp"] for row in rows)
    # Nothing of another operation, and nothing left out.
    lines = [json.loads(event.message) for event in sim.events]
    own = [line for line in lines if line["operation_id"] == operation_id]
    assert [(row["level"], row["message"]) for row in rows] == [
        (line["level"], line["message"]) for line in own
    ]


def test_the_slowest_phases_are_found(sim: LoggedSimulation) -> None:
    expected: dict[str, list[float]] = defaultdict(list)
    for item in sim.records.items.values():
        for name, state in item["phases"].items():
            if state["status"] == "DONE" and not item["parameters"].get("dry_run"):
                took = parse_time(state["end_time"]) - parse_time(state["start_time"])
                expected[name].append(round(took.total_seconds() / 60, 2))
    rows = asked(sim, QUERIES["Slowest Phases"])

    assert {row["Phase"]: int(row["runs"]) for row in rows} == {
        name: len(minutes) for name, minutes in expected.items()
    }
    assert {row["Phase"]: float(row["slowest"]) for row in rows} == {
        name: max(minutes) for name, minutes in expected.items()
    }
    for row in rows:
        assert float(row["usual"]) == pytest.approx(fmean(expected[row["Phase"]]), abs=0.0001)
    slowest = [float(row["slowest"]) for row in rows]
    assert slowest == sorted(slowest, reverse=True)


def test_everything_about_an_operation_includes_what_others_say_of_it(sim: LoggedSimulation) -> None:
    operation_id = "restore-20230615-000002"
    rows = asked(sim, QUERIES["Everything About One Operation"].replace(SOME_OPERATION, operation_id))

    mentioned = [event for event in sim.events if re.search(operation_id, event.message)]
    assert len(rows) == len(mentioned)
    assert {row["operation_id"] for row in rows} >= {operation_id}


def test_the_last_restores_come_with_the_time_until_clients_could_use_them(sim: LoggedSimulation) -> None:
    rows = asked(sim, LAST_RESTORES)
    restored = [
        item
        for item in sim.records.items.values()
        if item["status"] == "SUCCEEDED" and not item["parameters"].get("dry_run")
    ]

    # The newest first.
    assert [row["operation_id"] for row in rows] == [item["operation_id"] for item in restored][::-1][:30]
    for row, item in zip(rows, restored[::-1], strict=False):
        until = parse_time(item["proof"]["proved_time"]) - parse_time(item["start_time"])
        assert float(row["RtoMinutes"]) == pytest.approx(until.total_seconds() / 60, abs=0.006)
        assert float(row["RtoMinutes"]) <= float(row["RestoreMinutes"])
