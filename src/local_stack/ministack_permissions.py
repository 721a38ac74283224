"""Policies of IAM, enforced on the gateway, on the local Aurora, and on what services do in a role.

ministack's evaluator reads the policies of users and roles, permissions boundaries, session policies and policies of
resources. Added are the table of requests (`permissions`); the refusal of what is not in it, and of what a policy
says in words that the evaluator does not know; and the identities of functions and of services that take a role on.
The access key of the account's number is its root user, which may do everything, as on AWS.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import _account_from_sts_session, get_account_id, get_region, request_scope
from ministack.core.router import extract_access_key_id
from ministack.services import cloudformation, kms, sts
from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS

from local_aurora.errors import AwsError
from local_aurora.server import Signed
from local_stack.lambda_function import DeployedFunction
from local_stack.ministack_hooks import SERVICES, Replacements
from local_stack.permissions import gateway_requests, template_requests
from local_stack.permissions.aurora_requests import AuroraRequest, UnknownRequest
from local_stack.permissions.check import Check
from local_stack.permissions.gateway_requests import GatewayRequest

DENIED = "AccessDenied"

_KNOWN_KEYS = frozenset(
    {
        "aws:currenttime", "aws:epochtime", "aws:multifactorauthpresent", "aws:principalaccount", "aws:principalarn",
        "aws:principalorgid", "aws:principaltype", "aws:requestedregion", "aws:resourceaccount", "aws:securetransport",
        "aws:sourceaccount", "aws:sourcearn", "aws:sourceip", "aws:sourceowner", "aws:tagkeys", "aws:tokenissuetime",
        "aws:userid", "aws:username", "aws:viaawsservice", "application-autoscaling:scalable-dimension",
        "application-autoscaling:service-namespace", "dynamodb:attributes", "dynamodb:enclosingoperation",
        "dynamodb:select", "iam:passedtoservice", "kms:grantisforawsresource", "kms:viaservice",
        "lambda:sourcefunctionarn", "s3:prefix", "s3:resourceaccount",
    }
)  # fmt: skip
"""Keys of conditions of which it is known whether a request has them, in lower case."""
_KNOWN_FAMILIES = ("aws:principaltag/", "aws:requesttag/", "aws:resourcetag/")
_MOST_PARSED = 1000


class NotEvaluated(Exception):
    """A policy says something that the local stack does not know how to evaluate."""


@dataclass(frozen=True)
class Refusal:
    """Why a request is refused: the code of a query API, and the message as AWS words it."""

    code: str
    message: str


@dataclass(frozen=True)
class Credentials:
    """Of a session of a role, as STS gives them out."""

    access_key_id: str
    secret_access_key: str
    session_token: str

    def environment(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_SESSION_TOKEN": self.session_token,
        }


# Taken before it is replaced: by the gateway's requests alone, which have to be in the table.
_enforce = iam_evaluator.enforce
_replacements = Replacements()
_sessions: dict[tuple[str, str], Credentials] = {}
_sessions_lock = threading.Lock()
_parsed: dict[str, Any] = {}
# What the request under way needs besides its own action: the resource is read before the policies are asked.
_besides: ContextVar[tuple[Check, ...]] = ContextVar("checks_besides", default=())
# In whose name CloudFormation changes resources; the tasks of a stack have it from the request that began them.
_changes_stacks: ContextVar[str | None] = ContextVar("changes_stacks", default=None)


def apply() -> None:
    """Replace functions of ministack's evaluator, and handlers of its CloudFormation. Once a process."""
    for resource_type, handlers in _RESOURCE_HANDLERS.items():
        _ask_before_changes(resource_type, handlers)
    _replacements.apply()


def credentials_of(function: DeployedFunction) -> Credentials:
    """What a function finds in its environment: a session of its role, by the function's name."""
    return session_of(str(function.config.get("Role", "")), function.name, {"FunctionArn": function.arn})


