"""`schedule create|list|pause|resume|delete`: restores and rehearsals that begin by themselves."""

from __future__ import annotations

import re
from typing import Any

import click

from aurora_restore.cli.connection import connect_schedules, resolve_region
from aurora_restore.cli.errors import ScheduleNotFound, UsageProblem
from aurora_restore.cli.exit_codes import ExitCode
from aurora_restore.cli.parameters import Command, Decorator, json_option, option, region_option
from aurora_restore.cli.request import scheduled_options
from aurora_restore.cli.running import utc_now
from aurora_restore.cli.screen import make_screen
from aurora_restore.cli.views.schedules import render_schedules, schedule_item, state_word
from aurora_restore.domain.schedules import OF_THE_STACK, Schedule, schedule_name_problem

_WHEN = "When"


def read_name(text: str) -> str:
    """The name of a schedule, with which its operations begin. Raises UsageProblem."""
    if problem := schedule_name_problem(text):
        raise UsageProblem(f"NAME `{text}` cannot be the name of a schedule: {problem}.")
    return text


class Name(click.Argument):
    """The name of a schedule."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str]:
        return self.make_metavar(ctx), "The name of the schedule, with which its operations begin."

    def process_value(self, ctx: click.Context, value: Any) -> Any:
        value = super().process_value(ctx, value)
        return value if value is None else read_name(value)


def name_argument() -> Decorator:
    return click.argument("name", metavar="NAME", cls=Name)


@click.group(no_args_is_help=True)
def schedule() -> None:
    """Restores and rehearsals that begin by themselves."""


@schedule.command(cls=Command)
@name_argument()
@option("--daily", metavar="HH:MM", heading=_WHEN, help="Each day at this time.")
@option(
    "--expression",
    metavar="EXPRESSION",
    heading=_WHEN,
    help="cron(30 1 ? * SUN *), rate(7 days) or at(2026-12-24T01:30:00), as EventBridge Scheduler has them. A rate "
    "begins at once.",
)
@option(
    "--timezone",
    metavar="ZONE",
    default="UTC",
    show_default=True,
    heading=_WHEN,
    help="Time zone of that time, for example Europe/Berlin.",
)
@option("--paused", is_flag=True, heading=_WHEN, help="Create it paused; `schedule resume` lets it begin.")
@scheduled_options
@region_option()
@json_option()
def create(
    name: str,
    daily: str | None,
    expression: str | None,
    timezone: str,
    paused: bool,
    request: dict[str, Any],
    region: str | None,
    json_output: bool,
) -> ExitCode:
    """Create a schedule that begins a restore, or a rehearsal.

    Its operations are called NAME-YYYYMMDD-HHMMSS, by the UTC time for which they were planned. One that meets another
    operation on its target is refused with TARGET_LOCKED, which its message says. Days are UTC days in every time
    zone: --source-date `yesterday` is the UTC day before the one on which the operation begins.
    """
    screen = make_screen(json_output)
    if name == OF_THE_STACK:
        raise UsageProblem(
            f"The schedule {name} is made by the stack.",
            "Choose another name, or set it: aurora-restore deploy --parameter NightlyScheduleExpression=...",
        )
    schedules = connect_schedules(resolve_region(region, request))
    made = Schedule(name, read_when(daily, expression), timezone, not paused, request)
    schedules.create(made)
    if screen.json_output:
        screen.data(schedule_item(made, utc_now()))
    screen.line(f"The schedule {name} was created, and is {state_word(made)}.")
    screen.show(render_schedules([made], utc_now()))
    check = "rehearse --dry-run" if "rehearsal" in request else "plan"
    screen.say(
        f"Nothing of the request was checked yet: `aurora-restore {check}` with the same options does it."
    )
    return ExitCode.OK


def read_when(daily: str | None, expression: str | None) -> str:
    """The expression. Raises UsageProblem where there is none, or two."""
    if (daily is None) == (expression is None):
        raise UsageProblem("Give either --daily HH:MM or --expression EXPRESSION.")
    if expression is not None:
        return expression
    found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", daily or "")
    if found is None:
        raise UsageProblem(f"--daily `{daily}` is not a time such as 01:30.")
    return f"cron({int(found[2])} {int(found[1])} * * ? *)"


@schedule.command("list", cls=Command)
@region_option()
@json_option()
def list_schedules(region: str | None, json_output: bool) -> ExitCode:
    """List the schedules: what each one starts, and when."""
    screen = make_screen(json_output)
    found = connect_schedules(resolve_region(region)).list()
    if screen.json_output:
        screen.data([schedule_item(each, utc_now()) for each in found])
    screen.show(render_schedules(found, utc_now()))
    return ExitCode.OK


@schedule.command(cls=Command)
@name_argument()
@region_option()
@json_option()
def pause(name: str, region: str | None, json_output: bool) -> ExitCode:
    """Let a schedule begin nothing until it is resumed. What runs goes on."""
    return _set_enabled(name, region, json_output, is_enabled=False)


@schedule.command(cls=Command)
@name_argument()
@region_option()
@json_option()
def resume(name: str, region: str | None, json_output: bool) -> ExitCode:
    """Let a paused schedule begin again, at its next time. What it missed is not made up for."""
    return _set_enabled(name, region, json_output, is_enabled=True)


@schedule.command(cls=Command)
@name_argument()
@region_option()
@json_option()
def delete(name: str, region: str | None, json_output: bool) -> ExitCode:
    """Delete a schedule. What it began goes on."""
    screen = make_screen(json_output)
    if name == OF_THE_STACK:
        raise UsageProblem(
            f"The schedule {name} is made by the stack, and would come back.",
            "Take it away with: aurora-restore deploy --parameter NightlyScheduleExpression= ; or pause it.",
        )
    where = resolve_region(region)
    if not connect_schedules(where).delete(name):
        raise _not_found(name, where)
    if screen.json_output:
        screen.data({"name": name, "deleted": True})
    screen.line(f"The schedule {name} was deleted.")
    return ExitCode.OK


def _set_enabled(name: str, region: str | None, json_output: bool, *, is_enabled: bool) -> ExitCode:
    screen = make_screen(json_output)
    where = resolve_region(region)
    if not connect_schedules(where).set_enabled(name, is_enabled=is_enabled):
        raise _not_found(name, where)
    state = state_word(Schedule(name, "", is_enabled=is_enabled))
    if screen.json_output:
        screen.data({"name": name, "state": state})
    screen.line(f"The schedule {name} is {state}.")
    if name == OF_THE_STACK:
        screen.say("It is made by the stack: an update of the stack that changes it lets it begin again.")
    return ExitCode.OK


def _not_found(name: str, region: str) -> ScheduleNotFound:
    return ScheduleNotFound(f"There is no schedule {name} in {region}.")
