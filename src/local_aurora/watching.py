"""How a cluster and its instances are watched and reached besides: monitoring, insights, certificates, the Data API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local_aurora import errors
from local_aurora.identifiers import parse_arn
from local_aurora.keys import usable_key
from local_aurora.world import Call, operation

CA_CERTIFICATES = ("rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1")
_INTERVALS = (0, 1, 5, 10, 15, 30, 60)
_PERFORMANCE_DAYS = 7
_ADVANCED_DAYS = 465
_INSIGHTS = ("standard", "advanced")


def checked_instance_settings(call: Call, settings: dict[str, Any]) -> dict[str, Any]:
    """What CreateDBInstance and ModifyDBInstance make of monitoring, Performance Insights and the certificate.

    Source: their reference pages. "If MonitoringInterval is set to a value other than 0, then you must supply a
    MonitoringRoleArn value", and the other way round.

    Raises:
        AwsError: a combination or a value that RDS refuses.
    """
    interval, role = settings["MonitoringInterval"], settings.get("MonitoringRoleArn")
    if interval not in _INTERVALS:
        raise errors.invalid_value(
            f"Invalid MonitoringInterval {interval}: {', '.join(map(str, _INTERVALS))}."
        )
    if bool(interval) != bool(role):
        raise errors.invalid_combination(
            "A MonitoringRoleARN value is required if you specify a MonitoringInterval value other than 0."
        )
    if settings["CACertificateIdentifier"] not in CA_CERTIFICATES:
        raise errors.AwsError(
            "CertificateNotFound", f"Certificate not found: {settings['CACertificateIdentifier']}"
        )
    return _with_performance_insights(call, settings)


def _with_performance_insights(call: Call, settings: dict[str, Any]) -> dict[str, Any]:
    if not settings["PerformanceInsightsEnabled"]:
        if {"PerformanceInsightsKMSKeyId", "PerformanceInsightsRetentionPeriod"} & set(settings):
            raise errors.invalid_combination(
                "Performance Insights is not enabled, and has no key and no retention."
            )
        return settings
    # RDS fills in what the call leaves out, and shows it.
    key = usable_key(call, settings.get("PerformanceInsightsKMSKeyId") or "alias/aws/rds")
    days = settings.get("PerformanceInsightsRetentionPeriod", _PERFORMANCE_DAYS)
    # A week, 1 to 23 months of 31 days, the 15 months of the advanced mode, or two years.
    if days not in (_PERFORMANCE_DAYS, _ADVANCED_DAYS, 731) and (days % 31 or not 31 <= days <= 23 * 31):
        raise errors.invalid_value(f"Invalid Performance Insights retention period: {days}.")
    return {**settings, "PerformanceInsightsKMSKeyId": key, "PerformanceInsightsRetentionPeriod": days}


def refuse_insights(expected: Mapping[str, Any]) -> None:
    """ "If you change the value from standard to advanced, you must set the PerformanceInsightsEnabled parameter to
    true and the PerformanceInsightsRetentionPeriod parameter to 465": API_ModifyDBCluster, DatabaseInsightsMode."""
    mode = expected.get("DatabaseInsightsMode", "standard")
    if mode not in _INSIGHTS:
        raise errors.invalid_value(f"Invalid DatabaseInsightsMode {mode}: {', '.join(_INSIGHTS)}.")
    enabled, days = (
        expected.get("PerformanceInsightsEnabled"),
        expected.get("PerformanceInsightsRetentionPeriod"),
    )
    if mode == "advanced" and not (enabled and days == _ADVANCED_DAYS):
        raise errors.invalid_combination(
            "To enable the advanced mode of Database Insights, enable Performance Insights with a retention period of "
            f"{_ADVANCED_DAYS} days."
        )


def enable_http_endpoint(call: Call) -> dict[str, Any]:
    return _switch_http_endpoint(call, is_on=True)


def disable_http_endpoint(call: Call) -> dict[str, Any]:
    return _switch_http_endpoint(call, is_on=False)


def _switch_http_endpoint(call: Call, *, is_on: bool) -> dict[str, Any]:
    # These two operations take an ARN and no name, and have errors of their own.
    named = call.params["ResourceArn"]
    arn = parse_arn(named)
    cluster = call.region.clusters.get(arn.name) if arn and arn.kind == "cluster" else None
    if cluster is None:
        raise errors.AwsError("ResourceNotFoundFault", f"The resource {named} does not exist.")
    if cluster.status != "available":
        raise errors.AwsError(
            "InvalidResourceStateFault", f"DB cluster {cluster.identifier} is in the {cluster.status} state."
        )
    cluster.settings["HttpEndpointEnabled"] = is_on
    return {"ResourceArn": cluster.arn, "HttpEndpointEnabled": is_on}


OPERATIONS = {
    "EnableHttpEndpoint": operation(enable_http_endpoint, "ResourceArn"),
    "DisableHttpEndpoint": operation(disable_http_endpoint, "ResourceArn"),
}
