"""What ministack's CloudFormation drops or lets pass and AWS does not, for the resource types of our template."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from ministack.core.responses import get_region
from ministack.services import cloudwatch, cloudwatch_logs, dynamodb, lambda_svc, sns, stepfunctions
from ministack.services.cloudformation import _stacks, changesets, handlers, provisioners
from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS

from local_stack import ministack_events, ministack_subscriptions
from local_stack.ministack_hooks import Replacements

TABLE = "AWS::DynamoDB::Table"
FUNCTION = "AWS::Lambda::Function"
RULE = "AWS::Events::Rule"
TOPIC = "AWS::SNS::Topic"
SUBSCRIPTION = "AWS::SNS::Subscription"
NESTED_STACK = "AWS::CloudFormation::Stack"
# Characters at the end of a name that CloudFormation makes.
_SUFFIX = 13

Created = tuple[str, dict[str, Any]]
Properties = Mapping[str, Any]
Check = Callable[[Properties], None]
Finish = Callable[[str, Properties], None]


_replacements = Replacements()


def apply() -> None:
    """Replace handlers of ministack's CloudFormation. Once a process."""
    # ministack lets a change pass without the capabilities that it needs, unless this is set; AWS never does.
    handlers._capabilities_enforced = lambda: True
    _refuse_existing(TABLE, "TableName", lambda: dynamodb._tables)
    _refuse_existing(FUNCTION, "FunctionName", lambda: lambda_svc._functions)
    _refuse_existing("AWS::Logs::LogGroup", "LogGroupName", lambda: cloudwatch_logs._log_groups)
    _refuse_existing("AWS::CloudWatch::Alarm", "AlarmName", lambda: cloudwatch._alarms)
    _refuse_existing("AWS::CloudWatch::Dashboard", "DashboardName", lambda: cloudwatch._dashboards)
    # ministack has state machines by their ARN.
    _refuse_existing(
        "AWS::StepFunctions::StateMachine",
        "StateMachineName",
        lambda: [machine["name"] for machine in stepfunctions._state_machines.values()],
    )
    _replacements.apply()


def _refuse_existing(resource_type: str, name_property: str, existing: Callable[[], Any]) -> None:
    """AWS never takes over an existing resource of that name; ministack would replace it, contents and all."""
    original = _RESOURCE_HANDLERS[resource_type]["create"]

    def create(logical_id: str, properties: Properties, stack_name: str) -> Created:
        name = properties.get(name_property)
        if name and name in existing():
            raise ValueError(
                f"Resource handler returned message: \"Resource of type '{resource_type}' with identifier '{name}' "
                f'already exists." (HandlerErrorCode: AlreadyExists)'
            )
        created: Created = original(logical_id, properties, stack_name)
        return created

    _RESOURCE_HANDLERS[resource_type]["create"] = create


def _before(resource_type: str) -> Callable[[Check], Check]:
    """Run the decorated check on the properties before a resource is created or updated."""

    def decorate(check: Check) -> Check:
        @_replacements.of(_RESOURCE_HANDLERS[resource_type], "create")
        def create(
            original: Callable[..., Created], logical_id: str, properties: Properties, stack_name: str
        ) -> Created:
            check(properties)
            return original(logical_id, properties, stack_name)

        @_replacements.of(_RESOURCE_HANDLERS[resource_type], "update")
        def update(
            original: Callable[..., Created],
            physical_id: str,
            old: Properties,
            new: Properties,
            *rest: Any,
            **named: Any,
        ) -> Created:
            check(new)
            return original(physical_id, old, new, *rest, **named)

        return check

    return decorate


def _after(resource_type: str) -> Callable[[Finish], Finish]:
    """Run the decorated function, with physical id and properties, after a resource was created or updated."""

    def decorate(finish: Finish) -> Finish:
        @_replacements.of(_RESOURCE_HANDLERS[resource_type], "create")
        def create(
            original: Callable[..., Created], logical_id: str, properties: Properties, stack_name: str
        ) -> Created:
            created = original(logical_id, properties, stack_name)
            finish(created[0], properties)
            return created

        @_replacements.of(_RESOURCE_HANDLERS[resource_type], "update")
        def update(
            original: Callable[..., Created],
            physical_id: str,
            old: Properties,
            new: Properties,
            *rest: Any,
            **named: Any,
        ) -> Created:
            updated = original(physical_id, old, new, *rest, **named)
            finish(updated[0], new)
            return updated

        return finish

    return decorate


