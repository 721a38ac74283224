"""The template: deployable as it is, small enough, complete, and stamped with this source tree."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
import yaml
from tests.support.template_policies import NESTED, PSEUDO, ROOT, Template
from tests.unit.domain.builders import NOW, SETTINGS

from aurora_restore import handlers
from aurora_restore.deployment.alarms import ALARMS
from aurora_restore.deployment.infrastructure import edited_files
from aurora_restore.deployment.packaging import Project, build_artifacts
from aurora_restore.deployment.template import stamped_keys
from aurora_restore.domain.measures import SweepView, sweep_measures
from aurora_restore.domain.naming import (
    ABNORMAL_END_RULE,
    AUDIT_TABLE,
    CLEANUP_STATE_MACHINE,
    LOCK_TABLE,
    METRIC_NAMESPACE,
    NOTIFICATION_TOPIC,
    STATE_MACHINE,
    STATE_TABLE,
    SWEEP_RULE,
)
from aurora_restore.domain.observed import Quota
from aurora_restore.steps.functions import FUNCTIONS as WORKS

MAX_BODY_BYTES = 51_200
ROOM_BYTES = 12_000
"""What stays free for the next resource."""
STEPS = [name.removeprefix("aurora-restore-").replace("-", "_") for name in WORKS]
ENVIRONMENT = {
    "STATE_TABLE_NAME": "AuroraRestoreState",
    "AUDIT_TABLE_NAME": "AuroraRestoreAudit",
    "SNS_TOPIC_ARN": "NotificationTopic",
    "DEFAULT_DB_INSTANCE_CLASS": "db.r5.large",
    "DEFAULT_SOURCE_REGION": "us-east-1",
    "ADMIN_SECRET_ID": "aurora-restore/admin-credentials",
    "TARGET_CLUSTER_PREFIX": "aurora-restored-",
    "COPY_RETENTION_DAYS": "7",
    "RECORD_RETENTION_DAYS": "365",
    "PHASE_TIMEOUT_HOURS": "{}",
    "QUARANTINE_SECURITY_GROUP_IDS": "",
}
# The check says in the plan when the functions that talk to databases have no network of their own.
BESIDES = {
    "snapshot_check": {"DATABASE_SUBNET_IDS": ""},
    "sweep": {"CLEANUP_STATE_MACHINE_ARN": "CleanupStateMachine"},
    "start_scheduled": {"STATE_MACHINE_ARN": "StateMachine"},
}
SECTIONS = [
    "## Pipeline Execution Status", "## Lambda Function Metrics", "## Step Functions Metrics", "## RDS Metrics",
    "## Operations and Their Phases",
]  # fmt: skip
SEEN = SweepView(NOW, (), (), timedelta(days=30), (), {}, {"DBClusters": Quota("DBClusters", 1, 40)})
KEY = "arn:aws:kms:us-west-2:123456789012:key/1"


@pytest.fixture(scope="module")
def template() -> Template:
    return Template()


def functions(template: Template) -> dict[str, dict[str, Any]]:
    return {f["FunctionName"]: f for f in template.resources("AWS::Lambda::Function").values()}


def widgets(template: Template) -> list[dict[str, Any]]:
    (dashboard,) = template.nested("Monitoring").resources("AWS::CloudWatch::Dashboard").values()
    assert dashboard["DashboardName"] == "AuroraRestorePipelineDashboard"
    return list(json.loads(dashboard["DashboardBody"])["widgets"])


def test_it_fits_into_one_request(template: Template) -> None:
    assert len(template.text.encode()) <= MAX_BODY_BYTES - ROOM_BYTES


def test_it_names_the_artifacts_of_this_source_tree(template: Template) -> None:
    artifacts = build_artifacts(Project.find())

    assert stamped_keys(template.text) == artifacts.keys, (
        "The template names other artifacts than this source tree makes: run `make build`."
    )


def test_the_files_are_what_the_source_makes() -> None:
    project = Project.find()

    assert edited_files(project, build_artifacts(project)) == (), (
        "These files are other than the source makes them: run `make build`."
    )


def test_every_parameter_has_a_default(template: Template) -> None:
    assert [name for name, spec in template.raw["Parameters"].items() if "Default" not in spec] == []


def test_there_is_a_function_a_step(template: Template) -> None:
    expected = {
        f"aurora-restore-{step.replace('_', '-')}": f"aurora_restore.handlers.{step}" for step in STEPS
    }

    assert {name: f["Handler"] for name, f in functions(template).items()} == expected
    assert all(callable(getattr(handlers, step)) for step in STEPS)


@pytest.mark.parametrize("step", STEPS)
def test_a_function_gets_exactly_the_agreed_environment(template: Template, step: str) -> None:
    function = functions(template)[f"aurora-restore-{step.replace('_', '-')}"]

    assert function["Environment"]["Variables"] == ENVIRONMENT | BESIDES.get(step, {}), (
        "a new variable belongs in ENVIRONMENT of this file, with its default"
    )


@pytest.mark.parametrize("step", STEPS)
def test_a_function_runs_and_logs_as_all_do(template: Template, step: str) -> None:
    function = functions(template)[f"aurora-restore-{step.replace('_', '-')}"]

    assert (function["Runtime"], function["Architectures"], function["MemorySize"]) == (
        "python3.13", ["arm64"], 256,
    )  # fmt: skip
    assert 0 < function["Timeout"] <= 900
    # Of our own lines INFO and above are kept: Lambda's default for this format.
    assert function["LoggingConfig"] == {"LogFormat": "JSON", "SystemLogLevel": "WARN"}
    assert function["Code"]["S3Key"] == template.raw["Mappings"]["Artifacts"]["Lambda"]["Key"]
    assert function["Code"]["S3Bucket"] == "aurora-restore-artifacts-123456789012-us-west-2"


def test_every_log_has_an_end(template: Template) -> None:
    groups = {g["LogGroupName"]: g for g in template.resources("AWS::Logs::LogGroup").values()}

    assert set(groups) == {f"/aws/lambda/{name}" for name in functions(template)} | {
        "/aws/vendedlogs/states/aurora-restore-state-machine",
        "/aws/vendedlogs/states/aurora-restore-cleanup-state-machine",
    }
    assert all(int(group["RetentionInDays"]) == 90 for group in groups.values())


def test_everything_is_deployed_under_the_name_that_the_code_has_for_it(template: Template) -> None:
    names = [
        properties[key]
        for kind, key in (
            ("AWS::DynamoDB::Table", "TableName"),
            ("AWS::StepFunctions::StateMachine", "StateMachineName"),
            ("AWS::Events::Rule", "Name"),
            ("AWS::SNS::Topic", "TopicName"),
        )
        for properties in template.resources(kind).values()
    ]

    assert sorted(names) == sorted(
        (
            *(STATE_TABLE, AUDIT_TABLE, LOCK_TABLE),
            *(STATE_MACHINE, CLEANUP_STATE_MACHINE),
            *(ABNORMAL_END_RULE, SWEEP_RULE),
            NOTIFICATION_TOPIC,
        )
    )


@pytest.mark.parametrize(
    ("name", "keys", "indexes"),
    [
        (
            "AuroraRestoreState",
            ["operation_id"],
            {"status-start_time-index": ["status", "start_time"]},
        ),
        (
            "AuroraRestoreAudit",
            ["operation_id", "event_id"],
            {"event_date-event_id-index": ["event_date", "event_id"]},
        ),
        ("AuroraRestoreLocks", ["target_cluster_id"], {}),
    ],
)
def test_a_table_is_keyed_and_kept(
    template: Template, name: str, keys: list[str], indexes: dict[str, list[str]]
) -> None:
    tables = template.resources("AWS::DynamoDB::Table")
    logical_id, table = next((id_, t) for id_, t in tables.items() if t["TableName"] == name)
    resource = template.raw["Resources"][logical_id]

    assert [key["AttributeName"] for key in table["KeySchema"]] == keys
    found = {
        index["IndexName"]: [key["AttributeName"] for key in index["KeySchema"]]
        for index in table.get("GlobalSecondaryIndexes", [])
    }
    assert found == indexes
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert table["SSESpecification"]["SSEEnabled"] is True
    assert table["DeletionProtectionEnabled"] is True
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")


def test_a_first_deployment_that_fails_leaves_no_protected_table(template: Template) -> None:
    """The tables come after everything that can fail: what is rolled back cannot be one of them, protected."""
    resources = template.raw["Resources"]
    tables = {name for name, each in resources.items() if each["Type"] == "AWS::DynamoDB::Table"}
    # An address that the pattern admits is always taken; and nothing may depend on what may not be there.
    others = set(resources) - tables - {"EmailSubscription"}

    later = {table: others - _before(resources, table) for table in tables}
    assert all(not missing for missing in later.values()), later


def _before(resources: dict[str, Any], name: str) -> set[str]:
    """All resources that stand before this one is made: those that it names, and those that they name."""
    reached: set[str] = set()
    waiting = [name]
    while waiting:
        named = _named(resources[waiting.pop()]) & set(resources) - reached
        reached |= named
        waiting += named
    return reached


def _named(node: Any, key: str = "") -> set[str]:
    if isinstance(node, dict):
        return set().union(*(_named(value, name) for name, value in node.items()))
    if isinstance(node, list):
        return set().union(*(_named(each, key) for each in node))
    if key in {"Ref", "DependsOn", "Fn::GetAtt"}:
        return {str(node)}
    return (
        {match.split(".")[0] for match in re.findall(r"\$\{([^}]+)\}", str(node))}
        if key == "Fn::Sub"
        else set()
    )


@pytest.mark.parametrize("logical_id", NESTED)
def test_a_stack_in_the_stack_lies_under_the_hash_of_its_text(template: Template, logical_id: str) -> None:
    nested = template.resources("AWS::CloudFormation::Stack")[logical_id]
    key = stamped_keys(template.text)[logical_id]

    assert nested["TemplateURL"] == (
        f"https://s3.us-west-2.amazonaws.com/aurora-restore-artifacts-123456789012-us-west-2/{key}"
    )
    assert set(nested["Parameters"]) == set(template.nested(logical_id).raw["Parameters"])


def test_the_stacks_in_the_stack_need_no_capability_beyond_those_of_the_guide(template: Template) -> None:
    """Those are CAPABILITY_IAM and CAPABILITY_NAMED_IAM; macros and nested applications would need another."""
    made = {
        logical_id: {resource["Type"] for resource in template.nested(logical_id).raw["Resources"].values()}
        for logical_id in NESTED
    }

    assert made == {
        "Permissions": {"AWS::IAM::Role", "AWS::IAM::ManagedPolicy"},
        "Monitoring": {
            "AWS::CloudWatch::Alarm",
            "AWS::CloudWatch::Dashboard",
            "AWS::Logs::MetricFilter",
            "AWS::Logs::QueryDefinition",
        },
    }
    for each in (template, *map(template.nested, NESTED)):
        assert "Transform" not in each.raw
        assert "Fn::Transform" not in each.text


@pytest.mark.parametrize(
    ("partition", "domain"),
    [
        ("aws", "console.aws.amazon.com"),
        ("aws-us-gov", "console.amazonaws-us-gov.com"),
        ("aws-cn", "console.amazonaws.cn"),
    ],
)
def test_the_dashboard_is_found_in_the_console_of_the_partition(
    template: Template, monkeypatch: pytest.MonkeyPatch, partition: str, domain: str
) -> None:
    monkeypatch.setitem(PSEUDO, "AWS::Partition", partition)
    monitoring = template.nested("Monitoring")

    url = monitoring.resolve(monitoring.raw["Outputs"]["DashboardUrl"]["Value"])

    assert template.raw["Outputs"]["DashboardUrl"]["Value"] == {
        "Fn::GetAtt": ["Monitoring", "Outputs.DashboardUrl"]
    }
    assert url == (f"https://us-west-2.{domain}/cloudwatch/home?region=us-west-2#dashboards:name=Dashboard")


def test_alarms_reach_people_through_an_encrypted_topic(template: Template) -> None:
    alarms = template.nested("Monitoring").resources("AWS::CloudWatch::Alarm")
    (topic,) = template.resources("AWS::SNS::Topic").values()
    (key,) = template.resources("AWS::KMS::Key").values()
    admitted = [s["Principal"].get("Service") for s in key["KeyPolicy"]["Statement"]]

    assert topic == {"TopicName": "aurora-restore-notifications", "KmsMasterKeyId": "TopicKey.Arn"}
    watched = {
        a["AlarmName"].removeprefix("aurora-restore-"): (a["MetricName"], *_dimension(a))
        for a in alarms.values()
    }
    assert watched == {
        "executions-failed": ("ExecutionsFailed", "StateMachine"),
        "executions-timed-out": ("ExecutionsTimedOut", "StateMachine"),
        "cleanup-failed": ("ExecutionsFailed", "CleanupStateMachine"),
        "cleanup-timed-out": ("ExecutionsTimedOut", "CleanupStateMachine"),
        "sweep-failed": ("Errors", "SweepFunction"),
        "sweep-missing": ("OperationsRunning",),
        "lambda-errors": ("LambdaErrors",),
        "lambda-throttles": ("LambdaThrottles",),
        "phase-beyond-limit": ("OperationsBeyondLimit",),
        "audit-writes-failed": ("AuditWritesFailed",),
        "quota-nearly-met": ("QuotaUsedPercent",),
        "schedule-failed": ("TargetErrorCount", "aurora-restore"),
        "schedule-dropped": ("InvocationDroppedCount", "aurora-restore"),
        "scheduled-start-failed": ("Errors", "aurora-restore-start-scheduled"),
    }, "a new alarm belongs here, with what it watches"
    assert all(alarm["AlarmActions"] == ["NotificationTopic"] for alarm in alarms.values())
    assert "cloudwatch.amazonaws.com" in admitted


def test_each_alarm_says_in_one_sentence_what_to_do() -> None:
    for alarm in ALARMS:
        # It begins with a verb, and is one sentence: no full stop but that at its end.
        assert re.fullmatch(
            r"(Read|See|Look|Check|Start|Enable|Raise|Remove) [^.]+(\.[a-z-]+)?[^.]*\.", alarm.action
        ), alarm
        assert alarm.happened.endswith(".")
        assert len(f"{alarm.happened} {alarm.action}") <= 1024


def test_what_a_missing_value_means_depends_on_who_sends_it(template: Template) -> None:
    """Of a sweep it means that there was none; of everything else that nothing happened."""
    treated = {
        alarm["MetricName"]: alarm["TreatMissingData"]
        for alarm in Template({"ExpectedRestoreHours": "30"}).resources("AWS::CloudWatch::Alarm").values()
    }
    by_sweeps = set(sweep_measures(SEEN, SETTINGS).values)
    assert treated.pop("OperationsRunning") == "breaching"
    for metric, treatment in treated.items():
        assert treatment == ("ignore" if metric in by_sweeps else "notBreaching"), metric


def test_an_overdue_restore_is_looked_for_only_where_one_is_expected(template: Template) -> None:
    def overdue(of: Template) -> list[Any]:
        alarms = of.resources("AWS::CloudWatch::Alarm").values()
        return [each["Threshold"] for each in alarms if each["MetricName"] == "HoursSinceLastRestore"]

    assert overdue(template) == []
    assert overdue(Template({"ExpectedRestoreHours": "30"})) == ["30"]


def test_alarms_and_dashboard_look_only_at_metrics_of_our_own_that_are_measured(template: Template) -> None:
    filters = template.resources("AWS::Logs::MetricFilter").values()
    measured = {
        *sweep_measures(SEEN, SETTINGS).values, "AuditWritesFailed", "RestoreMinutes", "RtoMinutes", "PhaseMinutes",
        *(each["MetricTransformations"][0]["MetricName"] for each in filters),
    }  # fmt: skip
    shown = [
        metric[1]
        for widget in widgets(template)
        for metric in widget["properties"].get("metrics", ())
        if metric[0] == METRIC_NAMESPACE
    ]
    queries = [w["properties"]["query"] for w in widgets(template) if w["type"] == "log"]
    in_queries = set(re.findall(r"\b[A-Z][a-z]+Minutes\b", " ".join(queries)))
    alarms = Template({"ExpectedRestoreHours": "30"}).resources("AWS::CloudWatch::Alarm").values()
    watched = {each["MetricName"] for each in alarms if each["Namespace"] == METRIC_NAMESPACE}

    assert len(shown) >= 6
    assert {*shown, *in_queries, *watched} <= measured


def _dimension(alarm: dict[str, Any]) -> list[str]:
    return [dimension["Value"] for dimension in alarm.get("Dimensions", [])]


def test_a_given_key_encrypts_everything_and_no_other_is_made() -> None:
    template = Template({"KmsKeyArn": KEY})

    assert template.resources("AWS::KMS::Key") == {}
    assert all(g["KmsKeyId"] == KEY for g in template.resources("AWS::Logs::LogGroup").values())
    tables = template.resources("AWS::DynamoDB::Table").values()
    assert all(table["SSESpecification"]["KMSMasterKeyId"] == KEY for table in tables)
    assert [t["KmsMasterKeyId"] for t in template.resources("AWS::SNS::Topic").values()] == [KEY]
    for name in functions(template):
        assert template.may(name, "kms:Decrypt", KEY)


def test_an_address_is_subscribed_only_where_one_is_given(template: Template) -> None:
    subscribed = Template({"NotificationEmail": "operators@example.com"}).resources("AWS::SNS::Subscription")

    assert template.resources("AWS::SNS::Subscription") == {}
    assert [s["Endpoint"] for s in subscribed.values()] == ["operators@example.com"]


def test_the_dashboard_has_the_sections_of_the_guide(template: Template) -> None:
    texts = [w["properties"]["markdown"] for w in widgets(template) if w["type"] == "text"]
    titles = [w["properties"]["title"] for w in widgets(template) if w["type"] != "text"]

    assert texts == SECTIONS
    assert titles == [
        "Success Rate (%)", "Average Duration (minutes)", "Error Count by Type",
        "Duration by Function", "Error Count by Function", "Throttles by Function",
        "Execution Timeline", "Execution Status Count",
        "CPU Utilization", "Free Memory", "Database Connections",
        "Operations Running and the Age of the Oldest (minutes)", "Copies in Flight", "Oldest Lock (minutes)",
        "Time by Phase (minutes)", "Time by Phase Against Its Usual (minutes)",
        "RTO of the Last Thirty Restores (minutes)", "Fullest Quota of RDS (%)",
    ]  # fmt: skip


def test_every_widget_says_its_region_and_holds_only_what_was_put_in(template: Template) -> None:
    for widget in widgets(template):
        if widget["type"] != "text":
            assert widget["properties"]["region"] == "us-west-2"
    assert "${" not in json.dumps(widgets(template))


def test_a_bucket_of_ones_own_takes_the_place_of_the_default_one() -> None:
    own = Template({"ArtifactsBucket": "mine"})
    machines = own.resources("AWS::StepFunctions::StateMachine").values()

    assert {f["Code"]["S3Bucket"] for f in functions(own).values()} == {"mine"}
    assert {machine["DefinitionS3Location"]["Bucket"] for machine in machines} == {"mine"}
    for nested in own.resources("AWS::CloudFormation::Stack").values():
        assert nested["TemplateURL"].startswith("https://s3.us-west-2.amazonaws.com/mine/templates/")


def test_each_state_machine_has_its_definition_its_log_and_its_role(template: Template) -> None:
    keys = stamped_keys(template.text)
    found = {
        m["StateMachineName"]: m for m in template.resources("AWS::StepFunctions::StateMachine").values()
    }

    assert {name: m["DefinitionS3Location"]["Key"] for name, m in found.items()} == {
        "aurora-restore-state-machine": keys["Definition"],
        "aurora-restore-cleanup-state-machine": keys["Cleanup"],
    }
    assert len({m["RoleArn"] for m in found.values()}) == 2
    assert len({json.dumps(m["LoggingConfiguration"]) for m in found.values()}) == 2
    assert all(m["LoggingConfiguration"]["Level"] == "ALL" for m in found.values())
    assert all(m["TracingConfiguration"] == {"Enabled": True} for m in found.values())


def test_the_cleanups_are_counted_beside_the_restores(template: Template) -> None:
    (widget,) = [w for w in widgets(template) if w["properties"].get("title") == "Execution Status Count"]
    about = [metric for metric in widget["properties"]["metrics"] if "CleanupStateMachine" in metric]

    assert about
    assert about[0][:2] == ["AWS/States", "ExecutionsStarted"]


def test_what_checkov_leaves_out_has_its_reason_beside_it() -> None:
    text = (ROOT / ".checkov.yaml").read_text(encoding="utf-8")
    left_out = yaml.safe_load(text)["skip-check"]

    assert left_out
    assert all(re.search(rf"- {check} # .{{20,}}", text) for check in left_out)


def test_no_value_of_a_secret_and_no_account_is_in_it(template: Template) -> None:
    for text in (template.text, *(path.read_text() for path in NESTED.values())):
        assert re.search(r"\b\d{12}\b", text) is None
        assert re.search(r"(?i)password\s*:", text) is None
