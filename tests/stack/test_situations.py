"""The situations of an operator: each is brought about, and the command that troubleshooting leads to answers it.

The commands are run as the page prints them, with the operation in the place of the example's; where they have
`--json`, that is asked for as well, and the fact is read there.
"""

from __future__ import annotations

import json
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from tests.docs import situations
from tests.docs.blocks import EXAMPLE_OPERATION, ROOT
from tests.stack.conftest import Clients
from tests.stack.polling import poll_until
from tests.stack.serving_targets import NEW_DATA, Place, data_in, request
from tests.stack.test_document_blocks import environment
from tests.stack.test_failures_at_every_phase import OF_A_MISSING_DATABASE, copy_fails
from tests.stack.test_health import with_a_paused_schedule
from tests.stack.test_replacing import end_the_keeping

from aurora_restore.demo.seed_aws import SECURITY_GROUP_ID, SUBNET_GROUP
from aurora_restore.domain.naming import copy_identifier, staging_identifier
from aurora_restore.domain.observed import DatabaseEndpoint
from local_aurora.engines.postgresql.admin import connection
from local_stack.stack_info import StackInfo

pytestmark = pytest.mark.file_one_day_in(7, 0)

TARGET = "aurora-restored-cluster"
"""The target of the page's commands."""
JSON = "--json"
WAIT_SECONDS = 400.0
Ask = Callable[..., "Answer"]


@dataclass(frozen=True)
class Answer:
    """How a command of the page ended."""

    status: int
    out: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@pytest.fixture(scope="module")
