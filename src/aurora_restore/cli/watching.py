"""Following an operation from outside: reading only, so it can be left and taken up again with no effect.

The record is the truth that is shown, and it is final once it has its end time: what the run left is cleaned up then.
The execution is looked at where the record does not show enough: before the first step wrote it, and where the run has
ended and its cleanup has not begun.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aurora_restore.cli.errors import AwsUnreachable, CleanupOverdue, OperationNotFound, TimedOut, translate
from aurora_restore.cli.pipeline import Pipeline, record_of_execution
from aurora_restore.cli.views.due import due_words, how_to_start_it, overdue_words
from aurora_restore.domain.errors import TransientError
from aurora_restore.domain.observed import ExecutionState
from aurora_restore.domain.record import Record, changed
from aurora_restore.domain.states import OperationStatus


@dataclass(frozen=True)
class WatchLimits:
    """The intervals and the patience of a watch, in seconds.

    `start_grace` is how long a just started execution may be invisible (DescribeExecution is eventually
    consistent; zero for one that was started by another program); `record_grace` how long one that ended may stay
    without any record; `cleanup_grace` how long the watch waits for a cleanup to begin (its event takes seconds, the
    sweep comes every five minutes), and after `overdue` it says that this takes too long; `outage` how long AWS may
    be out of reach before the watch gives up.
    """

    timeout: float = 48 * 3600
    interval: float = 1.0
    look_at_execution_every: int = 5
    start_grace: float = 0.0
    record_grace: float = 20.0
    overdue: float = 900.0
    cleanup_grace: float = 1800.0
    outage: float = 120.0


@dataclass(frozen=True)
class Observation:
    """The record as it is, and a notice of what the record does not say (empty when all is well).

    `execution_status` is how the execution ended, as long as the record does not say that it did.
    """

    record: Mapping[str, Any]
    notice: str = ""
    execution_status: str = ""

    @property
    def is_final(self) -> bool:
        return Record.read(self.record).is_closed


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
            CleanupOverdue: the run has ended, and nothing has begun to tidy it up.
            AwsUnreachable: AWS could not be reached for too long.
        """
        begun = self._now()
        looker = _Looker(self._pipeline, self._now, self._limits, operation_id)
        reached: datetime | None = None
        latest = Observation({})
        while self._now() - begun < timedelta(seconds=self._limits.timeout):
            try:
                latest = looker.look()
                reached, observation = self._now(), latest
            except Exception as error:
                # Hours of watching must not end with one failed request; what does not pass is raised again.
                known = translate(error)
                if not isinstance(known, AwsUnreachable | TransientError):
                    raise
                # An endpoint that never answered is not an outage: it, the Region or the credentials are wrong.
                if reached is None or (self._now() - reached).total_seconds() > self._limits.outage:
                    raise known from error
                notice = f"AWS cannot be reached just now; trying again. {known.message}"
                observation = Observation(latest.record, notice, latest.execution_status)
            yield observation
            if observation.is_final:
                return
            self._sleep(self._limits.interval)
        raise TimedOut(
            f"{operation_id} had not ended after {self._limits.timeout / 60:.0f} minutes of watching.",
            f"It goes on. Take it up again with: aurora-restore watch {operation_id}",
        )


class _Looker:
    """One watch: what it has seen of the execution, and since when it waits for a cleanup."""

    def __init__(
        self, pipeline: Pipeline, now: Callable[[], datetime], limits: WatchLimits, operation_id: str
    ) -> None:
        self._pipeline = pipeline
        self._now = now
        self._limits = limits
        self._operation_id = operation_id
        self._begun = now()
        self._looks = 0
        self._execution: ExecutionState | None = None
        self._due_since: datetime | None = None

    def look(self) -> Observation:
        record = self._pipeline.records.load(self._operation_id)
        if record is None:
            return self._unrecorded()
        if _needs_no_look_at_the_execution(record):
            self._due_since = None
            return Observation(record)
        # Not at every look: DescribeExecution has a limit for the whole account. Its end is final.
        turn = self._looks % self._limits.look_at_execution_every == 0
        self._looks += 1
        if turn and not _has_ended(self._execution):
            self._execution = self._pipeline.executions.find(self._operation_id)
            if _has_ended(self._execution):
                # It may have been closed since it was read.
                record = self._pipeline.records.load(self._operation_id) or record
        is_over = _has_ended(self._execution) or Record.read(record).status != OperationStatus.RUNNING
        is_due = is_over and not _needs_no_look_at_the_execution(record)
        return self._due(record) if is_due else Observation(record)

    def _unrecorded(self) -> Observation:
        execution = self._pipeline.executions.find(self._operation_id)
        if execution is None:
            # It may just have been started: DescribeExecution is eventually consistent.
            if (self._now() - self._begun).total_seconds() < self._limits.start_grace:
                return Observation(self._running())
            raise OperationNotFound(f"There is no operation {self._operation_id} in {self._pipeline.region}.")
        record = record_of_execution(self._operation_id, execution)
        if not _has_ended(execution):
            return Observation(record)
        ended = execution.stop_time or self._now()
        if (self._now() - ended).total_seconds() < self._limits.record_grace:
            notice = "The execution ended before its first phase wrote a record; waiting a moment for one."
            return Observation(self._running(), notice, execution.status)
        return Observation({**changed(Record, end_time=ended), **record})

    def _running(self) -> Mapping[str, Any]:
        """What a record would say that no phase has written yet."""
        return changed(Record, operation_id=self._operation_id, status=OperationStatus.RUNNING.value)

    def _due(self, record: Mapping[str, Any]) -> Observation:
        """The run is over, and its cleanup has yet to begin. Raises CleanupOverdue once that takes far too long."""
        execution, now = self._execution, self._now()
        self._due_since = self._due_since or now
        # A phase that runs sees at its next look that the record was marked by hand: nothing is late before that.
        still_runs = execution is not None and not _has_ended(execution)
        ended = (execution.stop_time if execution else None) or self._due_since
        words = due_words(Record.read(record), execution)
        if not still_runs and (now - ended).total_seconds() >= self._limits.overdue:
            words = f"{words} {overdue_words()}"
            if (now - self._due_since).total_seconds() >= self._limits.cleanup_grace:
                raise CleanupOverdue(words, how_to_start_it(self._operation_id, Record.read(record)))
        return Observation(record, words, execution.status if execution and _has_ended(execution) else "")


def _needs_no_look_at_the_execution(record: Mapping[str, Any]) -> bool:
    read = Record.read(record)
    return read.is_closed or read.is_being_cleaned_up


def _has_ended(execution: ExecutionState | None) -> bool:
    return execution is not None and not execution.is_running
