"""Deploys the pipeline: upload, change set, its changes as data, execution, events until the end.

Works against AWS and against anything that answers in its place (`AWS_ENDPOINT_URL`). Every wait has an end,
and the clock and the sleep can be given.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from aurora_restore.deployment.model import (
    STACK_NAME,
    ChangePlan,
    DeploymentClients,
    DeploymentFailed,
    DeploymentLimits,
    DeploymentOutcome,
    DeploymentRequest,
    PlanKind,
    ResourceChange,
    ResourceEvent,
    is_automatic,
    is_end_of_stack,
    is_failure,
    resource_change,
    resource_event,
)
from aurora_restore.deployment.packaging import Project
from aurora_restore.deployment.preparation import prepare
from aurora_restore.deployment.template import MAX_TEMPLATE_BYTES

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

__all__ = [
    "STACK_NAME",
    "ChangePlan",
    "Deployer",
    "DeploymentClients",
    "DeploymentFailed",
    "DeploymentLimits",
    "DeploymentOutcome",
    "DeploymentRequest",
    "PlanKind",
    "ResourceChange",
    "ResourceEvent",
    "admin_secret_warning",
    "connect",
    "deploy",
]

SUCCEEDED = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"})
# After a rollback the stack is as it was before, and can be changed again.
CHANGEABLE = SUCCEEDED | {"UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"}
# CloudFormation lets a change set without changes fail, and says so in words only.
NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
EVENT_PAGES = 50
FIRST_PAUSE_SECONDS = 0.2


def connect(region: str, session: boto3.Session | None = None) -> DeploymentClients:
    """The clients of a Region. Raises botocore's errors where there are no credentials or no answer."""
    session = session or boto3.Session()
    config = Config(
        connect_timeout=10, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 5}
    )

    def client(service: str) -> Any:
        return session.client(service, region_name=region, config=config)  # type: ignore[call-overload]

    return DeploymentClients(
        account_id=client("sts").get_caller_identity()["Account"],
        region=region,
        cloudformation=client("cloudformation"),
        s3=client("s3"),
        secretsmanager=client("secretsmanager"),
    )


