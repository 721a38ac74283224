"""The Lambda runtime of the local stack, with workers of its own."""

from __future__ import annotations

import io
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from local_stack import processes
from local_stack.lambda_execution import Outcome
from local_stack.lambda_function import DeployedFunction
from local_stack.lambda_runtime import LambdaRuntime

CODE = """
import logging, os, sys, time

class SnapshotNotFound(Exception):
    pass

def raise_error(event, context):
    raise SnapshotNotFound("there is none")

def sleep(event, context):
    print("asleep")
    time.sleep(event["seconds"])
    return os.getpid()

def leave(event, context):
    print("going")
    os._exit(3)

def look_around(event, context):
    found = {}
    for name in ("boto3", "awslambdaric", "aurora_restore", "pytest", "ministack"):
        try:
            found[name] = __import__(name).__file__
        except ImportError:
            found[name] = None
    return {
        "modules": found,
        "environment": dict(os.environ),
        "path": sys.path,
        "request_id": context.aws_request_id,
        "arn": context.invoked_function_arn,
        "remaining_ms": context.get_remaining_time_in_millis(),
    }

def write(event, context):
    print("first")
    print("second")
    logging.getLogger().warning("third")
    return len(event["padding"])
"""


def function(handler: str, timeout_seconds: int = 30, **config: Any) -> DeployedFunction:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        # Without the time of day: the same code is the same function, and its workers are used again.
        archive.writestr(zipfile.ZipInfo("work.py"), CODE)
    arn = "arn:aws:lambda:eu-west-1:111122223333:function:worker-test"
    basics = {
        "FunctionName": "worker-test",
        "FunctionArn": arn,
        "Handler": f"work.{handler}",
        "Runtime": "python3.13",
    }
    return DeployedFunction(basics | {"Timeout": timeout_seconds} | config, packed.getvalue())


class Logs:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, _function: DeployedFunction, _stream: str, lines: list[str]) -> None:
        self.lines += lines


@pytest.fixture
def logs() -> Logs:
    return Logs()