@_replacements.of(provisioners, "_physical_name")
def _name_of_its_region(make: Callable[..., str], stack_name: str, logical_id: str, **options: Any) -> str:
    """What has no name in a template gets another one in each Region: roles and policies belong to none.

    ministack makes the same name of the same stack name everywhere, so that a second Region's stack would take over
    the roles of the first.
    """
    name = make(stack_name, logical_id, **options)
    suffix = hashlib.sha256(f"{name}:{get_region()}".encode()).hexdigest()[:_SUFFIX]
    return name[:-_SUFFIX] + (suffix if options.get("lowercase") else suffix.upper())


@_after(TOPIC)
def _admit_the_account_alone(topic_arn: str, _properties: Properties) -> None:
    """The condition of SNS's own default policy, which ministack gives to topics of the API alone.

    Without it any credentials suffice to publish.
    """
    attributes = sns._topics[topic_arn]["attributes"]
    policy = json.loads(attributes["Policy"])
    for statement in policy["Statement"]:
        if statement.get("Sid") == "__default_statement_ID":
            statement["Condition"] = {"StringEquals": {"AWS:SourceOwner": topic_arn.split(":")[4]}}
    attributes["Policy"] = json.dumps(policy)


@_after(SUBSCRIPTION)
def _ask_the_receiver(arn: str, _properties: Properties) -> None:
    ministack_subscriptions.ask(arn)


@_after(TABLE)
def _finish_table(name: str, properties: Properties) -> None:
    """Time to live, point-in-time recovery, encryption and protection, which ministack's create leaves out."""
    ttl = properties.get("TimeToLiveSpecification")
    if ttl:
        _accepted(
            dynamodb._update_ttl(
                {"TableName": name, "TimeToLiveSpecification": _with_booleans(ttl, "Enabled")}
            )
        )
    recovery = properties.get("PointInTimeRecoverySpecification")
    if recovery:
        expected = _with_booleans(recovery, "PointInTimeRecoveryEnabled")
        _accepted(
            dynamodb._update_continuous_backups(
                {"TableName": name, "PointInTimeRecoverySpecification": expected}
            )
        )
    change: dict[str, Any] = {"DeletionProtectionEnabled": _true(properties.get("DeletionProtectionEnabled"))}
    encryption = properties.get("SSESpecification")
    if encryption:
        change["SSESpecification"] = {
            **{key: encryption[key] for key in ("SSEType", "KMSMasterKeyId") if key in encryption},
            "Enabled": _true(encryption.get("SSEEnabled")),
        }
    _accepted(dynamodb._update_table({"TableName": name, **change}))


@_before(FUNCTION)
def _require_code(properties: Properties) -> None:
    """A function whose zip is not there cannot be created; ministack would make one without code."""
    code = properties.get("Code") or {}
    bucket, key = code.get("S3Bucket"), code.get("S3Key")
    if (
        bucket
        and key
        and lambda_svc._fetch_code_from_s3(bucket, key, version_id=code.get("S3ObjectVersion")) is None
    ):
        raise ValueError(
            'Resource handler returned message: "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error '
            f'Message: The specified key does not exist: s3://{bucket}/{key}" (HandlerErrorCode: InvalidRequest)'
        )


@_before(RULE)
def _require_roles(properties: Properties) -> None:
    """A rule whose target needs a role and has none cannot be created; ministack would make it."""
    for fault in filter(None, map(ministack_events.missing_role, properties.get("Targets") or [])):
        raise ValueError(
            f'Resource handler returned message: "{fault} (Service: EventBridge, Status Code: 400)" '
            "(HandlerErrorCode: InvalidRequest)"
        )


