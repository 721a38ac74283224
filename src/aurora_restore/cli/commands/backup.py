"""`backup`: the tables, the code, the templates and the definitions of a pipeline, into a bucket."""

from __future__ import annotations

from datetime import timedelta

import click

from aurora_restore.cli.backing_up import make_backup
from aurora_restore.cli.connection import connect_backing, resolve_region
from aurora_restore.cli.exit_codes import ExitCode
from aurora_restore.cli.parameters import Command, json_option, option, region_option, timeout_option
from aurora_restore.cli.places import read_place
from aurora_restore.cli.screen import make_screen
from aurora_restore.cli.views.backup import made_backup_item, render_made_backup
from aurora_restore.deployment.model import STACK_NAME

# An export takes minutes; its duration does not grow with small tables.
EXPORT_MINUTES = 60.0


@click.command(cls=Command)
@option("--to", "place_text", metavar="S3_PLACE", required=True, help="Where to: s3://BUCKET/PREFIX.")
@option("--stack-name", default=STACK_NAME, show_default=True, help="Name of the stack.")
@region_option()
@timeout_option(EXPORT_MINUTES, "How long the exports of the tables may take.")
@json_option()
def backup(
    place_text: str, stack_name: str, region: str | None, timeout_minutes: float, json_output: bool
) -> ExitCode:
    """Back up the pipeline: its history, its code, its templates and its settings.

    Both tables are exported to S3 as they are now, and read back; so is what the stack consists of. A manifest
    with checksums and counts is written last. No secret is in it. `recover` makes a pipeline of it, in another
    Region too.
    """
    screen = make_screen(json_output)
    place = read_place("--to", place_text)
    backing, around, schedules = connect_backing(resolve_region(region), stack_name, place, screen.line)
    screen.line(f"Backing up {stack_name} of {around.region} to {place}.")
    made = make_backup(
        backing,
        around.watched.subscriptions(around.topic_arn) or (),
        schedules.list(),
        timedelta(minutes=timeout_minutes),
    )
    if screen.json_output:
        screen.data(made_backup_item(made, str(place)))
    screen.show()
    screen.show(render_made_backup(made, str(place)))
    screen.say("Note the checksum of the manifest elsewhere: an exchanged backup is recognized by it.")
    return ExitCode.OK
