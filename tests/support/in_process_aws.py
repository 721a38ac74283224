"""AWS inside the test's own process: real boto3, real wire formats both ways, no socket.

A boto3 session whose every request is taken at botocore's `before-send` event and answered by handlers in this
process: RDS by our local Aurora, everything else by ministack's service handlers. Each `InProcessAws` is an account
of its own, so that tests do not see each other's things.

    aws = InProcessAws()
    aws.create_tables()
    clients = aws.clients("us-west-2")

Faults happen at the border, where AWS would have them:

    aws.before(3, FaultKind.DIES_BEFORE)                                   # the fourth request never leaves
    aws.after(is_operation("CopyDBClusterSnapshot"), FaultKind.REPLY_LOST)  # it acted, the caller does not learn of it
    aws.before(is_operation("PutItem"), FaultKind.THROTTLED)
"""

from __future__ import annotations

import copy
import importlib
import itertools
import json
import logging
import marshal
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, parse_qs, parse_qsl, urlsplit
from xml.sax.saxutils import escape

import boto3
import botocore.session
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError
from botocore.model import OperationModel
from ministack.core.responses import AccountRegionScopedDict, AccountScopedDict, request_scope
from tests.states_language.interpreter import ProcessDied
from tests.support.faults import BEFORE_ACTING, DEATHS, QUERY_SERVICES, FaultKind, Refusal, refusal

from aurora_restore.aws.clients import Clients
from aurora_restore.steps.ports import Clock
from local_aurora import scaling_wire, wire
from local_aurora.errors import ReplyLostError
from local_aurora.model import LocalAurora, SystemClock
from local_aurora.timing import Durations

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest

HOME_REGION = "us-west-2"
SOURCE_REGION = "us-east-1"

MINISTACK_MODULES: Mapping[str, str] = {
    "cloudformation": "cloudformation",
    "dynamodb": "dynamodb",
    "ec2": "ec2",
    "events": "eventbridge",
    "kms": "kms",
    "lambda": "lambda_svc",
    "logs": "cloudwatch_logs",
    "monitoring": "cloudwatch",
    "s3": "s3",
    "scheduler": "scheduler",
    "secretsmanager": "secretsmanager",
    "sns": "sns",
    "sqs": "sqs",
    "states": "stepfunctions",
    "sts": "sts",
}
"""ministack's module for each service, by the service's name in a signature (which is its IAM prefix)."""

_account_numbers = itertools.count(100_000_000_001)
_shared_loader: list[Any] = []


Fault = FaultKind | Refusal


@dataclass(frozen=True)
class Call:
    """One request as it was sent. `service` is the IAM prefix: `rds`, `states`, `dynamodb`, …"""

    index: int
    service: str
    operation: str
    region: str
    body: bytes = field(repr=False)


When = int | Callable[[Call], bool]


def is_operation(operation: str) -> Callable[[Call], bool]:
    return lambda call: call.operation == operation


@dataclass
class _PlannedFault:
    when: When
    fault: Fault
    times: int

    def applies(self, call: Call) -> bool:
        if self.times < 1:
            return False
        met = call.index == self.when if isinstance(self.when, int) else self.when(call)
        self.times -= met
        return met


@dataclass(frozen=True)
class Published:
    """A message that a topic took."""

    topic_arn: str
    subject: str
    message: str
    attributes: Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    http_status: int
    headers: Mapping[str, str]
    body: bytes


@cache
def _shared_account() -> InProcessAws:
    return InProcessAws()


def shared_aws(clock: Clock | None = None, seed: str = "aurora") -> InProcessAws:
    """One account for many tests, forgotten in between: cheaper than an account each."""
    aws = _shared_account()
    aws.reset(clock, seed)
    return aws


