"""The source clusters: a shop's production on each engine, and an encrypted cluster beside that of PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from aurora_restore.demo import seed_data
from aurora_restore.demo.facts import ANALYTICS_DATABASE, SHOP_DATABASE
from aurora_restore.demo.seed_aws import (
    SUBNET_GROUP,
    Network,
    SeededSource,
    client,
    seed_secrets_of,
    session_for,
)
from aurora_restore.demo.shops import Shop
from aurora_restore.domain.engines import POSTGRESQL
from aurora_restore.domain.observed import Credentials, DatabaseEndpoint
from local_aurora.control import PREFIX
from local_stack.control import ask
from local_stack.stack_info import StackInfo

BILLING = "billing"
INSTANCE_CLASS = "db.r5.large"
GUIDE_SNAPSHOT_DAY = date(2023, 6, 15)
"""The day of the operations guide's example."""
RECENT_DAYS = 3
BILLING_BEGINS_DAYS_AGO = 30
MYSQL_BEGINS_DAYS_AGO = 365
SNAPSHOT_TIME = time(23, 40, tzinfo=UTC)
"""After the last order of a day, so that a day's snapshot holds the whole day."""

_SEED_TIMEOUT_SECONDS = 300.0


@dataclass(frozen=True)
class Source:
    """One source cluster to be made. `first_day` is where its history begins; `analytics` is a second database."""

    shop: Shop
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


def seed_shops(info: StackInfo, seeded: SeededSource, shops: Sequence[Shop], today: date) -> None:
    """Make the source clusters with their data, and their automated snapshots; those of each engine beside the others.

    The secrets of a shop are made last: what has them is complete.

    The snapshot of a day holds the data up to the end of that day; the newest is of the day before `today`.
    """
    with ThreadPoolExecutor(len(shops)) as pool:
        work = [pool.submit(_seed_shop, info, seeded, sources(seeded, shop, today)) for shop in shops]
    for each in work:
        each.result()


def _seed_shop(info: StackInfo, seeded: SeededSource, found: Sequence[Source]) -> None:
    production, *others = found
    endpoint = _make_cluster(info, production)
    # The long history is one busy database server: the other cluster is made beside it, and not before.
    with ThreadPoolExecutor(2) as pool:
        work = [pool.submit(_fill, info, seeded, production, endpoint)]
        work += [pool.submit(_make_and_fill, info, seeded, other) for other in others]
    for each in work:
        each.result()
    seed_secrets_of(info, production.shop, seeded.passwords)


def _make_and_fill(info: StackInfo, seeded: SeededSource, source: Source) -> None:
    _fill(info, seeded, source, _make_cluster(info, source))


def sources(seeded: SeededSource, shop: Shop, today: date) -> tuple[Source, ...]:
    """What there is of a shop in the source Region, for a stack made on `today` (UTC); production comes first.

    The example of the operations guide, with its day and the encrypted cluster, is of Aurora PostgreSQL.
    """
    recent = tuple(today - timedelta(days=ago) for ago in range(RECENT_DAYS, 0, -1))
    common = {"DBSubnetGroupName": SUBNET_GROUP, "VpcSecurityGroupIds": [seeded.security_group_id]}
    is_guides = shop.engine == POSTGRESQL
    production = Source(
        shop,
        shop.cluster,
        {f"{shop.cluster}-{number}": INSTANCE_CLASS for number in (1, 2)},
        Credentials(shop.master_username, seeded.passwords.masters[shop.engine]),
        seed_data.HISTORY_BEGINS if is_guides else today - timedelta(days=MYSQL_BEGINS_DAYS_AGO),
        seed_data.PRODUCTION_ORDERS_PER_DAY,
        (GUIDE_SNAPSHOT_DAY, *recent) if is_guides else recent,
        {**common, "DatabaseName": SHOP_DATABASE, "BackupRetentionPeriod": 35},
        has_analytics=True,
    )
    if not is_guides:
        return (production,)
    billing = Source(
        shop,
        BILLING,
        {"billing-1": INSTANCE_CLASS},
        Credentials(shop.master_username, seeded.passwords.billing),
        today - timedelta(days=BILLING_BEGINS_DAYS_AGO),
        seed_data.SMALL_ORDERS_PER_DAY,
        recent,
        {
            **common,
            "DatabaseName": SHOP_DATABASE,
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
        "Engine": source.shop.engine,
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
        put(info, "snapshot", {
            "region": info.source_region,
            "DBClusterIdentifier": source.db_cluster_identifier,
            "created_at": datetime.combine(day, SNAPSHOT_TIME).isoformat(),
        })  # fmt: skip
        next_day = day + timedelta(days=1)


def _make_databases(
    info: StackInfo, seeded: SeededSource, source: Source, endpoint: DatabaseEndpoint
) -> None:
    filling, where = source.shop.filling, (endpoint, source.master)
    with source.shop.open(*where, SHOP_DATABASE, info.ca_bundle) as shop:
        filling.create_schema(shop)
        filling.create_logins(shop, seeded.passwords.application, seeded.passwords.reporting)
        if not source.has_analytics:
            return
        filling.create_analytics_database(shop)
    with source.shop.open(*where, ANALYTICS_DATABASE, info.ca_bundle) as analytics:
        filling.create_analytics(analytics)


def _add_days(
    info: StackInfo, source: Source, endpoint: DatabaseEndpoint, first_day: date, last_day: date
) -> None:
    filling, where = source.shop.filling, (endpoint, source.master)
    with source.shop.open(*where, SHOP_DATABASE, info.ca_bundle) as shop:
        filling.add_days(shop, first_day, last_day, source.orders_per_day)
    if not source.has_analytics:
        return
    with source.shop.open(*where, ANALYTICS_DATABASE, info.ca_bundle) as analytics:
        filling.add_analytics_days(analytics, first_day, last_day)


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
