"""Parameter groups, and what of a cluster's group an instance has taken up."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local_aurora.identifiers import rds_arn
from local_aurora.parameter_catalogue import found_parameter
from local_aurora.parameters import STATIC

DEFAULT_PREFIX = "default."
IN_SYNC, APPLYING, PENDING_REBOOT = "in-sync", "applying", "pending-reboot"


@dataclass
class ParameterGroup:
    """A DB cluster parameter group (`kind` cluster-pg) or a DB parameter group (pg).

    `parameters`: what a client set, by name, with its value and method. Before `complete_at` RDS is still at making the
    group; before `settled_at` it has changes pending, and refuses others.
    """

    region: str
    account: str
    name: str
    kind: str
    family: str
    description: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, dict[str, Any]] = field(default_factory=dict)
    complete_at: datetime | None = None
    settled_at: datetime | None = None

    @property
    def arn(self) -> str:
        return rds_arn(self.region, self.account, self.kind, self.name)

    @property
    def is_default(self) -> bool:
        return self.name.startswith(DEFAULT_PREFIX)

    def is_complete(self, now: datetime) -> bool:
        return self.complete_at is None or now >= self.complete_at

    def has_pending_changes(self, now: datetime) -> bool:
        return self.settled_at is not None and now < self.settled_at

    def values(self) -> dict[str, str]:
        return {name: str(entry["ParameterValue"]) for name, entry in self.parameters.items()}


@dataclass
class AppliedParameters:
    """The cluster parameter group with which an instance's engine was last started, and its values then.

    Until `shown_until` the Describe calls go on showing `shown`; from then until `applying_until` they say `applying`.
    """

    group: str = ""
    values: dict[str, str] = field(default_factory=dict)
    shown: str = IN_SYNC
    shown_until: datetime | None = None
    applying_until: datetime | None = None

    def status(self, group: ParameterGroup | None, now: datetime) -> str:
        """DBClusterParameterGroupStatus of the instance, whose cluster has the group now."""
        if self.shown_until is not None and now < self.shown_until:
            return self.shown
        if self.applying_until is not None and now < self.applying_until:
            return APPLYING
        # One that was never started has nothing that could differ.
        return IN_SYNC if not self.group or self._is_as_in(group) else PENDING_REBOOT

    def _is_as_in(self, group: ParameterGroup | None) -> bool:
        if group is None or group.name != self.group:
            return False
        # Dynamic parameters that were set at once have taken effect already.
        waiting = {
            name
            for name, entry in group.parameters.items()
            if entry.get("ApplyMethod") != "immediate"
            or found_parameter(group.family, name).apply_type == STATIC
        } | {name for name in self.values if name not in group.parameters}
        expected = group.values()
        return all(expected.get(name) == self.values.get(name) for name in waiting)


def show_parameter_group(group: ParameterGroup) -> dict[str, Any]:
    prefix = "DBClusterParameterGroup" if group.kind == "cluster-pg" else "DBParameterGroup"
    return {
        f"{prefix}Name": group.name,
        f"{prefix}Arn": group.arn,
        "DBParameterGroupFamily": group.family,
        "Description": group.description or group.name,
    }
