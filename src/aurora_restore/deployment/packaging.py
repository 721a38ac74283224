"""Builds what a deployment needs from this source tree: the Lambda package, the state machines' definitions and the
nested templates.

All are stored in the artifacts bucket under the hash of their content, and the template's `Artifacts` mapping names
them. So a change of the code changes the template, which is how CloudFormation learns that there is new code:
it compares the key of an object, never the object.

The package is built from the installed, pinned distributions without a network, and is the same bytes in every
build with one zlib. The hash is taken over paths and uncompressed contents, so that another zlib gives the
same key.
"""

from __future__ import annotations

import hashlib
import io
import re
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path, PurePosixPath

from aurora_restore.deployment.definitions import cleanup_definition, restore_definition
from aurora_restore.deployment.monitoring import monitoring_template
from aurora_restore.deployment.permissions import permissions_template
from aurora_restore.deployment.rendering import json_text
from aurora_restore.domain.errors import RestoreError

MAX_PACKAGE_BYTES = 1_000_000
# The earliest time that a zip entry can carry.
ENTRY_TIME = (1980, 1, 1, 0, 0, 0)
HASH_DIGITS = 32

# What the functions import. The Lambda runtime has boto3, and with it dateutil, jmespath and six: a second copy would
# come before its own and be compiled at every cold start.
DISTRIBUTIONS = (
    "asn1crypto",
    "pg8000",
    "pymysql",
    "python-json-logger",
    "scramp",
)

# What runs on an operator's machine only, and needs libraries that the package does not have.
NOT_IN_LAMBDA = (
    "aurora_restore/__main__.py",
    "aurora_restore/aws/bundle_sources.py",
    "aurora_restore/aws/deployed.py",
    "aurora_restore/aws/stack_contents.py",
    "aurora_restore/aws/stored_objects.py",
    "aurora_restore/aws/table_exports.py",
    "aurora_restore/aws/table_items.py",
    "aurora_restore/aws/volume_sizes.py",
    "aurora_restore/aws/watched.py",
    "aurora_restore/cli/",
    "aurora_restore/demo/",
    "aurora_restore/deployment/",
    "aurora_restore/domain/archiving.py",
    "aurora_restore/domain/backup.py",
    "aurora_restore/domain/backup_errors.py",
    "aurora_restore/domain/checks/",
    "aurora_restore/domain/costs.py",
    "aurora_restore/domain/diagnosing.py",
    "aurora_restore/domain/kept_operations.py",
    "aurora_restore/domain/prices.py",
    "aurora_restore/domain/recovery.py",
)

_CODE_SUFFIXES = frozenset({".py", ".pem", ".typed"})
_NATIVE_SUFFIXES = frozenset({".so", ".pyd", ".dylib"})


class PackagingFailed(RestoreError):
    """The package cannot be built or uploaded from what is installed and configured here."""

    code = "PACKAGING_FAILED"
    default_hint = "Install the pinned requirements again with `make setup`, and build again."


@dataclass(frozen=True)
class Project:
    """A source tree of this project."""

    root: Path

    @classmethod
    def find(cls) -> Project:
        """The tree that this code runs from. Raises PackagingFailed where it was installed without one."""
        root = Path(__file__).resolve().parents[3]
        project = cls(root)
        if not project.template.is_file():
            raise PackagingFailed(
                f"{root} is not the project's source tree: it has no {project.template.relative_to(root)}.",
                "Run from a clone of the project, installed with `make setup`.",
            )
        return project

    @property
    def template(self) -> Path:
        return self.root / "infrastructure" / "aurora-restore-pipeline.yaml"

    @property
    def definition(self) -> Path:
        return self.root / "infrastructure" / "step_functions_definition.json"

    @property
    def cleanup_definition(self) -> Path:
        return self.root / "infrastructure" / "cleanup_definition.json"

    @property
    def permissions_template(self) -> Path:
        """The stack of the functions' roles, nested in the template."""
        return self.root / "infrastructure" / "permissions.yaml"

    @property
    def access_template(self) -> Path:
        """The policies for people: a stack of its own."""
        return self.root / "infrastructure" / "access.yaml"

    @property
    def monitoring_template(self) -> Path:
        """The stack of alarms and dashboard, nested in the template."""
        return self.root / "infrastructure" / "monitoring.yaml"

    @property
    def build_dir(self) -> Path:
        return self.root / "build"

    @property
    def package_source(self) -> Path:
        return self.root / "src" / "aurora_restore"

    @property
    def locked_requirements(self) -> Path:
        return self.root / "requirements" / "app.txt"


@dataclass(frozen=True)
class Artifact:
    """A built file and the key that it has in the artifacts bucket."""

    name: str
    path: Path
    key: str
    content_hash: str
    size_bytes: int


@dataclass(frozen=True)
class Artifacts:
    """All that a deployment uploads."""

    lambda_package: Artifact
    definition: Artifact
    cleanup_definition: Artifact
    permissions_template: Artifact
    monitoring_template: Artifact

    @property
    def all(self) -> tuple[Artifact, ...]:
        return (
            self.lambda_package,
            self.definition,
            self.cleanup_definition,
            self.permissions_template,
            self.monitoring_template,
        )

    @property
    def keys(self) -> dict[str, str]:
        """The keys by their entries in the template's mapping."""
        return {artifact.name: artifact.key for artifact in self.all}


