"""`check`: the daily checks as one command."""

from __future__ import annotations

import click

from aurora_restore.cli.connection import connect_surroundings, resolve_region
from aurora_restore.cli.exit_codes import ExitCode, exit_code_of_health
from aurora_restore.cli.health import HealthCheck
from aurora_restore.cli.parameters import Command, json_option, option, region_option
from aurora_restore.cli.running import utc_now
from aurora_restore.cli.screen import make_screen
from aurora_restore.cli.views.health import render_finding, render_repairs, verdict
from aurora_restore.deployment.model import STACK_NAME
from aurora_restore.domain.checks.finding import Health, worst


@click.command(cls=Command)
@option(
    "--quiet", "-q", is_flag=True, help="Show only what is not green: nothing at all where everything is."
)
@option("--stack-name", default=STACK_NAME, show_default=True, help="Name of the stack.")
@region_option()
@json_option()
def check(quiet: bool, stack_name: str, region: str | None, json_output: bool) -> ExitCode:
    """Check everything that a restore needs: green, red, or not known.

    Looks at the stack, tables, topic, secrets, snapshots, alarms, operations, locks, rules and schedules, and
    compares what is deployed with this source tree. Changes nothing, and shows no secret. The exit status is 0 where
    everything is green, 8 where something is red, and 9 where nothing is red and something could not be looked at.
    """
    screen = make_screen(json_output)
    asked = connect_surroundings(resolve_region(region), stack_name)
    findings = []
    with screen.busy(f"Looking at {stack_name} in {asked.region}"):
        for finding in HealthCheck(asked, utc_now()).findings():
            findings.append(finding)
            if not (quiet and finding.health is Health.GREEN):
                screen.show(render_finding(finding))
    health = worst(findings)
    if screen.json_output:
        screen.data(
            {
                "region": asked.region,
                "stack_name": stack_name,
                "health": health.value,
                "findings": [
                    finding.to_item()
                    for finding in findings
                    if not (quiet and finding.health is Health.GREEN)
                ],
            }
        )
    if not (quiet and health is Health.GREEN):
        for finding in findings:
            if finding.health is not Health.GREEN:
                screen.show()
                screen.show(render_repairs(finding))
        screen.show()
        screen.show(verdict(findings, asked.region))
    return exit_code_of_health(health)
