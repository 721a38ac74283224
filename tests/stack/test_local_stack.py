"""The life of the local stack: up, status, environment, down, and what becomes of it when something goes wrong."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.stack.polling import poll_until

from aurora_restore.demo import seed_aws
from local_aurora.endpoints import address_of
from local_stack import lifecycle, processes
from local_stack.control import ControlRefused
from local_stack.durations import parse_durations
from local_stack.errors import (
    LocalStackBusy,
    LocalStackNotRunning,
    LocalStackOnAnotherPort,
    LocalStackStartFailed,
    PortInUse,
)
from local_stack.lifecycle import UpOptions
from local_stack.stack_info import StackInfo
from local_stack.state_directory import StateDirectory

AT_ONCE = {"create": 0.0, "instance": 0.0}
BUCKET = "kept-between-up-and-down"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A directory with a space in its name; whatever runs on it is ended."""
    directory = tmp_path / "a stack"
    yield directory
    if directory.exists():
        lifecycle.down(directory)


def buckets(info: StackInfo) -> list[str]:
    found = seed_aws.client(seed_aws.session_for(info), info, "s3").list_buckets()["Buckets"]
    return [bucket["Name"] for bucket in found]


def make_bucket(info: StackInfo) -> None:
    seed_aws.client(seed_aws.session_for(info), info, "s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": info.region}
    )


def make_database(info: StackInfo) -> None:
    """A cluster with a real server behind it."""
    rds = seed_aws.client(seed_aws.session_for(info), info, "rds")
    common = {"DBClusterIdentifier": "some-database", "Engine": "aurora-postgresql"}
    rds.create_db_cluster(**common, MasterUsername="postgres", MasterUserPassword=seed_aws.new_password())
    rds.create_db_instance(**common, DBInstanceIdentifier="some-instance", DBInstanceClass="db.r5.large")

    def serves() -> bool:
        seen = rds.describe_db_instances(DBInstanceIdentifier="some-instance")["DBInstances"][0]
        return bool(seen["DBInstanceStatus"] == "available")

    poll_until(serves, "the instance", timeout_seconds=30)


def database_answers(info: StackInfo) -> bool:
    rds = seed_aws.client(seed_aws.session_for(info), info, "rds")
    cluster = rds.describe_db_clusters(DBClusterIdentifier="some-database")["DBClusters"][0]
    with socket.socket() as probe:
        return probe.connect_ex((address_of(cluster["Endpoint"]), cluster["Port"])) == 0


def family(info: StackInfo) -> list[int]:
    return [info.pid, *processes.descendants(info.pid)]


def listening_addresses(pids: list[int]) -> set[str]:
    """The local addresses, as /proc shows them, of all sockets that these processes listen on."""
    inodes = set()
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                target = os.readlink(link)
            except FileNotFoundError:
                continue
            inodes.add(target.removeprefix("socket:[").rstrip("]"))
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == "0A" and columns[9] in inodes:
                found.add(columns[1].split(":")[0])
    return found


def test_a_second_up_changes_nothing_and_says_so(empty_stack: StackInfo) -> None:
    again = lifecycle.up(UpOptions(home=empty_stack.home))
    assert again.already_running
    assert again.pid == empty_stack.pid
    assert again.endpoint_url == empty_stack.endpoint_url


def test_status_tells_where_it_answers_and_what_it_costs(empty_stack: StackInfo) -> None:
    seen = lifecycle.status(empty_stack.home)
    assert seen.is_running
    assert seen.info is not None
    assert seen.info.endpoint_url == empty_stack.endpoint_url
    assert 10_000_000 < seen.memory_bytes < 400_000_000
    assert seen.durations["copy"] == 4.0


def test_the_environment_points_programs_and_the_guides_commands_at_the_stack(empty_stack: StackInfo) -> None:
    environment = lifecycle.environment(empty_stack.home)
    assert environment["AWS_ENDPOINT_URL"] == empty_stack.endpoint_url
    assert environment["AWS_ENDPOINT_URL_RDS"] == empty_stack.rds_endpoint_url
    assert environment["AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING"] == empty_stack.rds_endpoint_url
    assert environment["REGION"] == environment["AWS_REGION"] == "us-west-2"
    assert environment["ACCOUNT_ID"] == "000000000000"
    assert Path(environment["PGSSLROOTCERT"]).read_text().startswith("-----BEGIN CERTIFICATE-----")


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs /proc")
def test_everything_listens_on_loopback_alone(stack: StackInfo) -> None:
    assert listening_addresses(family(stack)) == {"0100007F"}


def test_durations_change_while_it_runs_and_an_unknown_one_is_refused(empty_stack: StackInfo) -> None:
    before = lifecycle.status(empty_stack.home).durations["restore"]
    assert lifecycle.change_durations({"restore": 7.5}, empty_stack.home)["restore"] == 7.5
    lifecycle.change_durations({"restore": before}, empty_stack.home)
    with pytest.raises(ControlRefused, match="fly"):
        lifecycle.change_durations({"fly": 1.0}, empty_stack.home)


@pytest.mark.parametrize("text", ["copy", "copy=soon", "fly=1", "=3", "copy=-1"])
def test_a_duration_that_is_none_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(ValueError, match="uration"):
        parse_durations([text])


def test_the_state_is_kept_with_its_ports_and_thrown_away_when_fresh(home: Path) -> None:
    first = lifecycle.up(UpOptions(home=home, durations=AT_ONCE))
    make_bucket(first)
    make_database(first)
    assert lifecycle.down(home)
    second = lifecycle.up(UpOptions(home=home))
    assert second.endpoint_url == first.endpoint_url
    assert buckets(second) == [BUCKET]
    assert database_answers(second)
    fresh = lifecycle.up(UpOptions(home=home, fresh=True))
    assert fresh.pid != second.pid
    assert buckets(fresh) == []


