"""The request: the execution's input, read once, with all its problems reported together."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, timedelta
from typing import Any

from aurora_restore.domain import request_fields as parse
from aurora_restore.domain.cluster_settings import SETTINGS, ClusterSettings, InstanceSettings
from aurora_restore.domain.configuration import ACCEPTABLE_FIELDS
from aurora_restore.domain.errors import (
    DateInFuture,
    InvalidDate,
    InvalidRequest,
    InvalidTargetName,
    KeepNeedsSwap,
    RehearsalReplacesNothing,
    RestoreError,
    RollbackNeeded,
    SharedSnapshot,
    TargetOutsidePrefix,
    TargetRegionMismatch,
    UnknownField,
    refuse,
)
from aurora_restore.domain.naming import identifier_problem, scratch_identifier
from aurora_restore.domain.outward import ForeignTables, OutwardConnections
from aurora_restore.domain.rehearsal import Rehearsal, read_rehearsal
from aurora_restore.domain.settings import PipelineSettings
from aurora_restore.domain.states import Strategy
from aurora_restore.domain.user_fields import DB_USER_FIELDS, db_users
from aurora_restore.domain.users import DbUser

LATEST = "latest"
YESTERDAY = "yesterday"
RANDOM = "random"
UNDO_FIELD = "undo_operation_id"
# RDS starts a stopped cluster again by itself after seven days.
KEEP_HOURS_MOST = 168
# A replacement every night stays far below the hundred manual snapshots of a Region.
FINAL_SNAPSHOT_DAYS = 35
REDACTED = "(not kept: not a value that belongs here)"
_ARN = re.compile(r"arn:[^:]+:rds:([a-z0-9-]+):(\d{12}):cluster-snapshot:.+")


@dataclass(frozen=True)
class RestoreRequest(ClusterSettings, InstanceSettings):
    """What was asked for, with the defaults that need nothing observed."""

    target_cluster_id: str
    source_region: str
    target_region: str
    source_snapshot_date: date | None = None
    source_snapshot_identifier: str | None = None
    source_cluster_id: str | None = None
    db_instance_class: str | None = None
    delete_cluster_if_exists: bool = False
    replace_strategy: str = Strategy.SWAP
    final_snapshot: bool = True
    final_snapshot_retention_days: int = FINAL_SNAPSHOT_DAYS
    keep_replaced_hours: float = 0
    certificate_renewal: str = "auto"
    accept_differences: tuple[str, ...] = ()
    engine_version: str | None = None
    instance_count: int = 1
    tags: Mapping[str, str] = field(default_factory=dict)
    db_users: tuple[DbUser, ...] = ()
    lock_other_logins: bool = False
    admin_secret_id: str | None = None
    quiet_start: bool = True
    foreign_tables: str = "none"
    outward_connections: str = "report"
    quarantine_security_group_ids: tuple[str, ...] = ()
    dry_run: bool = False
    requested_by: str | None = None
    rehearsal: Rehearsal | None = None
    asked_for: frozenset[str] = frozenset()
    """The fields that the request names: what it does not name may come from the cluster that is replaced."""

    random_seed: str | None = None
    """What a snapshot is chosen by at random, among those since `random_since`; None: it is not."""

    random_since: datetime | None = None

    @property
    def replaces(self) -> bool:
        return self.delete_cluster_if_exists


Parser = Callable[[Any], Any]

PARSERS: Mapping[str, Parser] = {
    "source_snapshot_date": parse.text,
    "source_snapshot_identifier": parse.text,
    "source_region": parse.region,
    "source_cluster_id": parse.identifier,
    "target_region": parse.region,
    "target_cluster_id": parse.text,
    "db_instance_class": parse.instance_class,
    "delete_cluster_if_exists": parse.flag,
    "replace_strategy": parse.one_of(Strategy.SWAP, Strategy.DELETE_FIRST),
    "final_snapshot": parse.flag,
    "final_snapshot_retention_days": parse.whole_number(0, 3650),
    "keep_replaced_hours": parse.number(0, KEEP_HOURS_MOST),
    "certificate_renewal": parse.one_of("auto", "never"),
    "accept_differences": parse.one_or_more_of(ACCEPTABLE_FIELDS),
    "engine_version": parse.engine_version,
    "instance_count": parse.whole_number(1, 16),
    "tags": parse.tags,
    "db_users": db_users,
    "lock_other_logins": parse.flag,
    "admin_secret_id": parse.text,
    "quiet_start": parse.flag,
    "foreign_tables": parse.one_of(*ForeignTables),
    "outward_connections": parse.one_of(*OutwardConnections),
    "quarantine_security_group_ids": parse.texts,
    "rehearsal": read_rehearsal,
    "dry_run": parse.flag,
    # Who asks, in the asker's own words: Step Functions does not tell a function who started its execution.
    "requested_by": parse.text,
    **{name: row.asked for name, row in SETTINGS.items() if row.asked},
}


def parse_request(
    raw: object,
    settings: PipelineSettings,
    now: datetime,
    account: str | None = None,
    operation_id: str = "",
) -> RestoreRequest:
    """Read a request and refuse it with every problem that can be seen without asking AWS.

    Args:
        now: when the operation began, so that `yesterday` is the same day in every call.
        operation_id: what a rehearsal's own target is named by, and its snapshot chosen by.

    Raises:
        RequestRefused: the one problem, or `PreflightFailed` with all of them.
    """
    if not isinstance(raw, Mapping):
        raise InvalidRequest("The execution's input is not a JSON object.")
    problems: list[RestoreError] = []
    for name in raw:
        if name not in PARSERS:
            guess = _nearest(name, PARSERS, cutoff=0.5)
            problems.append(UnknownField(f"{name} is not a field of a restore request.{guess}"))
    values: dict[str, Any] = {}
    for name, value in raw.items():
        # null is the same as no field at all, as in most programs that write JSON.
        if name not in PARSERS or value is None:
            continue
        try:
            values[name] = PARSERS[name](value)
        except parse.FieldProblem as problem:
            problems += [InvalidRequest(f"{name}: {text}") for text in problem.problems]
        except RestoreError as error:
            problems.append(error)
    # Each check adds what it finds and goes on: a person wants to correct a request once.
    arn = _ARN.fullmatch(values.get("source_snapshot_identifier") or "")
    if arn and account and arn.group(2) != account:
        text = f"source_snapshot_identifier is of the account {arn.group(2)}, not of {account}."
        problems.append(SharedSnapshot(text))
    if values.get("source_snapshot_date") == RANDOM:
        values["random_seed"] = operation_id
        values["random_since"] = _random_since(values, now, problems)
    values["source_snapshot_date"] = _parse_date(values.get("source_snapshot_date"), now, problems)
    _name_scratch(values, raw, settings, operation_id)
    named_region = region_of_arn(values.get("source_snapshot_identifier"))
    values.setdefault("source_region", named_region or settings.default_source_region)
    values.setdefault("target_region", settings.target_region)
    values.setdefault("quarantine_security_group_ids", settings.quarantine_security_group_ids)
    _check_source(values, raw, named_region, settings, problems)
    _check_target(values, raw, settings, problems)
    _check_combinations(values, problems)
    refuse(problems)
    asked_for = frozenset(name for name, value in raw.items() if value is not None)
    return RestoreRequest(**values, asked_for=asked_for)


def without_unknown_values(raw: object) -> object:
    """The request as it may be kept: the values of unknown fields are left out, for they may be secrets."""
    if not isinstance(raw, Mapping):
        return REDACTED
    kept = {}
    for name, value in raw.items():
        kept[name] = value if name in PARSERS else REDACTED
        # Of a composed value only what is as it should be is known to hold no secret.
        if name in PARSERS and isinstance(value, Mapping | list):
            try:
                PARSERS[name](value)
            except parse.FieldProblem:
                kept[name] = REDACTED
    if isinstance(raw.get(UNDO_FIELD), str):
        kept[UNDO_FIELD] = raw[UNDO_FIELD]
    if isinstance(raw.get("db_users"), list):
        # A password may be written into a user, where its secret should be named.
        kept["db_users"] = [
            {name: value if name in DB_USER_FIELDS else REDACTED for name, value in user.items()}
            if isinstance(user, Mapping)
            else REDACTED
            for user in raw["db_users"]
        ]
    return kept


def _nearest(name: str, names: Iterable[str], cutoff: float = 0.6) -> str:
    """A guess at what was meant, to be added to a message; empty where nothing is near."""
    nearest = difflib.get_close_matches(name, list(names), n=1, cutoff=cutoff)
    return f" Did you mean {nearest[0]}?" if nearest else ""


def _parse_date(text: str | None, now: datetime, problems: list[RestoreError]) -> date | None:
    if text is None or text in (LATEST, RANDOM):
        return None
    if text == YESTERDAY:
        return (now.astimezone(UTC) - timedelta(days=1)).date()
    try:
        day = datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a UTC day has no time zone to carry
    except ValueError:
        problems.append(InvalidDate(f"source_snapshot_date {text!r} is not a day written as YYYY-MM-DD."))
        return None
    # strptime takes `2026-1-2` as well, which no snapshot's day is written as.
    if day.isoformat() != text:
        problems.append(InvalidDate(f"source_snapshot_date {text!r} is not written as YYYY-MM-DD."))
    if day > now.date():
        problems.append(DateInFuture(f"source_snapshot_date {text} lies after today, {now.date()} (UTC)."))
    return day


def _name_scratch(
    values: dict[str, Any], raw: Mapping[str, Any], settings: PipelineSettings, operation_id: str
) -> None:
    """A rehearsal that names no target gets one of its own; a name that cannot be read is a problem, as it is."""
    if isinstance(raw.get("rehearsal"), Mapping) and raw.get("target_cluster_id") is None:
        values["target_cluster_id"] = scratch_identifier(settings.target_cluster_prefix, operation_id)


def _random_since(values: Mapping[str, Any], now: datetime, problems: list[RestoreError]) -> datetime | None:
    """From when on a snapshot may be chosen at random. Only a rehearsal is served by data of any day."""
    rehearsal = values.get("rehearsal")
    if rehearsal is None:
        text = "source_snapshot_date is random, which is for a rehearsal only, and the request has none."
        problems.append(InvalidDate(text))
        return None
    return now - timedelta(days=rehearsal.window_days)


def region_of_arn(identifier_or_arn: str | None) -> str | None:
    """The Region that a snapshot's ARN names; None for a plain name."""
    found = _ARN.fullmatch(identifier_or_arn or "")
    return found.group(1) if found else None


