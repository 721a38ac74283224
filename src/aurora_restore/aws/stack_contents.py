"""What a deployed stack was made of: templates, parameters, the code of the functions, definitions."""

from __future__ import annotations

import base64
import hashlib
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aurora_restore.aws.deployed import AwsDeployed
from aurora_restore.aws.failures import Translating
from aurora_restore.domain.backup_errors import BackupDamaged
from aurora_restore.domain.errors import AwsUnavailable

if TYPE_CHECKING:
    from aurora_restore.aws.clients import Clients

FUNCTION = "AWS::Lambda::Function"
STATE_MACHINE = "AWS::StepFunctions::StateMachine"
NESTED_STACK = "AWS::CloudFormation::Stack"
DOWNLOAD_TIMEOUT_SECONDS = 60
RESOURCES_MOST = 500


@dataclass(frozen=True)
class StackContents:
    """Names of state machines and nested stacks are their logical ids; `code`: the zips by SHA-256 in base64.

    `functions`: the SHA-256 of the code of each, by its name.
    """

    template: str
    parameters: Mapping[str, str]
    nested: Mapping[str, str]
    definitions: Mapping[str, str]
    functions: Mapping[str, str]
    code: Mapping[str, bytes]


class AwsStackContents:
    """Raises: AwsThrottled, AwsUnavailable, AccessDenied, AwsRequestFailed; BackupDamaged."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._deployed = AwsDeployed(clients)

    def read(self, stack_name: str) -> StackContents | None:
        """All of it, as it is deployed now; None where there is no such stack."""
        template, stack = self._deployed.template(stack_name), self._deployed.stack(stack_name)
        if template is None or stack is None:
            return None
        pages = self._clients.cloudformation().get_paginator("list_stack_resources").paginate(
            StackName=stack_name, PaginationConfig={"MaxItems": RESOURCES_MOST}
        )  # fmt: skip
        with Translating("cloudformation"):
            resources = [item for page in pages for item in page["StackResourceSummaries"]]

        def of_type(name: str) -> list[tuple[str, str]]:
            found = [each for each in resources if each["ResourceType"] == name]
            return [(each["LogicalResourceId"], each.get("PhysicalResourceId", "")) for each in found]

        functions: dict[str, str] = {}
        code: dict[str, bytes] = {}
        for name in sorted(physical for _, physical in of_type(FUNCTION)):
            with Translating("lambda"):
                found: Any = self._clients.lambda_().get_function(FunctionName=name)
            sha256 = found["Configuration"]["CodeSha256"]
            functions[name] = sha256
            # All functions have the same code, unless one was updated by hand.
            if sha256 not in code:
                code[sha256] = _downloaded(name, found["Code"]["Location"], sha256)
        nested = {name: self._deployed.template(arn) or "" for name, arn in of_type(NESTED_STACK)}
        definitions: dict[str, str] = {}
        for name, arn in of_type(STATE_MACHINE):
            with Translating("states"):
                seen = self._clients.stepfunctions().describe_state_machine(stateMachineArn=arn)
            definitions[name] = seen["definition"]
        return StackContents(template, stack.parameters, nested, definitions, functions, code)


def _downloaded(name: str, location: str, sha256: str) -> bytes:
    """The zip behind the address that Lambda has signed for ten minutes."""
    if not location.startswith(("https://", "http://")):
        raise AwsUnavailable(f"the code of {name} cannot be read: Lambda gives no address of it")
    try:
        with urllib.request.urlopen(location, timeout=DOWNLOAD_TIMEOUT_SECONDS) as answer:  # noqa: S310 - checked above
            content: bytes = answer.read()
    except OSError as error:
        # Its text can hold the signed address.
        raise AwsUnavailable(f"the code of {name} cannot be read: {type(error).__name__}") from error
    if base64.b64encode(hashlib.sha256(content).digest()).decode() != sha256:
        raise BackupDamaged(f"The code of {name} is not what Lambda has said: its SHA-256 differs.")
    return content
