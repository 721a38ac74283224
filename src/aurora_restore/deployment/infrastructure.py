"""The files in `infrastructure/`, which the build writes: two definitions, and the templates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aurora_restore.deployment.access import access_template
from aurora_restore.deployment.packaging import Artifacts, Project, write_at_once
from aurora_restore.deployment.template import pipeline_template, stamped_keys


def write_infrastructure(project: Project, artifacts: Artifacts) -> tuple[Path, ...]:
    """Write what differs from what this source tree makes; which files that were."""
    changed = tuple(path for path, text in _texts(project, artifacts).items() if not _holds(path, text))
    for path in changed:
        write_at_once(path, _texts(project, artifacts)[path].encode())
    return changed


def edited_files(project: Project, artifacts: Artifacts) -> tuple[Path, ...]:
    """The files that say something else than the source tree; the keys of the artifacts may be older."""
    texts = dict(_texts(project, artifacts))
    # The keys of the tree's own template: code that changed since the last build is not a change by hand.
    if project.template.is_file():
        texts[project.template] = pipeline_template(
            stamped_keys(project.template.read_text(encoding="utf-8"))
        )
    return tuple(path for path, text in texts.items() if not _holds(path, text))


def _texts(project: Project, artifacts: Artifacts) -> Mapping[Path, str]:
    built = {
        project.definition: artifacts.definition,
        project.cleanup_definition: artifacts.cleanup_definition,
        project.permissions_template: artifacts.permissions_template,
        project.monitoring_template: artifacts.monitoring_template,
    }
    return {
        **{path: artifact.path.read_text(encoding="utf-8") for path, artifact in built.items()},
        project.template: pipeline_template(artifacts.keys),
        project.access_template: access_template(),
    }


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text
