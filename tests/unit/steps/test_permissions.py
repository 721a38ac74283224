"""What the functions were seen to ask of AWS is what the template's roles are held to, and no less."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore import xform_name
from tests.support.granted_requests import CALLS
from tests.support.worlds import DAY, FUNCTION_OF, SOURCE_REGION, TARGET_REGION, PipelineRun

from aurora_restore.aws.pipeline_executions import AwsPipelineExecutions
from aurora_restore.domain.errors import RestoreError
from aurora_restore.domain.naming import OPERATION_TAG, quiet_group_identifier
from aurora_restore.domain.operation import new_record
from aurora_restore.domain.results import Phase
from aurora_restore.steps.functions import work_of

# RDS asks for these besides, where a request makes something with tags.
IMPLIED = {("rds", "add_tags_to_resource")}
# boto3's name for a service, where its IAM prefix is another one.
SERVICES = {"states": "stepfunctions"}
WAITING = {"StartAt": "Hold", "States": {"Hold": {"Type": "Wait", "Seconds": 600, "End": True}}}
FAILS = {"fails": True}
FAILS_WITHIN_SECONDS = 60.0
WAITING_OR_FAILING = {
    "StartAt": "Which",
    "States": {
        "Which": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.fails", "IsPresent": True, "Next": "Refuse"}],
            "Default": "Hold",
        },
        "Refuse": {"Type": "Fail", "Error": "SwitchOverFailed", "Cause": "it was not renamed"},
        "Hold": {"Type": "Wait", "Seconds": 600, "End": True},
    },
}
SWAP: dict[str, object] = {"delete_cluster_if_exists": True}
DELETE_FIRST = {**SWAP, "replace_strategy": "delete_first", "accept_differences": ["custom_endpoints"]}
Seen = dict[str, set[tuple[str, str]]]


class Watch:
    """Runs the pipeline and notes which function asked for what."""

    def __init__(self) -> None:
        self.seen: Seen = defaultdict(set)
        self.sent: list[tuple[str, str, dict[str, Any]]] = []

    def of(self, run: PipelineRun, function: str, work: Callable[[], object]) -> None:
        run.aws.calls.clear()
        run.aws.parameters.clear()
        try:
            work()
        except RestoreError as error:
            self.error = error
        self.seen[function] |= {
            (SERVICES.get(call.service, call.service), xform_name(call.operation)) for call in run.aws.calls
        }
        self.sent += run.aws.parameters

    def whole_run(self, run: PipelineRun, operation_id: str, **changes: object) -> None:
        self.of(run, "snapshot-check", lambda: run.check(operation_id, **changes))
        for phase in list(Phase)[1:]:
            self.phase(run, phase, operation_id)

    def phase(self, run: PipelineRun, phase: Phase, operation_id: str) -> None:
        function = FUNCTION_OF[phase].removeprefix("aurora-restore-")
        self.of(run, function, lambda: run.run_phase(phase, operation_id))

    def until(self, run: PipelineRun, operation_id: str, last: Phase, **changes: object) -> None:
        self.of(run, "snapshot-check", lambda: run.check(operation_id, **changes))
        for phase in list(Phase)[1 : list(Phase).index(last) + 1]:
            self.phase(run, phase, operation_id)

    def cleanup(self, run: PipelineRun, operation_id: str) -> None:
        """The execution ends, and what the cleanup machine calls is watched."""
        end_execution(run, operation_id)
        payload = {"operation_id": operation_id, "execution_arn": run.arn(operation_id)}

        def work() -> None:
            for _ in range(100):
                answer = work_of("aurora-restore-cleanup")(run.ports, payload)
                if answer["status"] != "IN_PROGRESS":
                    return
                run.clock.advance(answer["wait_seconds"])
            raise AssertionError(answer["message"])

        self.of(run, "cleanup", work)

    def sweep(self, run: PipelineRun) -> None:
        self.of(run, "sweep", lambda: work_of("aurora-restore-sweep")(run.ports, {}))


def begin_execution(run: PipelineRun, operation_id: str, **request: object) -> None:
    """Start an execution. One that is to fail has failed when this returns: ministack runs it in a thread."""
    arn = run.arn(operation_id)
    with run.aws.setting_up():
        states = run.aws.clients().stepfunctions()
        machine = arn.replace(":execution:", ":stateMachine:").rpartition(":")[0]
        states.start_execution(stateMachineArn=machine, name=operation_id, input=json.dumps(request))
        deadline = time.monotonic() + FAILS_WITHIN_SECONDS
        while request == FAILS and states.describe_execution(executionArn=arn)["status"] == "RUNNING":
            assert time.monotonic() < deadline, f"{operation_id} did not fail"
            time.sleep(0.01)


def end_execution(run: PipelineRun, operation_id: str) -> None:
    with run.aws.setting_up():
        states, arn = run.aws.clients().stepfunctions(), run.arn(operation_id)
        if states.describe_execution(executionArn=arn)["status"] == "RUNNING":
            states.stop_execution(executionArn=arn)


def with_real_executions(run: PipelineRun) -> None:
    """Step Functions through the wire, so that what is asked of it is seen."""
    main = run.aws.create_state_machine("aurora-restore-state-machine", WAITING_OR_FAILING)
    cleanup = run.aws.create_state_machine("aurora-restore-cleanup-state-machine", WAITING)
    run.ports = replace(run.ports, executions=AwsPipelineExecutions(run.aws.clients(), cleanup, main))


def put_endpoint(run: PipelineRun) -> None:
    reports = {"DBClusterIdentifier": "aurora-restored-cluster", "DBClusterEndpointIdentifier": "reports"}
    run.aurora.at_once("CreateDBClusterEndpoint", TARGET_REGION, {**reports, "EndpointType": "ANY"})


def put_what_goes_by_the_name(run: PipelineRun) -> None:
    """A master secret that RDS manages, and readers that are scaled."""
    managed = {"DBClusterIdentifier": "aurora-restored-cluster", "ManageMasterUserPassword": True}
    run.aurora.at_once("ModifyDBCluster", TARGET_REGION, managed)
    run.put_scaling("by-load")


def put_left_group(run: PipelineRun) -> None:
    """A parameter group of a first start, whose run is over."""
    name, tags = quiet_group_identifier("restore-kept"), {OPERATION_TAG: "restore-kept"}
    with run.aws.setting_up():
        run.ports.target_rds.create_cluster_parameter_group(name, "aurora-postgresql17", "left", tags)


def abnormal_ends(watch: Watch) -> None:
    """A swap that is cancelled, one that is kept and retired, an undo, a delete_first that comes back."""
    run = PipelineRun(on_dynamodb=True)
    with_real_executions(run)
    run.put_target(EnableHttpEndpoint=True)
    run.aurora.seed.put_snapshot(SOURCE_REGION, "production", DAY + timedelta(days=1))
    role = {
        "DBClusterIdentifier": "aurora-restored-cluster",
        "RoleArn": "arn:aws:iam::123456789012:role/import",
    }
    run.aurora.at_once("AddRoleToDBCluster", TARGET_REGION, role)
    put_endpoint(run)
    put_what_goes_by_the_name(run)
    begin_execution(run, "restore-back", **FAILS)
    watch.until(run, "restore-back", Phase.SWITCH_OVER, **SWAP)
    while "take_final_snapshot" not in run.record("restore-back")["acts"]:
        run.clock.advance(run.phase(Phase.RETIRE_REPLACED, "restore-back").wait_seconds)
    run.fail("restore-back", "SwitchOverFailed")
    watch.cleanup(run, "restore-back")
    begin_execution(run, "restore-cancelled")
    watch.until(run, "restore-cancelled", Phase.SWITCH_OVER, **SWAP)
    watch.cleanup(run, "restore-cancelled")
    watch.sweep(run)
    run.clock.advance(25 * 3600)
    watch.cleanup(run, "restore-cancelled")
    watch.until(run, "restore-stopped", Phase.SWITCH_OVER, **SWAP)
    retired = run.record("restore-stopped")["switch_over"]["retired_identifier"]
    run.aurora.at_once("StopDBCluster", TARGET_REGION, {"DBClusterIdentifier": retired})
    for phase in list(Phase)[list(Phase).index(Phase.PROVE_ENDPOINT) :]:
        watch.phase(run, phase, "restore-stopped")
    # The stopped cluster gave none of its endpoints away, and took them along.
    put_endpoint(run)
    watch.until(run, "restore-kept", Phase.NOTIFY, **SWAP, keep_replaced_hours=1)
    run.check("undo-kept", undo_operation_id="restore-kept", **dict.fromkeys(run.request(), ...))
    for phase in list(Phase)[1:]:
        watch.phase(run, phase, "undo-kept")
    begin_execution(run, "restore-first")
    watch.until(run, "restore-first", Phase.RESTORE_CLUSTER, **DELETE_FIRST)
    watch.cleanup(run, "restore-first")
    begin_execution(run, "restore-copying")
    run.aurora.set_durations({"copy": 3600})
    run.check(
        "restore-copying",
        source_snapshot_date=...,
        source_snapshot_identifier="rds:production-2023-06-16-03-10",
        target_cluster_id="aurora-restored-other",
    )
    run.phase(Phase.COPY_SNAPSHOT, "restore-copying")
    run.ports.records.update("restore-copying", {"status": "FAILED", "error": "by hand"})
    payload = {"operation_id": "restore-copying", "execution_arn": run.arn("restore-copying")}
    watch.of(run, "cleanup", lambda: work_of("aurora-restore-cleanup")(run.ports, payload))
    run.clock.advance(9 * 86_400)
    put_left_group(run)
    watch.sweep(run)
    watch.cleanup(run, "restore-copying")
    begin_execution(run, "restore-lost")
    run.ports.records.create(new_record("restore-lost", run.arn("restore-lost"), {}, run.clock.now(), 0))
    run.ports.locks.acquire("aurora-restored-forgotten", "restore-without-a-record", run.clock.now())
    run.clock.advance(600)
    watch.sweep(run)
    begin_execution(run, "restore-unseen")
    watch.cleanup(run, "restore-unseen")


@pytest.fixture(scope="module")
def seen() -> Seen:
    return all_that_the_functions_do().seen


def all_that_the_functions_do() -> Watch:
    """Every way through the steps, watched."""
    watch, run = Watch(), PipelineRun(on_dynamodb=True)
    run.aurora.set_habits({"default_groups_need_a_cluster": True})
    for cluster in (True, False):
        run.aurora.seed.put_parameter_group(TARGET_REGION, "mine", "aurora-postgresql17", cluster=cluster)
    run.aws.create_secret(
        "aurora-restore/users/report", {"username": "report", "password": "a-fine-password"}
    )
    watch.whole_run(
        run,
        "restore-20261122-120000",
        kms_key_id=run.aws.create_kms_key("alias/restores"),
        db_cluster_parameter_group_name="mine",
        db_parameter_group_name="mine",
        db_users=[{"username": "report", "secret_id": "aurora-restore/users/report"}],
    )
    watch.whole_run(
        run,
        "restore-by-name",
        source_region=TARGET_REGION,
        source_snapshot_date=...,
        source_snapshot_identifier="aurora-restore-20261122-120000",
        target_cluster_id="aurora-restored-by-name",
    )
    watch.of(run, "snapshot-check", lambda: run.check("restore-twice"))
    watch.of(
        run, "snapshot-check", lambda: run.check("restore-locked", target_cluster_id="aurora-restored-2")
    )
    watch.of(
        run, "snapshot-check", lambda: run.check("restore-locked-too", target_cluster_id="aurora-restored-2")
    )
    watch.of(run, "record-failure", lambda: run.fail("restore-locked-too", "TargetLocked"))
    watch.of(
        run, "record-failure", lambda: run.fail("restore-without-a-record", "Sandbox.Timedout", "no answer")
    )
    with_real_executions(run)
    due = {"schedule": "weekly", "scheduled_time": "2026-11-22T01:30:00Z", "request": run.request()}
    # Delivered twice: the second looks at what the first has started.
    for _ in range(2):
        watch.of(run, "start-scheduled", lambda: work_of("aurora-restore-start-scheduled")(run.ports, due))
    abnormal_ends(watch)
    return watch


@pytest.mark.parametrize("function", CALLS)
def test_a_function_asks_for_nothing_that_its_role_is_not_held_to(seen: Seen, function: str) -> None:
    assert seen[function] <= {(service, request) for service, request, _ in CALLS[function]}


@pytest.mark.parametrize("function", CALLS)
def test_a_role_is_held_to_nothing_that_its_function_does_not_ask_for(seen: Seen, function: str) -> None:
    held = {(service, request) for service, request, _ in CALLS[function]}
    assert held - IMPLIED <= seen[function]
