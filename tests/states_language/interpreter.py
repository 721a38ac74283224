"""Step Functions in memory on a virtual clock: executions of the machines that `states` reads.

An execution goes on by itself through whatever takes no time, and plans the rest on the scheduler. Its history
has AWS's event types in AWS's order.
"""

from __future__ import annotations

import functools
import json
import marshal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any, NamedTuple

from tests.states_language.scheduler import Entry, Scheduler
from tests.states_language.states import (
    Choice,
    Fail,
    Machine,
    Pass,
    Path,
    RuntimeFault,
    Scope,
    State,
    Succeed,
    Task,
    Wait,
    matches,
)

MAX_HISTORY_EVENTS = 25_000
MAX_PAYLOAD_BYTES = 256 * 1024
MAX_WAIT_SECONDS = 99_999_999
INVOKE_OVERHEAD_SECONDS = 0.08


class ProcessDied(BaseException):
    """The process of a function is gone in the middle of its work: nothing may catch this as an error of a call."""


_ENTERED_AS = {
    Task: "TaskState",
    Choice: "ChoiceState",
    Wait: "WaitState",
    Pass: "PassState",
    Succeed: "SucceedState",
    Fail: "FailState",
}

Invoke = Callable[[str, dict[str, Any]], Any]


class HistoryEvent(NamedTuple):
    """`details`: input or output of a state, a task's parameters or answer, or error and cause."""

    id: int
    time: datetime
    type: str
    state: str | None
    details: Any