def _check_source(
    values: Mapping[str, Any],
    raw: Mapping[str, Any],
    named_region: str | None,
    settings: PipelineSettings,
    problems: list[RestoreError],
) -> None:
    # What was named, and not what could be read: a field with a wrong value is not missing.
    named = [
        name for name in ("source_snapshot_date", "source_snapshot_identifier") if raw.get(name) is not None
    ]
    if not named:
        problems.append(InvalidRequest("source_snapshot_date or source_snapshot_identifier is missing."))
    if len(named) > 1:
        problems.append(
            InvalidRequest(
                "source_snapshot_date and source_snapshot_identifier exclude each other; give one."
            )
        )
    region = values["source_region"]
    if named_region and region != named_region:
        problems.append(
            InvalidRequest(
                f"source_region is {region}, but source_snapshot_identifier lies in {named_region}."
            )
        )
    if settings.known_regions and region not in settings.known_regions:
        guess = _nearest(region, settings.known_regions)
        problems.append(
            InvalidRequest(f"source_region {region!r} is not a Region in which RDS exists.{guess}")
        )


def _check_target(
    values: Mapping[str, Any],
    raw: Mapping[str, Any],
    settings: PipelineSettings,
    problems: list[RestoreError],
) -> None:
    target = values.get("target_cluster_id")
    if target is None:
        # A target whose value could not be read was reported already.
        if raw.get("target_cluster_id") is None:
            problems.append(InvalidRequest("target_cluster_id is missing."))
        return
    if reason := identifier_problem(target):
        problems.append(
            InvalidTargetName(f"target_cluster_id {target!r} is not a valid name for a cluster: {reason}.")
        )
    elif not target.lower().startswith(settings.target_cluster_prefix):
        problems.append(
            TargetOutsidePrefix(
                f"target_cluster_id {target} does not begin with {settings.target_cluster_prefix!r}, "
                "and this pipeline may touch only clusters that do."
            )
        )
    if values["target_region"] != settings.target_region:
        problems.append(
            TargetRegionMismatch(
                f"target_region is {values['target_region']}, but this stack is deployed in {settings.target_region} "
                "and restores only there."
            )
        )


