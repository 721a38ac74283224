"""Deploying to CloudFormation as ministack plays it: first, again, with nothing to do, and when it fails."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import boto3
import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError
from mypy_boto3_cloudformation import CloudFormationClient
from tests.states_language.scheduler import SOME_TIME, VirtualClock

import local_stack
from aurora_restore.deployment.deployer import (
    ChangePlan,
    Deployer,
    DeploymentClients,
    DeploymentFailed,
    DeploymentLimits,
    DeploymentRequest,
    PlanKind,
    ResourceEvent,
    admin_secret_warning,
    connect,
    deploy,
)
from aurora_restore.deployment.functions import FUNCTIONS
from aurora_restore.deployment.model import ADMIN_SECRET_ID, STACK_NAME
from aurora_restore.deployment.packaging import (
    PackagingFailed,
    Project,
    build_artifacts,
)
from aurora_restore.deployment.preparation import prepare
from aurora_restore.deployment.template import stamped_keys
from aurora_restore.deployment.upload import default_bucket, publish_artifacts, take_back

REGION: Final = "us-west-2"
READY_SECONDS = 30.0
LIMITS = DeploymentLimits(change_set_seconds=30, stack_seconds=60, pause_seconds=0.2)
SERVICES = "cloudformation,cloudwatch,dynamodb,iam,kms,lambda,logs,s3,secretsmanager,sns,stepfunctions,sts"
DYING_WITH_PARENT = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9, 0, 0, 0); os.execv(sys.argv[1], sys.argv[1:])"
)
# ministack knows no saved queries, which the template has: the local stack's own are put in.
MINISTACK = (
    "import ministack.app as app; from local_stack import ministack_queries as ours; ours.apply(); app.main()"
)
TOPIC = """
Parameters:
  Name: {Type: String, Default: first}
  Title: {Type: String, Default: A title}
Resources:
  Topic:
    Type: AWS::SNS::Topic
    Properties: {TopicName: !Ref Name, DisplayName: !Ref Title}
Outputs:
  Arn: {Value: !Ref Topic}
