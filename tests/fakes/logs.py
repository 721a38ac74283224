"""The logs of the functions in memory. Held to the adapter by tests/contract/aws/test_aws_logs.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from aurora_restore.domain.log_entries import LogEntry, entries_of_operation


@dataclass
class FakeLogs:
    """`searched` is the last time range that was asked for."""

    entries: Sequence[LogEntry] = ()
    searched: tuple[datetime, datetime] | None = None

    def of_operation(self, operation_id: str, begin: datetime, end: datetime) -> Sequence[LogEntry]:
        self.searched = begin, end
        found = [entry for entry in self.entries if begin <= entry.time <= end]
        reports = [entry for entry in found if entry.is_platform_report]
        return entries_of_operation(found, reports, operation_id)
