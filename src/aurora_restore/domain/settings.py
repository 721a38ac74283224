"""What the deployment decides: passed in by the entry points, never read from the environment here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from aurora_restore.domain.results import Phase

# TimeoutSeconds of the state machine: past it an execution ends with no step to say so.
MACHINE_TIMEOUT_HOURS = 192
# "Wait at least 5 minutes before creating a DB cluster that uses that DB cluster parameter group" (AuroraUserGuide).
PARAMETER_GROUP_SECONDS = 300.0
DEFAULT_PHASE_TIMEOUT_HOURS: dict[Phase, float] = {
    Phase.SNAPSHOT_CHECK: 0.5,
    Phase.COPY_SNAPSHOT: 96,
    Phase.CLEAR_TARGET: 12,
    Phase.RESTORE_CLUSTER: 24,
    Phase.DEFUSE: 1,
    Phase.SETUP_DB_USERS: 1,
    Phase.APPLY_PARAMETER_GROUP: 3,
    Phase.VERIFY_RESTORE: 1,
    Phase.SWITCH_OVER: 2,
    Phase.PROVE_ENDPOINT: 3,
    Phase.RETIRE_REPLACED: 12,
    Phase.ARCHIVE_SNAPSHOT: 0.5,
    # Besides the hours for which the request has the scratch cluster held.
    Phase.END_REHEARSAL: 4,
    Phase.NOTIFY: 0.5,
}


def read_phase_hours(text: str) -> dict[Phase, float]:
    """Limits of phases as a JSON object of phases and hours, `{"CopySnapshot": 120}`. Raises ValueError."""
    given = json.loads(text)
    if not isinstance(given, dict):
        raise ValueError(f"{text!r} is not a JSON object")  # noqa: TRY004 - of a text, and not of a type
    limits = {}
    for name, hours in given.items():
        phase = Phase(name)
        if isinstance(hours, bool) or not isinstance(hours, int | float) or hours <= 0:
            raise ValueError(f"{hours!r} is not a positive number of hours")
        limits[phase] = float(hours)
    return limits


@dataclass(frozen=True)
class PipelineSettings:
    """Settings of one deployed stack; `target_region` is the stack's own Region.

    `known_regions`: those of RDS as far as the SDK knows them; empty: a request's Regions are not compared.
    `reaches_private_databases`: the functions that talk to databases have subnets of a VPC.
    `keeps_ports`: two clusters can have the same port; not where they share one address, as on a local stack.
    `quarantine_security_group_ids`: those that a request has which names none.
    `parameter_group_seconds`: how old a parameter group has to be before a cluster is restored with it.
    """

    target_region: str
    default_source_region: str
    default_db_instance_class: str
    admin_secret_id: str
    target_cluster_prefix: str
    copy_retention_days: int = 7
    record_retention_days: int = 365
    phase_timeout_hours: Mapping[Phase, float] = field(default_factory=dict)
    known_regions: tuple[str, ...] = ()
    reaches_private_databases: bool = True
    keeps_ports: bool = True
    parameter_group_seconds: float = PARAMETER_GROUP_SECONDS
    quarantine_security_group_ids: tuple[str, ...] = ()

    def phase_limit(self, phase: Phase) -> timedelta:
        """How long a phase may take before it is given up."""
        hours = self.phase_timeout_hours.get(phase, DEFAULT_PHASE_TIMEOUT_HOURS[phase])
        return timedelta(hours=hours)