"""
BROKEN = """
Resources:
  Machine:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      RoleArn: arn:aws:iam::123456789012:role/any
      DefinitionS3Location: {Bucket: no-such-bucket, Key: no-such-key}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A ministack of these tests' own, on loopback."""
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(local_stack.__file__).parents[1]),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
        "SERVICES": SERVICES,
    }
    directory = tmp_path_factory.mktemp("ministack")
    with (directory / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-c", DYING_WITH_PARENT, sys.executable, "-c", MINISTACK],
            cwd=directory, env=environment, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        wait_for_port(server, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait(10)


def wait_for_port(server: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 0.5).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("ministack did not start")


@pytest.fixture
def clients(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> DeploymentClients:
    """An account of the test's own: ministack takes a key of twelve digits for the account."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return connect(REGION, session_of(str(next(ACCOUNTS))))


def session_of(account_id: str) -> boto3.Session:
    """A session that shares the loaded service models: reading them is most of what a session costs."""
    session = botocore.session.Session()
    session.register_component("data_loader", MODELS)
    session.set_credentials(account_id, "any")
    return boto3.Session(botocore_session=session)


MODELS = botocore.session.Session().get_component("data_loader")


ACCOUNTS = itertools.count(200_000_000_001)


@pytest.fixture
def deployer(clients: DeploymentClients) -> Deployer:
    return Deployer(clients, LIMITS)


def topic_stack(**parameters: str) -> DeploymentRequest:
    return DeploymentRequest(TOPIC, "topics", parameters)


def test_a_first_deployment_shows_what_it_makes_before_it_makes_it(
    clients: DeploymentClients, deployer: Deployer
) -> None:
    plan = deployer.plan(topic_stack())

    assert plan.kind is PlanKind.CREATE
    assert [(c.action, c.logical_id, c.resource_type) for c in plan.changes] == [
        ("Add", "Topic", "AWS::SNS::Topic")
    ]
    assert boto_topics(clients) == []


def test_a_first_deployment_is_followed_to_its_end(clients: DeploymentClients, deployer: Deployer) -> None:
    events: list[ResourceEvent] = []

    outcome = deployer.apply(deployer.plan(topic_stack()), events.append)

    assert (outcome.kind, outcome.stack_status) == (PlanKind.CREATE, "CREATE_COMPLETE")
    assert outcome.outputs == {"Arn": f"arn:aws:sns:{REGION}:{clients.account_id}:first"}
    assert ("Topic", "CREATE_COMPLETE") in [(event.logical_id, event.status) for event in events]
    assert events[-1].logical_id == "topics"


def test_an_update_keeps_the_parameters_that_it_does_not_name(deployer: Deployer) -> None:
    deployer.apply(deployer.plan(topic_stack(Name="chosen", Title="Before")))

    plan = deployer.plan(topic_stack(Title="After"))
    outcome = deployer.apply(plan)

    assert plan.kind is PlanKind.UPDATE
    assert [(c.action, c.logical_id, c.replacement) for c in plan.changes] == [("Modify", "Topic", "False")]
    assert plan.changes[0].properties == ("DisplayName",)
    assert outcome.stack_status == "UPDATE_COMPLETE"
    assert outcome.outputs["Arn"].endswith(":chosen")


def test_only_new_events_are_reported(deployer: Deployer) -> None:
    deployer.apply(deployer.plan(topic_stack()))
    events: list[ResourceEvent] = []

    deployer.apply(deployer.plan(topic_stack(Title="Another")), events.append)

    assert {event.status for event in events} <= {
        "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
    }  # fmt: skip


def test_nothing_to_change_is_an_answer(deployer: Deployer) -> None:
    deployer.apply(deployer.plan(topic_stack()))

    plan = deployer.plan(topic_stack())
    outcome = deployer.apply(plan)

    assert (plan.kind, plan.changes, plan.change_set_id) == (PlanKind.NOTHING, (), None)
    assert outcome.stack_status == "CREATE_COMPLETE"


def test_a_plan_that_is_declined_leaves_nothing(clients: DeploymentClients, deployer: Deployer) -> None:
    deployer.discard(deployer.plan(topic_stack()))

    with pytest.raises(ClientError, match="does not exist"):
        clients.cloudformation.describe_stacks(StackName="topics")
    assert deployer.plan(topic_stack()).kind is PlanKind.CREATE
    with pytest.raises(ClientError):
        clients.cloudformation.describe_change_set(ChangeSetName="none", StackName="topics")


def test_a_stack_that_holds_another_users_change_set_too_is_left_to_them(
    clients: DeploymentClients, deployer: Deployer
) -> None:
    plan, of_another = deployer.plan(topic_stack()), deployer.plan(topic_stack())

    deployer.discard(plan)
    (stack,) = clients.cloudformation.describe_stacks(StackName="topics")["Stacks"]
    assert stack["StackStatus"] == "REVIEW_IN_PROGRESS"

    deployer.discard(of_another)
    with pytest.raises(ClientError, match="does not exist"):
        clients.cloudformation.describe_stacks(StackName="topics")


def test_a_failure_names_the_first_resource_that_failed_and_the_way_out(deployer: Deployer) -> None:
    plan = deployer.plan(DeploymentRequest(BROKEN, "broken"))

    with pytest.raises(DeploymentFailed, match="Machine") as failed:
        deployer.apply(plan)

    assert "ROLLBACK_COMPLETE" in failed.value.message
    assert "no-such-bucket" in failed.value.message
    assert "delete-stack --stack-name broken" in failed.value.hint


def test_a_stack_whose_creation_failed_is_refused_with_the_way_out(deployer: Deployer) -> None:
    with pytest.raises(DeploymentFailed):
        deployer.apply(deployer.plan(DeploymentRequest(BROKEN, "broken")))

    with pytest.raises(DeploymentFailed, match="ROLLBACK_COMPLETE, in which it cannot be changed") as refused:
        deployer.plan(DeploymentRequest(TOPIC, "broken"))

    assert "delete-stack" in refused.value.hint


def test_an_unknown_parameter_is_named_beside_those_that_there_are(deployer: Deployer) -> None:
    with pytest.raises(DeploymentFailed, match="no parameter Nmae") as refused:
        deployer.plan(topic_stack(Nmae="x"))

    assert "Name, Title" in refused.value.hint


def test_what_is_not_a_template_is_refused_in_cloudformations_words(deployer: Deployer) -> None:
    with pytest.raises(DeploymentFailed, match=r"(?i)template"):
        deployer.plan(DeploymentRequest("Resources: [", "broken"))


def test_a_template_too_large_for_a_request_is_not_sent(deployer: Deployer) -> None:
    with pytest.raises(DeploymentFailed, match="51,200"):
        deployer.plan(DeploymentRequest("# " + "x" * 51_200, "large"))


def test_no_answer_is_reported_as_such(clients: DeploymentClients) -> None:
    nowhere = boto3.Session(aws_access_key_id="1", aws_secret_access_key="x").client(
        "cloudformation",
        region_name=REGION,
        endpoint_url=f"http://127.0.0.1:{free_port()}",
        config=Config(retries={"total_max_attempts": 1}),
    )

    with pytest.raises(DeploymentFailed, match="Could not connect") as failed:
        Deployer(replace(clients, cloudformation=nowhere)).plan(topic_stack())

    assert isinstance(failed.value.__cause__, EndpointConnectionError)


class StuckCloudFormation:
    """CloudFormation that answers, and never gets on."""

    def __init__(self, real: CloudFormationClient) -> None:
        self._real = real

    def describe_change_set(self, **_: Any) -> dict[str, Any]:
        return {"Status": "CREATE_IN_PROGRESS"}

    def execute_change_set(self, **_: Any) -> None:
        """Taken, and left lying."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def stuck(clients: DeploymentClients, clock: VirtualClock) -> Deployer:
    cloudformation: Any = StuckCloudFormation(clients.cloudformation)
    return Deployer(
        replace(clients, cloudformation=cloudformation),
        DeploymentLimits(300, 3600, 60),
        clock.advance,
        lambda: clock.now().timestamp(),
    )


def test_a_change_set_is_not_waited_for_without_end(clients: DeploymentClients) -> None:
    clock = VirtualClock()

    with pytest.raises(DeploymentFailed, match="not ready after 300 s"):
        stuck(clients, clock).plan(topic_stack())

    assert 300 <= (clock.now() - SOME_TIME).total_seconds() < 361


def test_a_stack_is_not_waited_for_without_end(clients: DeploymentClients, deployer: Deployer) -> None:
    clock = VirtualClock()
    plan: ChangePlan = deployer.plan(topic_stack())

    with pytest.raises(DeploymentFailed, match="still changing after 3600 s"):
        stuck(clients, clock).apply(plan)

    assert 3600 <= (clock.now() - SOME_TIME).total_seconds() < 3661


def test_the_artifacts_are_uploaded_once_into_a_bucket_that_is_closed(clients: DeploymentClients) -> None:
    artifacts = build_artifacts(Project.find())
    bucket = default_bucket(clients.account_id, REGION)

    first = publish_artifacts(clients.s3, artifacts, bucket, REGION)
    second = publish_artifacts(clients.s3, artifacts, bucket, REGION)

    assert [(p.artifact.name, p.uploaded) for p in first] == [
        ("Lambda", True), ("Definition", True), ("Cleanup", True), ("Permissions", True), ("Monitoring", True),
    ]  # fmt: skip
    assert not any(p.uploaded for p in second)
    assert clients.s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert "aws:SecureTransport" in clients.s3.get_bucket_policy(Bucket=bucket)["Policy"]
    blocked = clients.s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert all(blocked.values())


def test_what_was_uploaded_for_a_deployment_that_is_declined_is_taken_back(
    clients: DeploymentClients,
) -> None:
    artifacts = build_artifacts(Project.find())
    bucket = default_bucket(clients.account_id, REGION)

    published = publish_artifacts(clients.s3, artifacts, bucket, REGION)
    assert take_back(clients.s3, published) == ()

    with pytest.raises(ClientError, match="404"):
        clients.s3.head_bucket(Bucket=bucket)


def test_what_lay_there_before_is_not_taken_back(clients: DeploymentClients) -> None:
    artifacts = build_artifacts(Project.find())
    bucket = default_bucket(clients.account_id, REGION)
    publish_artifacts(clients.s3, artifacts, bucket, REGION)

    assert take_back(clients.s3, publish_artifacts(clients.s3, artifacts, bucket, REGION)) == ()

    for artifact in artifacts.all:
        clients.s3.head_object(Bucket=bucket, Key=artifact.key)


def test_a_bucket_that_others_use_by_now_is_kept_and_reported(clients: DeploymentClients) -> None:
    bucket = default_bucket(clients.account_id, REGION)
    published = publish_artifacts(clients.s3, build_artifacts(Project.find()), bucket, REGION)
    clients.s3.put_object(Bucket=bucket, Key="of-another", Body=b"")

    (sentence,) = take_back(clients.s3, published)

    assert bucket in sentence
    assert "still there" in sentence
    clients.s3.head_object(Bucket=bucket, Key="of-another")


def test_a_bucket_whose_making_was_interrupted_is_finished(clients: DeploymentClients) -> None:
    artifacts = build_artifacts(Project.find())
    bucket = default_bucket(clients.account_id, REGION)
    clients.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})

    publish_artifacts(clients.s3, artifacts, bucket, REGION)

    assert "aws:SecureTransport" in clients.s3.get_bucket_policy(Bucket=bucket)["Policy"]


def test_a_bucket_of_ones_own_is_left_as_it_is(clients: DeploymentClients) -> None:
    clients.s3.create_bucket(
        Bucket="my-own-artifacts", CreateBucketConfiguration={"LocationConstraint": REGION}
    )

    publish_artifacts(clients.s3, build_artifacts(Project.find()), "my-own-artifacts", REGION)

    assert "Status" not in clients.s3.get_bucket_versioning(Bucket="my-own-artifacts")


def test_a_bucket_that_cannot_be_had_is_named(clients: DeploymentClients) -> None:
    with pytest.raises(PackagingFailed, match="NOT_A_BUCKET"):
        publish_artifacts(clients.s3, build_artifacts(Project.find()), "NOT_A_BUCKET", REGION)


def test_the_whole_pipeline_is_deployed_and_the_second_time_there_is_nothing_to_do(
    clients: DeploymentClients, deployer: Deployer
) -> None:
    steps: list[str] = []

    first = deploy(clients, Project.find(), on_step=steps.append, deployer=deployer)
    second = deploy(clients, Project.find(), deployer=deployer)

    assert (first.kind, first.stack_status) == (PlanKind.CREATE, "CREATE_COMPLETE")
    assert first.outputs["StateTableName"] == "AuroraRestoreState"
    assert second.kind is PlanKind.NOTHING
    assert [step.split()[0] for step in steps] == ["Building", "Uploading", "Making", "Applying"]


def test_a_stale_template_is_deployed_with_the_keys_of_this_tree_and_stays_stale_itself(
    clients: DeploymentClients, read_only_tree: Project
) -> None:
    before = {path: path.read_bytes() for path in read_only_tree.root.rglob("*") if path.is_file()}

    prepared = prepare(clients, read_only_tree)

    keys = {published.artifact.name: published.artifact.key for published in prepared.published}
    assert stamped_keys(prepared.request.template_body) == keys
    assert stamped_keys(read_only_tree.template.read_text())["Lambda"] == "lambda/of-yesterday.zip"
    assert {path: path.read_bytes() for path in read_only_tree.root.rglob("*") if path.is_file()} == before
    for published in prepared.published:
        clients.s3.head_object(Bucket=published.bucket, Key=published.artifact.key)


def test_a_template_that_was_changed_by_hand_is_not_passed_over(
    clients: DeploymentClients, read_only_tree: Project
) -> None:
    template = read_only_tree.template
    template.write_text(template.read_text().replace("Timeout: 120", "Timeout: 240"))

    with pytest.raises(PackagingFailed, match=r"infrastructure/aurora-restore-pipeline\.yaml") as refused:
        prepare(clients, read_only_tree)

    assert "make build" in refused.value.hint


def test_a_bucket_that_is_given_is_the_one_that_is_filled(clients: DeploymentClients) -> None:
    prepared = prepare(clients, Project.find(), "mine", {"ArtifactsBucket": "a-bucket-of-mine"})

    assert {published.bucket for published in prepared.published} == {"a-bucket-of-mine"}
    assert prepared.request.stack_name == "mine"
    assert prepared.request.parameters == {"ArtifactsBucket": "a-bucket-of-mine"}


@pytest.fixture
def read_only_tree(tmp_path: Path) -> Iterator[Project]:
    """This source tree with a stale template, in folders that nothing may be written into."""
    real, tree = Project.find(), Project(tmp_path / "tree")
    folder = tree.template.parent
    folder.mkdir(parents=True)
    for each in real.template.parent.iterdir():
        shutil.copy(each, folder)
    template = re.sub(r"Key: lambda/\S+", "Key: lambda/of-yesterday.zip", real.template.read_text())
    tree.template.write_text(template)
    for name in ("src", "requirements"):
        (tree.root / name).symlink_to(real.root / name)
    for each in (folder, tree.root):
        each.chmod(0o555)
    yield tree
    for each in (tree.root, folder):
        each.chmod(0o755)


def test_what_a_parameter_says_reaches_every_function(clients: DeploymentClients, deployer: Deployer) -> None:
    deploy(clients, Project.find(), parameters={"CopyRetentionDays": "30"}, deployer=deployer)

    functions = session_of(clients.account_id).client("lambda", region_name=REGION).list_functions()
    assert {f["Environment"]["Variables"]["COPY_RETENTION_DAYS"] for f in functions["Functions"]} == {"30"}


def test_new_code_reaches_every_function_by_the_new_key_alone(
    clients: DeploymentClients, deployer: Deployer
) -> None:
    deploy(clients, Project.find(), deployer=deployer)
    package = build_artifacts(Project.find()).lambda_package
    bucket, new_key = default_bucket(clients.account_id, REGION), "lambda/new.zip"
    clients.s3.put_object(Bucket=bucket, Key=new_key, Body=package.path.read_bytes())
    template = prepare(clients, Project.find()).request.template_body.replace(package.key, new_key)

    plan = deployer.plan(DeploymentRequest(template))

    functions = [change for change in plan.changes if change.resource_type == "AWS::Lambda::Function"]
    assert [change.properties for change in functions] == [("Code",)] * len(FUNCTIONS)
    assert {change.replacement for change in functions} == {"False"}


def test_tables_that_a_deleted_stack_left_are_taken_over(
    clients: DeploymentClients, deployer: Deployer
) -> None:
    deploy(clients, Project.find(), deployer=deployer)
    clients.cloudformation.delete_stack(StackName=STACK_NAME)
    clients.cloudformation.get_waiter("stack_delete_complete").wait(
        StackName=STACK_NAME, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )

    plan = deployer.plan(prepare(clients, Project.find()).request)

    imported = {change.logical_id for change in plan.changes if change.action == "Import"}
    assert imported == {"StateTable", "AuditTable", "LockTable"}


def test_a_missing_admin_secret_is_reported_with_the_command_that_makes_it(
    clients: DeploymentClients,
) -> None:
    warning = admin_secret_warning(clients.secretsmanager, ADMIN_SECRET_ID, REGION)

    assert warning is not None
    assert f"create-secret --region {REGION} --name {ADMIN_SECRET_ID}" in warning


def test_an_admin_secret_that_exists_is_not_mentioned(clients: DeploymentClients) -> None:
    clients.secretsmanager.create_secret(Name=ADMIN_SECRET_ID, SecretString="{}")

    assert admin_secret_warning(clients.secretsmanager, ADMIN_SECRET_ID, REGION) is None


def test_an_admin_secret_about_to_be_deleted_is_reported(clients: DeploymentClients) -> None:
    clients.secretsmanager.create_secret(Name=ADMIN_SECRET_ID, SecretString="{}")
    clients.secretsmanager.delete_secret(SecretId=ADMIN_SECRET_ID)

    warning = admin_secret_warning(clients.secretsmanager, ADMIN_SECRET_ID, REGION)

    assert warning is not None
    assert "restore-secret" in warning


def boto_topics(clients: DeploymentClients) -> list[Any]:
    sns = session_of(clients.account_id).client("sns", region_name=REGION)
    return list(sns.list_topics()["Topics"])
