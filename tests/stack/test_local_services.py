"""The local AWS where our pipeline leans on it: that it does not say yes where AWS says no."""

from __future__ import annotations

import io
import json
import threading
import uuid
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.stack.conftest import Clients, FinishedRun, await_execution
from tests.stack.polling import poll_until
from tests.stack.roles import WORK

from local_stack.stack_info import StackInfo

CODE = """
import os, time

class SnapshotNotFound(Exception):
    pass

def handler(event, context):
    print("about to " + event["do"])
    if event["do"] == "fail":
        raise SnapshotNotFound("there is none")
    if event["do"] == "sleep":
        time.sleep(event.get("seconds", 30))
    return {"status": "DONE", "wait_seconds": 1, "operation_id": event.get("operation_id")}
"""
TASK = "arn:aws:states:::lambda:invoke"
TRUST = {"Version": "2012-10-17", "Statement": []}

Template = dict[str, Any]
Run = Callable[..., FinishedRun]


@pytest.fixture(scope="module")
def code_bucket(empty_stack: StackInfo, empty_boto: Clients) -> str:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo("work.py"), CODE)
    name = "code-of-the-tests"
    s3 = empty_boto("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": empty_stack.region})
    s3.put_object(Bucket=name, Key="work.zip", Body=packed.getvalue())
    return name


@pytest.fixture(scope="module")
def role_arn(empty_boto: Clients) -> str:
    iam = empty_boto("iam")
    made = iam.create_role(RoleName="tests", AssumeRolePolicyDocument=json.dumps(TRUST))
    iam.put_role_policy(RoleName="tests", PolicyName="work", PolicyDocument=json.dumps(WORK))
    return str(made["Role"]["Arn"])


@pytest.fixture(scope="module")
def function_name(empty_boto: Clients, code_bucket: str, role_arn: str) -> str:
    empty_boto("lambda").create_function(
        FunctionName="worker",
        Runtime="python3.13",
        Handler="work.handler",
        Role=role_arn,
        Timeout=2,
        Code={"S3Bucket": code_bucket, "S3Key": "work.zip"},
        LoggingConfig={"LogFormat": "JSON", "SystemLogLevel": "WARN"},
    )
    return "worker"


@pytest.fixture
def run_machine(empty_boto: Clients, role_arn: str, function_name: str) -> Run:
    """Run a machine once, from its states and the input, to its end."""
    stepfunctions = empty_boto("stepfunctions")

    def run(states: dict[str, Any], given: Any, **machine: Any) -> FinishedRun:
        definition = {"StartAt": next(iter(states)), "States": states, **machine}
        made = stepfunctions.create_state_machine(
            name=f"machine-{uuid.uuid4().hex[:12]}", definition=json.dumps(definition), roleArn=role_arn
        )
        started = stepfunctions.start_execution(
            stateMachineArn=made["stateMachineArn"], input=json.dumps(given)
        )
        return await_execution(stepfunctions, started["executionArn"], 30)

    return run


@pytest.fixture
def stack_name(empty_boto: Clients) -> Iterator[str]:
    name = f"stack-{uuid.uuid4().hex[:12]}"
    yield name
    empty_boto("cloudformation").delete_stack(StackName=name)


def call(payload: dict[str, Any], **more: Any) -> dict[str, Any]:
    parameters = {"FunctionName": "worker", "Payload": payload}
    state = {"Type": "Task", "Resource": TASK, "Parameters": parameters, **more}
    return state if "Next" in more else {**state, "End": True}


def catching(error: str, **more: Any) -> dict[str, Any]:
    return {"Catch": [{"ErrorEquals": [error], "ResultPath": "$.error", "Next": "Caught"}], **more}


CAUGHT = {"Caught": {"Type": "Fail", "ErrorPath": "$.error.Error", "CausePath": "$.error.Cause"}}


def deployed(cloudformation: Any, name: str, template: Template) -> dict[str, Any]:
    cloudformation.create_stack(
        StackName=name, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_NAMED_IAM"]
    )
    return ended(cloudformation, name)


