"""`check` and `notify --test` on an account in this process: what they say, their exit statuses, what they ask for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support.faults import FaultKind, Refusal
from tests.support.in_process_aws import InProcessAws, is_operation, shared_aws
from tests.unit.cli.document_permissions import documented_actions, iam_actions

from aurora_restore.cli import app, connection
from aurora_restore.cli.commands import check as check_command
from aurora_restore.cli.connection import connect_surroundings
from aurora_restore.cli.health import HealthCheck
from aurora_restore.deployment.packaging import PackagingFailed, Project
from aurora_restore.deployment.source_versions import source_versions
from aurora_restore.domain.checks.finding import Finding, Health
from aurora_restore.domain.checks.versions import SourceVersions

REGION, STACK = "us-west-2", "aurora-restore-pipeline"
ADMIN_SECRET, USER_SECRET = "aurora-restore/admin-credentials", "aurora-restore/users/reporting"
PASSWORD = "hunter2-of-the-admin"


@pytest.fixture(scope="module")
def source() -> SourceVersions:
    return source_versions(Project.find())


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, source: SourceVersions) -> Iterator[InProcessAws]:
    aws = shared_aws()
    aws.create_tables()
    aws.create_topic()
    aws.create_secret(ADMIN_SECRET, {"username": "postgres", "password": PASSWORD})
    aws.create_secret(USER_SECRET, {"username": "reader", "password": PASSWORD})
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setattr(connection, "make_session", aws.session)
    # Built once for all tests here.
    monkeypatch.setattr(connection, "source_versions", lambda _project: source)
    yield aws
    aws.clear_faults()


def findings(aws: InProcessAws) -> dict[str, Finding]:
    around = connect_surroundings(REGION, STACK, aws.session())
    found = list(HealthCheck(around, datetime.now(UTC)).findings())
    by_name = {finding.name: finding for finding in found}
    assert len(by_name) == len(found)
    return by_name


def subscribe(aws: InProcessAws) -> None:
    client = aws.session().client("sns")
    topic = client.list_topics()["Topics"][0]["TopicArn"]
    client.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{aws.account_id}:inbox")


def test_every_check_has_a_finding_and_no_secret_is_in_any(
    aws: InProcessAws, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run(["check", "--json"]) == 8
    printed = capsys.readouterr()
    document = json.loads(printed.out)
    names = [finding["name"] for finding in document["findings"]]
    assert document["health"] == "red"
    assert len(names) == len(set(names)) >= 17
    assert PASSWORD not in printed.out + printed.err
    admin = next(finding for finding in document["findings"] if finding["name"] == "admin secret")
    assert admin["health"] == "green"


def test_a_check_for_people_says_what_is_red_with_the_command_and_quiet_leaves_the_green_out(
    aws: InProcessAws, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run(["check"]) == 8
    full = capsys.readouterr().out
    assert "ok   admin secret" in full
    assert "RED  table AuroraRestoreState" in full
    [command] = [line for line in full.splitlines() if "--table-name AuroraRestoreState --point" in line]
    assert command.strip().startswith("aws dynamodb update-continuous-backups ")
    assert app.run(["check", "--quiet"]) == 8
    quiet = capsys.readouterr().out
    assert "admin secret" not in quiet
    assert "RED  table AuroraRestoreState" in quiet


@pytest.mark.parametrize("width", [40, 80])
def test_lines_are_folded_at_the_width_of_the_terminal(
    aws: InProcessAws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    app.run(["check"])
    for line in capsys.readouterr().out.splitlines():
        # A command, and a word that is wider than its column, stay whole.
        assert len(line) <= width or line.startswith("    ") or width == 40


def green(name: str) -> Finding:
    return Finding(name, Health.GREEN, "as it has to be")


@pytest.mark.parametrize(
    ("found", "status", "is_silent"),
    [
        ([green("a")], 0, True),
        ([green("a"), Finding("b", Health.UNKNOWN, "it was refused", "Nothing is known of it.")], 9, False),
        ([Finding("a", Health.RED, "it is off", "It has to be on."), green("b")], 8, False),
    ],
)
def test_the_exit_status_is_that_of_the_worst_finding_and_cron_hears_nothing_of_good_health(
    aws: InProcessAws,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    found: list[Finding],
    status: int,
    is_silent: bool,
) -> None:
    class Checked:
        def __init__(self, *_: object) -> None: ...

        def findings(self) -> list[Finding]:
            return found

    monkeypatch.setattr(check_command, "HealthCheck", Checked)
    assert app.run(["check", "--quiet"]) == status
    assert (capsys.readouterr().out == "") is is_silent
    assert app.run(["check"]) == status


def test_what_may_not_be_asked_is_not_known_and_names_the_permission(aws: InProcessAws) -> None:
    aws.calls.clear()
    before = findings(aws)
    first = {call.operation for call in aws.calls} - {"GetCallerIdentity", "DescribeStacks"}
    # What an observation asks for second is refused alone.
    second = {"DescribeContinuousBackups"}
    for refused in (first, second):
        aws.clear_faults()
        aws.before(lambda call, refused=refused: call.operation in refused, FaultKind.DENIED, times=1000)  # type: ignore[misc]
        unknown = [item for item in findings(aws).values() if item.health is Health.UNKNOWN]
        assert all(re.search(r"[a-z]+:[A-Z][A-Za-z]+", item.means) for item in unknown)
        # Only the stack could still be looked at.
        assert len(unknown) == (len(before) - 1 if refused is first else 3)
        assert any(f"dynamodb:{sorted(second)[0]}" in item.means for item in unknown) is (refused is second)


def test_what_depends_on_a_stack_that_may_not_be_described_is_not_guessed(aws: InProcessAws) -> None:
    aws.before(is_operation("DescribeStacks"), FaultKind.DENIED, times=1000)
    found = findings(aws)
    for name in ("stack", "admin secret", "secrets of users", "snapshots"):
        assert found[name].health is Health.UNKNOWN, found[name]
    assert found["table AuroraRestoreState"].health is Health.RED


def test_one_service_that_does_not_answer_keeps_no_other_check_from_being_made(aws: InProcessAws) -> None:
    aws.before(is_operation("DescribeAlarms"), FaultKind.THROTTLED, times=1000)
    found = findings(aws)
    assert found["alarms"].health is Health.UNKNOWN
    assert found["admin secret"].health is Health.GREEN


@pytest.mark.parametrize(
    "spoil",
    [
        lambda client, name: client.put_secret_value(SecretId=name, SecretString="hunter2-of-the-admin"),
        lambda client, name: client.put_secret_value(SecretId=name, SecretString='{"username": "x"}'),
        lambda client, name: client.delete_secret(SecretId=name),
    ],
    ids=["no JSON", "no password", "to be deleted"],
)
def test_a_secret_that_is_spoilt_is_red_and_is_not_shown(
    aws: InProcessAws, spoil: Callable[[Any, str], object]
) -> None:
    spoil(aws.session().client("secretsmanager"), ADMIN_SECRET)
    found = findings(aws)["admin secret"]
    assert found.health is Health.RED
    assert found.repairs
    assert PASSWORD not in str(found)


def test_without_a_source_tree_versions_are_not_known(
    aws: InProcessAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_tree(_: Project) -> SourceVersions:
        raise PackagingFailed("This is not the project's source tree.")

    monkeypatch.setattr(connection, "source_versions", no_tree)
    found = findings(aws)
    assert {found[name].health for name in ("template", "functions", "state machines")} == {Health.UNKNOWN}


def test_without_credentials_a_check_ends_as_every_command_does(
    aws: InProcessAws, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.before(is_operation("GetCallerIdentity"), Refusal("ExpiredToken", "it has expired"))
    assert app.run(["check"]) == 5
    assert "CREDENTIALS_REFUSED" in capsys.readouterr().err


def test_the_actions_that_check_needs_are_those_of_the_document(aws: InProcessAws) -> None:
    aws.calls.clear()
    findings(aws)
    # Asked only of operations under way, of a rule that exists, of a sweep that is enabled, and of a zip that differs.
    sometimes = {
        "cloudwatch:GetMetricStatistics", "dynamodb:GetItem", "events:ListTargetsByRule", "s3:GetObject",
        "states:DescribeExecution",
    }  # fmt: skip
    asked = iam_actions((call.service, call.operation) for call in aws.calls)
    assert asked | sometimes == documented_actions("check")


def test_a_test_notification_has_the_shape_of_a_real_one_and_is_marked_everywhere(
    aws: InProcessAws, capsys: pytest.CaptureFixture[str]
) -> None:
    subscribe(aws)
    assert app.run(["notify", "--test"]) == 0
    assert "1 confirmed subscription" in capsys.readouterr().out
    [published] = aws.published
    text, _, facts = published.message.rpartition("\n---\n")
    assert published.subject.startswith("Test: ")
    assert "This is a test" in text
    assert published.attributes["outcome"] == "TEST"
    # The fields of a real one: those of `message_about`.
    assert json.loads(facts)["test"] is True
    assert {"operation_id", "outcome", "target_cluster_id", "restore_details", "end_time"} <= set(
        json.loads(facts)
    )


def test_a_test_notification_that_no_subscription_gets_is_red(
    aws: InProcessAws, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run(["notify", "--test", "--json"]) == 8
    document = json.loads(capsys.readouterr().out)
    assert document["subscriptions"]["health"] == "red"
    assert len(aws.published) == 1


def test_who_gets_a_test_notification_may_not_be_known(aws: InProcessAws) -> None:
    subscribe(aws)
    aws.before(is_operation("ListSubscriptionsByTopic"), FaultKind.DENIED)
    assert app.run(["notify", "--test"]) == 9


def test_a_notification_that_cannot_be_sent_ends_the_command(
    aws: InProcessAws, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.before(is_operation("Publish"), FaultKind.DENIED)
    assert app.run(["notify", "--test"]) == 1
    assert "NOTIFICATION_FAILED" in capsys.readouterr().err


def test_nothing_but_a_test_is_sent_by_hand(aws: InProcessAws) -> None:
    assert app.run(["notify"]) == 2
    assert aws.published == []


def test_the_actions_that_notify_needs_are_those_of_the_document(aws: InProcessAws) -> None:
    aws.calls.clear()
    app.run(["notify", "--test"])
    asked = iam_actions((call.service, call.operation) for call in aws.calls)
    assert asked == documented_actions("notify --test")
