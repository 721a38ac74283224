"""The commands of the original guide, unchanged, and ours that are for the AWS CLI alone, on the local stack."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.docs import original_guide
from tests.docs.blocks import EXAMPLE_OPERATION, ROOT
from tests.stack.conftest import FinishedRun
from tests.stack.polling import poll_until
from tests.stack.serving_targets import Place
from tests.support.aws_cli import directory_of_aws
from tests.support.inbox import Inbox

from aurora_restore.domain.observed import Credentials, DatabaseEndpoint
from local_aurora.engines.postgresql.admin import connection
from local_stack import lifecycle
from local_stack.stack_info import StackInfo

pytestmark = pytest.mark.file_one_day_in(7, 3)

# What the guide's own command starts.
GUIDE_REQUEST = original_guide.script("06_start_a_restore").split("--input '")[1].rpartition("'")[0]
PHASES = [
    "SnapshotCheck",
    "CopySnapshot",
    "RestoreCluster",
    "Defuse",
    "SetupDbUsers",
    "ApplyParameterGroup",
    "VerifyRestore",
    "ArchiveSnapshot",
    "Notify",
]
Shell = Callable[[str], str]
Original = Callable[..., tuple[str, Path]]
"""`original(name)`: what the command of that name printed, and the folder that it ran in."""
REDIRECTED = """
# Version 1 of the AWS CLI asks the real RDS of us-east-1 unless an option names another one.
aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL_RDS" "$@"; }
export AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1"""


def surroundings(stack: StackInfo, programs: Path) -> dict[str, str]:
    """The variables of a shell that is pointed at the stack."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    kept["PATH"] = f"{programs}{os.pathsep}{kept['PATH']}"
    answers = {"NO_PROXY": "127.0.0.1,localhost", "AWS_PAGER": "", "AWS_DEFAULT_OUTPUT": "json"}
    return kept | lifecycle.environment(stack.home) | answers