def ended(cloudformation: Any, name: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        seen: dict[str, Any] = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        return None if seen["StackStatus"].endswith("_IN_PROGRESS") else seen

    return poll_until(look, f"the end of {name}") or {}


def failure_reasons(cloudformation: Any, name: str) -> str:
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    return " ".join(
        event.get("ResourceStatusReason", "") for event in events if "FAILED" in event["ResourceStatus"]
    )


def table_template(name: str, protected: bool = False) -> Template:
    properties = {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": True},
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "SSESpecification": {"SSEEnabled": True, "SSEType": "KMS"},
        "DeletionProtectionEnabled": protected,
    }
    return {"Resources": {"Table": {"Type": "AWS::DynamoDB::Table", "Properties": properties}}}


def function_template(role_arn: str, bucket: str, key: str) -> Template:
    properties = {
        "FunctionName": f"from-template-{uuid.uuid4().hex[:8]}",
        "Runtime": "python3.13",
        "Handler": "work.handler",
        "Role": role_arn,
        "Code": {"S3Bucket": bucket, "S3Key": key},
        "ReservedConcurrentExecutions": 7,
        "LoggingConfig": {"LogFormat": "JSON", "SystemLogLevel": "WARN", "ApplicationLogLevel": "INFO"},
    }
    return {"Resources": {"Function": {"Type": "AWS::Lambda::Function", "Properties": properties}}}


# Step Functions


def test_the_name_of_an_exception_reaches_the_state_machine(run_machine: Run) -> None:
    states = {"Work": call({"do": "fail"}, **catching("SnapshotNotFound")), **CAUGHT}
    run = run_machine(states, {})
    assert (run.status, run.error) == ("FAILED", "SnapshotNotFound")
    assert json.loads(run.cause or "")["errorMessage"] == "there is none"
    assert run.states_entered == ["Work", "Caught"]


def test_a_function_that_takes_too_long_is_a_sandbox_timeout(run_machine: Run) -> None:
    run = run_machine({"Work": call({"do": "sleep"}, **catching("Sandbox.Timedout")), **CAUGHT}, {})
    assert run.error == "Sandbox.Timedout"


@pytest.fixture
def powerless_role(empty_boto: Clients) -> Iterator[str]:
    """A role that may do nothing."""
    iam, name = empty_boto("iam"), f"powerless-{uuid.uuid4().hex[:12]}"
    yield str(iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"])
    iam.delete_role(RoleName=name)


def test_a_machine_calls_only_what_its_role_may_invoke(
    empty_boto: Clients, function_name: str, powerless_role: str
) -> None:
    stepfunctions = empty_boto("stepfunctions")
    definition = {"StartAt": "Call", "States": {"Call": call({"do": "nothing"}, End=True)}}
    made = stepfunctions.create_state_machine(
        name=f"machine-{uuid.uuid4().hex[:12]}", definition=json.dumps(definition), roleArn=powerless_role
    )
    started = stepfunctions.start_execution(stateMachineArn=made["stateMachineArn"], input="{}")

    run = await_execution(stepfunctions, started["executionArn"], 30)

    assert (run.status, run.error) == ("FAILED", "Lambda.AWSLambdaException")
    assert f":function:{function_name} " in str(run.cause)


def test_a_function_whose_role_may_not_write_its_log_has_none(
    empty_boto: Clients, code_bucket: str, powerless_role: str
) -> None:
    functions, name = empty_boto("lambda"), f"silent-{uuid.uuid4().hex[:12]}"
    functions.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="work.handler",
        Role=powerless_role,
        Code={"S3Bucket": code_bucket, "S3Key": "work.zip"},
    )

    answered = functions.invoke(FunctionName=name, Payload=json.dumps({"do": "nothing"}))
    groups = empty_boto("logs").describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")["logGroups"]

    assert "FunctionError" not in answered
    assert groups == []


def test_a_killed_worker_is_an_error_that_a_retry_mends(
    run_machine: Run, empty_stack: StackInfo, empty_boto: Clients
) -> None:
    empty_boto("lambda").update_function_configuration(FunctionName="worker", Timeout=20)
    retry = [{"ErrorEquals": ["Runtime.ExitError"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    states = {"Work": call({"do": "sleep", "seconds": 3}, Retry=retry)}
    with KilledOnce(empty_stack):
        run = run_machine(states, {})
    empty_boto("lambda").update_function_configuration(FunctionName="worker", Timeout=2)
    assert run.status == "SUCCEEDED"
    failures = [event["taskFailedEventDetails"] for event in run.events if event["type"] == "TaskFailed"]
    assert [failure["error"] for failure in failures] == ["Runtime.ExitError"]


class KilledOnce:
    """Kills the first worker that is seen at work."""

    def __init__(self, info: StackInfo) -> None:
        self._control = info.control
        self._thread = threading.Thread(target=self._kill)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._thread.join()

    def _kill(self) -> None:
        busy = poll_until(
            lambda: [each for each in self._control.workers() if each["busy"]], "a worker at work"
        )
        assert self._control.kill_worker(busy[0]["pid"])


def test_the_machines_own_time_limit_ends_a_run(run_machine: Run) -> None:
    run = run_machine({"Wait": {"Type": "Wait", "Seconds": 60, "End": True}}, {}, TimeoutSeconds=1)
    assert (run.status, run.error) == ("TIMED_OUT", "States.Timeout")
    assert run.events[-1]["type"] == "ExecutionTimedOut"


def test_a_stopped_run_stays_stopped_whatever_its_state_does_then(
    empty_stack: StackInfo, empty_boto: Clients, role_arn: str, function_name: str
) -> None:
    stepfunctions = empty_boto("stepfunctions")
    definition = {"StartAt": "Work", "States": {"Work": call({"do": "sleep"})}}
    made = stepfunctions.create_state_machine(
        name="stopped", definition=json.dumps(definition), roleArn=role_arn
    )
    arn = stepfunctions.start_execution(stateMachineArn=made["stateMachineArn"])["executionArn"]
    control = empty_stack.control
    poll_until(lambda: any(worker["busy"] for worker in control.workers()), "a worker at work")
    stepfunctions.stop_execution(executionArn=arn, error="ManualCancellation", cause="by the operator")
    poll_until(lambda: not any(worker["busy"] for worker in control.workers()), "the end of its work")
    seen = stepfunctions.describe_execution(executionArn=arn)
    assert (seen["status"], seen["error"]) == ("ABORTED", "ManualCancellation")
    assert stepfunctions.get_execution_history(executionArn=arn)["events"][-1]["type"] == "ExecutionAborted"


def test_choices_waits_and_selectors_read_paths_and_the_context(run_machine: Run) -> None:
    states = {
        "Work": call(
            {"do": "return", "operation_id.$": "$$.Execution.Name"},
            ResultSelector={
                "wait_seconds.$": "$.Payload.wait_seconds",
                "operation_id.$": "$.Payload.operation_id",
            },
            Next="DryRun",
        ),
        "DryRun": {
            "Type": "Choice",
            "Choices": [
                {
                    "And": [
                        {"Variable": "$$.Execution.Input.dry_run", "IsPresent": True},
                        {"Variable": "$$.Execution.Input.dry_run", "BooleanEquals": True},
                    ],
                    "Next": "Wait",
                }
            ],
            "Default": "NotDry",
        },
        "Wait": {"Type": "Wait", "SecondsPath": "$.wait_seconds", "End": True},
        "NotDry": {"Type": "Succeed"},
    }
    dry, wet = run_machine(states, {"dry_run": True}), run_machine(states, {})
    assert dry.states_entered == ["Work", "DryRun", "Wait"]
    assert wet.states_entered == ["Work", "DryRun", "NotDry"]
    output = json.loads(dry.events[-1]["executionSucceededEventDetails"]["output"])
    assert output == {"wait_seconds": 1, "operation_id": dry.operation_id}


@pytest.mark.parametrize(
    "state",
    [
        call({"do.$": "$.missing"}, **catching("States.ALL")),
        {"Type": "Wait", "SecondsPath": "$.missing", "End": True},
        {"Type": "Choice", "Choices": [{"Variable": "$.missing", "StringEquals": "x", "Next": "Caught"}]},
    ],
    ids=["parameter", "wait", "choice"],
)
def test_a_path_that_leads_nowhere_ends_the_run_and_cannot_be_caught(
    run_machine: Run, state: dict[str, Any]
) -> None:
    run = run_machine({"Lost": state, **CAUGHT}, {"present": 1})
    assert (run.status, run.error) == ("FAILED", "States.Runtime")
    assert run.states_entered == ["Lost"]


@pytest.fixture(scope="module")
def machine_arn(empty_boto: Clients, role_arn: str) -> str:
    definition = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
    made = empty_boto("stepfunctions").create_state_machine(
        name="short", definition=json.dumps(definition), roleArn=role_arn
    )
    return str(made["stateMachineArn"])


@pytest.mark.parametrize(
    "name", ["with space", *(f"a{character}b" for character in '<>{}[]?*"#%\\^|~`$&,;:/\t\n\x7f\x9f')]
)
def test_a_name_with_a_character_that_aws_refuses_starts_nothing(
    empty_boto: Clients, machine_arn: str, name: str
) -> None:
    with pytest.raises(ClientError, match="Invalid Name") as refused:
        empty_boto("stepfunctions").start_execution(stateMachineArn=machine_arn, name=name)
    assert refused.value.response["Error"]["Code"] == "InvalidName"


def test_a_name_may_have_80_characters_and_no_more(empty_boto: Clients, machine_arn: str) -> None:
    start = empty_boto("stepfunctions").start_execution
    start(stateMachineArn=machine_arn, name="n" * 80)
    with pytest.raises(ClientError, match=r"at 'name'.* less than or equal to 80") as refused:
        start(stateMachineArn=machine_arn, name="n" * 81)
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_an_input_may_have_262144_bytes_and_no_more(empty_boto: Clients, machine_arn: str) -> None:
    start = empty_boto("stepfunctions").start_execution
    largest = json.dumps("é" * 131_071, ensure_ascii=False)
    start(stateMachineArn=machine_arn, input=largest)
    with pytest.raises(ClientError, match="at 'input'") as refused:
        start(stateMachineArn=machine_arn, input=largest + " ")
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_an_input_that_is_not_json_starts_nothing(empty_boto: Clients, machine_arn: str) -> None:
    with pytest.raises(ClientError) as refused:
        empty_boto("stepfunctions").start_execution(stateMachineArn=machine_arn, input="{not json")
    assert refused.value.response["Error"]["Code"] == "InvalidExecutionInput"


# SNS


@pytest.fixture(scope="module")
def topic_arn(empty_boto: Clients) -> str:
    return str(empty_boto("sns").create_topic(Name="subjects")["TopicArn"])


@pytest.mark.parametrize("subject", ["x" * 101, "two\nlines", " begins with a space", "größer", "bell\x07"])
def test_a_subject_that_sns_refuses_is_refused(empty_boto: Clients, topic_arn: str, subject: str) -> None:
    with pytest.raises(ClientError, match="Invalid parameter: Subject") as refused:
        empty_boto("sns").publish(TopicArn=topic_arn, Message="text", Subject=subject)
    assert refused.value.response["Error"]["Code"] == "InvalidParameter"


@pytest.mark.parametrize("subject", ["x" * 100, "[done] cluster 7", "7 of 7", "#1"])
def test_a_subject_that_sns_takes_is_taken(empty_boto: Clients, topic_arn: str, subject: str) -> None:
    assert empty_boto("sns").publish(TopicArn=topic_arn, Message="text", Subject=subject)["MessageId"]


# Lambda and its logs


def test_a_subscription_by_mail_waits_for_its_receiver(
    empty_boto: Clients, stack_name: str, topic_arn: str
) -> None:
    sns = empty_boto("sns")
    by_mail: dict[str, str] = {"TopicArn": topic_arn, "Protocol": "email"}
    assert sns.subscribe(**by_mail, Endpoint="a@example.com")["SubscriptionArn"] == "pending confirmation"
    shown = sns.subscribe(**by_mail, Endpoint="b@example.com", ReturnSubscriptionArn=True)["SubscriptionArn"]
    assert shown.startswith(topic_arn)
    properties = {**by_mail, "Endpoint": "c@example.com"}
    template = {"Resources": {"Mail": {"Type": "AWS::SNS::Subscription", "Properties": properties}}}
    deployed(empty_boto("cloudformation"), stack_name, template)
    queue = f"arn:aws:sqs:us-west-2:{topic_arn.split(':')[4]}:confirmed-at-once"
    sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=queue)
    listed = sns.list_subscriptions_by_topic(TopicArn=topic_arn)["Subscriptions"]
    waiting = {item["Endpoint"] for item in listed if item["SubscriptionArn"] == "PendingConfirmation"}
    assert waiting == {f"{name}@example.com" for name in "abc"}
    assert len(listed) == 4
    attributes = sns.get_topic_attributes(TopicArn=topic_arn)["Attributes"]
    assert (attributes["SubscriptionsConfirmed"], attributes["SubscriptionsPending"]) == ("1", "3")


def test_each_line_that_a_function_writes_is_one_event(empty_boto: Clients, function_name: str) -> None:
    empty_boto("lambda").invoke(
        FunctionName=function_name, Payload=json.dumps({"do": "write two lines:\nthis"})
    )
    events = empty_boto("logs").filter_log_events(logGroupName=f"/aws/lambda/{function_name}")["events"]
    messages = [event["message"] for event in events]
    assert "about to write two lines:" in messages
    assert "this" in messages
    assert not any(message.startswith(("START", "END", "REPORT")) for message in messages)


def test_a_failure_by_the_api_is_reported_as_lambda_tells_it(empty_boto: Clients, function_name: str) -> None:
    answer = empty_boto("lambda").invoke(FunctionName=function_name, Payload=json.dumps({"do": "fail"}))
    assert answer["FunctionError"] == "Unhandled"
    assert json.load(answer["Payload"])["errorType"] == "SnapshotNotFound"


def test_invocations_by_a_state_machine_count_in_the_metrics(run_machine: Run, empty_boto: Clients) -> None:
    cloudwatch = empty_boto("cloudwatch")

    def errors() -> float:
        now = datetime.now(UTC)
        points = cloudwatch.get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName="Errors",
            Dimensions=[{"Name": "FunctionName", "Value": "worker"}],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(minutes=1),
            Period=3600,
            Statistics=["Sum"],
        )["Datapoints"]
        return float(sum(point["Sum"] for point in points))

    before = errors()
    run_machine({"Work": call({"do": "fail"})}, {})
    assert errors() == before + 1


# CloudFormation


def test_a_role_needs_the_capability(empty_boto: Clients, stack_name: str) -> None:
    role = {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "named", "AssumeRolePolicyDocument": TRUST}}
    with pytest.raises(ClientError, match="CAPABILITY_NAMED_IAM"):
        empty_boto("cloudformation").create_stack(
            StackName=stack_name, TemplateBody=json.dumps({"Resources": {"Role": role}})
        )


def test_a_table_has_what_its_template_says(empty_boto: Clients, stack_name: str) -> None:
    made = deployed(empty_boto("cloudformation"), stack_name, table_template("Complete"))
    assert made["StackStatus"] == "CREATE_COMPLETE"
    dynamodb = empty_boto("dynamodb")
    ttl = dynamodb.describe_time_to_live(TableName="Complete")["TimeToLiveDescription"]
    assert ttl == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}
    backups = dynamodb.describe_continuous_backups(TableName="Complete")["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    table = dynamodb.describe_table(TableName="Complete")["Table"]
    assert (table["SSEDescription"]["Status"], table["SSEDescription"]["SSEType"]) == ("ENABLED", "KMS")


def test_a_table_that_exists_already_is_not_taken_over(empty_boto: Clients, stack_name: str) -> None:
    cloudformation, dynamodb = empty_boto("cloudformation"), empty_boto("dynamodb")
    properties = table_template("Standing")["Resources"]["Table"]["Properties"]
    dynamodb.create_table(**{name: properties[name] for name in ("TableName", "BillingMode", "KeySchema")},
                          AttributeDefinitions=properties["AttributeDefinitions"])  # fmt: skip
    dynamodb.put_item(TableName="Standing", Item={"id": {"S": "mine"}})
    assert (
        deployed(cloudformation, stack_name, table_template("Standing"))["StackStatus"] == "ROLLBACK_COMPLETE"
    )
    assert "already exists" in failure_reasons(cloudformation, stack_name)
    assert dynamodb.scan(TableName="Standing")["Count"] == 1


@pytest.mark.parametrize(
    ("operation", "slot", "asked"),
    [
        ("scan", "FilterExpression", {}),
        ("scan", "ProjectionExpression", {}),
        ("query", "KeyConditionExpression", {}),
        ("query", "FilterExpression", {"KeyConditionExpression": "id = :value"}),
        ("put_item", "ConditionExpression", {"Item": {"id": {"S": "new"}}}),
    ],
)
def test_a_reserved_word_in_an_expression_is_refused_though_the_table_is_empty(
    operation: str, slot: str, asked: dict[str, Any], empty_boto: Clients, table: str
) -> None:
    dynamodb = empty_boto("dynamodb")
    expression = "status" if slot == "ProjectionExpression" else "status = :value AND begins_with(id, :value)"
    if slot != "ProjectionExpression":
        asked = asked | {"ExpressionAttributeValues": {":value": {"S": "x"}}}
    with pytest.raises(ClientError) as refused:
        getattr(dynamodb, operation)(TableName=table, **asked | {slot: expression})
    error = refused.value.response["Error"]
    assert (error["Code"], error["Message"]) == (
        "ValidationException",
        f"Invalid {slot}: Attribute name is a reserved keyword; reserved keyword: status",
    )


def test_a_name_that_stands_for_a_reserved_word_is_taken(empty_boto: Clients, table: str) -> None:
    found = empty_boto("dynamodb").scan(
        TableName=table, FilterExpression="#status = :value AND contains(id, :value)",
        ExpressionAttributeNames={"#status": "status"}, ExpressionAttributeValues={":value": {"S": "x"}},
    )  # fmt: skip
    assert found["Count"] == 0


@pytest.fixture(scope="module")
def table(empty_boto: Clients) -> str:
    """An empty one."""
    created = empty_boto("dynamodb").create_table(
        TableName="Expressions", BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )  # fmt: skip
    return str(created["TableDescription"]["TableName"])


def test_a_protected_table_holds_up_the_deletion_of_its_stack(empty_boto: Clients, stack_name: str) -> None:
    cloudformation, dynamodb = empty_boto("cloudformation"), empty_boto("dynamodb")
    deployed(cloudformation, stack_name, table_template("Protected", protected=True))
    cloudformation.delete_stack(StackName=stack_name)
    assert ended(cloudformation, stack_name)["StackStatus"] == "DELETE_FAILED"
    dynamodb.update_table(TableName="Protected", DeletionProtectionEnabled=False)


def test_a_function_without_its_zip_fails_the_stack(
    empty_boto: Clients, stack_name: str, role_arn: str, code_bucket: str
) -> None:
    cloudformation = empty_boto("cloudformation")
    template = function_template(role_arn, code_bucket, "no-such.zip")
    assert deployed(cloudformation, stack_name, template)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "no-such.zip" in failure_reasons(cloudformation, stack_name)


def test_a_function_has_what_its_template_says(
    empty_boto: Clients, stack_name: str, role_arn: str, code_bucket: str
) -> None:
    template = function_template(role_arn, code_bucket, "work.zip")
    deployed(empty_boto("cloudformation"), stack_name, template)
    name = template["Resources"]["Function"]["Properties"]["FunctionName"]
    made = empty_boto("lambda").get_function(FunctionName=name)
    assert made["Concurrency"]["ReservedConcurrentExecutions"] == 7
    logging = made["Configuration"]["LoggingConfig"]
    assert (logging["LogFormat"], logging["SystemLogLevel"]) == ("JSON", "WARN")
    assert logging["LogGroup"] == f"/aws/lambda/{name}"
