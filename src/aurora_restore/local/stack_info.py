"""Where a running local stack answers, and the environment that points programs at it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aurora_restore.local.control import ControlClient


@dataclass(frozen=True)
class StackInfo:
    """A stack that runs. `seconds` is how long `up` took; 0 where it ran already."""

    home: Path
    pid: int
    endpoint_url: str
    rds_endpoint_url: str
    control_url: str
    ca_bundle: Path
    account_id: str
    region: str
    source_region: str
    already_running: bool = False
    seconds: float = 0.0

    @property
    def control(self) -> ControlClient:
        return ControlClient(self.control_url)


def environment_of(info: StackInfo) -> dict[str, str]:
    """The variables for a shell. No real credential is among them: the access key is the account's number."""
    return {
        "AWS_ENDPOINT_URL": info.endpoint_url,
        "AWS_ENDPOINT_URL_RDS": info.rds_endpoint_url,
        "AWS_ACCESS_KEY_ID": info.account_id,
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": info.region,
        "AWS_DEFAULT_REGION": info.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        # The names that the operations guide's commands use.
        "REGION": info.region,
        "ACCOUNT_ID": info.account_id,
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": str(info.ca_bundle),
        "DATABASE_CA_BUNDLE": str(info.ca_bundle),
    }
