"""The environment of a Lambda function, read once into typed settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aurora_restore.domain.errors import ConfigurationError
from aurora_restore.domain.results import Phase
from aurora_restore.domain.settings import (
    DEFAULT_PHASE_TIMEOUT_HOURS,
    MACHINE_TIMEOUT_HOURS,
    PipelineSettings,
)


@dataclass(frozen=True)
class LambdaEnvironment:
    """What the stack's template sets. `database_ca_bundle` None means: the packaged RDS roots."""

    settings: PipelineSettings
    state_table_name: str
    audit_table_name: str
    lock_table_name: str
    sns_topic_arn: str
    database_ca_bundle: Path | None


def read_environment(environ: Mapping[str, str], known_regions: tuple[str, ...] = ()) -> LambdaEnvironment:
    """Read the variables. Raises ConfigurationError naming the first that is missing or malformed."""
    ca_bundle = environ.get("DATABASE_CA_BUNDLE")
    settings = PipelineSettings(
        target_region=_text(environ, "AWS_REGION"),
        default_source_region=_text(environ, "DEFAULT_SOURCE_REGION"),
        default_db_instance_class=_text(environ, "DEFAULT_DB_INSTANCE_CLASS"),
        admin_secret_id=_text(environ, "ADMIN_SECRET_ID"),
        target_cluster_prefix=_text(environ, "TARGET_CLUSTER_PREFIX"),
        copy_retention_days=_days(environ, "COPY_RETENTION_DAYS"),
        record_retention_days=_days(environ, "RECORD_RETENTION_DAYS"),
        phase_timeout_hours=_phase_hours(_text(environ, "PHASE_TIMEOUT_HOURS")),
        known_regions=known_regions,
        # A bundle of its own is that of a local stack, whose databases are on the same machine.
        reaches_private_databases=bool(environ.get("DATABASE_SUBNET_IDS", "unknown") or ca_bundle),
    )
    return LambdaEnvironment(
        settings=settings,
        state_table_name=_text(environ, "STATE_TABLE_NAME"),
        audit_table_name=_text(environ, "AUDIT_TABLE_NAME"),
        lock_table_name=_text(environ, "LOCK_TABLE_NAME"),
        sns_topic_arn=_text(environ, "SNS_TOPIC_ARN"),
        database_ca_bundle=Path(ca_bundle) if ca_bundle else None,
    )


def _text(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name)
    if not value:
        raise ConfigurationError(f"The environment variable {name} is not set.")
    return value


def _days(environ: Mapping[str, str], name: str) -> int:
    value = _text(environ, name)
    if not value.isdecimal() or int(value) < 1:
        raise ConfigurationError(f"The environment variable {name} is {value!r}; a number of days is wanted.")
    return int(value)


def _phase_hours(text: str) -> dict[Phase, float]:
    """An object of phase names and hours, e.g. `{"CopySnapshot": 120}`."""
    try:
        limits = {Phase(name): _hours(hours) for name, hours in json.loads(text).items()}
        _fit_into_the_machine(limits)
    except (ValueError, AttributeError, TypeError) as error:
        raise ConfigurationError(
            f"The environment variable PHASE_TIMEOUT_HOURS is {text!r}; a JSON object of phases "
            f"({', '.join(Phase)}) and hours is wanted: {error}."
        ) from error
    return limits


def _fit_into_the_machine(limits: Mapping[Phase, float]) -> None:
    total = sum((DEFAULT_PHASE_TIMEOUT_HOURS | dict(limits)).values())
    if total > MACHINE_TIMEOUT_HOURS:
        raise ValueError(
            f"together the phases may take {total:g} h, the state machine {MACHINE_TIMEOUT_HOURS} h"
        )


def _hours(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise ValueError(f"{value!r} is no number of hours")
    return float(value)
