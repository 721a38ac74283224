"""SetupDbUsers: the wanted users with the wanted access, each checked by logging in."""

from __future__ import annotations

from dataclasses import asdict

from aurora_restore.domain.came_along import told_databases
from aurora_restore.domain.errors import ClusterFailed
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.replacement import Strategy
from aurora_restore.domain.results import done, in_progress, skipped
from aurora_restore.domain.users import DbUserLogin, UsersReport
from aurora_restore.domain.visible_text import visible
from aurora_restore.steps.outcome import Event, StepOutcome
from aurora_restore.steps.restore_cluster import endpoint_of
from aurora_restore.steps.world import World


def setup_db_users(operation: Operation, world: World) -> StepOutcome:
    """Make the users and check them.

    Raises:
        DbUserSetupFailed, DatabaseBusy, DatabaseUnreachable, SecretNotFound, ClusterFailed
    """
    plan = operation.plan
    if plan.strategy is Strategy.UNDO:
        return StepOutcome(skipped("the kept cluster has its own users and passwords"))
    name = plan.cluster.db_cluster_identifier
    cluster = world.target_rds.find_cluster(name)
    if cluster is None:
        raise ClusterFailed(f"The cluster {name} is gone since it was restored.")
    endpoint = endpoint_of(cluster)
    if endpoint is None:
        return StepOutcome(in_progress("the cluster does not name its endpoint yet"))
    logins = [
        DbUserLogin(user, world.secrets.read_credentials(user.secret_id) if user.secret_id else None)
        for user in plan.db_users
    ]
    master = world.secrets.read_credentials(plan.admin_secret_id)
    report = world.databases.set_up_users(endpoint, master, logins, plan.lock_other_logins)
    changes = {
        "restore_details.users": [asdict(user) for user in report.users],
        "restore_details.other_logins": list(report.other_logins),
        "restore_details.locked_logins": list(report.locked_logins),
        "restore_details.user_notes": _notes(operation, report),
    }
    events = tuple(Event(f"db_user.{user.action}", {"username": user.username}) for user in report.users)
    return StepOutcome(
        done(_summary(len(report.users), report.other_logins, report.locked_logins)),
        changes,
        events,
    )


def _notes(operation: Operation, report: UsersReport) -> list[str]:
    """What the list of what came along has said of a database is not said again."""
    told = told_databases(operation.section("came_along"))
    left = [each.sentence for each in report.not_looked_into if visible(each.database) not in told]
    return [*report.notes, *left]


def _summary(count: int, others: tuple[str, ...], locked: tuple[str, ...]) -> str:
    words = f"{count or 'no'} database user{'' if count == 1 else 's'} set up" + (
        " and checked" if count else ""
    )
    if locked:
        return f"{words}; {len(locked)} other logins were locked"
    return f"{words}; {len(others)} other logins came along with the snapshot" if others else words
