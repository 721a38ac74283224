"""What ministack's CloudFormation drops or lets pass and AWS does not, for the resource types of our template."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ministack.services import cloudwatch, cloudwatch_logs, dynamodb, lambda_svc, stepfunctions
from ministack.services.cloudformation import _stacks, changesets, handlers
from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS

from local_stack import ministack_events

TABLE = "AWS::DynamoDB::Table"
FUNCTION = "AWS::Lambda::Function"
RULE = "AWS::Events::Rule"
NESTED_STACK = "AWS::CloudFormation::Stack"

Created = tuple[str, dict[str, Any]]
Properties = Mapping[str, Any]


def apply() -> None:
    """Replace handlers of ministack's CloudFormation. Once a process."""
    handlers._capabilities_enforced = lambda: True
    _refuse_existing(TABLE, "TableName", dynamodb._tables.get)
    _refuse_existing(FUNCTION, "FunctionName", lambda_svc._functions.get)
    _refuse_existing("AWS::Logs::LogGroup", "LogGroupName", cloudwatch_logs._log_groups.get)
    _refuse_existing("AWS::StepFunctions::StateMachine", "StateMachineName", _machine_named)
    _after(TABLE, _finish_table)
    _refuse_existing("AWS::CloudWatch::Alarm", "AlarmName", cloudwatch._alarms.get)
    _refuse_existing("AWS::CloudWatch::Dashboard", "DashboardName", cloudwatch._dashboards.get)
    _before(NESTED_STACK, _require_https)
    _remove_nested_stacks_that_failed()
    _list_nested_stacks_in_every_change_set()
    _before(FUNCTION, _require_code)
    _after(FUNCTION, _finish_function)
    _before(RULE, _require_roles)
    _after(RULE, ministack_events.note_creation)
    _refuse_deleting_protected_tables()


def _machine_named(name: str) -> Any:
    return next((each for each in stepfunctions._state_machines.values() if each["name"] == name), None)


def _refuse_existing(resource_type: str, name_property: str, find: Callable[[str], Any]) -> None:
    """AWS never takes over an existing resource of that name; ministack would replace it, contents and all."""

    def check(properties: Properties) -> None:
        name = properties.get(name_property)
        if name and find(name) is not None:
            raise ValueError(
                f"Resource handler returned message: \"Resource of type '{resource_type}' with identifier '{name}' "
                f'already exists." (HandlerErrorCode: AlreadyExists)'
            )

    original = _RESOURCE_HANDLERS[resource_type]["create"]

    def create(logical_id: str, properties: Properties, stack_name: str) -> Created:
        check(properties)
        created: Created = original(logical_id, properties, stack_name)
        return created

    _RESOURCE_HANDLERS[resource_type]["create"] = create


def _before(resource_type: str, check: Callable[[Properties], None]) -> None:
    """Run `check` on the properties before a resource is created or updated."""
    handler = _RESOURCE_HANDLERS[resource_type]
    create, update = handler["create"], handler["update"]

    def checked_create(logical_id: str, properties: Properties, stack_name: str) -> Created:
        check(properties)
        created: Created = create(logical_id, properties, stack_name)
        return created

    def checked_update(
        physical_id: str, old: Properties, new: Properties, *rest: Any, **named: Any
    ) -> Created:
        check(new)
        updated: Created = update(physical_id, old, new, *rest, **named)
        return updated

    handler.update(create=checked_create, update=checked_update)


def _after(resource_type: str, finish: Callable[[str, Properties], None]) -> None:
    """Run `finish` with the physical id and the properties after a resource was created or updated."""
    handler = _RESOURCE_HANDLERS[resource_type]
    create, update = handler["create"], handler["update"]

    def finished_create(logical_id: str, properties: Properties, stack_name: str) -> Created:
        created: Created = create(logical_id, properties, stack_name)
        finish(created[0], properties)
        return created

    def finished_update(
        physical_id: str, old: Properties, new: Properties, *rest: Any, **named: Any
    ) -> Created:
        updated: Created = update(physical_id, old, new, *rest, **named)
        finish(updated[0], new)
        return updated

    handler.update(create=finished_create, update=finished_update)


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