def _check_combinations(values: Mapping[str, Any], problems: list[RestoreError]) -> None:
    """Values that can each be had, and not together."""
    users: tuple[DbUser, ...] = values.get("db_users", ())
    names = [user.account for user in users]
    for name in sorted({name for name in names if names.count(name) > 1}):
        problems.append(InvalidRequest(f"db_users: {name!r} is named more than once."))
    if any(user.iam for user in users) and values.get("iam_authentication") is False:
        problems.append(
            InvalidRequest("db_users: an IAM user needs iam_authentication, which is set to false.")
        )
    if values.get("rehearsal"):
        problems += [
            RehearsalReplacesNothing(f"A rehearsal is asked for, and {name} is true.")
            for name in ("delete_cluster_if_exists", "deletion_protection")
            if values.get(name)
        ]
    serverless = values.get("db_instance_class") == "db.serverless"
    if serverless and not values.get("serverless_v2"):
        problems.append(
            InvalidRequest("db_instance_class db.serverless needs serverless_v2 with its capacities.")
        )
    # With delete_first the final snapshot is all that a rollback has.
    deletes_first = values.get("replace_strategy") == Strategy.DELETE_FIRST
    if deletes_first and values.get("keep_replaced_hours"):
        problems.append(
            KeepNeedsSwap(
                "replace_strategy is delete_first, and keep_replaced_hours asks to keep what it deletes."
            )
        )
    if deletes_first and values.get("final_snapshot") is False:
        problems.append(RollbackNeeded("replace_strategy is delete_first, and final_snapshot is false."))


# At import, and not in a test alone: a field without a parser would be refused as unknown.
_ASKED = {item.name for item in fields(RestoreRequest)} - {"asked_for", "random_seed", "random_since"}
if _ASKED - {name for name, row in SETTINGS.items() if not row.asked} != set(PARSERS):
    raise AssertionError("PARSERS and RestoreRequest name different fields")
