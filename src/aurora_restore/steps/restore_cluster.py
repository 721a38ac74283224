"""RestoreCluster: the cluster, then its instances, then the master password, confirmed by logging in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from aurora_restore.domain.errors import (
    ClusterFailed,
    DatabaseUnreachable,
    MasterLoginByIam,
    MasterLoginRefused,
    ResourceBusy,
    SnapshotCopyFailed,
    StepFailed,
)
from aurora_restore.domain.late_settings import (
    BACKUP_WINDOW,
    INSIGHTS_MODE,
    MAINTENANCE_WINDOW,
    left_settings,
)
from aurora_restore.domain.observed import (
    Credentials,
    DatabaseEndpoint,
    DbCluster,
    DbInstance,
    LoginAttempt,
    LoginOutcome,
)
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.plan import PlannedInstance, RestorePlan
from aurora_restore.domain.replacement import Strategy
from aurora_restore.domain.restoring import (
    WINDOWS_KIND,
    Asking,
    Owner,
    PasswordAction,
    PasswordChanges,
    RestoreAction,
    RestoreDecision,
    decide_password,
    decide_restore,
    instance_parameters,
    restore_parameters,
)
from aurora_restore.domain.results import Phase, done, in_progress
from aurora_restore.domain.times import format_time, parse_time
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.ports import Ports
from aurora_restore.steps.quiet_group import prepare_group, restored_with
from aurora_restore.steps.runner import act, record_details
from aurora_restore.steps.wake_kept_cluster import wake_kept_cluster

# A new endpoint takes at most minutes to appear in DNS; after that the network is wrong.
UNREACHABLE_LIMIT = timedelta(minutes=15)
LOGIN_PERCENT = 95
SETTINGS_ACTIONS = (
    RestoreAction.ADD_ROLE,
    RestoreAction.ENABLE_DATA_API,
    RestoreAction.CHANGE_SETTINGS,
)
PASSWORD_CHANGES = "master_password_changes"  # noqa: S105 - the name of a field
NOTHING_CHANGED_WARNING = (
    "The admin secret holds the very password that the master user had in production: it opens both. Put another "
    "one into the secret and change the restored cluster's master password to it."
)


def restore_cluster(operation: Operation, ports: Ports) -> StepOutcome:
    """Bring the cluster one thing further.

    Raises:
        NameTaken, ClusterFailed, InstanceFailed, MasterLoginRefused, DatabaseUnreachable
    """
    plan = operation.plan
    cluster = ports.target_rds.find_cluster(plan.cluster.db_cluster_identifier)
    if plan.strategy is Strategy.UNDO:
        return wake_kept_cluster(operation, ports, plan, cluster)
    if (
        cluster is None
        and plan.starts_with_quiet_group
        and (outcome := prepare_group(operation, ports, plan))
    ):
        return outcome
    instances = _instances(ports, plan) if cluster else []
    asking = Asking(ports.clock.now(), operation.all_asked())
    decision = decide_restore(Owner(operation.operation_id), at_first(plan), cluster, instances, asking)
    try:
        return _carry_out(operation, ports, plan, decision, cluster, instances)
    except ResourceBusy as busy:
        return StepOutcome(in_progress(busy.message, decision.progress_percent, "change"))


def _carry_out(
    operation: Operation,
    ports: Ports,
    plan: RestorePlan,
    decision: RestoreDecision,
    cluster: DbCluster | None,
    instances: Sequence[DbInstance],
) -> StepOutcome:
    if decision.action is RestoreAction.RESTORE_CLUSTER:
        return _restore(operation, ports, plan, decision.reason)
    if decision.action is RestoreAction.CREATE_INSTANCE and decision.instance:
        return _create_instance(operation, ports, plan, decision.instance, decision.reason)
    if decision.action in SETTINGS_ACTIONS and cluster:
        return _bring_settings(operation, ports, cluster, decision)
    if decision.action is RestoreAction.LOG_IN and cluster:
        return _take_over_master(operation, ports, plan, cluster, instances)
    return StepOutcome(
        in_progress(
            decision.reason, decision.progress_percent, decision.waiting_for, decision.reported_percent
        )
    )


def at_first(plan: RestorePlan) -> RestorePlan:
    """The plan as far as this phase: a cluster that starts quietly is given its roles with its parameter group."""
    return replace(plan, cluster=replace(plan.cluster, roles=())) if plan.gets_its_own_later else plan


def endpoint_of(cluster: DbCluster) -> DatabaseEndpoint | None:
    """Where the cluster's writer answers; None while RDS does not name it."""
    if not cluster.endpoint or not cluster.port:
        return None
    return DatabaseEndpoint(cluster.endpoint, cluster.port, cluster.engine)


