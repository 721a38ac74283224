"""The one place that changes RDS, and the auto scaling of its readers: for the phases, the cleanup and the sweep alike.

Nothing else calls a port that changes something; tests/unit/test_architecture.py makes sure of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, assert_never

from aurora_restore.domain.acts import (
    Act,
    AddRole,
    ChangeMasterPassword,
    ChangePort,
    CopySnapshot,
    CreateInstance,
    DeleteCluster,
    DeleteInstance,
    DeleteParameterGroup,
    DeleteSnapshot,
    DropEndpoint,
    EnableDataApi,
    ExportLogs,
    GroupAct,
    LiftProtection,
    MakeEndpoint,
    MakeParameterGroup,
    ManageMasterPassword,
    ModifyCluster,
    RebootInstance,
    RegisterScaling,
    RenameCluster,
    ResetParameters,
    RestoreCluster,
    SetParameters,
    StartCluster,
    StopCluster,
    SuspendScaling,
    Tag,
    TakeSnapshot,
    Untag,
    Wait,
)
from aurora_restore.domain.errors import QuotaExceeded, ResourceBusy
from aurora_restore.domain.results import in_progress
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.ports import Ports, Rds


class Guard(Protocol):
    """Writes down what is about to be done, and does it: a crash in between hides nothing."""

    def ask(self, act: Act, /) -> Mapping[str, Any]:
        """Returns the changes that say in the record that AWS has answered."""


def carry_out(guard: Guard, act: Act, event: Event | None = None) -> StepOutcome:
    """One act as the outcome of a step; what is busy is waited for. `event` None: the one of a cleanup."""
    try:
        answered = guard.ask(act)
    except ResourceBusy as busy:
        return StepOutcome(in_progress(busy.message, act.percent, act.waits_for))
    return asked_for(act, answered, event or Event("cleanup.did", {"done": act.describe()}))


def asked_for(act: Act, answered: Mapping[str, Any], *events: Event) -> StepOutcome:
    """The outcome of a step whose act AWS has answered."""
    return StepOutcome(in_progress(act.reason, act.percent, act.waits_for), answered, events)


def waiting(wait: Wait) -> StepOutcome:
    return StepOutcome(
        in_progress(wait.reason, wait.percent, wait.waits_for, wait.reported_percent, subject=wait.subject)
    )


def perform(act: Act, ports: Ports) -> None:  # noqa: C901, PLR0912, PLR0915 - one case for each act
    """Ask AWS for it, once.

    Raises:
        ResourceBusy: it is to be asked for again.
        RequestRefused, StepFailed: AWS does not do it.
    """
    rds, name = ports.target_rds, act.name
    match act:
        case RestoreCluster():
            rds.restore_cluster_from_snapshot(act.cluster)
        case RenameCluster():
            rds.rename_cluster(name, act.new_name)
        case StartCluster():
            rds.start_cluster(name)
        case StopCluster():
            rds.stop_cluster(name)
        case DeleteCluster():
            _delete_cluster(act, rds)
        case ModifyCluster() | ChangePort() | LiftProtection() | ExportLogs():
            rds.modify_cluster(name, act.settings)
        case ManageMasterPassword():
            rds.manage_master_secret(name, act.kms_key_id)
        case ChangeMasterPassword():
            rds.modify_cluster_master_password(name, act.password)
        case AddRole():
            rds.add_role(name, act.role.role_arn, act.role.feature_name)
        case EnableDataApi():
            rds.enable_data_api(act.arn)
        case CreateInstance():
            rds.create_instance(act.instance)
        case RebootInstance():
            rds.reboot_instance(name)
        case DeleteInstance():
            rds.delete_instance(name)
        case CopySnapshot():
            rds.copy_cluster_snapshot(act.source, act.source_region, name, act.kms_key_id, act.tags)
        case TakeSnapshot():
            rds.create_cluster_snapshot(name, act.snapshot, act.tags)
        case DeleteSnapshot():
            rds.delete_cluster_snapshot(name)
        case Tag():
            rds.add_tags(act.arn, act.tags)
        case Untag():
            rds.remove_tags(act.arn, act.keys)
        case MakeEndpoint():
            rds.create_custom_endpoint(act.cluster, act.endpoint)
        case DropEndpoint():
            rds.delete_custom_endpoint(name)
        case SuspendScaling():
            ports.scaling.suspend(name, act.suspension)
        case RegisterScaling():
            ports.scaling.register(act.target)
        case MakeParameterGroup() | SetParameters() | ResetParameters() | DeleteParameterGroup():
            _change_group(act, rds)
        case _:
            assert_never(act)


def _change_group(act: GroupAct, rds: Rds) -> None:
    match act:
        case MakeParameterGroup():
            if act.source is None:
                rds.create_cluster_parameter_group(act.name, act.family, act.description, act.tags)
            else:
                rds.copy_cluster_parameter_group(act.source, act.name, act.description, act.tags)
        case SetParameters():
            rds.set_cluster_parameters(act.name, act.values)
        case ResetParameters():
            rds.reset_cluster_parameters(act.name, act.parameters)
        case DeleteParameterGroup():
            rds.delete_cluster_parameter_group(act.name)
        case _:
            assert_never(act)


def _delete_cluster(act: DeleteCluster, rds: Rds) -> None:
    """With its automated backups, as far as there is room for them.

    Raises:
        ResourceBusy: there is no room for its backups, and nothing else is proved to hold its data.
    """
    try:
        rds.delete_cluster(act.name, keep_automated_backups=act.keep_backups)
    except QuotaExceeded as full:
        # There is no room for more retained backups. They may
        # go only where a finished final snapshot has the data.
        if not act.may_lose_backups:
            raise ResourceBusy(
                f"{act.name} is not deleted without its automated backups, since it has no final snapshot: "
                f"{full.message}"
            ) from full
        rds.delete_cluster(act.name, keep_automated_backups=False)
