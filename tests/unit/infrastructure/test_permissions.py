"""Each function may do what its step does, to what is the pipeline's, and nothing else."""

from __future__ import annotations

import json
from collections import Counter
from fnmatch import fnmatchcase

import pytest
from tests.support.dependent_actions import (
    CHECKED_OF_THE_CALLER,
    DEPENDENT_ACTIONS,
    MANAGES_THE_MASTER_SECRET,
    NOT_ASKED,
    NOT_ASKED_OF,
    SECRET_ACTIONS,
)
from tests.support.granted_requests import (
    ANY,
    AUDIT,
    CALLS,
    CLEANUP_MACHINE,
    CLUSTER,
    COPY,
    ENDPOINT,
    EXECUTIONS,
    INSTANCE,
    LOCKS,
    MAIN_MACHINE,
    PREFIX,
    QUIET_GROUP,
    RDS,
    RUN,
    SCALING_TARGET,
    SOURCE_RDS,
    SOURCE_SNAPSHOT,
    STATE,
)
from tests.support.template_policies import ACCOUNT, IAM_ACTIONS, REGION, Template

from aurora_restore.deployment import grants

# Granted, and asked for by AWS in a function's name: by Lambda, by RDS, by the services that hold the keys.
BEHIND_THE_SCENES = {
    "iam:PassRole", "kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo",
    "logs:CreateLogStream", "logs:PutLogEvents", "rds:ListTagsForResource",
    "xray:PutTelemetryRecords", "xray:PutTraceSegments",
}  # fmt: skip