class InProcessAws:
    """One account of AWS in this process.

    Attributes:
        account_id: 12 digits; also the access key, which is how ministack tells accounts apart.
        aurora: the model behind RDS, on `clock`; it has no engine.
        calls: every request since the last `calls.clear()`, set-up helpers aside.
        parameters: service, operation and what was given, of every request since the last `parameters.clear()`.
        published: the messages that topics took, oldest first.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        seed: str = "aurora",
        durations: Durations | None = None,
        account_id: str | None = None,
    ) -> None:
        self.account_id = account_id or str(next(_account_numbers))
        self.calls: list[Call] = []
        self.parameters: list[tuple[str, str, dict[str, Any]]] = []
        self.published: list[Published] = []
        self._before: list[_PlannedFault] = []
        self._after: list[_PlannedFault] = []
        self._setting_up = False
        self._sessions: dict[str, boto3.Session] = {}
        self._clients: dict[str, Clients] = {}
        self._set_up_clients: dict[tuple[str, str], Any] = {}
        _quieten_ministack()
        _quicken_dynamodb()
        self._begin(clock, seed, durations)

    def session(self, region: str = HOME_REGION) -> boto3.Session:
        """A boto3 session of this account; its clients of any Region and service end here."""
        if region not in self._sessions:
            self._sessions[region] = self._make_session(region)
        return self._sessions[region]

    def clients(self, region: str = HOME_REGION) -> Clients:
        """Our own clients on this account, with no repetition of requests: a fault reaches who called."""
        if region not in self._clients:
            self._clients[region] = Clients(self.session(region), max_attempts=1)
        return self._clients[region]

    def before(self, when: When, fault: Fault, times: int = 1) -> None:
        """The fault comes in the place of the request: nothing has acted. `when`: a call's index, or a test of it."""
        assert isinstance(fault, Refusal) or fault in BEFORE_ACTING, fault
        self._before.append(_PlannedFault(when, fault, times))

    def after(self, when: When, fault: Fault, times: int = 1) -> None:
        """The fault comes in the place of the reply: the request has acted."""
        assert fault not in BEFORE_ACTING, fault
        self._after.append(_PlannedFault(when, fault, times))

    def clear_faults(self) -> None:
        self._before.clear()
        self._after.clear()

    def reset(
        self, clock: Clock | None = None, seed: str = "aurora", durations: Durations | None = None
    ) -> None:
        """Forget everything that the account has, every call and fault; sessions and their clients live on.

        For many runs in one process: the clients of a new account cost some 50 ms.
        """
        for store in _ministack_stores():
            for key in [key for key in store._data if key[0] == self.account_id]:
                del store._data[key]
        initialised = importlib.import_module("ministack.services.ec2")._default_initialized_scopes
        initialised -= {scope for scope in initialised if scope[0] == self.account_id}
        self.clear_faults()
        self.calls.clear()
        self.parameters.clear()
        self.published.clear()
        self._begin(clock, seed, durations)

    def _begin(self, clock: Clock | None, seed: str, durations: Durations | None) -> None:
        self.clock = clock or SystemClock()
        self.aurora = LocalAurora(
            self.clock, account_id=self.account_id, seed=seed, durations=durations or Durations()
        )

    @contextmanager
    def setting_up(self) -> Iterator[None]:
        """What happens inside neither counts as a call nor meets a fault."""
        self._setting_up, before = True, self._setting_up
        try:
            yield
        finally:
            self._setting_up = before

    def create_tables(self, region: str = HOME_REGION) -> None:
        """The three tables with the keys and indexes of the template.

        Without a time to live: ministack removes by the machine's clock, and tests have clocks of their own.
        """
        for name, keys, index in TABLES:
            self._create_table(region, name, keys, index)

    def create_topic(self, name: str = "aurora-restore-notifications", region: str = HOME_REGION) -> str:
        """Returns the ARN."""
        with self.setting_up():
            return str(self._client("sns", region).create_topic(Name=name)["TopicArn"])

    def create_bucket(self, name: str, region: str = HOME_REGION) -> str:
        """Returns the name."""
        with self.setting_up():
            self._client("s3", region).create_bucket(
                Bucket=name, CreateBucketConfiguration={"LocationConstraint": region}
            )
        return name

    def create_secret(
        self, name: str, value: Mapping[str, Any] | str | bytes, region: str = HOME_REGION
    ) -> str:
        """A mapping is stored as JSON, text as it is, bytes as a binary secret. Returns the ARN."""
        content: dict[str, Any] = {"SecretBinary": value} if isinstance(value, bytes) else {}
        if isinstance(value, str):
            content = {"SecretString": value}
        elif isinstance(value, Mapping):
            content = {"SecretString": json.dumps(value)}
        with self.setting_up():
            return str(self._client("secretsmanager", region).create_secret(Name=name, **content)["ARN"])

    def create_security_group(self, name: str, vpc_id: str, region: str = HOME_REGION) -> str:
        """A group that EC2 and RDS both know. Returns its id."""
        with self.setting_up():
            response = self._client("ec2", region).create_security_group(
                GroupName=name, Description=name, VpcId=vpc_id
            )
        group_id = str(response["GroupId"])
        self.aurora.seed.put_security_group(region, group_id, vpc_id)
        return group_id

    def create_vpc(self, cidr_block: str = "10.1.0.0/16", region: str = HOME_REGION) -> str:
        """Returns the VPC's id."""
        with self.setting_up():
            return str(self._client("ec2", region).create_vpc(CidrBlock=cidr_block)["Vpc"]["VpcId"])

    def create_kms_key(
        self, alias: str | None = None, enabled: bool = True, region: str = HOME_REGION
    ) -> str:
        """`alias` as KMS spells it, `alias/…`. Returns the key's ARN."""
        with self.setting_up():
            kms = self._client("kms", region)
            key = kms.create_key()["KeyMetadata"]
            if alias:
                kms.create_alias(AliasName=alias, TargetKeyId=key["KeyId"])
            if not enabled:
                kms.disable_key(KeyId=key["KeyId"])
        return str(key["Arn"])

    def create_state_machine(
        self, name: str, definition: Mapping[str, Any], region: str = HOME_REGION
    ) -> str:
        """A state machine that ministack interprets, in threads and in real time. Returns the ARN."""
        with self.setting_up():
            response = self._client("stepfunctions", region).create_state_machine(
                name=name,
                definition=json.dumps(definition),
                roleArn=f"arn:aws:iam::{self.account_id}:role/any",
            )
        return str(response["stateMachineArn"])

    def _create_table(
        self, region: str, name: str, keys: tuple[str, ...], index: tuple[str, str, str] | None
    ) -> None:
        attributes = dict.fromkeys([*keys, *(index[1:] if index else ())])
        extra: dict[str, Any] = {}
        if index:
            extra["GlobalSecondaryIndexes"] = [
                {
                    "IndexName": index[0],
                    "KeySchema": _key_schema(index[1:]),
                    "Projection": {"ProjectionType": "ALL"},
                }
            ]
        with self.setting_up():
            self._client("dynamodb", region).create_table(
                TableName=name,
                KeySchema=_key_schema(keys),
                AttributeDefinitions=[{"AttributeName": a, "AttributeType": "S"} for a in attributes],
                BillingMode="PAY_PER_REQUEST",
                **extra,
            )

    def _client(self, service: str, region: str) -> Any:
        key = (service, region)
        if key not in self._set_up_clients:
            make: Any = self.session(region).client
            self._set_up_clients[key] = make(service)
        return self._set_up_clients[key]

    def _make_session(self, region: str) -> boto3.Session:
        core = botocore.session.Session()
        if _shared_loader:  # service models are read from disk once, not once an account
            core.register_component("data_loader", _shared_loader[0])
        else:
            _shared_loader.append(core.get_component("data_loader"))
        core.set_credentials(self.account_id, "in-process")
        handler: Any = self._on_request
        core.register("before-send", handler)
        note: Any = self._note_parameters
        core.register("provide-client-params", note)
        return boto3.Session(botocore_session=core, region_name=region)

    def _note_parameters(self, params: dict[str, Any], model: OperationModel, **_: Any) -> None:
        if not self._setting_up:
            self.parameters.append((model.service_model.service_name, model.name, dict(params)))

    def _on_request(self, request: AWSPreparedRequest, event_name: str = "", **_: Any) -> AWSResponse:
        service, region = _signed_for(request)
        operation = event_name.rsplit(".", 1)[1]
        if self._setting_up:
            return _respond(request, self._answer(request, service, operation, region))
        call = Call(len(self.calls), service, operation, region, _body(request))
        self.calls.append(call)
        answer = self._strike(self._before, call, request)
        if answer is None:
            answer = self._answer(request, service, operation, region)
            answer = self._strike(self._after, call, request) or answer
        return _respond(request, answer)

    def _strike(self, rules: list[_PlannedFault], call: Call, request: AWSPreparedRequest) -> Answer | None:
        fault = next((rule.fault for rule in rules if rule.applies(call)), None)
        if fault is None:
            return None
        if fault in DEATHS:
            raise ProcessDied(f"{fault} {call.service}:{call.operation}")
        if fault is FaultKind.REPLY_LOST:
            raise ConnectionClosedError(endpoint_url=request.url)
        return _refusal(call.service, fault if isinstance(fault, Refusal) else refusal(fault, call.service))

    def _answer(self, request: AWSPreparedRequest, service: str, operation: str, region: str) -> Answer:
        if service == "rds":
            return self._ask_aurora(request, region)
        if service == "application-autoscaling":
            return self._ask_scaling(request, region)
        answer = _ask_ministack(MINISTACK_MODULES[service], request, self.account_id, region)
        if service == "sns" and operation == "Publish" and answer.http_status == 200:
            self.published.append(_published(_body(request)))
        return answer

    def _ask_aurora(self, request: AWSPreparedRequest, region: str) -> Answer:
        try:
            answer = wire.answer(
                _body(request), lambda action, params: self.aurora.call(action, region, params)
            )
        except ReplyLostError as error:
            raise ConnectionClosedError(endpoint_url=request.url) from error
        return Answer(answer.status, {"Content-Type": answer.content_type}, answer.body)

    def _ask_scaling(self, request: AWSPreparedRequest, region: str) -> Answer:
        target = request.headers[scaling_wire.TARGET_HEADER]
        try:
            answer = scaling_wire.answer(
                target, _body(request), lambda action, params: self.aurora.scale(action, region, params)
            )
        except ReplyLostError as error:
            raise ConnectionClosedError(endpoint_url=request.url) from error
        return Answer(answer.status, {"Content-Type": answer.content_type}, answer.body)


