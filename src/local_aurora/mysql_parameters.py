"""The cluster parameters of Aurora MySQL's families: a part of those that Aurora has.

AuroraUserGuide, "Aurora MySQL configuration parameters"; for 8.4 "Comparing Aurora MySQL version 3 and version 8.4".
`innodb_file_format` is a parameter of MySQL 5.7, whose only format since 5.7.7 is Barracuda; since 8.0 there is none to
choose. `lower_case_table_names` is fixed when the data is made; the local servers keep 0.
"""

from __future__ import annotations

from local_aurora.parameters import DYNAMIC, STATIC, SWITCH, Parameter

_ON_OFF = "ON,OFF"
_MOST_CONNECTIONS = (
    "GREATEST({log(DBInstanceClassMemory/805306368,2)*45},{log(DBInstanceClassMemory/8187281408,2)*1000})"
)


def _switch(name: str, default: str | None = None, apply_type: str = DYNAMIC) -> Parameter:
    """A switch that a server takes under its own name."""
    return Parameter(name, apply_type, "boolean", SWITCH, default, server_setting=name)


def _number(name: str, allowed: str, default: str | None = None, apply_type: str = DYNAMIC) -> Parameter:
    return Parameter(name, apply_type, "integer", allowed, default, server_setting=name)


_COMMON = (
    Parameter("aurora_load_from_s3_role", DYNAMIC, "string"),
    Parameter("aurora_parallel_query", DYNAMIC, "boolean", SWITCH),
    Parameter("basedir", STATIC, "string", "", "/rdsdbbin/mysql", is_modifiable=False),
    Parameter("binlog_format", STATIC, "list", "ROW,STATEMENT,MIXED,OFF", "OFF"),
    Parameter("character_set_database", DYNAMIC, "string"),
    Parameter("character_set_server", DYNAMIC, "string", server_setting="character_set_server"),
    Parameter("collation_server", DYNAMIC, "string", server_setting="collation_server"),
    Parameter("datadir", STATIC, "string", "", "/rdsdbdata/db/", is_modifiable=False),
    Parameter("event_scheduler", DYNAMIC, "list", _ON_OFF, "OFF", server_setting="event_scheduler"),
    _switch("general_log"),
    _switch("innodb_file_per_table", "1"),
    _number("innodb_lock_wait_timeout", "1-1073741824"),
    _switch("innodb_strict_mode"),
    _number("interactive_timeout", "1-31536000"),
    _switch("local_infile"),
    Parameter("lower_case_table_names", STATIC, "integer", "0,1", "0"),
    _number("long_query_time", "0-31536000"),
    _number("max_allowed_packet", "1024-1073741824"),
    Parameter("max_connections", DYNAMIC, "integer", "1-16000", _MOST_CONNECTIONS),
    _switch("read_only"),
    Parameter("server_audit_events", DYNAMIC, "list", "CONNECT,QUERY,QUERY_DCL,QUERY_DDL,QUERY_DML,TABLE"),
    Parameter("server_audit_logging", DYNAMIC, "boolean", SWITCH, "0"),
    _switch("slow_query_log"),
    Parameter("sql_mode", DYNAMIC, "list", server_setting="sql_mode"),
    Parameter("time_zone", DYNAMIC, "string"),
    _number("wait_timeout", "1-31536000"),
)  # fmt: skip
_OF_57 = (
    Parameter("innodb_file_format", DYNAMIC, "string", "Antelope,Barracuda"),
    Parameter("innodb_large_prefix", DYNAMIC, "boolean", SWITCH),
    Parameter("query_cache_size", DYNAMIC, "integer"),
    Parameter("tx_isolation", DYNAMIC, "list"),
)
_SINCE_80 = (
    Parameter("activate_all_roles_on_login", DYNAMIC, "boolean", SWITCH, server_setting="activate_all_roles_on_login"),
    Parameter("innodb_rollback_on_timeout", STATIC, "boolean", SWITCH, server_setting="innodb_rollback_on_timeout"),
    Parameter("transaction_isolation", DYNAMIC, "list", server_setting="transaction_isolation"),
)  # fmt: skip
_SINCE_84 = (
    Parameter("authentication_policy", DYNAMIC, "string", "", "*:caching_sha2_password"),
    Parameter("mysql_native_password", STATIC, "boolean", SWITCH, "1", is_modifiable=False),
)
_BY_FAMILY = {
    "5.7": (*_COMMON, *_OF_57),
    "8.0": (*_COMMON, *_SINCE_80),
    "8.4": (*_COMMON, *_SINCE_80, *_SINCE_84),
}
# Aurora MySQL 8.4 asks for TLS by default, the earlier versions do not.
_ASKS_FOR_TLS = {"5.7": "OFF", "8.0": "OFF", "8.4": "ON"}


def mysql_parameters(version: str) -> tuple[Parameter, ...]:
    """Those of the family of a version: 5.7, 8.0 or 8.4."""
    name = "require_secure_transport"
    return (
        *_BY_FAMILY[version],
        Parameter(name, DYNAMIC, "list", _ON_OFF, _ASKS_FOR_TLS[version], server_setting=name),
    )
