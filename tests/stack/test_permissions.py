"""Policies are enforced in the local stack: roles of functions and users may do what they are granted, nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.stack.conftest import Clients
from tests.stack.identities import Identity, session_of_role, user_with
from tests.stack.polling import poll_until

from aurora_restore.deployment.functions import FUNCTIONS
from local_stack.stack_info import StackInfo

AUDIT = "AuroraRestoreAudit"
EVERYTHING = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
READ_TABLES = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Action": "dynamodb:Describe*", "Resource": "*"},
}

UserWith = Callable[..., Identity]


@pytest.fixture
def user(stack: StackInfo, boto: Clients) -> Iterator[UserWith]:
    with ExitStack() as users:
        yield lambda *policies: users.enter_context(user_with(stack, boto, policies))


@pytest.fixture(scope="module")
def role_of(stack: StackInfo, boto: Clients) -> Iterator[Callable[[str], Identity]]:
    """`role_of("cleanup")`: a session of the role that the template gives to this function."""
    sessions: dict[str, Identity] = {}
    with ExitStack() as taken_on:

        def session(function: str) -> Identity:
            deployed = boto("lambda").get_function_configuration(FunctionName=f"aurora-restore-{function}")
            if deployed["Role"] not in sessions:
                sessions[deployed["Role"]] = taken_on.enter_context(
                    session_of_role(stack, boto, deployed["Role"])
                )
            return sessions[deployed["Role"]]

        yield session


@pytest.fixture
def audit_event(boto: Clients) -> Iterator[dict[str, Any]]:
    """An event in the real table, under the keys that it has."""
    dynamodb = boto("dynamodb")
    keys = [key["AttributeName"] for key in dynamodb.describe_table(TableName=AUDIT)["Table"]["KeySchema"]]
    item = {name: {"S": f"kept-{name}"} for name in keys}
    dynamodb.put_item(TableName=AUDIT, Item={**item, "event_type": {"S": "KEPT"}})
    yield item
    dynamodb.delete_item(TableName=AUDIT, Key=item)


def code_of(refused: pytest.ExceptionInfo[ClientError]) -> str:
    return str(refused.value.response["Error"]["Code"])


@pytest.mark.parametrize("function", dict.fromkeys(function.role_owner for function in FUNCTIONS))
def test_no_role_of_the_pipeline_can_change_or_remove_an_audit_event(
    boto: Clients, role_of: Callable[[str], Identity], audit_event: dict[str, Any], function: str
) -> None:
    dynamodb = role_of(function).client("dynamodb")
    change = {"UpdateExpression": "SET event_type = :x", "ExpressionAttributeValues": {":x": {"S": "FORGED"}}}
    deletion = {"Delete": {"TableName": AUDIT, "Key": audit_event}}
    batch = {AUDIT: [{"DeleteRequest": {"Key": audit_event}}]}

    attempts: tuple[Callable[[], object], ...] = (
        lambda: dynamodb.update_item(TableName=AUDIT, Key=audit_event, **change),
        lambda: dynamodb.delete_item(TableName=AUDIT, Key=audit_event),
        lambda: dynamodb.transact_write_items(TransactItems=[deletion]),
        lambda: dynamodb.batch_write_item(RequestItems=batch),
        lambda: dynamodb.delete_table(TableName=AUDIT),
    )
    for attempt in attempts:
        with pytest.raises(ClientError) as refused:
            attempt()
        assert code_of(refused) == "AccessDeniedException"

    kept = boto("dynamodb").get_item(TableName=AUDIT, Key=audit_event)["Item"]
    assert kept["event_type"] == {"S": "KEPT"}


def test_the_role_that_deletes_clusters_deletes_none_but_restored_ones(
    role_of: Callable[[str], Identity],
) -> None:
    rds = role_of("cleanup").client("rds")

    with pytest.raises(ClientError) as refused:
        rds.delete_db_cluster(DBClusterIdentifier="payroll", SkipFinalSnapshot=True)
    with pytest.raises(ClientError) as allowed:
        rds.delete_db_cluster(DBClusterIdentifier="aurora-restored-gone", SkipFinalSnapshot=True)

    assert code_of(refused) == "AccessDenied"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert ":assumed-role/" in str(refused.value)
    assert "cluster:payroll" in str(refused.value)
    assert code_of(allowed) == "DBClusterNotFoundFault"


def test_it_renames_no_cluster_to_a_name_that_is_not_for_restored_ones(
    role_of: Callable[[str], Identity],
) -> None:
    rds = role_of("switch-over").client("rds")

    with pytest.raises(ClientError) as refused:
        rds.modify_db_cluster(DBClusterIdentifier="aurora-restored-gone", NewDBClusterIdentifier="payroll")

    assert code_of(refused) == "AccessDenied"


def test_production_is_read_and_never_changed(role_of: Callable[[str], Identity], stack: StackInfo) -> None:
    source = role_of("cleanup").client("rds", stack.source_region)

    attempts: tuple[Callable[[], object], ...] = (
        lambda: source.delete_db_cluster(DBClusterIdentifier="production", SkipFinalSnapshot=True),
        lambda: source.modify_db_cluster(DBClusterIdentifier="production", DeletionProtection=False),
        lambda: source.stop_db_cluster(DBClusterIdentifier="production"),
    )
    for attempt in attempts:
        with pytest.raises(ClientError) as refused:
            attempt()
        assert code_of(refused) == "AccessDenied"


def test_a_role_that_scales_readers_scales_nothing_else(role_of: Callable[[str], Identity]) -> None:
    scaling = role_of("switch-over").client("application-autoscaling")

    with pytest.raises(ClientError) as refused:
        scaling.register_scalable_target(
            ServiceNamespace="dynamodb",
            ResourceId="table/payroll",
            ScalableDimension="dynamodb:table:ReadCapacityUnits",
            MinCapacity=1,
            MaxCapacity=1,
        )

    assert code_of(refused) == "AccessDeniedException"


def test_a_policy_holds_from_the_moment_in_which_it_is_attached_or_taken_away(
    stack: StackInfo, boto: Clients
) -> None:
    with user_with(stack, boto, [READ_TABLES]) as reader:
        dynamodb = reader.client("dynamodb")
        assert dynamodb.describe_table(TableName=AUDIT)["Table"]["TableName"] == AUDIT
        attached = boto("iam").list_attached_user_policies(UserName=user_name(reader))["AttachedPolicies"]
        arn = attached[0]["PolicyArn"]

        boto("iam").detach_user_policy(UserName=user_name(reader), PolicyArn=arn)
        with pytest.raises(ClientError) as refused:
            dynamodb.describe_table(TableName=AUDIT)
        boto("iam").attach_user_policy(UserName=user_name(reader), PolicyArn=arn)

        assert code_of(refused) == "AccessDeniedException"
        assert dynamodb.describe_table(TableName=AUDIT)["Table"]["TableName"] == AUDIT


def user_name(user: Identity) -> str:
    return str(user.client("sts").get_caller_identity()["Arn"]).rpartition("/")[2]


@pytest.mark.parametrize("service", ["dynamodb", "rds"])
def test_credentials_with_another_secret_are_refused(user: UserWith, service: str) -> None:
    forged = replace(user(EVERYTHING), secret_access_key="another")
    client = forged.client(service)

    with pytest.raises(ClientError) as refused:
        client.list_tables() if service == "dynamodb" else client.describe_db_clusters()

    assert code_of(refused) in {"SignatureDoesNotMatch", "InvalidSignatureException"}


def test_a_request_that_the_table_lacks_is_refused_to_a_user_who_may_do_everything(
    user: UserWith, boto: Clients
) -> None:
    with pytest.raises(ClientError, match="lacks it") as refused:
        user(EVERYTHING).client("sqs").list_queues()

    assert code_of(refused) in {"AccessDenied", "AccessDeniedException"}
    assert boto("sqs").list_queues()["ResponseMetadata"]["HTTPStatusCode"] == 200  # who owns the account may


@pytest.mark.parametrize("condition", [
    {"StringEquals": {"aws:SourceVpce": "vpce-1"}},
    {"StringAlike": {"aws:username": "someone"}},
])  # fmt: skip
@pytest.mark.parametrize("service", ["dynamodb", "rds"])
def test_a_policy_that_cannot_be_evaluated_allows_nothing(
    user: UserWith, service: str, condition: dict[str, Any]
) -> None:
    denied = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition}
    client = user(EVERYTHING, {"Version": "2012-10-17", "Statement": denied}).client(service)

    with pytest.raises(ClientError, match="does not know") as refused:
        client.list_tables() if service == "dynamodb" else client.describe_db_clusters()

    assert code_of(refused) in {"AccessDenied", "AccessDeniedException"}


def test_a_grant_on_a_tag_holds_for_what_bears_the_tag(user: UserWith, boto: Clients) -> None:
    rds = boto("rds")
    arn = rds.create_db_cluster_parameter_group(
        DBClusterParameterGroupName="tagged",
        DBParameterGroupFamily="aurora-postgresql17",
        Description="of a test",
        Tags=[{"Key": "team", "Value": "payroll"}],
    )["DBClusterParameterGroup"]["DBClusterParameterGroupArn"]
    grant = {
        "Effect": "Allow",
        "Action": "rds:ListTagsForResource",
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:ResourceTag/team": "payroll"}},
    }
    reader = user({"Version": "2012-10-17", "Statement": grant}).client("rds")

    assert reader.list_tags_for_resource(ResourceName=arn)["TagList"] == [{"Key": "team", "Value": "payroll"}]
    rds.remove_tags_from_resource(ResourceName=arn, TagKeys=["team"])
    with pytest.raises(ClientError) as refused:
        reader.list_tags_for_resource(ResourceName=arn)
    poll_until(lambda: _is_deleted(rds, "tagged"), "the end of the new parameter group")

    assert code_of(refused) == "AccessDenied"


def _is_deleted(rds: Any, group: str) -> bool:
    """Whether the group could be deleted; for a while after it is created RDS refuses that."""
    try:
        rds.delete_db_cluster_parameter_group(DBClusterParameterGroupName=group)
    except rds.exceptions.InvalidDBParameterGroupStateFault:
        return False
    return True


def test_who_makes_a_schedule_needs_the_right_to_hand_over_its_role(user: UserWith, boto: Clients) -> None:
    makes_schedules = {"Effect": "Allow", "Action": "scheduler:*", "Resource": "*"}
    scheduler = user({"Version": "2012-10-17", "Statement": makes_schedules}).client("scheduler")
    role = boto("iam").list_roles()["Roles"][0]["Arn"]
    function = boto("lambda").get_function_configuration(FunctionName="aurora-restore-start-scheduled")

    with pytest.raises(ClientError, match="iam:PassRole") as refused:
        scheduler.create_schedule(
            Name="not-passed",
            ScheduleExpression="rate(1 days)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": function["FunctionArn"], "RoleArn": role, "Input": json.dumps({})},
        )

    assert code_of(refused) == "AccessDeniedException"
