"""Starting an operation, following it, and showing its end: what several commands have in common."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import click

from aurora_restore.aws.executions import ExecutionAlreadyExists
from aurora_restore.cli.exit_codes import ExitCode
from aurora_restore.cli.follow import LEAVING_IS_SAFE, follow
from aurora_restore.cli.operation_ids import new_operation_id
from aurora_restore.cli.pipeline import Pipeline
from aurora_restore.cli.screen import Screen
from aurora_restore.cli.views.common import heading
from aurora_restore.cli.views.connect import connect_command, password_secret
from aurora_restore.cli.views.operation import render_outcome
from aurora_restore.cli.views.record import OperationView, view_operation
from aurora_restore.cli.watching import Watcher, WatchLimits
from aurora_restore.domain.costs import Costs
from aurora_restore.domain.states import OperationStatus

PLAN_MINUTES = 10.0
WATCH_MINUTES = 48 * 60.0
# DescribeExecution is eventually consistent: an execution that was just started may not be visible yet.
START_GRACE_SECONDS = 10.0
_NAME_TRIES = 5
# Where the certificates are that sign the database servers' own; `local env` sets it.
CA_BUNDLE_VARIABLE = "DATABASE_CA_BUNDLE"


def utc_now() -> datetime:
    return datetime.now(UTC)


def sleep(seconds: float) -> None:
    """A name of its own, so that a test of a command gives it another time without touching other threads."""
    time.sleep(seconds)


def begin(pipeline: Pipeline, request: Mapping[str, Any], name: str | None, prefix: str = "restore") -> str:
    """Start an operation, under a customary name where none is given; return its id."""
    if name is None:
        return start_under_new_name(pipeline, request, utc_now, sleep, prefix)
    # A name that a user chose is not exchanged for another: where it is taken, the start is refused.
    pipeline.executions.start(name, request)
    return name


def start_under_new_name(
    pipeline: Pipeline,
    request: Mapping[str, Any],
    now: Callable[[], datetime],
    sleep: Callable[[float], None],
    prefix: str = "restore",
) -> str:
    """Start under the customary name; where another has the name of this second, under that of a later one.

    Raises:
        ExecutionAlreadyExists: the names of several seconds were all taken.
    """
    for tries_left in reversed(range(_NAME_TRIES)):
        operation_id = new_operation_id(now(), prefix)
        try:
            pipeline.executions.start(operation_id, request)
        except ExecutionAlreadyExists:
            if not tries_left:
                raise
            # Until the next second begins, whose name is another one.
            sleep(1 - now().microsecond / 1_000_000)
        else:
            break
    return operation_id


def say_started(
    screen: Screen, pipeline: Pipeline, operation_id: str, facts: Mapping[str, Any] | None = None
) -> None:
    """Say what was started and how to watch it; `facts` are added for programs."""
    execution = pipeline.executions.find(operation_id)
    if screen.json_output:
        arn = execution.execution_arn if execution else None
        existing = {"operation_id": operation_id, "region": pipeline.region, "execution_arn": arn}
        screen.data(existing | dict(facts or {}))
    screen.line(f"Started {operation_id} in {pipeline.region}.")
    screen.line(f"Watch it with: aurora-restore watch {operation_id} --region {pipeline.region}")


def wait_for_plan(
    screen: Screen, pipeline: Pipeline, operation_id: str, timeout_minutes: float, interval: float
) -> Mapping[str, Any]:
    """The record of a dry run, once it has ended."""
    limits = WatchLimits(timeout_minutes * 60, interval, start_grace=START_GRACE_SECONDS)
    with screen.busy(f"Checking, as {operation_id} in {pipeline.region}"):
        return wait_for_end(pipeline, operation_id, limits)


def wait_for_end(pipeline: Pipeline, operation_id: str, limits: WatchLimits) -> Mapping[str, Any]:
    """The record of an operation, once it has ended; nothing is shown meanwhile."""
    record: Mapping[str, Any] = {}
    for observation in Watcher(pipeline, utc_now, sleep, limits).observations(operation_id):
        record = observation.record
    return record


def watch_to_the_end(
    screen: Screen,
    pipeline: Pipeline,
    operation_id: str,
    limits: WatchLimits,
    footer: str = LEAVING_IS_SAFE,
) -> Mapping[str, Any]:
    """Follow an operation and return its final record; ctrl-c leaves the watch, and only that."""
    watcher = Watcher(pipeline, utc_now, sleep, limits)
    try:
        record = follow(screen, watcher.observations(operation_id), utc_now, footer)
    except KeyboardInterrupt:
        screen.note(
            f"Left. The operation goes on; take it up again with: "
            f"aurora-restore watch {operation_id} --region {pipeline.region}"
        )
        raise click.exceptions.Exit(ExitCode.LEFT) from None
    screen.show()
    return record


def show_end(screen: Screen, record: Mapping[str, Any], costs: Costs | None = None) -> None:
    """How an operation ended, what a planned one will cost, and how to connect to the cluster."""
    view = view_operation(record)
    screen.show(render_outcome(view, utc_now(), costs))
    show_connect_command(screen, view)


def show_connect_command(screen: Screen, view: OperationView, database: str | None = None) -> None:
    """Say how to connect, in one line that can be copied whole, however narrow the terminal is."""
    bundle = os.environ.get(CA_BUNDLE_VARIABLE)
    command = connect_command(view.record.restore_details, view.record.plan, bundle, database)
    # The cluster of a rehearsal is gone by then, and that of a restore which was undone has lost its name.
    serves = view.status == OperationStatus.SUCCEEDED and not view.record.retirement.undone_by
    if command and serves and not view.is_rehearsal:
        screen.show()
        screen.show(heading("Connect"))
        screen.line(f"  {command}")
        if secret := password_secret(view.record.restore_details, view.record.plan):
            screen.line(f"  The password is in the secret {secret}.")