@contextmanager
def runtime_of(tmp_path: Path, logs: Logs, idle_seconds: float) -> Iterator[LambdaRuntime]:
    environment = {"PATH": "/usr/bin:/bin", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    runtime = LambdaRuntime(
        tmp_path / "a folder",
        environment,
        logs.write,
        maximum_workers=3,
        idle_seconds=idle_seconds,
        credentials=lambda deployed: {"AWS_ACCESS_KEY_ID": f"key-of-{deployed.name}"},
    )
    yield runtime
    runtime.close()


@pytest.fixture
def runtime(tmp_path: Path, logs: Logs) -> Iterator[LambdaRuntime]:
    """Its workers do not end by themselves, however long a busy machine takes between two calls."""
    with runtime_of(tmp_path, logs, idle_seconds=300) as runtime:
        yield runtime


@pytest.fixture
def impatient_runtime(tmp_path: Path, logs: Logs) -> Iterator[LambdaRuntime]:
    """Its workers end when nothing is to be done."""
    with runtime_of(tmp_path, logs, idle_seconds=0.5) as runtime:
        yield runtime


def run(runtime: LambdaRuntime, deployed: DeployedFunction, **event: Any) -> Outcome:
    return runtime.invoke(deployed, event, "request-1")


def busy_pid(runtime: LambdaRuntime) -> int:
    return next((report.pid for report in runtime.reports() if report.busy and report.invocations), 0)


def test_an_exception_keeps_the_name_of_its_class(runtime: LambdaRuntime) -> None:
    outcome = run(runtime, function("raise_error"))
    assert outcome.is_error
    assert outcome.payload["errorType"] == "SnapshotNotFound"
    assert outcome.payload["errorMessage"] == "there is none"


def test_a_worker_sees_the_zip_and_the_runtime_and_nothing_of_this_project(runtime: LambdaRuntime) -> None:
    seen = run(runtime, function("look_around")).payload
    assert seen["modules"]["boto3"]
    assert seen["modules"]["awslambdaric"]
    assert {seen["modules"][name] for name in ("aurora_restore", "pytest", "ministack")} == {None}
    assert seen["path"][0] == seen["environment"]["LAMBDA_TASK_ROOT"]


def test_nothing_is_written_beside_the_code_of_a_function(runtime: LambdaRuntime) -> None:
    run(runtime, function("look_around"))
    task_root = Path(run(runtime, function("look_around")).payload["environment"]["LAMBDA_TASK_ROOT"])
    assert [path.name for path in task_root.iterdir()] == ["work.py"]


def test_a_worker_gets_the_environment_of_its_function(runtime: LambdaRuntime) -> None:
    deployed = function("look_around", Environment={"Variables": {"STATE_TABLE_NAME": "AuroraRestoreState"}})
    seen = run(runtime, deployed).payload
    environment = seen["environment"]
    assert environment["STATE_TABLE_NAME"] == "AuroraRestoreState"
    assert environment["AWS_REGION"] == "eu-west-1"
    assert environment["AWS_ACCESS_KEY_ID"] == "key-of-worker-test"
    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert seen["request_id"] == "request-1"
    assert seen["arn"] == deployed.arn
    assert 20_000 < seen["remaining_ms"] <= 30_000


def test_a_function_that_takes_too_long_is_ended_and_says_so(runtime: LambdaRuntime) -> None:
    started = time.monotonic()
    outcome = run(runtime, function("sleep", timeout_seconds=1), seconds=30)
    assert outcome.payload["errorType"] == "Sandbox.Timedout"
    assert time.monotonic() - started < 10
    assert runtime.reports() == []


def test_a_killed_worker_fails_its_invocation_and_the_next_one_gets_a_new_worker(
    runtime: LambdaRuntime,
) -> None:
    def kill() -> None:
        processes.wait_until(lambda: busy_pid(runtime) != 0, 30)
        runtime.kill_worker(busy_pid(runtime))

    killer = threading.Thread(target=kill)
    killer.start()
    outcome = run(runtime, function("sleep", timeout_seconds=30), seconds=30)
    killer.join()
    assert outcome.payload["errorType"] == "Runtime.ExitError"
    assert "signal: killed" in outcome.payload["errorMessage"]
    assert not run(runtime, function("sleep", timeout_seconds=30), seconds=0).is_error


def test_an_idle_worker_that_is_killed_is_gone(runtime: LambdaRuntime) -> None:
    assert not run(runtime, function("sleep", timeout_seconds=30), seconds=0).is_error
    [worker] = runtime.reports()
    assert runtime.kill_worker(worker.pid)
    assert runtime.reports() == []


def test_what_a_worker_wrote_before_it_ended_is_in_the_log(runtime: LambdaRuntime, logs: Logs) -> None:
    outcome = run(runtime, function("leave"))
    assert outcome.payload["errorMessage"].endswith("exit status 3")
    assert "going" in logs.lines


def test_text_logs_carry_the_lines_of_the_platform(runtime: LambdaRuntime, logs: Logs) -> None:
    run(runtime, function("write"), padding="")
    kinds = [line.split()[0] for line in logs.lines]
    assert kinds == ["START", "first", "second", "[WARNING]", "END", "REPORT"]


def test_json_logs_at_system_level_warn_carry_only_lines_of_the_function(
    runtime: LambdaRuntime, logs: Logs
) -> None:
    run(runtime, function("write", LoggingConfig={"LogFormat": "JSON", "SystemLogLevel": "WARN"}), padding="")
    assert logs.lines[:2] == ["first", "second"]
    assert '"message": "third"' in logs.lines[2]
    assert len(logs.lines) == 3


def test_a_worker_is_used_again(runtime: LambdaRuntime) -> None:
    first, second = (run(runtime, function("sleep"), seconds=0).payload for _ in range(2))
    assert first == second


def test_a_worker_is_ended_when_idle(impatient_runtime: LambdaRuntime) -> None:
    worker = run(impatient_runtime, function("sleep"), seconds=0).payload
    assert processes.wait_until(lambda: not processes.is_alive(worker), 30)
    assert impatient_runtime.reports() == []


def test_no_more_workers_than_the_pool_admits_and_everyone_gets_a_turn(runtime: LambdaRuntime) -> None:
    deployed = function("sleep", timeout_seconds=30)
    outcomes: list[Outcome] = []
    threads = [
        threading.Thread(target=lambda: outcomes.append(run(runtime, deployed, seconds=0.2)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    most = 0
    while any(thread.is_alive() for thread in threads):
        most = max(most, len(runtime.reports()))
        time.sleep(0.01)
    assert most <= 3
    assert [outcome.is_error for outcome in outcomes] == [False] * 8
    assert len({outcome.payload for outcome in outcomes}) <= 3


def test_a_changed_configuration_gets_a_new_worker(runtime: LambdaRuntime) -> None:
    old = run(runtime, function("sleep"), seconds=0).payload
    new = run(runtime, function("sleep", Environment={"Variables": {"A": "b"}}), seconds=0).payload
    assert old != new


def test_the_peak_memory_of_a_function_outlives_its_workers(impatient_runtime: LambdaRuntime) -> None:
    run(impatient_runtime, function("sleep"), seconds=0)
    assert processes.wait_until(lambda: impatient_runtime.reports() == [], 30)
    assert 5_000_000 < impatient_runtime.peak_memory_bytes()["worker-test"] < 256_000_000


def test_a_large_event_arrives_whole(runtime: LambdaRuntime) -> None:
    assert run(runtime, function("write"), padding="x" * 1_000_000).payload == 1_000_000
