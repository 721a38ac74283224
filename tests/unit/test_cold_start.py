"""A new Lambda worker is quick to begin: what we add to AWS's own library is held within a limit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.bench.cold_import import TIMES_LIMIT, WorkerRoom, clients_of, worker_room
from tests.support.granted_requests import CALLS

from aurora_restore.deployment.packaging import Project

MOST_ROUNDS = 9


@pytest.fixture(scope="module")
def room() -> Iterator[WorkerRoom]:
    with worker_room(Project.find()) as made:
        yield made


@pytest.mark.one_day_in(4)
@pytest.mark.parametrize("function", CALLS)
def test_importing_a_handler_costs_less_than_a_quarter_more_than_boto3_and_its_clients(
    room: WorkerRoom, function: str
) -> None:
    # What else the machine does only ever adds, so the least of several rounds counts on both sides, and a
    # machine that is busy gets more rounds to have a quiet moment in.
    handler, boto3 = [], []
    for _ in range(MOST_ROUNDS):
        handler.append(room.import_handler(function).import_seconds)
        boto3.append(room.import_boto3(clients_of(function)).ready_seconds)
        if min(handler) < TIMES_LIMIT * min(boto3):
            break

    assert min(handler) < TIMES_LIMIT * min(boto3), f"{min(handler):.3f} s against {min(boto3):.3f} s"


def test_importing_leaves_no_byte_code_that_the_next_worker_would_profit_from(room: WorkerRoom) -> None:
    room.import_handler("notify")

    assert list(room.task.rglob("*.pyc")) == []
