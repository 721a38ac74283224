"""The request: the execution's input, read once, with all its faults reported together."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
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
    RestoreError,
    SharedSnapshot,
    TargetOutsidePrefix,
    TargetRegionMismatch,
    UnknownField,
    WayBackNeeded,
    refuse,
)
from aurora_restore.domain.naming import identifier_problem
from aurora_restore.domain.outward import ForeignTables, OutwardConnections
from aurora_restore.domain.settings import PipelineSettings
from aurora_restore.domain.user_fields import DB_USER_FIELDS, db_users
from aurora_restore.domain.users import DbUser

LATEST = "latest"
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
    replace_strategy: str = "swap"
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
    asked_for: frozenset[str] = frozenset()
    """The fields that the request names: what it does not name may come from the cluster that is replaced."""

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
    "replace_strategy": parse.one_of("swap", "delete_first"),
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
    "dry_run": parse.flag,
    **{name: row.asked for name, row in SETTINGS.items() if row.asked},
}


def parse_request(
    raw: object, settings: PipelineSettings, now: datetime, account: str | None = None
) -> RestoreRequest:
    """Read a request and refuse it with every fault that can be seen without looking at the world.

    Raises:
        RequestRefused: the one fault, or `PreflightFailed` with all of them.
    """
    if not isinstance(raw, Mapping):
        raise InvalidRequest("The execution's input is not a JSON object.")
    problems: list[RestoreError] = [_unknown_field(name, PARSERS) for name in raw if name not in PARSERS]
    values = _parse_known(raw, problems)
    _check_account(values.get("source_snapshot_identifier"), account, problems)
    values["source_snapshot_date"] = _parse_date(values.get("source_snapshot_date"), now, problems)
    named_region = region_of_arn(values.get("source_snapshot_identifier"))
    values.setdefault("source_region", named_region or settings.default_source_region)
    values.setdefault("target_region", settings.target_region)
    values.setdefault("quarantine_security_group_ids", settings.quarantine_security_group_ids)
    _check_source(raw, problems)
    _check_regions(values, named_region, settings, problems)
    _check_target(values, raw, settings, problems)
    _check_users(values, problems)
    _check_replacing(values, problems)
    refuse(problems)
    asked_for = frozenset(name for name, value in raw.items() if value is not None)
    return RestoreRequest(**values, asked_for=asked_for)


def without_unknown_values(raw: object) -> object:
    """The request as it may be kept: the values of unknown fields are left out, for they may be secrets."""
    if not isinstance(raw, Mapping):
        return REDACTED
    kept = {name: value if _is_harmless(name, value) else REDACTED for name, value in raw.items()}
    if isinstance(raw.get(UNDO_FIELD), str):
        kept[UNDO_FIELD] = raw[UNDO_FIELD]
    if isinstance(raw.get("db_users"), list):
        kept["db_users"] = [_user_without_unknown_values(user) for user in raw["db_users"]]
    return kept


def _is_harmless(name: str, value: object) -> bool:
    """Whether a value may be kept: a simple one of a known field, or a composed one that is as it should be."""
    if name not in PARSERS:
        return False
    if not isinstance(value, Mapping | list):
        return True
    try:
        PARSERS[name](value)
    except parse.FieldProblem:
        return False
    return True


def _user_without_unknown_values(user: object) -> object:
    if not isinstance(user, Mapping):
        return REDACTED
    return {name: value if name in DB_USER_FIELDS else REDACTED for name, value in user.items()}


def _parse_known(raw: Mapping[str, Any], problems: list[RestoreError]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in raw.items():
        if name not in PARSERS or value is None:
            continue
        try:
            values[name] = PARSERS[name](value)
        except parse.FieldProblem as problem:
            problems += [InvalidRequest(f"{name}: {text}") for text in problem.problems]
        except RestoreError as error:
            problems.append(error)
    return values


def _unknown_field(name: str, known: Mapping[str, object]) -> UnknownField:
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    guess = f" Did you mean {nearest[0]}?" if nearest else ""
    return UnknownField(f"{name} is not a field of a restore request.{guess}")


def _parse_date(text: str | None, now: datetime, problems: list[RestoreError]) -> date | None:
    if text is None or text == LATEST:
        return None
    try:
        day = datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a UTC day has no time zone to carry
    except ValueError:
        problems.append(InvalidDate(f"source_snapshot_date {text!r} is not a day written as YYYY-MM-DD."))
        return None
    if day.isoformat() != text:
        problems.append(InvalidDate(f"source_snapshot_date {text!r} is not written as YYYY-MM-DD."))
    if day > now.date():
        problems.append(DateInFuture(f"source_snapshot_date {text} lies after today, {now.date()} (UTC)."))
    return day


def _check_source(raw: Mapping[str, Any], problems: list[RestoreError]) -> None:
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


def region_of_arn(identifier_or_arn: str | None) -> str | None:
    """The Region that a snapshot's ARN names; None for a plain name."""
    found = _ARN.fullmatch(identifier_or_arn or "")
    return found.group(1) if found else None


def _check_regions(
    values: Mapping[str, Any],
    named_region: str | None,
    settings: PipelineSettings,
    problems: list[RestoreError],
) -> None:
    region = values["source_region"]
    if named_region and region != named_region:
        problems.append(
            InvalidRequest(
                f"source_region is {region}, but source_snapshot_identifier lies in {named_region}."
            )
        )
    if settings.known_regions and region not in settings.known_regions:
        nearest = difflib.get_close_matches(region, settings.known_regions, n=1)
        guess = f" Did you mean {nearest[0]}?" if nearest else ""
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


def _check_account(identifier: str | None, account: str | None, problems: list[RestoreError]) -> None:
    found = _ARN.fullmatch(identifier or "")
    if found and account and found.group(2) != account:
        problems.append(
            SharedSnapshot(
                f"source_snapshot_identifier is of the account {found.group(2)}, not of {account}."
            )
        )


def _check_replacing(values: Mapping[str, Any], problems: list[RestoreError]) -> None:
    if values.get("replace_strategy") != "delete_first":
        return
    if values.get("keep_replaced_hours"):
        problems.append(
            KeepNeedsSwap(
                "replace_strategy is delete_first, and keep_replaced_hours asks to keep what it deletes."
            )
        )
    if values.get("final_snapshot") is False:
        problems.append(WayBackNeeded("replace_strategy is delete_first, and final_snapshot is false."))


def _check_users(values: Mapping[str, Any], problems: list[RestoreError]) -> None:
    users: tuple[DbUser, ...] = values.get("db_users", ())
    names = [user.account for user in users]
    for name in sorted({name for name in names if names.count(name) > 1}):
        problems.append(InvalidRequest(f"db_users: {name!r} is named more than once."))
    if any(user.iam for user in users) and values.get("iam_authentication") is False:
        problems.append(
            InvalidRequest("db_users: an IAM user needs iam_authentication, which is set to false.")
        )
    serverless = values.get("db_instance_class") == "db.serverless"
    if serverless and not values.get("serverless_v2"):
        problems.append(
            InvalidRequest("db_instance_class db.serverless needs serverless_v2 with its capacities.")
        )


_ASKED = {item.name for item in fields(RestoreRequest)} - {"asked_for"}
if _ASKED - {name for name, row in SETTINGS.items() if not row.asked} != set(PARSERS):
    raise AssertionError("PARSERS and RestoreRequest name different fields")