def refusal_of_logging(function: DeployedFunction, stream: str) -> Refusal | None:
    """Why Lambda may not write a function's log in its role; None where it may."""
    arn = f"arn:aws:logs:{function.region}:{function.account_id}:log-group:{function.log_group}:log-stream:{stream}"
    key = credentials_of(function).access_key_id
    with request_scope(function.account_id, function.region):
        return refusal(key, Check("logs:PutLogEvents", arn), function.region)


def session_of(role_arn: str, name: str, noted: Mapping[str, str] | None = None) -> Credentials:
    """The session of a role under a name; the same one while this process lives."""
    with _sessions_lock:
        if (role_arn, name) not in _sessions:
            given = Credentials(
                f"ASIA{secrets.token_hex(8).upper()}", secrets.token_urlsafe(30), secrets.token_urlsafe(60)
            )
            account_id, role = _account_of(role_arn), role_arn.rpartition("/")[2]
            sts.register_session(
                given.access_key_id,
                {
                    "Arn": f"arn:aws:sts::{account_id}:assumed-role/{role}/{name}",
                    "AccountId": account_id,
                    "UserId": f"AROA{role[:16].upper()}:{name}",
                    "SecretAccessKey": given.secret_access_key,
                    "SessionToken": given.session_token,
                    "PrincipalType": "AssumedRole",
                    **(noted or {}),
                },
            )
            _sessions[role_arn, name] = given
        return _sessions[role_arn, name]


def _account_of(role_arn: str) -> str:
    """Empty for what is not the ARN of a role: such a session may do nothing."""
    return role_arn.split(":")[4] if role_arn.count(":") >= 5 else ""


def refusal_of_role(role_arn: str, session_name: str, region: str, check: Check) -> Refusal | None:
    """Why a service that takes a role on may not do something in it; None where it may."""
    key = session_of(role_arn, session_name).access_key_id
    with request_scope(_account_of(role_arn), region):
        return refusal(key, check, region)


def refusal(access_key_id: str, check: Check, region: str) -> Refusal | None:
    """Why the policies of the owner of an access key refuse something; None where they allow it.

    To be called in the scope of a request to the account.
    """
    try:
        denied = _ask(access_key_id, check, region)
    except NotEvaluated as reason:
        return Refusal(DENIED, str(reason))
    if denied is None:
        return None
    if isinstance(denied, iam_evaluator.AuthError):
        return Refusal(denied.code, denied.message)
    return Refusal(DENIED, _words(check, denied))


def _ask(access_key_id: str, check: Check, region: str) -> Any:
    """What ministack's evaluator says: None, a denial, or credentials that are not valid."""
    # What distinguishes a function from others that have its role.
    function_arn = (sts._sessions.get(access_key_id) or {}).get("FunctionArn")
    caller = {"lambda:SourceFunctionArn": function_arn} if function_arn else {}
    return _enforce(
        access_key_id,
        check.action,
        check.action.partition(":")[0],
        region,
        resource_arn=_resolved(check.resource),
        service_context={"aws:ViaAWSService": "false", **caller, **check.context},
    )


def _words(check: Check, denied: Any) -> str:
    explicit = denied.decision == "Deny"
    return str(
        iam_actions.identity_denial_message(check.action, denied.principal_arn, check.resource, explicit)
    )


def not_in_the_table(action: str) -> str:
    return (
        f"The local stack does not know which permissions {action} needs, and refuses it to every user and role: its "
        "table of requests (src/local_stack/permissions) lacks it."
    )


def _resolved(arn: str) -> str:
    """What policies are about: an alias of a key stands for the key, and a change set for its stack."""
    if ":changeSet/" in arn:
        return str((cloudformation._change_sets.get(arn) or {}).get("StackId") or arn)
    key = kms._resolve_key(arn) if ":alias/" in arn else None
    return str(key["Arn"]) if key else arn


