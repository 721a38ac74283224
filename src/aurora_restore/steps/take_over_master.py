"""The end of RestoreCluster: the master password becomes that of the admin secret, confirmed by a login."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from aurora_restore.domain.acts import Wait
from aurora_restore.domain.engines import engine_of
from aurora_restore.domain.errors import (
    DatabaseUnreachable,
    MasterLoginByIam,
    ResourceBusy,
)
from aurora_restore.domain.late_settings import left_settings
from aurora_restore.domain.observed import (
    Credentials,
    DatabaseEndpoint,
    DbCluster,
    DbInstance,
    LoginAttempt,
    LoginOutcome,
)
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.plan import RestorePlan
from aurora_restore.domain.record import (
    RestoreDetails,
    RestoredInstance,
    changed,
    with_warnings,
    written,
)
from aurora_restore.domain.restoring import LOGIN_PERCENT, RefusedLogin, decide_password
from aurora_restore.domain.results import Phase, done, in_progress
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.perform import asked_for, waiting
from aurora_restore.steps.ports import Ports
from aurora_restore.steps.runner import RunGuard, record_details

# A new endpoint takes at most minutes to appear in DNS; after that the network is wrong.
UNREACHABLE_LIMIT = timedelta(minutes=15)
NOTHING_CHANGED_WARNING = (
    "The admin secret holds the very password that the master user had in production: it opens both. Put another "
    "one into the secret and change the restored cluster's master password to it."
)


def take_over_master(
    operation: Operation, ports: Ports, plan: RestorePlan, cluster: DbCluster, instances: Sequence[DbInstance]
) -> StepOutcome:
    """Log in with the admin secret; where it is refused, give its password to the master user.

    Raises:
        MasterLoginRefused, MasterLoginByIam, DatabaseUnreachable
    """
    endpoint = endpoint_of(cluster)
    if endpoint is None:
        message = "the cluster does not name its endpoint yet"
        return StepOutcome(in_progress(message, LOGIN_PERCENT, "endpoint"))
    admin = ports.secrets.read_credentials(plan.admin_secret_id)
    attempt = ports.databases.log_in(endpoint, admin)
    if attempt.outcome is LoginOutcome.ACCEPTED:
        return _confirmed(operation, plan, cluster, instances)
    if attempt.outcome is LoginOutcome.BUSY:
        # An answer, and no silence: it is waited for as long as the phase may take.
        return StepOutcome(
            in_progress(f"the server takes no login yet: {attempt.reason}", LOGIN_PERCENT, "login")
        )
    if attempt.outcome is LoginOutcome.UNREACHABLE:
        message = f"no answer from {endpoint.host}:{endpoint.port}: {attempt.reason}"
        subject = f"an answer from {endpoint.host}:{endpoint.port}"
        # Silence is most likely the network's, which no waiting mends: it has a limit of its own.
        if operation.waited_for(Phase.RESTORE_CLUSTER, subject, ports.clock.now()) > UNREACHABLE_LIMIT:
            minutes = UNREACHABLE_LIMIT.total_seconds() / 60
            raise DatabaseUnreachable(f"For more than {minutes:g} minutes there was {message}.")
        return StepOutcome(in_progress(message, LOGIN_PERCENT, "login", subject=subject))
    return change_master_password(operation, ports, cluster, admin, attempt)


def endpoint_of(cluster: DbCluster) -> DatabaseEndpoint | None:
    """Where the cluster's writer answers; None while RDS does not name it."""
    if not cluster.endpoint or not cluster.port:
        return None
    return DatabaseEndpoint(cluster.endpoint, cluster.port, cluster.engine)


def _confirmed(
    operation: Operation, plan: RestorePlan, cluster: DbCluster, instances: Sequence[DbInstance]
) -> StepOutcome:
    restored = (
        RestoredInstance(
            db_instance_identifier=item.db_instance_identifier, db_instance_class=item.db_instance_class
        )
        for item in instances
    )
    changes = changed(
        RestoreDetails,
        db_cluster_identifier=cluster.db_cluster_identifier,
        db_cluster_arn=cluster.db_cluster_arn,
        db_cluster_resource_id=cluster.db_cluster_resource_id,
        endpoint=cluster.endpoint,
        reader_endpoint=cluster.reader_endpoint,
        port=cluster.port,
        engine=cluster.engine,
        engine_version=cluster.engine_version,
        instances=tuple(restored),
    )
    warnings = [left_setting_warning(plan, *left) for left in left_settings(plan, cluster).items()]
    if not operation.record.master_password_changes:
        # Nothing was changed yet, and the admin secret opened it: production's password still does.
        warnings.append(NOTHING_CHANGED_WARNING)
    changes |= with_warnings(operation.record, *warnings)
    message = f"the cluster {cluster.db_cluster_identifier} is available and accepts the admin credentials"
    return StepOutcome(done(message), changes, (Event("master_password.confirmed"),))


def left_setting_warning(plan: RestorePlan, setting: str, values: tuple[str, str]) -> str:
    """What is not as on the replaced cluster, and the command that sets it."""
    expected, found = values
    # The AWS CLI calls these settings as we do.
    option = setting.replace("_", "-")
    return (
        f"{setting} is {found}, and was {expected} on the replaced cluster: RDS did not take it. Set it by "
        f"`aws rds modify-db-cluster --db-cluster-identifier {plan.target_cluster_id} --{option} {expected} "
        "--apply-immediately`."
    )


def change_master_password(
    operation: Operation, ports: Ports, cluster: DbCluster, admin: Credentials, attempt: LoginAttempt
) -> StepOutcome:
    """The admin secret was refused: its password is given to the master user, for a limited time.

    Raises:
        MasterLoginByIam, MasterLoginRefused
    """
    # No password would ever be accepted, so that none is changed.
    if attempt.is_refused_for_no_password:
        state = f" (SQLSTATE {attempt.sqlstate})" if attempt.sqlstate else ""
        raise MasterLoginByIam(
            f"The master user {admin.username} of {cluster.db_cluster_identifier} does not log in by "
            f"password{state}, as with {engine_of(cluster.engine).iam_login}: {attempt.reason}"
        )
    begun = operation.record.master_password_changes
    next_act = decide_password(cluster, RefusedLogin(admin, attempt.reason, begun, ports.clock.now()))
    if isinstance(next_act, Wait):
        return waiting(next_act)
    try:
        answered = RunGuard(ports, operation).ask(next_act)
    except ResourceBusy:
        # Nothing was changed: the time in which a change takes effect does not run.
        record_details(ports, operation.operation_id, written(begun))
        raise
    return asked_for(next_act, answered, Event("master_password.change_started"))