# What a dependent action is asked about.
ABOUT = {
    "rds:ModifyDBInstance": (INSTANCE,),
    **dict.fromkeys(
        SECRET_ACTIONS, (f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:rds!cluster-1a2b-AbCdEf",)
    ),
    "rds:DeleteDBInstance": (INSTANCE,),
    "rds:CreateDBSnapshot": (INSTANCE, f"{RDS}:snapshot:any"),
    "rds:CreateDBClusterSnapshot": (CLUSTER, COPY),
    "rds:AddRoleToDBCluster": (CLUSTER,),
    "rds:CreateDBInstance": (CLUSTER, INSTANCE),
    "iam:PassRole": (f"arn:aws:iam::{ACCOUNT}:role/any",),
}

WITHOUT_RESOURCES = {
    "application-autoscaling:DescribeScalableTargets": "knows no resources",
    "application-autoscaling:DescribeScalingPolicies": "knows no resources",
    "ec2:DescribeSecurityGroups": "knows no resources",
    "rds:DescribeAccountAttributes": "knows no resources",
    "rds:DescribeDBEngineVersions": "knows no resources",
    "rds:DescribeOrderableDBInstanceOptions": "knows no resources",
    "xray:PutTraceSegments": "knows no resources",
    "xray:PutTelemetryRecords": "knows no resources",
}

UNTOUCHABLE = [
    *((action, f"{RDS}:cluster:production")
      for action in ("rds:RestoreDBClusterFromSnapshot", "rds:ModifyDBCluster", "rds:AddRoleToDBCluster",
                     "rds:AddTagsToResource", "rds:RemoveTagsFromResource", "rds:StartDBCluster",
                     "rds:StopDBCluster", "rds:CreateDBClusterSnapshot", "rds:DeleteDBCluster")),
    *((action, f"{RDS}:db:production-1")
      for action in ("rds:CreateDBInstance", "rds:ModifyDBInstance", "rds:RebootDBInstance", "rds:DeleteDBInstance")),
    *((action, f"{SOURCE_RDS}:cluster:aurora-restored-cluster")
      for action in ("rds:ModifyDBCluster", "rds:StopDBCluster", "rds:DeleteDBCluster")),
    *((action, snapshot)
      for action in ("rds:AddTagsToResource", "rds:DeleteDBClusterSnapshot")
      for snapshot in (SOURCE_SNAPSHOT, f"{RDS}:cluster-snapshot:rds:aurora-restored-cluster-2023-06-15",
                       f"{RDS}:cluster-snapshot:of-another")),
    *((action, f"{RDS}:cluster-pg:{name}")
      for name in ("mine", "aurora-restore-mine")
      for action in ("rds:ModifyDBClusterParameterGroup", "rds:DeleteDBClusterParameterGroup",
                     "rds:CreateDBClusterParameterGroup", "rds:ResetDBClusterParameterGroup", "rds:AddTagsToResource")),
    ("rds:DeleteGlobalCluster", f"arn:aws:rds::{ACCOUNT}:global-cluster:shop"),
    ("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:payroll-AbCdEf"),
    ("secretsmanager:CreateSecret", f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:payroll-AbCdEf"),
    ("dynamodb:DeleteItem", STATE),
    ("dynamodb:UpdateItem", AUDIT),
    ("dynamodb:DeleteItem", AUDIT),
    ("states:StopExecution", f"{EXECUTIONS}:payroll:run-1"),
    ("states:StartExecution", "StateMachine"),
]  # fmt: skip

# What destroys or ends something of the pipeline's own, and who alone may do it.
RESERVED = {
    ("states:StartExecution", MAIN_MACHINE): {"start-scheduled"},
    ("rds:DeleteDBCluster", CLUSTER): {"retire-replaced", "cleanup"},
    ("rds:DeleteDBInstance", INSTANCE): {"retire-replaced", "cleanup"},
    ("rds:StopDBCluster", CLUSTER): {"prove-endpoint", "retire-replaced", "cleanup"},
    ("rds:RebootDBInstance", INSTANCE): {"prove-endpoint", "restore-cluster"},
    ("rds:DeleteDBClusterParameterGroup", QUIET_GROUP): {"restore-cluster", "cleanup", "sweep"},
    ("rds:DeleteDBClusterSnapshot", COPY): {"cleanup", "sweep"},
    ("rds:ModifyDBCluster", CLUSTER): {"restore-cluster", "switch-over", "retire-replaced", "cleanup"},
    ("rds:DeleteDBClusterEndpoint", ENDPOINT): {"retire-replaced", "cleanup"},
    ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/any"): {"restore-cluster", "cleanup"},
    ("application-autoscaling:RegisterScalableTarget", SCALING_TARGET): {
        "switch-over",
        "retire-replaced",
        "cleanup",
    },
    ("states:StopExecution", RUN): {"cleanup"},
    ("states:StartExecution", CLEANUP_MACHINE): {"sweep"},
    ("dynamodb:DeleteItem", LOCKS): {"notify", "record-failure", "cleanup", "sweep"},
}


@pytest.fixture(scope="module")
def template() -> Template:
    return Template()


def needed_actions(function: str) -> set[str]:
    return {IAM_ACTIONS[service, request] for service, request, _ in CALLS[function]}


def dependent_actions(function: str) -> set[str]:
    """What the requests of a function may ask for besides, by the service authorization reference."""
    actions = needed_actions(function)
    depending = set().union(*(DEPENDENT_ACTIONS.get(action, frozenset()) for action in actions))
    depending |= SECRET_ACTIONS if function in MANAGES_THE_MASTER_SECRET else frozenset()
    return {action for action in depending - set(NOT_ASKED) if (function, action) not in NOT_ASKED_OF}


def test_the_policies_are_within_the_quotas_of_iam(template: Template) -> None:
    """docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html; white space is not counted."""
    managed = template.resources("AWS::IAM::ManagedPolicy")
    roles = template.resources("AWS::IAM::Role")

    assert {name for name, policy in managed.items() if size_of(policy["PolicyDocument"]) > 6_144} == set()
    for role in roles.values():
        assert len(role.get("ManagedPolicyArns", [])) <= 10
        assert sum(size_of(policy["PolicyDocument"]) for policy in role.get("Policies", [])) <= 10_240


def size_of(document: object) -> int:
    return len(json.dumps(document, separators=(",", ":")))


def test_a_managed_policy_is_what_several_roles_have(template: Template) -> None:
    attached = Counter(
        name
        for role in Template({"SubnetIds": "subnet-1", "SecurityGroupIds": "sg-1"})
        .resources("AWS::IAM::Role")
        .values()
        for name in role.get("ManagedPolicyArns", [])
    )

    assert {name for name, roles in attached.items() if roles < 2} == set()
    assert set(grants.MANAGED_POLICIES) <= set(attached)


@pytest.mark.parametrize(("service", "request_name"), IAM_ACTIONS)
def test_a_request_is_granted_as_iam_spells_it(service: str, request_name: str) -> None:
    assert grants.Grant(service, request_name, ANY).action == IAM_ACTIONS[service, request_name]


def test_every_function_of_the_template_is_held_here(template: Template) -> None:
    names = {f["FunctionName"] for f in template.resources("AWS::Lambda::Function").values()}

    assert names == {PREFIX + function for function in CALLS}


@pytest.mark.parametrize("function", CALLS)
def test_a_function_may_do_what_its_step_does(template: Template, function: str) -> None:
    expected = [(IAM_ACTIONS[service, request], arn) for service, request, arn in CALLS[function]]

    missing = [(action, arn) for action, arn in expected if not template.may(PREFIX + function, action, arn)]

    assert missing == []


@pytest.mark.parametrize("function", [name for name in CALLS if name not in {"notify", "record-failure"}])
def test_a_function_may_do_nothing_that_its_step_does_not_do(template: Template, function: str) -> None:
    granted = {action for action, _ in template.grants(PREFIX + function)}
    asked = needed_actions(function) | dependent_actions(function)

    assert granted - BEHIND_THE_SCENES == asked - BEHIND_THE_SCENES


@pytest.mark.parametrize("function", CALLS)
def test_what_a_request_may_ask_for_besides_is_granted_on_what_it_is_about(
    template: Template, function: str
) -> None:
    expected = {(action, arn) for action in dependent_actions(function) for arn in ABOUT.get(action, ())}

    assert dependent_actions(function) <= {action for action, _ in template.grants(PREFIX + function)}
    assert {
        (action, arn) for action, arn in expected if not template.may(PREFIX + function, action, arn)
    } == set()


@pytest.mark.parametrize("action", NOT_ASKED)
def test_what_is_never_asked_for_is_not_granted(template: Template, action: str) -> None:
    assert NOT_ASKED[action]
    assert not any(action == granted for name in CALLS for granted, _ in template.grants(PREFIX + name))


@pytest.mark.parametrize(("function", "action"), NOT_ASKED_OF)
def test_an_exception_names_something_that_is_really_left_out(
    template: Template, function: str, action: str
) -> None:
    depending = set().union(*(DEPENDENT_ACTIONS.get(each, frozenset()) for each in needed_actions(function)))
    depending |= set().union(*(DEPENDENT_ACTIONS.get(each, frozenset()) for each in depending))

    assert action in depending
    assert action not in {granted for granted, _ in template.grants(PREFIX + function)}


def test_the_two_that_end_a_run_share_a_role_which_does_what_either_does(template: Template) -> None:
    granted = {action for action, _ in template.grants("aurora-restore-notify")}

    assert template.function("aurora-restore-notify")["Role"] == "NotifyRole.Arn"
    assert template.function("aurora-restore-record-failure")["Role"] == "NotifyRole.Arn"
    assert granted - BEHIND_THE_SCENES == needed_actions("notify") | needed_actions("record-failure")


@pytest.mark.parametrize("function", CALLS)
@pytest.mark.parametrize(("action", "arn"), UNTOUCHABLE)
def test_no_function_may_touch_what_is_not_the_pipelines(
    template: Template, function: str, action: str, arn: str
) -> None:
    assert not template.may(PREFIX + function, action, arn)


@pytest.mark.parametrize(("action", "arn"), RESERVED)
def test_what_takes_away_is_for_those_alone_whose_work_it_is(
    template: Template, action: str, arn: str
) -> None:
    assert {name for name in CALLS if template.may(PREFIX + name, action, arn)} == RESERVED[action, arn]


WRITES_OF_ITEMS = ("dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem", "dynamodb:PartiQLInsert",
                   "dynamodb:PartiQLUpdate", "dynamodb:PartiQLDelete")  # fmt: skip


def test_no_role_may_change_or_delete_an_audit_event_or_the_table(template: Template) -> None:
    """Every role of the stack, and not those of the functions alone. PutItem replaces an item that exists, and no
    condition key of DynamoDB can forbid that: the chain of the events shows it."""
    roles = template.resources("AWS::IAM::Role")
    granted = {
        (role, action)
        for role in roles
        for statement in template.statements(role)
        for action in listed(statement["Action"])
        if any(fnmatchcase(AUDIT, resource) for resource in listed(statement.get("Resource", [])))
        and action.startswith(("dynamodb:", "*"))
    }
    assert {action for _, action in granted} == {"dynamodb:PutItem"}
    assert {role for role, _ in granted} == {
        template.function(PREFIX + name)["Role"].removesuffix(".Arn")
        for name in CALLS
        if ("dynamodb", "put_item", AUDIT) in CALLS[name]
    }
    assert not {
        (role, write)
        for role in roles
        for statement in template.statements(role)
        for action in listed(statement["Action"])
        for write in WRITES_OF_ITEMS
        if fnmatchcase(write, action)
        and any(fnmatchcase(AUDIT, each) for each in listed(statement["Resource"]))
    }


def listed(value: object) -> list[str]:
    return (
        [value]
        if isinstance(value, str)
        else [str(each) for each in value]
        if isinstance(value, list)
        else []
    )


def test_a_role_is_handed_to_rds_and_its_enhanced_monitoring_alone(template: Template) -> None:
    roles = template.resources("AWS::IAM::Role")
    handing = [s for role in roles for s in template.statements(role) if "iam:PassRole" in s["Action"]]

    assert handing
    assert all(s["Action"] == "iam:PassRole" for s in handing)
    assert all(
        s["Condition"]
        == {"StringEquals": {"iam:PassedToService": ["rds.amazonaws.com", "monitoring.rds.amazonaws.com"]}}
        for s in handing
    )


def test_what_is_scaled_are_readers_of_aurora_and_nothing_else(template: Template) -> None:
    roles = template.resources("AWS::IAM::Role")
    scaling = [
        statement
        for role in roles
        for statement in template.statements(role)
        if "application-autoscaling:RegisterScalableTarget" in statement["Action"]
    ]

    assert len(scaling) == 3
    assert all(
        statement["Condition"]
        == {
            "StringEquals": {
                "application-autoscaling:service-namespace": "rds",
                "application-autoscaling:scalable-dimension": "rds:cluster:ReadReplicaCount",
            }
        }
        for statement in scaling
    )


@pytest.mark.parametrize("function", CALLS)
def test_what_can_be_named_is_named(template: Template, function: str) -> None:
    unnamed = {action for action, resource in template.grants(PREFIX + function) if resource == "*"}

    assert unnamed <= set(WITHOUT_RESOURCES)
    assert not any("*" in action for action, _ in template.grants(PREFIX + function))


@pytest.mark.parametrize("function", CALLS)
def test_keys_are_used_through_the_service_that_encrypts_or_by_name(
    template: Template, function: str
) -> None:
    role = template.function(PREFIX + function)["Role"].removesuffix(".Arn")
    every_key = [
        statement
        for statement in template.statements(role)
        if str(statement["Resource"]).endswith(":key/*") and statement["Action"] != "kms:DescribeKey"
    ]

    for statement in every_key:
        condition = {key for block in statement["Condition"].values() for key in block}
        assert "kms:ViaService" in condition
        if "kms:CreateGrant" in statement["Action"]:
            assert "kms:GrantIsForAWSResource" in condition


def test_another_prefix_moves_the_fence(template: Template) -> None:
    moved = Template({"TargetClusterPrefix": "staging-"})

    assert moved.may("aurora-restore-restore-cluster", "rds:ModifyDBCluster", f"{RDS}:cluster:staging-orders")
    assert not moved.may("aurora-restore-restore-cluster", "rds:ModifyDBCluster", CLUSTER)


def test_a_state_machine_may_call_exactly_the_functions_of_its_states(template: Template) -> None:
    functions = {f"{name}.Arn" for name in template.resources("AWS::Lambda::Function")}
    cleanup, others = "CleanupFunction.Arn", {"SweepFunction.Arn", "StartScheduledFunction.Arn"}

    assert called_by(template, "StateMachineRole") == functions - {cleanup, *others}
    assert called_by(template, "CleanupStateMachineRole") == {cleanup}


def test_scheduler_may_call_the_one_function_that_starts_what_is_due_and_do_nothing_else(
    template: Template,
) -> None:
    assert set(template.role_grants("SchedulerRole")) == {
        ("lambda:InvokeFunction", "StartScheduledFunction.Arn")
    }
    trust = template.resources("AWS::IAM::Role")["SchedulerRole"]["AssumeRolePolicyDocument"]["Statement"]
    (statement,) = trust
    assert statement["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": ACCOUNT, "aws:SourceArn": "ScheduleGroup.Arn"}
    }


@pytest.mark.parametrize("role", ["StateMachineRole", "CleanupStateMachineRole"])
def test_a_state_machine_may_else_do_nothing_but_deliver_logs_and_traces(
    template: Template, role: str
) -> None:
    others = {grant for grant in template.role_grants(role) if grant[0] != "lambda:InvokeFunction"}

    assert all(fnmatchcase(action, "logs:*") or fnmatchcase(action, "xray:*") for action, _ in others)


def test_the_event_of_an_abnormal_end_may_start_the_cleanup_and_nothing_else(template: Template) -> None:
    assert set(template.role_grants("AbnormalEndRole")) == {("states:StartExecution", "CleanupStateMachine")}


@pytest.mark.parametrize(
    ("role", "service"),
    [("StateMachineRole", "states"), ("CleanupStateMachineRole", "states"), ("AbnormalEndRole", "events")],
)
def test_a_service_may_take_on_a_role_only_for_this_account(
    template: Template, role: str, service: str
) -> None:
    (statement,) = template.resources("AWS::IAM::Role")[role]["AssumeRolePolicyDocument"]["Statement"]

    assert statement["Principal"] == {"Service": f"{service}.amazonaws.com"}
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def called_by(template: Template, role: str) -> set[str]:
    return {resource for action, resource in template.role_grants(role) if action == "lambda:InvokeFunction"}


def test_only_the_functions_that_talk_to_databases_may_join_a_vpc() -> None:
    inside = Template({"SubnetIds": "subnet-1,subnet-2", "SecurityGroupIds": "sg-1"})
    functions = inside.resources("AWS::Lambda::Function").values()
    joined = {f["FunctionName"]: f["VpcConfig"] for f in functions if "VpcConfig" in f}

    assert set(joined) == {
        f"aurora-restore-{name}" for name in ("restore-cluster", "setup-db-users", "prove-endpoint")
    }
    assert all(
        config == {"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}
        for config in joined.values()
    )
    network = f"arn:aws:ec2:{REGION}:999999999999:subnet/shared"
    assert {name for name in CALLS if inside.may(PREFIX + name, "ec2:CreateNetworkInterface", network)} == {
        name.removeprefix(PREFIX) for name in joined
    }


def test_in_a_vpc_lambda_may_do_what_its_guide_asks_for_and_the_code_none_of_it() -> None:
    """docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html: all of these on `*`, and the code denied them."""
    inside = Template({"SubnetIds": "subnet-1,subnet-2", "SecurityGroupIds": "sg-1"})
    allowed, denied = inside.resources("AWS::IAM::ManagedPolicy")["VpcPolicy"]["PolicyDocument"]["Statement"]

    assert (allowed["Effect"], allowed["Resource"]) == ("Allow", "*")
    assert set(allowed["Action"]) == {
        "ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets",
        "ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses",
    }  # fmt: skip
    assert (denied["Effect"], denied["Action"], denied["Resource"]) == ("Deny", "ec2:*", "*")
    assert denied["Condition"] == {
        "ArnLike": {"lambda:SourceFunctionArn": f"arn:*:lambda:{REGION}:{ACCOUNT}:function:aurora-restore-*"}
    }


USE_OF_KEYS = (
    "kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo",
)  # fmt: skip


@pytest.mark.parametrize("function", ["copy-snapshot", "restore-cluster", "cleanup"])
@pytest.mark.parametrize("action", USE_OF_KEYS)
def test_rds_may_use_a_key_of_another_account_in_the_name_of_who_copies_and_restores(
    template: Template, function: str, action: str
) -> None:
    """Aurora user guide, "Copying a DB cluster snapshot": the caller needs these on both keys of an encrypted copy."""
    assert template.may(PREFIX + function, action, "arn:aws:kms:us-east-1:999988887777:key/1a2b")


@pytest.mark.parametrize("function", CALLS)
def test_what_auto_scaling_tries_in_a_callers_name_is_granted_to_services_alone(
    template: Template, function: str
) -> None:
    registers = "application-autoscaling:RegisterScalableTarget" in needed_actions(function)
    expected = CHECKED_OF_THE_CALLER if registers else frozenset()

    assert template.actions_via_services(PREFIX + function) == expected