class Deployer:
    """Makes a stack what a request says.

    Args:
        clients: where.
        limits: how long to wait.
        sleep, now: the pause and the clock (seconds, monotonic).
    """

    def __init__(
        self,
        clients: DeploymentClients,
        limits: DeploymentLimits | None = None,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cloudformation = clients.cloudformation
        self._region = clients.region
        self._limits = limits or DeploymentLimits()
        self._sleep = sleep
        self._now = now

    def plan(self, request: DeploymentRequest) -> ChangePlan:
        """Make a change set and wait until it can be read. Nothing is changed yet.

        Raises:
            DeploymentFailed: the template is too large or wrong, or the stack cannot be changed in its state.
        """
        # CloudFormation answers with a validation error that shows the whole template.
        size = len(request.template_body.encode())
        if size > MAX_TEMPLATE_BYTES:
            raise DeploymentFailed(
                f"The template has {size:,} bytes; CloudFormation takes {MAX_TEMPLATE_BYTES:,} in a request.",
                "Shorten the template.",
            )
        with _refusing(f"make the change set of {request.stack_name}"):
            stack = self._describe_stack(request.stack_name)
            # A stack in review is the empty one that a first change set made: it is still to be created.
            status = stack["StackStatus"] if stack else "REVIEW_IN_PROGRESS"
            if status != "REVIEW_IN_PROGRESS" and status not in CHANGEABLE:
                raise DeploymentFailed(
                    f"The stack {request.stack_name} is in the state {status}, in which it cannot be changed.",
                    _what_to_do(request.stack_name, status, self._region),
                )
            kind = PlanKind.CREATE if status == "REVIEW_IN_PROGRESS" else PlanKind.UPDATE
            answer = self._cloudformation.create_change_set(
                StackName=request.stack_name,
                ChangeSetName=f"aurora-restore-{uuid.uuid4().hex[:16]}",
                ChangeSetType="CREATE" if kind is PlanKind.CREATE else "UPDATE",
                TemplateBody=request.template_body,
                Parameters=self._parameters(request, stack),
                Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
                Tags=[{"Key": key, "Value": value} for key, value in request.tags.items()],
                # Tables outlive a deleted stack, and are taken over by the next one.
                ImportExistingResources=True,
            )
            made = ChangePlan(kind, request.stack_name, (), answer["StackId"], answer["Id"])
            return self._read_change_set(made)

    def apply(
        self, plan: ChangePlan, on_event: Callable[[ResourceEvent], None] | None = None
    ) -> DeploymentOutcome:
        """Execute a change set and follow it to its end.

        Raises:
            DeploymentFailed: it was rolled back, or did not end in time. The message names the first resource
                that failed, with its reason.
        """
        started = self._now()
        if plan.change_set_id is None or plan.stack_id is None:
            return self._outcome(plan, plan.stack_name, started)
        stack_id, show = plan.stack_id, on_event or _ignore
        first_failure: ResourceEvent | None = None
        with _refusing(f"follow the deployment of {plan.stack_name}"):
            # Noted before the start: the end of an earlier deployment must not be taken for the end of this one.
            seen = {event_id for event_id, _ in self._events(stack_id, frozenset())}
            self._cloudformation.execute_change_set(ChangeSetName=plan.change_set_id)
            for _ in self._looks(self._limits.stack_seconds):
                for event_id, event in reversed(self._events(stack_id, frozenset(seen))):
                    seen.add(event_id)
                    first_failure = first_failure or (event if is_failure(event) else None)
                    show(event)
                    # The events show the end, not the status: just after the start it may still be the old one.
                    if is_end_of_stack(event, plan.stack_name):
                        return self._end(plan, stack_id, event.status, first_failure, started)
        raise DeploymentFailed(
            f"{plan.stack_name} was still changing after {self._limits.stack_seconds:g} s; it goes on by itself.",
            "Follow it in the CloudFormation console.",
        )

    def discard(self, plan: ChangePlan) -> None:
        """Delete a change set that is not to be executed, and with a first one the empty stack that it made.

        A stack without resources that holds another user's change set as well is left as it is.
        """
        if plan.change_set_id is None:
            return
        self._cloudformation.delete_change_set(ChangeSetName=plan.change_set_id)
        if plan.kind is not PlanKind.CREATE or plan.stack_id is None:
            return
        stack = self._describe_stack(plan.stack_id)
        # In this state alone a stack has never had resources.
        if stack is None or stack["StackStatus"] != "REVIEW_IN_PROGRESS":
            return
        others = self._cloudformation.list_change_sets(StackName=plan.stack_id)["Summaries"]
        if not [each for each in others if each["ChangeSetId"] != plan.change_set_id]:
            self._cloudformation.delete_stack(StackName=plan.stack_id)

    def _parameters(self, request: DeploymentRequest, stack: Mapping[str, Any] | None) -> list[Any]:
        summary = self._cloudformation.get_template_summary(TemplateBody=request.template_body)
        names = [parameter["ParameterKey"] for parameter in summary.get("Parameters", [])]
        unknown = sorted(set(request.parameters) - set(names))
        if unknown:
            raise DeploymentFailed(
                f"The template has no parameter {', '.join(unknown)}.", f"It has: {', '.join(sorted(names))}."
            )
        # A parameter that a new template adds has no previous value; it gets its default.
        given = [{"ParameterKey": key, "ParameterValue": value} for key, value in request.parameters.items()]
        present = {parameter["ParameterKey"] for parameter in (stack or {}).get("Parameters", [])}
        kept = [name for name in names if name in present and name not in request.parameters]
        return given + [{"ParameterKey": name, "UsePreviousValue": True} for name in kept]

    def _read_change_set(self, made: ChangePlan) -> ChangePlan:
        change_set_id = str(made.change_set_id)
        nothing = ChangePlan(PlanKind.NOTHING, made.stack_name, (), made.stack_id)
        for _ in self._looks(self._limits.change_set_seconds):
            answer = self._cloudformation.describe_change_set(ChangeSetName=change_set_id)
            if answer["Status"] == "CREATE_COMPLETE":
                pages = self._cloudformation.get_paginator("describe_change_set").paginate(
                    ChangeSetName=change_set_id
                )
                listed = [change["ResourceChange"] for page in pages for change in page["Changes"]]
                changes = tuple(resource_change(change) for change in listed if not is_automatic(change))
                if changes:
                    return ChangePlan(made.kind, made.stack_name, changes, made.stack_id, change_set_id)
                self.discard(made)
                return nothing
            if answer["Status"] == "FAILED":
                # A change set that cannot be executed is of no use, whatever the reason.
                self.discard(made)
                reason = answer.get("StatusReason", "")
                if any(words in reason for words in NO_CHANGES):
                    return nothing
                raise DeploymentFailed(
                    f"CloudFormation made no change set of {made.stack_name}: {reason}",
                    "Correct what the reason names, and deploy again; nothing was changed.",
                )
        raise DeploymentFailed(
            f"The change set of {made.stack_name} was not ready after {self._limits.change_set_seconds:g} s.",
            "Look at it in the CloudFormation console, and deploy again.",
        )

    def _end(
        self,
        plan: ChangePlan,
        stack_id: str,
        status: str,
        first_failure: ResourceEvent | None,
        started: float,
    ) -> DeploymentOutcome:
        if status in SUCCEEDED:
            return self._outcome(plan, stack_id, started)
        cause = (
            f"{first_failure.logical_id} ({first_failure.resource_type}): {first_failure.reason}"
            if first_failure
            else "CloudFormation gives no reason"
        )
        raise DeploymentFailed(
            f"{plan.stack_name} ended as {status}. {cause}",
            _what_to_do(plan.stack_name, status, self._region),
        )

    def _outcome(self, plan: ChangePlan, stack: str, started: float) -> DeploymentOutcome:
        described = self._describe_stack(stack) or {"StackStatus": "ABSENT"}
        outputs = {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}
        seconds = self._now() - started
        return DeploymentOutcome(plan.kind, plan.stack_name, described["StackStatus"], outputs, seconds)

    def _describe_stack(self, name_or_id: str) -> Mapping[str, Any] | None:
        try:
            stacks = self._cloudformation.describe_stacks(StackName=name_or_id)["Stacks"]
        except ClientError as error:
            # The code, ValidationError, is that of many other mistakes.
            if "does not exist" in str(error):
                return None
            raise
        # Asked by its id, CloudFormation still describes a stack that was deleted.
        live = [stack for stack in stacks if stack["StackStatus"] != "DELETE_COMPLETE"]
        return live[0] if live else None

    def _events(self, stack_id: str, seen: frozenset[str]) -> list[tuple[str, ResourceEvent]]:
        """Events newer than those seen, newest first. A stack's events are listed newest first."""
        found: list[tuple[str, ResourceEvent]] = []
        pages = self._cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id)
        for number, page in enumerate(pages):
            new = [event for event in page["StackEvents"] if event["EventId"] not in seen]
            found += [(event["EventId"], resource_event(event)) for event in new]
            # All events on the pages after one with a known event are known.
            if len(new) < len(page["StackEvents"]) or number >= EVENT_PAGES:
                break
        return found

    def _looks(self, limit_seconds: float) -> Iterator[None]:
        """Yield until the limit, with pauses that grow: what is ready at once is seen at once."""
        end = self._now() + limit_seconds
        pause = FIRST_PAUSE_SECONDS
        yield
        while self._now() < end:
            self._sleep(pause)
            pause = min(pause * 1.5, self._limits.pause_seconds)
            yield


