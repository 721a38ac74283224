"""ministack, held to the version that we know: how it is set up, and the private names of it that we use.

ministack has no interface for what we add to it, so we replace functions of its modules. Each of them is checked
when the stack starts: a release that moved one is refused with its name, instead of failing in odd ways later.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, MutableMapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

PINNED_VERSION = "1.5.33"
SERVICES = (
    "s3", "dynamodb", "sns", "sqs", "secretsmanager", "cloudformation", "monitoring", "logs", "events",
    "lambda", "states", "iam", "sts", "kms", "ec2", "ssm", "tagging", "scheduler",
)  # fmt: skip

GROUP_ID_TAG = "aurora-restore-local:group-id"
"""A security group created with this tag gets its value as its id, so that examples can name one."""

_DICT = "a mapping"
_HOOKS: dict[str, dict[str, str]] = {
    "app": {
        "app": "(scope, receive, send)",
        "_build_persistence_save_dict": "()",
        "_load_persisted_state": "()",
        "_get_module": "(name)",
        "load_state": "(service)",
        "save_all": "(services)",
        "_state_map": _DICT,
    },
    "core.responses": {
        "request_scope": "(account_id, region)",
        "get_account_id": "()",
        "get_region": "()",
        "_account_from_sts_session": "(access_key_id)",
    },
    "core.router": {"extract_access_key_id": "(headers, query_params)"},
    "core.iam_actions": {
        "extract_iam_action": "(service, method, path, headers, body, query_params)",
        "extract_resource_arn": "(service, method, path, headers, body, query_params, region, account_id)",
        "identity_denial_message": "(action, principal_arn, resource, explicit_deny)",
    },
    "core.iam_evaluator": {
        "AuthError": "(code, message, details)",
        "_CONDITION_OPS": _DICT,
        "_evaluate_single_condition": "(operator, actual, expected_values)",
        "_resolve_condition_key": "(key, ctx)",
        "check_credentials": "(access_key_id, service)",
        "enforce": "(access_key_id, iam_action, service, region, resource_arn, service_context)",
        "find_iam_access_key_account": "(access_key_id)",
        "is_root_access_key": "(access_key_id)",
        "parse_policy_document": "(doc)",
        "pin_signed_body": "(body)",
        "pin_signed_request": "(method, raw_path, query_params, raw_headers, handshake)",
    },
    "services.kms": {"_resolve_key": "(key_id_or_arn)"},
    "services.sts": {"register_session": "(access_key, session)", "_sessions": _DICT},
    "services.lambda_svc": {
        "_prune_orphan_code_blobs": "(referenced)",
        "_execute_function_warm": "(func, event, request_id)",
        "_emit_lambda_logs": "(func, request_id, log_text, error, duration_ms, log_source)",
        "_emit_lambda_metrics": "(function_name, duration_ms, error, throttle)",
        "_fetch_code_from_s3": "(bucket, key, version_id)",
        "_throttle_response": "(reason_code, msg, retry_after)",
        "_vpc_config_with_id": "(request_config)",
        "_get_func_record_for_ref": "(function_ref)",
        "_execution_record_for_config": "(func, config)",
        "_execute_function_with_config_scope": "(func, event)",
        "_functions": _DICT,
    },
    "services.cloudwatch_logs": {
        "_append_log_events": "(stream, events)",
        "_fanout_to_subscription_filters": "(group_name, stream_name, events)",
        "_make_group_arn": "(name)",
        "_log_groups": _DICT,
        "_queries": _DICT,
        "handle_request": "(method, path, headers, body, query_params)",
        "_start_query": "(data)",
        "_get_query_results": "(data)",
        "_stop_query": "(data)",
        "_resolve_query_log_groups": "(data)",
        "_collect_query_records": "(group_names, start_time_s, end_time_s)",
    },
    "services.cloudwatch": {
        "_alarms": _DICT,
        "_dashboards": _DICT,
        "_store_datum": "(namespace, name, dims, ts, unit, value, values, counts, stat_values)",
    },
    "services.stepfunctions": {
        "_run_execution": "(exec_arn)",
        "_execute_pass": "(state_def, raw_input, ctx)",
        "_execute_choice": "(state_def, raw_input, ctx)",
        "_execute_task": "(state_def, raw_input, execution, ctx)",
        "_execute_parallel": "(state_def, raw_input, execution, ctx)",
        "_execute_map": "(state_def, raw_input, execution, ctx)",
        "_fail_state_error": "(state_def, raw_input, ctx)",
        "_apply_input_path": "(state_def, data, ctx)",
        "_apply_output_path": "(state_def, data, ctx)",
        "_start_execution": "(data)",
        "_fail_execution": "(execution, error, cause)",
        "_add_event": "(execution, event_type, details)",
        "_emit_execution_status_event": "(execution)",
        "_call_lambda": "(func_ref, event)",
        "_resolve_params_obj": "(template, data, ctx)",
        "_evaluate_rule": "(rule, data, ctx)",
        "_execute_wait": "(state_def, raw_input, ctx)",
        "_error_matches": "(error_equals, error)",
        "_parse_jsonpath_tokens": "(path)",
        "_ExecutionError": "(error, cause)",
        "now_iso": "()",
        "_executions": _DICT,
        "_state_machines": _DICT,
    },
    "services.eventbridge": {
        "_invoke_target": "(target, event, rule, view)",
        "_validate_target_arn": "(target)",
        "_dispatch_to_lambda": "(arn, payload)",
        "_event_bus_name_from_ref": "(name)",
        "_rule_key": "(rule_name, bus_name)",
        "_rules": _DICT,
    },
    "services.scheduler": {
        "_create_schedule": "(name, body)",
        "_update_schedule": "(name, body)",
        "_list_schedules": "(query)",
        "_error": "(status, code, message)",
        "start_scheduler": "()",
        "_schedules": _DICT,
        "_schedule_groups": _DICT,
    },
    "core.concurrency": {"spawn_background": "(fn, args, thread_name, kwargs)"},
    "services.s3": {"_put_object": "(bucket_name, key, body, headers)"},
    "services.iam": {"_roles": _DICT},
    "services.sns": {
        "_publish": "(params)",
        "_subscribe": "(params)",
        "_list_subscriptions": "(params)",
        "_list_subscriptions_by_topic": "(params)",
        "_refresh_subscription_counts": "(topic)",
        "_topics": _DICT,
        "_p": "(params, key, default)",
        "_error": "(code, message, status)",
    },
    "services.cloudformation": {"_stacks": _DICT, "_change_sets": _DICT},
    "services.cloudformation.changesets": {
        "_diff_resources": "(old_template, new_template, resources, template, changed_params, retag)",
    },
    "services.cloudformation.handlers": {"_capabilities_enforced": "()"},
    "services.cloudformation.provisioners": {
        "_RESOURCE_HANDLERS": _DICT,
        "_physical_name": "(stack_name, logical_id, lowercase, max_len, seeded)",
    },
    "services.dynamodb": {
        "_scan": "(data)",
        "_query": "(data)",
        "_get_item": "(data)",
        "_put_item": "(data)",
        "_update_item": "(data)",
        "_delete_item": "(data)",
        "_update_table": "(data)",
        "_update_ttl": "(data)",
        "_update_continuous_backups": "(data)",
        "_export_table_to_point_in_time": "(data)",
        "_describe_export": "(data)",
        "_list_exports": "(data)",
        "_table_name_from_arn": "(arn)",
        "_tables": _DICT,
        "_exports": _DICT,
        "_pitr_settings": _DICT,
    },
    "services.ec2": {
        "_create_security_group": "(p)",
        "_new_sg_id": "()",
        "_p": "(params, key, default)",
        "_ensure_defaults_initialized": "()",
        "_subnets": _DICT,
        "_ACTION_MAP": _DICT,
    },
}


class MinistackMismatch(RuntimeError):
    """The installed ministack is not the one that the local stack is made for."""


Ours = TypeVar("Ours", bound=Callable[..., Any])


class Replacements:
    """Functions of ours that take the place of ministack's, each with the one that it replaces as first argument."""

    def __init__(self) -> None:
        self._noted: list[tuple[Any, str, Callable[..., Any]]] = []

    def of(self, holder: Any, name: str) -> Callable[[Ours], Ours]:
        """Let the decorated function replace an attribute of a module, or an entry of a mapping, at `apply`."""

        def note(ours: Ours) -> Ours:
            self._noted.append((holder, name, ours))
            return ours

        return note

    def apply(self) -> None:
        """Replace them in the order of their definition: the later one of two wraps the earlier. Once a process."""
        for holder, name, ours in self._noted:
            is_mapping = isinstance(holder, MutableMapping)
            # Taken now and not when it was noted: another replacement can be in its place already.
            replacement = partial(ours, holder[name] if is_mapping else getattr(holder, name))
            if is_mapping:
                holder[name] = replacement
            else:
                setattr(holder, name, replacement)


