"""Clusters that serve, each with data of its own: what a replacement may replace and never lose."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pg8000.native
from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import ClientError
from tests.stack.conftest import STATE_MACHINE, Clients, new_operation_id
from tests.stack.polling import POLL_SECONDS, poll_until
from tests.support.inbox import Inbox

from aurora_restore.demo.seed_aurora import control, put
from aurora_restore.demo.seed_aws import ADMIN_SECRET, SECURITY_GROUP_ID, SUBNET_GROUP
from aurora_restore.domain.observed import Credentials, DatabaseEndpoint
from local_aurora.engines.postgresql.admin import connection
from local_stack.stack_info import StackInfo

INSTANCE_CLASS, SOURCE_REGION = "db.r5.large", "us-east-1"
STATE_TABLE, LOCK_TABLE = "AuroraRestoreState", "AuroraRestoreLocks"
OPERATION_TAG = "aurora-restore:operation-id"
END_TIMEOUT_SECONDS = 400.0
NEW_DATA = "the data of production"
_READ = "SELECT marker FROM old_data"
_WHAT_IS_THERE = (
    "SELECT to_regclass('old_data') IS NOT NULL, EXISTS (SELECT FROM pg_database WHERE datname = 'shop')"
)
_plain = TypeDeserializer().deserialize


@dataclass(frozen=True)
class Things:
    """What exists in the target Region for one target: names only."""

    clusters: frozenset[str]
    instances: frozenset[str]
    snapshots: frozenset[str]


@dataclass(frozen=True)
class Place:
    """The local stack as these tests use it: targets, operations on them, and faults at their calls."""

    stack: StackInfo
    boto: Clients

    @property
    def source(self) -> str:
        """The cluster whose snapshots are restored."""
        return "production"

    def make_targets(self, targets: Iterable[str]) -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(self.make_target, targets))

    def make_target(self, name: str, *readers: str) -> str:
        """A cluster that serves, with one row that no other cluster has, and is idle; its name."""
        login = self.master()
        put(self.stack, "cluster", {
            "region": self.stack.region,
            "DBClusterIdentifier": name,
            "MasterUsername": login.username,
            "MasterUserPassword": login.password,
            "DBSubnetGroupName": SUBNET_GROUP,
            "VpcSecurityGroupIds": [SECURITY_GROUP_ID],
            "instances": dict.fromkeys([f"{name}-a", *readers], INSTANCE_CLASS),
        })  # fmt: skip
        with self.session(name) as session:
            session.run("CREATE TABLE old_data (marker text NOT NULL)")
            session.run("INSERT INTO old_data VALUES (:marker)", marker=old_data_of(name))
        return name

    def master(self) -> Credentials:
        value = self.boto("secretsmanager").get_secret_value(SecretId=ADMIN_SECRET)["SecretString"]
        return Credentials(**json.loads(value))

    @contextmanager
    def session(self, name: str) -> Iterator[pg8000.native.Connection]:
        """Logged in as the master user, over TLS that is verified, where describe-db-clusters says it answers."""
        endpoint = endpoint_of(self.cluster(name))
        with connection(endpoint, self.master(), "postgres", self.stack.ca_bundle) as session:
            yield session

    def data_of(self, name: str) -> str:
        with self.session(name) as session:
            return data_in(session)

    def cluster(self, name: str) -> dict[str, Any]:
        found = self.boto("rds").describe_db_clusters(DBClusterIdentifier=name)["DBClusters"]
        return dict(found[0])

    def find_cluster(self, name: str) -> dict[str, Any] | None:
        try:
            return self.cluster(name)
        except ClientError as error:
            if error.response["Error"]["Code"] != "DBClusterNotFoundFault":
                raise
            return None

    def things(self, target: str, operation_id: str) -> Things:
        """What bears the target's name, with or without a suffix, and the snapshots with the operation's tag."""
        rds = self.boto("rds")
        return Things(
            frozenset(names(rds.describe_db_clusters()["DBClusters"], "DBClusterIdentifier", target)),
            frozenset(names(rds.describe_db_instances()["DBInstances"], "DBInstanceIdentifier", target)),
            frozenset(
                item["DBClusterSnapshotIdentifier"]
                for item in rds.describe_db_cluster_snapshots()["DBClusterSnapshots"]
                if {"Key": OPERATION_TAG, "Value": operation_id} in item["TagList"]
            ),
        )

    def own_snapshot(self, name: str) -> dict[str, Any]:
        """What a request says to restore a snapshot without a copy: copies are shared by all runs."""
        rds = self.boto("rds", SOURCE_REGION)
        rds.create_db_cluster_snapshot(DBClusterIdentifier=self.source, DBClusterSnapshotIdentifier=name)

        def is_there() -> bool:
            found = rds.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier=name)
            return bool(found["DBClusterSnapshots"][0]["Status"] == "available")

        poll_until(is_there, f"the snapshot {name}", END_TIMEOUT_SECONDS)
        return {
            "source_snapshot_date": ...,
            "source_snapshot_identifier": name,
            "source_region": SOURCE_REGION,
            "source_cluster_id": ...,
        }

    def start(self, request: Mapping[str, Any], operation_id: str | None = None) -> str:
        """The operation id of a run that has begun."""
        name = operation_id or new_operation_id()
        machine = f"arn:aws:states:{self.stack.region}:{self.stack.account_id}:stateMachine:{STATE_MACHINE}"
        self.boto("stepfunctions").start_execution(
            stateMachineArn=machine, name=name, input=json.dumps(request)
        )
        return name

    def stop(self, operation_id: str, cause: str = "the window is needed for something else") -> None:
        self.boto("stepfunctions").stop_execution(
            executionArn=self.execution_arn(operation_id), error="ManualCancellation", cause=cause
        )

    def execution_arn(self, operation_id: str, machine: str = STATE_MACHINE) -> str:
        region, account = self.stack.region, self.stack.account_id
        return f"arn:aws:states:{region}:{account}:execution:{machine}:{operation_id}"

    def execution(self, operation_id: str) -> dict[str, Any]:
        arn = self.execution_arn(operation_id)
        return dict(self.boto("stepfunctions").describe_execution(executionArn=arn))

    def state_of(self, operation_id: str) -> str | None:
        """The state that an execution is in; None for one that has not begun, or was stopped."""
        states = self.boto("stepfunctions")
        try:
            events = states.get_execution_history(
                executionArn=self.execution_arn(operation_id), reverseOrder=True, maxResults=20
            )["events"]
        except states.exceptions.ExecutionDoesNotExist:
            return None
        if events and events[0]["type"] == "ExecutionAborted":
            return None
        entered = (event.get("stateEnteredEventDetails") for event in events)
        return next((details["name"] for details in entered if details), None)

    def record(self, operation_id: str) -> dict[str, Any]:
        found = self.boto("dynamodb").get_item(
            TableName=STATE_TABLE, Key={"operation_id": {"S": operation_id}}, ConsistentRead=True
        )
        return {name: _plain(value) for name, value in found.get("Item", {}).items()}

    def closed(self, operation_id: str) -> dict[str, Any]:
        """The record of an operation that has ended, cleanup included: its audit events are complete, its lock is
        free."""
        return self.becomes(operation_id, lambda record: bool(record.get("settled_time")))

    def becomes(self, operation_id: str, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The record, as soon as something is true of it."""
        deadline = time.monotonic() + END_TIMEOUT_SECONDS
        while not is_so(record := self.record(operation_id)):
            assert time.monotonic() < deadline, (
                f"{operation_id}: {record.get('phases')}, {record.get('cleanup')}"
            )
            time.sleep(POLL_SECONDS)
        return record

    def becomes_free(self, target: str) -> None:
        poll_until(lambda: self.lock_owner(target) is None, f"the lock of {target}")

    def lock_owner(self, target: str) -> str | None:
        found = self.boto("dynamodb").scan(TableName=LOCK_TABLE, ConsistentRead=True)["Items"]
        locks = [{name: _plain(value) for name, value in item.items()} for item in found]
        return next((str(lock["operation_id"]) for lock in locks if target in lock.values()), None)

    def invoke(self, function: str, payload: Mapping[str, Any] | None = None) -> dict[str, Any]:
        called = self.boto("lambda").invoke(
            FunctionName=f"aurora-restore-{function}", Payload=json.dumps(payload or {})
        )
        answer: dict[str, Any] = json.loads(called["Payload"].read())
        assert "FunctionError" not in called, answer
        return answer

    def sweep(self) -> list[str]:
        """What a sweep has begun, in its own words."""
        return list(self.invoke("sweep")["started"])

    def fault(self, name: str, **rule: Any) -> None:
        control(self.stack, "POST", "faults", {"name": name, **rule})

    def release(self, name: str) -> None:
        """Let go on what the rule held."""
        control(self.stack, "POST", "release", {"name": name})

    def hit(self, name: str) -> bool:
        """Whether a rule has met a call."""
        rules = control(self.stack, "GET", "faults")["rules"]
        return any(rule["name"] == name and rule["seen"] >= rule["nth"] for rule in rules)

    def waits_at(self, operation_id: str, rule: str | None = None) -> bool:
        """Whether a run has met a rule, by default that of its name.

        Raises:
            AssertionError: it has ended before, or is being cleaned up, and will never meet it.
        """
        record = self.record(operation_id)
        assert record.get("status", "RUNNING") == "RUNNING", record
        assert self.execution(operation_id)["status"] == "RUNNING", self.execution(operation_id)
        return self.hit(rule or operation_id)

    def change_quotas(self, **quotas: int) -> dict[str, int]:
        return control(self.stack, "PUT", "quotas", quotas)

    def seed(self, what: str, **values: Any) -> None:
        put(self.stack, what, values)


