"""`make bench`: measures what the project promises to keep, each beside a reference taken in the same run.

    python -m tests.bench [--json]

The status is 0 also where a limit is not kept: the tables say so. It is another where something did not work.
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
import time
from datetime import UTC, datetime

from tests.bench.bare_start import measure_bare_start
from tests.bench.cold_import import worker_room
from tests.bench.demo_run import run_demo
from tests.bench.imports import measure_imports, measure_package
from tests.bench.report import Group, Verdict, show, summary
from tests.bench.stack import demo_group, stack_group, worker_memory_group
from tests.bench.waiting import measure_waiting

from aurora_restore.cli.screen import Screen, make_screen
from aurora_restore.deployment.packaging import Project


def measure(screen: Screen) -> tuple[Group, ...]:
    """Everything, one after the other, so that nothing disturbs anything else."""
    project = Project.find()
    screen.note("Starting ministack and PostgreSQL alone …")
    bare = measure_bare_start()
    screen.note("Running the demo …")
    run = run_demo()
    with worker_room(project) as room:
        screen.note("Importing the handlers …")
        imports = measure_imports(room)
        workers = worker_memory_group(run, room)
    return (
        demo_group(run, bare),
        *imports,
        measure_package(project),
        workers,
        stack_group(run, bare),
        measure_waiting(),
    )


def main(arguments: list[str]) -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(prog="make bench", description="What the project promises to keep.")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of tables")
    screen = make_screen(parser.parse_args(arguments).json)
    # Ended from outside, it takes down what it started, as after ctrl-c.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    begun = time.monotonic()
    groups = measure(screen)
    if screen.json_output:
        screen.data(_document(groups, time.monotonic() - begun))
    else:
        show(screen.out, groups, f"{_machine()}; measured in {time.monotonic() - begun:.0f} s.")


def _document(groups: tuple[Group, ...], seconds: float) -> dict[str, object]:
    rows = [row for group in groups for row in group.rows]
    return {
        "machine": _machine(),
        "seconds": round(seconds, 1),
        "groups": [group.to_json() for group in groups],
        "over": sum(row.verdict is Verdict.OVER for row in rows),
        "summary": summary(groups),
    }


def _machine() -> str:
    load = os.getloadavg()[0]
    return (
        f"{datetime.now(UTC):%Y-%m-%d}: Python {platform.python_version()}, {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} processors, load {load:.1f}"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
