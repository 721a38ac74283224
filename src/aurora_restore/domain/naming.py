"""Every name: that of what is deployed is fixed, that of what a run makes is derived from the operation id.

So a repeated step finds what it made.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

STATE_TABLE = "AuroraRestoreState"
AUDIT_TABLE = "AuroraRestoreAudit"
LOCK_TABLE = "AuroraRestoreLocks"
STATE_MACHINE = "aurora-restore-state-machine"
CLEANUP_STATE_MACHINE = "aurora-restore-cleanup-state-machine"
ABNORMAL_END_RULE = "aurora-restore-abnormal-end"
SWEEP_RULE = "aurora-restore-sweep"
NOTIFICATION_TOPIC = "aurora-restore-notifications"

OPERATION_TAG = "aurora-restore:operation-id"
SOURCE_SNAPSHOT_TAG = "aurora-restore:source-snapshot-arn"
RETAIN_UNTIL_TAG = "aurora-restore:retain-until"
REPLACED_BY_TAG = "aurora-restore:replaced-by"
KEEP_UNTIL_TAG = "aurora-restore:keep-until"
PUT_BACK_TAG = "aurora-restore:put-back-by"
# The end of its value where a person restored the cluster by hand, for the cleanup to go on with it.
BY_HAND = ":by-hand"
FINAL_SNAPSHOT_TAG = "aurora-restore:final-snapshot-of"
OUR_TAG_PREFIX = "aurora-restore:"
# Only AWS itself may write these (AuroraUserGuide, "Tagging Amazon Aurora and Amazon RDS resources").
AWS_TAG_PREFIXES = ("aws:", "rds:")
# A resource takes at most so many; those that AWS itself writes do not count.
TAGS_MOST = 50
# The operation, the source, who replaced it, until when it is kept, who put it back.
OUR_TAGS_MOST = 5
SNAPSHOT_PREFIX = "aurora-restore-"
IDENTIFIER_MAX_LENGTH = 63
# Of the metrics that the pipeline has beside those of AWS, and of the schedules of EventBridge Scheduler that start
# restores: alarms go by both.
METRIC_NAMESPACE = "AuroraRestore"
SCHEDULE_GROUP = "aurora-restore"
# What a schedule calls: it starts the restore under a name that follows from the schedule and its time.
SCHEDULED_START_FUNCTION = "aurora-restore-start-scheduled"

_QUIET_GROUP = re.compile(r"aurora-restore-.+-quiet-[0-9a-f]{8}")
_IDENTIFIER = re.compile(r"[a-zA-Z](?:-?[a-zA-Z0-9])*")


def identifier_problem(identifier: str) -> str | None:
    """Say what keeps a text from being an RDS identifier; None where it is one.

    RDS: 1 to 63 letters, digits or hyphens, first a letter, no two hyphens together, none at the end.
    """
    if not identifier:
        return "it is empty"
    if len(identifier) > IDENTIFIER_MAX_LENGTH:
        return f"it has {len(identifier)} characters, and at most {IDENTIFIER_MAX_LENGTH} are possible"
    if not _IDENTIFIER.fullmatch(identifier):
        return "it is not made of letters, digits and single hyphens, beginning with a letter"
    return None


def copy_identifier(operation_id: str) -> str:
    """The name of the operation's snapshot copy, e.g. `aurora-restore-20230615-123456`."""
    slug = _slug(operation_id)
    name = f"{SNAPSHOT_PREFIX}{slug}"
    # Where the slug lost something of the id, another operation could have the same plain name.
    if slug and len(name) <= IDENTIFIER_MAX_LENGTH and f"restore-{slug}" == operation_id:
        return name
    return f"{SNAPSHOT_PREFIX}{slug[:35].strip('-') or 'copy'}-{short_hash(operation_id)}"


def final_snapshot_identifier(operation_id: str) -> str:
    """The name of the final snapshot of a cluster that the operation removes; no copy can have it."""
    slug = _slug(operation_id)[:33].strip("-") or "of"
    return f"{SNAPSHOT_PREFIX}{slug}-final-{short_hash(operation_id)}"


def quiet_group_identifier(operation_id: str) -> str:
    """The name of the cluster parameter group with which the operation's cluster starts at first."""
    slug = _slug(operation_id)[:33].strip("-") or "of"
    return f"{SNAPSHOT_PREFIX}{slug}-quiet-{short_hash(operation_id)}"


def is_quiet_group(name: str) -> bool:
    """Whether it has the form of such a name; only the tag says whose it is."""
    return bool(_QUIET_GROUP.fullmatch(name))


def staging_identifier(target_cluster_id: str, operation_id: str) -> str:
    """The staging name: that of the new cluster until it takes the target's name, e.g. `orders-1a2b3c4d-new`."""
    return _derived_identifier(target_cluster_id, operation_id, "new")


def scratch_identifier(prefix: str, operation_id: str) -> str:
    """The name of the cluster of a rehearsal that names no target, e.g. `aurora-restored-rehearsal-1a2b3c4d`."""
    return f"{prefix}rehearsal-{short_hash(operation_id)}"


def retired_identifier(target_cluster_id: str, operation_id: str) -> str:
    """The retired name: that of the old cluster after it gave up the target's name, e.g. `orders-1a2b3c4d-old`."""
    return _derived_identifier(target_cluster_id, operation_id, "old")


def instance_identifier(db_cluster_identifier: str, operation_id: str, number: int) -> str:
    """The name of the n-th instance: its own for every operation, since renaming an instance reboots it."""
    return _derived_identifier(db_cluster_identifier, operation_id, str(number))


def _derived_identifier(identifier: str, operation_id: str, ending: str) -> str:
    """As much of an identifier as there is room for before the hash and the ending, which make it unique."""
    suffix = f"-{short_hash(operation_id)}-{ending}"
    # RDS takes no two hyphens together.
    return identifier[: IDENTIFIER_MAX_LENGTH - len(suffix)].rstrip("-") + suffix


def _slug(operation_id: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", operation_id.lower().removeprefix("restore-")).strip("-")


def short_hash(text: str) -> str:
    """Eight hexadecimal digits that represent a text in a name."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def put_back_by(tags: Mapping[str, str]) -> str | None:
    """The operation in whose cleanup a cluster was put back, by the cleanup or by hand; None where in none."""
    value = tags.get(PUT_BACK_TAG)
    return value.removesuffix(BY_HAND) if value else None


def is_put_back_by_hand(tags: Mapping[str, str]) -> bool:
    return tags.get(PUT_BACK_TAG, "").endswith(BY_HAND)
