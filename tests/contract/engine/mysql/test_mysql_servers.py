"""Where the server comes from, and that MySQL and MariaDB run as they are found."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support import mysql

from local_aurora.engines.errors import EngineError
from local_aurora.engines.mysql.admin import connection, rows
from local_aurora.engines.mysql.engine import MysqlEngine
from local_aurora.engines.mysql.fetch import fetch, put_in_place
from local_aurora.engines.mysql.install import VARIABLE, Installation, Kind, at_hand, unpacked, write_note
from local_aurora.engines.mysql.running import running_server

from .conftest import MASTER, had

pytestmark = pytest.mark.file_one_day_in(7, 3)

NO_PATH = {"PATH": "/nowhere"}


def program_saying(directory: Path, words: str, name: str = "mysqld") -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    program = directory / name
    program.write_text(f"#!/bin/sh\necho '{words}'\n")
    program.chmod(0o755)
    return program


def test_the_named_program_comes_before_the_one_of_the_path(tmp_path: Path) -> None:
    named = program_saying(tmp_path / "named", "mysqld  Ver 8.4.7 for Linux on x86_64")
    program_saying(tmp_path / "path", "mysqld  Ver 8.0.39-0ubuntu for Linux on x86_64")
    path = {"PATH": f"{tmp_path / 'path'}{os.pathsep}/bin"}
    found = at_hand(folder=tmp_path, environment={**path, VARIABLE: str(named)})
    assert found == Installation(Kind.MYSQL, "8.4.7", str(named))
    found = at_hand(folder=tmp_path, environment=path)
    assert found is not None
    assert found.version == "8.0.39"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("mysqld  Ver 5.7.44 for Linux on x86_64", "8.0 and newer"),
        ("mysqld  Ver 10.11.18-MariaDB for debian-linux-gnu", "is MariaDB 10.11.18"),
        ("hello", "says no version"),
    ],
)
def test_a_named_program_that_will_not_do_is_refused_and_one_of_the_path_passed_over(
    tmp_path: Path, words: str, reason: str
) -> None:
    program = program_saying(tmp_path / "path", words)
    with pytest.raises(EngineError, match=f"{reason}.*Mend {VARIABLE}"):
        at_hand(folder=tmp_path, environment={**NO_PATH, VARIABLE: str(program)})
    assert at_hand(folder=tmp_path, environment={"PATH": f"{program.parent}{os.pathsep}/bin"}) is None


def test_a_program_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=f"cannot be run.*Mend {VARIABLE}"):
        at_hand(folder=tmp_path, environment={**NO_PATH, VARIABLE: str(tmp_path / "mysqld")})


def test_a_folder_whose_server_was_never_seen_to_work_holds_none(tmp_path: Path) -> None:
    (tmp_path / "mysql" / "usr" / "sbin").mkdir(parents=True)
    assert unpacked(Kind.MYSQL, tmp_path / "mysql") is None
    assert at_hand(folder=tmp_path, environment=NO_PATH) is None


def test_a_machine_without_apt_is_shown_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(EngineError, match=rf"(?s)no apt-get\. Install MySQL 8\.0 or newer.*{VARIABLE}"):
        fetch(Kind.MYSQL, tmp_path)


# A package manager whose server says its version, and does not start.
_APT = """
case "$*" in
  *indextargets*) . /etc/os-release; echo "file:/mirror/|$VERSION_CODENAME|main" ;;
  *update*) ;;
  *search*) echo "mysql-server-core - a server" ;;
  *simulate*) echo "Inst mysql-server-core (9.9.9)" ;;
  *download*) touch server.deb ;;