def _require_roles(properties: Properties) -> None:
    """A rule whose target needs a role and has none cannot be created; ministack would make it."""
    for fault in filter(None, map(ministack_events.missing_role, properties.get("Targets") or [])):
        raise ValueError(
            f'Resource handler returned message: "{fault} (Service: EventBridge, Status Code: 400)" '
            "(HandlerErrorCode: InvalidRequest)"
        )


def _require_https(properties: Properties) -> None:
    """The location of a template must start with https:// (TemplateURL of CreateStack)."""
    url = str(properties.get("TemplateURL") or "")
    if not url.startswith("https://"):
        raise ValueError(f"S3 error: Domain name specified in {url} is not a valid S3 domain")


def _remove_nested_stacks_that_failed() -> None:
    """A nested stack whose creation fails is rolled back with its parent; ministack would leave its resources."""
    handler = _RESOURCE_HANDLERS[NESTED_STACK]
    original, delete = handler["create"], handler["delete"]

    def create(logical_id: str, properties: Properties, stack_name: str) -> Created:
        before = set(_stacks)
        try:
            created: Created = original(logical_id, properties, stack_name)
        except Exception:
            for name in [name for name in _stacks if name.startswith(f"{stack_name}-{logical_id}-")]:
                if name not in before:
                    delete(name, properties)
            raise
        return created

    handler["create"] = create


def _list_nested_stacks_in_every_change_set() -> None:
    """CloudFormation cannot see whether a nested template changed behind its URL, and lists it (`Automatic`)."""
    original = changesets._diff_resources

    def diff(
        old: Properties, new: Properties, provisioned: Properties | None = None, *rest: Any
    ) -> list[Any]:
        changes: list[Any] = original(old, new, provisioned, *rest)
        listed = {change["ResourceChange"]["LogicalResourceId"] for change in changes}
        existing = old.get("Resources", {})
        return changes + [
            {"ResourceChange": _automatic_change(name, (provisioned or {}).get(name, {}))}
            for name, resource in new.get("Resources", {}).items()
            if resource.get("Type") == NESTED_STACK and name in existing and name not in listed
        ]

    changesets._diff_resources = diff


def _automatic_change(logical_id: str, provisioned: Properties) -> dict[str, Any]:
    target = {"Attribute": "Properties", "RequiresRecreation": "Never"}
    return {
        "Action": "Modify",
        "LogicalResourceId": logical_id,
        "PhysicalResourceId": provisioned.get("PhysicalResourceId", ""),
        "ResourceType": NESTED_STACK,
        "Replacement": "False",
        "Scope": ["Properties"],
        "Details": [{"Target": target, "Evaluation": "Dynamic", "ChangeSource": "Automatic"}],
    }


def _finish_function(name: str, properties: Properties) -> None:
    """Concurrency, dead-letter target, network, and the log group that goes without saying."""
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
        if properties.get(field):
            config["KMSKeyArn" if field == "KmsKeyArn" else field] = properties[field]


def _refuse_deleting_protected_tables() -> None:
    original = _RESOURCE_HANDLERS[TABLE]["delete"]

    def delete(physical_id: str, properties: Properties) -> None:
        table = dynamodb._tables.get(physical_id)
        if table and table.get("DeletionProtectionEnabled"):
            raise ValueError(
                f"Resource {physical_id} cannot be deleted: the table is protected against deletion. To delete it, "
                "disable deletion protection."
            )
        original(physical_id, properties)

    _RESOURCE_HANDLERS[TABLE]["delete"] = delete


def _accepted(response: tuple[int, Any, bytes]) -> None:
    if response[0] >= 400:
        raise ValueError(f"{TABLE}: {response[2].decode(errors='replace')}")


def _true(value: object) -> bool:
    """Template booleans may arrive as text."""
    return value is True or str(value).lower() == "true"


def _with_booleans(specification: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {**specification, name: _true(specification.get(name))}