@pytest.fixture(scope="module")
def shell(stack: StackInfo, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A shell as `eval "$(aurora-restore local env)"` makes it."""
    environ = surroundings(stack, directory_of_aws(tmp_path_factory.mktemp("cli")))

    def run(command: str) -> str:
        done = subprocess.run(["/bin/bash", "-ec", command], cwd=ROOT, env=environ, capture_output=True, text=True,
                              timeout=120, check=False)  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


@pytest.fixture(scope="module")
def original(stack: StackInfo, tmp_path_factory: pytest.TempPathFactory) -> Original:
    """Runs a command of the original guide, unchanged, as in a checkout, and sees that it ends as our page says.

    `before` is what the shell did before, such as to choose another Region.
    """
    programs, folder = directory_of_aws(tmp_path_factory.mktemp("cli")), tmp_path_factory.mktemp("checkout")
    environ = surroundings(stack, programs)
    (folder / "infrastructure").symlink_to(ROOT / "infrastructure")

    def run(name: str, before: str = "") -> tuple[str, Path]:
        done = subprocess.run(["/bin/bash", "-ec", f"{before}\n{original_guide.script(name)}"], cwd=folder, env=environ,
                              capture_output=True, text=True, timeout=120, check=False)  # fmt: skip
        original_guide.assert_as_listed(name, done)
        return done.stdout, folder

    return run


@pytest.fixture(scope="module")
def guide_run(shell: Shell, original: Original) -> str:
    """One run, started and awaited by the guide's commands. Its name."""
    started, _ = original("06_start_a_restore")
    arn = json.loads(started)["executionArn"]
    describe = f"aws stepfunctions describe-execution --query status --output text --execution-arn {arn}"
    poll_until(lambda: shell(describe).strip() != "RUNNING", "the end of the run", 300)
    assert shell(describe).strip() == "SUCCEEDED"
    return str(arn.rpartition(":")[2])


def test_the_history_shows_every_phase(shell: Shell, guide_run: str) -> None:
    history = json.loads(
        shell(
            "aws stepfunctions get-execution-history --output json --execution-arn "
            f"arn:aws:states:$REGION:$ACCOUNT_ID:execution:aurora-restore-state-machine:{guide_run}"
        )
    )
    entered = [
        event["stateEnteredEventDetails"]["name"]
        for event in history["events"]
        if "stateEnteredEventDetails" in event
    ]
    assert [name for name in dict.fromkeys(entered) if name in PHASES] == PHASES


def test_the_state_table_answers_the_guides_get_item(shell: Shell, guide_run: str) -> None:
    key = json.dumps({"operation_id": {"S": guide_run}})
    item = json.loads(
        shell(f"aws dynamodb get-item --table-name AuroraRestoreState --key '{key}' --output json")
    )["Item"]
    fields = {
        "operation_id",
        "status",
        "start_time",
        "last_updated_time",
        "parameters",
        "snapshot_details",
        "restore_details",
    }
    assert fields <= set(item)
    assert item["status"] == {"S": "SUCCEEDED"}
    assert item["parameters"]["M"]["source_snapshot_date"] == {"S": "2023-06-15"}


def test_the_cluster_is_available_with_its_instances(shell: Shell, guide_run: str) -> None:
    clusters = json.loads(
        shell("aws rds describe-db-clusters --db-cluster-identifier aurora-restored-cluster --output json")
    )
    (cluster,) = clusters["DBClusters"]
    assert cluster["Status"] == "available"
    assert len(cluster["DBClusterMembers"]) == 1


def test_the_database_has_the_data_of_the_day(stack: StackInfo, boto: Any, guide_run: str) -> None:
    (cluster,) = boto("rds").describe_db_clusters(DBClusterIdentifier="aurora-restored-cluster")["DBClusters"]
    secret = json.loads(
        boto("secretsmanager").get_secret_value(SecretId="aurora-restore/admin-credentials")["SecretString"]
    )
    endpoint = DatabaseEndpoint(cluster["Endpoint"], cluster["Port"])
    with connection(endpoint, Credentials(**secret), "shop", stack.ca_bundle) as database:
        ((newest, count),) = database.run("SELECT max(placed_at)::date::text, count(*) FROM shop.orders")
    assert newest == "2023-06-15"
    assert count > 1000


def test_recent_operations_with_a_status_are_found_by_the_guides_scan(shell: Shell, guide_run: str) -> None:
    """With `#status`: the guide's own expression names a reserved word, which DynamoDB refuses."""
    found = shell(
        "aws dynamodb scan --table-name AuroraRestoreState "
        "--filter-expression '#status = :status AND start_time > :time' "
        '--expression-attribute-names \'{"#status": "status"}\' '
        '--expression-attribute-values \'{":status": {"S": "SUCCEEDED"}, ":time": {"S": "2023-06-01T00:00:00Z"}}\' '
        "--query 'Items[].operation_id.S' --output text"
    )
    assert guide_run in found


def documented(section: str) -> list[str]:
    """The commands of a section of our own document."""
    text = (ROOT / "docs" / "operations_guide.md").read_text()
    (body,) = re.findall(rf"^## {section}$(.*?)(?=^## )", text, re.MULTILINE | re.DOTALL)
    here = re.sub(r"<!-- not for the local stack.*?-->\n```bash\n.*?```", "", body, flags=re.DOTALL)
    blocks = re.findall(r"```bash\n(.*?)```", here, re.DOTALL)
    return [
        command
        for block in blocks
        for command in block.replace("\\\n", "").split("\n\n")
        if "aws " in command
    ]


def test_the_commands_for_watching_work_as_they_are_written(shell: Shell, guide_run: str) -> None:
    commands = [command.replace("restore-20230615-123456", guide_run) for command in documented("State")]
    assert len(commands) == 4
    answers = [json.loads(shell(f"{command.strip()} --output json")) for command in commands]
    assert answers[0]["Item"]["operation_id"]["S"] == guide_run
    assert "Count" in answers[1]
    assert answers[2]["Count"] > 10
    assert "Count" in answers[3]


def test_a_record_marked_by_hand_frees_the_target_for_the_next_run(
    shell: Shell, boto: Any, start_run: Callable[..., str], await_run: Callable[..., FinishedRun]
) -> None:
    request = json.loads(GUIDE_REQUEST) | {"target_cluster_id": "aurora-restored-by-hand"}
    arn = start_run(request)
    operation_id = arn.rsplit(":", 1)[1]
    key = {"operation_id": {"S": operation_id}}
    poll_until(
        lambda: "plan" in boto("dynamodb").get_item(TableName="AuroraRestoreState", Key=key).get("Item", {}),
        "a plan",
    )
    (mark,) = [command for command in documented("Cancel one") if "update-item" in command]
    shell(mark.replace("restore-20230615-123456", operation_id))
    assert await_run(arn).error == "OperationNotRunning"
    following = await_run(start_run(request | {"dry_run": True}))
    assert "TARGET_LOCKED" not in (following.cause or "")


def test_the_same_name_twice_is_refused_by_aws_itself(
    start_run: Callable[..., str], await_run: Callable[..., FinishedRun], boto: Any
) -> None:
    request: dict[str, Any] = json.loads(GUIDE_REQUEST) | {
        "target_cluster_id": "aurora-restored-twice",
        "dry_run": True,
    }
    arn = start_run(request, "restore-the-same-name")
    with pytest.raises(boto("stepfunctions").exceptions.ExecutionAlreadyExists):
        start_run(request | {"instance_count": 2}, "restore-the-same-name")
    assert await_run(arn).status == "SUCCEEDED"


def test_the_automated_snapshots_are_those_of_the_region_of_the_shell(original: Original) -> None:
    listed = [
        json.loads(original("01_list_automated_snapshots", before)[0])["DBClusterSnapshots"]
        for before in ("", REDIRECTED)
    ]
    assert "2023-06-15" not in {snapshot["SnapshotCreateTime"][:10] for snapshot in listed[0]}
    assert "2023-06-15" in {snapshot["SnapshotCreateTime"][:10] for snapshot in listed[1]}
    assert {snapshot["SnapshotType"] for snapshot in listed[1]} == {"automated"}


def test_an_operation_is_looked_at_and_stopped_and_its_record_is_not_marked_with_a_reserved_word(
    original: Original, stack: StackInfo, boto: Any
) -> None:
    place, target = Place(stack, boto), "aurora-restored-stopped"
    place.fault(EXAMPLE_OPERATION, effect="hold", action="RestoreDBClusterFromSnapshot", identifier=target)
    place.start(json.loads(GUIDE_REQUEST) | {"target_cluster_id": target}, EXAMPLE_OPERATION)
    poll_until(lambda: place.waits_at(EXAMPLE_OPERATION), "a restore under way", 240)
    shown = json.loads(original("02_get_the_state_of_an_operation")[0])["Item"]
    assert (shown["target_cluster_id"], shown["status"]) == ({"S": target}, {"S": "RUNNING"})
    original("05_mark_a_stuck_operation")
    assert place.record(EXAMPLE_OPERATION)["status"] == "RUNNING"
    original("07_stop_a_restore")
    place.becomes(EXAMPLE_OPERATION, lambda record: "ending" in record.get("cleanup", {}))
    place.release(EXAMPLE_OPERATION)
    record = place.closed(EXAMPLE_OPERATION)
    assert record["status"] == "CANCELLED"
    assert "Restore cancelled by operator" in record["error"]["message"]


def test_a_scan_for_a_status_is_refused_since_that_is_a_reserved_word(original: Original) -> None:
    original("03_find_operations_by_status")


@pytest.mark.parametrize(
    ("name", "bucket", "prefix"),
    [
        ("04_archive_the_state", "aurora-restore-archives", "state-data"),
        ("13_back_up_the_state", "aurora-restore-dr-backup", "state-table"),
        ("14_back_up_the_audit_events", "aurora-restore-dr-backup", "audit-table"),
    ],
)
def test_an_export_holds_what_is_in_the_table(
    name: str, bucket: str, prefix: str, original: Original, boto: Any, buckets: None, guide_run: str
) -> None:
    begun = json.loads(original(name)[0])["ExportDescription"]
    poll_until(
        lambda: (
            boto("dynamodb").describe_export(ExportArn=begun["ExportArn"])["ExportDescription"][
                "ExportStatus"
            ]
            == "COMPLETED"
        ),
        "the end of the export",
    )
    assert begun["S3Prefix"].startswith(f"{prefix}/20")
    folder = f"{begun['S3Prefix']}/AWSDynamoDB/{begun['ExportArn'].rpartition('/')[2]}/data/"
    files = boto("s3").list_objects_v2(Bucket=bucket, Prefix=folder)["Contents"]
    bodies = [boto("s3").get_object(Bucket=bucket, Key=file["Key"])["Body"].read() for file in files]
    items = [json.loads(line)["Item"] for body in bodies for line in gzip.decompress(body).splitlines()]
    assert guide_run in {item["operation_id"]["S"] for item in items}


def test_the_parameter_group_is_made_and_changed(original: Original, boto: Any) -> None:
    original("11_create_a_parameter_group")
    original("12_modify_the_parameter_group")
    shown = boto("rds").describe_db_cluster_parameters(
        DBClusterParameterGroupName="aurora-restore-params", Source="user"
    )["Parameters"]
    assert {each["ParameterName"]: each["ParameterValue"] for each in shown} == {
        "innodb_file_format": "Barracuda"
    }


def test_the_code_that_is_saved_is_what_is_deployed(original: Original, boto: Any) -> None:
    _, folder = original("15_back_up_the_functions", "mkdir lambda-backups")
    deployed = {
        function["FunctionName"]: function["CodeSha256"]
        for page in boto("lambda").get_paginator("list_functions").paginate()
        for function in page["Functions"]
        if function["FunctionName"].startswith("aurora-restore")
    }
    saved = {
        path.stem: base64.b64encode(hashlib.sha256(path.read_bytes()).digest()).decode()
        for path in (folder / "lambda-backups").iterdir()
    }
    assert saved == deployed


def test_the_templates_that_are_saved_are_those_of_the_checkout(
    original: Original, boto: Any, buckets: None
) -> None:
    original("16_back_up_the_templates")
    listed = boto("s3").list_objects_v2(Bucket="aurora-restore-dr-backup", Prefix="infrastructure/")[
        "Contents"
    ]
    saved = {
        item["Key"].rpartition("/")[2]: boto("s3")
        .get_object(Bucket="aurora-restore-dr-backup", Key=item["Key"])["Body"]
        .read()
        for item in listed
    }
    assert saved == {path.name: path.read_bytes() for path in (ROOT / "infrastructure").iterdir()}


def test_an_import_without_a_format_is_refused_by_the_command_line(original: Original) -> None:
    original("18_import_the_state")


def test_the_components_the_newest_executions_and_the_subscriptions_are_listed(
    original: Original, inbox: Inbox, guide_run: str
) -> None:
    components = json.loads(original("19_list_the_components")[0])["StackResources"]
    assert {
        "arn:aws:states:us-west-2:000000000000:stateMachine:aurora-restore-state-machine",
        "AuroraRestoreState",
        "AuroraRestoreAudit",
        "aurora-restore-snapshot-check",
    } <= {component["PhysicalResourceId"] for component in components}
    executions = json.loads(original("20_list_executions")[0])["executions"]
    assert guide_run in {execution["name"] for execution in executions}
    assert len(executions) <= 10
    subscriptions = json.loads(original("22_list_subscriptions")[0])["Subscriptions"]
    assert inbox.subscription in {subscription["SubscriptionArn"] for subscription in subscriptions}


def test_the_errors_of_a_function_are_found_in_its_log(
    original: Original, start_run: Callable[..., str], await_run: Callable[..., FinishedRun]
) -> None:
    refused = await_run(start_run(json.loads(GUIDE_REQUEST) | {"source_snapshot_date": "1999-01-01"}))
    found = json.loads(original("21_filter_a_log")[0])["events"]
    assert refused.operation_id in {json.loads(event["message"])["operation_id"] for event in found}


@pytest.fixture(scope="module")
def buckets(stack: StackInfo, boto: Any) -> None:
    """Those that the guide takes for granted."""
    for name in ("aurora-restore-archives", "aurora-restore-dr-backup"):
        boto("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": stack.region})


@pytest.fixture(scope="module")
def inbox(boto: Any) -> Iterator[Inbox]:
    inbox = Inbox(boto)
    yield inbox
    inbox.close()
