"""The cold import of every handler, and the size of what it is imported from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

from tests.bench.cold_import import TIMES_LIMIT, Cost, WorkerRoom, clients_of
from tests.bench.report import Group, Row
from tests.support.granted_requests import CALLS

from aurora_restore.deployment.packaging import MAX_PACKAGE_BYTES, Project, build_artifacts, collect_entries

ROUNDS = 9
BYTES_A_MB = 1e6

_Seconds = Callable[[Cost], float]


@dataclass(frozen=True)
class Samples:
    """What was measured round by round: a handler, and straight after it boto3 with the same clients."""

    pairs: dict[str, list[tuple[Cost, Cost]]] = field(default_factory=dict)

    def take(self, room: WorkerRoom) -> None:
        """One round over all functions."""
        for function in CALLS:
            pair = room.import_handler(function), room.import_boto3(clients_of(function))
            self.pairs.setdefault(function, []).append(pair)

    def row(self, function: str, seconds: _Seconds, limit_times: float | None) -> Row:
        """Medians. How many times is the median of the rounds too: a pair shares what disturbed it."""
        pairs = [(seconds(handler), boto3.ready_seconds) for handler, boto3 in self.pairs[function]]
        return Row(
            function,
            median(handler for handler, _ in pairs) * 1000,
            "ms",
            median(boto3 for _, boto3 in pairs) * 1000,
            limit_times=limit_times,
            paired_times=median(handler / boto3 for handler, boto3 in pairs),
        )


def measure_imports(room: WorkerRoom) -> tuple[Group, Group]:
    """After a round that is not counted: it fills the caches of the file system."""
    Samples().take(room)
    samples = Samples()
    for _ in range(ROUNDS):
        samples.take(room)
    imported = tuple(samples.row(name, lambda cost: cost.import_seconds, TIMES_LIMIT) for name in CALLS)
    ready = tuple(samples.row(name, lambda cost: cost.ready_seconds, None) for name in CALLS)
    return (
        Group(
            f"Cold import of a handler (processor time, median of {ROUNDS} pairs)",
            "importing boto3 alone and making the clients that the function uses.",
            imported,
        ),
        Group(
            f"Cold import of a handler, and its clients made (processor time, median of {ROUNDS} pairs)",
            "as above. No limit: it says how much of a first call is ours.",
            ready,
        ),
    )


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
