"""The environment of a Lambda function, read once into typed settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from aurora_restore.domain.errors import ConfigurationError
from aurora_restore.domain.results import Phase
from aurora_restore.domain.settings import (
    DEFAULT_PHASE_TIMEOUT_HOURS,
    MACHINE_TIMEOUT_HOURS,
    PARAMETER_GROUP_SECONDS,
    PipelineSettings,
)

LOCK_TABLE_NAME = "AuroraRestoreLocks"
# The local Aurora is through with a new parameter group after a second (`ON_A_LAPTOP.parameter_group_completion`).
LOCAL_GROUP_SECONDS = 1.5
SETTINGS_VARIABLE = "PIPELINE_SETTINGS"


@dataclass(frozen=True)
class LambdaEnvironment:
    """What the stack's template sets.

    `database_ca_bundle` None: the packaged RDS roots. `cleanup_state_machine_arn` is that of the sweep alone.
    """

    settings: PipelineSettings
    state_table_name: str
    audit_table_name: str
    lock_table_name: str
    sns_topic_arn: str
    database_ca_bundle: Path | None
    cleanup_state_machine_arn: str | None = None


def read_environment(environ: Mapping[str, str], known_regions: tuple[str, ...] = ()) -> LambdaEnvironment:
    """Read the variables. Raises ConfigurationError naming the first that is missing or malformed."""
    ca_bundle = environ.get("DATABASE_CA_BUNDLE")
    stack = _stack_settings(environ)
    home = _text(environ, "AWS_REGION")
    settings = PipelineSettings(
        target_region=home,
        default_source_region=_text(environ, "DEFAULT_SOURCE_REGION"),
        default_db_instance_class=_text(environ, "DEFAULT_DB_INSTANCE_CLASS"),
        admin_secret_id=_text(environ, "ADMIN_SECRET_ID"),
        # The runtime's botocore may be older than the Region that the stack is in.
        known_regions=(*known_regions, home) if known_regions else (),
        # A bundle of its own is that of a local stack, whose databases are on the same machine.
        reaches_private_databases=bool(environ.get("DATABASE_SUBNET_IDS", "unknown") or ca_bundle),
        keeps_ports=ca_bundle is None,
        parameter_group_seconds=PARAMETER_GROUP_SECONDS if ca_bundle is None else LOCAL_GROUP_SECONDS,
        **stack,
    )
    return LambdaEnvironment(
        settings=settings,
        state_table_name=_text(environ, "STATE_TABLE_NAME"),
        audit_table_name=_text(environ, "AUDIT_TABLE_NAME"),
        lock_table_name=environ.get("LOCK_TABLE_NAME") or LOCK_TABLE_NAME,
        sns_topic_arn=_text(environ, "SNS_TOPIC_ARN"),
        database_ca_bundle=Path(ca_bundle) if ca_bundle else None,
        cleanup_state_machine_arn=environ.get("CLEANUP_STATE_MACHINE_ARN"),
    )


class _StackSettings(TypedDict):
    """Those that the template writes into one variable, since it has room for no more."""

    target_cluster_prefix: str
    copy_retention_days: int
    record_retention_days: int
    phase_timeout_hours: dict[Phase, float]
    quarantine_security_group_ids: tuple[str, ...]


def _stack_settings(environ: Mapping[str, str]) -> _StackSettings:
    text = _text(environ, SETTINGS_VARIABLE)
    try:
        given = json.loads(text)
        return {
            "target_cluster_prefix": _word(given["target_cluster_prefix"]),
            "copy_retention_days": _days(given["copy_retention_days"]),
            "record_retention_days": _days(given["record_retention_days"]),
            "phase_timeout_hours": _phase_hours(given["phase_timeout_hours"]),
            "quarantine_security_group_ids": _words(given["quarantine_security_group_ids"]),
        }
    except KeyError as error:
        raise _malformed(text, f"{error} is missing") from error
    except (ValueError, TypeError) as error:
        raise _malformed(text, str(error)) from error


def _malformed(text: str, problem: str) -> ConfigurationError:
    names = ", ".join(_StackSettings.__annotations__)
    return ConfigurationError(
        f"The environment variable {SETTINGS_VARIABLE} is {text!r}; it must be a JSON object with {names}: {problem}."
    )


def _text(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name)
    if not value:
        raise ConfigurationError(f"The environment variable {name} is not set.")
    return value


def _word(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is not a name")
    return value


def _words(value: object) -> tuple[str, ...]:
    """A list as CloudFormation's parameters have it, `a,b`."""
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a list of names")  # noqa: TRY004
    return tuple(word.strip() for word in value.split(",") if word.strip())


def _days(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{value!r} is not a positive whole number of days")
    return value


def _phase_hours(given: object) -> dict[Phase, float]:
    """An object of phase names and hours, e.g. `{"CopySnapshot": 120}`."""
    if not isinstance(given, dict):
        raise ValueError(f"{given!r} is not an object of phases ({', '.join(Phase)}) and hours")  # noqa: TRY004
    limits = {Phase(name): _hours(hours) for name, hours in given.items()}
    _fit_into_the_machine(limits)
    return limits


def _fit_into_the_machine(limits: Mapping[Phase, float]) -> None:
    total = sum((DEFAULT_PHASE_TIMEOUT_HOURS | dict(limits)).values())
    if total > MACHINE_TIMEOUT_HOURS:
        raise ValueError(
            f"together the phases may take {total:g} h, the state machine {MACHINE_TIMEOUT_HOURS} h"
        )


def _hours(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise ValueError(f"{value!r} is not a positive number of hours")
    return float(value)
