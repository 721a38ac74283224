"""Viewers, operators and administrators with the policies of infrastructure/access.yaml: what each may run."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.stack.conftest import Clients
from tests.stack.identities import Identity, user_attached_to
from tests.stack.polling import poll_until
from tests.support.commands import Done, run_command

from aurora_restore.cli.exit_codes import ExitCode
from aurora_restore.deployment.access import ROLES_OF_PEOPLE
from aurora_restore.deployment.packaging import Project
from local_stack.stack_info import StackInfo

pytestmark = pytest.mark.file_one_day_in(7, 0)

ACCESS_STACK = "aurora-restore-access"
RUN, SCHEDULE = "restore-people-looked-at", "people-nightly"
BACKUPS = "aurora-restore-dr-backup-of-people"
YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
REQUEST = (
    *(
        "--source-date",
        YESTERDAY,
        "--source-cluster",
        "production",
        "--target-cluster",
        "aurora-restored-people",
    ),
    *("--security-group", "sg-12345678", "--subnet-group", "default-vpc-subnet-group"),
)
LOOKS = [("list",), ("status", RUN), ("events", RUN), ("audit",), ("logs", RUN)]
# What each kind of people may do and the one before may not.
RUNS = {
    "operator": [("plan", *REQUEST), ("notify", "--test"), ("schedule", "resume", SCHEDULE)],
    "admin": [
        ("schedule", "create", "people-weekly", "--daily", "02:00", "--paused", *REQUEST),
        ("schedule", "delete", SCHEDULE),
        ("backup", "--to", f"s3://{BACKUPS}/people"),
        ("archive", "--before", "2020-01-01", "--to", f"s3://{BACKUPS}/archive", "--dry-run"),
        ("deploy", "--yes"),
    ],
}
BEFORE = {"operator": "viewer", "admin": "operator"}
Shell = Callable[..., Done]


@pytest.fixture(scope="module")
def policy_arns(boto: Clients) -> Iterator[dict[str, str]]:
    """The policies as the guide deploys them, by their names in the template."""
    cloudformation = boto("cloudformation")
    cloudformation.create_stack(
        StackName=ACCESS_STACK,
        TemplateBody=Project.find().access_template.read_text(encoding="utf-8"),
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )

    def stack() -> dict[str, Any]:
        found: dict[str, Any] = cloudformation.describe_stacks(StackName=ACCESS_STACK)["Stacks"][0]
        return found

    poll_until(lambda: stack()["StackStatus"] == "CREATE_COMPLETE", "the policies", 30)
    yield {output["OutputKey"].removesuffix("Arn"): output["OutputValue"] for output in stack()["Outputs"]}
    cloudformation.delete_stack(StackName=ACCESS_STACK)


@pytest.fixture(scope="module")
def people(stack: StackInfo, boto: Clients, policy_arns: dict[str, str]) -> Iterator[dict[str, Identity]]:
    """A user of each kind."""
    with ExitStack() as users:
        yield {
            kind: users.enter_context(user_attached_to(stack, boto, [policy_arns[name] for name in policies]))
            for kind, policies in ROLES_OF_PEOPLE.items()
        }


@pytest.fixture(scope="module", autouse=True)
def something_to_look_at(stack: StackInfo, boto: Clients) -> Iterator[None]:
    """A dry run and a schedule, made by the owner of the account."""
    owner = Identity(stack, stack.account_id, "local")
    planned = run_command(owner.environment(), ("plan", *REQUEST, "--name", RUN))
    assert planned.status == ExitCode.OK, planned.out
    made = run_command(
        owner.environment(), ("schedule", "create", SCHEDULE, "--daily", "02:00", "--paused", *REQUEST)
    )
    assert made.status == ExitCode.OK, made.err
    boto("s3").create_bucket(Bucket=BACKUPS, CreateBucketConfiguration={"LocationConstraint": stack.region})
    yield
    scheduler = boto("scheduler")
    for schedule in scheduler.list_schedules(GroupName="aurora-restore")["Schedules"]:
        scheduler.delete_schedule(Name=schedule["Name"], GroupName="aurora-restore")


@pytest.fixture
def shell(people: dict[str, Identity]) -> Callable[..., Done]:
    """`shell("viewer", "list")`: a command line with the credentials of a user of this kind."""
    return lambda kind, *arguments: run_command(people[kind].environment(), arguments)


# Where a command has an exit status and a code for what it was doing, those.
REFUSED = {
    "deploy": (ExitCode.OPERATION_FAILED, "PACKAGING_FAILED"),
    "notify": (ExitCode.OPERATION_FAILED, "NOTIFICATION_FAILED"),
}


def refusal_of(done: Done) -> tuple[int, str]:
    return done.status, done.document["error"]["code"]


@pytest.mark.parametrize("command", LOOKS, ids=" ".join)
def test_a_viewer_sees_everything(shell: Shell, command: tuple[str, ...]) -> None:
    done = shell("viewer", *command)

    assert done.status == ExitCode.OK, done.out + done.err


@pytest.mark.parametrize("kind", ["viewer", "admin"])
def test_a_viewer_can_check_all_but_the_secrets_and_an_administrator_these_too(
    shell: Shell, kind: str
) -> None:
    findings = shell(kind, "check", "--json").document["findings"]

    unknown = {finding["name"] for finding in findings if finding["health"] == "unknown"}
    assert len(findings) > len(unknown)
    assert bool(unknown) == (kind == "viewer"), unknown
    assert all("secret" in name for name in unknown), unknown


def test_a_viewer_can_collect_what_an_escalation_needs(shell: Shell, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.zip"
    done = shell("viewer", "diagnose", RUN, "--output", str(bundle))

    assert done.status == ExitCode.OK, done.out + done.err
    with zipfile.ZipFile(bundle) as collected:
        assert [name for name in collected.namelist() if b"AccessDenied" in collected.read(name)] == []


@pytest.mark.parametrize(
    ("kind", "command"),
    [
        pytest.param(kind, each, id=f"{kind} {each[0]} {each[1]}")
        for kind, commands in RUNS.items()
        for each in commands
    ],
)
def test_a_command_is_run_by_those_whose_it_is_and_refused_to_those_before_them(
    shell: Shell, kind: str, command: tuple[str, ...]
) -> None:
    refused = shell(BEFORE[kind], *command, "--json")
    done = shell(kind, *command, "--json")

    assert refusal_of(refused) == REFUSED.get(command[0], (ExitCode.UNREACHABLE, "ACCESS_DENIED"))
    # A new local stack has no confirmed subscription.
    assert done.status == (ExitCode.RED if command[0] == "notify" else ExitCode.OK), done.out + done.err


def test_a_restore_is_started_and_cancelled_by_operators_and_by_no_viewer(
    shell: Shell, people: dict[str, Identity], stack: StackInfo
) -> None:
    refused = shell("viewer", "start", *REQUEST, "--json")
    started = shell("operator", "start", *REQUEST, "--name", "restore-of-operators", "--json")
    runs = f"arn:aws:states:{stack.region}:{stack.account_id}:execution:aurora-restore-state-machine"
    with pytest.raises(ClientError) as not_stopped:
        people["viewer"].client("stepfunctions").stop_execution(executionArn=f"{runs}:restore-of-operators")
    cancelled = shell("operator", "cancel", "restore-of-operators", "--reason", "enough", "--interval", "0.2")

    assert refusal_of(refused) == (ExitCode.UNREACHABLE, "ACCESS_DENIED")
    assert started.status == ExitCode.OK, started.out + started.err
    assert not_stopped.value.response["Error"]["Code"] == "AccessDeniedException"
    assert cancelled.status == ExitCode.OK, cancelled.out + cancelled.err


def test_not_even_an_administrator_touches_a_cluster_or_the_secret_of_another_system(
    people: dict[str, Identity],
) -> None:
    rds, secrets = people["admin"].client("rds"), people["admin"].client("secretsmanager")
    attempts: tuple[Callable[[], object], ...] = (
        lambda: rds.delete_db_cluster(DBClusterIdentifier="aurora-restored-people", SkipFinalSnapshot=True),
        lambda: rds.modify_db_cluster(DBClusterIdentifier="production", DeletionProtection=False),
        lambda: secrets.get_secret_value(SecretId="payroll"),
    )

    for attempt in attempts:
        with pytest.raises(ClientError) as refused:
            attempt()
        assert refused.value.response["Error"]["Code"] in {"AccessDenied", "AccessDeniedException"}
