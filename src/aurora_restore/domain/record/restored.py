"""What a record has of the snapshot and of what was restored from it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aurora_restore.domain.record.parts import NOTHING, Changes, Part, optional, plain


class SnapshotDetails(Part, path="snapshot_details"):
    """The snapshot that is restored. `restored_from`: the finished copy that is used, where one is needed."""

    cluster_snapshot_identifier: str | None = None
    db_cluster_identifier: str | None = None
    region: str | None = None
    restored_from: str | None = None
    retain_until: datetime | None = None
    copy_removed_time: datetime | None = None

    @property
    def is_retained(self) -> bool:
        """Whether the copy bears the end of its retention."""
        return bool(self.item.get("retain_until"))


class RestoredInstance(Part):
    """An instance of the restored cluster."""

    db_instance_identifier: str = ""
    db_instance_class: str = ""
    status: str = optional("")


class CheckState(Part):
    """One field of the verification, in words."""

    field: str = ""
    wanted: Any = None
    found: Any = None
    matches: bool = False


class DifferenceState(Part):
    """A field in which the new cluster is not as the replaced one was, in words."""

    field: str = ""
    replaced: Any = None
    restored: Any = None
    asked_for: bool = False
    accepted: bool = False

    @property
    def is_unasked(self) -> bool:
        """Whether it stops the run."""
        return not (self.asked_for or self.accepted)


class RestoredUser(Part):
    """A database user that was set up, and what was tried with it."""

    username: str = ""
    host: str = ""
    access: str = ""
    action: str = ""
    databases: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    database_count: int = 0


class RestoreDetails(Part, path="restore_details"):
    """The restored cluster: its addresses, instances and users, and the checks.

    Attributes:
        user_setup: how far the set-up of the users has come, while it is under way.
        cloudwatch_logs_exports: the logs that it exports; None until the export is set up.
        made_again_by: the operation whose rollback restored it from its final snapshot.
    """

    db_cluster_identifier: str | None = None
    db_cluster_arn: str | None = None
    db_cluster_resource_id: str | None = None
    endpoint: str | None = None
    reader_endpoint: str | None = None
    port: int | None = None
    engine: str | None = None
    engine_version: str | None = None
    instances: tuple[RestoredInstance, ...] = ()
    verification: tuple[CheckState, ...] = ()
    differences: tuple[DifferenceState, ...] = ()
    user_setup: Mapping[str, Any] | None = None
    users: tuple[RestoredUser, ...] = ()
    other_logins: tuple[str, ...] = ()
    locked_logins: tuple[str, ...] = ()
    user_notes: tuple[str, ...] = ()
    cloudwatch_logs_exports: tuple[str, ...] | None = None
    made_again_by: str | None = None

    @property
    def open_logins(self) -> tuple[str, ...]:
        """The logins that came along and keep their production passwords."""
        return tuple(name for name in self.other_logins if name not in self.locked_logins)


class FindingState(Part):
    """One thing that came along with the snapshot."""

    kind: str = ""
    database: str = ""
    name: str = ""
    detail: str = ""
    ends_with: str = ""


class NotLookedIntoState(Part):
    """A database, or a part of one, that the survey could not see, and why."""

    database: str = ""
    what: str = ""
    reason: str = ""


class SurveyState(Part):
    """How far the survey has come, while it is under way."""

    after_oid: int = 0
    done: int = 0
    total: int = 0
    acting: int = 0
    logins: int = 0
    login_names: tuple[str, ...] = ()


class CameAlongRecord(Part, path="came_along"):
    """The list of what came along.

    Attributes:
        more, not_looked_into_more: how many there are besides those that are named.
        meanings: what one of a kind means, by kind.
    """

    found: tuple[FindingState, ...] = ()
    more: Mapping[str, int] = optional(NOTHING)
    meanings: Mapping[str, str] = optional(NOTHING)
    not_looked_into: tuple[NotLookedIntoState, ...] = ()
    not_looked_into_more: int = 0
    unfinished: SurveyState | None = optional()


class DefusedItem(Part):
    """What is about to be put to rest: its state as it came along, and the statements that take it back."""

    kind: str = ""
    database: str = ""
    name: str = ""
    acts: bool = False
    before: Mapping[str, Any] = optional(NOTHING)
    done_with: tuple[str, ...] = ()
    take_back: tuple[str, ...] = ()
    time: datetime | None = None


class InTrail(Part, path="defused.in_trail"):
    """Of what the record has no room for: how many there are, how many were refused, the keys of the last ones."""

    count: int = 0
    refused: int = 0
    keys: tuple[str, ...] = ()


class DefusedRecord(Part, path="defused"):
    """What was put to rest, by key. `refused`: the server's words, empty beyond the first ones."""

    written: Mapping[str, DefusedItem] = optional(NOTHING)
    refused: Mapping[str, str] = optional(NOTHING)
    in_trail: InTrail = optional(InTrail())


def defused_written(key: str, item: DefusedItem) -> Changes:
    """The change that writes down the way back of one thing."""
    return {f"defused.written.{key}": plain(item)}


def defused_refused(key: str, words: str) -> Changes:
    """The change that says that one thing could not be put to rest."""
    return {f"defused.refused.{key}": words}
