"""The cold import of every handler, and the size of what it is imported from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from statistics import median

from tests.bench.cold_import import TIMES_LIMIT, Clients, Cost, WorkerRoom, clients_of, handler_module
from tests.bench.report import Group, Row
from tests.unit.infrastructure.test_permissions import CALLS

from aurora_restore.deployment.packaging import MAX_PACKAGE_BYTES, Project, build_artifacts, collect_entries

ROUNDS = 5
BYTES_A_MB = 1e6


@dataclass(frozen=True)
class Samples:
    """What was measured, round by round, of handlers and of boto3 beside them."""

    of_handlers: dict[tuple[str, Clients], list[Cost]] = field(default_factory=dict)
    of_boto3: dict[Clients, list[Cost]] = field(default_factory=dict)

    @cached_property
    def functions(self) -> tuple[str, ...]:
        return tuple(CALLS)

    def take(self, room: WorkerRoom) -> None:
        """One round over all of them. Functions with one module and the same clients are one measurement."""
        taken: set[tuple[str, Clients]] = set()
        for function in self.functions:
            clients = clients_of(function)
            key = (handler_module(function), clients)
            if key in taken:
                continue
            taken.add(key)
            self.of_handlers.setdefault(key, []).append(room.import_handler(function))
            self.of_boto3.setdefault(clients, []).append(room.import_boto3(clients))


def measure_imports(room: WorkerRoom) -> tuple[Group, Group]:
    """Medians of interleaved rounds, after one that is not counted (it fills the caches of the file system)."""
    Samples().take(room)
    samples = Samples()
    for _ in range(ROUNDS):
        samples.take(room)
    return _imports(samples), _ready(samples)


def _imports(samples: Samples) -> Group:
    rows = []
    for function in samples.functions:
        of_module = [
            cost.import_seconds
            for (module, _), costs in samples.of_handlers.items()
            if module == handler_module(function)
            for cost in costs
        ]
        rows.append(_row(function, median(of_module), _reference(samples, function)))
    return Group(
        "Cold import of a handler (processor time, median)",
        "importing boto3 alone and making the clients that the function uses.",
        tuple(rows),
    )


def _ready(samples: Samples) -> Group:
    rows = []
    for function in samples.functions:
        costs = samples.of_handlers[handler_module(function), clients_of(function)]
        rows.append(_row(function, _median_ready(costs), _reference(samples, function)))
    return Group(
        "Cold import of a handler, and its clients made (processor time, median)",
        "as above. This is what a first call has to wait for.",
        tuple(rows),
    )


def _row(function: str, seconds: float, reference: float) -> Row:
    return Row(function, seconds * 1000, "ms", reference * 1000, limit_times=TIMES_LIMIT)


def _reference(samples: Samples, function: str) -> float:
    return _median_ready(samples.of_boto3[clients_of(function)])


def _median_ready(costs: Iterable[Cost]) -> float:
    return median(cost.ready_seconds for cost in costs)


def measure_package(project: Project) -> Group:
    """The zip as `make build` makes it."""
    package = build_artifacts(project).lambda_package
    unpacked = sum(map(len, collect_entries(project).values()))
    row = Row(
        "lambda zip",
        package.size_bytes / BYTES_A_MB,
        "MB",
        unpacked / BYTES_A_MB,
        limit=MAX_PACKAGE_BYTES / BYTES_A_MB,
    )
    return Group("The size of the Lambda package", "the same files, not compressed.", (row,))