TABLES: tuple[tuple[str, tuple[str, ...], tuple[str, str, str] | None], ...] = (
    ("AuroraRestoreState", ("operation_id",), ("status-start_time-index", "status", "start_time")),
    (
        "AuroraRestoreAudit",
        ("operation_id", "event_id"),
        ("event_date-event_id-index", "event_date", "event_id"),
    ),
    ("AuroraRestoreLocks", ("target_cluster_id",), None),
)
"""Name, key attributes (hash, range), and the index with its key attributes."""


def _key_schema(names: tuple[str, ...]) -> list[dict[str, str]]:
    return [
        {"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"), strict=False)
    ]


def _signed_for(request: AWSPreparedRequest) -> tuple[str, str]:
    """Service and Region from the signature's scope: `Credential=<key>/<date>/<region>/<service>/aws4_request`."""
    authorization = _text(request.headers["Authorization"])
    scope = authorization.split("Credential=", 1)[1].split(",", 1)[0].split("/")
    return scope[3], scope[2]


def _ask_ministack(module_name: str, request: AWSPreparedRequest, account_id: str, region: str) -> Answer:
    module = importlib.import_module(f"ministack.services.{module_name}")
    url = urlsplit(request.url)
    path = _path_in_s3(url) if module_name == "s3" else url.path
    headers = {name.lower(): _text(value) for name, value in request.headers.items()}
    query: dict[str, list[str]] = parse_qs(url.query, keep_blank_values=True)
    with request_scope(account_id, region):
        status, answer_headers, body = _finish(
            module.handle_request(request.method, path, headers, _body(request), query)
        )
    return Answer(status, answer_headers, body.encode() if isinstance(body, str) else body)


