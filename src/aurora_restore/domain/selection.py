"""Which snapshot of a day is taken.

The rule: of the automated and manual snapshots of one Aurora cluster that were made on that UTC day, the
newest that is `available`; where there is none, the newest of AWS Backup. Copies are left out, because the time that
they show is that of the copying; a copy can be named by `source_snapshot_identifier`. Snapshots of other accounts
(shared, public) never count. A rehearsal may ask for a random one of a window of days: which, follows from the
operation id, so that a call that is repeated chooses the same.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from aurora_restore.domain.counting import counted
from aurora_restore.domain.errors import (
    InvalidRequest,
    SnapshotAmbiguous,
    SnapshotNotAvailable,
    SnapshotNotFound,
)
from aurora_restore.domain.observed import ClusterSnapshot
from aurora_restore.domain.request import RestoreRequest

AVAILABLE = "available"
# From these a snapshot becomes available; from every other status (`failed`, say) it does not.
_BEING_MADE = frozenset({"creating", "copying"})
_NEVER = (
    "It will not become `available`: name another snapshot, or another day, and start again under a new name."
)
OWN_TYPES = ("automated", "manual")
BACKUP_TYPE = "awsbackup"
_AUTOMATED_NAME = re.compile(r"rds:.+-(\d{4}-\d{2}-\d{2})-\d{2}-\d{2}")


@dataclass(frozen=True)
class SelectedSnapshot:
    snapshot: ClusterSnapshot
    reason: str


def select_snapshot(request: RestoreRequest, snapshots: Sequence[ClusterSnapshot]) -> SelectedSnapshot:
    """Choose by day, or the newest of all days.

    Raises:
        SnapshotNotFound, SnapshotNotAvailable, SnapshotAmbiguous: with what there is instead.
    """
    day = request.source_snapshot_date
    originals = [item for item in snapshots if is_original(item, request.source_cluster_id)]
    of_the_day = [
        item
        for item in originals
        if (day is None or snapshot_day(item) == day) and _is_since(item, request.random_since)
    ]
    ready = [item for item in of_the_day if item.status == AVAILABLE and item.snapshot_create_time]
    if not ready:
        raise _nothing_ready(request, originals, of_the_day)
    # A snapshot of AWS Backup is taken only where there is no other.
    ready = [item for item in ready if item.snapshot_type in OWN_TYPES] or ready
    clusters = sorted({item.db_cluster_identifier for item in ready})
    if len(clusters) > 1:
        raise SnapshotAmbiguous(
            f"{len(clusters)} clusters in {request.source_region} have an available snapshot"
            f"{f' of {day}' if day else ''}: {', '.join(clusters)}."
        )
    if request.random_seed is not None:
        drawn = min(ready, key=lambda item: _lot(request.random_seed or "", item))
        all_of_them = f"{counted(len(ready), 'available snapshot')} of {drawn.db_cluster_identifier}"
        since = f"{request.random_since:%Y-%m-%d}" if request.random_since else "the beginning"
        return SelectedSnapshot(
            drawn,
            f"drawn at random from {all_of_them} since {since} (UTC)",
        )
    # Of two of the same moment the choice is the same in every call.
    newest = max(
        ready,
        key=lambda item: (
            item.snapshot_create_time.timestamp() if item.snapshot_create_time else 0.0,
            item.db_cluster_snapshot_identifier,
        ),
    )
    # The reason goes into the record and the message: a person sees that it is the right day.
    is_only = len(ready) == 1
    which = (
        "the only available snapshot"
        if is_only
        else f"the newest of {counted(len(ready), 'available snapshot')}"
    )
    not_ready = len(of_the_day) - len(ready)
    others = f" ({not_ready} more not available)" if not_ready else ""
    days = f" of {day} (UTC)" if day else ""
    of_backup = ", made by AWS Backup" if newest.snapshot_type == BACKUP_TYPE else ""
    return SelectedSnapshot(
        newest,
        f"{which} of {newest.db_cluster_identifier}{days}{of_backup}{others}",
    )


def check_named_snapshot(request: RestoreRequest, snapshot: ClusterSnapshot | None) -> SelectedSnapshot:
    """Take the snapshot that the request names.

    Raises:
        SnapshotNotFound, SnapshotNotAvailable
        InvalidRequest: it is of another cluster than the request says.
    """
    identifier, region = request.source_snapshot_identifier, request.source_region
    if snapshot is None:
        raise SnapshotNotFound(f"There is no cluster snapshot {identifier} in {region}.")
    if request.source_cluster_id and snapshot.db_cluster_identifier != request.source_cluster_id:
        raise InvalidRequest(
            f"source_snapshot_identifier {identifier} is a snapshot of {snapshot.db_cluster_identifier}, "
            f"not of the source_cluster_id {request.source_cluster_id}."
        )
    if snapshot.status != AVAILABLE:
        raise SnapshotNotAvailable(
            f"The snapshot {identifier} in {region} is `{snapshot.status}`.", _hint([snapshot])
        )
    return SelectedSnapshot(snapshot, "named by the request")


def snapshot_day(snapshot: ClusterSnapshot) -> date | None:
    """The UTC day of a snapshot; while it is being created, the one in an automated snapshot's name."""
    if snapshot.snapshot_create_time:
        return snapshot.snapshot_create_time.astimezone(UTC).date()
    named = _AUTOMATED_NAME.fullmatch(snapshot.db_cluster_snapshot_identifier)
    return date.fromisoformat(named.group(1)) if named else None


