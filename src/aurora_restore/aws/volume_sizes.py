"""How large cluster volumes are, for the command line.

`AllocatedStorage` of an Aurora snapshot says nothing (it is 0 or 1). What is charged for is the metric
`VolumeBytesUsed` of the namespace `AWS/RDS`, in bytes, by the dimension `DBClusterIdentifier`. RDS collects it at
intervals, so that a short period makes no sense (Aurora User Guide, Aurora.AuroraMonitoring.Metrics). CloudWatch keeps
points of one hour for 455 days (CloudWatch User Guide, metrics retention).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from aurora_restore.aws.failures import Translating
from aurora_restore.domain.costs import SIZE_WINDOW

if TYPE_CHECKING:
    from aurora_restore.aws.clients import Clients

PERIOD_SECONDS = 3600


class AwsVolumeSizes:
    """Sizes in any Region.

    Raises: AwsThrottled, AwsUnavailable, AccessDenied, AwsRequestFailed.
    """

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def bytes_used(self, region: str, db_cluster_identifier: str, at: datetime) -> float | None:
        """The size of a cluster's volume at a time, or the last known of the day before; None where none is known."""
        with Translating("cloudwatch"):
            points = self._clients.cloudwatch(region).get_metric_statistics(
                Namespace="AWS/RDS",
                MetricName="VolumeBytesUsed",
                Dimensions=[{"Name": "DBClusterIdentifier", "Value": db_cluster_identifier}],
                StartTime=at - SIZE_WINDOW,
                # The point of the hour itself begins before `at`; the end is exclusive.
                EndTime=at + timedelta(seconds=1),
                Period=PERIOD_SECONDS,
                Statistics=["Average"],
            )["Datapoints"]
        known = [(point["Timestamp"], point["Average"]) for point in points if "Average" in point]
        return max(known)[1] if known else None
