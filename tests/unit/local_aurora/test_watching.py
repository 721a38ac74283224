"""Monitoring, insights, certificates and the Data API, refused where RDS refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .conftest import Place

Refused = Callable[..., str]


@pytest.fixture
def staging(place: Place) -> Place:
    place.restored("staging")
    return place


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"MonitoringInterval": 60}, "InvalidParameterCombination"),
        ({"MonitoringRoleArn": "arn:aws:iam::123456789012:role/m"}, "InvalidParameterCombination"),
        ({"MonitoringInterval": 7, "MonitoringRoleArn": "arn:aws:iam::1:role/m"}, "InvalidParameterValue"),
        ({"PerformanceInsightsRetentionPeriod": 465}, "InvalidParameterCombination"),
        (
            {"EnablePerformanceInsights": True, "PerformanceInsightsRetentionPeriod": 8},
            "InvalidParameterValue",
        ),
        ({"CACertificateIdentifier": "rds-ca-2015"}, "CertificateNotFound"),
    ],
)
def test_an_instance_is_refused_settings_that_do_not_go_together(
    staging: Place, refused: Refused, settings: dict[str, Any], code: str
) -> None:
    answer = refused(
        staging.here.create_db_instance,
        DBInstanceIdentifier="staging-9",
        DBClusterIdentifier="staging",
        DBInstanceClass="db.r5.large",
        Engine="aurora-postgresql",
        **settings,
    )
    assert answer.startswith(code)


def test_the_advanced_mode_of_insights_needs_its_retention(staging: Place, refused: Refused) -> None:
    modify = staging.here.modify_db_cluster
    answer = refused(modify, DBClusterIdentifier="staging", DatabaseInsightsMode="advanced")
    assert answer.startswith("InvalidParameterCombination")


def test_the_data_api_is_switched_by_operations_of_its_own(staging: Place, refused: Refused) -> None:
    arn = staging.here.describe_db_clusters(DBClusterIdentifier="staging")["DBClusters"][0]["DBClusterArn"]
    assert staging.here.enable_http_endpoint(ResourceArn=arn)["HttpEndpointEnabled"] is True
    shown = staging.here.describe_db_clusters(DBClusterIdentifier="staging")["DBClusters"][0]
    assert shown["HttpEndpointEnabled"] is True
    assert staging.here.disable_http_endpoint(ResourceArn=arn)["HttpEndpointEnabled"] is False
    missing = refused(staging.here.enable_http_endpoint, ResourceArn=f"{arn}-missing")
    assert missing.startswith("ResourceNotFoundFault")
