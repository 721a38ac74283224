"""The Lambda package: the same bytes each time, pure Python, small, and enough to import every handler."""

from __future__ import annotations

import ast
import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from aurora_restore.deployment import packaging, source_versions
from aurora_restore.deployment.infrastructure import edited_files, write_infrastructure
from aurora_restore.deployment.packaging import (
    Artifacts,
    PackagingFailed,
    Project,
    build_artifacts,
    collect_entries,
    content_hash,
    write_zip,
)
from aurora_restore.deployment.template import stamped_keys
from local_stack.lambda_packages import link_runtime_packages

HANDLERS = (
    "snapshot_check", "copy_snapshot", "restore_cluster", "setup_db_users", "verify_restore", "switch_over",
    "prove_endpoint", "retire_replaced", "archive_snapshot", "notify", "record_failure", "cleanup", "sweep",
)  # fmt: skip
IMPORT_HANDLERS = """
import sys, json
package, runtime, *names = sys.argv[1:]
# The package first, then boto3 alone, as the Lambda runtime has it; nothing else of this machine.
sys.path[:0] = [package]
sys.path.append(runtime)
import aurora_restore.handlers as handlers
from aurora_restore.database import __file__ as database
import pg8000, pymysql, scramp
strangers = sorted(name for name, module in sys.modules.items()
                   if (getattr(module, "__file__", None) or "").startswith(runtime))
print(json.dumps({"handlers": [name for name in names if callable(getattr(handlers, name))],
                  "file": handlers.__file__, "strangers": sorted({name.split(".")[0] for name in strangers})}))
"""
RUNTIME = {"boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3"}


@pytest.fixture(scope="module")
def project() -> Project:
    return Project.find()


@pytest.fixture(scope="module")
def entries(project: Project) -> dict[str, bytes]:
    return collect_entries(project)


@pytest.fixture
def artifacts(project: Project) -> Artifacts:
    return build_artifacts(project)


def copy_of_project(project: Project, directory: Path) -> Project:
    """A tree with the real template and definitions, whose template may be changed."""
    shutil.copytree(project.template.parent, directory / "infrastructure")
    return Project(directory)


def test_two_builds_are_the_same_bytes(entries: dict[str, bytes], tmp_path: Path) -> None:
    first, second = tmp_path / "first.zip", tmp_path / "second place" / "second.zip"

    write_zip(first, entries)
    write_zip(second, dict(reversed(entries.items())))

    assert first.read_bytes() == second.read_bytes()


def test_the_hash_is_about_contents_and_not_about_compression(entries: dict[str, bytes]) -> None:
    changed = {**entries, "aurora_restore/handlers.py": b"# changed"}

    assert content_hash(entries) == content_hash(dict(reversed(entries.items())))
    assert content_hash(changed) != content_hash(entries)


def test_the_key_is_the_hash_of_what_is_inside(artifacts: Artifacts) -> None:
    package = artifacts.lambda_package
    with zipfile.ZipFile(package.path) as archive:
        inside = {name: archive.read(name) for name in archive.namelist()}

    assert package.key == f"lambda/{content_hash(inside)}.zip"


def test_it_is_small(artifacts: Artifacts) -> None:
    assert artifacts.lambda_package.size_bytes < packaging.MAX_PACKAGE_BYTES


def test_it_holds_the_steps_and_nothing_of_the_command_line_or_the_local_stack(
    entries: dict[str, bytes],
) -> None:
    ours = {name for name in entries if name.startswith("aurora_restore/")}

    assert {"aurora_restore/handlers.py", "aurora_restore/database/rds_global_bundle.pem"} <= ours
    assert {name for name in ours if name.startswith(packaging.NOT_IN_LAMBDA)} == set()
    assert {name for name in ours if name.split("/")[1] in ("cli", "demo", "deployment")} == set()
    assert {name for name in entries if name.startswith("local_")} == set()
    assert {name for name in entries if "test" in name.lower().split("/")[0]} == set()


