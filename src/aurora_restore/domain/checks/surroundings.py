"""The stack, its tables, the topic, the secrets and the snapshots: what a restore needs before it begins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aurora_restore.domain.checks.finding import Defect, Finding, green, judged, not_looked_at, red, unknown
from aurora_restore.domain.counting import counted
from aurora_restore.domain.errors import RestoreError, SecretMalformed, SecretNotAccessible, SecretNotFound
from aurora_restore.domain.observed import ClusterSnapshot, Credentials
from aurora_restore.domain.operation import Operation
from aurora_restore.domain.passwords import password_problem
from aurora_restore.domain.selection import AVAILABLE, is_original

# In these a stack is what its template says (CloudFormation User Guide, "Stack status codes").
SETTLED = frozenset(
    {"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"}
)
PUT_BACK = frozenset({"UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"})
SNAPSHOT_AGE = timedelta(days=2)
SOURCES_MOST = 20


@dataclass(frozen=True)
class StackSeen:
    """A stack as DescribeStacks shows it; `changed_time`: when it was created or updated last."""

    name: str
    status: str
    reason: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    changed_time: datetime | None = None


@dataclass(frozen=True)
class TableSeen:
    """A table of DynamoDB."""

    name: str
    status: str
    has_point_in_time_recovery: bool
    is_protected: bool


@dataclass(frozen=True)
class Subscription:
    """Where a topic's messages go; one that is not confirmed gets none."""

    protocol: str
    endpoint: str
    is_confirmed: bool


def check_stack(name: str, seen: StackSeen | None, region: str) -> Finding:
    where = f"--region {region}" + ("" if name == "aurora-restore-pipeline" else f" --stack-name {name}")
    deploy = f"aurora-restore deploy {where}"
    if seen is None:
        return red(
            "stack", f"there is no stack {name} in {region}", "The pipeline is not deployed there.", deploy
        )
    events = f"aws cloudformation describe-stack-events --region {region} --stack-name {name}"
    if seen.status in SETTLED:
        return green("stack", f"{name} is {seen.status}")
    if seen.status.endswith("_IN_PROGRESS"):
        return unknown(
            "stack", f"{name} is {seen.status}", "It is being changed: check again when that is over.", events
        )
    words = f"{name} is {seen.status}" + (f": {seen.reason}" if seen.reason else "")
    if seen.status in PUT_BACK:
        return red("stack", words, "Its last change failed; it is as it was before that.", events, deploy)
    return red("stack", words, "Part of it may be missing, or be older than the rest.", events, deploy)


def check_table(name: str, seen: TableSeen | None, region: str) -> Finding:
    where = f"--region {region} --table-name {name}"
    if seen is None:
        return red(
            f"table {name}",
            "it does not exist",
            "No operation can be recorded: every restore fails at its beginning.",
            f"aurora-restore deploy --region {region}",
        )
    defects = []
    # An index that is added, say, is UPDATING, and the table serves meanwhile.
    if seen.status not in {"ACTIVE", "UPDATING"}:
        defects.append(
            Defect(
                f"it is {seen.status}",
                "It may not be read or written now.",
                (f"aws dynamodb describe-table {where}",),
            )
        )
    if not seen.has_point_in_time_recovery:
        defects.append(
            Defect(
                "point-in-time recovery is off",
                "What is lost or overwritten in it cannot be brought back, and it cannot be exported.",
                (
                    f"aws dynamodb update-continuous-backups {where} "
                    "--point-in-time-recovery-specification PointInTimeRecoveryEnabled=true",
                ),
            )
        )
    if not seen.is_protected:
        defects.append(
            Defect(
                "deletion protection is off",
                "One call can delete the history.",
                (f"aws dynamodb update-table {where} --deletion-protection-enabled",),
            )
        )
    return judged(
        f"table {name}",
        defects,
        f"{seen.status}; recovery and protection are on",
    )


def check_topic(arn: str, seen: Sequence[Subscription] | None, region: str) -> Finding:
    """`seen`: the topic's subscriptions; None where there is no such topic."""
    subscribe = (
        f"aws sns subscribe --region {region} --topic-arn {arn} --protocol email "
        "--notification-endpoint ADDRESS"
    )
    if seen is None:
        return red(
            "topic", f"there is no topic {arn}", "No message about a restore or an alarm can be sent.",
            f"aurora-restore deploy --region {region}",
        )  # fmt: skip
    pending = [item for item in seen if not item.is_confirmed]
    confirmed = len(seen) - len(pending)
    words = f"{counted(confirmed, 'confirmed subscription')}{pending_words(pending)}"
    if confirmed:
        return green("topic", words)
    means = "No message about a restore or an alarm is delivered." if not pending else (
        "No message about a restore or an alarm is delivered until a subscription is confirmed by the link that was "
        "sent to it. Subscribing again sends another link."
    )  # fmt: skip
    return red("topic", words, means, subscribe)


def pending_words(pending: Sequence[Subscription]) -> str:
    """Which subscriptions wait for their confirmation, as the end of a sentence; empty for none."""
    if not pending:
        return ""
    return f", {len(pending)} pending: {', '.join(f'{item.protocol} {item.endpoint}' for item in pending)}"