@_before(NESTED_STACK)
def _require_https(properties: Properties) -> None:
    """The location of a template must start with https:// (TemplateURL of CreateStack)."""
    url = str(properties.get("TemplateURL") or "")
    if not url.startswith("https://"):
        raise ValueError(f"S3 error: Domain name specified in {url} is not a valid S3 domain")


_after(RULE)(ministack_events.note_creation)


@_replacements.of(_RESOURCE_HANDLERS[NESTED_STACK], "create")
def _create_nested_stack_or_nothing(
    original: Callable[..., Created], logical_id: str, properties: Properties, stack_name: str
) -> Created:
    """A nested stack whose creation fails is rolled back with its parent; ministack would leave its resources."""
    before = set(_stacks)
    try:
        return original(logical_id, properties, stack_name)
    except Exception:
        for name in [name for name in _stacks if name.startswith(f"{stack_name}-{logical_id}-")]:
            # An earlier stack of such a name is not of this attempt.
            if name not in before:
                _RESOURCE_HANDLERS[NESTED_STACK]["delete"](name, properties)
        raise


@_replacements.of(changesets, "_diff_resources")
def _list_every_nested_stack(
    original: Callable[..., list[Any]],
    old: Properties,
    new: Properties,
    provisioned: Properties | None = None,
    *rest: Any,
) -> list[Any]:
    """CloudFormation cannot see whether a nested template changed behind its URL, and lists it (`Automatic`)."""
    changes = original(old, new, provisioned, *rest)
    listed = {change["ResourceChange"]["LogicalResourceId"] for change in changes}
    for name, resource in new.get("Resources", {}).items():
        if resource.get("Type") != NESTED_STACK or name not in old.get("Resources", {}) or name in listed:
            continue
        target = {"Attribute": "Properties", "RequiresRecreation": "Never"}
        change = {
            "Action": "Modify",
            "LogicalResourceId": name,
            "PhysicalResourceId": (provisioned or {}).get(name, {}).get("PhysicalResourceId", ""),
            "ResourceType": NESTED_STACK,
            "Replacement": "False",
            "Scope": ["Properties"],
            "Details": [{"Target": target, "Evaluation": "Dynamic", "ChangeSource": "Automatic"}],
        }
        changes = [*changes, {"ResourceChange": change}]
    return changes


@_after(FUNCTION)
def _finish_function(name: str, properties: Properties) -> None:
    """Concurrency, dead-letter target, network, and the log group that Lambda chooses where none is given."""
    function = lambda_svc._functions[name]
    config = function["config"]
    reserved = properties.get("ReservedConcurrentExecutions")
    function["concurrency"] = None if reserved is None else int(reserved)
    config["LoggingConfig"] = {
        "LogFormat": "Text",
        "LogGroup": f"/aws/lambda/{name}",
        **(properties.get("LoggingConfig") or {}),
    }
    config["VpcConfig"] = lambda_svc._vpc_config_with_id(properties.get("VpcConfig"))
    for field in ("DeadLetterConfig", "KmsKeyArn"):
        # CloudFormation and the API of Lambda write the name of the key differently.
        if properties.get(field):
            config["KMSKeyArn" if field == "KmsKeyArn" else field] = properties[field]


@_replacements.of(_RESOURCE_HANDLERS[TABLE], "delete")
def _delete_unprotected_table(
    original: Callable[..., None], physical_id: str, properties: Properties
) -> None:
    table = dynamodb._tables.get(physical_id)
    if table and table.get("DeletionProtectionEnabled"):
        raise ValueError(
            f"Resource {physical_id} cannot be deleted: the table is protected against deletion. To delete it, "
            "disable deletion protection."
        )
    original(physical_id, properties)


def _accepted(response: tuple[int, Any, bytes]) -> None:
    if response[0] >= 400:
        raise ValueError(f"{TABLE}: {response[2].decode(errors='replace')}")


def _true(value: object) -> bool:
    """Template booleans may arrive as text."""
    return value is True or str(value).lower() == "true"


def _with_booleans(specification: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {**specification, name: _true(specification.get(name))}