def ask(stack: StackInfo, tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """`ask(question, operation)` runs what the page leads to."""
    environ = environment(stack, tmp_path_factory.mktemp("commands"))
    folder = tmp_path_factory.mktemp("checkout")
    for part in (".venv", "infrastructure", "scripts"):
        (folder / part).symlink_to(ROOT / part)

    def run(question: str, operation: str = EXAMPLE_OPERATION, *options: str) -> Answer:
        command = situations.command_of(question).replace(EXAMPLE_OPERATION, operation)
        done = subprocess.run(
            ["/bin/bash", "-c", " ".join([command, *options])], cwd=folder, env=environ,
            capture_output=True, text=True, timeout=WAIT_SECONDS, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        return Answer(done.returncode, done.stdout)

    return run


@pytest.fixture(scope="module")
def place(stack: StackInfo, boto: Clients) -> Iterator[Place]:
    """With no sweep but those that a test asks for."""
    boto("events").disable_rule(Name="aurora-restore-sweep")
    stack.control.change_durations(snapshot=1)
    yield Place(stack, boto)
    boto("events").enable_rule(Name="aurora-restore-sweep")


def new_target(name: str, **changes: Any) -> dict[str, Any]:
    """A request for a cluster that does not exist yet."""
    network = {"vpc_security_group_ids": [SECURITY_GROUP_ID], "db_subnet_group_name": SUBNET_GROUP}
    return request(name, **{"delete_cluster_if_exists": False, **network, **changes})


@pytest.fixture(scope="module")
def failed(place: Place) -> str:
    """An operation whose copy failed."""
    operation = "restore-with-a-failed-copy"
    copy_fails(place, TARGET, operation)
    place.start(new_target(TARGET), operation)
    assert place.closed(operation)["error"]["code"] == "SNAPSHOT_COPY_FAILED"
    return operation


@pytest.fixture(scope="module")
def started_again(ask: Ask, failed: str) -> Answer:
    """The same request once more, as the page says it."""
    return ask("How do I start it again?", failed, JSON)


@pytest.fixture(scope="module")
def restored(started_again: Answer) -> str:
    return str(json.loads(started_again.out.splitlines()[-1])["operation_id"])


@pytest.fixture(scope="module")
def replaced(place: Place, restored: str) -> str:
    """An operation that keeps the cluster that it replaced, which an operator has protected meanwhile."""
    changes = {"delete_cluster_if_exists": True, "keep_replaced_hours": 2}
    operation = "restore-that-keeps"
    new = staging_identifier(TARGET, operation)
    place.fault(operation, effect="hold", action="RestoreDBClusterFromSnapshot", identifier=new)
    place.start(new_target(TARGET, **changes), operation)
    poll_until(lambda: place.waits_at(operation), "a restore under way", WAIT_SECONDS)
    place.boto("rds").modify_db_cluster(DBClusterIdentifier=TARGET, DeletionProtection=True)
    place.release(operation)
    assert place.closed(operation)["status"] == "SUCCEEDED"
    return operation


@pytest.fixture(scope="module")
def undo(ask: Ask, replaced: str) -> Answer:
    """Asked while the replaced cluster is kept."""
    return ask("Can I still go back?", replaced, JSON)


@dataclass(frozen=True)
class Held:
    """An operation that waited, what was answered meanwhile, and how it was cancelled."""

    operation: str
    target: str
    answers: dict[str, Answer]
    cancelled: Answer


@pytest.fixture(scope="module")
def held(place: Place, ask: Ask) -> Held:
    """An operation whose copy does not end, until it is cancelled."""
    operation, target = "restore-with-a-long-copy", "aurora-restored-waiting"
    copy = copy_identifier(operation)
    place.fault(operation, effect="hold", action="CopyDBClusterSnapshot", identifier=copy)
    place.start(new_target(target, **place.own_snapshot("of-a-long-copy")), operation)
    poll_until(lambda: place.waits_at(operation), "a copy under way", WAIT_SECONDS)
    answers = {
        question: ask(question, operation, *options)
        for question, options in (
            ("Nothing moves. Is it stuck?", [JSON]),
            ("The copy failed, or does not end", []),
            ("The target is locked", [JSON]),
        )
    }
    with ThreadPoolExecutor(1) as pool:
        cancelling = pool.submit(ask, "Stop it, now", operation, JSON)
        place.becomes(operation, lambda record: "ending" in record.get("cleanup", {}))
        place.release(operation)
        return Held(operation, target, answers, cancelling.result())


@pytest.fixture(scope="module")
def without_user(place: Place, restored: str) -> str:
    """An operation whose user could not be made, since the copy that is there does not have the database."""
    operation, target = "restore-with-a-user-of-nowhere", "aurora-restored-users"
    place.start(new_target(target, db_users=OF_A_MISSING_DATABASE), operation)
    assert place.closed(operation)["error"]["code"] == "DB_USER_SETUP_FAILED"
    return operation


@dataclass(frozen=True)
class Lost:
    """An operation that waited in its restore and was stopped, the event of which was lost; what was answered then."""

    operation: str
    waiting: Answer
    swept: Answer


@pytest.fixture(scope="module")
def lost(place: Place, ask: Ask, restored: str) -> Lost:
    operation, target = "restore-that-takes-long", "aurora-restored-slowly"
    place.fault(operation, effect="hold", action="RestoreDBClusterFromSnapshot", identifier=target)
    place.start(new_target(target), operation)
    poll_until(lambda: place.waits_at(operation), "a restore under way", WAIT_SECONDS)
    waiting = ask("The restore takes too long, or timed out", operation)
    with without_events(place):
        place.stop(operation)
        swept = ask("The cleanup does not end", operation)
    place.release(operation)
    assert place.closed(operation)["status"] == "CANCELLED"
    return Lost(operation, waiting, swept)


@contextmanager
def without_events(place: Place) -> Iterator[None]:
    place.boto("events").disable_rule(Name="aurora-restore-abnormal-end")
    try:
        yield
    finally:
        place.boto("events").enable_rule(Name="aurora-restore-abnormal-end")


def test_last_nights_staging_is_there(ask: Ask, failed: str, restored: str) -> None:
    shown = ask("Is last night's staging there?", restored, JSON)
    ended = {each["operation_id"]: each["status"] for each in shown.document}
    assert (ended[failed], ended[restored]) == ("FAILED", "SUCCEEDED")


def test_tonights_run_will_not_begin_since_its_schedule_is_paused(
    ask: Ask, boto: Clients, stack: StackInfo
) -> None:
    with with_a_paused_schedule(boto, stack):
        shown = ask("Will tonight's run work?", EXAMPLE_OPERATION, JSON)
    [found] = [each for each in shown.document["findings"] if each["name"] == "schedules"]
    assert (shown.status, found["health"]) == (8, "red")
    assert any("schedule resume nightly" in repair for repair in found["repairs"])


def test_what_does_not_move_waits_for_its_copy(held: Held) -> None:
    record = held.answers["Nothing moves. Is it stuck?"].document
    assert (record["status"], record["step"]) == ("RUNNING", "CopySnapshot")
    assert "copy" in record["phases"]["CopySnapshot"]["waits"]


def test_what_failed_is_listed_with_its_code_and_nothing_of_it_exists(
    ask: Ask, place: Place, failed: str
) -> None:
    shown = ask("It failed. What exists now?", failed, JSON)
    [record] = [each for each in shown.document if each["operation_id"] == failed]
    assert record["error"]["code"] == "SNAPSHOT_COPY_FAILED"
    assert place.things("nothing-of-it", failed).snapshots == frozenset()


def test_a_day_without_a_snapshot_is_refused_with_the_nearest_days(ask: Ask) -> None:
    shown = ask("The snapshot is not found", EXAMPLE_OPERATION, JSON)
    assert (shown.status, shown.document["error"]["code"]) == (3, "SNAPSHOT_NOT_FOUND")
    assert "2023-06-15" in shown.document["error"]["message"]


def test_a_copy_that_does_not_end_is_seen_to_be_copied(held: Held) -> None:
    copies = rows(held.answers["The copy failed, or does not end"])
    assert copies[copy_identifier(held.operation)][0] == "copying"


def test_a_restore_that_takes_long_is_seen_to_wait_for_the_cluster(lost: Lost) -> None:
    *_, last = lost.waiting.out.splitlines()
    assert last.split()[0] == "RestoreCluster"
    assert "cluster" in last.split()[1:]


@pytest.mark.usefixtures("undo")
def test_a_deletion_that_is_stuck_is_seen_to_be_held_up_by_protection(
    ask: Ask, place: Place, replaced: str
) -> None:
    old = place.record(replaced)["retirement"]["db_cluster_identifier"]
    end_the_keeping(place, replaced)
    place.sweep()
    place.becomes(replaced, lambda record: record["retirement"].get("put_off_code") == "DELETION_PROTECTED")
    assert rows(ask("A delete is stuck", replaced))[old] == ["stopped", "True"]


def test_users_that_are_not_set_up_are_in_the_log_with_the_code(ask: Ask, without_user: str) -> None:
    shown = ask("The database users are not set up", without_user, JSON)
    assert "DB_USER_SETUP_FAILED" in shown.out


def test_no_notification_arrives_while_no_subscription_is_confirmed(ask: Ask) -> None:
    shown = ask("No notification arrived", EXAMPLE_OPERATION, JSON)
    assert (shown.status, shown.document["subscriptions"]["health"]) == (8, "red")


def test_who_started_it_is_in_its_first_event(ask: Ask, stack: StackInfo, restored: str) -> None:
    first, *_ = ask("Who started this?", restored, JSON).document
    assert (first["event"], first["details"]["requested_by"]) == (
        "operation.started",
        f"arn:aws:iam::{stack.account_id}:root",
    )


def test_what_it_will_cost_is_in_the_plan(ask: Ask) -> None:
    shown = ask("What will it cost, or did it?", EXAMPLE_OPERATION, JSON)
    assert shown.status == 0
    [copy] = [line for line in shown.document["costs"]["lines"] if line["what"] == "storage of the copy"]
    assert (copy["quantity"], copy["most"] > 0) == ("500 GiB x 7 days of 30", True)


def test_going_back_is_possible_while_the_replaced_cluster_is_kept(undo: Answer, replaced: str) -> None:
    assert (undo.status, undo.document["status"]) == (0, "SUCCEEDED")
    assert undo.document["parameters"]["undo_operation_id"] == replaced


def test_an_operation_that_is_stopped_ends_cancelled_and_leaves_no_cluster(place: Place, held: Held) -> None:
    *_, last = map(json.loads, held.cancelled.out.splitlines())
    assert (held.cancelled.status, last["status"], last["error"]["code"]) == (0, "CANCELLED", "CANCELLED")
    assert place.things(held.target, held.operation).clusters == frozenset()


def test_a_locked_target_leads_to_the_operation_that_is_at_work_on_it(held: Held) -> None:
    running = held.answers["The target is locked"].document
    assert (held.operation, held.target) in {
        (each["operation_id"], each["target_cluster_id"]) for each in running
    }


def test_a_cleanup_that_was_not_begun_is_begun_by_the_sweep(lost: Lost) -> None:
    *_, last = lost.swept.out.splitlines()
    assert [each for each in json.loads(last)["started"] if each.startswith(f"{lost.operation}:")]


def test_applications_connect_to_the_name_and_port_that_are_shown(
    ask: Ask, place: Place, stack: StackInfo, restored: str
) -> None:
    status, name, port = ask("The applications do not connect", restored).out.split()
    assert status == "available"
    with connection(
        DatabaseEndpoint(name, int(port)), place.master(), "postgres", stack.ca_bundle
    ) as session:
        assert data_in(session) == NEW_DATA


def test_a_run_is_started_again_under_a_name_of_its_own(
    started_again: Answer, failed: str, restored: str
) -> None:
    assert started_again.status == 0
    assert restored != failed


def test_what_is_handed_over_is_one_file_with_the_record(ask: Ask, failed: str) -> None:
    shown = ask("I have to hand this over", failed, JSON)
    with zipfile.ZipFile(shown.document["path"]) as bundle:
        record = json.loads(bundle.read("record.json"))
    assert record["error"]["code"] == "SNAPSHOT_COPY_FAILED"


def rows(answer: Answer) -> dict[str, list[str]]:
    """A table of the AWS CLI, by its first column."""
    return {row[0]: row[1:] for row in map(str.split, answer.out.splitlines())}