def deploy(
    clients: DeploymentClients,
    project: Project,
    stack_name: str = STACK_NAME,
    parameters: Mapping[str, str] | None = None,
    on_step: Callable[[str], None] | None = None,
    on_event: Callable[[ResourceEvent], None] | None = None,
    deployer: Deployer | None = None,
) -> DeploymentOutcome:
    """Build, upload, plan and apply, without asking anyone. Nothing is written into the project's tree.

    Raises:
        PackagingFailed, DeploymentFailed.
    """
    say = on_step or _ignore
    prepared = prepare(clients, project, stack_name, parameters, say)
    deployer = deployer or Deployer(clients)
    say(f"Making the change set of {stack_name}")
    plan = deployer.plan(prepared.request)
    say(f"Applying {len(plan.changes)} changes" if plan.changes else "Nothing to change")
    return deployer.apply(plan, on_event)


def admin_secret_warning(secretsmanager: SecretsManagerClient, secret_id: str, region: str) -> str | None:
    """What is missing before the first restore, with the command that makes it; None where the secret exists.

    The secret is not part of the stack: a template is not a place for a password.
    """
    try:
        secret = secretsmanager.describe_secret(SecretId=secret_id)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "ResourceNotFoundException":
            return (
                f"The admin secret {secret_id} does not exist in {region}: every restore is refused until it does. "
                'Write {"username": "<master user of production>", "password": "<a new password>"} into a file, '
                f"then: aws secretsmanager create-secret --region {region} --name {secret_id} "
                "--secret-string file://<that file>"
            )
        return f"Whether the admin secret {secret_id} exists in {region} could not be seen: {code}."
    if "DeletedDate" in secret:
        return (
            f"The admin secret {secret_id} is marked for deletion: restores are refused. "
            f"To keep it: aws secretsmanager restore-secret --region {region} --secret-id {secret_id}"
        )
    return None


def _what_to_do(stack_name: str, status: str, region: str) -> str:
    where = f"--stack-name {stack_name} --region {region}"
    if status.endswith("_IN_PROGRESS"):
        return "Something changes it at this moment: wait for its end, then deploy again."
    if status == "UPDATE_ROLLBACK_COMPLETE":
        return "The stack is as it was before. Mend the cause, then deploy again."
    if status == "UPDATE_ROLLBACK_FAILED":
        return f"Mend the cause, then: aws cloudformation continue-update-rollback {where}"
    if status == "DELETE_COMPLETE":
        return "The stack is gone. Mend the cause, then deploy again."
    return (
        "The first deployment did not succeed, and such a stack can only be deleted. Mend the cause, then: "
        f"aws cloudformation delete-stack {where}; and deploy again."
    )


@contextmanager
def _refusing(doing: str) -> Iterator[None]:
    """Around requests: what botocore raises becomes DeploymentFailed."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise DeploymentFailed(
            f"AWS does not let us {doing}: {error}",
            "Check the credentials, their rights and the Region; correct what the message names.",
        ) from error


def _ignore(_: object) -> None:
    return None
