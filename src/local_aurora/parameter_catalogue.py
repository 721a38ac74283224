"""The parameters of the families of DB cluster parameter groups: a part of those that Aurora has.

Names and defaults: AuroraUserGuide, "Amazon Aurora PostgreSQL parameters" and "Aurora MySQL configuration parameters",
cluster-level parameters. Which families have `cron.launch_active_jobs` (pg_cron 1.6) is not documented; here the oldest
one does not have it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from local_aurora.catalogue import MYSQL
from local_aurora.errors import invalid_combination, invalid_value
from local_aurora.mysql_parameters import mysql_parameters
from local_aurora.parameters import DYNAMIC, STATIC, SWITCH, Parameter

AT_ONCE, AT_THE_REBOOT = "immediate", "pending-reboot"
_LEVELS = "disabled,debug5,debug4,debug3,debug2,debug1,info,notice,warning,error,log,fatal,panic"
_LIBRARIES = (
    "auto_explain,orafce,pgaudit,pglogical,pg_bigm,pg_cron,pg_hint_plan,pg_prewarm,pg_similarity,"
    "pg_stat_statements"
)


def _server(name: str, apply_type: str, allowed: str, default: str | None = None) -> Parameter:
    """A number that a server of PostgreSQL takes under its own name."""
    return Parameter(name, apply_type, "integer", allowed, default, server_setting=name)


_POSTGRESQL = (
    Parameter("apg_ccm_enabled", DYNAMIC, "boolean", SWITCH),
    Parameter("autovacuum", DYNAMIC, "boolean", SWITCH),
    Parameter("autovacuum_naptime", DYNAMIC, "integer", "1-2147483", "5"),
    Parameter("client_encoding", DYNAMIC, "string", "", "UTF8"),
    Parameter("config_file", STATIC, "string", "", "/rdsdbdata/config/postgresql.conf", is_modifiable=False),
    Parameter("cron.database_name", STATIC, "string", "", "postgres"),
    Parameter("cron.log_run", STATIC, "boolean", "on,off", "on"),
    Parameter("cron.log_statement", STATIC, "boolean", "on,off", "off"),
    Parameter("cron.max_running_jobs", STATIC, "integer", "0-100", "5"),
    Parameter("cron.use_background_workers", STATIC, "boolean", "on,off", "on"),
    Parameter("data_directory", STATIC, "string", "", "/rdsdbdata/db", is_modifiable=False),
    _server("deadlock_timeout", DYNAMIC, "1-2147483647"),
    Parameter(
        "default_transaction_read_only", DYNAMIC, "boolean", SWITCH, server_setting="default_transaction_read_only"
    ),
    Parameter("hot_standby_feedback", DYNAMIC, "boolean", "0,1", "1", is_modifiable=False),
    _server("idle_in_transaction_session_timeout", DYNAMIC, "0-2147483647", "86400000"),
    Parameter("log_connections", DYNAMIC, "boolean", SWITCH),
    Parameter("log_min_duration_statement", DYNAMIC, "integer"),
    Parameter("log_statement", DYNAMIC, "list", "none,ddl,mod,all"),
    Parameter("max_connections", STATIC, "integer", "6-262143", "LEAST({DBInstanceClassMemory/9531392},5000)"),
    _server("max_locks_per_transaction", STATIC, "10-2147483647", "64"),
    _server("max_logical_replication_workers", STATIC, "0-262143"),
    _server("max_prepared_transactions", STATIC, "0-262143", "0"),
    _server("max_replication_slots", STATIC, "5-262143", "20"),
    _server("max_sync_workers_per_subscription", DYNAMIC, "0-262143", "2"),
    _server("max_wal_senders", STATIC, "5-100", "10"),
    _server("max_worker_processes", STATIC, "8-262143", "GREATEST({DBInstanceVCPU*2},8)"),
    Parameter("pgaudit.log", DYNAMIC, "list", "ddl,function,misc,read,role,write,none,all"),
    Parameter("pg_stat_statements.track", DYNAMIC, "list", "none,top,all"),
    Parameter("random_page_cost", DYNAMIC, "float"),
    Parameter("rds.babelfish_status", STATIC, "list", "on,off,datatypesonly", "off"),
    Parameter("rds.extensions", STATIC, "string", "", "aws_lambda, aws_s3, dblink, pg_cron", is_modifiable=False),
    Parameter("rds.force_admin_logging_level", DYNAMIC, "list", _LEVELS),
    Parameter("rds.force_autovacuum_logging_level", DYNAMIC, "list", _LEVELS, "warning"),
    Parameter("rds.force_ssl", DYNAMIC, "boolean", SWITCH, "0"),
    Parameter("rds.log_retention_period", DYNAMIC, "integer", "1440-10080", "4320"),
    Parameter("rds.logical_replication", STATIC, "boolean", SWITCH, "0", server_setting="wal_level"),
    Parameter("rds.restrict_password_commands", STATIC, "boolean", SWITCH),
    Parameter("search_path", DYNAMIC, "string", server_setting="search_path"),
    Parameter("shared_buffers", STATIC, "integer", "", "SUM({DBInstanceClassMemory/12038},-50003)"),
    Parameter("shared_preload_libraries", STATIC, "list", _LIBRARIES, "pg_stat_statements"),
    Parameter("ssl", STATIC, "boolean", SWITCH, "1", is_modifiable=False),
    _server("statement_timeout", DYNAMIC, "0-2147483647"),
    Parameter("synchronous_commit", DYNAMIC, "list", "on,off", "on"),
    Parameter("timezone", DYNAMIC, "string", "", "UTC", server_setting="timezone"),
    Parameter("track_commit_timestamp", STATIC, "boolean", SWITCH),
    _server("work_mem", DYNAMIC, "64-2147483647"),
)  # fmt: skip
_SINCE_13 = (Parameter("cron.launch_active_jobs", DYNAMIC, "boolean", "on,off", "on"),)
_OLDEST = "aurora-postgresql12"
# What a server says where RDS says 0 or 1.
_WAL_LEVELS = {"0": "replica", "1": "logical"}


@cache
def parameters_of(family: str) -> Mapping[str, Parameter]:
    """By name, in their order."""
    if family.startswith(MYSQL):
        known = mysql_parameters(family.removeprefix(MYSQL))
    else:
        known = _POSTGRESQL if family == _OLDEST else (*_POSTGRESQL, *_SINCE_13)
    return {entry.name: entry for entry in sorted(known, key=lambda entry: entry.name)}


def found_parameter(family: str, name: str) -> Parameter:
    """Raises AwsError: InvalidParameterValue, where the family has none of that name."""
    found = parameters_of(family).get(name)
    if found is None:
        raise invalid_value(f"Could not find parameter with name: {name}")
    return found


def checked_change(family: str, change: Mapping[str, Any]) -> tuple[Parameter, str, str]:
    """The parameter, the value and the method of one entry of ModifyDBClusterParameterGroup.

    Raises:
        AwsError: InvalidParameterValue or InvalidParameterCombination, as RDS refuses it.
    """
    missing = [part for part in ("ParameterName", "ParameterValue", "ApplyMethod") if part not in change]
    if missing:
        raise invalid_combination(
            f"The parameters ParameterName, ParameterValue and ApplyMethod must be provided: no {missing[0]}."
        )
    parameter = found_parameter(family, change["ParameterName"])
    value, method = str(change["ParameterValue"]), checked_method(parameter, change)
    if not parameter.is_modifiable:
        raise invalid_value(f"The parameter {parameter.name} cannot be modified.")
    parameter.refuse_value(value)
    return parameter, value, method


def checked_method(parameter: Parameter, change: Mapping[str, Any]) -> str:
    """When a change takes effect. Raises AwsError: `immediate` is for dynamic parameters only."""
    method = str(change.get("ApplyMethod", AT_THE_REBOOT))
    if method not in (AT_ONCE, AT_THE_REBOOT):
        raise invalid_value(f"Invalid value {method} for ApplyMethod. Must be {AT_ONCE} or {AT_THE_REBOOT}")
    if method == AT_ONCE and parameter.apply_type == STATIC:
        raise invalid_combination("cannot use immediate apply method for static parameter")
    return method


def server_settings(family: str, values: Mapping[str, str]) -> dict[str, str]:
    """What a real server is started with: the values that it knows. A formula of RDS is none.

    Of a MySQL also the defaults of the family, because they differ from the server's own.
    """
    known = parameters_of(family)
    if family.startswith(MYSQL):
        defaults = {name: entry.default for name, entry in known.items() if entry.default is not None}
        values = {**defaults, **values}
    # A formula is made of the memory of an instance class, which a local server does not have.
    settings = {
        known[name].server_setting: value
        for name, value in values.items()
        if name in known and known[name].server_setting and "(" not in value and "{" not in value
    }
    if "wal_level" in settings:
        settings["wal_level"] = _WAL_LEVELS[settings["wal_level"]]
    return settings


def show_parameter(parameter: Parameter, value: str | None, method: str | None) -> dict[str, Any]:
    """`value` None: it was not set, and the engine's or the system's own holds."""
    shown: dict[str, Any] = {
        "ParameterName": parameter.name,
        "ParameterValue": parameter.default if value is None else value,
        "Source": source_of(parameter, value),
        "ApplyType": parameter.apply_type,
        "DataType": parameter.data_type,
        "AllowedValues": parameter.allowed or None,
        "IsModifiable": parameter.is_modifiable,
        "ApplyMethod": method or AT_THE_REBOOT,
        "SupportedEngineModes": ["provisioned"],
    }
    return {name: entry for name, entry in shown.items() if entry is not None}


def source_of(parameter: Parameter, value: str | None) -> str:
    if value is not None:
        return "user"
    return "system" if parameter.default is not None and not parameter.is_modifiable else "engine-default"