esac
"""
_UNPACK = """
mkdir -p "$3/usr/sbin" "$3/usr/lib/x86_64-linux-gnu" "$3/usr/lib/mysql/plugin"
touch "$3/usr/sbin/mysqld" "$3/usr/lib/x86_64-linux-gnu/libc.so.6" "$3/usr/lib/mysql/plugin/mysql_clone.so"
loader="$3/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"
printf '#!/bin/sh\\ncase "$*" in *--version) echo "mysqld  Ver 9.9.9 for Linux";; *) exit 1;; esac\\n' > "$loader"
chmod 755 "$loader"
"""


@pytest.mark.parametrize("apt", [_APT, "echo 'E: no mirror answers' >&2; exit 100"])
def test_what_cannot_be_fetched_or_does_not_start_leaves_the_server_that_worked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, apt: str
) -> None:
    for name, script in (("apt-get", apt), ("apt-cache", apt), ("dpkg-deb", _UNPACK)):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{script}")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}/usr/bin:/bin")
    folder = tmp_path / "folder"
    former = Installation(
        Kind.MYSQL, "8.4.7", "usr/sbin/mysqld", folder / "mysql", "usr/lib/loader", ("usr/lib",)
    )
    (folder / "mysql").mkdir(parents=True)
    write_note(folder / "mysql", former)
    with pytest.raises(EngineError, match=rf"(?s)(no mirror answers|ended with status).*{VARIABLE}"):
        fetch(Kind.MYSQL, folder)
    assert unpacked(Kind.MYSQL, folder / "mysql") == former
    assert [path.name for path in folder.iterdir()] == ["mysql"]


def test_a_fetched_server_that_cannot_be_put_in_place_leaves_the_one_that_was_there(tmp_path: Path) -> None:
    home, work = tmp_path / "mysql", tmp_path / "work"
    former = Installation(Kind.MYSQL, "8.4.7", "usr/sbin/mysqld", home)
    home.mkdir()
    write_note(home, former)
    work.mkdir()
    with pytest.raises(EngineError, match="cannot be made"):
        put_in_place(Kind.MYSQL, work / "not there", home)
    assert unpacked(Kind.MYSQL, home) == former

    newer = Installation(Kind.MYSQL, "9.9.9", "usr/sbin/mysqld", home)
    (work / "fetched").mkdir()
    write_note(work / "fetched", newer)
    put_in_place(Kind.MYSQL, work / "fetched", home)
    assert unpacked(Kind.MYSQL, home) == newer


def test_without_a_server_everything_but_a_new_cluster_works(tmp_path: Path) -> None:
    def none() -> Installation:
        raise EngineError("none is here")

    engine = MysqlEngine(tmp_path, find=none)
    try:
        assert engine.cluster_ids() == ()
        engine.delete_cluster("never-there")
        with pytest.raises(EngineError, match="none is here"):
            engine.create_cluster("shop", MASTER, "shop")
        assert engine.cluster_ids() == ()
    finally:
        engine.close()


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """One that every user can pass through."""
    directory = Path(tempfile.mkdtemp(prefix="aurora-restore-test-", dir="/var/tmp"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


def test_a_server_of_the_system_serves_where_its_user_can_get(
    open_directory: Path, installation: Installation
) -> None:
    if installation.root is None:
        pytest.skip("the server at hand is the system's, and all other tests are this one")
    program = open_directory / "mysqld"
    folder, libraries = installation.root, installation.libraries
    started = [
        f"{folder}/{installation.loader}",
        "--library-path",
        ":".join(f"{folder}/{each}" for each in libraries),
        f"{folder}/{installation.program}",
    ]
    options = [f"--basedir={folder}/usr", f"--plugin-dir={folder}/usr/lib/mysql/plugin"]
    program.write_text(
        f'#!/bin/sh\nfirst=$1; shift\nexec {shlex.join(started)} "$first" {shlex.join(options)} "$@"\n'
    )
    program.chmod(0o755)
    named = at_hand(environment={**NO_PATH, VARIABLE: str(program)})
    assert named is not None
    engine = MysqlEngine(open_directory, find=lambda: named)
    try:
        engine.create_cluster("shop", MASTER, "shop")
        address = engine.start_cluster("shop", None)
        engine.take_snapshot("shop", "snapshot")
        with connection(address, MASTER, "shop", engine.ca_bundle_path) as session:
            assert rows(session, "SELECT 1") == [(1,)]
    finally:
        engine.close()
    if os.geteuid() == 0:
        open_directory.chmod(0o700)
        engine = MysqlEngine(open_directory, find=lambda: named)
        try:
            with pytest.raises(EngineError, match="`nobody`, who cannot reach"):
                engine.start_cluster("shop", None)
        finally:
            engine.close()


@pytest.mark.parametrize("kind", list(Kind))
def test_a_server_by_itself_runs_on_new_data_with_a_verified_connection(
    roomy_directory: Path, record_property: Any, kind: Kind
) -> None:
    installation = had(kind, record_property)
    directory = roomy_directory / f"by itself {kind}"
    directory.mkdir(mode=0o700)
    with (
        running_server(installation, directory, {"wait-timeout": "99"}, ["own.rds.localhost"]) as server,
        connection(server.address, server.administrator, None, server.ca_bundle) as session,
    ):
        [(version, wait)] = rows(session, "SELECT version(), @@global.wait_timeout")
        assert version.startswith(installation.version)
        assert wait == 99
        users = {name for (name,) in rows(session, "SELECT user FROM mysql.user")}
        assert "root" not in users
    with (
        pytest.raises(OSError, match="refused"),
        connection(server.address, server.administrator, None, server.ca_bundle),
    ):
        pass


def test_mariadb_has_the_plugin_that_mysql_has_not_any_more(
    roomy_directory: Path, record_property: Any
) -> None:
    installation = had(Kind.MARIADB, record_property)
    directory = roomy_directory / "native passwords"
    directory.mkdir()
    verifier = "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"  # of the word `password`
    with (
        running_server(installation, directory) as server,
        connection(server.address, server.administrator, None, server.ca_bundle) as session,
    ):
        rows(session, f"CREATE USER old IDENTIFIED WITH mysql_native_password AS '{verifier}'")
        assert rows(session, "SELECT plugin FROM mysql.user WHERE user = 'old'") == [
            ("mysql_native_password",)
        ]


def test_ci_meets_at_least_one_server_that_speaks_mysqls_protocol() -> None:
    reasons = [found for kind in Kind if isinstance(found := mysql.found(kind), str)]
    if len(reasons) == len(Kind):
        assert not os.environ.get("CI"), " ".join(reasons)
        pytest.skip("neither MySQL nor MariaDB can be had here")
