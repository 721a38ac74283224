"""A simulation whose functions log as the deployed ones do: through the entry points, as events with virtual times."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast

from tests.simulation.pipeline import functions
from tests.simulation.seeding import ACCOUNT
from tests.simulation.simulation import Simulation

from aurora_restore import handlers
from aurora_restore.aws.metrics import LogMetrics
from aurora_restore.domain.errors import RestoreError
from aurora_restore.steps.ports import Metrics
from local_stack.insights import LogEvent

# How Step Functions learns that Lambda has no room for a call: an error goes by its name.
Throttled = type("Lambda.TooManyRequestsException", (Exception,), {})


@dataclass(frozen=True)
class Invocation:
    """A call of a function, as it was seen from outside. `error`: what it ended with, by its Python class."""

    function: str
    operation_id: str | None
    began: datetime
    ended: datetime
    error: BaseException | None

    @property
    def seconds(self) -> float:
        return (self.ended - self.began).total_seconds()


class LoggedSimulation(Simulation):
    """An account in which everything that is logged, and every call, is kept.

    Attributes:
        events: what CloudWatch Logs has, in the order of its writing.
        invocations: every call that reached its function.
        throttles: functions for which Lambda has no room.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        self.events: list[LogEvent] = []
        self.invocations: list[Invocation] = []
        self.throttles: set[str] = set()
        super().__init__(*given, **named)

    def _metrics(self) -> Metrics:
        return LogMetrics(handlers.log)

    def _invoke(self, function_name: str, payload: dict[str, Any]) -> Mapping[str, Any]:
        self.counters.invocations += 1
        if function_name in self.throttles:
            raise Throttled("Rate Exceeded.")
        handle = handlers.entry_point(functions()[function_name], lambda: self.ports, self._seconds)
        context = SimpleNamespace(
            function_name=function_name, aws_request_id=f"request-{self.counters.invocations}"
        )
        began, error = self.clock.now(), None
        try:
            with self._logging_of(function_name):
                return handle(payload, cast("Any", context))
        except BaseException as raised:
            error = raised
            kind = self.counters.log if isinstance(raised, RestoreError) else self.counters.crashes
            kind.append(f"{function_name}: {raised}")
            raise
        finally:
            seen = Invocation(function_name, payload.get("operation_id"), began, self.clock.now(), error)
            self.invocations.append(seen)

    def _seconds(self) -> float:
        return self.clock.now().timestamp()

    @contextmanager
    def _logging_of(self, function_name: str) -> Iterator[None]:
        """What the real logger writes meanwhile goes into the log of the function."""
        handler = cast("Any", handlers.log.handler)
        before = handler.setStream(_Lines(self, f"/aws/lambda/{function_name}"))
        try:
            yield
        finally:
            handler.setStream(before)


class _Lines(io.TextIOBase):
    """Where a function's lines go: each is an event of the moment in which it is written."""

    def __init__(self, sim: LoggedSimulation, log_group: str) -> None:
        self._sim = sim
        self._log = f"{ACCOUNT}:{log_group}"

    def write(self, text: str) -> int:
        for line in filter(None, text.split("\n")):
            assert isinstance(json.loads(line), dict), line
            time = int(self._sim.clock.now().timestamp() * 1000)
            number = len(self._sim.events)
            self._sim.events.append(LogEvent(time, line, self._log, "stream", f"ptr-{number}", time))
        return len(text)
