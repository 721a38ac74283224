"""`deploy`: build, upload, show what would change, ask, apply, say what it did. The library is `deployment`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from aurora_restore.cli.connection import commercial_region, known_region, resolve_region
from aurora_restore.cli.errors import UsageProblem
from aurora_restore.cli.exit_codes import ExitCode
from aurora_restore.cli.parameters import Command, json_option, option, region_option
from aurora_restore.cli.screen import Screen, make_screen
from aurora_restore.cli.views.deployment import (
    deployment_item,
    event_line,
    render_changes,
    render_deployed,
    summary_of_changes,
)
from aurora_restore.deployment.deployer import Deployer, admin_secret_warning, connect
from aurora_restore.deployment.functions import FUNCTIONS
from aurora_restore.deployment.model import (
    ADMIN_SECRET_ID,
    STACK_NAME,
    ChangePlan,
    DeploymentClients,
    DeploymentOutcome,
    ResourceEvent,
)
from aurora_restore.deployment.packaging import Project
from aurora_restore.deployment.preparation import prepare
from aurora_restore.deployment.upload import take_back


@click.command(cls=Command)
@region_option()
@option("--stack-name", default=STACK_NAME, show_default=True, help="Name of the stack.")
@option(
    "--parameter",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="Parameter of the template, e.g. SubnetIds=subnet-1,subnet-2; may be repeated. "
    "Others keep the value that they have.",
)
@option("--yes", "-y", is_flag=True, help="Apply without asking.")
@json_option()
def deploy(
    region: str | None, stack_name: str, parameters: tuple[str, ...], yes: bool, json_output: bool
) -> ExitCode:
    """Deploy the pipeline of this source tree, or update it.

    Builds the Lambda package, uploads it under its content's hash, makes a change set and shows it; applies it
    after your yes. Against AWS and against the local stack alike.
    """
    screen = make_screen(json_output)
    given = parse_parameters(parameters)
    clients = connect(commercial_region(known_region(resolve_region(region))))
    screen.line(f"Account {clients.account_id}, {clients.region}.")
    prepared = prepare(clients, Project.find(), stack_name, given, lambda text: screen.line(f"{text} …"))
    for published in prepared.published:
        verb = "Uploaded" if published.uploaded else "Already there:"
        screen.line(f"  {verb} {published.place}")

    # An operator who declines finds nothing left behind, not even an upload.
    def undo_upload() -> None:
        for sentence in take_back(clients.s3, prepared.published):
            screen.note(sentence)

    deployer = Deployer(clients)
    screen.line("Making the change set …")
    plan = deployer.plan(prepared.request)
    outcome = apply_plan(screen, deployer, plan, yes, undo_upload) if plan.changes else None
    if screen.json_output:
        screen.data(deployment_item(plan, outcome, clients.region))
    elif outcome is None:
        screen.line("Everything is as it should be: nothing to change.")
    else:
        screen.show()
        screen.show(render_deployed(outcome, clients.region))
    _say_next(screen, clients, given, stack_name)
    return ExitCode.OK


def parse_parameters(texts: Sequence[str]) -> dict[str, str]:
    """Read `NAME=VALUE`. Raises UsageProblem."""
    pairs = [text.partition("=") for text in texts]
    for name, separator, _ in pairs:
        if not (name and separator):
            raise UsageProblem(f"--parameter `{name}` is not NAME=VALUE.")
    return {name: value for name, _, value in pairs}


def apply_plan(
    screen: Screen, deployer: Deployer, plan: ChangePlan, yes: bool, take_back: Callable[[], None]
) -> DeploymentOutcome:
    screen.show()
    screen.show(render_changes(plan.changes))
    screen.show()
    screen.line(f"{summary_of_changes(plan.changes).capitalize()}.")
    if not yes:
        ask(screen, deployer, plan, take_back)

    finished: set[str] = set()

    def on_event(event: ResourceEvent) -> None:
        # The beginnings of changes would only double the lines.
        if event.status.endswith(("_COMPLETE", "_FAILED")):
            finished.add(event.logical_id)
            screen.line(f"  {event_line(event, len(finished), len(plan.changes))}")

    return deployer.apply(plan, on_event)


def ask(screen: Screen, deployer: Deployer, plan: ChangePlan, take_back: Callable[[], None]) -> None:
    """Go on after a yes; otherwise throw the change set and what was uploaded away, and end the command."""
    # Without a terminal the question cannot be answered, and no answer must not count as a yes.
    can_ask = screen.interactive
    if can_ask and says_yes("Apply it?"):
        return
    deployer.discard(plan)
    take_back()
    if not can_ask:
        raise UsageProblem(
            f"There is no terminal to ask at, so nothing was changed ({summary_of_changes(plan.changes)}).",
            "Give --yes to apply the change set.",
        )
    screen.note("Nothing was changed; the change set and what was uploaded for it were thrown away.")
    raise click.exceptions.Exit(ExitCode.OK)


def says_yes(question: str) -> bool:
    """Whether the answer is yes; ctrl-c and the end of the input are a no."""
    try:
        return click.confirm(question)
    except click.Abort:
        return False


def _say_next(
    screen: Screen, clients: DeploymentClients, parameters: Mapping[str, str], stack_name: str
) -> None:
    secret_id = parameters.get("AdminSecretId", ADMIN_SECRET_ID)
    if warning := admin_secret_warning(clients.secretsmanager, secret_id, clients.region):
        screen.note(warning)
    # What the stack has now: a parameter that was not given keeps the value of an earlier deployment.
    stacks = clients.cloudformation.describe_stacks(StackName=stack_name)["Stacks"]
    existing = stacks[0].get("Parameters", [])
    if warning := subnets_warning(parameters, existing, clients.region, stack_name, os.environ):
        screen.note(warning)
    screen.say("Next: `aurora-restore plan …` shows what a restore would do; `start … --watch` does it.")


def subnets_warning(
    given: Mapping[str, str],
    existing: Sequence[Mapping[str, Any]],
    region: str,
    stack_name: str,
    environment: Mapping[str, str],
) -> str | None:
    """What a stack without subnets cannot do, with the command that mends it; None where nothing is missing.

    `existing` are the stack's parameters as CloudFormation lists them; one that is `given` comes before it.
    """
    # With an emulator of AWS (AWS_ENDPOINT_URL) everything is within reach.
    values = {parameter["ParameterKey"]: parameter.get("ParameterValue", "") for parameter in existing}
    if environment.get("AWS_ENDPOINT_URL") or ({**values, **given}).get("SubnetIds"):
        return None
    stack = "" if stack_name == STACK_NAME else f" --stack-name {stack_name}"
    talking = [function.full_name for function in FUNCTIONS if function.in_vpc]
    return (
        f"The parameter SubnetIds is empty: the functions that talk to databases ({', '.join(talking)}) "
        "run outside any VPC. They cannot reach "
        "a cluster whose instances are not public, and a restore of one is refused. Give them subnets "
        "from which the restored clusters and the AWS APIs can be reached, and security groups that the clusters' "
        f"own let in: aurora-restore deploy --region {region}{stack} "
        "--parameter SubnetIds=subnet-1,subnet-2 --parameter SecurityGroupIds=sg-1"
    )