@dataclass(frozen=True)
class AuroraGuard:
    """Asks IAM about requests to the local Aurora. `tags_of` gives the tags of a resource of RDS, by Region and ARN."""

    account_id: str
    tags_of: Callable[[str, str], Mapping[str, str]]

    def refuse(self, request: Signed, action: str, params: Mapping[str, Any]) -> None:
        """Raises AwsError where the caller's policies do not allow a request, or its signature is not valid."""
        headers = {name.lower(): value for name, value in request.headers}
        key = extract_access_key_id(headers, {})
        if not key:
            raise AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", 403)
        if iam_evaluator.is_root_access_key(key):
            return
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers]
        iam_evaluator.pin_signed_request("POST", request.path, {}, raw)
        iam_evaluator.pin_signed_body(request.body)
        account_id = (
            _account_from_sts_session(key)
            or iam_evaluator.find_iam_access_key_account(key)
            or self.account_id
        )
        asked = AuroraRequest(action, request.region, account_id, params)
        denied_code = "AccessDeniedException" if request.is_for_scaling else DENIED
        try:
            checks = asked.scaling_checks() if request.is_for_scaling else asked.checks()
        except UnknownRequest as unknown:
            raise AwsError(denied_code, not_in_the_table(str(unknown)), 403) from None
        with request_scope(account_id, request.region):
            for check in checks:
                if found := refusal(key, self._with_tags(request.region, check), request.region):
                    code = denied_code if found.code == DENIED else found.code
                    raise AwsError(code, found.message, 400 if request.is_for_scaling else 403)

    def _with_tags(self, region: str, check: Check) -> Check:
        if not check.resource.startswith("arn:aws:rds:"):
            return check
        tags = {
            f"aws:ResourceTag/{name}": value for name, value in self.tags_of(region, check.resource).items()
        }
        return replace(check, context={**check.context, **tags}) if tags else check


@_replacements.of(iam_evaluator, "enforce")
def _enforce_all(
    enforce: Callable[..., Any],
    access_key_id: str,
    iam_action: str,
    service: str,
    region: str,
    resource_arn: str = "*",
    service_context: Mapping[str, Any] | None = None,
) -> Any:
    """Every check of a request; refused where the table lacks it, or a policy cannot be evaluated."""
    besides = _besides.get()
    _besides.set(())
    if iam_evaluator.is_root_access_key(access_key_id):
        return enforce(access_key_id, iam_action, service, region, resource_arn, service_context)
    if not gateway_requests.is_known(iam_action):
        failure = iam_evaluator.check_credentials(access_key_id, service)
        return failure or iam_evaluator.AuthError(DENIED, not_in_the_table(iam_action))
    try:
        denied = _ask(access_key_id, Check(iam_action, resource_arn, service_context or {}), region)
        for check in besides if denied is None else ():
            if (refused := _ask(access_key_id, check, region)) is not None:
                return iam_evaluator.AuthError(DENIED, _words(check, refused))
    except NotEvaluated as reason:
        return iam_evaluator.AuthError(DENIED, str(reason))
    return denied


@_replacements.of(iam_actions, "extract_iam_action")
def _action_or_what_it_looks_like(
    extract: Callable[..., str | None],
    *request: Any,
) -> str | None:
    """ministack lets pass what it cannot name; here it gets a name that no policy allows."""
    service, method, path = request[:3]
    return extract(*request) or (f"{service}:{method} {path}" if service in SERVICES else None)


@_replacements.of(iam_actions, "extract_resource_arn")
def _resource_of_the_table(
    extract: Callable[..., str],
    *request: Any,
) -> str:
    service, method, path, headers, body, query_params, region, account_id = request
    action = iam_actions.extract_iam_action(service, method, path, headers, body, query_params)
    find = gateway_requests.RESOURCES.get(action)
    if find is None or service == "secretsmanager":
        # Secrets are asked about by their ARNs, which end in characters that a request need not name.
        return extract(*request)
    params = {**query_params, **_json(body)}
    _besides.set(gateway_requests.passed_roles(action, params))
    asked = GatewayRequest(path, params, region, account_id)
    if service == "cloudformation":
        # What the stack's resources need is asked of the service role, or of who asks, when their time comes.
        role = asked.text("RoleARN")
        caller = extract_access_key_id(headers, query_params)
        _changes_stacks.set(session_of(role, "AWSCloudFormation").access_key_id if role else caller)
    return find(asked)


