"""Executions of Step Functions that outlive the process, as they do on AWS; ministack would end them as FAILED.

An execution goes on with the state that it was in. A task that was under way is called again: the same that its
function meets on AWS when a reply is lost. A wait begins anew. What was asked of a function asynchronously, and not
finished, is lost; for the pipeline the sweep makes up for it.
"""

from __future__ import annotations

import contextvars
import json
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from ministack import app as gateway
from ministack.core.responses import request_scope
from ministack.services import cloudformation, stepfunctions

from local_stack.ministack_keeping import MinistackKeeper

_log = logging.getLogger(__name__)

_Execution = dict[str, Any]
_Definition = Mapping[str, Any]

_HANDLERS: dict[str, Callable[..., Any]] = {
    "Pass": stepfunctions._execute_pass,
    "Choice": stepfunctions._execute_choice,
}
_HANDLERS_WITH_EXECUTION: dict[str, Callable[..., Any]] = {
    "Task": stepfunctions._execute_task,
    "Parallel": stepfunctions._execute_parallel,
    "Map": stepfunctions._execute_map,
}
_EXIT_TELLS_NEXT = ("Pass", "Wait")
"""Types of states whose way on depends on nothing: the others, once left, are asked again where they lead."""


def load_what_was_kept(keeper: MinistackKeeper) -> list[str]:
    """Give every service what was kept of it. A sentence about each change that could not go on.

    Where nothing was ever kept, ministack's own files are read: an earlier version of the stack wrote those.
    """
    for key, module_name in gateway._state_map.items():
        state = keeper.load(key) if keeper.has_kept else gateway.load_state(key)
        if not state:
            continue
        executions = state.get("executions") if key == "stepfunctions" else None
        held = executions._data.values() if executions is not None else ()
        running = [execution for execution in held if execution.get("status") == "RUNNING"]
        # ministack turns what runs into FAILED as it loads it.
        as_they_were = [dict(execution) for execution in running]
        gateway._get_module(module_name).load_persisted_state(state)
        for execution, before in zip(running, as_they_were, strict=True):
            execution.clear()
            execution.update(before)
    # A change of a stack does not go on: half of it is made, and CloudFormation's own words say so.
    notes = []
    for stack in list(cloudformation._stacks._data.values()):
        status = str(stack.get("StackStatus", ""))
        if not status.endswith("_IN_PROGRESS") or status == "REVIEW_IN_PROGRESS":
            continue
        stack["StackStatus"] = status.replace("_IN_PROGRESS", "_FAILED")
        stack["StackStatusReason"] = "The local stack ended while the change was made."
        notes.append(
            f"The change of the stack {stack['StackName']} was interrupted; it is {stack['StackStatus']} now."
        )
    return notes


def running() -> list[str]:
    """The names of the executions that run, in every account and Region, oldest first."""
    found = [
        each for each in list(stepfunctions._executions._data.values()) if each.get("status") == "RUNNING"
    ]
    return [str(each["name"]) for each in sorted(found, key=lambda each: str(each["startDate"]))]


def go_on() -> list[str]:
    """Let every execution go on that ran when the process ended; a sentence about each."""
    notes = []
    for (account, region, arn), execution in list(stepfunctions._executions.all_items()):
        if execution.get("status") != "RUNNING":
            continue
        with request_scope(account, region):
            scope = contextvars.copy_context()
        # The function as it is by now, with the time limit that this stack adds.
        threading.Thread(target=scope.run, args=(stepfunctions._run_execution, arn), daemon=True).start()
        state = _last_entered(execution)
        where = f"with the state {state['name']}" if state else "from its beginning"
        notes.append(f"The execution {execution['name']} was interrupted, and goes on {where}.")
    return notes


def run_or_go_on(run: Callable[[str], None], exec_arn: str) -> None:
    """An execution that has entered a state already goes on from there; any other one begins with `run`."""
    execution = stepfunctions._executions.get(exec_arn)
    machine = stepfunctions._state_machines.get(execution["stateMachineArn"]) if execution else None
    if execution is None or machine is None or _last_entered(execution) is None:
        run(exec_arn)
        return
    try:
        _run_from_last_state(execution, machine)
    except stepfunctions._ExecutionError as error:
        stepfunctions._fail_execution(execution, error.error, error.cause)
    except Exception as error:  # noqa: BLE001 - as ministack: whatever it is, it ends the execution
        _log.exception("The execution %s could not go on", exec_arn)
        stepfunctions._fail_execution(execution, "States.Runtime", str(error))


