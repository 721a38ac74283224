"""SetupDbUsers: the requested users with the requested access, each checked by logging in.

A cluster with hundreds of databases takes several calls.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta

from aurora_restore.domain.came_along import databases_named
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.record import RestoreDetails, RestoredUser, changed
from aurora_restore.domain.results import done, goes_on, in_progress, skipped
from aurora_restore.domain.states import Strategy
from aurora_restore.domain.user_progress import SetupProgress
from aurora_restore.domain.users import DbUserLogin
from aurora_restore.domain.visible_text import visible
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.ports import Ports
from aurora_restore.steps.restore_cluster import restored_endpoint

# After this a call ends as soon as it can: the function has ten minutes, and people see the progress of each call.
CALL_TIME = timedelta(minutes=1)


def setup_db_users(operation: Operation, ports: Ports) -> StepOutcome:
    """Make the users and check them.

    Raises:
        DbUserSetupFailed, DatabaseBusy, DatabaseUnreachable, SecretNotFound, ClusterFailed
    """
    plan = operation.plan
    if plan.strategy is Strategy.UNDO:
        return StepOutcome(skipped("the kept cluster has its own users and passwords"))
    endpoint = restored_endpoint(ports, plan)
    if endpoint is None:
        return StepOutcome(in_progress("the cluster does not name its endpoint yet"))
    logins = [
        DbUserLogin(user, ports.secrets.read_credentials(user.secret_id) if user.secret_id else None)
        for user in plan.db_users
    ]
    master = ports.secrets.read_credentials(plan.admin_secret_id)
    begun = operation.record.restore_details.user_setup
    started = ports.clock.now()
    report = ports.databases.set_up_users(
        endpoint,
        master,
        logins,
        plan.lock_other_logins,
        SetupProgress.from_item(begun) if begun else None,
        lambda: ports.clock.now() - started < CALL_TIME,
    )
    if progress := report.unfinished:
        # What was done is in the cluster already; the record says where the next call goes on.
        what = "database users are checked" if progress.checking else "rights of the database users are set"
        message = f"the {what} in {progress.done} of {progress.total} databases"
        begun_now = changed(RestoreDetails, user_setup=progress.to_item())
        return StepOutcome(goes_on(message, progress.percent, "user_setup"), begun_now)
    # A database that the list of what came along names is not named again.
    named = databases_named(operation.record.came_along)
    left = (each.sentence for each in report.not_looked_into if visible(each.database) not in named)
    changes = changed(
        RestoreDetails,
        user_setup=None,
        users=tuple(RestoredUser.read(asdict(user)) for user in report.users),
        other_logins=report.other_logins,
        locked_logins=report.locked_logins,
        user_notes=(*report.notes, *left),
    )
    events = tuple(Event(f"db_user.{user.action}", {"username": user.username}) for user in report.users)
    return StepOutcome(
        done(report.summary),
        changes,
        events,
    )
