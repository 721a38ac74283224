"""Following an operation from outside: reading only, so it can be left and taken up again with no effect.

The record is the truth that is shown. The execution is looked at where the record cannot tell: before the first
step wrote it, and where the execution has ended and the record still says RUNNING.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aurora_restore.cli.errors import AwsUnreachable, OperationNotFound, TimedOut, translate
from aurora_restore.cli.pipeline import Pipeline, record_of_execution
from aurora_restore.domain.errors import TransientFault

RUNNING = "RUNNING"


@dataclass(frozen=True)
class WatchLimits:
    """How often to look, and what to bear, in seconds.

    `start_grace` is how long a just started execution may be invisible (DescribeExecution is eventually
    consistent; zero for one that was started by somebody else); `close_grace` how long an ended execution
    may leave its record open; `outage` how long AWS may be out of reach before the watch gives up.
    """

    timeout: float = 48 * 3600
    interval: float = 1.0
    look_at_execution_every: int = 5
    start_grace: float = 0.0
    close_grace: float = 20.0
    outage: float = 120.0


@dataclass(frozen=True)
class Observation:
    """The record as it stands, and a word about the watching itself (empty when all is well)."""

    record: Mapping[str, Any]
    notice: str = ""

    @property
    def is_final(self) -> bool:
        return self.record.get("status") != RUNNING


class Watcher:
    """Looks at one operation again and again until it has ended."""

    def __init__(
        self,
        pipeline: Pipeline,
        now: Callable[[], datetime],
        sleep: Callable[[float], None],
        limits: WatchLimits | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._now = now
        self._sleep = sleep
        self._limits = limits or WatchLimits()

    def observations(self, operation_id: str) -> Iterator[Observation]:
        """Every look, the last one being final.

        Raises:
            OperationNotFound: neither a record nor an execution has this name.
            TimedOut: the operation had not ended within the limit; it goes on.
            AwsUnreachable: AWS could not be reached for too long.
        """
        begun = self._now()
        reached: datetime | None = None
        latest: Mapping[str, Any] = {}
        looks = 0
        while self._now() - begun < timedelta(seconds=self._limits.timeout):
            try:
                observation = self._look(operation_id, looks, begun)
                reached, latest = self._now(), observation.record
            except Exception as error:  # noqa: BLE001 - raised again, all but what can be borne
                observation = self._bear(error, latest, reached)
            yield observation
            if observation.is_final:
                return
            looks += 1
            self._sleep(self._limits.interval)
        raise TimedOut(
            f"{operation_id} had not ended after {self._limits.timeout / 60:.0f} minutes of watching.",
            f"It goes on. Take it up again with: aurora-restore watch {operation_id}",
        )

    def _look(self, operation_id: str, looks: int, begun: datetime) -> Observation:
        record = self._pipeline.records.load(operation_id)
        if record is None:
            return Observation(self._unrecorded(operation_id, begun))
        if record.get("status") == RUNNING and looks % self._limits.look_at_execution_every == 0:
            return Observation(self._unless_ended(operation_id, record))
        return Observation(record)

    def _unrecorded(self, operation_id: str, begun: datetime) -> Mapping[str, Any]:
        execution = self._pipeline.executions.find(operation_id)
        if execution is None:
            if (self._now() - begun).total_seconds() < self._limits.start_grace:
                return {"operation_id": operation_id, "status": RUNNING}
            raise OperationNotFound(f"There is no operation {operation_id} in {self._pipeline.region}.")
        return record_of_execution(operation_id, execution)

    def _unless_ended(self, operation_id: str, record: Mapping[str, Any]) -> Mapping[str, Any]:
        execution = self._pipeline.executions.find(operation_id)
        if execution is None or execution.status == RUNNING:
            return record
        fresh = self._pipeline.records.load(operation_id) or record
        ended = execution.stop_date or self._now()
        waited = (self._now() - ended).total_seconds()
        if fresh.get("status") != RUNNING or waited < self._limits.close_grace:
            return fresh
        return _with_way_out(dict(fresh) | record_of_execution(operation_id, execution))

    def _bear(self, error: Exception, latest: Mapping[str, Any], reached: datetime | None) -> Observation:
        known = translate(error)
        if not isinstance(known, AwsUnreachable | TransientFault):
            raise error
        # What never answered is no outage: the endpoint, the Region or the credentials are wrong.
        if reached is None or (self._now() - reached).total_seconds() > self._limits.outage:
            raise known from error
        return Observation(latest, f"AWS cannot be reached just now; trying again. {known.message}")


def _with_way_out(record: dict[str, Any]) -> dict[str, Any]:
    """The record of an execution that ended without closing it, with what there is to do about that."""
    if "error" not in record:
        return record
    hint = (
        f"The record still says RUNNING and holds the lock of {record.get('target_cluster_id') or 'its target'}: "
        'mark it FAILED (docs/operations.md, "When a run ends badly"), then start again under a new name.'
    )
    error = record["error"]
    return record | {"error": error | {"hint": f"{hint} {error['hint']}"}}