def _last_entered(execution: _Execution) -> Mapping[str, Any] | None:
    entered = (event.get("stateEnteredEventDetails") for event in reversed(execution["events"]))
    return next((details for details in entered if details), None)


def _run_from_last_state(execution: _Execution, machine: Mapping[str, Any]) -> None:
    definition = json.loads(machine["definition"])
    context: dict[str, Any] = {
        "QueryLanguage": definition.get("QueryLanguage", "JSONPath"),
        "Execution": {
            "Id": execution["executionArn"],
            "Input": json.loads(execution["input"]),
            "Name": execution["name"],
            "StartTime": execution["startDate"],
        },
        "StateMachine": {"Id": execution["stateMachineArn"], "Name": machine["name"]},
        "variables": {},
    }
    name, value, is_entered = _place(execution, definition)
    while name is not None and execution["status"] == "RUNNING":
        state = definition["States"].get(name)
        if state is None:
            raise stepfunctions._ExecutionError("States.Runtime", f"State '{name}' not found in definition")
        # The state that was interrupted is in the history already, once.
        if not is_entered:
            _note(execution, state, "Entered", name, "input", value)
        context["State"] = {"Name": name, "EnteredTime": stepfunctions.now_iso(), "RetryCount": 0}
        value, following = _perform(state, value, execution, context)
        _note(execution, state, "Exited", name, "output", value)
        name, is_entered = following, False
    # A stop or the time limit can have ended it meanwhile.
    if execution["status"] == "RUNNING":
        output = json.dumps(value)
        execution.update(status="SUCCEEDED", output=output, stopDate=stepfunctions.now_iso())
        ended = {"executionSucceededEventDetails": {"output": output}}
        stepfunctions._add_event(execution, "ExecutionSucceeded", ended)
        stepfunctions._emit_execution_status_event(execution)


def _place(execution: _Execution, definition: _Definition) -> tuple[str | None, Any, bool]:
    """The state to go on with, its input, and whether it was entered already."""
    entered = _last_entered(execution)
    if entered is None:
        return definition.get("StartAt"), json.loads(execution["input"]), False
    name, state = str(entered["name"]), definition["States"].get(entered["name"], {})
    events = execution["events"]
    left = events[-1].get("stateExitedEventDetails")
    # Of a task that was left, only success leads to `Next`: a Catch leads elsewhere.
    task_succeeded = state.get("Type") == "Task" and len(events) > 1 and events[-2]["type"] == "TaskSucceeded"
    if left and left["name"] == name and (state.get("Type") in _EXIT_TELLS_NEXT or task_succeeded):
        return state.get("Next"), json.loads(left["output"]), False
    return name, json.loads(entered["input"]), True


def _perform(
    state: Mapping[str, Any], value: Any, execution: _Execution, context: dict[str, Any]
) -> tuple[Any, str | None]:
    kind = state["Type"]
    if kind == "Succeed":
        shown = stepfunctions._apply_input_path(state, value, context)
        return stepfunctions._apply_output_path(state, shown, context), None
    if kind == "Fail":
        raise stepfunctions._ExecutionError(*stepfunctions._fail_state_error(state, value, context))
    done: tuple[Any, str | None]
    if kind in _HANDLERS_WITH_EXECUTION:
        done = _HANDLERS_WITH_EXECUTION[kind](state, value, execution, context)
    elif kind == "Wait":  # looked up late: this stack replaces it
        done = stepfunctions._execute_wait(state, value, context)
    else:
        done = _HANDLERS[kind](state, value, context)
    return done


def _note(
    execution: _Execution, state: Mapping[str, Any], what: str, name: str, field: str, value: Any
) -> None:
    details = {"name": name, field: json.dumps(value)}
    stepfunctions._add_event(execution, f"{state['Type']}State{what}", {f"state{what}EventDetails": details})
