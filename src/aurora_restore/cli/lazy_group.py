"""The commands by name, each imported when it is asked for: the AWS SDK takes longer to load than `--help` may."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

import click

_COMMANDS = "aurora_restore.cli.commands"


@dataclass(frozen=True)
class Entry:
    """A command before it is loaded: where it is, and what the list of commands says of it."""

    module: str
    attribute: str
    summary: str


# The summaries repeat those of the commands, which would have to be loaded for them; a test compares.
RESTORES = {
    "plan": Entry(
        "plan", "plan", "Check a restore without touching anything, and show what it would make and replace."
    ),
    "start": Entry("start", "start", "Start a restore."),
    "rehearse": Entry(
        "rehearse",
        "rehearse",
        "Rehearse a disaster: restore into a scratch cluster, measure it, delete it again.",
    ),
    "watch": Entry("watch", "watch", "Watch an operation to its end, the cleanup after it included."),
    "status": Entry("status", "status", "Show everything that is known about an operation, once."),
    "list": Entry(
        "list", "list_operations", "List recent operations: what is under way first, then the newest."
    ),
    "events": Entry("events", "events", "Show the audit events of an operation, oldest first."),
    "audit": Entry(
        "audit",
        "audit",
        "Show what is unusual in the operations of some days, and verify their audit events.",
    ),
    "logs": Entry(
        "logs", "logs", "Show the logs of an operation, those of all functions in the order of their times."
    ),
    "cancel": Entry("cancel", "cancel", "Stop an operation and remove what it made."),
    "undo": Entry("undo", "undo", "Put the replaced cluster back, while it is kept."),
}
SCHEDULES = {"schedule": Entry("schedule", "schedule", "Restores and rehearsals that begin by themselves.")}
PIPELINE = {
    "check": Entry("check", "check", "Check everything that a restore needs: green, red, or not known."),
    "diagnose": Entry(
        "diagnose", "diagnose", "Collect everything about an operation in one file, for an escalation."
    ),
    "notify": Entry("notify", "notify", "Send a test notification, and say who gets it."),
    "deploy": Entry("deploy", "deploy", "Deploy the pipeline of this source tree, or update it."),
    "archive": Entry(
        "archive",
        "archive",
        "Move old operations, each with its audit events, from the tables into a bucket.",
    ),
    "backup": Entry(
        "backup", "backup", "Back up the pipeline: its history, its code, its templates and its settings."
    ),
    "recover": Entry(
        "recover", "recover", "Make a pipeline out of a backup, in the same Region or in another one."
    ),
}
THIS_MACHINE = {
    "demo": Entry("demo", "demo", "Restore yesterday's production into another Region, and prove it."),
    "local": Entry("local", "local", "A whole AWS on this machine, with real database servers."),
    "completion": Entry("completion", "completion", "Print what makes a shell complete our commands."),
}
SECTIONS = {
    "Restores": RESTORES,
    "Schedules": SCHEDULES,
    "The pipeline itself": PIPELINE,
    "On this machine": THIS_MACHINE,
}
ENTRIES = {name: entry for section in SECTIONS.values() for name, entry in section.items()}


class LazyGroup(click.Group):
    """A group whose commands are loaded one at a time, and listed in sections."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - Click's
        return list(ENTRIES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        entry = ENTRIES.get(cmd_name)
        if entry is None:
            return None
        command = getattr(importlib.import_module(f"{_COMMANDS}.{entry.module}"), entry.attribute)
        assert isinstance(command, click.Command)  # noqa: S101 - a mistake in the table above
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the commands, without loading one."""
        for section, entries in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(name, entry.summary) for name, entry in entries.items()])
