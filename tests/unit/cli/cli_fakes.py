"""The pipeline of a Region in memory: records that change with each look, executions by name."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pytest
from tests.fakes.logs import FakeLogs
from tests.fakes.records import FakeRecords
from tests.fakes.region_executions import FakeRegionExecutions
from tests.fakes.tables import FakeAudit
from tests.states_language.scheduler import VirtualClock
from tests.unit.cli.cli_records import NOW

from aurora_restore.cli import costing, running
from aurora_restore.cli.lazy_group import ENTRIES
from aurora_restore.cli.looks import Looks
from aurora_restore.cli.pipeline import Pipeline
from aurora_restore.domain.checks.surroundings import StackSeen
from aurora_restore.domain.errors import RestoreError
from aurora_restore.domain.observed import ExecutionState

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


class ChangingRecords(FakeRecords):
    """`looks` are what one load after the other finds in the table, an exception being raised; the last one stays.

    They are found under whichever name is asked for: a command can choose it itself.
    """

    def __init__(self, looks: Sequence[Mapping[str, Any] | Exception | None] = (None,)) -> None:
        super().__init__()
        self._looks = list(looks)
        self._loads = 0
        for look in looks:
            if isinstance(look, Mapping):
                super().create(look)

    def load(self, operation_id: str) -> dict[str, Any] | None:
        look = self._looks[min(self._loads, len(self._looks) - 1)]
        self._loads += 1
        if isinstance(look, Exception):
            raise look
        if look is None:
            return None
        self.items.pop(look["operation_id"])
        super().create(look)
        return super().load(look["operation_id"])

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


def audit_with(*events: Mapping[str, Any]) -> FakeAudit:
    """An audit table that holds these."""
    audit = FakeAudit()
    for event in events:
        audit.append(event)
    return audit


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
        ChangingRecords(looks or (None,)),
        FakeRegionExecutions(dict(executions or {})),
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
    assert isinstance(pipeline.executions, FakeRegionExecutions)
    return pipeline.executions.started


def stopped(pipeline: Pipeline) -> Mapping[str, str]:
    """The executions that were stopped, with the cause that was given."""
    assert isinstance(pipeline.executions, FakeRegionExecutions)
    return pipeline.executions.stopped
