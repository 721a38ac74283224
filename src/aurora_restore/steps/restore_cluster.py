"""RestoreCluster: the cluster, then its instances, then the master password, confirmed by logging in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from aurora_restore.domain.acts import AddRole, ChangeMasterPassword, CreateInstance, Wait
from aurora_restore.domain.acts import RestoreCluster as RestoreDbCluster
from aurora_restore.domain.cluster_settings import WINDOWS_KIND
from aurora_restore.domain.errors import (
    ClusterFailed,
    DatabaseUnreachable,
    MasterLoginByIam,
    MasterLoginRefused,
    ResourceBusy,
    SnapshotCopyFailed,
    StepFailed,
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
    MasterPasswordChanges,
    RestoreDetails,
    RestoredInstance,
    act_given_up,
    changed,
    with_warnings,
    written,
)
from aurora_restore.domain.replacement import Strategy
from aurora_restore.domain.restoring import (
    Asking,
    Owner,
    PasswordAction,
    PasswordChanges,
    SettingAct,
    decide_password,
    decide_restore,
    restore_parameters,
)
from aurora_restore.domain.results import Phase, done, in_progress
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.perform import carry_out, waiting
from aurora_restore.steps.ports import Ports
from aurora_restore.steps.quiet_group import prepare_group, restored_with
from aurora_restore.steps.runner import RunGuard, record_details
from aurora_restore.steps.wake_kept_cluster import wake_kept_cluster

# A new endpoint takes at most minutes to appear in DNS; after that the network is wrong.
UNREACHABLE_LIMIT = timedelta(minutes=15)
LOGIN_PERCENT = 95
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
    # The parameter group is part of the request to restore: a cluster that started without it has acted already.
    if (
        cluster is None
        and plan.starts_with_quiet_group
        and (outcome := prepare_group(operation, ports, plan))
    ):
        return outcome
    if cluster is None:
        return _restore(operation, ports, plan)
    # By name, and not as members of the cluster: an instance of another cluster may have taken one of the names.
    found = (ports.target_rds.find_instance(item.db_instance_identifier) for item in plan.instances)
    instances = [item for item in found if item is not None]
    asking = Asking(ports.clock.now(), operation.all_asked())
    next_act = decide_restore(Owner(operation.operation_id), at_first(plan), cluster, instances, asking)
    if isinstance(next_act, Wait):
        return waiting(next_act)
    if isinstance(next_act, CreateInstance):
        event = Event(
            "instance.create_started", {"db_instance_identifier": next_act.name, "reason": next_act.reason}
        )
        return carry_out(RunGuard(ports, operation), next_act, event)
    if next_act is not None:
        return _bring_settings(operation, ports, next_act)
    try:
        return _take_over_master(operation, ports, plan, cluster, instances)
    except ResourceBusy as busy:
        return StepOutcome(in_progress(busy.message, 80, "change"))


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


def _restore(operation: Operation, ports: Ports, plan: RestorePlan) -> StepOutcome:
    name, source = plan.cluster.db_cluster_identifier, plan.source.cluster_snapshot_arn
    if plan.copy is not None:
        # Never the original where a copy was planned: it may be in another Region, or under another key.
        copy = operation.record.snapshot_details.restored_from
        if copy is None:
            raise SnapshotCopyFailed("The record names no finished copy, although the plan needs one.")
        source = copy
    parameters = restore_parameters(plan, source, restored_with(operation, plan))
    message = f"the restore of the cluster {name} was started"
    restore = RestoreDbCluster(name, source, parameters, reason=message, percent=0)
    reason = f"the cluster {name} does not exist yet"
    details = {"db_cluster_identifier": name, "from": source, "reason": reason}
    return carry_out(RunGuard(ports, operation), restore, Event("cluster.restore_started", details))


def _bring_settings(operation: Operation, ports: Ports, act: SettingAct) -> StepOutcome:
    """One role, or the windows: what no request names and the replaced cluster has."""
    kind = act.kind
    what = "role" if isinstance(act, AddRole) else kind.replace("-", "_")
    try:
        return carry_out(
            RunGuard(ports, operation), act, Event(f"cluster.{what}_changed", {"reason": act.reason})
        )
    except StepFailed as failed:
        if kind != WINDOWS_KIND or failed.is_of_record:
            raise
        # A window is worth no restore: it is left, and the warning at the end says so.
        message = f"the windows are left as they are: {failed.message}"
        event = Event("cluster.settings_left", {"reason": failed.message})
        return StepOutcome(in_progress(message, 80, "change"), act_given_up(kind), (event,))


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
        message = f"no answer from {endpoint.host}:{endpoint.port}: {attempt.reason}"
        subject = f"an answer from {endpoint.host}:{endpoint.port}"
        # Silence is most likely the network's, which no waiting mends: it has a limit of its own.
        if operation.waited_for(Phase.RESTORE_CLUSTER, subject, ports.clock.now()) > UNREACHABLE_LIMIT:
            minutes = UNREACHABLE_LIMIT.total_seconds() / 60
            raise DatabaseUnreachable(f"For more than {minutes:g} minutes there was {message}.")
        return StepOutcome(in_progress(message, LOGIN_PERCENT, "login", subject=subject))
    return _refused(operation, ports, cluster, admin, attempt)


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


def _refused(
    operation: Operation, ports: Ports, cluster: DbCluster, admin: Credentials, attempt: LoginAttempt
) -> StepOutcome:
    name, now = cluster.db_cluster_identifier, ports.clock.now()
    # No password would ever be accepted, so that none is changed.
    if attempt.is_refused_for_no_password:
        raise MasterLoginByIam(
            f"The master user {admin.username} of {name} does not log in by password (SQLSTATE {attempt.sqlstate}), "
            f"as a member of rds_iam does not: {attempt.reason}"
        )
    begun = operation.record.master_password_changes
    first, last = begun.first_time or now, begun.last_time or now
    changes = PasswordChanges(begun.count, now - first, now - last) if begun else PasswordChanges()
    # A new password takes effect with a delay: it is not changed again at every refusal, and not for ever.
    action = decide_password(cluster, changes)
    if action is PasswordAction.GIVE_UP:
        raise MasterLoginRefused(
            f"The master user {admin.username} of {name} is refused although its password was changed "
            f"{changes.count} time(s): {attempt.reason}"
        )
    if action is PasswordAction.WAIT:
        message = f"the new master password has not taken effect: {attempt.reason}"
        return StepOutcome(in_progress(message, LOGIN_PERCENT, "password"))
    counted = MasterPasswordChanges(count=changes.count + 1, first_time=first, last_time=now)
    try:
        answered = RunGuard(ports, operation).ask(
            ChangeMasterPassword(name, admin.password, also=written(counted))
        )
    except ResourceBusy:
        # Nothing was changed: the time in which a change takes effect does not run.
        record_details(ports, operation.operation_id, written(begun))
        raise
    message = "the master password was changed to that of the admin secret"
    event = Event("master_password.change_started")
    return StepOutcome(in_progress(message, LOGIN_PERCENT, "password"), answered, (event,))