def build_artifacts(project: Project, into: Path | None = None) -> Artifacts:
    """Build all artifacts into a directory; the project's own `build` where none is given.

    Raises:
        PackagingFailed: something is missing, of another version than pinned, native code, or too large.
    """
    directory = into or project.build_dir
    entries = collect_entries(project)
    package_hash = content_hash(entries)
    package = directory / "lambda" / f"{package_hash}.zip"
    write_zip(package, entries)
    # Far below Lambda's own limit: every cold start loads it, so that its growth has to be noticed.
    size = package.stat().st_size
    if size > MAX_PACKAGE_BYTES:
        raise PackagingFailed(
            f"The Lambda package has {size:,} bytes; at most {MAX_PACKAGE_BYTES:,} are possible.",
            "Look at what it holds with `python -m zipfile -l`, and leave out what no function imports.",
        )
    return Artifacts(
        _artifact("Lambda", package, f"lambda/{package_hash}.zip", package_hash),
        _written("Definition", json_text(restore_definition()), "definitions", ".json", directory),
        _written("Cleanup", json_text(cleanup_definition()), "definitions", ".json", directory),
        _written("Permissions", permissions_template(), "templates", ".yaml", directory),
        _written("Monitoring", monitoring_template(), "templates", ".yaml", directory),
    )


def _written(name: str, text: str, folder: str, suffix: str, directory: Path) -> Artifact:
    """A file under the hash of its bytes."""
    content = text.encode()
    digest = hashlib.sha256(content).hexdigest()[:HASH_DIGITS]
    key = f"{folder}/{digest}{suffix}"
    write_at_once(directory / key, content)
    return _artifact(name, directory / key, key, digest)


def collect_entries(project: Project) -> dict[str, bytes]:
    """Every file of the Lambda package by its path in the zip, in order."""
    entries: dict[str, bytes] = {}
    for path in project.package_source.rglob("*"):
        own = path.relative_to(project.package_source.parent).as_posix()
        if path.suffix in _CODE_SUFFIXES and not own.startswith(NOT_IN_LAMBDA):
            entries[own] = path.read_bytes()
    pinned = read_pinned_versions(project.locked_requirements)
    for name in DISTRIBUTIONS:
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError as error:
            raise PackagingFailed(f"{name} is not installed, and the functions need it.") from error
        expected = pinned.get(_normalized(name))
        # Another version would make another package from the same source, and was never tested.
        if distribution.version != expected:
            raise PackagingFailed(
                f"{name} {distribution.version} is installed, and {expected or 'no version'} is pinned in "
                "requirements/app.txt."
            )
        for file in distribution.files or ():
            if _belongs_in_package(file.as_posix()):
                entries[file.as_posix()] = Path(str(file.locate())).read_bytes()
    native = sorted(path for path in entries if PurePosixPath(path).suffix in _NATIVE_SUFFIXES)
    if native:
        raise PackagingFailed(
            f"The package is to be pure Python, and these files are not: {', '.join(native)}.",
            "Lambda runs on arm64: choose a release of the distribution that has a pure Python wheel.",
        )
    return dict(sorted(entries.items()))


def content_hash(entries: Mapping[str, bytes]) -> str:
    """A hash of paths and contents, whatever the compression."""
    digest = hashlib.sha256()
    for path, content in sorted(entries.items()):
        digest.update(f"{path}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return digest.hexdigest()[:HASH_DIGITS]


def write_zip(path: Path, entries: Mapping[str, bytes]) -> None:
    """Write a zip whose bytes depend on the entries alone: sorted, one time, one mode."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in sorted(entries.items()):
            info = zipfile.ZipInfo(name, ENTRY_TIME)
            # Unix, on whichever system it is built: the mode counts only then.
            info.create_system = 3
            info.external_attr = 0o100644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data, compresslevel=9)
    write_at_once(path, content.getvalue())


def read_pinned_versions(requirements: Path) -> dict[str, str]:
    """The versions that a locked requirements file pins, by normalized name."""
    pins = re.findall(r"(?m)^([A-Za-z0-9._-]+)==([^\s;\\]+)", requirements.read_text(encoding="utf-8"))
    return {_normalized(name): version for name, version in pins}


def _belongs_in_package(path: str) -> bool:
    """Code with its data, and of the metadata what says name, version and licence: pg8000 asks for its version."""
    if path.startswith(("..", "/")) or "__pycache__" in path or path.endswith((".pyi", "py.typed")):
        return False
    is_code = ".dist-info/" not in path
    return is_code or path.endswith("/METADATA") or "licen" in path.rpartition(".dist-info/")[2].lower()


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def write_at_once(path: Path, content: bytes) -> None:
    """Write so that no reader ever sees half of it: builds may run at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # A temporary file is readable by its owner alone; others read the tree, too.
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as unfinished:
        unfinished.write(content)
    Path(unfinished.name).chmod(mode)
    Path(unfinished.name).replace(path)


def _artifact(name: str, path: Path, key: str, digest: str) -> Artifact:
    return Artifact(name, path, key, digest, path.stat().st_size)
