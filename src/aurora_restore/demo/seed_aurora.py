"""The source clusters: a shop's production with a history, and an encrypted cluster beside it."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from aurora_restore.demo import seed_data
from aurora_restore.demo.seed_aws import (
    MASTER_USERNAME,
    SUBNET_GROUP,
    Network,
    SeededSource,
    client,
    session_for,
)
from aurora_restore.domain.observed import Credentials, DatabaseEndpoint
from local_aurora.control import PREFIX
from local_aurora.engines.postgresql.admin import connection
from local_stack.control import ask
from local_stack.stack_info import StackInfo

PRODUCTION = "production"
BILLING = "billing"
INSTANCE_CLASS = "db.r5.large"
GUIDE_SNAPSHOT_DAY = date(2023, 6, 15)
"""The day of the operations guide's example."""
RECENT_DAYS = 3
BILLING_BEGINS_DAYS_AGO = 30
SNAPSHOT_TIME = time(23, 40, tzinfo=UTC)
"""After the last order of a day, so that a day's snapshot holds the whole day."""

_SEED_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class Source:
    """One source cluster to be made. `first_day` is where its history begins; `analytics` is a second database."""

    db_cluster_identifier: str
    instances: Mapping[str, str]
    master: Credentials
    first_day: date
    orders_per_day: int
    snapshot_days: tuple[date, ...]
    parameters: Mapping[str, Any]
    has_analytics: bool


def seed_network(info: StackInfo, network: Network) -> None:
    """Make the subnet group of a Region, and let RDS know which VPC each security group belongs to."""
    client(session_for(info), info, "rds", network.region).create_db_subnet_group(
        DBSubnetGroupName=SUBNET_GROUP,
        DBSubnetGroupDescription="Subnets of the default VPC",
        SubnetIds=network.subnet_ids,
    )
    for group_id, vpc_id in network.security_group_vpcs.items():
        put(info, "security-group", {"region": network.region, "group_id": group_id, "vpc_id": vpc_id})


def seed_clusters(info: StackInfo, seeded: SeededSource, today: date) -> None:
    """Make the source clusters with their data, and their automated snapshots.

    The snapshot of a day holds the data up to the end of that day; the newest is of the day before `today`.
    """
    production, billing = sources(seeded, today)
    endpoint = _make_cluster(info, production)
    # The long history is one busy database server: the second cluster is made beside it, and not before.
    with ThreadPoolExecutor(2) as pool:
        filling = pool.submit(_fill, info, seeded, production, endpoint)
        making = pool.submit(lambda: _fill(info, seeded, billing, _make_cluster(info, billing)))
    filling.result()
    making.result()


def sources(seeded: SeededSource, today: date) -> tuple[Source, Source]:
    """What there is in the source Region, for a stack made on `today` (UTC)."""
    recent = tuple(today - timedelta(days=ago) for ago in range(RECENT_DAYS, 0, -1))
    common = {"DBSubnetGroupName": SUBNET_GROUP, "VpcSecurityGroupIds": [seeded.security_group_id]}
    production = Source(
        PRODUCTION,
        {"production-1": INSTANCE_CLASS, "production-2": INSTANCE_CLASS},
        Credentials(MASTER_USERNAME, seeded.passwords.production),
        seed_data.HISTORY_BEGINS,
        seed_data.PRODUCTION_ORDERS_PER_DAY,
        (GUIDE_SNAPSHOT_DAY, *recent),
        {**common, "DatabaseName": seed_data.SHOP_DATABASE, "BackupRetentionPeriod": 35},
        has_analytics=True,
    )
    billing = Source(
        BILLING,
        {"billing-1": INSTANCE_CLASS},
        Credentials(MASTER_USERNAME, seeded.passwords.billing),
        today - timedelta(days=BILLING_BEGINS_DAYS_AGO),
        seed_data.SMALL_ORDERS_PER_DAY,
        recent,
        {
            **common,
            "DatabaseName": seed_data.SHOP_DATABASE,
            "StorageEncrypted": True,
            "KmsKeyId": seeded.billing_key_arn,
        },
        has_analytics=False,
    )
    return production, billing


def _make_cluster(info: StackInfo, source: Source) -> DatabaseEndpoint:
    made = put(info, "cluster", {
        "region": info.source_region,
        "DBClusterIdentifier": source.db_cluster_identifier,
        "MasterUsername": source.master.username,
        "MasterUserPassword": source.master.password,
        "instances": dict(source.instances),
        **source.parameters,
    })  # fmt: skip
    return DatabaseEndpoint(made["Endpoint"], made["Port"])


def _fill(info: StackInfo, seeded: SeededSource, source: Source, endpoint: DatabaseEndpoint) -> None:
    """Write the history day by day, and take a snapshot at the end of each day that is to have one."""
    _make_databases(info, seeded, source, endpoint)
    next_day = source.first_day
    for day in source.snapshot_days:
        _add_days(info, source, endpoint, next_day, day)
        _take_automated_snapshot(info, source, day)
        next_day = day + timedelta(days=1)


def _make_databases(
    info: StackInfo, seeded: SeededSource, source: Source, endpoint: DatabaseEndpoint
) -> None:
    with connection(endpoint, source.master, seed_data.SHOP_DATABASE, info.ca_bundle) as shop:
        seed_data.create_schema(shop)
        seed_data.create_logins(shop, seeded.passwords.application, seeded.passwords.reporting)
        if not source.has_analytics:
            return
        seed_data.create_analytics_database(shop)
    with connection(endpoint, source.master, seed_data.ANALYTICS_DATABASE, info.ca_bundle) as analytics:
        seed_data.create_analytics(analytics)


def _add_days(
    info: StackInfo, source: Source, endpoint: DatabaseEndpoint, first_day: date, last_day: date
) -> None:
    with connection(endpoint, source.master, seed_data.SHOP_DATABASE, info.ca_bundle) as shop:
        seed_data.add_days(shop, first_day, last_day, source.orders_per_day)
    if not source.has_analytics:
        return
    with connection(endpoint, source.master, seed_data.ANALYTICS_DATABASE, info.ca_bundle) as analytics:
        seed_data.add_analytics_days(analytics, first_day, last_day)


def _take_automated_snapshot(info: StackInfo, source: Source, day: date) -> None:
    created_at = datetime.combine(day, SNAPSHOT_TIME)
    put(info, "snapshot", {
        "region": info.source_region,
        "DBClusterIdentifier": source.db_cluster_identifier,
        "created_at": created_at.isoformat(),
    })  # fmt: skip


def put(info: StackInfo, what: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Ask the local Aurora for something that the demo need not wait for.

    Raises:
        ControlRefused: it cannot be made; the text says why.
    """
    return control(info, "POST", f"seed/{what}", values)


def control(info: StackInfo, method: str, path: str, values: object = None) -> dict[str, Any]:
    """Ask the local Aurora's control interface, whose paths `local_aurora.control` lists.

    Raises:
        ControlRefused: it says no; the text says why.
    """
    return dict(ask(f"{info.rds_endpoint_url}{PREFIX}{path}", method, values, _SEED_TIMEOUT_SECONDS))