def settings(gateway_port: int, state_directory: Path) -> dict[str, str]:
    """The environment that ministack reads when it is imported."""
    return {
        "GATEWAY_PORT": str(gateway_port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "SERVICES": ",".join(SERVICES),
        "PERSIST_STATE": "1",
        "STATE_DIR": str(state_directory / "aws"),
        "S3_PERSIST": "1",
        # Policies are enforced, and requests of users and roles are to be signed.
        "AUTH": "true",
        "S3_DATA_DIR": str(state_directory / "s3"),
        "LOG_LEVEL": "WARNING",
        # No daemon is looked for: the stack needs none, and a slow one would hold up the start.
        "DOCKER_HOST": f"unix://{state_directory}/no-docker.sock",
    }


def require_hooks() -> None:
    """Check every private name that we replace or call.

    Raises:
        MinistackMismatch: one is missing or has another signature.
    """
    wrong = []
    for module, names in _HOOKS.items():
        for name, expected in names.items():
            found: Any = getattr(importlib.import_module(f"ministack.{module}"), name, None)
            if callable(found):
                shape = f"({', '.join(inspect.signature(found).parameters)})"
            else:
                # ministack has mappings of its own that do not derive from dict.
                shape = _DICT if hasattr(found, "get") and hasattr(found, "items") else "neither of them"
            if shape != expected:
                wrong.append(f"ministack.{module}.{name}")
    if wrong:
        raise MinistackMismatch(
            f"ministack {version('ministack')} has changed {', '.join(wrong)}; the local stack is made for ministack "
            f"{PINNED_VERSION}. Install that version: pip install ministack=={PINNED_VERSION}"
        )
