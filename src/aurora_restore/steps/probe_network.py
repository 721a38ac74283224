"""The probe: do the functions that talk to databases reach the AWS APIs? Asked before anything is begun.

They may lie in a VPC from which no way leads out. Then none of their requests is answered, and what they would say
about it cannot be written down: it is raised, for Lambda hands on an error whatever the VPC is like.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from aurora_restore.domain.errors import AwsUnavailable, NetworkUnreachable, RestoreError
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.results import StepResult, done
from aurora_restore.steps.ports import Ports

T = TypeVar("T")


def probe_network(ports: Ports, operation_id: str) -> StepResult:
    """Ask each API that these functions need once. Raises NetworkUnreachable, and what else the requests raise."""
    record = _reach("DynamoDB", lambda: ports.records.load(operation_id))
    target = Operation(record or {}).target_cluster_id
    name = target or f"{ports.settings.target_cluster_prefix}{operation_id}"
    _reach("RDS", lambda: ports.target_rds.find_cluster(name))
    try:
        _reach("Secrets Manager", lambda: ports.secrets.read_credentials(ports.settings.admin_secret_id))
    except (AwsUnavailable, NetworkUnreachable):
        raise
    except RestoreError:
        # Any answer will do: problems of the secret itself are for the preflight to report.
        pass
    return done("the functions that talk to databases reach the AWS APIs")


def _reach(service: str, look: Callable[[], T]) -> T:
    try:
        return look()
    except AwsUnavailable as error:
        # An answer, however bad, has come through the network: only silence says that no way leads out.
        if not error.is_silent:
            raise
        raise NetworkUnreachable(
            f"The functions that talk to databases get no answer from {service}: {error.message}"
        ) from error
