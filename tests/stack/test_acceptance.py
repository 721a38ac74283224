"""The acceptance of AWS against the local stack: every fact is as assumed, and nothing is left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.docs.blocks import ROOT
from tests.stack.polling import poll_until

from local_aurora.timing import Durations
from local_stack import lifecycle
from local_stack.durations import read_durations_file
from local_stack.stack_info import StackInfo

SCRIPT = ROOT / "scripts" / "acceptance_on_aws.py"
PREFIX = "aurora-restore-acceptance-"
PLACE = ("--db-subnet-group", "default-vpc-subnet-group", "--security-group", "sg-12345678")
Script = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def script(stack: StackInfo) -> Script:
    environment = {name: os.environ[name] for name in ("HOME", "LANG", "PATH") if name in os.environ}
    environment |= lifecycle.environment(stack.home) | {"NO_PROXY": "127.0.0.1,localhost"}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, SCRIPT, "--region", stack.region, "--look-every", "0.2", *arguments],
            env=environment, capture_output=True, text=True, timeout=300, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    return run


def ours(boto: Any) -> list[str]:
    rds = boto("rds")
    names = [each["DBClusterIdentifier"] for each in rds.describe_db_clusters()["DBClusters"]]
    names += [each["DBInstanceIdentifier"] for each in rds.describe_db_instances()["DBInstances"]]
    names += [
        each["DBClusterSnapshotIdentifier"]
        for each in rds.describe_db_cluster_snapshots()["DBClusterSnapshots"]
    ]
    names += [each["FunctionName"] for each in boto("lambda").list_functions()["Functions"]]
    return [name for name in names if name.startswith(PREFIX)]


def test_every_fact_is_as_assumed_and_nothing_is_left(script: Script, boto: Any, tmp_path: Path) -> None:
    file = tmp_path / "facts.json"

    done = script(*PLACE, "--yes", "--json", str(file))

    written = json.loads(file.read_text())
    assert [fact for fact in written["facts"] if fact["as_assumed"] is not True] == [], done.stdout
    assert done.returncode == 0, done.stdout + done.stderr
    assert (written["left"], ours(boto)) == ([], [])
    assert "Left: nothing" in done.stdout
    assert {"1", "2", "3", "4", "13", "14", "20", "25", "27", "34", "36"} <= {
        fact["finding"] for fact in written["facts"]
    }


def test_the_local_aurora_takes_the_durations_that_were_measured(script: Script, tmp_path: Path) -> None:
    file = tmp_path / "facts.json"
    script(*PLACE, "--yes", "--only", "rename", "--json", str(file))

    durations, left_out = read_durations_file(file)

    assert {"rename", "create", "instance"} <= set(durations)
    assert set(durations) | set(left_out) == set(json.loads(file.read_text())["durations"])
    assert Durations().changed(durations).rename == durations["rename"]


def test_what_the_local_aurora_is_set_to_is_what_is_measured(
    script: Script, stack: StackInfo, tmp_path: Path
) -> None:
    file, before = tmp_path / "facts.json", stack.control.durations()
    late = {"status_lag": 2.0, "name_release": 2.0, "busy_after_creation": 3.0, "rename": 1.5}
    stack.control.change_durations(**late)
    try:
        script(*PLACE, "--yes", "--only", "busy", "--only", "rename", "--json", str(file))
    finally:
        stack.control.change_durations(**{name: before[name] for name in late})

    measured = json.loads(file.read_text())["durations"]
    assert {name: late[name] <= measured[name] + 0.5 <= late[name] + 3 for name in late} == dict.fromkeys(
        late, True
    )


def test_what_an_earlier_run_left_is_refused_and_then_deleted(script: Script, boto: Any) -> None:
    rds = boto("rds")
    common = {
        "Engine": "aurora-postgresql",
        "MasterUsername": "acceptance",
        "MasterUserPassword": "a-fine-password",
    }
    tags = [{"Key": "aurora-restore-acceptance", "Value": "yes"}]
    rds.create_db_cluster(DBClusterIdentifier=f"{PREFIX}left", Tags=tags, **common)
    rds.create_db_cluster(DBClusterIdentifier=f"{PREFIX}of-another", **common)

    refused = script(*PLACE, "--yes")
    assert (refused.returncode, "exists already" in refused.stderr) == (2, True)
    cleaned = script("--clean-up")

    # What has the prefix and not the tag belongs to another party.
    assert (cleaned.returncode, ours(boto)) == (0, [f"{PREFIX}of-another"])
    rds.get_waiter("db_cluster_available").wait(
        DBClusterIdentifier=f"{PREFIX}of-another", WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    rds.delete_db_cluster(DBClusterIdentifier=f"{PREFIX}of-another", SkipFinalSnapshot=True)
    poll_until(lambda: ours(boto) == [], "the cluster of another party to be gone", 30)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (PLACE, "Nothing was made"),
        (("--yes",), "Give --db-subnet-group"),
    ],
)
def test_nothing_is_made_without_a_place_and_a_yes(
    script: Script, boto: Any, arguments: tuple[str, ...], words: str
) -> None:
    done = script(*arguments)

    assert (done.returncode, words in done.stderr, ours(boto)) == (2, True, [])
