"""Where a running local stack answers, and the environment that points programs at it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local_stack.control import ControlClient


@dataclass(frozen=True)
class StackInfo:
    """A stack that runs. `seconds` is how long `up` took; 0 where it ran already.

    `notes`: what the end of the process before broke, or let go on; known to the `up` that started it alone.
    """

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
    notes: tuple[str, ...] = ()

    @property
    def control(self) -> ControlClient:
        return ControlClient(self.control_url)


LOOPBACK = ("127.0.0.1", "localhost")
TO_UNSET = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    # With one of these, programs would not use the endpoint that they are given.
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
)
"""Variables that would lead a program past the stack, to another account or with credentials of one."""

_ENDPOINT_PREFIX = "AWS_ENDPOINT_URL_"
_OWN_ENDPOINTS = frozenset({"AWS_ENDPOINT_URL_RDS", "AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING"})


def names_to_unset(environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The variables that a shell must not have beside those of `environment_of`.

    The fixed ones, and the endpoints of single services that `environment` (None: that of this process) has.
    """
    names = os.environ if environment is None else environment
    endpoints = (name for name in names if name.startswith(_ENDPOINT_PREFIX) and name not in _OWN_ENDPOINTS)
    return (*TO_UNSET, *sorted(endpoints))


def without_proxies(hosts: str) -> str:
    """A value of NO_PROXY with loopback in it, for which no proxy is ever to be asked; `*` is every host already."""
    named = [host.strip() for host in hosts.split(",") if host.strip()]
    return "*" if "*" in named else ",".join([*named, *(host for host in LOOPBACK if host not in named)])


def environment_of(info: StackInfo) -> dict[str, str]:
    """The variables for a shell. No real credential is among them: the access key is the account's number.

    NO_PROXY keeps what this process's environment says. `names_to_unset` has what must not be there beside them.
    """
    upper, lower = os.environ.get("NO_PROXY", ""), os.environ.get("no_proxy", "")
    return {
        "NO_PROXY": without_proxies(upper or lower),
        "no_proxy": without_proxies(lower or upper),
        "AWS_ENDPOINT_URL": info.endpoint_url,
        "AWS_ENDPOINT_URL_RDS": info.rds_endpoint_url,
        "AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING": info.rds_endpoint_url,
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
