"""Scalable targets of the local Aurora: they go by a cluster's name, are kept, and are lost where that is the habit."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from tests.states_language.scheduler import VirtualClock

from local_aurora.errors import AwsError
from local_aurora.model import LocalAurora
from local_aurora.server import AuroraServer

from .conftest import DURATIONS, MASTER

US = "us-east-1"
NAMED = {
    "ServiceNamespace": "rds",
    "ResourceId": "cluster:staging",
    "ScalableDimension": "rds:cluster:ReadReplicaCount",
}


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def aurora(clock: VirtualClock) -> LocalAurora:
    aurora = LocalAurora(clock, durations=DURATIONS)
    aurora.seed.put_cluster(US, "staging", MASTER, instances={"staging-1": "db.r5.large"})
    aurora.scale("RegisterScalableTarget", US, {**NAMED, "MinCapacity": 1, "MaxCapacity": 5})
    policy = {"PolicyType": "StepScaling", "StepScalingPolicyConfiguration": {"Cooldown": 60}}
    aurora.scale("PutScalingPolicy", US, {**NAMED, "PolicyName": "by-load", **policy})
    return aurora


def targets(aurora: LocalAurora) -> list[dict[str, Any]]:
    found = aurora.scale("DescribeScalableTargets", US, {"ServiceNamespace": "rds"})
    return list(found["ScalableTargets"])


def policies(aurora: LocalAurora) -> list[str]:
    found = aurora.scale("DescribeScalingPolicies", US, {"ServiceNamespace": "rds"})
    return [policy["PolicyName"] for policy in found["ScalingPolicies"]]


def rename(aurora: LocalAurora, clock: VirtualClock, name: str, new_name: str) -> None:
    parameters = {"DBClusterIdentifier": name, "NewDBClusterIdentifier": new_name, "ApplyImmediately": True}
    aurora.call("ModifyDBCluster", US, parameters)
    clock.advance(3600)


def test_a_target_stays_while_no_cluster_has_its_name(aurora: LocalAurora, clock: VirtualClock) -> None:
    rename(aurora, clock, "staging", "aside")
    assert [target["ResourceId"] for target in targets(aurora)] == ["cluster:staging"]
    with pytest.raises(AwsError, match="ValidationException"):
        aurora.scale("RegisterScalableTarget", US, {**NAMED, "MaxCapacity": 9})


def test_a_target_and_its_policies_are_lost_with_the_name_where_that_is_the_habit(
    aurora: LocalAurora, clock: VirtualClock
) -> None:
    aurora.set_habits({"scalable_target_lost_without_cluster": True})
    assert policies(aurora) == ["by-load"]
    rename(aurora, clock, "staging", "aside")
    assert (targets(aurora), policies(aurora)) == ([], [])
    rename(aurora, clock, "aside", "staging")
    with pytest.raises(AwsError, match="MinCapacity and MaxCapacity are required"):
        aurora.scale("RegisterScalableTarget", US, NAMED)


@pytest.mark.parametrize(
    "wrong",
    [
        {"MinCapacity": 6, "MaxCapacity": 5},
        {"MinCapacity": -1},
        {"ServiceNamespace": "ecs"},
        {"ResourceId": "service/staging"},
    ],
)
def test_what_no_target_can_be_is_refused(aurora: LocalAurora, wrong: dict[str, Any]) -> None:
    with pytest.raises(AwsError, match="ValidationException"):
        aurora.scale("RegisterScalableTarget", US, {**NAMED, **wrong})
    assert [(target["MinCapacity"], target["MaxCapacity"]) for target in targets(aurora)] == [(1, 5)]


def test_what_was_registered_is_there_again_in_the_next_process(
    aurora: LocalAurora, clock: VirtualClock
) -> None:
    aurora.scale(
        "RegisterScalableTarget", US, {**NAMED, "SuspendedState": {"DynamicScalingInSuspended": True}}
    )
    again = LocalAurora(clock, durations=DURATIONS, state_json=aurora.to_json())
    assert targets(again) == targets(aurora)
    assert policies(again) == ["by-load"]


def test_a_state_from_before_there_were_targets_is_read(aurora: LocalAurora, clock: VirtualClock) -> None:
    older = aurora.to_json()
    for region in older["regions"].values():
        del region["scalable_targets"], region["scaling_policies"]
    del older["habits"]["scalable_target_lost_without_cluster"]
    again = LocalAurora(clock, durations=DURATIONS, state_json=older)
    assert targets(again) == []
    again.scale("RegisterScalableTarget", US, {**NAMED, "MinCapacity": 1, "MaxCapacity": 2})


def test_boto3_reaches_it_at_the_same_endpoint_as_rds(aurora: LocalAurora) -> None:
    with AuroraServer(aurora) as server:
        scaling = boto3.client(
            "application-autoscaling",
            region_name=US,
            endpoint_url=server.url,
            aws_access_key_id="a-key",
            aws_secret_access_key="a-secret",
        )
        (shown,) = scaling.describe_scalable_targets(ServiceNamespace="rds")["ScalableTargets"]
        scaling.close()
    assert (shown["ResourceId"], shown["MinCapacity"], shown["MaxCapacity"]) == ("cluster:staging", 1, 5)
    assert shown["CreationTime"].tzinfo is not None
