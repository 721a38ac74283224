"""The query protocol of RDS on the wire, read from botocore's own model of the service."""

from __future__ import annotations

import functools
import urllib.parse
import uuid
import xml.etree.ElementTree as ET  # only written here, never parsed
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import botocore.session
from botocore.model import ListShape, OperationModel, ServiceModel, Shape, StructureShape
from botocore.utils import parse_timestamp

from local_aurora.errors import AwsError

_NAMESPACE = "http://rds.amazonaws.com/doc/2014-10-31/"
_OTHER_STATUSES = {"Throttling": 400, "InternalFailure": 500, "ServiceUnavailable": 503}
_MAX_LIST = 1000

Perform = Callable[[str, Mapping[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    content_type: str = "text/xml"


@functools.cache
def service_model() -> ServiceModel:
    return botocore.session.get_session().get_service_model("rds")


@functools.cache
def error_statuses() -> dict[str, int]:
    """The HTTP status of every error that the model declares, by wire code."""
    error_shapes: list[Any] = service_model().error_shapes
    return {
        str(shape.error_code): int(shape.metadata.get("error", {}).get("httpStatusCode", 400))
        for shape in error_shapes
    } | _OTHER_STATUSES


def answer(body: bytes | str, perform: Perform) -> Answer:
    """Read a request's form, perform it, write the answer: XML of the model's shapes, errors included."""
    request_id = str(uuid.uuid4())
    try:
        action, params = read_request(body)
        result = perform(action, params)
        return Answer(200, write_result(action, result, request_id))
    except AwsError as error:
        status = error.http_status or error_statuses().get(error.code, 400)
        root = ET.Element("ErrorResponse", {"xmlns": _NAMESPACE})
        entry = ET.SubElement(root, "Error")
        ET.SubElement(entry, "Type").text = "Receiver" if status >= 500 else "Sender"
        ET.SubElement(entry, "Code").text = error.code
        ET.SubElement(entry, "Message").text = error.message
        ET.SubElement(root, "RequestId").text = request_id
        return Answer(status, _bytes(root))


def read_request(body: bytes | str) -> tuple[str, dict[str, Any]]:
    """The action and its parameters, as the input shape types them.

    Raises:
        AwsError: no action, an action or a parameter that RDS does not have, a value of another type.
    """
    text = body.decode() if isinstance(body, bytes) else body
    form = dict(urllib.parse.parse_qsl(text, keep_blank_values=True))
    action = form.pop("Action", "")
    # RDS has one version of its API.
    form.pop("Version", None)
    if not action:
        raise AwsError("MissingAction", "The request must contain the parameter Action.")
    if action not in service_model().operation_names:
        raise AwsError("InvalidAction", f"RDS has no action {action}.")
    shape = service_model().operation_model(action).input_shape
    return action, _read_structure(shape, form, "") if shape else {}


def _read_structure(shape: StructureShape, form: Mapping[str, str], prefix: str) -> dict[str, Any]:
    params = {}
    for name, member in shape.members.items():
        key = f"{prefix}{member.serialization.get('name', name)}"
        if key in form or any(given.startswith(f"{key}.") for given in form):
            params[name] = _read(member, form, key)
    missing = [name for name in shape.required_members if name not in params]
    if missing:
        raise AwsError("MissingParameter", f"The request must contain the parameter {prefix}{missing[0]}.")
    return params


def _read(shape: Shape, form: Mapping[str, str], key: str) -> Any:
    if isinstance(shape, StructureShape):
        return _read_structure(shape, form, f"{key}.")
    if isinstance(shape, ListShape):
        return _read_list(shape, form, key)
    text = form.get(key, "")
    try:
        match shape.type_name:
            case "integer" | "long":
                return int(text)
            case "double" | "float":
                return float(text)
            case "timestamp":
                # A time without a zone is UTC at AWS.
                moment: datetime = parse_timestamp(text)
                return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            # Any other text is a ValueError as well.
            case "boolean":
                return ("false", "true").index(text) == 1
            case _:
                return text
    except ValueError as error:
        raise AwsError("MalformedInput", f"{key}: {text!r} is not a {shape.type_name}.") from error


def _read_list(shape: ListShape, form: Mapping[str, str], key: str) -> list[Any]:
    flat = shape.serialization.get("flattened")
    stem = key if flat else f"{key}.{shape.member.serialization.get('name', 'member')}"
    entries = []
    # The entries are numbered from 1; the first gap ends the list.
    for number in range(1, _MAX_LIST + 1):
        entry = f"{stem}.{number}"
        if entry not in form and not any(given.startswith(f"{entry}.") for given in form):
            break
        entries.append(_read(shape.member, form, entry))
    return entries


def write_result(action: str, result: Mapping[str, Any], request_id: str) -> bytes:
    model: OperationModel = service_model().operation_model(action)
    root = ET.Element(f"{action}Response", {"xmlns": _NAMESPACE})
    shape = model.output_shape
    if shape is not None:
        wrapper = shape.serialization.get("resultWrapper", f"{action}Result")
        _write_members(ET.SubElement(root, wrapper), shape, result)
    metadata = ET.SubElement(root, "ResponseMetadata")
    ET.SubElement(metadata, "RequestId").text = request_id
    return _bytes(root)


def _write_members(parent: ET.Element, shape: StructureShape, values: Mapping[str, Any]) -> None:
    # A field that the model does not have would be lost on the way to the client.
    unknown = set(values) - set(shape.members)
    if unknown:
        raise KeyError(f"{shape.name} has no member {', '.join(sorted(unknown))}")
    for name, value in values.items():
        if value is not None:
            member = shape.members[name]
            _write(parent, member.serialization.get("name", name), member, value)


def _write(parent: ET.Element, name: str, shape: Shape, value: Any) -> None:
    if isinstance(shape, ListShape):
        # The entries of a flattened list are written beside the other members.
        flat = shape.serialization.get("flattened")
        holder = parent if flat else ET.SubElement(parent, name)
        entry_name = name if flat else shape.member.serialization.get("name", "member")
        for entry in value:
            _write(holder, entry_name, shape.member, entry)
    elif isinstance(shape, StructureShape):
        _write_members(ET.SubElement(parent, name), shape, value)
    else:
        text = str(value)
        if isinstance(value, bool):
            text = "true" if value else "false"
        elif isinstance(value, datetime):
            text = value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        ET.SubElement(parent, name).text = text


def _bytes(root: ET.Element) -> bytes:
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written
