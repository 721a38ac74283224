"""The demo and the stack under it, beside what could not be faster or smaller."""

from __future__ import annotations

from collections.abc import Mapping

from tests.bench.bare_start import BareStart
from tests.bench.cold_import import WorkerRoom, clients_of
from tests.bench.demo_run import DemoRun
from tests.bench.imports import BYTES_A_MB
from tests.bench.report import Group, Row
from tests.support.granted_requests import CALLS, PREFIX

DEMO_LIMIT_SECONDS = 60.0
READY_LIMIT_SECONDS = 10.0
IDLE_LIMIT_MB = 400.0
LAMBDA_MEMORY_MB = 256.0
WORKER_LIMIT_MB = 0.75 * LAMBDA_MEMORY_MB
"""A quarter of what a function has is to stay free."""

_PARTS = {
    "stack": "a fresh local stack",
    "production": "production, later orders",
    "restore": "the restore",
    "proof": "the proof",
    "down": "taking the stack down",
}


def demo_group(run: DemoRun, bare: BareStart) -> Group:
    """Each part of the demo, and each phase of its restore."""
    least = least_phase_seconds(run.durations, run.instance_count)
    references = {"stack": bare.seconds, "restore": sum(least.values())}
    rows = [Row(_PARTS[name], seconds, "s", references.get(name)) for name, seconds in run.parts.items()]
    after_restore = list(run.parts).index("restore") + 1
    rows[after_restore:after_restore] = [
        Row(f"  {name}", seconds, "s", least.get(name)) for name, seconds in run.phases.items()
    ]
    rows.append(Row("total", run.total_seconds, "s", sum(references.values()), DEMO_LIMIT_SECONDS))
    return Group(
        "The demo",
        "what the local Aurora is set to take, which no pipeline could beat; for the stack, the bare start (below).",
        tuple(rows),
    )


def least_phase_seconds(durations: Mapping[str, float], instance_count: int) -> dict[str, float]:
    """What the local Aurora alone takes for the work of each phase; instances are made side by side."""
    instances = durations["instance"] if instance_count else 0.0
    return {
        "CopySnapshot": durations["copy"],
        "RestoreCluster": durations["restore"] + instances + durations["password_change"],
    }


def worker_memory_group(run: DemoRun, room: WorkerRoom) -> Group:
    """Of every function that the run called."""
    called = [function for function in CALLS if PREFIX + function in run.worker_memory_bytes]
    rows = [
        Row(
            function,
            _megabytes(run.worker_memory_bytes[PREFIX + function]),
            "MB",
            _megabytes(room.bare_worker(clients_of(function)).peak_memory_bytes),
            limit=WORKER_LIMIT_MB,
        )
        for function in called
    ]
    return Group(
        f"Peak memory of a Lambda worker in a whole run (three quarters of its {LAMBDA_MEMORY_MB:.0f} MB)",
        "a worker that only imports boto3 and makes the same clients.",
        tuple(rows),
    )


def stack_group(run: DemoRun, bare: BareStart) -> Group:
    """The local stack from nothing, and at rest."""
    return Group(
        "The local stack",
        "ministack alone, and one new, empty PostgreSQL server.",
        (
            Row("ready, from nothing", run.parts["stack"], "s", bare.seconds, READY_LIMIT_SECONDS),
            Row(
                "idle memory, two clusters up",
                _megabytes(run.idle_memory_bytes),
                "MB",
                _megabytes(bare.memory_bytes),
                IDLE_LIMIT_MB,
            ),
        ),
    )


def _megabytes(count: int) -> float | None:
    return count / BYTES_A_MB if count else None