def is_original(snapshot: ClusterSnapshot, source_cluster_id: str | None) -> bool:
    """Whether the rule above admits it, whatever its day and status."""
    if source_cluster_id and snapshot.db_cluster_identifier != source_cluster_id:
        return False
    if snapshot.snapshot_type not in (*OWN_TYPES, BACKUP_TYPE):
        return False
    return snapshot.engine.startswith("aurora") and not snapshot.source_db_cluster_snapshot_arn


def _is_since(snapshot: ClusterSnapshot, since: datetime | None) -> bool:
    created = snapshot.snapshot_create_time
    return since is None or (created is not None and created >= since)


def _lot(seed: str, snapshot: ClusterSnapshot) -> str:
    """The place of a snapshot in a random order. One that is added or gone meanwhile moves no other."""
    return hashlib.sha256(f"{seed} {snapshot.db_cluster_snapshot_arn}".encode()).hexdigest()


def _nothing_ready(
    request: RestoreRequest, originals: Sequence[ClusterSnapshot], of_the_day: Sequence[ClusterSnapshot]
) -> SnapshotNotFound | SnapshotNotAvailable:
    # It exists and is not ready: its status says whether waiting helps.
    if of_the_day:
        found = ", ".join(
            f"{item.db_cluster_snapshot_identifier} is `{item.status}`" for item in of_the_day[:5]
        )
        return SnapshotNotAvailable(
            f"No snapshot of {_day_words(request)} is available: {found}.", _hint(of_the_day)
        )
    whose = f"the cluster {request.source_cluster_id}" if request.source_cluster_id else "any Aurora cluster"
    day = request.source_snapshot_date
    nearest = ""
    days = {made_on for item in originals if item.status == AVAILABLE and (made_on := snapshot_day(item))}
    if day is not None and days:
        closest = sorted(sorted(sorted(days), key=lambda item: abs(item - day))[:3])
        nearest = f" The nearest days that have one: {', '.join(item.isoformat() for item in closest)}."
    return SnapshotNotFound(
        f"There is no snapshot of {whose} in {request.source_region} of {_day_words(request)}.{nearest}"
    )


def _hint(snapshots: Sequence[ClusterSnapshot]) -> str | None:
    """What to do where none of them is available; None is the usual advice, to wait."""
    return None if any(item.status in _BEING_MADE for item in snapshots) else _NEVER


def _day_words(request: RestoreRequest) -> str:
    if request.random_since:
        return f"any day since {request.random_since:%Y-%m-%d}"
    return request.source_snapshot_date.isoformat() if request.source_snapshot_date else "any day"
