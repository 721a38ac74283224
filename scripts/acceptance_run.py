"""One acceptance of AWS: where it looks, what it found, and how it deletes what it made. For acceptance_on_aws.py."""

# ruff: noqa: T201 - a script talks by printing

from __future__ import annotations

import argparse
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

PREFIX = "aurora-restore-acceptance-"
TAG = "aurora-restore-acceptance"
CHANGE_LIMIT = 1800.0
"""Seconds that any one change may take before the fact is written down as not seen."""
BUSY = ("InvalidDBClusterStateFault", "InvalidDBInstanceState", "InvalidDBInstanceStateFault")
ABSENT = (
    "DBClusterNotFoundFault",
    "DBInstanceNotFound",
    "DBInstanceNotFoundFault",
    "DBClusterSnapshotNotFoundFault",
)


@dataclass(frozen=True)
class Fact:
    """One thing that was seen. `as_assumed` is None where it could not be measured from here."""

    name: str
    finding: str
    assumed: str
    seen: Any
    as_assumed: bool | None

    def line(self) -> str:
        mark = {True: "as assumed", False: "NOT AS ASSUMED", None: "not measured"}[self.as_assumed]
        return f"{mark:<15} {self.name} (finding {self.finding})\n{'':<16}seen: {self.seen}; assumed: {self.assumed}"


@dataclass
class Run:
    """One acceptance: where, with what, and what was found so far."""

    session: boto3.Session
    region: str
    options: argparse.Namespace
    facts: list[Fact] = field(default_factory=list)
    durations: dict[str, float] = field(default_factory=dict)
    password: str = field(default_factory=lambda: secrets.token_hex(12), repr=False)

    def __post_init__(self) -> None:
        self.rds = self.client("rds")

    def client(self, service: str) -> Any:
        config = Config(
            connect_timeout=10, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 5}
        )
        make: Any = self.session.client
        return make(service, region_name=self.region, config=config)

    def note(self, name: str, finding: str, assumed: str, seen: Any, as_assumed: bool | None) -> None:
        fact = Fact(name, finding, assumed, seen, as_assumed)
        self.facts.append(fact)
        print(fact.line(), flush=True)

    def seconds(self, name: str, finding: str, most: float, seen: float | None, duration: str = "") -> None:
        """Note a time that is assumed to be at most `most`; `duration` is the local Aurora's name for it."""
        value = None if seen is None else round(seen, 1)
        words = "not within the limit" if value is None else f"{value} s"
        self.note(name, finding, f"at most {most:g} s", words, value is not None and value <= most)
        if duration and value is not None:
            self.durations[duration] = max(self.durations.get(duration, 0.0), value)

    def looks(self, limit: float = CHANGE_LIMIT) -> Iterator[float]:
        """Yield the seconds since the beginning, once a look, until the limit."""
        began = time.monotonic()
        while (passed := time.monotonic() - began) < limit:
            yield passed
            time.sleep(self.options.look_every)

    def cluster(self, name: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self.rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]
        except ClientError as error:
            if code_of(error) in ABSENT:
                return None
            raise
        return found

    def instance(self, name: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self.rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][
                0
            ]
        except ClientError as error:
            if code_of(error) in ABSENT:
                return None
            raise
        return found

    def until(self, holds: Callable[[], object], limit: float = CHANGE_LIMIT) -> float | None:
        """Seconds until it holds; None where it did not in time."""
        return next((passed for passed in self.looks(limit) if holds()), None)

    def until_available(self, cluster: str, *instances: str) -> float | None:
        def available() -> bool:
            seen = [(self.cluster(cluster) or {}).get("Status")]
            seen += [(self.instance(name) or {}).get("DBInstanceStatus") for name in instances]
            return all(status == "available" for status in seen)

        return self.until(available)

    def asked(self, request: Callable[..., Any], **parameters: Any) -> str:
        """Ask once; the answer is `accepted`, or the code of the refusal."""
        try:
            request(**parameters)
        except ClientError as error:
            return code_of(error)
        return "accepted"

    def when_taken(self, request: Callable[..., Any], **parameters: Any) -> Any:
        """Ask until RDS is not busy with the same thing any more; what else it refuses is raised."""
        for _ in self.looks():
            try:
                return request(**parameters)
            except ClientError as error:
                if code_of(error) not in BUSY:
                    raise
        raise TimeoutError(f"RDS was busy for {CHANGE_LIMIT:g} s: {parameters}")

    def change(self, cluster: str, **changes: Any) -> str:
        """Ask for a change of a cluster at once; the answer is as of `asked`."""
        request = self.rds.modify_db_cluster
        return self.asked(request, DBClusterIdentifier=cluster, ApplyImmediately=True, **changes)

    @property
    def tags(self) -> list[dict[str, str]]:
        return [{"Key": TAG, "Value": "yes"}]

    @property
    def first(self) -> str:
        return f"{PREFIX}first"

    @property
    def second(self) -> str:
        return f"{PREFIX}second"

    @property
    def aside(self) -> str:
        return f"{PREFIX}first-aside"


