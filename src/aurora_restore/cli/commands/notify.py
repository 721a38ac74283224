"""`notify --test`: a test notification, and who gets it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click

from aurora_restore.cli.connection import connect_surroundings, resolve_region
from aurora_restore.cli.errors import UsageProblem
from aurora_restore.cli.exit_codes import ExitCode, exit_code_of_health
from aurora_restore.cli.health import Surroundings
from aurora_restore.cli.parameters import Command, json_option, option, region_option
from aurora_restore.cli.running import utc_now
from aurora_restore.cli.screen import Screen, make_screen
from aurora_restore.cli.views.health import render_finding, render_repairs
from aurora_restore.deployment.model import STACK_NAME
from aurora_restore.domain.checks.finding import Finding, Health, not_looked_at
from aurora_restore.domain.checks.surroundings import check_topic
from aurora_restore.domain.checks.trial import OUTCOME, trial_message
from aurora_restore.domain.errors import RestoreError


@click.command(cls=Command)
@option("--test", is_flag=True, help="Send a notification that is marked as a test.")
@region_option()
@json_option()
def notify(test: bool, region: str | None, json_output: bool) -> ExitCode:
    """Send a test notification, and say who gets it.

    It has the shape of a real one, and the outcome TEST in text, facts and attributes. The exit status is 8 where no
    subscription is confirmed, for then it is not delivered, and 9 where that could not be looked at.
    """
    if not test:
        raise UsageProblem("Nothing but a test can be sent by hand.", "Give --test.")
    screen = make_screen(json_output)
    trial = send_trial(screen, connect_surroundings(resolve_region(region), STACK_NAME))
    if screen.json_output:
        screen.data(trial.to_item())
    return exit_code_of_health(trial.finding.health)


@dataclass(frozen=True)
class Trial:
    """A test notification that was sent, and what is known of those who get it."""

    message_id: str
    topic_arn: str
    operation_id: str
    finding: Finding

    def to_item(self) -> dict[str, Any]:
        return {
            "message_id": self.message_id,
            "topic_arn": self.topic_arn,
            "operation_id": self.operation_id,
            "subscriptions": self.finding.to_item(),
        }


def send_trial(screen: Screen, around: Surroundings) -> Trial:
    """Send a test notification, and show who gets it."""
    message = trial_message(around.region, around.caller_arn, utc_now())
    message_id = around.notifications.publish(
        message.subject, message.text, message.facts, message.attributes
    )
    try:
        finding = check_topic(around.topic_arn, around.watched.subscriptions(around.topic_arn), around.region)
    except RestoreError as error:
        # It was sent: that stays true where it is not known to whom.
        finding = not_looked_at("topic", error)
    screen.say(f"Sent the message {message_id} to {around.topic_arn}.")
    screen.show(render_finding(finding))
    if finding.health is not Health.GREEN:
        screen.show()
        screen.show(render_repairs(finding))
    else:
        screen.say(
            f"A subscription with a filter policy gets it only where that admits the outcome {OUTCOME}."
        )
    return Trial(str(message_id), around.topic_arn, str(message.facts["operation_id"]), finding)