def _path_in_s3(url: SplitResult) -> str:
    """The path with the bucket before it, which the SDK puts into the name of the host."""
    bucket, _, rest = (url.hostname or "").partition(".s3.")
    return f"/{bucket}{url.path}" if rest else url.path


def _finish(handling: Coroutine[Any, Any, Any]) -> Any:
    """Run a handler that never really waits; ministack's are coroutines by form only."""
    try:
        handling.send(None)
    except StopIteration as end:
        return end.value
    handling.close()
    raise RuntimeError("a handler of ministack waited for something, which needs an event loop")


class _RawBody:
    """The body as botocore reads it off a connection."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self._body

    def read(self, *_: Any) -> bytes:
        """All of it, once."""
        body, self._body = self._body, b""
        return body


def _respond(request: AWSPreparedRequest, answer: Answer) -> AWSResponse:
    headers: Any = dict(answer.headers)
    return AWSResponse(request.url, answer.http_status, headers, _RawBody(answer.body))


def _refusal(service: str, fault: Refusal) -> Answer:
    code, message = escape(fault.code), escape(fault.message)
    error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    if service == "ec2":
        xml = f"<Response><Errors>{error}</Errors><RequestID>in-process</RequestID></Response>"
    elif service == "s3":
        xml = error
    elif service in QUERY_SERVICES:
        xml = f"<ErrorResponse>{error}<RequestId>in-process</RequestId></ErrorResponse>"
    else:
        document = json.dumps({"__type": fault.code, "message": fault.message})
        return Answer(fault.http_status, {"Content-Type": "application/x-amz-json-1.0"}, document.encode())
    return Answer(fault.http_status, {"Content-Type": "text/xml"}, xml.encode())


def _published(body: bytes) -> Published:
    form = dict(parse_qsl(body.decode()))
    attributes = {
        form[f"{stem}.Name"]: form[f"{stem}.Value.StringValue"]
        for stem in (name.removesuffix(".Name") for name in form if name.endswith(".Name"))
    }
    return Published(form["TopicArn"], form.get("Subject", ""), form["Message"], attributes)


@cache
def _ministack_stores() -> tuple[Any, ...]:
    """ministack's stores, which live as long as the process: module variables, scoped by account."""
    modules = [importlib.import_module(f"ministack.services.{name}") for name in MINISTACK_MODULES.values()]
    scoped = AccountScopedDict | AccountRegionScopedDict
    return tuple(store for module in modules for store in vars(module).values() if isinstance(store, scoped))


@cache
def _quieten_ministack() -> None:
    """Load ministack's front, which its SNS asks for, without letting it set up the process's logging."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    importlib.import_module("ministack.app")
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in MINISTACK_MODULES.values():
        logging.getLogger(name).setLevel(logging.WARNING)


def _quicken_dynamodb() -> None:
    """Let its DynamoDB copy items, which it does for each update several times, as the plain JSON that they are."""
    dynamodb: Any = importlib.import_module("ministack.services.dynamodb")
    dynamodb.copy = SimpleNamespace(deepcopy=_copied)


def _copied(value: Any) -> Any:
    try:
        return marshal.loads(marshal.dumps(value))  # noqa: S302 - our own values, a moment old
    except ValueError:  # not plain
        return copy.deepcopy(value)


def _body(request: AWSPreparedRequest) -> bytes:
    body: Any = request.body
    if hasattr(body, "getvalue"):
        # What S3 is sent is a file to the SDK; it is asked for more than once here.
        return bytes(body.getvalue())
    return body.encode() if isinstance(body, str) else bytes(body or b"")


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