def test_a_new_stack_is_set_up_once_by_what_is_handed_in(home: Path) -> None:
    filled: list[str] = []
    said: list[str] = []

    def set_up(info: StackInfo, on_progress: lifecycle.Progress) -> None:
        assert info.control.status()["workers"] == 0
        on_progress("Filling it")
        filled.append(info.endpoint_url)

    info = lifecycle.up(UpOptions(home=home), said.append, lambda: set_up)
    assert said[-1] == "Filling it"
    assert lifecycle.down(home)
    lifecycle.up(UpOptions(home=home), find_set_up=lambda: set_up)
    assert filled == [info.endpoint_url]


def test_down_leaves_no_process_and_a_second_down_finds_nothing(home: Path) -> None:
    info = lifecycle.up(UpOptions(home=home, durations=AT_ONCE))
    make_database(info)
    members = family(info)
    assert len(members) > 2
    assert lifecycle.down(home)
    assert [pid for pid in members if processes.is_alive(pid)] == []
    assert not lifecycle.status(home).is_running
    assert not lifecycle.down(home)


def test_a_server_that_was_killed_is_noticed_and_started_anew(home: Path) -> None:
    first = lifecycle.up(UpOptions(home=home, durations=AT_ONCE))
    make_database(first)
    members = family(first)
    os.kill(first.pid, signal.SIGKILL)
    assert processes.wait_until_gone(members, 10) == []
    assert not lifecycle.status(home).is_running
    second = lifecycle.up(UpOptions(home=home))
    assert not second.already_running
    assert second.pid != first.pid


def test_an_id_that_another_process_got_by_now_is_not_taken_for_the_server(home: Path) -> None:
    info = lifecycle.up(UpOptions(home=home))
    noted = home / "stack.json"
    text = noted.read_text()
    assert lifecycle.down(home)
    noted.write_text(text.replace(str(info.pid), str(os.getpid())))
    assert not lifecycle.status(home).is_running


def test_a_port_that_is_taken_is_named(home: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortInUse, match=str(port)) as refused:
            lifecycle.up(UpOptions(home=home, port=port))
    assert "another port" in refused.value.hint


def test_a_port_that_is_taken_costs_a_fresh_start_no_state(home: Path) -> None:
    make_bucket(lifecycle.up(UpOptions(home=home)))
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(PortInUse):
            lifecycle.up(UpOptions(home=home, port=other.getsockname()[1], fresh=True))
    assert buckets(lifecycle.up(UpOptions(home=home))) == [BUCKET]


def test_a_stack_that_runs_does_not_move_to_another_port(empty_stack: StackInfo) -> None:
    own = int(empty_stack.endpoint_url.rpartition(":")[2])
    assert lifecycle.up(UpOptions(home=empty_stack.home, port=own)).already_running
    other = own - 1
    with pytest.raises(LocalStackOnAnotherPort, match=rf"{own}.*{other}") as refused:
        lifecycle.up(UpOptions(home=empty_stack.home, port=other))
    assert "local down" in refused.value.hint


def test_a_chosen_port_is_used(home: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert lifecycle.up(UpOptions(home=home, port=port)).endpoint_url == f"http://127.0.0.1:{port}"


def test_two_commands_at_once_are_refused(home: Path) -> None:
    with StateDirectory(home).exclusively(), pytest.raises(LocalStackBusy):
        lifecycle.up(UpOptions(home=home))


def test_without_a_stack_the_answers_say_how_to_get_one(home: Path) -> None:
    assert not lifecycle.status(home).is_running
    with pytest.raises(LocalStackNotRunning) as missing:
        lifecycle.environment(home)
    assert "local up" in missing.value.hint
    with pytest.raises(LocalStackNotRunning):
        next(lifecycle.logs(home))


def test_a_server_that_cannot_start_shows_the_end_of_its_log(home: Path) -> None:
    lifecycle.up(UpOptions(home=home))
    lifecycle.down(home)
    (home / "state" / "aurora" / "model.db").write_text("no database")
    with pytest.raises(LocalStackStartFailed, match="file is not a database"):
        lifecycle.up(UpOptions(home=home))
    assert not lifecycle.status(home).is_running


def test_the_home_is_the_one_of_the_environment_unless_one_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AURORA_RESTORE_HOME", raising=False)
    assert StateDirectory.find().home == tmp_path / ".local" / "aurora-restore"
    monkeypatch.setenv("AURORA_RESTORE_HOME", str(tmp_path / "elsewhere"))
    assert StateDirectory.find().home == tmp_path / "elsewhere"
    assert StateDirectory.find(tmp_path / "given").home == tmp_path / "given"


@pytest.mark.parametrize(
    "change",
    [
        "del ministack.services.lambda_svc._execute_function_warm",
        "ministack.services.lambda_svc._execute_function_warm = lambda function: None",
        "ministack.services.ec2._ACTION_MAP = None",
    ],
)
def test_another_ministack_is_refused_by_name(change: str, tmp_path: Path) -> None:
    program = (
        "import ministack.services.lambda_svc, ministack.services.ec2\n"
        f"{change}\n"
        "from local_stack.ministack_hooks import require_hooks\n"
        "require_hooks()\n"
    )
    environment = {
        **os.environ,
        "IOT_MTLS_ENABLED": "0",
        "STATE_DIR": str(tmp_path),
        "S3_DATA_DIR": str(tmp_path),
    }
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    name = change.removeprefix("del ").split(" = ")[0]
    assert f"MinistackMismatch: ministack 1.5.33 has changed {name}" in ended.stderr
    assert "pip install ministack==1.5.33" in ended.stderr