def unusable(secret_id: str, credentials: Credentials) -> SecretMalformed | None:
    """What keeps a login that could be read from being used, in words that do not hold it."""
    problem = password_problem(credentials.password)
    return (
        SecretMalformed(f"the password in the secret {secret_id} cannot be used: {problem}")
        if problem
        else None
    )


def check_secret(secret_id: str, problem: RestoreError | None, region: str) -> Finding:
    """The admin secret; `problem` is what reading it as the pipeline does came to."""
    name = "admin secret"
    if problem is None:
        return green(name, f"{secret_id} can be used")
    if isinstance(problem, SecretNotFound):
        means = "Every restore that names no other secret is refused."
        if problem.is_marked_for_deletion:
            return red(name, problem.message, means,
                       f"aws secretsmanager restore-secret --region {region} --secret-id {secret_id}")  # fmt: skip
        return red(name, problem.message, means,
                   f"aws secretsmanager create-secret --region {region} --name {secret_id} "
                   "--secret-string file://LOGIN.json")  # fmt: skip
    return red(
        name,
        problem.message,
        'It has to be {"username": "…", "password": "…"}: a restore that needs it is refused.',
        _new_value(secret_id, region),
    )


def check_user_secrets(
    prefix: str, problems: Mapping[str, RestoreError | None], not_read: int, region: str
) -> Finding:
    """The other secrets below the prefix: `problems` by secret; `not_read`: how many more there are."""
    name = "secrets of users"
    closed = {each: error for each, error in problems.items() if isinstance(error, SecretNotAccessible)}
    defects = [
        Defect(
            problem.message,
            'A user whose secret is not {"username": "…", "password": "…"} cannot be set up.',
            (_new_value(secret_id, region),),
        )
        for secret_id, problem in sorted(problems.items())
        if problem is not None and secret_id not in closed
    ]
    # What is known to be wrong counts before what is not known.
    if closed and not defects:
        return not_looked_at(name, next(iter(closed.values())))
    seen = (
        f"{counted(len(problems), 'other')} below {prefix}, all can be used"
        if problems
        else f"none below {prefix}"
    )
    found = judged(name, defects, seen)
    more = f"; {not_read + len(closed)} more were not read" if not_read or closed else ""
    return Finding(found.name, found.health, found.seen + more, found.means, found.repairs)


def _new_value(secret_id: str, region: str) -> str:
    return (
        f"aws secretsmanager put-secret-value --region {region} --secret-id {secret_id} "
        "--secret-string file://LOGIN.json"
    )


def sources_of(operations: Iterable[Operation]) -> tuple[tuple[str, str], ...]:
    """Region and cluster of what recent operations restored, each once, in the order of the operations."""
    found: dict[tuple[str, str], None] = {}
    for operation in operations:
        source = operation.record.plan.source
        # An undo restores nothing: its plan has the source of the operation that it undoes.
        if source.region and source.db_cluster_identifier and not operation.record.parameters.is_undo:
            found[(source.region, source.db_cluster_identifier)] = None
    return tuple(found)[:SOURCES_MOST]


def check_snapshots(
    name: str, region: str, cluster: str | None, snapshots: Sequence[ClusterSnapshot], now: datetime
) -> Finding:
    """Of a cluster that is restored from; of any Aurora cluster of the Region where `cluster` is None."""
    originals = [item for item in snapshots if is_original(item, cluster) and item.snapshot_create_time]
    available = [item for item in originals if item.status == AVAILABLE]
    last = max(available, key=_made, default=None)
    if last is not None and now - _made(last) <= SNAPSHOT_AGE:
        recent = sorted(
            {item.db_cluster_identifier for item in available if now - _made(item) <= SNAPSHOT_AGE}
        )
        whose = "" if cluster else f", of {', '.join(recent)}"
        return green(name, f"newest {_made(last):%Y-%m-%d %H:%M} UTC in {region}{whose}")
    age = f"; the newest is of {_made(last):%Y-%m-%d %H:%M} UTC" if last else ""
    unfinished = [f"{item.db_cluster_snapshot_identifier} is `{item.status}`"
                  for item in originals if item.status != AVAILABLE and now - _made(item) <= SNAPSHOT_AGE]  # fmt: skip
    whose = cluster or "CLUSTER"
    return red(
        name,
        "; ".join([f"none of the last two days in {region} is available{age}", *unfinished[:5]]),
        "A restore of yesterday is refused, and `latest` is older than that: see why no automated backup is made.",
        f"aws rds describe-events --region {region} --source-type db-cluster --source-identifier {whose} "
        "--duration 2880",
        f"aws rds create-db-cluster-snapshot --region {region} --db-cluster-identifier {whose} "
        f"--db-cluster-snapshot-identifier {whose.lower()}-{now:%Y%m%d-%H%M%S}",
    )


def _made(snapshot: ClusterSnapshot) -> datetime:
    if snapshot.snapshot_create_time is None:
        raise ValueError(f"{snapshot.db_cluster_snapshot_identifier} has no time yet")
    return snapshot.snapshot_create_time
