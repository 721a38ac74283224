"""Sets a new local stack up: the pipeline deployed by its own template, and an account with something in it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial

from aurora_restore.cli.errors import PartMissing
from aurora_restore.demo.seed_aurora import seed_network, seed_shops
from aurora_restore.demo.seed_aws import (
    client,
    find_source,
    has_secrets_of,
    seed_source,
    seed_target,
    session_for,
)
from aurora_restore.demo.shops import shop_of
from aurora_restore.deployment.deployer import deploy
from aurora_restore.deployment.model import STACK_NAME, DeploymentClients
from aurora_restore.deployment.packaging import Project
from aurora_restore.domain.engines import MYSQL, POSTGRESQL
from local_aurora.engines.errors import EngineError
from local_aurora.engines.mysql.fetch import find_or_fetch
from local_aurora.engines.mysql.install import HINT, at_hand
from local_stack.lifecycle import Progress, SetUp
from local_stack.stack_info import StackInfo


def set_up_with(engines: Sequence[str]) -> SetUp:
    """A set-up with a production cluster of each engine."""
    return partial(set_up, engines=engines)


def find_servers(engines: Sequence[str], on_progress: Progress) -> None:
    """See that there is a server for each engine before anything is begun. PostgreSQL's is a package.

    Raises:
        PartMissing: there is no MySQL server, and none can be fetched.
    """
    if MYSQL not in engines:
        return
    try:
        if at_hand() is None:
            on_progress("Fetching a MySQL server with this machine's apt, once")
            find_or_fetch()
    except EngineError as error:
        raise PartMissing(str(error), HINT) from error


def add_missing(info: StackInfo, on_progress: Progress, engines: Sequence[str]) -> None:
    """Make production of the engines that a running stack was set up without.

    Raises:
        ControlRefused: it cannot be made; the text says why.
    """
    shops = [shop for shop in map(shop_of, engines) if not has_secrets_of(info, shop)]
    if shops:
        on_progress(f"Filling {' and '.join(shop.cluster for shop in shops)} with a history")
        seed_shops(info, find_source(info), shops, datetime.now(UTC).date())


def set_up(info: StackInfo, on_progress: Progress, engines: Sequence[str] = (POSTGRESQL,)) -> None:
    """Deploy and seed, side by side: neither needs the other.

    Raises:
        PackagingFailed, DeploymentFailed: the pipeline could not be built or deployed.
        OSError: the stack stopped answering.
    """
    on_progress("Filling production with a history, and deploying the pipeline with its own template")
    shops = [shop_of(engine) for engine in engines]

    def fill_source() -> None:
        source = seed_source(info)
        seed_network(info, source.network)
        seed_shops(info, source, shops, datetime.now(UTC).date())

    def fill_target() -> None:
        seed_network(info, seed_target(info))

    # The `with` waits for all three, so that a stack is not torn down under a task that still runs.
    with ThreadPoolExecutor(3, thread_name_prefix="set-up") as pool:
        work = [pool.submit(fill_source), pool.submit(fill_target), pool.submit(deploy_pipeline, info)]
    for each in work:
        each.result()


def deploy_pipeline(info: StackInfo) -> None:
    """Build, upload and deploy the pipeline into the stack's own Region."""
    session = session_for(info)
    clients = DeploymentClients(
        account_id=info.account_id,
        region=info.region,
        cloudformation=client(session, info, "cloudformation"),
        s3=client(session, info, "s3"),
        secretsmanager=client(session, info, "secretsmanager"),
    )
    deploy(clients, Project.find(), stack_name=STACK_NAME)
