"""`recover`: a pipeline out of a backup, in the same Region or in another one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from aurora_restore.cli.commands.deploy import apply_plan, parse_parameters
from aurora_restore.cli.commands.notify import send_trial
from aurora_restore.cli.connection import (
    commercial_region,
    connect,
    connect_recovery,
    connect_schedules,
    connect_surroundings,
    known_region,
    resolve_region,
)
from aurora_restore.cli.errors import UsageProblem
from aurora_restore.cli.exit_codes import ExitCode, exit_code_of_health, exit_code_of_record
from aurora_restore.cli.parameters import Command, json_option, option, region_option, timeout_option
from aurora_restore.cli.places import read_place
from aurora_restore.cli.recovering import Backup, load, make_schedules, publish, read_backup
from aurora_restore.cli.running import (
    START_GRACE_SECONDS,
    WATCH_MINUTES,
    begin,
    show_end,
    utc_now,
    wait_for_end,
    watch_to_the_end,
)
from aurora_restore.cli.screen import Screen, make_screen
from aurora_restore.cli.views.backup import loaded_item, render_loaded, subscribe_commands
from aurora_restore.cli.watching import WatchLimits
from aurora_restore.deployment.deployer import Deployer, admin_secret_warning
from aurora_restore.deployment.deployer import connect as connect_deployment
from aurora_restore.deployment.model import ADMIN_SECRET_ID, DeploymentClients
from aurora_restore.deployment.upload import take_back
from aurora_restore.domain.backup import parameters_to_give
from aurora_restore.domain.backup_errors import ParametersOfAnotherRegion
from aurora_restore.domain.counting import counted


@click.command(cls=Command)
@option("--from", "place_text", metavar="S3_PLACE", required=True, help="The backup: s3://BUCKET/PREFIX.")
@region_option()
@option(
    "--parameter",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="Parameter of the template, in place of that of the backup; may be repeated.",
)
@option(
    "--test-restore",
    "rehearsal_file",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="At the end, run the rehearsal whose request is in this JSON file, and watch it.",
)
@option("--yes", "-y", is_flag=True, help="Deploy without asking.")
@timeout_option(WATCH_MINUTES)
@json_option()
def recover(
    place_text: str,
    region: str | None,
    parameters: tuple[str, ...],
    rehearsal_file: Path | None,
    yes: bool,
    timeout_minutes: float,
    json_output: bool,
) -> ExitCode:
    """Make a pipeline out of a backup, in the same Region or in another one.

    The backup is compared with its manifest; its stack is deployed; the history is loaded into the tables that the
    stack has made, and compared; a test notification is sent. A repetition goes on where it ended. Records that
    are there already are never overwritten.
    """
    screen = make_screen(json_output)
    place, given = read_place("--from", place_text), parse_parameters(parameters)
    request = None if rehearsal_file is None else read_rehearsal(rehearsal_file)
    clients = connect_deployment(commercial_region(known_region(resolve_region(region))))
    recovery = connect_recovery(clients.region, place)
    screen.line(f"Reading the backup {place} …")
    backup = read_backup(recovery.objects, recovery.table_names)
    manifest = backup.manifest
    if missing := parameters_to_give(manifest, clients.region, given):
        raise ParametersOfAnotherRegion(
            f"The backup is of {manifest.region}, and so are the values of these parameters: {', '.join(missing)}."
        )
    screen.line(f"It is whole: {counted(len(backup.operations), 'operation')}.")
    screen.line(f"Its manifest has the SHA-256 {backup.manifest_sha256}.")
    screen.line(f"Account {clients.account_id}, {clients.region}.")
    _deploy(screen, clients, backup, given, yes)
    loaded = load(backup, recovery.tables, utc_now(), screen.line)
    made, left = make_schedules(connect_schedules(clients.region), manifest.schedules)
    screen.show()
    screen.show(render_loaded(loaded, manifest, clients.region))
    around = connect_surroundings(clients.region, manifest.stack_name)
    parameters_now = {**manifest.parameters, **given}
    _say_what_is_left(screen, clients, backup, parameters_now, (made, left), around.topic_arn)
    screen.show()
    # In this order: a rehearsal sends a notification as well.
    trial = send_trial(screen, around)
    record = _test_restore(screen, clients.region, request, timeout_minutes) if request else None
    if screen.json_output:
        screen.data(
            {
                "region": clients.region,
                "manifest_sha256": backup.manifest_sha256,
                "loaded": loaded_item(loaded),
                "schedules_paused": made,
                "schedules_left_out": left,
                "notification": trial.to_item(),
                "test_restore": record,
            }
        )
    if record is not None and exit_code_of_record(record) is not ExitCode.OK:
        return exit_code_of_record(record)
    return exit_code_of_health(trial.finding.health)


def read_rehearsal(path: Path) -> dict[str, Any]:
    """The request of a rehearsal. Raises UsageProblem where the file holds something else."""
    try:
        request = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageProblem(f"{path} is not JSON: {error}.") from error
    if not isinstance(request, dict) or not isinstance(request.get("rehearsal"), dict):
        raise UsageProblem(
            f"{path} is not the request of a rehearsal: it has no field `rehearsal`.",
            'Write {"rehearsal": {}, …} with the fields of a request (docs/reference.md).',
        )
    return request


def _deploy(
    screen: Screen, clients: DeploymentClients, backup: Backup, given: dict[str, str], yes: bool
) -> None:
    request, published = publish(clients, backup, given)

    def undo_upload() -> None:
        for sentence in take_back(clients.s3, published):
            screen.note(sentence)

    deployer = Deployer(clients)
    screen.line(f"Making the change set of {request.stack_name} …")
    plan = deployer.plan(request)
    if plan.changes:
        apply_plan(screen, deployer, plan, yes, undo_upload)
    else:
        screen.line("The stack is deployed already.")


def _test_restore(
    screen: Screen, region: str, request: dict[str, Any], timeout_minutes: float
) -> dict[str, Any]:
    pipeline = connect(region)
    operation_id = begin(pipeline, request, None, "rehearsal")
    screen.line(f"Started the test restore {operation_id} in {region}.")
    limits = WatchLimits(timeout_minutes * 60, 1.0, start_grace=START_GRACE_SECONDS)
    # For programs there is one document at the end, and not one for each change.
    if screen.json_output:
        return dict(wait_for_end(pipeline, operation_id, limits))
    record = watch_to_the_end(screen, pipeline, operation_id, limits)
    show_end(screen, record)
    return dict(record)


def _say_what_is_left(
    screen: Screen,
    clients: DeploymentClients,
    backup: Backup,
    parameters: dict[str, str],
    schedules: tuple[list[str], list[str]],
    topic_arn: str,
) -> None:
    """What no backup holds, or what must not begin by itself: secrets, subscriptions, schedules, other code."""
    secret_id = parameters.get("AdminSecretId") or ADMIN_SECRET_ID
    if warning := admin_secret_warning(clients.secretsmanager, secret_id, clients.region):
        screen.note(warning)
    made, left = schedules
    if made:
        screen.say(
            f"Made again, and paused: the schedules {', '.join(made)}. `schedule resume` lets them begin."
        )
    if left:
        screen.note(f"Not made again, since their input is not ours: the schedules {', '.join(left)}.")
    if names := sorted(backup.manifest.differing_code):
        screen.note(
            f"These functions had other code than the rest, which is in stack/functions of the backup and was not "
            f"deployed: {', '.join(names)}."
        )
    if commands := subscribe_commands(backup.manifest, topic_arn, clients.region):
        screen.say("The topic had these subscriptions; receivers confirm new ones themselves:")
        for command in commands:
            screen.line(f"  {command}")