def _may_change(change: str, resource_type: str, given: str, properties: Mapping[str, Any]) -> None:
    """Raises ValueError, as a handler of CloudFormation does, where who changes a stack may not change a resource."""
    key = _changes_stacks.get()
    if key is None or iam_evaluator.is_root_access_key(key):
        return
    place = template_requests.Place(get_region(), get_account_id())
    try:
        checks = template_requests.checks(place, change, resource_type, given, properties)
    except template_requests.UnknownType:
        raise ValueError(
            _handler_error(not_in_the_table(f"a resource of the type {resource_type}"))
        ) from None
    for check in checks:
        if found := refusal(key, check, place.region):
            raise ValueError(_handler_error(found.message))


def _handler_error(message: str) -> str:
    return f'Resource handler returned message: "{message}" (HandlerErrorCode: AccessDenied)'


def _ask_before_changes(resource_type: str, handlers: Any) -> None:
    """Let CloudFormation's handlers of a type ask for the rights first."""

    if "create" in handlers:

        @_replacements.of(handlers, "create")
        def create(original: Callable[..., Any], logical_id: str, properties: Any, stack_name: str) -> Any:
            name = f"{stack_name}-{logical_id}{template_requests.GENERATED}"
            _may_change("create", resource_type, name, properties)
            return original(logical_id, properties, stack_name)

    if "update" in handlers:

        @_replacements.of(handlers, "update")
        def update(
            original: Callable[..., Any], physical_id: str, old: Any, new: Any, *rest: Any, **named: Any
        ) -> Any:
            _may_change("update", resource_type, physical_id, new)
            return original(physical_id, old, new, *rest, **named)

    if "delete" in handlers:

        @_replacements.of(handlers, "delete")
        def delete(original: Callable[..., Any], physical_id: str, properties: Any, *rest: Any) -> Any:
            _may_change("delete", resource_type, physical_id, properties)
            return original(physical_id, properties, *rest)


def _json(body: bytes) -> dict[str, Any]:
    if body[:1] != b"{":
        return {}
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


@_replacements.of(iam_evaluator, "parse_policy_document")
def _parse_once(parse: Callable[..., Any], document: Any) -> Any:
    """Policies are read at every request and change seldom."""
    text = document if isinstance(document, str) else json.dumps(document, sort_keys=True, default=str)
    found = _parsed.get(text)
    if found is None:
        if len(_parsed) >= _MOST_PARSED:
            _parsed.clear()
        found = _parsed[text] = parse(document)
    return found


@_replacements.of(iam_evaluator, "_resolve_condition_key")
def _known_condition_key(resolve: Callable[..., Any], key: str, context: Any) -> Any:
    name = key.lower()
    if name not in _KNOWN_KEYS and not name.startswith(_KNOWN_FAMILIES):
        raise NotEvaluated(f"A policy has the condition key {key}, which the local stack does not know.")
    # The loopback stands for the endpoints of AWS, which clients reach over TLS.
    return "true" if name == "aws:securetransport" else resolve(key, context)


@_replacements.of(iam_evaluator, "_evaluate_single_condition")
def _known_condition_operator(
    evaluate: Callable[..., bool], operator: str, actual: Any, expected_values: list[str]
) -> bool:
    name = operator.lower().rpartition(":")[2].removesuffix("ifexists")
    if name not in iam_evaluator._CONDITION_OPS and name != "null":
        raise NotEvaluated(
            f"A policy has the condition operator {operator}, which the local stack does not know."
        )
    return evaluate(operator, actual, expected_values)
