"""A new Lambda worker is quick to begin: what we add to AWS's own library is held within a limit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.bench.cold_import import TIMES_LIMIT, WorkerRoom, clients_of, handler_module, worker_room
from tests.unit.infrastructure.test_permissions import CALLS

from aurora_restore.deployment.packaging import Project

LEAST_ROUNDS, MOST_ROUNDS = 3, 9


@pytest.fixture(scope="module")
def room() -> Iterator[WorkerRoom]:
    with worker_room(Project.find()) as made:
        yield made


def has_fewest_clients(function: str) -> bool:
    """Whether no other function of its module makes only some of its clients.

    One that makes more has more to be compared with, and adds nothing to what is imported.
    """
    others = [other for other in CALLS if handler_module(other) == handler_module(function)]
    return not any(set(clients_of(other)) < set(clients_of(function)) for other in others)


# One of each that would be the same measurement.
DECISIVE = {(handler_module(name), clients_of(name)): name for name in CALLS if has_fewest_clients(name)}


@pytest.mark.parametrize("function", DECISIVE.values())
def test_importing_a_handler_costs_less_than_half_more_than_boto3_and_its_clients(
    room: WorkerRoom, function: str
) -> None:
    # What else the machine does only ever adds, so the least of several rounds counts on both sides, and a
    # machine that is busy gets more rounds to have a quiet moment in.
    handler, boto3 = [], []
    for done in range(1, MOST_ROUNDS + 1):
        handler.append(room.import_handler(function).import_seconds)
        boto3.append(room.import_boto3(clients_of(function)).ready_seconds)
        if done >= LEAST_ROUNDS and min(handler) < TIMES_LIMIT * min(boto3):
            break

    assert min(handler) < TIMES_LIMIT * min(boto3), f"{min(handler):.3f} s against {min(boto3):.3f} s"


def test_importing_leaves_no_byte_code_that_the_next_worker_would_profit_from(room: WorkerRoom) -> None:
    room.import_handler("notify")

    assert list(room.task.rglob("*.pyc")) == []