def code_of(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])


# --- Cleaning up: what has our prefix and our tag, and nothing else.


def clean_up(run: Run) -> list[str]:
    """Delete everything of the acceptance; what is left after the limit is returned."""
    empty = 0
    for passed in run.looks(CHANGE_LIMIT):
        left = ours(run)
        # What was made a moment ago may not be listed yet: nothing is to be seen three times in a row.
        empty = 0 if left else empty + 1
        if empty == 3:
            return []
        if passed == 0 and left:
            print(f"\nDeleting {', '.join(name for _, name in left)}", flush=True)
        for kind, name in left:
            run.asked(DELETIONS[kind], run=run, name=name)
    return [f"{kind} {name}" for kind, name in ours(run)]


def ours(run: Run) -> list[tuple[str, str]]:
    """What exists with our prefix and our tag, dependents first."""
    found: list[tuple[str, str]] = []
    for kind, operation, items, name, tags in (
        ("instance", "describe_db_instances", "DBInstances", "DBInstanceIdentifier", "TagList"),
        ("cluster", "describe_db_clusters", "DBClusters", "DBClusterIdentifier", "TagList"),
        (
            "snapshot",
            "describe_db_cluster_snapshots",
            "DBClusterSnapshots",
            "DBClusterSnapshotIdentifier",
            "TagList",
        ),
    ):
        pages = run.rds.get_paginator(operation).paginate()
        each = [item for page in pages for item in page[items]]
        found += [
            (kind, item[name]) for item in each if item[name].startswith(PREFIX) and is_tagged(item[tags])
        ]
    functions = run.client("lambda")
    for page in functions.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            if function["FunctionName"].startswith(PREFIX):
                tags = functions.list_tags(Resource=function["FunctionArn"])["Tags"]
                found += [("function", function["FunctionName"])] if TAG in tags else []
    return found


def is_tagged(tags: list[dict[str, str]]) -> bool:
    return any(tag["Key"] == TAG for tag in tags)


def delete_cluster(run: Run, name: str) -> None:
    """A stopped cluster is deleted after its start; one whose instances are still going is asked again."""
    if (run.cluster(name) or {}).get("Status") == "stopped":
        run.rds.start_db_cluster(DBClusterIdentifier=name)
        return
    run.rds.delete_db_cluster(DBClusterIdentifier=name, SkipFinalSnapshot=True, DeleteAutomatedBackups=True)


def delete_function(run: Run, name: str) -> None:
    """The function, and the log group that Lambda made for it and would leave behind."""
    run.client("lambda").delete_function(FunctionName=name)
    logs = run.client("logs")
    with suppress(logs.exceptions.ResourceNotFoundException):
        logs.delete_log_group(logGroupName=f"/aws/lambda/{name}")


DELETIONS: dict[str, Callable[..., Any]] = {
    "instance": lambda run, name: run.rds.delete_db_instance(
        DBInstanceIdentifier=name, SkipFinalSnapshot=True
    ),
    "cluster": delete_cluster,
    "snapshot": lambda run, name: run.rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=name),
    "function": delete_function,
}
