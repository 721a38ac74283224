"""A whole pipeline in one process, on a clock that the tests turn: the real steps and adapters against AWS's wire
format, our local Aurora without engines, and a fake of the database servers."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from tests.fakes.databases import FakeDatabases, FakeServer
from tests.fakes.executions import CLEANUP_MACHINE, MAIN_MACHINE, FakeExecutions
from tests.fakes.records import FakeRecords
from tests.fakes.services import FakeMetrics
from tests.fakes.tables import FakeAudit, FakeLocks
from tests.states_language.interpreter import Execution, StepFunctions
from tests.states_language.scheduler import Scheduler, VirtualClock, seeded_random
from tests.states_language.states import read_machine
from tests.support.in_process_aws import shared_aws

from aurora_restore.aws.audit import AwsAudit
from aurora_restore.aws.keys import AwsKeys
from aurora_restore.aws.locks import AwsLocks
from aurora_restore.aws.network import AwsNetwork
from aurora_restore.aws.notifications import AwsNotifications
from aurora_restore.aws.rds import AwsRds
from aurora_restore.aws.records import AwsRecords
from aurora_restore.aws.scaling import AwsScaling
from aurora_restore.aws.secrets import AwsSecrets
from aurora_restore.deployment.definitions import PHASES
from aurora_restore.deployment.functions import BY_NAME
from aurora_restore.domain.observed import Credentials, DbCluster
from aurora_restore.domain.results import Phase, StepResult, StepStatus
from aurora_restore.domain.settings import PipelineSettings
from aurora_restore.steps.functions import work_of
from aurora_restore.steps.measured_audit import MeasuredAudit
from aurora_restore.steps.ports import Ports
from aurora_restore.steps.snapshot_check import snapshot_check

SOURCE_REGION, TARGET_REGION = "us-east-1", "us-west-2"
MASTER_PASSWORD, ADMIN_PASSWORD = "the-password-of-production", "the-new-password"
ADMIN_SECRET = "aurora-restore/admin-credentials"
DAY = datetime(2023, 6, 15, 3, 10, tzinfo=UTC)
LOOKS_AT_MOST = 200


FUNCTION_OF = {Phase(step.name): BY_NAME[step.function].full_name for step in PHASES}


MACHINE: Mapping[str, Any] = {
    "StartAt": "Hold",
    "States": {"Hold": {"Type": "Wait", "Seconds": 600, "End": True}},
}


class EndlessExecutions(FakeExecutions):
    """The port `Executions`: they run until a test ends them, which calls the functions itself."""

    def __init__(self, clock: VirtualClock, account_id: str) -> None:
        machines = {name: read_machine(name, MACHINE) for name in (MAIN_MACHINE, CLEANUP_MACHINE)}
        stem = f"arn:aws:states:{TARGET_REGION}:{account_id}"
        self._states = StepFunctions(
            Scheduler(clock), machines, lambda _name, _payload: None, seeded_random(0), stem
        )
        self._clock = clock
        super().__init__(self._states)

    def end(
        self, execution_arn: str, status: str, error: str | None = None, cause: str | None = None
    ) -> None:
        """Give an execution its last status, once."""
        execution = self._states.executions[execution_arn]
        if execution.is_running:
            execution.status, execution.stop_time = status, self._clock.now()
            execution.error, execution.cause = error, cause

    @property
    def started(self) -> Mapping[str, Any]:
        """The requests of the main machine's executions, by their names."""
        return {each.name: each.input for each in self._of(MAIN_MACHINE)}

    @property
    def ended(self) -> Mapping[str, str]:
        """The status of each of these that has ended, by its ARN."""
        return {each.execution_arn: each.status for each in self._of(MAIN_MACHINE) if not each.is_running}

    @property
    def cleanups(self) -> list[str]:
        """The operations for which a cleanup was started."""
        return [each.input["detail"]["name"] for each in self._of(CLEANUP_MACHINE)]

    def _of(self, machine_name: str) -> list[Execution]:
        return [each for each in self._states.executions.values() if each.machine_name == machine_name]