def test_it_holds_every_module_that_a_function_may_import(
    project: Project, entries: dict[str, bytes]
) -> None:
    source = project.package_source
    rooms = ("domain", "steps", "aws", "database")
    modules = {path for room in rooms for path in (source / room).rglob("*.py")}

    names = {path.relative_to(source.parent).as_posix() for path in modules}
    wanted = {name for name in names if not name.startswith(packaging.NOT_IN_LAMBDA)}
    assert wanted
    assert wanted <= set(entries)


def test_nothing_in_it_imports_what_is_left_out(entries: dict[str, bytes]) -> None:
    left_out = tuple(
        path.removesuffix(".py").rstrip("/").replace("/", ".") for path in packaging.NOT_IN_LAMBDA
    )
    for name, content in entries.items():
        if name.startswith("aurora_restore/") and name.endswith(".py"):
            for node in ast.walk(ast.parse(content)):
                imported = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom):
                    imported = [f"{node.module}.{alias.name}" for alias in node.names]
                wrong = [
                    each for each in imported if f"{each}.".startswith(tuple(f"{out}." for out in left_out))
                ]
                assert not wrong, f"{name} imports {wrong}"


def test_it_is_pure_python(entries: dict[str, bytes]) -> None:
    assert {name for name in entries if name.endswith((".so", ".pyd", ".pyc", ".dylib"))} == set()


def test_what_it_carries_of_others_comes_with_their_licences(entries: dict[str, bytes]) -> None:
    licences = {name.split("-")[0] for name in entries if ".dist-info/" in name and "licen" in name.lower()}

    assert {"pg8000", "pymysql", "scramp", "asn1crypto", "python_json_logger"} <= licences


