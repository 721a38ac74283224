"""The probe: do the functions that talk to databases reach the AWS APIs? Asked before anything is begun.

They may lie in a VPC from which no way leads out. Then none of their requests is answered, and what they would say
about it cannot be written down: it is raised, for Lambda hands on an error whatever the VPC is like.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from aurora_restore.domain.errors import AwsUnavailable, NetworkUnreachable, RestoreError
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.results import StepResult, done
from aurora_restore.steps.ports import Ports

T = TypeVar("T")


def probe_network(ports: Ports, operation_id: str) -> StepResult:
    """Ask each API that these functions need once. Raises NetworkUnreachable, and what else the requests raise."""
    record = _reach("DynamoDB", lambda: ports.records.load(operation_id))
    operation = Operation(record or {})
    target = operation.target_cluster_id or f"{ports.settings.target_cluster_prefix}{operation_id}"
    looks: Mapping[str, Callable[[], object]] = {
        "RDS": lambda: ports.target_rds.find_cluster(target),
        "Secrets Manager": lambda: _see_secret(ports),
    }
    for service, look in looks.items():
        _reach(service, look)
    return done("the functions that talk to databases reach the AWS APIs")


def _reach(service: str, look: Callable[[], T]) -> T:
    try:
        return look()
    except AwsUnavailable as error:
        if not error.is_silent:
            raise
        raise NetworkUnreachable(
            f"The functions that talk to databases get no answer from {service}: {error.message}"
        ) from error


def _see_secret(ports: Ports) -> None:
    """Any answer will do: problems of the secret itself are for the preflight to report."""
    try:
        ports.secrets.read_credentials(ports.settings.admin_secret_id)
    except AwsUnavailable:
        raise
    except RestoreError:
        return
