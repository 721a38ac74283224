"""The local stack among what is there already: the user's AWS settings, proxies, umask, and other people."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.stack.conftest import Clients, clients_of
from tests.support.paths import paths_below

from aurora_restore.demo import seed_aws
from aurora_restore.demo.setup import set_up
from local_stack import lifecycle
from local_stack.lifecycle import UpOptions
from local_stack.stack_info import StackInfo, without_proxies

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / "a stack"
    yield directory
    lifecycle.down(directory)


@pytest.fixture
def settings_of_a_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that a user's shell and files can say against the stack."""
    config = tmp_path / "config"
    config.write_text(
        "[profile work]\nregion = eu-north-1\nuse_fips_endpoint = true\ncredential_process = false\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_PROFILE", "not-there")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-another-account")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", NOWHERE)
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "true")
    monkeypatch.setenv("AWS_DEFAULTS_MODE", "no-such-mode")
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, NOWHERE)
    monkeypatch.setenv("NO_PROXY", "intranet.example")
    monkeypatch.delenv("no_proxy", raising=False)


@pytest.mark.usefixtures("settings_of_a_user")
def test_set_up_asks_none_of_the_users_aws_settings_and_no_proxy(home: Path) -> None:
    options = UpOptions(home=home, durations={"create": 0.0, "instance": 0.0})
    info = lifecycle.up(options, find_set_up=lambda: set_up)
    boto: Clients = clients_of(info)
    assert boto("sts").get_caller_identity()["Account"] == info.account_id
    assert len(boto("rds", info.source_region).describe_db_clusters()["DBClusters"]) == 2
    assert lifecycle.status(home).is_complete


@pytest.mark.usefixtures("settings_of_a_user")
def test_the_environment_names_what_must_not_stand_beside_it(empty_stack: StackInfo) -> None:
    environment, to_unset = lifecycle.environment(empty_stack.home), lifecycle.environment_to_unset()
    assert {"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CONFIG_FILE", "AWS_ENDPOINT_URL_S3"} <= set(to_unset)
    assert set(environment).isdisjoint(to_unset)


@pytest.mark.usefixtures("settings_of_a_user")
def test_loopback_joins_the_hosts_that_need_no_proxy_in_both_spellings(empty_stack: StackInfo) -> None:
    environment = lifecycle.environment(empty_stack.home)
    assert environment["NO_PROXY"] == environment["no_proxy"] == "intranet.example,127.0.0.1,localhost"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "127.0.0.1,localhost"),
        ("*", "*"),
        ("localhost, .example", "localhost,.example,127.0.0.1"),
        ("127.0.0.1,localhost", "127.0.0.1,localhost"),
    ],
)
def test_hosts_that_need_no_proxy_are_kept_and_named_once(before: str, after: str) -> None:
    assert without_proxies(before) == after


def readable_by_others(state: Path) -> list[Path]:
    """What another user could open, were it not for the directory at the top."""
    found = []
    for path in paths_below(state):
        with suppress(FileNotFoundError):  # it was removed meanwhile
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode) and stat.S_IMODE(mode) & 0o077:
                found.append(path)
    return found


def test_no_other_user_reads_the_state_whatever_the_home_and_the_umask_are(home: Path) -> None:
    home.mkdir(mode=0o755)
    home.chmod(0o755)
    former = os.umask(0o022)
    try:
        info = lifecycle.up(UpOptions(home=home))
        boto = clients_of(info)
        boto("secretsmanager").create_secret(Name="some", SecretString=seed_aws.new_password())
        state = home / "state"
        assert stat.S_IMODE(state.stat().st_mode) == 0o700
        assert readable_by_others(state) == []
        opened = [
            state,
            state / "server.json",
            state / "aurora",
            state / "aurora" / "model.db",
            state / "aws" / "journal.db",
        ]
        lifecycle.down(home)
        for path in opened:
            path.chmod(0o755)
        lifecycle.up(UpOptions(home=home))
    finally:
        os.umask(former)
    assert readable_by_others(state) == []
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in opened} == {0}
    assert stat.S_IMODE((home / "server.log").stat().st_mode) == 0o600