class FunctionError(Exception):
    """How Lambda tells Step Functions that a function did not answer."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause


@dataclass
class Execution:
    """One run of a machine."""

    machine_name: str
    machine_arn: str
    execution_arn: str
    name: str
    input: Any
    start_time: datetime
    status: str = "RUNNING"
    stop_time: datetime | None = None
    output: Any = None
    error: str | None = None
    cause: str | None = None
    history: list[HistoryEvent] = field(default_factory=list, repr=False)
    state_name: str = ""
    state_input: Any = None
    retries: dict[int, int] = field(default_factory=dict)
    planned: Entry | None = None
    limit: Entry | None = None

    @property
    def is_running(self) -> bool:
        return self.status == "RUNNING"

    def note(self, time: datetime, kind: str, state: str | None = None, details: Any = None) -> None:
        self.history.append(HistoryEvent(len(self.history) + 1, time, kind, state, details))

    def scope(self) -> Scope:
        return Scope(self.state_input, self.context())

    def context(self) -> dict[str, Any]:
        return {
            "Execution": {
                "Id": self.execution_arn,
                "Name": self.name,
                "Input": self.input,
                "StartTime": _written(self.start_time),
            },
            "StateMachine": {"Id": self.machine_arn, "Name": self.machine_name},
        }


class ExecutionAlreadyExists(Exception):
    """Another execution has the name: one with another input, or one that has ended."""


class StepFunctions:
    """The state machines of one Region. `executions` by ARN, in the order of their start.

    `on_end` is called with every execution that has ended, `on_enter` with every state that one enters; they may plan,
    and must not start or stop anything at once.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        machines: Mapping[str, Machine],
        invoke: Invoke,
        random: Random,
        arn_stem: str,
    ) -> None:
        self.executions: dict[str, Execution] = {}
        self.on_end: Callable[[Execution], None] | None = None
        self.on_enter: Callable[[Execution], None] | None = None
        self.machines = machines
        self._scheduler = scheduler
        self._invoke_function = invoke
        self._random = random
        self._arn_stem = arn_stem

    def machine_arn(self, machine_name: str) -> str:
        return f"{self._arn_stem}:stateMachine:{machine_name}"

    def execution_arn(self, machine_name: str, name: str) -> str:
        return f"{self._arn_stem}:execution:{machine_name}:{name}"

    def start(self, machine_name: str, name: str, given: Any) -> str:
        """StartExecution: the same name and input is the same execution while that runs.

        Raises:
            ExecutionAlreadyExists
        """
        arn = self.execution_arn(machine_name, name)
        existing = self.executions.get(arn)
        if existing is not None:
            if existing.is_running and existing.input == given:
                return arn
            raise ExecutionAlreadyExists(arn)
        now = self._now
        execution = Execution(machine_name, self.machine_arn(machine_name), arn, name, _copied(given), now)
        self.executions[arn] = execution
        execution.note(now, "ExecutionStarted", details=execution.input)
        machine = self.machines[machine_name]
        if machine.timeout_seconds:
            time_out = functools.partial(self._time_out, execution)
            execution.limit = self._scheduler.after(machine.timeout_seconds, time_out, background=True)
        enter = functools.partial(self._go_on, execution, machine.start_at, execution.input)
        execution.planned = self._scheduler.after(0, enter)
        return arn

    def stop(self, execution_arn: str, error: str | None, cause: str | None) -> None:
        """StopExecution: one that has ended stays as it ended. Raises KeyError for one that is not known."""
        execution = self.executions[execution_arn]
        if execution.is_running:
            self._end(execution, "ABORTED", "ExecutionAborted", error, cause)

    def time_out(self, execution_arn: str) -> None:
        """Let the machine's time be over now."""
        self._time_out(self.executions[execution_arn])

    def __getstate__(self) -> dict[str, Any]:
        """All but the machines, which the code that unpickles gives back."""
        return {**vars(self), "machines": {}}

    @property
    def _now(self) -> datetime:
        return self._scheduler.clock.now()

    def _time_out(self, execution: Execution) -> None:
        if execution.is_running:
            self._end(execution, "TIMED_OUT", "ExecutionTimedOut", "States.Timeout", None)

    def _end(
        self, execution: Execution, status: str, event: str, error: str | None, cause: str | None
    ) -> None:
        for entry in (execution.planned, execution.limit):
            if entry is not None:
                self._scheduler.cancel(entry)
        execution.status, execution.stop_time = status, self._now
        execution.error, execution.cause = error, cause
        details = execution.output if status == "SUCCEEDED" else {"error": error, "cause": cause}
        execution.note(self._now, event, details=details)
        if self.on_end:
            self.on_end(execution)

    def _go_on(self, execution: Execution, name: str | None, data: Any) -> None:
        """From one state to the next, until one takes time or the execution ends."""
        while execution.is_running:
            if name is None:
                execution.output = data
                self._end(execution, "SUCCEEDED", "ExecutionSucceeded", None, None)
                return
            if len(execution.history) > MAX_HISTORY_EVENTS - 10:
                reason = "The execution reached the maximum number of history events (25000)."
                self._end(execution, "FAILED", "ExecutionFailed", "States.Runtime", reason)
                return
            state = self.machines[execution.machine_name].states[name]
            try:
                following = self._enter(execution, state, data)
            except RuntimeFault as fault:
                self._end(execution, "FAILED", "ExecutionFailed", "States.Runtime", str(fault))
                return
            if following is None:
                return
            name, data = following

    def _enter(self, execution: Execution, state: State, data: Any) -> tuple[str | None, Any] | None:
        """Enter a state; where to go at once and with what, or None where that comes later or never."""
        execution.state_name, execution.state_input, execution.retries = state.name, data, {}
        kind = _ENTERED_AS[type(state)]
        execution.note(self._now, f"{kind}Entered", state.name, data)
        if self.on_enter:
            self.on_enter(execution)
        if isinstance(state, Task):
            self._schedule_task(execution, state)
            return None
        if isinstance(state, Wait):
            leave = functools.partial(self._leave_wait, execution, state.name)
            execution.planned = self._scheduler.after(_seconds(state, execution.scope()), leave)
            return None
        if isinstance(state, Fail):
            error = _text(state.error, execution.scope())
            cause = _text(state.cause, execution.scope())
            self._end(execution, "FAILED", "ExecutionFailed", error, cause)
            return None
        return self._pass_through(execution, state, data, kind)

    def _pass_through(
        self, execution: Execution, state: Choice | Pass | Succeed, data: Any, kind: str
    ) -> tuple[str | None, Any] | None:
        target: str | None = None
        if isinstance(state, Choice):
            target = _chosen(state, execution.scope())
            if target is None:
                reason = f"Choices of {state.name}: no rule matched."
                self._end(execution, "FAILED", "ExecutionFailed", "States.NoChoiceMatched", reason)
                return None
        elif isinstance(state, Pass):
            target, data = state.next, _placed(data, state.result_path, state.result)
        execution.note(self._now, f"{kind}Exited", state.name, data)
        return target, data

    def _leave_wait(self, execution: Execution, name: str) -> None:
        state = self.machines[execution.machine_name].states[name]
        assert isinstance(state, Wait)
        execution.note(self._now, "WaitStateExited", name, execution.state_input)
        self._go_on(execution, state.next, execution.state_input)

    def _schedule_task(self, execution: Execution, task: Task) -> None:
        payload = _copied(task.payload(execution.scope()))
        execution.note(self._now, "TaskScheduled", task.name, payload)
        execution.note(self._now, "TaskStarted", task.name)
        call = functools.partial(self._call, execution, task.name, payload)
        # Whoever stops the execution does not stop a function that was called: the call is never cancelled.
        self._scheduler.after(INVOKE_OVERHEAD_SECONDS, call)
        execution.planned = None

    def _repeat_task(self, execution: Execution, name: str) -> None:
        task = self.machines[execution.machine_name].states[name]
        assert isinstance(task, Task)
        self._schedule_task(execution, task)

    def _call(self, execution: Execution, name: str, payload: dict[str, Any]) -> None:
        task = self.machines[execution.machine_name].states[name]
        assert isinstance(task, Task)
        started = self._now
        try:
            answer = self._invoke(task.function_name, payload)
        except FunctionError as failed:
            if execution.is_running:
                self._task_failed(execution, task, failed.error, failed.cause, "TaskFailed")
            return
        if not execution.is_running:
            return
        if task.timeout_seconds and (self._now - started).total_seconds() > task.timeout_seconds:
            self._task_failed(execution, task, "States.Timeout", "", "TaskTimedOut")
            return
        self._task_succeeded(execution, task, answer)

    def _invoke(self, function_name: str, payload: dict[str, Any]) -> Any:
        """Raises FunctionError."""
        try:
            answer = json.dumps(self._invoke_function(function_name, payload))
        except ProcessDied as died:
            cause = f"RequestId: simulated Error: Runtime exited with error: signal: killed ({died})"
            details = {"errorType": "Runtime.ExitError", "errorMessage": cause}
            raise FunctionError("Runtime.ExitError", json.dumps(details)) from None
        except Exception as error:
            kind = type(error).__name__
            cause = json.dumps({"errorMessage": str(error), "errorType": kind})
            raise FunctionError(kind, cause) from error
        if len(answer) > MAX_PAYLOAD_BYTES:
            raise FunctionError("States.DataLimitExceeded", "The result is larger than 256 KiB.")
        return json.loads(answer)

    def _task_succeeded(self, execution: Execution, task: Task, answer: Any) -> None:
        result: Any = {"ExecutedVersion": "$LATEST", "Payload": answer, "StatusCode": 200}
        execution.note(self._now, "TaskSucceeded", task.name, result)
        try:
            if task.result_selector is not None:
                result = task.result_selector(Scope(result, execution.context()))
            output = _placed(execution.state_input, task.result_path, result)
        except RuntimeFault as fault:
            self._end(execution, "FAILED", "ExecutionFailed", "States.Runtime", str(fault))
            return
        execution.note(self._now, "TaskStateExited", task.name, output)
        self._go_on(execution, task.next, output)

    def _task_failed(self, execution: Execution, task: Task, error: str, cause: str, event: str) -> None:
        execution.note(self._now, event, task.name, {"error": error, "cause": cause})
        for number, retrier in enumerate(task.retriers):
            if matches(retrier.errors, error):
                attempts = execution.retries.get(number, 0)
                if attempts < retrier.max_attempts:
                    execution.retries[number] = attempts + 1
                    delay = retrier.delay_seconds(attempts)
                    delay = self._random.uniform(0, delay) if retrier.full_jitter else delay
                    again = functools.partial(self._repeat_task, execution, task.name)
                    execution.planned = self._scheduler.after(delay, again)
                    return
                break
        for catcher in task.catchers:
            if matches(catcher.errors, error):
                caught = {"Error": error, "Cause": cause}
                output = _placed(execution.state_input, catcher.result_path, caught)
                execution.note(self._now, "TaskStateExited", task.name, output)
                self._go_on(execution, catcher.next, output)
                return
        self._end(execution, "FAILED", "ExecutionFailed", error, cause)