def restored_endpoint(ports: Ports, plan: RestorePlan) -> DatabaseEndpoint | None:
    """Where the writer of the restored cluster answers; None while RDS does not name it.

    Raises:
        ClusterFailed: the cluster is gone.
    """
    name = plan.cluster.db_cluster_identifier
    cluster = ports.target_rds.find_cluster(name)
    if cluster is None:
        raise ClusterFailed(f"The cluster {name} is gone since it was restored.")
    return endpoint_of(cluster)


def _instances(ports: Ports, plan: RestorePlan) -> list[DbInstance]:
    """The planned instances by name, whichever cluster they are of: a taken name is to be seen."""
    found = (ports.target_rds.find_instance(item.db_instance_identifier) for item in plan.instances)
    return [item for item in found if item is not None]


def _restore(operation: Operation, ports: Ports, plan: RestorePlan, reason: str) -> StepOutcome:
    name, source = plan.cluster.db_cluster_identifier, _snapshot_to_restore(operation, plan)
    parameters = {**restore_parameters(plan, source), **restored_with(operation, plan)}
    answered = act(
        ports,
        operation,
        "cluster",
        name,
        lambda: ports.target_rds.restore_cluster_from_snapshot(parameters),
        makes=True,
    )
    event = Event(
        "cluster.restore_started", {"db_cluster_identifier": name, "from": source, "reason": reason}
    )
    message = f"the restore of the cluster {name} was started"
    return StepOutcome(in_progress(message, waiting_for="cluster"), answered, (event,))


def _snapshot_to_restore(operation: Operation, plan: RestorePlan) -> str:
    if plan.copy is None:
        return plan.source.cluster_snapshot_arn
    copy = operation.section("snapshot_details").get("restored_from")
    if copy is None:
        raise SnapshotCopyFailed("The record names no finished copy, although the plan needs one.")
    return str(copy)


def _create_instance(
    operation: Operation, ports: Ports, plan: RestorePlan, instance: PlannedInstance, reason: str
) -> StepOutcome:
    name = instance.db_instance_identifier
    answered = act(
        ports,
        operation,
        f"instance-{plan.instances.index(instance) + 1}",
        name,
        lambda: ports.target_rds.create_instance(instance_parameters(plan, instance)),
        makes=True,
    )
    event = Event("instance.create_started", {"db_instance_identifier": name, "reason": reason})
    result = in_progress(f"the instance {name} was started", 60, "instances")
    return StepOutcome(result, answered, (event,))


def _bring_settings(
    operation: Operation, ports: Ports, cluster: DbCluster, decision: RestoreDecision
) -> StepOutcome:
    """One role, or the windows: what no request names and the replaced cluster has."""
    name, role, kind = cluster.db_cluster_identifier, decision.role, decision.kind

    def request() -> None:
        if role:
            ports.target_rds.add_role(name, role.role_arn, role.feature_name)
        elif decision.action is RestoreAction.ENABLE_DATA_API:
            ports.target_rds.enable_data_api(cluster.db_cluster_arn)
        else:
            ports.target_rds.modify_cluster(name, decision.settings)

    try:
        answered = act(ports, operation, kind, name, request)
    except StepFailed as failed:
        if kind != WINDOWS_KIND or failed.is_of_record:
            raise
        # A window is worth no restore: it is left, and the warning at the end says so.
        message = f"the windows are left as they are: {failed.message}"
        event = Event("cluster.settings_left", {"reason": failed.message})
        return StepOutcome(in_progress(message, 80, "change"), {f"acts.{kind}.given_up": True}, (event,))
    event = Event(
        f"cluster.{'role' if role else kind.replace('-', '_')}_changed", {"reason": decision.reason}
    )
    return StepOutcome(in_progress(decision.reason, decision.progress_percent, "change"), answered, (event,))


def _take_over_master(
    operation: Operation, ports: Ports, plan: RestorePlan, cluster: DbCluster, instances: Sequence[DbInstance]
) -> StepOutcome:
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
        return _unreachable(operation, ports, endpoint, attempt)
    return _refused(operation, ports, cluster, admin, attempt)


