"""The fakes that stand in for AWS adapters, and the adapters: the same assertions on both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import pytest
from tests.fakes.executions import FakeExecutions
from tests.fakes.fault_injector import FaultInjector
from tests.fakes.records import FakeRecords
from tests.fakes.region_executions import FakeRegionExecutions
from tests.fakes.services import FakeKeys, FakeNetwork, FakeNotifications, FakeSecrets
from tests.fakes.tables import FakeAudit, FakeLocks
from tests.states_language.interpreter import StepFunctions
from tests.states_language.scheduler import Scheduler, VirtualClock, seeded_random
from tests.states_language.states import read_machine
from tests.support.faults import FaultKind
from tests.support.in_process_aws import InProcessAws, shared_aws

from aurora_restore.aws.audit import AwsAudit
from aurora_restore.aws.executions import ExecutionAlreadyExists
from aurora_restore.aws.keys import AwsKeys
from aurora_restore.aws.locks import AwsLocks
from aurora_restore.aws.network import AwsNetwork
from aurora_restore.aws.notifications import AwsNotifications
from aurora_restore.aws.pipeline_executions import AwsPipelineExecutions
from aurora_restore.aws.records import AwsRecords
from aurora_restore.aws.secrets import AwsSecrets
from aurora_restore.cli import connection
from aurora_restore.cli.pipeline import AuditTrail, ListedRecords, NamedExecutions
from aurora_restore.domain import errors
from aurora_restore.domain.audit_chain import audit_item, hash_of, next_entries, noted
from aurora_restore.domain.observed import Credentials, KmsKey, SecurityGroup
from aurora_restore.domain.record import Record
from aurora_restore.domain.times import format_time
from aurora_restore.steps.ports import (
    Audit,
    Executions,
    Keys,
    Locks,
    Network,
    Notifications,
    Secrets,
)

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
GOOD, BAD, BINARY = "aurora-restore/good", "aurora-restore/bad", "aurora-restore/no-json"
SECRETS: Mapping[str, Mapping[str, Any] | str] = {
    GOOD: {"username": "postgres", "password": "long-enough"},
    BAD: {"username": "postgres", "password": ""},
    BINARY: "no JSON at all",
}
WAITING = {"StartAt": "Hold", "States": {"Hold": {"Type": "Wait", "Seconds": 600, "End": True}}}
MAIN, CLEANUP = "aurora-restore-state-machine", "aurora-restore-cleanup-state-machine"


class AuditTable(Audit, AuditTrail, Protocol):
    """The audit table, with what only people ask of it."""

    def trail(self, operation_id: str) -> Sequence[dict[str, Any]]: ...


@dataclass
class Account:
    """The ports of one implementation; `spoil` lets the next request meet a fault, `count` tells the requests."""

    records: ListedRecords
    audit: AuditTable
    locks: Locks
    notifications: Notifications
    nowhere: Notifications
    secrets: Secrets
    keys: Keys
    network: Network
    executions: Executions
    region_executions: NamedExecutions
    start: Callable[[str], str]
    published: Callable[[], list[tuple[str, str, Mapping[str, str]]]]
    spoil: Callable[[FaultKind], None]
    count: Callable[[], int]
    key_arn: str
    group_id: str


def real_account() -> Account:
    aws = shared_aws()
    aws.create_tables()
    topic = aws.create_topic()
    for name, value in SECRETS.items():
        aws.create_secret(name, value)
    vpc = aws.create_vpc()
    group_id = aws.create_security_group("database", vpc)
    key_arn = aws.create_kms_key("alias/restore")
    main, cleanup = (aws.create_state_machine(name, WAITING) for name in (MAIN, CLEANUP))
    clients = aws.clients()

    def start(name: str) -> str:
        with aws.setting_up():
            response = clients.stepfunctions().start_execution(
                stateMachineArn=main, name=name, input='{"a": 1}'
            )
        return response["executionArn"]

    return Account(
        records=AwsRecords(clients, "AuroraRestoreState"),
        audit=AwsAudit(clients, "AuroraRestoreAudit"),
        locks=AwsLocks(clients, "AuroraRestoreLocks"),
        notifications=AwsNotifications(clients, topic),
        nowhere=AwsNotifications(clients, topic + "-gone"),
        secrets=AwsSecrets(clients),
        keys=AwsKeys(clients),
        network=AwsNetwork(clients),
        executions=AwsPipelineExecutions(clients, cleanup),
        region_executions=connection.RegionExecutions(clients),
        start=start,
        published=lambda: [(item.subject, item.message, item.attributes) for item in aws.published],
        spoil=lambda fault: _spoil(aws, fault),
        count=lambda: len(aws.calls),
        key_arn=key_arn,
        group_id=group_id,
    )


def _spoil(aws: InProcessAws, fault: FaultKind) -> None:
    where = aws.after if fault is FaultKind.REPLY_LOST else aws.before
    where(len(aws.calls), fault)


def fake_account() -> Account:
    injector = FaultInjector()
    machines = {name: read_machine(name, WAITING) for name in (MAIN, CLEANUP)}
    stem = "arn:aws:states:us-west-2:123456789012"
    step_functions = StepFunctions(
        Scheduler(VirtualClock(NOW)), machines, lambda _name, _payload: None, seeded_random(0), stem
    )
    notifications = FakeNotifications(injector)
    key = KmsKey("k", "arn:aws:kms:us-west-2:123456789012:key/k", "Enabled")
    return Account(
        records=FakeRecords(injector),
        audit=FakeAudit(injector),
        locks=FakeLocks(injector),
        notifications=notifications,
        nowhere=FakeNotifications(injector, exists=False),
        secrets=FakeSecrets(SECRETS, injector),
        keys=FakeKeys(dict.fromkeys((key.arn, key.key_id, "alias/restore"), key), injector),
        network=FakeNetwork([SecurityGroup("sg-1", "database", "vpc-1")], injector),
        executions=FakeExecutions(step_functions, injector),
        region_executions=FakeRegionExecutions(),
        start=lambda name: step_functions.start(MAIN, name, {"a": 1}),
        published=lambda: [(item.subject, item.body, item.attributes) for item in notifications.published],
        spoil=lambda fault: injector.faults.update({injector.count: fault}),
        count=lambda: injector.count,
        key_arn=key.arn,
        group_id="sg-1",
    )


@pytest.fixture(params=[real_account, fake_account], ids=["adapter", "fake"])
def account(request: pytest.FixtureRequest) -> Account:
    made: Account = request.param()
    return made


def record(operation_id: str = "restore-1", status: str = "RUNNING", **fields: Any) -> dict[str, Any]:
    return {"operation_id": operation_id, "status": status, "start_time": format_time(NOW), **fields}


def event(operation_id: str, name: str, seconds: int, details: Mapping[str, Any]) -> dict[str, Any]:
    time = format_time(NOW + timedelta(seconds=seconds))
    key = {"operation_id": operation_id, "event_id": f"{time}#{name}"}
    return {**key, "event_date": time[:10], "time": time, "event": name, "details": details}


def test_a_record_comes_back_as_plain_values_of_its_own(account: Account) -> None:
    item = record(plan={"copy": None, "tuple": ("a", "b"), "share": 0.5}, flags=[True, 1, "x"])
    assert account.records.create(item)
    loaded = account.records.load("restore-1")
    assert loaded == record(plan={"copy": None, "tuple": ["a", "b"], "share": 0.5}, flags=[True, 1, "x"])
    loaded["plan"]["copy"] = "changed"
    assert (account.records.load("restore-1") or {})["plan"]["copy"] is None


def test_a_record_is_made_once_unless_it_is_the_very_same(account: Account) -> None:
    assert account.records.create(record(owner="first"))
    assert account.records.create(record(owner="first"))
    assert not account.records.create(record(owner="second"))
    assert account.records.load("restore-1") == record(owner="first")
    assert account.records.load("restore-2") is None


def test_an_update_reaches_into_maps_and_makes_those_that_are_missing(account: Account) -> None:
    account.records.create(record(phases={"SnapshotCheck": {"calls": 4}}))
    changes = {"phases.CopySnapshot.waits.copy": 1, "phases.CopySnapshot.calls": 2, "step": "CopySnapshot"}
    assert account.records.update("restore-1", changes)
    assert account.records.update("restore-1", {"phases.CopySnapshot.calls": 3})
    assert account.records.load("restore-1") == record(
        phases={"SnapshotCheck": {"calls": 4}, "CopySnapshot": {"waits": {"copy": 1}, "calls": 3}},
        step="CopySnapshot",
    )


def test_an_update_costs_as_many_requests(account: Account) -> None:
    account.records.create(record(phases={}))
    before = account.count()
    account.records.update("restore-1", {"phases.Notify": {}})
    assert account.count() - before == 1
    account.records.update("restore-1", {"a.b.c": 1})
    assert account.count() - before == 1 + 4
    account.records.update("restore-1", {})
    assert account.count() - before == 5


def test_an_update_holds_to_the_status_that_it_wants(account: Account) -> None:
    account.records.create(record(status="FAILED"))
    assert not account.records.update("restore-1", {"status": "SUCCEEDED"}, only_if_status="RUNNING")
    assert not account.records.update("restore-1", {"new.map": 1}, only_if_status="RUNNING")
    assert not account.records.update("restore-2", {"status": "FAILED"})
    assert account.records.load("restore-1") == record(status="FAILED")


def test_an_update_that_exists_already_counts_as_done(account: Account) -> None:
    account.records.create(record())
    ending = {"status": "SUCCEEDED", "phases.Notify": {"status": "DONE"}}
    assert account.records.update("restore-1", ending, only_if_status="RUNNING")
    assert account.records.update("restore-1", ending, only_if_status="RUNNING")
    assert not account.records.update("restore-1", {**ending, "x": 1}, only_if_status="RUNNING")


def test_a_record_that_does_not_fit_is_refused_and_stays_as_it_was(account: Account) -> None:
    with pytest.raises(errors.RecordTooLarge):
        account.records.create(record(plan="x" * 410_000))
    account.records.create(record(plan="x" * 300_000))
    with pytest.raises(errors.RecordTooLarge):
        account.records.update("restore-1", {"more": "y" * 110_000})
    assert account.records.update("restore-1", {"plan": "z" * 300_000})
    assert account.records.update("restore-1", {"plan": "x"})
    assert account.records.load("restore-1") == record(plan="x")


def test_what_json_does_not_know_enters_no_record(account: Account) -> None:
    with pytest.raises(TypeError):
        account.records.create(record(plan={"when": NOW}))
    with pytest.raises(ValueError, match="nan"):
        account.records.create(record(plan=float("nan")))


def test_records_of_a_status_come_newest_first_from_a_time_on(account: Account) -> None:
    for number in range(4):
        start = format_time(NOW + timedelta(minutes=number))
        account.records.create(record(f"restore-{number}", start_time=start))
    account.records.create(record("restore-other", status="FAILED"))
    found = account.records.list_by_status("RUNNING", NOW + timedelta(minutes=1), limit=2)
    assert [item["operation_id"] for item in found] == ["restore-3", "restore-2"]
    assert len(account.records.list_by_status("RUNNING", None, limit=10)) == 4


def test_records_are_found_by_status_time_and_target_newest_first(account: Account) -> None:
    for number, status in enumerate(("RUNNING", "FAILED", "RUNNING", "CANCELLED")):
        start = format_time(NOW + timedelta(minutes=number))
        target = "staging" if number else "other"
        account.records.create(
            record(f"restore-{number}", start_time=start, status=status, target_cluster_id=target)
        )
    statuses = ["RUNNING", "FAILED"]

    def found(
        since: int | None, until: int | None, target: str | None, limit: int = 9
    ) -> tuple[list[str], bool]:
        begin, end = (None if each is None else NOW + timedelta(minutes=each) for each in (since, until))
        seen = account.records.find(statuses, begin, end, target, limit)
        return [item["operation_id"] for item in seen.items], seen.is_complete

    assert found(None, None, None) == (["restore-2", "restore-1", "restore-0"], True)
    assert found(1, 1, None) == (["restore-1"], True)
    assert found(None, 1, "staging") == (["restore-1"], True)
    assert found(None, None, None, limit=2) == (["restore-2", "restore-1"], False)
    assert found(None, None, None, limit=3) == (["restore-2", "restore-1", "restore-0"], True)


def test_the_trail_is_in_order_and_a_repeated_entry_is_one(account: Account) -> None:
    account.audit.append(event("restore-1", "Second", 2, {"n": (1, 2.0)}))
    account.audit.append(event("restore-1", "First", 0, {}))
    account.audit.append(event("restore-1", "First", 0, {"again": True}))
    account.audit.append(event("restore-2", "Other", 0, {}))
    trail = account.audit.trail("restore-1")
    assert [(entry["event"], entry["details"]) for entry in trail] == [
        ("First", {}),
        ("Second", {"n": [1, 2]}),
    ]
    assert trail[0] == event("restore-1", "First", 0, {})


def test_the_events_of_a_day_are_found_across_operations_in_their_order(account: Account) -> None:
    for operation_id, name, seconds in (("restore-2", "Second", 1), ("restore-1", "First", 0)):
        account.audit.append(event(operation_id, name, seconds, {}))
    account.audit.append(event("restore-1", "Tomorrow", 86_400, {}))
    found = account.audit.events_of_day("2026-11-22")
    assert [(entry["operation_id"], entry["event"]) for entry in found] == [
        ("restore-1", "First"),
        ("restore-2", "Second"),
    ]


AWKWARD = {
    "numbers": [0, -0.0, 1.0, 0.1, 1e22, 1e30, 1e-7, 123456789012345678, -2.5, 38_000_000_000],
    "texts": ["", "µ\u2028\U0001f600", "1", "true", "null"],
    "others": [None, True, False, [], {}, [None], {"": None}],
}


def test_the_hash_of_an_event_is_the_same_when_it_is_read_back(account: Account) -> None:
    head, entries = next_entries(
        Record.read({"operation_id": "restore-1", "audit_head": {"count": 1, "hash": "1" * 64}}),
        [("First", AWKWARD), ("Second", {})],
        NOW,
        365,
    )
    for entry in entries:
        account.audit.append(audit_item("restore-1", entry))
    trail = account.audit.trail("restore-1")
    assert [hash_of(each) for each in trail] == [each["hash"] for each in trail]
    assert (trail[1]["previous_hash"], trail[1]["hash"]) == (trail[0]["hash"], head.hash)


def test_an_entry_is_the_same_when_it_is_appended_out_of_the_record(account: Account) -> None:
    account.records.create(record())
    head, entries = next_entries(
        Record.read(account.records.load("restore-1")), [("First", AWKWARD)], NOW, 365
    )
    account.records.update("restore-1", noted(head, entries))
    (noted_entry,) = Record.read(account.records.load("restore-1")).last_events
    account.audit.append(audit_item("restore-1", noted_entry))
    (found,) = account.audit.trail("restore-1")
    assert hash_of(found) == found["hash"] == head.hash


def test_a_record_is_changed_only_where_its_fields_are_as_they_are_expected(account: Account) -> None:
    account.records.create(record())
    records, first, second = account.records, {"head": {"hash": "one"}}, {"head": {"hash": "two"}, "x": 1}
    assert not records.update("restore-1", {"x": 1}, only_if={"head.hash": "one"})
    assert records.update("restore-1", first, only_if={"head.hash": None})
    assert not records.update("restore-1", second, only_if={"head.hash": None})
    assert not records.update("restore-1", second, "FAILED", only_if={"head.hash": "one"})
    assert records.update("restore-1", second, "RUNNING", only_if={"head.hash": "one"})
    # Our own request again, after its reply was lost.
    assert records.update("restore-1", second, "RUNNING", only_if={"head.hash": "one"})
    assert not records.update("restore-1", {"new.map": 1}, only_if={"head.hash": "one"})
    assert "new" not in (records.load("restore-1") or {})


def test_a_lock_has_one_owner_until_it_gives_it_back_or_is_replaced(account: Account) -> None:
    locks = account.locks
    assert locks.owner("staging") is None
    assert locks.acquire("staging", "restore-1", NOW)
    assert locks.acquire("staging", "restore-1", NOW)
    assert not locks.acquire("staging", "restore-2", NOW)
    assert not locks.acquire("staging", "restore-2", NOW, replaces="restore-3")
    assert locks.acquire("staging", "restore-2", NOW, replaces="restore-1")
    locks.release("staging", "restore-1")
    assert locks.owner("staging") == "restore-2"
    assert locks.list_owners() == {"staging": "restore-2"}
    locks.release("staging", "restore-2")
    assert locks.list_owners() == {}
    assert locks.acquire("staging", "restore-3", NOW)


def test_a_message_is_for_people_and_for_programs(account: Account) -> None:
    message_id = account.notifications.publish(
        "Ünusual\nsubject", "Good news.", {"outcome": "SUCCEEDED"}, {"outcome": "SUCCEEDED", "empty": ""}
    )
    assert message_id
    subject, body, attributes = account.published()[0]
    assert subject == "?nusual subject"
    assert body == 'Good news.\n\n---\n{"outcome": "SUCCEEDED"}'
    assert attributes == {"outcome": "SUCCEEDED"}


def test_a_message_to_nowhere_fails(account: Account) -> None:
    with pytest.raises(errors.NotificationFailed):
        account.nowhere.publish("s", "t", {}, {})


def test_a_secret_is_read_or_named_for_what_it_is(account: Account) -> None:
    assert account.secrets.read_credentials(GOOD) == Credentials("postgres", "long-enough")
    with pytest.raises(errors.SecretNotFound):
        account.secrets.read_credentials("aurora-restore/none")
    with pytest.raises(errors.SecretMalformed, match="lacks text under password"):
        account.secrets.read_credentials(BAD)
    with pytest.raises(errors.SecretMalformed, match="not a JSON object"):
        account.secrets.read_credentials(BINARY)


def test_a_key_is_found_by_its_arn_and_its_alias(account: Account) -> None:
    for name in (account.key_arn, "alias/restore"):
        found = account.keys.find_key(name)
        assert found is not None
        assert (found.arn, found.key_state) == (account.key_arn, "Enabled")
    assert account.keys.find_key("alias/none") is None


def test_security_groups_are_those_that_exist(account: Account) -> None:
    found = account.network.find_security_groups([account.group_id, "sg-0nothere"])
    assert list(found) == [account.group_id]
    assert found[account.group_id].group_name == "database"


def test_an_execution_is_described_and_stopped(account: Account) -> None:
    arn = account.start("restore-1")
    running = account.executions.describe_arn(arn)
    assert running is not None
    assert (running.name, running.status, running.input) == ("restore-1", "RUNNING", {"a": 1})
    for cause in ("not needed", "too late"):
        account.executions.stop_arn(arn, "Cancelled", cause)
        stopped = account.executions.describe_arn(arn)
        assert stopped is not None
        assert (stopped.status, stopped.error, stopped.cause) == ("ABORTED", "Cancelled", "not needed")
        assert stopped.stop_time is not None


def test_an_execution_that_is_not_known_is_none(account: Account) -> None:
    arn = account.start("restore-1") + "-none"
    assert account.executions.describe_arn(arn) is None
    account.executions.stop_arn(arn, "Cancelled", "nothing there")


def test_a_cleanup_is_started_once_an_attempt(account: Account) -> None:
    arn = account.start("restore-1")
    account.executions.start_cleanup("restore-1", arn, "1")
    account.executions.start_cleanup("restore-1", arn, "1")
    account.executions.start_cleanup("restore-1", arn, "2")


def test_the_command_line_starts_one_execution_of_a_name(account: Account) -> None:
    executions = account.region_executions
    first = executions.start("restore-1", {"a": 1})
    found = executions.find("restore-1")
    assert found is not None
    assert (found.execution_arn, found.status, found.error, found.stop_time) == (first, "RUNNING", None, None)
    with pytest.raises(ExecutionAlreadyExists, match="restore-1"):
        executions.start("restore-1", {"a": 2})
    assert executions.find("restore-2") is None


def test_the_command_line_stops_an_execution_once(account: Account) -> None:
    executions = account.region_executions
    executions.start("restore-1", {"a": 1})
    for cause in ("the wrong day", "too late"):
        assert executions.stop("restore-1", cause)
        found = executions.find("restore-1")
        assert found is not None
        assert (found.status, found.error) == ("ABORTED", "ManualCancellation")
        assert (found.cause or "").startswith("the wrong day")
        assert found.stop_time is not None
    assert not executions.stop("restore-2", "not known")
    with pytest.raises(ExecutionAlreadyExists):
        executions.start("restore-1", {"a": 1})


REQUESTS: Mapping[str, Callable[[Account], object]] = {
    "create": lambda a: a.records.create(record("restore-9")),
    "load": lambda a: a.records.load("restore-9"),
    "update": lambda a: a.records.update("restore-9", {"a": 1}),
    "list": lambda a: a.records.list_by_status("RUNNING", None, 5),
    "append": lambda a: a.audit.append(event("restore-9", "E", 0, {})),
    "trail": lambda a: a.audit.trail("restore-9"),
    "acquire": lambda a: a.locks.acquire("t", "restore-9", NOW),
    "owner": lambda a: a.locks.owner("t"),
    "owners": lambda a: a.locks.list_owners(),
    "release": lambda a: a.locks.release("t", "restore-9"),
    "publish": lambda a: a.notifications.publish("s", "t", {}, {}),
    "secret": lambda a: a.secrets.read_credentials(GOOD),
    "key": lambda a: a.keys.find_key("alias/restore"),
    "groups": lambda a: a.network.find_security_groups([a.group_id]),
    "describe": lambda a: a.executions.describe_arn("arn:aws:states:us-west-2:123456789012:execution:m:n"),
    "stop": lambda a: a.executions.stop_arn("arn:aws:states:us-west-2:123456789012:execution:m:n", "E", "c"),
    "start": lambda a: a.executions.start_cleanup("restore-9", "arn", "1"),
}
DENIED_AS = {
    "publish": errors.NotificationFailed,
    "secret": errors.SecretNotAccessible,
    "key": errors.KmsKeyNotAccessible,
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_fault_is_the_same_error_of_the_domain(account: Account, name: str) -> None:
    expected = {
        FaultKind.UNAVAILABLE: errors.AwsUnavailable,
        FaultKind.THROTTLED: errors.AwsThrottled,
        FaultKind.REPLY_LOST: errors.AwsUnavailable,
        FaultKind.DENIED: DENIED_AS.get(name, errors.AccessDenied),
    }
    for fault, error in expected.items():
        account.spoil(fault)
        with pytest.raises(error):
            REQUESTS[name](account)
    REQUESTS[name](account)


def test_a_request_whose_reply_was_lost_has_acted(account: Account) -> None:
    account.spoil(FaultKind.REPLY_LOST)
    with pytest.raises(errors.AwsUnavailable):
        account.locks.acquire("staging", "restore-1", NOW)
    assert account.locks.owner("staging") == "restore-1"


def test_a_request_that_failed_before_it_acted_has_not(account: Account) -> None:
    account.spoil(FaultKind.UNAVAILABLE)
    with pytest.raises(errors.AwsUnavailable):
        account.locks.acquire("staging", "restore-1", NOW)
    assert account.locks.owner("staging") is None