def test_every_handler_can_be_imported_from_it_alone(artifacts: Artifacts, tmp_path: Path) -> None:
    package, runtime = tmp_path / "package", tmp_path / "runtime"
    with zipfile.ZipFile(artifacts.lambda_package.path) as archive:
        archive.extractall(package)
    link_runtime_packages(runtime)

    finished = subprocess.run(
        [sys.executable, "-I", "-S", "-c", IMPORT_HANDLERS, str(package), str(runtime), *HANDLERS],
        capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip

    assert finished.returncode == 0, finished.stderr
    seen = json.loads(finished.stdout)
    assert tuple(seen["handlers"]) == HANDLERS
    assert seen["file"].startswith(str(package))
    assert set(seen["strangers"]) <= RUNTIME


def test_a_native_file_is_refused(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaging, "DISTRIBUTIONS", ("cryptography",))

    with pytest.raises(PackagingFailed, match="pure Python"):
        collect_entries(project)


def test_another_version_than_the_pinned_one_is_refused(project: Project, tmp_path: Path) -> None:
    tree = copy_of_project(project, tmp_path)
    tree.locked_requirements.parent.mkdir()
    tree.locked_requirements.write_text("asn1crypto==0.0.1 \\\n    --hash=sha256:0\n")

    with pytest.raises(PackagingFailed, match=r"asn1crypto .* is installed, and 0\.0\.1 is pinned"):
        collect_entries(tree)


def test_what_is_missing_is_named(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaging, "DISTRIBUTIONS", ("not-installed-anywhere",))

    with pytest.raises(PackagingFailed, match="not-installed-anywhere is not installed"):
        collect_entries(project)


def test_each_definition_lies_under_the_hash_of_its_own_text(project: Project, artifacts: Artifacts) -> None:
    sources = {"Definition": project.definition, "Cleanup": project.cleanup_definition}
    built = {artifact.name: artifact for artifact in artifacts.all if artifact.name in sources}

    assert {name: built[name].path.read_bytes() for name in sources} == {
        name: source.read_bytes() for name, source in sources.items()
    }
    for artifact in built.values():
        assert artifact.key == f"definitions/{artifact.content_hash}.json"
        assert hashlib.sha256(artifact.path.read_bytes()).hexdigest().startswith(artifact.content_hash)
    assert len({artifact.key for artifact in artifacts.all}) == 5


def test_each_nested_template_lies_under_the_hash_of_its_text(project: Project, artifacts: Artifacts) -> None:
    for nested, source in (
        (artifacts.permissions_template, project.permissions_template),
        (artifacts.monitoring_template, project.monitoring_template),
    ):
        assert nested.path.read_bytes() == source.read_bytes()
        assert nested.key == f"templates/{nested.content_hash}.yaml"


def test_what_is_deployed_is_written_once(project: Project, artifacts: Artifacts, tmp_path: Path) -> None:
    tree = copy_of_project(project, tmp_path)
    stale = tree.template.read_text().replace(artifacts.lambda_package.key, "lambda/of-yesterday.zip")
    tree.template.write_text(stale)

    assert write_infrastructure(tree, artifacts) == (tree.template,)
    assert stamped_keys(tree.template.read_text()) == artifacts.keys
    assert write_infrastructure(tree, artifacts) == ()


def test_every_file_is_made_from_the_source_alone(
    project: Project, artifacts: Artifacts, tmp_path: Path
) -> None:
    tree = Project(tmp_path)
    files = {path.name for path in project.template.parent.iterdir()}

    written = write_infrastructure(tree, artifacts)

    assert {path.name for path in written} == files
    for path in written:
        assert path.read_bytes() == (project.template.parent / path.name).read_bytes()


@pytest.mark.parametrize(
    "name",
    [
        "aurora-restore-pipeline.yaml",
        "permissions.yaml",
        "monitoring.yaml",
        "step_functions_definition.json",
        "cleanup_definition.json",
    ],
)
def test_a_file_that_was_changed_by_hand_is_named_and_older_keys_are_not(
    project: Project, artifacts: Artifacts, tmp_path: Path, name: str
) -> None:
    tree = copy_of_project(project, tmp_path)
    tree.template.write_text(
        tree.template.read_text().replace(artifacts.lambda_package.key, "lambda/old.zip")
    )
    assert edited_files(tree, artifacts) == ()

    changed = tree.template.parent / name
    changed.write_text(changed.read_text().replace("aurora-restore-cleanup", "aurora-restore-tidy", 1) + "\n")

    assert edited_files(tree, artifacts) == (changed,)


def test_it_can_be_built_outside_of_the_tree(project: Project, tmp_path: Path) -> None:
    artifacts = build_artifacts(project, tmp_path)

    assert all(artifact.path.is_relative_to(tmp_path) for artifact in artifacts.all)
    assert [artifact.key for artifact in artifacts.all] == [a.key for a in build_artifacts(project).all]


def test_building_anew_changes_the_keys_and_nothing_else(
    project: Project, artifacts: Artifacts, tmp_path: Path
) -> None:
    tree = copy_of_project(project, tmp_path)
    before = tree.template.read_text()
    for number, key in enumerate(stamped_keys(before).values()):
        tree.template.write_text(tree.template.read_text().replace(key, f"of-yesterday/{number}"))

    write_infrastructure(tree, artifacts)

    assert without_keys(tree.template.read_text()) == without_keys(before)
    assert stamped_keys(tree.template.read_text()) == artifacts.keys


def without_keys(template: str) -> str:
    for key in stamped_keys(template).values():
        template = template.replace(key, "")
    return template


def test_the_versions_of_the_source_tree_are_those_that_a_deployment_uploads(
    project: Project, artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = source_versions.source_versions(project)

    assert made.package_key == artifacts.lambda_package.key
    digest = hashlib.sha256(artifacts.lambda_package.path.read_bytes()).digest()
    assert made.code_sha256 == base64.b64encode(digest).decode()
    assert made.template == project.template.read_text()
    assert made.definitions == {
        name: json.loads(path.read_text()) for name, path in source_versions.definition_files(project).items()
    }

    (tmp_path / "broken.json").write_text("{")
    monkeypatch.setattr(source_versions, "definition_files", lambda _: {"x": tmp_path / "broken.json"})
    with pytest.raises(packaging.PackagingFailed):
        source_versions.source_versions(project)