class PipelineRun:
    """One pipeline and the world around it.

    `on_dynamodb`: its tables are DynamoDB's, over the wire; else they are in memory, which takes a third of the time.
    `server`: what is in the database server of every cluster.
    """

    def __init__(self, *, on_dynamodb: bool = False) -> None:
        self.clock = VirtualClock(moves_with_looks=True)
        self.aws = shared_aws(self.clock)
        self.aurora = self.aws.aurora
        self.server = FakeServer()
        self.databases = FakeDatabases(self.aurora, lambda _cluster: self.server)
        self.executions = EndlessExecutions(self.clock, self.aws.account_id)
        self.metrics = FakeMetrics(keeps=True)
        self._on_dynamodb = on_dynamodb
        if on_dynamodb:
            self.aws.create_tables()
        self.topic_arn = self.aws.create_topic()
        self.vpc_id = self.aws.create_vpc()
        self.security_group_id = self.aws.create_security_group("database", self.vpc_id)
        self._seed()
        self.ports = self._ports()

    def request(self, **changes: Any) -> dict[str, Any]:
        """The request of the operations guide; a change to `...` leaves a field out."""
        request: dict[str, Any] = {
            "source_snapshot_date": "2023-06-15",
            "source_region": SOURCE_REGION,
            "target_region": TARGET_REGION,
            "target_cluster_id": "aurora-restored-cluster",
            "db_instance_class": "db.r5.large",
            "vpc_security_group_ids": [self.security_group_id],
            "db_subnet_group_name": "default-vpc-subnet-group",
        }
        return {name: value for name, value in (request | changes).items() if value is not ...}

    def settings(self, **changes: Any) -> None:
        self.ports = replace(self.ports, settings=replace(self.ports.settings, **changes))

    def check(self, operation_id: str, **changes: Any) -> StepResult:
        return self.start(operation_id, self.request(**changes))

    def start(self, operation_id: str, request: Mapping[str, Any]) -> StepResult:
        """An execution, and its first phase."""
        self.executions.start_restore(operation_id, request)
        return snapshot_check(self.ports, operation_id, self.arn(operation_id), request)

    def phase(self, phase: Phase, operation_id: str) -> StepResult:
        """One call of one phase after the first."""
        payload = {"operation_id": operation_id, "phase": phase.value}
        answer = work_of(FUNCTION_OF[phase])(self.ports, payload)
        return StepResult(
            StepStatus(answer["status"]),
            answer["message"],
            wait_seconds=answer["wait_seconds"],
            progress_percent=answer["progress_percent"],
        )

    def run_phase(self, phase: Phase, operation_id: str) -> StepResult:
        """Call a phase until it is done, turning the clock by each wait."""
        for _ in range(LOOKS_AT_MOST):
            result = self.phase(phase, operation_id)
            if result.status is not StepStatus.IN_PROGRESS:
                return result
            self.clock.advance(result.wait_seconds)
        raise AssertionError(f"{phase} was not done after {LOOKS_AT_MOST} looks: {result.message}")

    def run(self, operation_id: str, until: Phase = Phase.NOTIFY, **changes: Any) -> dict[str, Any]:
        """A whole run, or its beginning; returns the record."""
        self.check(operation_id, **changes)
        for phase in list(Phase)[1 : list(Phase).index(until) + 1]:
            self.run_phase(phase, operation_id)
        return self.record(operation_id)

    def fail(self, operation_id: str, error: str, cause: str = "{}") -> Mapping[str, str]:
        payload = {
            "operation_id": operation_id,
            "execution_arn": self.arn(operation_id),
            "request": self.request(),
            "error": error,
            "cause": cause,
        }
        return work_of("aurora-restore-record-failure")(self.ports, payload)

    def clean_up(self, operation_id: str, status: str = "FAILED", **ending: str) -> StepResult:
        """What the cleanup machine does after the execution ended so; to the end."""
        self.executions.end(self.arn(operation_id), status, **ending)
        for _ in range(LOOKS_AT_MOST):
            answer = self.look_of_cleanup(operation_id)
            if answer.status is not StepStatus.IN_PROGRESS:
                return answer
            self.clock.advance(answer.wait_seconds)
        raise AssertionError(f"the cleanup was not done after {LOOKS_AT_MOST} looks: {answer.message}")

    def look_of_cleanup(self, operation_id: str) -> StepResult:
        """One call of the cleanup function."""
        payload = {"operation_id": operation_id, "execution_arn": self.arn(operation_id)}
        answer = work_of("aurora-restore-cleanup")(self.ports, payload)
        wait_seconds = int(answer.get("wait_seconds", 0))
        return StepResult(StepStatus(answer["status"]), answer["message"], wait_seconds)

    def put_target(self, instances: Mapping[str, str] | None = None, **parameters: Any) -> str:
        """A cluster that has the target's name already. Returns its resource id."""
        names = instances or {"aurora-restored-cluster-a": "db.r5.large"}
        self.aurora.seed.put_cluster(
            TARGET_REGION,
            "aurora-restored-cluster",
            Credentials("postgres", "the-password-of-staging"),
            instances=names,
            DBSubnetGroupName="default-vpc-subnet-group",
            VpcSecurityGroupIds=[self.security_group_id],
            **parameters,
        )
        return self.cluster().db_cluster_resource_id

    def put_scaling(self, *policies: str, **suspended: bool) -> None:
        """The readers of whatever has the target's name are scaled, 1 to 5 of them."""
        named = {
            "ServiceNamespace": "rds",
            "ResourceId": "cluster:aurora-restored-cluster",
            "ScalableDimension": "rds:cluster:ReadReplicaCount",
        }
        capacity = {"MinCapacity": 1, "MaxCapacity": 5, "SuspendedState": suspended}
        self.aurora.scale("RegisterScalableTarget", TARGET_REGION, {**named, **capacity})
        for name in policies:
            kind = {
                "PolicyType": "TargetTrackingScaling",
                "TargetTrackingScalingPolicyConfiguration": {"TargetValue": 60},
            }
            self.aurora.scale("PutScalingPolicy", TARGET_REGION, {**named, "PolicyName": name, **kind})

    def cluster(self, name: str = "aurora-restored-cluster") -> DbCluster:
        """The cluster that has a name in the target Region, as the pipeline sees it."""
        found = self.ports.target_rds.find_cluster(name)
        assert found is not None
        return found

    def record(self, operation_id: str) -> dict[str, Any]:
        return self.ports.records.load(operation_id) or {}

    def events(self, operation_id: str) -> list[str]:
        return [str(entry["event"]) for entry in self.ports.audit.trail(operation_id)]

    def arn(self, operation_id: str) -> str:
        machine = (
            f"arn:aws:states:{TARGET_REGION}:{self.aws.account_id}:execution:aurora-restore-state-machine"
        )
        return f"{machine}:{operation_id}"

    def count(self, operation: str) -> int:
        return sum(call.operation == operation for call in self.aws.calls)

    def _seed(self) -> None:
        seed = self.aurora.seed
        master = Credentials("postgres", MASTER_PASSWORD)
        seed.put_cluster(SOURCE_REGION, "production", master, instances={"production-1": "db.r5.large"})
        seed.put_snapshot(SOURCE_REGION, "production", DAY)
        subnets = {"subnet-1": "us-west-2a", "subnet-2": "us-west-2b"}
        seed.put_subnet_group(TARGET_REGION, "default-vpc-subnet-group", self.vpc_id, subnets)
        self.aws.create_secret(ADMIN_SECRET, {"username": "postgres", "password": ADMIN_PASSWORD})

    def put_admin_secret(self, username: str, password: str) -> None:
        """Another value for the admin secret."""
        secrets = self.aws.clients(TARGET_REGION).secretsmanager()
        value = json.dumps({"username": username, "password": password})
        with self.aws.setting_up():
            secrets.put_secret_value(SecretId=ADMIN_SECRET, SecretString=value)

    def _ports(self) -> Ports:
        clients = self.aws.clients(TARGET_REGION)
        settings = PipelineSettings(
            target_region=TARGET_REGION,
            default_source_region=SOURCE_REGION,
            default_db_instance_class="db.r5.large",
            admin_secret_id=ADMIN_SECRET,
            target_cluster_prefix="aurora-restored-",
        )
        return Ports(
            settings=settings,
            clock=self.clock,
            rds=functools.cache(functools.partial(AwsRds, clients)),
            network=AwsNetwork(clients),
            scaling=AwsScaling(clients),
            keys=AwsKeys(clients),
            secrets=AwsSecrets(clients),
            records=AwsRecords(clients, "AuroraRestoreState") if self._on_dynamodb else FakeRecords(),
            audit=MeasuredAudit(
                AwsAudit(clients, "AuroraRestoreAudit") if self._on_dynamodb else FakeAudit(),
                self.metrics,
                self.clock,
            ),
            locks=AwsLocks(clients, "AuroraRestoreLocks") if self._on_dynamodb else FakeLocks(),
            notifications=AwsNotifications(clients, self.topic_arn),
            databases=self.databases,
            executions=self.executions,
            metrics=self.metrics,
        )
