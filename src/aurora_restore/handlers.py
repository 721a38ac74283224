"""The Lambda entry points, one a function: they put the ports together, call the step, and log."""

from __future__ import annotations

import functools
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import boto3

from aurora_restore.aws.audit import AwsAudit
from aurora_restore.aws.clients import Clients
from aurora_restore.aws.function_log import FunctionLog, trace_id_of
from aurora_restore.aws.keys import AwsKeys
from aurora_restore.aws.locks import AwsLocks
from aurora_restore.aws.metrics import LogMetrics
from aurora_restore.aws.network import AwsNetwork
from aurora_restore.aws.notifications import AwsNotifications
from aurora_restore.aws.pipeline_executions import AwsPipelineExecutions
from aurora_restore.aws.records import AwsRecords
from aurora_restore.aws.scaling import AwsScaling
from aurora_restore.aws.secrets import AwsSecrets
from aurora_restore.database.by_engine import DatabasesByEngine
from aurora_restore.database.tls import RDS_GLOBAL_BUNDLE
from aurora_restore.domain.errors import RestoreError, TransientError
from aurora_restore.domain.naming import LOCK_TABLE
from aurora_restore.environment import LambdaEnvironment, read_environment
from aurora_restore.steps.functions import FUNCTIONS, Answer, LambdaEvent, Work, work_of
from aurora_restore.steps.measured_audit import MeasuredAudit
from aurora_restore.steps.ports import Ports

if TYPE_CHECKING:
    from aurora_restore.aws.rds import AwsRds


class LambdaContext(Protocol):
    """What Lambda says of an invocation, as far as it is used."""

    function_name: str
    aws_request_id: str


Handler = Callable[[LambdaEvent, LambdaContext], Answer]

log = FunctionLog()
log.take_over_libraries()

# A sweep is not about a single operation; every line has the field all the same.
NO_OPERATION = "none"
LOGGED_FACTS = ("status", "wait_seconds", "progress_percent", "error", "started", "deleted")


class SystemClock:
    """The time of the machine, in UTC."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def build_ports(session: boto3.Session, environment: LambdaEnvironment) -> Ports:
    """The ports of the deployed functions."""
    clients = Clients(session, environment.settings.target_region)
    clock, metrics = SystemClock(), LogMetrics(log)
    audit = AwsAudit(clients, environment.audit_table_name)

    @functools.cache
    def rds(region: str | None = None) -> AwsRds:
        # Here and not above: a function that asks RDS for nothing does not compile it at its cold start.
        from aurora_restore.aws.rds import AwsRds  # noqa: PLC0415

        return AwsRds(clients, region)

    return Ports(
        settings=environment.settings,
        clock=clock,
        rds=rds,
        network=AwsNetwork(clients),
        scaling=AwsScaling(clients),
        keys=AwsKeys(clients),
        secrets=AwsSecrets(clients),
        records=AwsRecords(clients, environment.state_table_name),
        audit=MeasuredAudit(audit, metrics, clock),
        locks=AwsLocks(clients, LOCK_TABLE),
        notifications=AwsNotifications(clients, environment.sns_topic_arn),
        databases=DatabasesByEngine(environment.database_ca_bundle or RDS_GLOBAL_BUNDLE),
        executions=AwsPipelineExecutions(
            clients, environment.cleanup_state_machine_arn, environment.state_machine_arn
        ),
        metrics=metrics,
    )


# Once a worker: its next calls find the clients and their connections as they are.
@functools.cache
def _ports() -> Ports:
    session = boto3.Session()
    regions = tuple(session.get_available_regions("rds"))
    return build_ports(session, read_environment(os.environ, regions))


def entry_point(
    work: Work, find_ports: Callable[[], Ports] = _ports, seconds: Callable[[], float] = time.perf_counter
) -> Handler:
    """Wrap the work of a function: every line carries the operation id, the last says how long it took."""

    def handle(event: LambdaEvent, context: LambdaContext) -> Answer:
        started = seconds()
        # A worker serves many operations: what the last one added to each line must not stay.
        log.begin_invocation(
            {
                "function_name": context.function_name,
                "operation_id": event.get("operation_id") or NO_OPERATION,
                "function_request_id": context.aws_request_id,
                "xray_trace_id": trace_id_of(os.environ.get("_X_AMZN_TRACE_ID", "")),
            }
        )
        # `awslambdaric.bootstrap.log_error` repeats an error after our last
        # line, without the fields by which operators search, and ours has the
        # same facts. The error itself still reaches Lambda and Step Functions.
        bootstrap = sys.modules.get("awslambdaric.bootstrap")
        if bootstrap is not None and hasattr(bootstrap, "log_error"):
            vars(bootstrap)["log_error"] = lambda _error_result, _log_sink: None
        try:
            answer = work(find_ports(), event)
        except TransientError as error:
            # A warning: the state machine calls again, and an operator rarely has to act.
            log.warning(error.message, fields={"error_code": error.code, "hint": error.hint})
            raise
        except RestoreError as error:
            # Without a stack trace: code, message and hint are what an operator needs.
            log.error(error.message, fields={"error_code": error.code, "hint": error.hint})  # noqa: TRY400
            raise
        except Exception as error:
            log.unexpected("The function ended with an unexpected error.", error)
            raise
        else:
            facts = {name: answer[name] for name in LOGGED_FACTS if name in answer}
            log.info(answer.get("message", "recorded"), fields=facts)
            return answer
        finally:
            log.info(f"Operation completed in {seconds() - started:.3f} seconds")

    return handle


@functools.cache
def __getattr__(name: str) -> Handler:
    """The handler of a function, by the function's name without its prefix: Lambda asks for the one that it needs."""
    function_name = f"aurora-restore-{name.replace('_', '-')}"
    if function_name not in FUNCTIONS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return entry_point(work_of(function_name))
