"""A stand-in for boto3's client of Application Auto Scaling on the local Aurora, with nothing written to a wire.

The real adapter runs on it. tests/contract/aws/test_aws_scaling.py holds both to the same assertions.
"""

from __future__ import annotations

import functools
from typing import Any

from botocore import xform_name
from botocore.exceptions import ConnectionClosedError, ParamValidationError
from botocore.validate import ParamValidator
from tests.fakes.fault_injector import client_error
from tests.fakes.rds_client import LocalAuroraClient, received

from local_aurora import scaling, scaling_wire
from local_aurora.errors import AwsError, ReplyLostError

SERVICE = "application-autoscaling"
ACTIONS = {xform_name(action): action for action in scaling.OPERATIONS}


class FakeScalingClient(LocalAuroraClient):
    """The client of Application Auto Scaling."""

    service_name = "ApplicationAutoScaling"
    actions = ACTIONS
    page_token = "NextToken"

    def _request(self, action: str, /, **parameters: Any) -> dict[str, Any]:
        shape: Any = scaling_wire.service_model().operation_model(action).input_shape
        report = ParamValidator().validate(parameters, shape)
        if report.has_errors():
            raise ParamValidationError(report=report.generate_report())
        sent = {name: received(value) for name, value in parameters.items()}
        return self._injector.call(SERVICE, action, functools.partial(self._perform, action, sent))

    def _perform(self, action: str, sent: dict[str, Any]) -> dict[str, Any]:
        try:
            return {**received(self._aurora.scale(action, self._region, sent)), "ResponseMetadata": {}}
        except AwsError as error:
            raise client_error(action, error.code, error.message, error.http_status or 400) from error
        except ReplyLostError as error:
            raise ConnectionClosedError(
                endpoint_url=f"https://{SERVICE}.{self._region}.amazonaws.com/"
            ) from error
        finally:
            if self._on_change and not action.startswith("Describe"):
                self._on_change()


class FakeScalingClients:
    """In the place of `aws.clients.Clients`, for the adapter of Application Auto Scaling."""

    def __init__(self, client: FakeScalingClient) -> None:
        self._client = client

    def application_autoscaling(self, region: str | None = None) -> FakeScalingClient:
        return self._client