def _chosen(state: Choice, scope: Scope) -> str | None:
    return next((target for condition, target in state.rules if condition(scope)), state.default)


def _seconds(state: Wait, scope: Scope) -> float:
    seconds = state.seconds.get(scope) if isinstance(state.seconds, Path) else state.seconds
    if not isinstance(seconds, int) or isinstance(seconds, bool) or not 0 <= seconds <= MAX_WAIT_SECONDS:
        raise RuntimeFault(f"The wait of {state.name} is not a number of seconds: {seconds!r}")
    return float(seconds)


def _text(value: str | Path | None, scope: Scope) -> str | None:
    found = value.get(scope) if isinstance(value, Path) else value
    if found is not None and not isinstance(found, str):
        raise RuntimeFault(f"Error and cause are text, not {found!r}")
    return found


def _placed(data: Any, path: Path | None, result: Any) -> Any:
    """The state's output: its input with the result at `path`; the input alone where the result is dropped."""
    if path is None:
        return data
    if not path.names:
        return result
    if not isinstance(data, dict):
        raise RuntimeFault(f"The result cannot be placed at {path.text}: the input is not an object.")
    output = dict(data)
    holder = output
    for name in path.names[:-1]:
        inner = holder.get(name, {})
        if not isinstance(inner, dict):
            raise RuntimeFault(f"The result cannot be placed at {path.text}.")
        holder[name] = dict(inner)
        holder = holder[name]
    holder[path.names[-1]] = result
    return output


def _copied(value: Any) -> Any:
    """A deep copy of plain JSON-like values, quickly."""
    return marshal.loads(marshal.dumps(value))  # noqa: S302 - our own values, a moment old


def _written(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