def _confirmed(
    operation: Operation, plan: RestorePlan, cluster: DbCluster, instances: Sequence[DbInstance]
) -> StepOutcome:
    changes = {f"restore_details.{name}": value for name, value in _details(cluster, instances).items()}
    warnings = [left_setting_warning(plan, *left) for left in left_settings(plan, cluster).items()]
    if not operation.section(PASSWORD_CHANGES):
        # Nothing was changed yet, and the admin secret opened it: production's password still does.
        warnings.append(NOTHING_CHANGED_WARNING)
    if warnings:
        changes["warnings"] = [*operation.item.get("warnings", ()), *warnings]
    message = f"the cluster {cluster.db_cluster_identifier} is available and accepts the admin credentials"
    return StepOutcome(done(message), changes, (Event("master_password.confirmed"),))


def left_setting_warning(plan: RestorePlan, parameter: str, values: tuple[str, str]) -> str:
    """What is not as on the replaced cluster, and the command that sets it."""
    expected, found = values
    option = {
        BACKUP_WINDOW: "preferred-backup-window",
        MAINTENANCE_WINDOW: "preferred-maintenance-window",
        INSIGHTS_MODE: "database-insights-mode",
    }
    target = plan.target_cluster_id
    return (
        f"{parameter} is {found}, and was {expected} on the replaced cluster: RDS did not take it. Set it by "
        f"`aws rds modify-db-cluster --db-cluster-identifier {target} --{option[parameter]} {expected} "
        "--apply-immediately`."
    )


def _refused(
    operation: Operation, ports: Ports, cluster: DbCluster, admin: Credentials, attempt: LoginAttempt
) -> StepOutcome:
    name, now = cluster.db_cluster_identifier, ports.clock.now()
    if attempt.is_refused_for_no_password:
        raise MasterLoginByIam(
            f"The master user {admin.username} of {name} does not log in by password (SQLSTATE {attempt.sqlstate}), "
            f"as a member of rds_iam does not: {attempt.reason}"
        )
    changes = _password_changes(operation, now)
    action = decide_password(cluster, changes)
    if action is PasswordAction.GIVE_UP:
        raise MasterLoginRefused(
            f"The master user {admin.username} of {name} is refused although its password was changed "
            f"{changes.count} time(s): {attempt.reason}"
        )
    if action is PasswordAction.WAIT:
        message = f"the new master password has not taken effect: {attempt.reason}"
        return StepOutcome(in_progress(message, LOGIN_PERCENT, "password"))
    first = operation.section(PASSWORD_CHANGES).get("first_time", format_time(now))
    begun = {"count": changes.count + 1, "first_time": first, "last_time": format_time(now)}
    try:
        answered = act(
            ports,
            operation,
            "password",
            name,
            lambda: ports.target_rds.modify_cluster_master_password(name, admin.password),
            also={PASSWORD_CHANGES: begun},
        )
    except ResourceBusy:
        # Nothing was changed: the time in which a change takes effect does not run.
        before = operation.section(PASSWORD_CHANGES)
        record_details(ports, operation.operation_id, {PASSWORD_CHANGES: before})
        raise
    message = "the master password was changed to that of the admin secret"
    event = Event("master_password.change_started")
    return StepOutcome(in_progress(message, LOGIN_PERCENT, "password"), answered, (event,))


def _password_changes(operation: Operation, now: datetime) -> PasswordChanges:
    begun = operation.section(PASSWORD_CHANGES)
    if not begun:
        return PasswordChanges()
    first, last = parse_time(begun["first_time"]), parse_time(begun["last_time"])
    return PasswordChanges(int(begun["count"]), now - first, now - last)


def _unreachable(
    operation: Operation, ports: Ports, endpoint: DatabaseEndpoint, attempt: LoginAttempt
) -> StepOutcome:
    message = f"no answer from {endpoint.host}:{endpoint.port}: {attempt.reason}"
    if operation.waited_for(Phase.RESTORE_CLUSTER, message, ports.clock.now()) > UNREACHABLE_LIMIT:
        minutes = UNREACHABLE_LIMIT.total_seconds() / 60
        raise DatabaseUnreachable(f"For more than {minutes:g} minutes there was {message}.")
    return StepOutcome(in_progress(message, LOGIN_PERCENT, "login"))


def _details(cluster: DbCluster, instances: Sequence[DbInstance]) -> dict[str, Any]:
    return {
        "db_cluster_identifier": cluster.db_cluster_identifier,
        "db_cluster_arn": cluster.db_cluster_arn,
        "db_cluster_resource_id": cluster.db_cluster_resource_id,
        "endpoint": cluster.endpoint,
        "reader_endpoint": cluster.reader_endpoint,
        "port": cluster.port,
        "engine": cluster.engine,
        "engine_version": cluster.engine_version,
        "instances": [
            {
                "db_instance_identifier": item.db_instance_identifier,
                "db_instance_class": item.db_instance_class,
            }
            for item in instances
        ],
    }
