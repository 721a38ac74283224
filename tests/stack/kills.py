"""Kills a local stack as `kill -9` does, at random moments, and tells what its databases and its answers hold."""

from __future__ import annotations

import json
import os
import random
import signal
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from tests.stack.conftest import KEPT_WORKERS, QUICK, clients_of
from tests.stack.serving_targets import SOURCE_REGION, Place, endpoint_of

from aurora_restore.demo.setup import set_up
from aurora_restore.domain.observed import Credentials, DatabaseEndpoint
from local_aurora.engines.postgresql.admin import connection
from local_stack import lifecycle, processes
from local_stack.stack_info import StackInfo

GONE_TIMEOUT_SECONDS = 10.0
LONGEST_LIFE_SECONDS = 2.5
"""After it is up again: a third of an operation at most, so that kills meet all of it."""

_SHOP_TABLES = ("customers", "products", "orders", "order_items", "payments")

Rows = dict[str, tuple[int, int]]
"""How many rows each table of the shop has, and the sum of their hashes."""


@dataclass
class Answered:
    """Changes that the stack said were made: each has to be there whenever a client looks."""

    secrets: dict[str, str] = field(default_factory=dict)
    groups: list[str] = field(default_factory=list)
    objects: list[str] = field(default_factory=list)

    def add(self, place: Place, bucket: str) -> None:
        """Change something in several services, and note what was answered; a kill may come at any call."""
        name = f"answered-{uuid.uuid4().hex[:12]}"
        place.boto("secretsmanager").create_secret(Name=name, SecretString=name[::-1])
        self.secrets[name] = name[::-1]
        group = {"DBClusterParameterGroupName": name, "DBParameterGroupFamily": "aurora-postgresql15"}
        place.boto("rds").create_db_cluster_parameter_group(**group, Description=name)
        self.groups.append(name)
        place.boto("s3").put_object(Bucket=bucket, Key=name, Body=name.encode())
        self.objects.append(name)

    def lost(self, place: Place, bucket: str) -> list[str]:
        """What was answered and is not there."""
        missing = [
            name
            for name, value in self.secrets.items()
            if _or_none(lambda: place.boto("secretsmanager").get_secret_value(SecretId=name)["SecretString"])  # noqa: B023
            != value
        ]
        pages = place.boto("rds").get_paginator("describe_db_cluster_parameter_groups").paginate()
        groups = {
            group["DBClusterParameterGroupName"]
            for page in pages
            for group in page["DBClusterParameterGroups"]
        }
        objects = place.boto("s3").list_objects_v2(Bucket=bucket).get("Contents", [])
        keys = {item["Key"] for item in objects}
        return [*missing, *(set(self.groups) - groups), *(set(self.objects) - keys)]


@dataclass
class MortalStack:
    """A local stack that is killed and brought up again."""

    home: Path
    random: random.Random
    kills: int = 0
    seconds_to_come_up: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def up(self, durations: Mapping[str, float] = QUICK) -> Place:
        info = lifecycle.up(
            lifecycle.UpOptions(home=self.home, durations=durations, **KEPT_WORKERS),
            find_set_up=lambda: set_up,
        )
        self.seconds_to_come_up.append(info.seconds)
        self.notes += info.notes
        return Place(info, clients_of(info))

    def kill(self, info: StackInfo) -> None:
        """End the server, or all of its processes, in any order, as `kill -9` does; wait until nothing runs."""
        members = [info.pid, *processes.descendants(info.pid)]
        victims = [info.pid] if self.random.random() < 0.5 else self.random.sample(members, len(members))
        for pid in victims:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        processes.exit_status(info.pid)
        left = processes.wait_until_gone([info.pid], GONE_TIMEOUT_SECONDS)
        assert not left, left
        self.kills += 1

    def down(self) -> None:
        """Stop it as people do, in the middle of whatever it does."""
        lifecycle.down(self.home)

    def live_and_die(self, place: Place, answered: Answered, bucket: str) -> None:
        """Let it work for a random time, with changes from outside, and kill it in the middle of whatever it does."""
        death = time.monotonic() + self.random.uniform(0.0, LONGEST_LIFE_SECONDS)
        answered.add(place, bucket)
        time.sleep(max(0.0, death - time.monotonic()))
        self.kill(place.stack)


def rows_of_production(place: Place) -> Rows:
    """What production holds now."""
    secret = place.boto("secretsmanager", SOURCE_REGION).get_secret_value(SecretId="production/master")
    login = Credentials(**json.loads(secret["SecretString"]))
    cluster = place.boto("rds", SOURCE_REGION).describe_db_clusters(DBClusterIdentifier="production")
    return _rows(place, endpoint_of(cluster["DBClusters"][0]), login)


def rows_of(place: Place, target: str) -> Rows:
    return _rows(place, endpoint_of(place.cluster(target)), place.master())


def add_to_production(place: Place, email: str) -> None:
    """One row more, so that a later snapshot holds something else than an earlier one."""
    secret = place.boto("secretsmanager", SOURCE_REGION).get_secret_value(SecretId="production/master")
    login = Credentials(**json.loads(secret["SecretString"]))
    cluster = place.boto("rds", SOURCE_REGION).describe_db_clusters(DBClusterIdentifier="production")
    endpoint = endpoint_of(cluster["DBClusters"][0])
    with connection(endpoint, login, "shop", place.stack.ca_bundle) as session:
        session.run(
            "INSERT INTO shop.customers (email, full_name, country, created_at) VALUES (:email, :email, 'CH', now())",
            email=email,
        )


def is_over(place: Place, operation_id: str) -> bool:
    """Whether an operation has ended, cleanup included; a stack that was just killed is asked again later."""
    with suppress(BotoCoreError, ClientError):
        return "end_time" in place.record(operation_id)
    return False


def _rows(place: Place, endpoint: DatabaseEndpoint, login: Credentials) -> Rows:
    found: Rows = {}
    with connection(endpoint, login, "shop", place.stack.ca_bundle) as session:
        for table in _SHOP_TABLES:
            query = f"SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)), 0) FROM shop.{table} t"  # noqa: S608
            ((count, hashes),) = session.run(query)
            found[table] = (int(count), int(hashes))
    return found


def _or_none(ask: Any) -> Any:
    try:
        return ask()
    except ClientError:
        return None
