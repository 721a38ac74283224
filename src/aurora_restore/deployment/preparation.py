"""What comes before a change set: the artifacts built and uploaded, and the template that names them.

Nothing is written into the source tree: the template is made with the keys of the artifacts on its way to
CloudFormation. The files in the tree are the build's (scripts/build_lambda_packages.sh) to change.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from aurora_restore.deployment.infrastructure import edited_files
from aurora_restore.deployment.model import STACK_NAME, DeploymentClients, DeploymentRequest
from aurora_restore.deployment.packaging import PackagingFailed, Project, build_artifacts
from aurora_restore.deployment.template import pipeline_template
from aurora_restore.deployment.upload import Published, default_bucket, publish_artifacts


@dataclass(frozen=True)
class Prepared:
    """What is in the bucket, and the request that names it."""

    request: DeploymentRequest
    published: tuple[Published, ...]


def prepare(
    clients: DeploymentClients,
    project: Project,
    stack_name: str = STACK_NAME,
    parameters: Mapping[str, str] | None = None,
    on_step: Callable[[str], None] = lambda _: None,
) -> Prepared:
    """Build and upload what this source tree deploys, and make the request for it. The tree may be read-only.

    Raises:
        PackagingFailed: it cannot be built or uploaded, or a file of `infrastructure/` was
            changed by hand, or not built since the source was changed.
    """
    given = dict(parameters or {})
    bucket = given.get("ArtifactsBucket") or default_bucket(clients.account_id, clients.region)
    with tempfile.TemporaryDirectory(prefix="aurora-restore-build-") as directory:
        on_step("Building the Lambda package")
        artifacts = build_artifacts(project, Path(directory))
        # What is deployed is made from the source: a file that differs would not say what runs.
        edited = [str(path.relative_to(project.root)) for path in edited_files(project, artifacts)]
        if edited:
            raise PackagingFailed(
                f"Not what the source in src/aurora_restore/deployment makes: {', '.join(edited)}.",
                "Run `make build`, which writes these files from the source; an edit of them is lost.",
            )
        on_step(f"Uploading to {bucket}")
        published = publish_artifacts(clients.s3, artifacts, bucket, clients.region)
    return Prepared(DeploymentRequest(pipeline_template(artifacts.keys), stack_name, given), published)
