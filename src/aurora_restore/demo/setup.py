"""Sets a new local stack up: the pipeline deployed by its own template, and an account with something in it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from aurora_restore.demo.seed_aurora import seed_clusters, seed_network
from aurora_restore.demo.seed_aws import client, seed_source, seed_target, session_for
from aurora_restore.deployment.deployer import deploy
from aurora_restore.deployment.model import STACK_NAME, DeploymentClients
from aurora_restore.deployment.packaging import Project
from local_stack.lifecycle import Progress
from local_stack.stack_info import StackInfo


def set_up(info: StackInfo, on_progress: Progress) -> None:
    """Deploy and seed, side by side: neither needs the other.

    Raises:
        PackagingFailed, DeploymentFailed: the pipeline could not be built or deployed.
        OSError: the stack stopped answering.
    """

    def fill_source() -> None:
        source = seed_source(info)
        seed_network(info, source.network)
        seed_clusters(info, source, datetime.now(UTC).date())

    def fill_target() -> None:
        seed_network(info, seed_target(info))

    on_progress("Filling production with a history, and deploying the pipeline with its own template")
    # The `with` waits for all three, so that a stack is not torn down under a task that still runs.
    with ThreadPoolExecutor(3, thread_name_prefix="set-up") as pool:
        work = [pool.submit(fill_source), pool.submit(fill_target), pool.submit(deploy_pipeline, info)]
    for each in work:
        each.result()


def deploy_pipeline(info: StackInfo) -> None:
    """Build, upload and deploy the pipeline into the stack's own Region."""
    # The stack's own session: the environment of this process may point at another account.
    session = session_for(info)
    clients = DeploymentClients(
        account_id=info.account_id,
        region=info.region,
        cloudformation=client(session, info, "cloudformation"),
        s3=client(session, info, "s3"),
        secretsmanager=client(session, info, "secretsmanager"),
    )
    deploy(clients, Project.find(), stack_name=STACK_NAME)
