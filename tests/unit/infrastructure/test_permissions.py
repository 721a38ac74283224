"""Each function may do what its step does, to what is the pipeline's, and nothing else."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from tests.support.template_policies import ACCOUNT, IAM_ACTIONS, REGION, Template

PREFIX = "aurora-restore-"
TABLES = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table"
STATE, AUDIT, LOCKS = (f"{TABLES}/AuroraRestore{name}" for name in ("State", "Audit", "Locks"))
RDS = f"arn:aws:rds:{REGION}:{ACCOUNT}"
SOURCE_RDS = f"arn:aws:rds:eu-central-1:{ACCOUNT}"
CLUSTER, INSTANCE = f"{RDS}:cluster:aurora-restored-cluster", f"{RDS}:db:aurora-restored-cluster-1a2b3c4d-1"
COPY = f"{RDS}:cluster-snapshot:aurora-restore-20230615-123456"
SOURCE_SNAPSHOT = f"{SOURCE_RDS}:cluster-snapshot:rds:production-2023-06-15-03-10"
SECRETS = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:aurora-restore"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
ANY = "*"

RECORD = [
    ("dynamodb", "get_item", STATE),
    ("dynamodb", "update_item", STATE),
    ("dynamodb", "put_item", AUDIT),
]
SECRET_READS = [
    ("secretsmanager", "get_secret_value", f"{SECRETS}/admin-credentials-AbCdEf"),
    ("secretsmanager", "get_secret_value", f"{SECRETS}/reporting-AbCdEf"),
]
SEE_CLUSTER = [("rds", "describe_db_clusters", CLUSTER)]

# What the steps ask of AWS: service, request, and what it is about.
CALLS = {
    "snapshot-check": [
        *RECORD, *SECRET_READS, *SEE_CLUSTER,
        ("dynamodb", "put_item", STATE),
        ("dynamodb", "get_item", LOCKS),
        ("dynamodb", "put_item", LOCKS),
        ("ec2", "describe_security_groups", ANY),
        ("kms", "describe_key", KEY),
        ("rds", "describe_account_attributes", ANY),
        ("rds", "describe_db_cluster_parameter_groups", f"{RDS}:cluster-pg:mine"),
        ("rds", "describe_db_cluster_snapshots", f"{SOURCE_RDS}:cluster:*"),
        ("rds", "describe_db_cluster_snapshots", SOURCE_SNAPSHOT),
        ("rds", "describe_db_cluster_snapshots", f"{RDS}:cluster-snapshot:*"),
        ("rds", "describe_db_engine_versions", ANY),
        ("rds", "describe_db_parameter_groups", f"{RDS}:pg:mine"),
        ("rds", "describe_db_subnet_groups", f"{RDS}:subgrp:mine"),
        ("rds", "describe_orderable_db_instance_options", ANY),
    ],
    "copy-snapshot": [
        *RECORD,
        ("rds", "describe_db_cluster_snapshots", SOURCE_SNAPSHOT),
        ("rds", "describe_db_cluster_snapshots", f"{RDS}:cluster:*"),
        ("rds", "describe_db_cluster_snapshots", COPY),
        ("rds", "copy_db_cluster_snapshot", SOURCE_SNAPSHOT),
        ("rds", "copy_db_cluster_snapshot", COPY),
        ("rds", "add_tags_to_resource", COPY),
    ],
    "restore-cluster": [
        *RECORD, *SECRET_READS, *SEE_CLUSTER,
        ("rds", "describe_db_instances", INSTANCE),
        *(("rds", "restore_db_cluster_from_snapshot", arn)
          for arn in (CLUSTER, COPY, f"{RDS}:subgrp:mine", f"{RDS}:cluster-pg:mine",
                      f"{RDS}:og:default:aurora-postgresql-16")),
        *(("rds", "create_db_instance", arn)
          for arn in (CLUSTER, INSTANCE, f"{RDS}:pg:mine", f"{RDS}:subgrp:mine",
                      f"{RDS}:og:default:aurora-postgresql-16")),
        ("rds", "modify_db_cluster", CLUSTER),
        ("rds", "add_tags_to_resource", CLUSTER),
        ("rds", "add_tags_to_resource", INSTANCE),
    ],
    "setup-db-users": [*RECORD, *SECRET_READS, *SEE_CLUSTER],
    "verify-restore": [*RECORD, *SEE_CLUSTER, ("rds", "describe_db_instances", f"{RDS}:db:*")],
    "archive-snapshot": [
        *RECORD,
        ("rds", "describe_db_cluster_snapshots", COPY),
        ("rds", "add_tags_to_resource", COPY),
    ],
    "notify": [*RECORD, ("dynamodb", "delete_item", LOCKS), ("sns", "publish", "NotificationTopic")],
    "record-failure": [
        *RECORD,
        ("dynamodb", "put_item", STATE),
        ("dynamodb", "delete_item", LOCKS),
        ("sns", "publish", "NotificationTopic"),
    ],
}  # fmt: skip

# Granted, and asked for by AWS in a function's name: by Lambda, by RDS, by the services that hold the keys.
BEHIND_THE_SCENES = {
    "kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey",
    "logs:CreateLogStream", "logs:PutLogEvents", "rds:ListTagsForResource",
    "xray:PutTelemetryRecords", "xray:PutTraceSegments",
}  # fmt: skip

WITHOUT_RESOURCES = {
    "ec2:DescribeSecurityGroups": "knows no resources",
    "rds:DescribeAccountAttributes": "knows no resources",
    "rds:DescribeDBEngineVersions": "knows no resources",
    "rds:DescribeOrderableDBInstanceOptions": "knows no resources",
    "xray:PutTraceSegments": "knows no resources",
    "xray:PutTelemetryRecords": "knows no resources",
}

UNTOUCHABLE = [
    ("rds:RestoreDBClusterFromSnapshot", f"{RDS}:cluster:production"),
    ("rds:ModifyDBCluster", f"{RDS}:cluster:production"),
    ("rds:CreateDBInstance", f"{RDS}:db:production-1"),
    ("rds:AddTagsToResource", f"{RDS}:cluster:production"),
    ("rds:AddTagsToResource", SOURCE_SNAPSHOT),
    ("rds:DeleteDBCluster", CLUSTER),
    ("rds:DeleteDBInstance", INSTANCE),
    ("rds:DeleteDBClusterSnapshot", COPY),
    ("rds:DeleteDBClusterSnapshot", SOURCE_SNAPSHOT),
    ("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:payroll-AbCdEf"),
    ("dynamodb:DeleteItem", STATE),
    ("dynamodb:UpdateItem", AUDIT),
    ("dynamodb:DeleteItem", AUDIT),
    ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/any"),
]


@pytest.fixture(scope="module")
def template() -> Template:
    return Template()


def needed_actions(function: str) -> set[str]:
    return {IAM_ACTIONS[service, request] for service, request, _ in CALLS[function]}


def test_every_function_of_the_template_is_held_here(template: Template) -> None:
    names = {f["FunctionName"] for f in template.resources("AWS::Lambda::Function").values()}

    assert names == {PREFIX + function for function in CALLS}


@pytest.mark.parametrize("function", CALLS)
def test_a_function_may_do_what_its_step_does(template: Template, function: str) -> None:
    wanted = [(IAM_ACTIONS[service, request], arn) for service, request, arn in CALLS[function]]

    missing = [(action, arn) for action, arn in wanted if not template.may(PREFIX + function, action, arn)]

    assert missing == []


@pytest.mark.parametrize("function", [name for name in CALLS if name not in {"notify", "record-failure"}])
def test_a_function_may_do_nothing_that_its_step_does_not_do(template: Template, function: str) -> None:
    granted = {action for action, _ in template.grants(PREFIX + function)}

    assert granted - BEHIND_THE_SCENES == needed_actions(function) - BEHIND_THE_SCENES


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


def test_the_state_machine_may_call_exactly_the_functions(template: Template) -> None:
    grants = set(template.role_grants("StateMachineRole"))
    functions = {f"{name}.Arn" for name in template.resources("AWS::Lambda::Function")}

    assert {resource for action, resource in grants if action == "lambda:InvokeFunction"} == functions
    unnamed = {action for action, resource in grants if resource == "*"}
    assert all(fnmatchcase(action, "logs:*") or fnmatchcase(action, "xray:*") for action in unnamed)


def test_only_the_two_functions_that_talk_to_databases_may_join_a_vpc() -> None:
    inside = Template({"SubnetIds": "subnet-1,subnet-2", "SecurityGroupIds": "sg-1"})
    functions = inside.resources("AWS::Lambda::Function").values()
    joined = {f["FunctionName"]: f["VpcConfig"] for f in functions if "VpcConfig" in f}

    assert set(joined) == {"aurora-restore-restore-cluster", "aurora-restore-setup-db-users"}
    assert all(
        config == {"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}
        for config in joined.values()
    )
    network = f"arn:aws:ec2:{REGION}:{ACCOUNT}:network-interface/*"
    assert {name for name in CALLS if inside.may(PREFIX + name, "ec2:CreateNetworkInterface", network)} == {
        name.removeprefix(PREFIX) for name in joined
    }
