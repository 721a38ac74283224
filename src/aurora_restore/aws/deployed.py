"""What is deployed, for the command line: stack and template, tables, functions, definitions, names of secrets."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from aurora_restore.aws.failures import AWS_ERRORS, Translating, error_code, error_message, translate
from aurora_restore.domain.checks.surroundings import StackSeen, TableSeen
from aurora_restore.domain.checks.versions import FunctionSeen

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

    from aurora_restore.aws.clients import Clients

NOT_THERE = frozenset({"404", "NoSuchBucket", "NoSuchKey", "NotFound"})


class AwsDeployed:
    """The parts of one deployed stack.

    Raises, in every method: AwsThrottled, AwsUnavailable, AccessDenied, AwsRequestFailed.
    """

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def stack(self, name: str) -> StackSeen | None:
        """The stack; None where there is none."""
        stack = self.describe_stack(name)
        if stack is None:
            return None
        return StackSeen(
            name=stack["StackName"],
            status=stack["StackStatus"],
            reason=stack.get("StackStatusReason", ""),
            parameters={
                each.get("ParameterKey", ""): each.get("ParameterValue", "")
                for each in stack.get("Parameters", [])
            },
            changed_time=stack.get("LastUpdatedTime", stack.get("CreationTime")),
        )

    def describe_stack(self, name: str) -> StackTypeDef | None:
        """The same as CloudFormation describes it."""
        try:
            stacks = self._clients.cloudformation().describe_stacks(StackName=name)["Stacks"]
        except AWS_ERRORS as error:
            if _is_missing_stack(error):
                return None
            raise translate("cloudformation", error) from error
        return stacks[0] if stacks else None

    def template(self, name: str) -> str | None:
        """The text of the template that the stack was given; None where there is no stack, or it is not a text.

        boto3 shows a template that is JSON as an object; ours is YAML.
        """
        try:
            body: object = self._clients.cloudformation().get_template(
                StackName=name, TemplateStage="Original"
            )["TemplateBody"]
        except AWS_ERRORS as error:
            if _is_missing_stack(error):
                return None
            raise translate("cloudformation", error) from error
        return body if isinstance(body, str) else None

    def table(self, name: str) -> TableSeen | None:
        """The table; None where there is none."""
        dynamodb = self._clients.dynamodb()
        with Translating("dynamodb", ignoring={"ResourceNotFoundException", "TableNotFoundException"}):
            table = dynamodb.describe_table(TableName=name)["Table"]
            backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
            recovery = backups.get("PointInTimeRecoveryDescription", {})
            return TableSeen(
                name=name,
                status=table.get("TableStatus", ""),
                has_point_in_time_recovery=recovery.get("PointInTimeRecoveryStatus") == "ENABLED",
                is_protected=table.get("DeletionProtectionEnabled", False),
            )
        return None

    def function(self, name: str) -> FunctionSeen | None:
        """The function; None where there is none."""
        with Translating("lambda", ignoring={"ResourceNotFoundException"}):
            found = self._clients.lambda_().get_function_configuration(FunctionName=name)
            return FunctionSeen(found["CodeSha256"], found.get("LastModified", ""))
        return None

    def definition(self, state_machine_arn: str) -> Any:
        """The definition, read from its JSON; None where there is no such state machine."""
        with Translating("states", ignoring={"StateMachineDoesNotExist"}):
            machine = self._clients.stepfunctions().describe_state_machine(stateMachineArn=state_machine_arn)
            return json.loads(machine["definition"])
        return None

    def package_sha256(self, bucket: str, key: str, account_id: str) -> str | None:
        """SHA-256, in base64, of an object in the artifacts bucket; None where there is no such object."""
        try:
            found = self._clients.s3().get_object(Bucket=bucket, Key=key, ExpectedBucketOwner=account_id)
            with found["Body"] as body:
                return base64.b64encode(hashlib.sha256(body.read()).digest()).decode()
        except AWS_ERRORS as error:
            if error_code(error) in NOT_THERE:
                return None
            raise translate("s3", error) from error

    def secret_names(self, prefix: str) -> Sequence[str]:
        """The names of the secrets that begin with the prefix, sorted; not of those marked for deletion.

        The filter `name` is "Prefix match, case-sensitive" (Secrets Manager API Reference, Filter).
        """
        paginator = self._clients.secretsmanager().get_paginator("list_secrets")
        with Translating("secretsmanager"):
            pages = list(paginator.paginate(Filters=[{"Key": "name", "Values": [prefix]}]))
        secrets = (secret for page in pages for secret in page["SecretList"])
        return sorted(
            secret["Name"]
            for secret in secrets
            if secret["Name"].startswith(prefix) and "DeletedDate" not in secret
        )


def _is_missing_stack(error: BaseException) -> bool:
    # The code, ValidationError, is that of many other mistakes.
    return error_code(error) == "ValidationError" and "does not exist" in error_message(error)
