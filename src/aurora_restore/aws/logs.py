"""The logs of the pipeline's functions, in CloudWatch Logs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aurora_restore.aws.failures import Translating
from aurora_restore.domain.log_entries import LogEntry, entries_of_operation, read_log_entry

if TYPE_CHECKING:
    from aurora_restore.aws.clients import Clients

GROUP_PREFIX = "/aws/lambda/aurora-restore-"
REPORT_PATTERN = '"platform.report"'


class AwsLogs:
    """Finds what all functions logged about an operation.

    Raises, in every method: AwsThrottled, AwsUnavailable, AccessDenied, AwsRequestFailed.
    """

    def __init__(self, clients: Clients, region: str | None = None) -> None:
        self._clients = clients
        self._region = region

    def of_operation(self, operation_id: str, begin: datetime, end: datetime) -> Sequence[LogEntry]:
        """What all functions logged about an operation between two times, oldest first.

        The pattern only narrows the search: ids that begin alike match it too.
        """
        paginator = self._clients.logs(self._region).get_paginator("describe_log_groups")
        with Translating("logs"):
            pages = list(paginator.paginate(logGroupNamePrefix=GROUP_PREFIX))
        entries: list[LogEntry] = []
        reports: list[LogEntry] = []
        for group in (group["logGroupName"] for page in pages for group in page["logGroups"]):
            # As JSON: the pattern then has the quotes and escapes that the entries have.
            if found := self._find(group, json.dumps(operation_id, ensure_ascii=False), begin, end):
                # A report does not name the operation: all of the group are read, and matched by their request ids.
                entries += found
                reports += self._find(group, REPORT_PATTERN, begin, end)
        return entries_of_operation(entries, reports, operation_id)

    def _find(self, group: str, pattern: str, begin: datetime, end: datetime) -> list[LogEntry]:
        paginator = self._clients.logs(self._region).get_paginator("filter_log_events")
        function = group.rpartition("/")[2]
        with Translating("logs"):
            pages = list(
                paginator.paginate(
                    logGroupName=group,
                    filterPattern=pattern,
                    startTime=int(begin.timestamp() * 1000),
                    endTime=int(end.timestamp() * 1000),
                )
            )
        return [
            read_log_entry(datetime.fromtimestamp(event["timestamp"] / 1000, UTC), function, event["message"])
            for page in pages
            for event in page["events"]
        ]
