"""A whole demo on a local stack of its own, and what that stack says of itself before it is taken down."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aurora_restore.demo import seed_aws
from local_stack import lifecycle, processes
from local_stack.stack_info import StackInfo

DEMO_TIMEOUT_SECONDS = 240.0
END_TIMEOUT_SECONDS = 30.0
DELETE_TIMEOUT_SECONDS = 60.0
REAPING_TIMEOUT_SECONDS = 60.0
POLL_SECONDS = 0.25


@dataclass(frozen=True)
class DemoRun:
    """`parts` and `phases` in seconds by name, in their order; `parts` are all that the demo does.

    `durations` are those of the local Aurora. Memory is in bytes: the most that a worker of each function had, and all
    processes of the idle stack with its two source clusters.
    """

    total_seconds: float
    parts: Mapping[str, float]
    phases: Mapping[str, float]
    durations: Mapping[str, float]
    instance_count: int
    worker_memory_bytes: Mapping[str, int]
    idle_memory_bytes: int


def run_demo() -> DemoRun:
    """Run the demo as a newcomer does, look at its stack, and take it down.

    Raises:
        RuntimeError: the demo failed, or its stack does not come to rest.
    """
    with TemporaryDirectory(prefix="aurora-restore-bench-") as directory:
        home = Path(directory) / "home"
        try:
            begun = time.monotonic()
            document = _demo(home)
            seconds = time.monotonic() - begun
            return _with_memory(home, document, seconds)
        finally:
            lifecycle.down(home)


def _with_memory(home: Path, document: Mapping[str, Any], seconds: float) -> DemoRun:
    info = lifecycle.status(home).info
    if info is None:
        raise RuntimeError("The demo was to leave its stack up, and none runs.")
    worker_memory = info.control.peak_memory_bytes()
    record = document["record"]
    _delete_restored(info, record["restore_details"])
    idle_memory = _idle_memory_bytes(info)
    durations = info.control.durations()
    begun = time.monotonic()
    lifecycle.down(home)
    down_seconds = time.monotonic() - begun
    return DemoRun(
        total_seconds=seconds + down_seconds,
        parts={**document["seconds"], "down": down_seconds},
        phases={name: _seconds(phase) for name, phase in record["phases"].items()},
        durations=durations,
        instance_count=len(record["restore_details"]["instances"]),
        worker_memory_bytes=worker_memory,
        idle_memory_bytes=idle_memory,
    )


def _demo(home: Path) -> dict[str, Any]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "AURORA_", "PG"))
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "aurora_restore", "demo", "--keep", "--json"],
        cwd=home.parent,
        env={**kept, "AURORA_RESTORE_HOME": str(home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        said, complained = process.communicate(timeout=DEMO_TIMEOUT_SECONDS)
    except BaseException:
        _end(process)
        raise
    if process.returncode:
        raise RuntimeError(f"The demo ended with status {process.returncode}:\n{said}{complained}")
    return dict(json.loads(said))


def _end(process: subprocess.Popen[str]) -> None:
    """Let it end what it is just starting, which no other process knows of yet."""
    process.terminate()
    try:
        process.communicate(timeout=END_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def _delete_restored(info: StackInfo, restored: Mapping[str, Any]) -> None:
    """Down to the two clusters that every stack has."""
    rds: Any = seed_aws.client(seed_aws.session_for(info), info, "rds")
    for instance in restored["instances"]:
        rds.delete_db_instance(
            DBInstanceIdentifier=instance["db_instance_identifier"], SkipFinalSnapshot=True
        )
    cluster = restored["db_cluster_identifier"]
    rds.delete_db_cluster(DBClusterIdentifier=cluster, SkipFinalSnapshot=True)

    def is_gone() -> bool:
        pages = rds.get_paginator("describe_db_clusters").paginate()
        return cluster not in [found["DBClusterIdentifier"] for page in pages for found in page["DBClusters"]]

    _await(is_gone, DELETE_TIMEOUT_SECONDS, f"the cluster {cluster} is still there")


def _idle_memory_bytes(info: StackInfo) -> int:
    """The memory of all processes of the stack, once its idle workers have been ended."""
    control = info.control
    _await(
        lambda: control.status()["workers"] == 0, REAPING_TIMEOUT_SECONDS, "Lambda workers are still there"
    )
    return int(control.status()["memory_bytes"])


def _await(condition: Callable[[], bool], timeout_seconds: float, otherwise: str) -> None:
    if not processes.wait_until(condition, timeout_seconds, POLL_SECONDS):
        raise RuntimeError(f"After {timeout_seconds:.0f} s {otherwise}.")


def _seconds(phase: Mapping[str, Any]) -> float:
    begun, ended = (datetime.fromisoformat(phase[name]) for name in ("start_time", "end_time"))
    return (ended - begun).total_seconds()
