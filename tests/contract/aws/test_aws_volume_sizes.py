"""Sizes of cluster volumes, through the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.faults import FaultKind
from tests.support.in_process_aws import InProcessAws, is_operation, shared_aws

from aurora_restore.aws.volume_sizes import AwsVolumeSizes
from aurora_restore.domain.errors import AccessDenied

AT = datetime(2026, 11, 21, 5, 0, 12, tzinfo=UTC)


@pytest.fixture
def aws() -> InProcessAws:
    return shared_aws()


@pytest.fixture
def sizes(aws: InProcessAws) -> AwsVolumeSizes:
    return AwsVolumeSizes(aws.clients())


def test_a_volume_that_cloudwatch_does_not_know_is_an_answer(sizes: AwsVolumeSizes) -> None:
    assert sizes.bytes_used("us-east-1", "production", AT) is None


def test_the_size_is_that_of_the_last_hour_before_the_time_in_the_clusters_own_region(
    aws: InProcessAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients, asked = aws.clients(), []

    def answer(**parameters: Any) -> dict[str, Any]:
        asked.append(parameters)
        # CloudWatch returns datapoints in no order.
        hours = {2: 300.0, 1: 500.0, 9: 100.0}
        return {
            "Datapoints": [
                {"Timestamp": AT - timedelta(hours=ago), "Average": size} for ago, size in hours.items()
            ]
        }

    # ministack takes no metric of AWS's own namespaces from outside.
    monkeypatch.setattr(clients.cloudwatch("us-east-1"), "get_metric_statistics", answer)
    assert AwsVolumeSizes(clients).bytes_used("us-east-1", "production", AT) == 500.0
    [parameters] = asked
    assert parameters["Namespace"] == "AWS/RDS"
    assert parameters["MetricName"] == "VolumeBytesUsed"
    assert parameters["Dimensions"] == [{"Name": "DBClusterIdentifier", "Value": "production"}]
    assert parameters["StartTime"] == AT - timedelta(hours=24)
    assert parameters["EndTime"] > AT
    # CloudWatch refuses more than 1,440 points, and keeps those of a minute for 15 days only.
    assert parameters["Period"] == 3600


def test_a_refusal_names_the_permission(aws: InProcessAws, sizes: AwsVolumeSizes) -> None:
    aws.before(is_operation("GetMetricStatistics"), FaultKind.DENIED)
    with pytest.raises(AccessDenied) as denied:
        sizes.bytes_used("us-east-1", "production", AT)
    assert denied.value.action == "cloudwatch:GetMetricStatistics"
    aws.clear_faults()
