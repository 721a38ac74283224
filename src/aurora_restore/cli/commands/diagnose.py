"""`diagnose`: everything about an operation in one file."""

from __future__ import annotations

import click

from aurora_restore.cli.bundle import Bundle, bundle_path, collect
from aurora_restore.cli.connection import connect_whole, resolve_region
from aurora_restore.cli.diagnosis import Diagnosis
from aurora_restore.cli.errors import OperationNotFound
from aurora_restore.cli.exit_codes import ExitCode
from aurora_restore.cli.parameters import Command, json_option, operation_argument, option, region_option
from aurora_restore.cli.running import utc_now
from aurora_restore.cli.screen import make_screen
from aurora_restore.cli.views.bundle import render_bundle
from aurora_restore.deployment.model import STACK_NAME
from aurora_restore.domain.errors import AccessDenied


@click.command(cls=Command)
@operation_argument()
@option(
    "--output",
    metavar="PATH",
    help="The file, or the folder for it. Default: diagnose-OPERATION-TIME.zip in the current folder.",
)
@option("--stack-name", default=STACK_NAME, show_default=True, help="Name of the stack.")
@region_option()
@json_option()
def diagnose(
    operation_id: str, output: str | None, stack_name: str, region: str | None, json_output: bool
) -> ExitCode:
    """Collect everything about an operation in one file, for an escalation.

    Record, audit events, execution history, cleanups, logs, objects and events of RDS, stack, versions and locks. What
    cannot be collected is named in the file's index with the reason. No secret is in it: it is made of what never
    holds one.
    """
    screen = make_screen(json_output)
    now = utc_now()
    path = bundle_path(output, operation_id, now)
    pipeline, around, sources = connect_whole(resolve_region(region), stack_name)
    record, unread = None, None
    try:
        record = pipeline.records.load(operation_id)
    except AccessDenied as denied:
        # These credentials may still be allowed to read what else there is.
        unread = denied
    diagnosis = Diagnosis(operation_id, record, unread, pipeline, around, sources, now)
    if record is None and unread is None and not diagnosis.leaves_a_trace():
        raise OperationNotFound(f"There is no operation {operation_id} in {pipeline.region}.")
    bundle = Bundle(operation_id, around.region, around.account_id, now)
    with screen.busy(f"Collecting what there is about {operation_id}"):
        collect(bundle, diagnosis.parts())
        size = bundle.write(path)
    if screen.json_output:
        screen.data({"path": str(path.resolve()), "bytes": size, **bundle.index()})
    screen.show(render_bundle(bundle, path, size))
    return ExitCode.OK
