"""The environment of a Lambda function, read once into typed settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aurora_restore.domain.errors import ConfigurationError
from aurora_restore.domain.results import Phase
from aurora_restore.domain.settings import (
    DEFAULT_PHASE_TIMEOUT_HOURS,
    MACHINE_TIMEOUT_HOURS,
    PARAMETER_GROUP_SECONDS,
    PipelineSettings,
    read_phase_hours,
)

# The local Aurora has applied a new parameter group after a second (`ON_A_LAPTOP.parameter_group_completion`).
LOCAL_GROUP_SECONDS = 1.5


@dataclass(frozen=True)
class LambdaEnvironment:
    """What the stack's template sets.

    `database_ca_bundle` None: the packaged RDS roots. `cleanup_state_machine_arn`: only the sweep has it;
    `state_machine_arn`: only what schedules call.
    """

    settings: PipelineSettings
    state_table_name: str
    audit_table_name: str
    sns_topic_arn: str
    database_ca_bundle: Path | None
    cleanup_state_machine_arn: str | None = None
    state_machine_arn: str | None = None


def read_environment(environ: Mapping[str, str], known_regions: tuple[str, ...] = ()) -> LambdaEnvironment:
    """Read the variables. Raises ConfigurationError naming the first that is missing or malformed."""
    ca_bundle = environ.get("DATABASE_CA_BUNDLE")
    home = _text(environ, "AWS_REGION")
    settings = PipelineSettings(
        target_region=home,
        default_source_region=_text(environ, "DEFAULT_SOURCE_REGION"),
        default_db_instance_class=_text(environ, "DEFAULT_DB_INSTANCE_CLASS"),
        admin_secret_id=_text(environ, "ADMIN_SECRET_ID"),
        target_cluster_prefix=_text(environ, "TARGET_CLUSTER_PREFIX"),
        copy_retention_days=_days(environ, "COPY_RETENTION_DAYS"),
        record_retention_days=_days(environ, "RECORD_RETENTION_DAYS"),
        phase_timeout_hours=_phase_hours(environ, "PHASE_TIMEOUT_HOURS"),
        # A list as CloudFormation's parameters have it, `a,b`; it may be empty, but not left out.
        quarantine_security_group_ids=tuple(
            word.strip()
            for word in _text(environ, "QUARANTINE_SECURITY_GROUP_IDS", may_be_empty=True).split(",")
            if word.strip()
        ),
        # The runtime's botocore may be older than the Region that the stack is in.
        known_regions=(*known_regions, home) if known_regions else (),
        # A bundle of its own is that of a local stack, whose databases are on the same machine.
        reaches_private_databases=bool(environ.get("DATABASE_SUBNET_IDS", "unknown") or ca_bundle),
        keeps_ports=ca_bundle is None,
        parameter_group_seconds=PARAMETER_GROUP_SECONDS if ca_bundle is None else LOCAL_GROUP_SECONDS,
    )
    return LambdaEnvironment(
        settings=settings,
        state_table_name=_text(environ, "STATE_TABLE_NAME"),
        audit_table_name=_text(environ, "AUDIT_TABLE_NAME"),
        sns_topic_arn=_text(environ, "SNS_TOPIC_ARN"),
        database_ca_bundle=Path(ca_bundle) if ca_bundle else None,
        cleanup_state_machine_arn=environ.get("CLEANUP_STATE_MACHINE_ARN"),
        state_machine_arn=environ.get("STATE_MACHINE_ARN"),
    )


def _text(environ: Mapping[str, str], name: str, *, may_be_empty: bool = False) -> str:
    value = environ.get(name)
    if value is None or not (value or may_be_empty):
        raise ConfigurationError(f"The environment variable {name} is not set.")
    return value


def _days(environ: Mapping[str, str], name: str) -> int:
    text = _text(environ, name)
    if not text.isdecimal() or int(text) < 1:
        raise _malformed(name, text, "a whole number of days from 1 on")
    return int(text)


def _phase_hours(environ: Mapping[str, str], name: str) -> dict[Phase, float]:
    """Phases and hours as a JSON object, `{"CopySnapshot": 120}`."""
    text = _text(environ, name)
    try:
        limits = read_phase_hours(text)
    except ValueError as error:
        raise _malformed(
            name, text, f"a JSON object of phases ({', '.join(Phase)}) and hours; {error}"
        ) from error
    # Past the limit of the state machine an execution ends without a step that could report it.
    total = sum((DEFAULT_PHASE_TIMEOUT_HOURS | limits).values())
    if total > MACHINE_TIMEOUT_HOURS:
        raise _malformed(
            name,
            text,
            f"limits that fit into the {MACHINE_TIMEOUT_HOURS} h of the state machine, and is {total:g} h with the "
            "defaults of the other phases",
        )
    return limits


def _malformed(name: str, text: str, expected: str) -> ConfigurationError:
    return ConfigurationError(f"The environment variable {name} is {text!r}; it must be {expected}.")
