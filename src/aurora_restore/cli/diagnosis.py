"""What a bundle about one operation is made of."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from importlib.metadata import version
from typing import Any, Protocol

from rich.console import Console

from aurora_restore.cli.bundle import NothingToCollect, Part
from aurora_restore.cli.health import Surroundings
from aurora_restore.cli.pipeline import Pipeline
from aurora_restore.cli.views.operation import render_status
from aurora_restore.cli.views.record import view_operation
from aurora_restore.deployment.functions import FUNCTIONS
from aurora_restore.deployment.packaging import PackagingFailed
from aurora_restore.deployment.template import stamped_keys
from aurora_restore.domain.diagnosing import (
    Window,
    cluster_names,
    events_window,
    instance_names,
    snapshot_names,
    window_of,
)
from aurora_restore.domain.errors import RestoreError
from aurora_restore.domain.log_entries import LogEntry
from aurora_restore.domain.naming import LOCK_TABLE, STATE_MACHINE
from aurora_restore.domain.record import Record

STATUS_WIDTH = 100


class Sources(Protocol):
    """Where the parts come from."""

    def execution(self, execution_arn: str) -> dict[str, Any] | None: ...
    def cleanup_arns(self, operation_id: str, window: Window) -> Sequence[str]: ...
    def clusters(self, region: str, names: Iterable[str], operation_id: str) -> Sequence[dict[str, Any]]: ...
    def instances(
        self, region: str, clusters: Iterable[str], operation_id: str
    ) -> Sequence[dict[str, Any]]: ...
    def snapshots(self, region: str, names: Iterable[str], operation_id: str) -> Sequence[dict[str, Any]]: ...
    def named_snapshot(self, region: str, name: str) -> dict[str, Any] | None: ...
    def events(
        self, region: str, sources: Iterable[tuple[str, str]], window: Window
    ) -> Sequence[dict[str, Any]]: ...
    def describe_stack(self, stack_name: str) -> Mapping[str, Any] | None: ...
    def stack_resources(self, stack_name: str) -> Sequence[dict[str, Any]]: ...
    def locks(self, table_name: str) -> Sequence[dict[str, Any]]: ...


@dataclass(frozen=True)
class Diagnosis:
    """An operation, and everything that can be asked about it.

    `item`: its record, and `unread`: why that could not be read. Either may be missing, and the rest is collected.
    """

    operation_id: str
    item: Mapping[str, Any] | None
    unread: RestoreError | None
    pipeline: Pipeline
    around: Surroundings
    sources: Sources
    now: datetime

    @cached_property
    def record(self) -> Record:
        return Record.read(self.item or {})

    @cached_property
    def window(self) -> Window:
        return window_of(self.record, self.now)

    @property
    def execution_arn(self) -> str:
        if self.record.execution_arn:
            return self.record.execution_arn
        machine = self.around.machine_arn(STATE_MACHINE)
        return f"{machine.replace(':stateMachine:', ':execution:')}:{self.operation_id}"

    def leaves_a_trace(self) -> bool:
        """Whether anything but a record knows the operation."""
        return bool(self._audit() or self.sources.execution(self.execution_arn))

    def parts(self) -> tuple[Part, ...]:
        return (
            Part("status.txt", "what `aurora-restore status` shows", self._status),
            Part("record.json", "the record in the state table", self._record),
            Part("audit.json", "the audit events, oldest first", self._audit),
            Part("execution.json", "the execution and its history, without inputs", self._execution),
            Part("cleanups.json", "the executions of its cleanups, without inputs", self._cleanups),
            Part("logs.jsonl", "what all functions logged about it", lambda: self._lines(self._logs)),
            Part(
                "errors.jsonl",
                "warnings and errors of these logs",
                lambda: self._lines([entry for entry in self._logs if entry.is_problem]),
            ),
            *self._parts_of_rds(),
            Part("stack.json", "the stack, and its resources", self._stack),
            Part("versions.json", "what is deployed, and this source tree", self._versions),
            Part("locks.json", "the lock of its target, and other locks that it has", self._locks),
        )

    def _parts_of_rds(self) -> tuple[Part, ...]:
        region, source = self.around.region, self.record.plan.source
        names, operation_id = cluster_names(self.record), self.operation_id
        asked, from_region = self.sources, f"in {source.region}" if source.region else ""

        def of_source(look: Callable[[str], Any]) -> Any:
            if not source.region:
                raise NothingToCollect("the record has no plan, which would name the source")
            return look(source.region)

        return (
            Part("rds/clusters.json", f"its clusters in {region}: new, old, kept",
                 lambda: asked.clusters(region, names, operation_id)),
            Part("rds/instances.json", f"their instances in {region}",
                 lambda: asked.instances(region, names, operation_id)),
            Part("rds/snapshots.json", f"the copy and the final snapshot in {region}",
                 lambda: asked.snapshots(region, snapshot_names(self.record), operation_id)),
            Part("rds/events.json", f"what RDS says of all these in {region}", self._events),
            Part("rds/source.json", f"the source cluster and snapshot {from_region}".strip(), lambda: of_source(
                lambda region: {
                    "clusters": asked.clusters(region, [source.db_cluster_identifier or ""], operation_id),
                    "snapshot": asked.named_snapshot(region, source.cluster_snapshot_identifier or ""),
                })),
            Part("rds/source_events.json", f"what RDS says of the source {from_region}".strip(),
                 lambda: of_source(self._source_events)),
        )  # fmt: skip

    def _status(self) -> str:
        view = view_operation(self._record())
        out = io.StringIO()
        console = Console(file=out, width=STATUS_WIDTH, highlight=False, markup=False, emoji=False)
        console.print(render_status(view, self.now), crop=False)
        return out.getvalue().rstrip("\n")

    def _record(self) -> Mapping[str, Any]:
        if self.unread is not None:
            raise self.unread
        if self.item is None:
            raise NothingToCollect("there is no record of it")
        return self.item

    def _audit(self) -> Any:
        return self.pipeline.audit.trail(self.operation_id)

    def _execution(self) -> Any:
        seen = self.sources.execution(self.execution_arn)
        if seen is None:
            raise NothingToCollect("Step Functions does not know the execution: it forgets one after 90 days")
        return seen

    def _cleanups(self) -> Any:
        arns = self.sources.cleanup_arns(self.operation_id, self.window)
        return [self.sources.execution(arn) for arn in arns]

    @cached_property
    def _logs(self) -> Sequence[LogEntry]:
        return self.pipeline.logs.of_operation(self.operation_id, self.window.begin, self.window.end)

    @staticmethod
    def _lines(entries: Sequence[LogEntry]) -> str:
        return "\n".join(json.dumps(entry.to_item(), default=str) for entry in entries)

    def _events(self) -> Any:
        record = self.record
        sources = (
            *(("db-cluster", name) for name in cluster_names(record)),
            *(("db-instance", name) for name in instance_names(record)),
            *(("db-cluster-snapshot", name) for name in snapshot_names(record)),
        )
        return self._events_of(self.around.region, sources)

    def _source_events(self, region: str) -> Any:
        source = self.record.plan.source
        named = (
            ("db-cluster", source.db_cluster_identifier),
            ("db-cluster-snapshot", source.cluster_snapshot_identifier),
        )
        return self._events_of(region, tuple((kind, name) for kind, name in named if name))

    def _events_of(self, region: str, sources: Sequence[tuple[str, str]]) -> Any:
        window = events_window(self.window, self.now)
        if window is None:
            raise NothingToCollect("RDS keeps events for 14 days, and the operation is older")
        return self.sources.events(region, sources, window)

    def _stack(self) -> Any:
        name = self.around.stack_name
        return {
            "stack": self.sources.describe_stack(name),
            "resources": self.sources.stack_resources(name),
        }

    def _versions(self) -> Any:
        deployed = self.around.deployed
        template = deployed.template(self.around.stack_name) or ""
        try:
            source = self.around.source()
            tree: Any = {"package_key": source.package_key, "code_sha256": source.code_sha256}
        except PackagingFailed as error:
            tree = {"not_known": error.message}
        return {
            "command_line": version("aurora-restore"),
            "source_tree": tree,
            "artifacts_of_the_stack": stamped_keys(template),
            "functions": {
                function.full_name: vars(seen) if (seen := deployed.function(function.full_name)) else None
                for function in FUNCTIONS
            },
        }

    def _locks(self) -> Any:
        mine = (self.operation_id, self.record.target_cluster_id)
        return [
            lock
            for lock in self.sources.locks(LOCK_TABLE)
            if lock.get("operation_id") == mine[0] or lock.get("target_cluster_id") == mine[1]
        ]