def old_data_of(target: str) -> str:
    return f"the old data of {target}"


def data_in(session: pg8000.native.Connection) -> str:
    """The row that only a seeded target has, or the words for what a restore brings."""
    ((has_old, has_new),) = session.run(_WHAT_IS_THERE)
    if has_old:
        return str(session.run(_READ)[0][0])
    return NEW_DATA if has_new else "nothing"


def endpoint_of(cluster: Mapping[str, Any]) -> DatabaseEndpoint:
    return DatabaseEndpoint(cluster["Endpoint"], cluster["Port"])


def names(items: list[Mapping[str, Any]], field: str, target: str) -> Iterator[str]:
    yield from (item[field] for item in items if f"{item[field]}-".startswith(f"{target}-"))


def messages_of(inbox: Inbox, operation_id: str) -> list[str]:
    """The notifications of an operation; others may name it too, as the maker of a copy."""
    return [text for text in inbox.messages() if f"Operation:  {operation_id}\n" in text]


def request(target: str, **changes: Any) -> dict[str, Any]:
    """A replacement of the target; all that is not named is as on the existing cluster."""
    expected = {
        "source_snapshot_date": "2023-06-15",
        "target_cluster_id": target,
        "delete_cluster_if_exists": True,
        **changes,
    }
    return {name: value for name, value in expected.items() if value is not ...}
