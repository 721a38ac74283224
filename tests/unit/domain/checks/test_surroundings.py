"""Stack, tables, topic, secrets and snapshots: what is green, what is red, and what repairs it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.domain.builders import snapshot

from aurora_restore.domain.checks.finding import Finding, Health, not_looked_at, worst
from aurora_restore.domain.checks.surroundings import (
    StackSeen,
    Subscription,
    TableSeen,
    check_secret,
    check_snapshots,
    check_stack,
    check_table,
    check_topic,
    check_user_secrets,
    sources_of,
    unusable,
)
from aurora_restore.domain.errors import (
    AccessDenied,
    AwsThrottled,
    RestoreError,
    SecretMalformed,
    SecretNotAccessible,
    SecretNotFound,
)
from aurora_restore.domain.observed import Credentials
from aurora_restore.domain.operation import Operation

NOW = datetime(2026, 11, 27, 6, tzinfo=UTC)
REGION, STACK, TABLE = "us-west-2", "aurora-restore-pipeline", "AuroraRestoreState"
TOPIC = "arn:aws:sns:us-west-2:123456789012:aurora-restore-notifications"


@pytest.mark.parametrize(
    ("status", "health"),
    [
        ("CREATE_COMPLETE", Health.GREEN),
        ("UPDATE_COMPLETE", Health.GREEN),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", Health.GREEN),
        ("UPDATE_IN_PROGRESS", Health.UNKNOWN),
        ("UPDATE_ROLLBACK_COMPLETE", Health.RED),
        ("UPDATE_ROLLBACK_FAILED", Health.RED),
        ("ROLLBACK_COMPLETE", Health.RED),
        ("DELETE_FAILED", Health.RED),
    ],
)
def test_a_stack_is_green_only_in_the_state_that_its_template_says(status: str, health: Health) -> None:
    found = check_stack(STACK, StackSeen(STACK, status), REGION)
    assert found.health is health
    assert status in found.seen


def test_a_stack_that_does_not_exist_is_red_and_is_to_be_deployed() -> None:
    found = check_stack("of-another-name", None, REGION)
    assert found.health is Health.RED
    assert found.repairs == ("aurora-restore deploy --region us-west-2 --stack-name of-another-name",)


def test_a_table_is_green_with_recovery_and_protection() -> None:
    assert check_table(TABLE, TableSeen(TABLE, "ACTIVE", True, True), REGION).health is Health.GREEN


def test_each_thing_that_a_table_lacks_has_its_own_repair() -> None:
    found = check_table(TABLE, TableSeen(TABLE, "ACTIVE", False, False), REGION)
    assert found.health is Health.RED
    assert [command.split()[2] for command in found.repairs] == ["update-continuous-backups", "update-table"]
    assert all(f"--table-name {TABLE}" in command for command in found.repairs)


@pytest.mark.parametrize("seen", [None, TableSeen(TABLE, "INACCESSIBLE_ENCRYPTION_CREDENTIALS", True, True)])
def test_a_table_that_cannot_be_used_is_red(seen: TableSeen | None) -> None:
    assert check_table(TABLE, seen, REGION).health is Health.RED


def test_one_confirmed_subscription_is_enough_and_those_that_wait_are_named() -> None:
    waiting = Subscription("email", "night@example.com", is_confirmed=False)
    found = check_topic(TOPIC, [Subscription("sqs", "arn:aws:sqs:x", is_confirmed=True), waiting], REGION)
    assert found.health is Health.GREEN
    assert "night@example.com" in found.seen


@pytest.mark.parametrize("seen", [None, [], [Subscription("email", "night@example.com", is_confirmed=False)]])
def test_a_topic_whose_messages_are_not_delivered_is_red(seen: list[Subscription] | None) -> None:
    found = check_topic(TOPIC, seen, REGION)
    assert found.health is Health.RED
    assert found.repairs


def marked_for_deletion(secret_id: str) -> SecretNotFound:
    error = SecretNotFound(f"{secret_id} cannot be read")
    error.is_marked_for_deletion = True
    return error


@pytest.mark.parametrize(
    ("problem", "command"),
    [
        (SecretNotFound("there is no secret x"), "create-secret"),
        (marked_for_deletion("x"), "restore-secret"),
        (SecretMalformed("the value of the secret x is not a JSON object"), "put-secret-value"),
    ],
)
def test_a_secret_that_cannot_be_read_has_the_command_that_mends_it(
    problem: RestoreError, command: str
) -> None:
    found = check_secret("x", problem, REGION)
    assert found.health is Health.RED
    assert found.repairs[0].startswith(f"aws secretsmanager {command} ")


def test_a_secret_is_read_as_the_pipeline_reads_it_and_never_shown() -> None:
    assert unusable("x", Credentials("postgres", "s3cret")) is None
    problem = unusable("x", Credentials("postgres", "s3cret\0"))
    assert isinstance(problem, SecretMalformed)
    assert "s3cret" not in problem.message


def test_of_the_secrets_of_users_those_that_are_wrong_are_named() -> None:
    wrong = SecretMalformed("the secret aurora-restore/b lacks text under password")
    found = check_user_secrets(
        "aurora-restore/", {"aurora-restore/a": None, "aurora-restore/b": wrong}, 3, REGION
    )
    assert found.health is Health.RED
    assert "aurora-restore/b" in found.seen
    assert "aurora-restore/a" not in found.seen
    assert "3 more were not read" in found.seen


def test_a_secret_of_a_user_that_may_not_be_read_hides_none_that_is_wrong() -> None:
    closed = SecretNotAccessible("the secret aurora-restore/a cannot be read: it was refused")
    wrong = SecretMalformed("the secret aurora-restore/b lacks text under password")
    problems: dict[str, RestoreError | None] = {"aurora-restore/a": closed, "aurora-restore/c": None}
    assert check_user_secrets("aurora-restore/", problems, 0, REGION).health is Health.UNKNOWN
    found = check_user_secrets("aurora-restore/", {**problems, "aurora-restore/b": wrong}, 0, REGION)
    assert found.health is Health.RED
    assert "1 more were not read" in found.seen


@pytest.mark.parametrize(
    ("hours", "status", "health"),
    [
        (47, "available", Health.GREEN),
        (49, "available", Health.RED),
        (2, "creating", Health.RED),
        (2, "failed", Health.RED),
    ],
)
def test_a_source_needs_an_available_snapshot_of_the_last_two_days(
    hours: float, status: str, health: Health
) -> None:
    made = snapshot(
        snapshot_create_time=NOW - timedelta(hours=hours), status=status, db_cluster_identifier="production"
    )
    found = check_snapshots("snapshots", "us-east-1", "production", [made], NOW)
    assert found.health is health
    assert "us-east-1" in found.seen


def test_a_copy_or_another_cluster_s_snapshot_is_not_one_of_the_source() -> None:
    recent = NOW - timedelta(hours=1)
    copy = snapshot(
        snapshot_create_time=recent,
        db_cluster_identifier="production",
        source_db_cluster_snapshot_arn="arn:aws:rds:us-east-1:123456789012:cluster-snapshot:x",
    )
    other = snapshot(snapshot_create_time=recent, db_cluster_identifier="billing")
    found = check_snapshots("snapshots", "us-east-1", "production", [copy, other], NOW)
    assert found.health is Health.RED
    assert any("create-db-cluster-snapshot" in command for command in found.repairs)
    # Where no operation says which cluster it is, any one counts, and the line says which ones there are.
    anywhere = check_snapshots("snapshots", "us-east-1", None, [copy, other], NOW)
    assert anywhere.health is Health.GREEN
    assert "billing" in anywhere.seen


def test_the_sources_are_those_of_the_operations_each_once_and_an_undo_has_none() -> None:
    def operation(cluster: str, **parameters: object) -> Operation:
        source = {"region": "us-east-1", "db_cluster_identifier": cluster}
        return Operation({"plan": {"source": source}, "parameters": parameters})

    recent = [
        operation("b"),
        operation("a"),
        operation("b"),
        operation("c", undo_operation_id="x"),
        Operation({}),
    ]
    assert sources_of(recent) == (("us-east-1", "b"), ("us-east-1", "a"))


def test_what_may_not_be_looked_at_is_not_known_and_names_the_permission() -> None:
    denied = AccessDenied("dynamodb:DescribeTable was refused: no")
    denied.action = "dynamodb:DescribeTable"
    found = not_looked_at("table x", denied)
    assert found.health is Health.UNKNOWN
    assert "lack the permission dynamodb:DescribeTable" in found.means
    for error in (SecretNotAccessible("the secret x cannot be read"), AwsThrottled("slow down")):
        assert not_looked_at("x", error).health is Health.UNKNOWN


@pytest.mark.parametrize(
    ("health", "expected"),
    [
        ([Health.GREEN], Health.GREEN),
        ([Health.GREEN, Health.UNKNOWN], Health.UNKNOWN),
        ([Health.UNKNOWN, Health.RED, Health.GREEN], Health.RED),
    ],
)
def test_a_check_is_as_good_as_its_worst_finding(health: list[Health], expected: Health) -> None:
    assert worst(Finding("x", each, "y") for each in health) is expected
