"""A deployment and the local stack on the screen."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from aurora_restore.cli.commands.deploy import parse_parameters, subnets_warning
from aurora_restore.cli.errors import UsageProblem
from aurora_restore.cli.views.deployment import (
    deployment_item,
    event_line,
    render_changes,
    render_deployed,
    summary_of_changes,
)
from aurora_restore.cli.views.local import render_stack
from aurora_restore.deployment.deployer import (
    ChangePlan,
    DeploymentOutcome,
    PlanKind,
    ResourceChange,
    ResourceEvent,
)
from aurora_restore.deployment.model import STACK_NAME
from local_stack.lifecycle import StackStatus
from local_stack.stack_info import StackInfo

CHANGES = (
    ResourceChange("Add", "NotifyFunction", "AWS::Lambda::Function"),
    ResourceChange("Modify", "CopyFunction", "AWS::Lambda::Function", "p", "False", ("Code",)),
    ResourceChange("Modify", "LockTable", "AWS::DynamoDB::Table", "p", "True", ("KeySchema",)),
    ResourceChange("Remove", "OldTopic", "AWS::SNS::Topic", "p"),
)
OUTCOME = DeploymentOutcome(
    PlanKind.UPDATE, "aurora-restore-pipeline", "UPDATE_COMPLETE", {"Arn": "arn:x"}, 12.3
)


def lines_of(renderable: RenderableType, width: int = 80) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width, highlight=False, markup=False).print(renderable)
    return [" ".join(line.split()) for line in out.getvalue().splitlines()]


def test_what_is_lost_comes_first_in_the_change_set() -> None:
    names = [line.split()[1] for line in lines_of(render_changes(CHANGES))[1:]]
    assert names == ["OldTopic", "LockTable", "CopyFunction", "NotifyFunction"]


def test_a_replacement_is_said_loudly() -> None:
    assert "modify LockTable DynamoDB::Table KeySchema (replaced)" in lines_of(render_changes(CHANGES))


def test_the_changes_are_counted() -> None:
    assert summary_of_changes(CHANGES) == "1 to add, 2 to modify, 1 to remove"
    assert summary_of_changes(()) == "nothing to change"
    imports = tuple(ResourceChange("Import", name, "AWS::DynamoDB::Table") for name in "ABC")
    assert summary_of_changes((*imports, CHANGES[0])) == "1 to add, 3 to take back"


def test_an_event_says_how_far_it_is_and_why_it_failed() -> None:
    time = datetime(2026, 11, 22, 11, 42, tzinfo=UTC)
    event = ResourceEvent(time, "LockTable", "AWS::DynamoDB::Table", "CREATE_FAILED", "it exists")
    assert event_line(event, 3, 12) == "11:42:00 UTC   3/12  CREATE_FAILED  LockTable: it exists"


def test_the_outcome_says_what_exists_and_its_outputs() -> None:
    seen = lines_of(render_deployed(OUTCOME, "us-west-2"))
    assert seen == ["aurora-restore-pipeline is UPDATE_COMPLETE in us-west-2, after 12 s.", "Arn arn:x"]


def test_for_programs_the_changes_and_the_outcome_are_data() -> None:
    plan = ChangePlan(PlanKind.UPDATE, "aurora-restore-pipeline", CHANGES, "s", "c")
    assert deployment_item(plan, None, "us-west-2")["changes"][0]["logical_id"] == "NotifyFunction"
    assert deployment_item(plan, OUTCOME, "us-west-2")["stack_status"] == "UPDATE_COMPLETE"


def test_parameters_are_name_and_value() -> None:
    assert parse_parameters(["A=b=c", "D="]) == {"A": "b=c", "D": ""}
    with pytest.raises(UsageProblem, match="NAME=VALUE"):
        parse_parameters(["A"])


AWS: dict[str, str] = {}
STANDS = [{"ParameterKey": "SubnetIds", "ParameterValue": "subnet-1"}]


def test_a_deployment_without_subnets_says_what_will_happen_and_what_to_pass() -> None:
    warning = subnets_warning({}, [], "us-west-2", STACK_NAME, AWS)
    assert warning is not None
    assert "SubnetIds is empty" in warning
    for talking in ("restore-cluster", "setup-db-users", "prove-endpoint"):
        assert f"aurora-restore-{talking}" in warning
    assert "aurora-restore deploy --region us-west-2 --parameter SubnetIds=subnet-1,subnet-2" in warning
    assert "--parameter SecurityGroupIds=sg-1" in warning
    assert "--stack-name" not in warning


def test_the_command_that_mends_missing_subnets_is_for_the_stack_that_was_deployed() -> None:
    assert "--region us-west-2 --stack-name mine --parameter" in str(
        subnets_warning({}, [], "us-west-2", "mine", AWS)
    )


def test_subnets_that_are_given_or_stand_already_need_no_warning() -> None:
    assert subnets_warning({"SubnetIds": "subnet-1"}, [], "us-west-2", STACK_NAME, AWS) is None
    assert subnets_warning({}, STANDS, "us-west-2", STACK_NAME, AWS) is None


def test_subnets_that_are_taken_away_bring_the_warning_back() -> None:
    assert subnets_warning({"SubnetIds": ""}, STANDS, "us-west-2", STACK_NAME, AWS) is not None


def test_no_subnets_are_missed_on_the_local_stack() -> None:
    local = {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}
    assert subnets_warning({}, [], "us-west-2", STACK_NAME, local) is None


def test_a_local_stack_that_does_not_run_says_how_to_start_it() -> None:
    (line,) = lines_of(render_stack(StackStatus(Path("/home"), None), {}))
    assert line == "No local stack runs in /home. Start it with: aurora-restore local up"


def test_a_local_stack_that_runs_shows_ports_memory_and_clusters() -> None:
    info = StackInfo(
        home=Path("/home"),
        pid=7,
        endpoint_url="http://127.0.0.1:4566",
        rds_endpoint_url="http://127.0.0.1:4567",
        control_url="http://127.0.0.1:4568",
        ca_bundle=Path("/ca.pem"),
        account_id="000000000000",
        region="us-west-2",
        source_region="us-east-1",
    )
    behind = {"region": "us-east-1", "db_cluster_identifier": "production", "version": "17.10"}
    state = StackStatus(
        Path("/home"),
        info,
        61.0,
        123_000_000,
        9,
        (),
        {"copy": 4.0},
        is_complete=True,
        postgresql={"at_hand": ["17.10", "14.23"], "clusters": [behind]},
        mysql={"at_hand": ["9.7.4"], "clusters": [{**behind, "version": "9.7.4"}]},
    )
    cluster = {
        "region": "us-east-1",
        "db_cluster_identifier": "production",
        "status": "available",
        "endpoint": "h:1",
    }
    seen = lines_of(render_stack(state, {"stack": "CREATE_COMPLETE", "clusters": [cluster]}))
    assert "The local stack runs, for 1 min 1 s." in seen
    assert "AWS http://127.0.0.1:4566" in seen
    assert "memory 123 MB together" in seen
    assert "us-east-1 production available h:1" in seen
    assert "PostgreSQL 17.10 behind production; 14.23 behind no cluster" in seen
    assert "MySQL 9.7.4 behind production" in seen
    assert "incomplete" not in " ".join(seen)
    unfinished = lines_of(render_stack(replace(state, is_complete=False), {}))
    assert "It is incomplete" in " ".join(unfinished)
