"""A stack that is ended by `kill -9`: what was answered is there, what ran goes on, and no data is another's.

KILLS=20 kills each operation that often (`make kills`); KILL_SEED repeats a run.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.stack.conftest import new_operation_id
from tests.stack.kills import (
    Answered,
    MortalStack,
    add_to_production,
    is_over,
    rows_of,
    rows_of_production,
)
from tests.stack.serving_targets import SOURCE_REGION, Place, old_data_of, request

from aurora_restore.cli.exit_codes import ExitCode
from aurora_restore.demo.seed_aws import SECURITY_GROUP_ID, SUBNET_GROUP
from local_aurora.engines.storage import directory_name
from local_stack import lifecycle
from local_stack.aurora_service import AuroraService

pytestmark = pytest.mark.file_one_day_in(7, 2)

KILLS = int(os.environ.get("KILLS", "1"))
SEED = int(os.environ.get("KILL_SEED") or random.SystemRandom().randrange(10**6))
TARGET, RESTORED = "aurora-restored-mortal", "aurora-restored-beside"
BUCKET = "answered-things"
END_SECONDS = 240.0


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MortalStack]:
    home = tmp_path_factory.mktemp("mortal stack")
    yield MortalStack(home, random.Random(SEED))  # noqa: S311 - no secret is made of it
    lifecycle.down(home)


def say(capsys: pytest.CaptureFixture[str], text: str) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\n{text}\n")


def local_down(home: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "aurora_restore", "local", "down", "--home", str(home), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def killed_until_over(
    mortal: MortalStack, place: Place, answered: Answered, operation_id: str
) -> tuple[Place, int]:
    """Kill the stack up to KILLS times while the operation runs; how often it was, once the operation is over."""
    kills = 0
    deadline = time.monotonic() + END_SECONDS
    while not is_over(place, operation_id):
        assert time.monotonic() < deadline, place.record(operation_id)
        if kills < KILLS:
            mortal.live_and_die(place, answered, BUCKET)
            kills += 1
            place = mortal.up()
            assert answered.lost(place, BUCKET) == []
        else:
            time.sleep(0.2)
    return place, kills


def test_a_restore_a_replacement_and_an_undo_end_well_on_a_stack_that_is_killed_again_and_again(
    mortal: MortalStack, capsys: pytest.CaptureFixture[str]
) -> None:
    place = mortal.up()
    answered = Answered()
    place.boto("s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": place.stack.region}
    )
    place.change_quotas(cluster_parameter_groups=1000)  # each kill adds one
    place.make_target(TARGET)
    expected = place.own_snapshot("before-the-row")
    rows = rows_of_production(place)
    add_to_production(place, "somebody@example.com")
    later = place.own_snapshot("after-the-row")
    later_rows = rows_of_production(place)
    assert rows != later_rows

    def run(operation: dict[str, Any], check: Callable[[Place], object]) -> str:
        nonlocal place
        killed, begun = 0, time.monotonic()
        operation_id = new_operation_id()
        place.start(operation, operation_id)
        place, killed = killed_until_over(mortal, place, answered, operation_id)
        record = place.record(operation_id)
        assert record["status"] == "SUCCEEDED", record.get("error")
        assert check(place)
        say(
            capsys,
            f"{operation_id}: {killed} kills, {time.monotonic() - begun:.0f} s, "
            f"{len(answered.objects)} answered changes of each kind are there",
        )
        return operation_id

    say(capsys, f"KILL_SEED={SEED} KILLS={KILLS}")
    fields = {
        "db_subnet_group_name": SUBNET_GROUP,
        "vpc_security_group_ids": [SECURITY_GROUP_ID],
        "db_instance_class": "db.r5.large",
    }
    run(request(RESTORED, **later, **fields), lambda at: rows_of(at, RESTORED) == later_rows)
    replaced = run(request(TARGET, **expected, keep_replaced_hours=2), lambda at: rows_of(at, TARGET) == rows)
    run({"undo_operation_id": replaced}, lambda at: at.data_of(TARGET) == old_data_of(TARGET))
    assert rows_of(place, RESTORED) == later_rows
    assert rows_of_production(place) == later_rows
    comes_up = mortal.seconds_to_come_up[1:]
    say(capsys, f"{mortal.kills} kills in all; up again after {max(comes_up, default=0):.1f} s at most")


def test_a_stack_that_is_stopped_names_what_runs_and_interrupts_it_without_a_fault(
    mortal: MortalStack, capsys: pytest.CaptureFixture[str]
) -> None:
    place = mortal.up()
    operation_id = place.start(
        request(
            "aurora-restored-interrupted",
            db_subnet_group_name=SUBNET_GROUP,
            vpc_security_group_ids=[SECURITY_GROUP_ID],
            db_instance_class="db.r5.large",
        )
    )
    begun = place.becomes(
        operation_id, lambda it: "RestoreCluster" in it.get("phases", {}) or "end_time" in it
    )
    assert "end_time" not in begun, begun.get("error")
    refused = local_down(mortal.home)
    assert refused.returncode == ExitCode.USAGE
    assert operation_id in refused.stderr
    assert lifecycle.running_operations(mortal.home) == (operation_id,)
    stopped = local_down(mortal.home, "--yes")
    assert stopped.returncode == 0, stopped.stderr
    assert f"Interrupted: {operation_id}" in stopped.stdout
    log = (mortal.home / "server.log").read_text()
    assert "Traceback" not in log
    place = mortal.up()
    assert [note for note in mortal.notes if operation_id in note]
    record = place.closed(operation_id)
    assert record["status"] == "SUCCEEDED", record.get("error")
    logs = place.boto("logs")
    groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    reported = [event for group in groups for event in logs.filter_log_events(logGroupName=group)["events"]]
    assert [event["message"] for event in reported if "INTERNAL_ERROR" in event["message"]] == []
    say(capsys, f"{operation_id} was interrupted by `local down`, and ended well after the next `up`")


def test_a_snapshot_taken_after_a_kill_never_gives_the_data_of_an_earlier_one(tmp_path: Path) -> None:
    """Storage ids came again after a kill, and the directory of the earlier snapshot was taken for the later one's."""
    mortal = MortalStack(tmp_path / "home", random.Random(SEED))  # noqa: S311
    lifecycle.up(lifecycle.UpOptions(home=mortal.home))
    place = mortal.up({"create": 0, "instance": 0, "snapshot": 0, "restore": 0})
    try:
        for name in ("first", "second"):
            place.seed(
                "cluster",
                region=SOURCE_REGION,
                DBClusterIdentifier=name,
                MasterUsername="postgres",
                MasterUserPassword="not-a-secret-1",
                instances={f"{name}-1": "db.r5.large"},
            )
            rds = place.boto("rds", SOURCE_REGION)
            rds.create_db_cluster_snapshot(DBClusterIdentifier=name, DBClusterSnapshotIdentifier=f"of-{name}")
            mortal.kill(place.stack)
            place = mortal.up({})
        rds = place.boto("rds", SOURCE_REGION)
        found = rds.describe_db_cluster_snapshots()["DBClusterSnapshots"]
        assert {item["DBClusterSnapshotIdentifier"] for item in found} == {"of-first", "of-second"}
        assert {item["DBClusterIdentifier"] for item in rds.describe_db_clusters()["DBClusters"]} == {
            "first",
            "second",
        }
    finally:
        lifecycle.down(mortal.home)


def test_data_that_nothing_names_is_removed_and_reported(tmp_path: Path) -> None:
    service = AuroraService(tmp_path, "000000000000", 0, {})
    service.close()
    stray = tmp_path / "postgres" / "snapshots" / "stray"
    stray.mkdir()
    (stray / "about.json").write_text('{"id": "snapshot-STRAY", "master_username": "postgres"}')
    stray.rename(stray.with_name(directory_name("snapshot-STRAY")))
    again = AuroraService(tmp_path, "000000000000", 0, {})
    again.close()
    assert again.removed_data == ("snapshot-STRAY",)
    assert list((tmp_path / "postgres" / "snapshots").iterdir()) == []
