"""Application Auto Scaling on the wire: JSON 1.1, the operation in the header `X-Amz-Target`."""

from __future__ import annotations

import functools
import json
from datetime import datetime
from typing import Any

import botocore.session
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from local_aurora.errors import AwsError
from local_aurora.wire import Answer, Perform

TARGET_HEADER = "X-Amz-Target"
CONTENT_TYPE = "application/x-amz-json-1.1"
_PREFIX = "AnyScaleFrontendService."


@functools.cache
def service_model() -> ServiceModel:
    return botocore.session.get_session().get_service_model("application-autoscaling")


def is_for_scaling(target: str | bytes | None) -> bool:
    """Whether a request's target header names an operation of Application Auto Scaling."""
    return _text(target).startswith(_PREFIX)


def answer(target: str | bytes | None, body: bytes | str, perform: Perform) -> Answer:
    """Read a request, perform it, write the answer, errors included."""
    try:
        action = _text(target).removeprefix(_PREFIX)
        return _written(200, perform(action, read_request(action, body)))
    except AwsError as error:
        status = error.http_status or (500 if error.code == "InternalServiceException" else 400)
        return _written(status, {"__type": error.code, "Message": error.message})


def read_request(action: str, body: bytes | str) -> dict[str, Any]:
    """The parameters. Raises AwsError for an unknown action, or for parameters that its shape does not admit."""
    if action not in service_model().operation_names:
        raise AwsError("UnknownOperationException", f"Application Auto Scaling has no operation {action}.")
    try:
        params = json.loads(body or b"{}")
    except ValueError as error:
        raise AwsError("SerializationException", f"The body is not valid JSON: {error}") from error
    shape: Any = service_model().operation_model(action).input_shape
    report = ParamValidator().validate(params, shape)
    if report.has_errors():
        raise AwsError("ValidationException", report.generate_report())
    return dict(params)


def _written(status: int, result: dict[str, Any]) -> Answer:
    return Answer(status, json.dumps(result, default=_plain).encode(), CONTENT_TYPE)


def _plain(value: object) -> float:
    if isinstance(value, datetime):
        return round(value.timestamp(), 3)
    raise TypeError(f"{type(value).__name__} has no place in an answer")


def _text(value: str | bytes | None) -> str:
    return value.decode() if isinstance(value, bytes) else value or ""
