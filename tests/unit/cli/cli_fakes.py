"""The pipeline of a Region in memory: records that change with each look, executions by name."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pytest
from tests.states_language.scheduler import VirtualClock
from tests.unit.cli.cli_records import NOW

from aurora_restore.aws.executions import ExecutionAlreadyExists
from aurora_restore.aws.records import FoundRecords
from aurora_restore.cli import costing, running
from aurora_restore.cli.lazy_group import ENTRIES
from aurora_restore.cli.looks import Looks
from aurora_restore.cli.pipeline import Pipeline
from aurora_restore.domain.checks.surroundings import StackSeen
from aurora_restore.domain.errors import RestoreError
from aurora_restore.domain.log_entries import LogEntry
from aurora_restore.domain.observed import ExecutionState
from aurora_restore.domain.times import parse_time

REGION = "us-west-2"


class Time(VirtualClock):
    """Moves only when a command sleeps."""

    def __init__(self) -> None:
        super().__init__(NOW)

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)


def execution(status: str = "RUNNING", **changes: Any) -> ExecutionState:
    arn = "arn:aws:states:us-west-2:123456789012:execution:aurora-restore-state-machine:x"
    return replace(ExecutionState(arn, "x", status, start_time=NOW), **changes)


@dataclass
class FakeExecutions:
    executions: dict[str, ExecutionState] = field(default_factory=dict)
    started: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    stopped: dict[str, str] = field(default_factory=dict)

    def start(self, operation_id: str, request: Mapping[str, Any]) -> str:
        if operation_id in self.executions:
            raise ExecutionAlreadyExists(f"there is an operation {operation_id} already")
        self.started[operation_id] = request
        self.executions[operation_id] = execution()
        return self.executions[operation_id].execution_arn

    def find(self, operation_id: str) -> ExecutionState | None:
        return self.executions.get(operation_id)

    def stop(self, operation_id: str, cause: str) -> bool:
        if operation_id not in self.executions:
            return False
        self.stopped[operation_id] = cause
        self.executions[operation_id] = execution(
            "ABORTED", stop_time=NOW, error="ManualCancellation", cause=cause
        )
        return True


class FakeRecords:
    """`looks` are what one load after the other answers, an exception being raised; the last answer stays."""

    def __init__(self, looks: Sequence[Mapping[str, Any] | Exception | None] = (None,)) -> None:
        self._looks = list(looks)
        self.loads = 0

    def load(self, operation_id: str) -> dict[str, Any] | None:
        look = self._looks[min(self.loads, len(self._looks) - 1)]
        self.loads += 1
        if isinstance(look, Exception):
            raise look
        return dict(look) if look is not None else None

    def list_by_status(self, status: str, since: datetime | None, limit: int) -> Sequence[dict[str, Any]]:
        existing = [
            dict(look) for look in self._looks if isinstance(look, Mapping) and look["status"] == status
        ]
        recent = [item for item in existing if since is None or parse_time(item["start_time"]) >= since]
        return sorted(recent, key=lambda item: str(item["start_time"]), reverse=True)[:limit]

    def find(
        self,
        statuses: Sequence[str],
        since: datetime | None,
        until: datetime | None,
        target_cluster_id: str | None,
        limit: int,
    ) -> FoundRecords:
        found = [item for status in statuses for item in self.list_by_status(status, since, 1000)]
        chosen = [
            item
            for item in found
            if (until is None or parse_time(item["start_time"]) <= until)
            and target_cluster_id in {None, item.get("target_cluster_id")}
        ]
        chosen.sort(key=lambda item: str(item["start_time"]), reverse=True)
        return FoundRecords(chosen[:limit], len(chosen) <= limit)

    def create(self, item: Mapping[str, Any]) -> bool:
        raise AssertionError("the command line writes no record")

    def update(
        self,
        operation_id: str,
        changes: Mapping[str, Any],
        only_if_status: str | None = None,
        only_if: Mapping[str, Any] | None = None,
    ) -> bool:
        raise AssertionError("the command line writes no record")


@dataclass
class FakeAudit:
    events: Sequence[Mapping[str, Any]] = ()

    def trail(self, operation_id: str) -> Sequence[Mapping[str, Any]]:
        return [event for event in self.events if event["operation_id"] == operation_id]

    def events_of_day(self, event_date: str) -> Sequence[Mapping[str, Any]]:
        return [event for event in self.events if event["time"].startswith(event_date)]


@dataclass
class FakeLogs:
    """`searched` is the last time range that was asked for."""

    entries: Sequence[LogEntry] = ()
    searched: tuple[datetime, datetime] | None = None

    def of_operation(self, operation_id: str, begin: datetime, end: datetime) -> Sequence[LogEntry]:
        self.searched = begin, end
        return [entry for entry in self.entries if entry.operation_id in ("", operation_id)]


@dataclass
class FakeLooks:
    """Sizes of volumes by Region and cluster, and the stack's parameters; an error is raised by every look.

    `asked` are the sizes that were asked for, with their times.
    """

    sizes: Mapping[tuple[str, str], float] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=lambda: {"CopyRetentionDays": "7"})
    error: RestoreError | None = None
    asked: list[tuple[str, str, datetime]] = field(default_factory=list)

    def bytes_used(self, region: str, db_cluster_identifier: str, at: datetime) -> float | None:
        self.asked.append((region, db_cluster_identifier, at))
        if self.error:
            raise self.error
        return self.sizes.get((region, db_cluster_identifier))

    def stack(self, name: str) -> StackSeen | None:
        if self.error:
            raise self.error
        return StackSeen(name, "CREATE_COMPLETE", parameters=self.parameters)

    def as_looks(self) -> Looks:
        return Looks(self, self, "aurora-restore-pipeline")


def pipeline_with(
    *looks: Mapping[str, Any] | Exception | None,
    executions: Mapping[str, ExecutionState] | None = None,
    audit: FakeAudit | None = None,
    logs: FakeLogs | None = None,
) -> Pipeline:
    return Pipeline(
        REGION,
        FakeRecords(looks or (None,)),
        FakeExecutions(dict(executions or {})),
        audit or FakeAudit(),
        logs or FakeLogs(),
    )


DEPLOY = "aurora_restore.cli.commands.deploy"
COMMANDS = tuple(
    importlib.import_module(f"aurora_restore.cli.commands.{entry.module}") for entry in ENTRIES.values()
)


def existing(
    monkeypatch: pytest.MonkeyPatch,
    pipeline: Pipeline,
    clock: Time | None = None,
    looks: FakeLooks | None = None,
) -> Pipeline:
    """Have every command find this pipeline, at a time that passes only while a command sleeps."""
    clock = clock or Time()

    def connect(region: str) -> Pipeline:
        return replace(pipeline, region=region)

    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setattr(costing, "connect_looks", lambda _region: (looks or FakeLooks()).as_looks())
    # Not `time.sleep` itself, by which a thread that an earlier test left would move the clock.
    for module in (*COMMANDS, running):
        for name, replacement in (("utc_now", clock.now), ("sleep", clock.sleep)):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, replacement)
    for module in COMMANDS:
        # Schedules are not of a pipeline's tables: their commands have a connection of their own.
        if hasattr(module, "connect") and module.__name__ != DEPLOY:
            monkeypatch.setattr(module, "connect", connect)
    return pipeline


def started(pipeline: Pipeline) -> Mapping[str, Mapping[str, Any]]:
    """The requests that were started, by the names of their executions."""
    assert isinstance(pipeline.executions, FakeExecutions)
    return pipeline.executions.started


def stopped(pipeline: Pipeline) -> Mapping[str, str]:
    """The executions that were stopped, with the cause that was given."""
    assert isinstance(pipeline.executions, FakeExecutions)
    return pipeline.executions.stopped
