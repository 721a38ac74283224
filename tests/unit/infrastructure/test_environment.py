"""What the template sets is what the functions read."""

from __future__ import annotations

import pytest
from tests.support.template_policies import REGION, ROOT, Template

from aurora_restore.deployment import functions
from aurora_restore.domain.errors import ConfigurationError
from aurora_restore.domain.results import Phase
from aurora_restore.environment import read_environment

FUNCTIONS = [f["FunctionName"] for f in Template().resources("AWS::Lambda::Function").values()]


def environment_of(function: str, **parameters: str) -> dict[str, str]:
    """The environment of a deployed function, as far as it is known before the deployment."""
    template = Template(parameters)
    variables: dict[str, str] = template.function(function)["Environment"]["Variables"]
    return {"AWS_REGION": REGION, **variables}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_finds_in_its_environment_what_it_needs(function: str) -> None:
    environment = read_environment(environment_of(function))

    settings = environment.settings
    assert settings.target_region == REGION
    assert settings.target_cluster_prefix == "aurora-restored-"
    assert (settings.copy_retention_days, settings.record_retention_days) == (7, 365)
    assert settings.phase_timeout_hours == {}
    assert settings.quarantine_security_group_ids == ()


def test_what_the_parameters_say_reaches_the_functions() -> None:
    settings = read_environment(
        environment_of(
            "aurora-restore-snapshot-check",
            TargetClusterPrefix="staging-",
            CopyRetentionDays="30",
            RecordRetentionDays="90",
            PhaseTimeoutHours='{"CopySnapshot": 48, "SwitchOver": 0.5}',
            SubnetIds="subnet-1,subnet-2",
            QuarantineSecurityGroupIds="sg-1, sg-2",
        )
    ).settings

    assert settings.target_cluster_prefix == "staging-"
    assert (settings.copy_retention_days, settings.record_retention_days) == (30, 90)
    assert settings.phase_timeout_hours == {Phase.COPY_SNAPSHOT: 48.0, Phase.SWITCH_OVER: 0.5}
    assert settings.quarantine_security_group_ids == ("sg-1", "sg-2")
    assert settings.reaches_private_databases


def test_without_subnets_the_check_knows_that_no_private_database_is_reached() -> None:
    environment = environment_of("aurora-restore-snapshot-check")

    assert not read_environment(environment).settings.reaches_private_databases
    local = {**environment, "DATABASE_CA_BUNDLE": "/somewhere/bundle.pem"}
    assert read_environment(local).settings.reaches_private_databases


def test_the_sweep_alone_knows_the_cleanups_state_machine() -> None:
    known = {name: read_environment(environment_of(name)).cleanup_state_machine_arn for name in FUNCTIONS}

    assert known.pop("aurora-restore-sweep") == "CleanupStateMachine"
    assert set(known.values()) == {None}


@pytest.mark.parametrize(
    "name",
    [
        "STATE_TABLE_NAME",
        "SNS_TOPIC_ARN",
        "ADMIN_SECRET_ID",
        "TARGET_CLUSTER_PREFIX",
        "COPY_RETENTION_DAYS",
        "RECORD_RETENTION_DAYS",
        "PHASE_TIMEOUT_HOURS",
        "QUARANTINE_SECURITY_GROUP_IDS",
    ],
)
def test_a_variable_that_is_missing_is_named(name: str) -> None:
    environment = environment_of("aurora-restore-notify")
    del environment[name]

    with pytest.raises(ConfigurationError, match=f"{name} is not set"):
        read_environment(environment)


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("COPY_RETENTION_DAYS", "0", "a whole number of days from 1 on"),
        ("COPY_RETENTION_DAYS", "-7", "a whole number of days from 1 on"),
        ("RECORD_RETENTION_DAYS", "a year", "a whole number of days from 1 on"),
        ("TARGET_CLUSTER_PREFIX", "", "is not set"),
        ("PHASE_TIMEOUT_HOURS", "{", "a JSON object of phases"),
        ("PHASE_TIMEOUT_HOURS", "[]", "a JSON object of phases"),
        ("PHASE_TIMEOUT_HOURS", '{"Copy": 1}', "'Copy' is not a valid Phase"),
        ("PHASE_TIMEOUT_HOURS", '{"Notify": 0}', "0 is not a positive number of hours"),
        ("PHASE_TIMEOUT_HOURS", '{"Notify": true}', "True is not a positive number of hours"),
        ("PHASE_TIMEOUT_HOURS", '{"CopySnapshot": 180}', "the 192 h of the state machine"),
    ],
)
def test_a_setting_of_the_wrong_kind_is_named_with_what_is_expected(
    name: str, text: str, complaint: str
) -> None:
    environment = environment_of("aurora-restore-notify")

    with pytest.raises(ConfigurationError, match=complaint) as refused:
        read_environment({**environment, name: text})

    assert name in refused.value.message


def test_the_stacks_own_region_is_known_however_old_the_sdk_of_the_runtime_is() -> None:
    environment = environment_of("aurora-restore-snapshot-check")

    assert REGION in read_environment(environment, ("eu-west-1",)).settings.known_regions


def test_the_reference_lists_every_variable_of_the_functions() -> None:
    variables = set(functions.ENVIRONMENT).union(*(f.environment for f in functions.FUNCTIONS))
    reference = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    # Those of the sweep and of what schedules call name other parts of the stack; they are not settings.
    settings = variables - {"CLEANUP_STATE_MACHINE_ARN", "STATE_MACHINE_ARN"}

    assert {name for name in settings if f"`{name}`" not in reference} == set()
