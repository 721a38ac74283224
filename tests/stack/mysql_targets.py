"""Clusters of Aurora MySQL that serve, as `serving_targets` has those of Aurora PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymysql.connections import Connection
from tests.stack.serving_targets import (
    INSTANCE_CLASS,
    NEW_DATA,
    SOURCE_REGION,
    Place,
    endpoint_of,
    old_data_of,
    request,
)

from aurora_restore.demo.seed_aurora import put
from aurora_restore.demo.seed_aws import SECURITY_GROUP_ID, SUBNET_GROUP
from aurora_restore.demo.shops import shop_of
from aurora_restore.domain.engines import MYSQL
from aurora_restore.domain.observed import Credentials
from local_aurora.engines.mysql.admin import connection, rows

SHOP = shop_of(MYSQL)
ADMIN_SECRET = str(SHOP.admin_secret)
_WHAT_IS_THERE = (
    "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME IN ('old_data', 'shop')"
)


class MysqlPlace(Place):
    """The local stack as tests of Aurora MySQL use it. Its targets are called like those of PostgreSQL."""

    @property
    def source(self) -> str:
        return SHOP.cluster

    def make_target(self, name: str, *readers: str, **parameters: Any) -> str:
        login = self.master()
        put(self.stack, "cluster", {
            "region": self.stack.region,
            "DBClusterIdentifier": name,
            "Engine": MYSQL,
            "MasterUsername": login.username,
            "MasterUserPassword": login.password,
            "DBSubnetGroupName": SUBNET_GROUP,
            "VpcSecurityGroupIds": [SECURITY_GROUP_ID],
            "instances": dict.fromkeys([f"{name}-a", *readers], INSTANCE_CLASS),
            **parameters,
        })  # fmt: skip
        with self.mysql(name) as session:
            rows(session, "CREATE DATABASE old_data")
            rows(session, "CREATE TABLE old_data.markers (marker varchar(100) NOT NULL)")
            rows(session, f"INSERT INTO old_data.markers VALUES ('{old_data_of(name)}')")  # noqa: S608
        return name

    def master(self) -> Credentials:
        value = self.boto("secretsmanager").get_secret_value(SecretId=ADMIN_SECRET)["SecretString"]
        return Credentials(**json.loads(value))

    @contextmanager
    def mysql(self, name: str, login: Credentials | None = None) -> Iterator[Connection]:
        """Logged in, as the master user unless another is named, over TLS that is verified."""
        endpoint = endpoint_of(self.cluster(name))
        with connection(endpoint, login or self.master(), None, self.stack.ca_bundle) as session:
            yield session

    @contextmanager
    def production(self) -> Iterator[Connection]:
        """Logged in to the source cluster as its master user."""
        secrets, rds = (self.boto(name, SOURCE_REGION) for name in ("secretsmanager", "rds"))
        value = secrets.get_secret_value(SecretId=SHOP.master_secret)["SecretString"]
        [found] = rds.describe_db_clusters(DBClusterIdentifier=SHOP.cluster)["DBClusters"]
        login = Credentials(**json.loads(value))
        with connection(endpoint_of(found), login, None, self.stack.ca_bundle) as session:
            yield session

    def data_of(self, name: str) -> str:
        with self.mysql(name) as session:
            found = {database for (database,) in rows(session, _WHAT_IS_THERE)}
            if "old_data" in found:
                return str(rows(session, "SELECT marker FROM old_data.markers")[0][0])
        return NEW_DATA if found else "nothing"


def mysql_request(target: str, **changes: Any) -> dict[str, Any]:
    """A replacement of the target by the newest snapshot of production on Aurora MySQL."""
    of_mysql = {
        "source_snapshot_date": "latest",
        "source_cluster_id": SHOP.cluster,
        "admin_secret_id": ADMIN_SECRET,
    }
    return request(target, **{**of_mysql, **changes})
