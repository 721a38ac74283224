"""What this source tree would deploy, for a comparison with what is deployed; nothing is uploaded or written."""

from __future__ import annotations

import base64
import hashlib
import json
import tempfile
from pathlib import Path

from aurora_restore.deployment.functions import FUNCTIONS
from aurora_restore.deployment.packaging import PackagingFailed, Project, build_artifacts
from aurora_restore.deployment.template import pipeline_template
from aurora_restore.domain.checks.versions import SourceVersions
from aurora_restore.domain.naming import CLEANUP_STATE_MACHINE, STATE_MACHINE


def definition_files(project: Project) -> dict[str, Path]:
    """The file of each state machine's definition, by the machine's name."""
    return {STATE_MACHINE: project.definition, CLEANUP_STATE_MACHINE: project.cleanup_definition}


def source_versions(project: Project) -> SourceVersions:
    """Build what a deployment would upload, as `scripts/build_lambda_packages.sh` does.

    Raises:
        PackagingFailed: it cannot be built, or a definition in the tree cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="aurora-restore-build-") as directory:
        artifacts = build_artifacts(project, Path(directory))
        digest = hashlib.sha256(artifacts.lambda_package.path.read_bytes()).digest()
    try:
        definitions = {
            name: json.loads(path.read_text(encoding="utf-8"))
            for name, path in definition_files(project).items()
        }
    except (OSError, ValueError) as error:
        raise PackagingFailed(f"A definition in the source tree cannot be read: {error}") from error
    return SourceVersions(
        template=pipeline_template(artifacts.keys),
        package_key=artifacts.lambda_package.key,
        code_sha256=base64.b64encode(digest).decode(),
        functions=tuple(function.full_name for function in FUNCTIONS),
        definitions=definitions,
    )
