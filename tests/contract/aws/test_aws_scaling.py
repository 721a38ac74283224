"""Auto scaling of readers: the adapter on the wire format, and on the client that the simulation uses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.fakes.fault_injector import FaultInjector
from tests.fakes.scaling_client import FakeScalingClient, FakeScalingClients
from tests.support.faults import FaultKind
from tests.support.in_process_aws import shared_aws

from aurora_restore.aws.scaling import AwsScaling
from aurora_restore.domain.errors import (
    AccessDenied,
    AwsRequestFailed,
    AwsThrottled,
    AwsUnavailable,
    QuotaExceeded,
)
from aurora_restore.domain.observed import Credentials
from aurora_restore.domain.scaling import EVERYTHING, ScalableTarget, Suspension
from local_aurora.faults import Effect, FaultRule
from local_aurora.model import LocalAurora

HOME = "us-west-2"
MASTER = Credentials("postgres", "a-master-password")
STAGING = ScalableTarget("staging", 1, 5)
NAMED = {
    "ServiceNamespace": "rds",
    "ResourceId": "cluster:staging",
    "ScalableDimension": "rds:cluster:ReadReplicaCount",
}
TRACKING = {
    "PolicyType": "TargetTrackingScaling",
    "TargetTrackingScalingPolicyConfiguration": {
        "TargetValue": 60.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "RDSReaderAverageCPUUtilization"},
    },
}


@dataclass
class Account:
    """The cluster `staging`. `client` is what a user of boto3 has; `spoil` lets the next request meet a fault."""

    scaling: AwsScaling
    aurora: LocalAurora
    client: Any
    spoil: Callable[[FaultKind], None]

    def refuse(self, code: str) -> None:
        self.aurora.faults.add(FaultRule("refused", Effect.ERROR, "RegisterScalableTarget", code=code))


def on_the_wire() -> Account:
    aws = shared_aws()
    aws.aurora.seed.put_cluster(HOME, "staging", MASTER)

    def spoil(fault: FaultKind) -> None:
        where = aws.after if fault is FaultKind.REPLY_LOST else aws.before
        where(len(aws.calls), fault)

    clients = aws.clients()
    return Account(AwsScaling(clients), aws.aurora, clients.application_autoscaling(), spoil)


def in_the_simulation() -> Account:
    injector, aurora = FaultInjector(), LocalAurora()
    aurora.seed.put_cluster(HOME, "staging", MASTER)
    client = FakeScalingClient(aurora, HOME, injector)
    clients: Any = FakeScalingClients(client)

    def spoil(fault: FaultKind) -> None:
        injector.faults[injector.count] = fault

    return Account(AwsScaling(clients), aurora, client, spoil)


@pytest.fixture(params=[on_the_wire, in_the_simulation])
def account(request: pytest.FixtureRequest) -> Account:
    made: Account = request.param()
    return made


def refusal_code(ask: Callable[[], object]) -> str:
    with pytest.raises(ClientError) as refused:
        ask()
    return str(refused.value.response["Error"]["Code"])


def test_a_cluster_whose_readers_are_not_scaled_has_no_target_and_no_policies(account: Account) -> None:
    assert account.scaling.find_target("staging") is None
    assert list(account.scaling.policy_names("staging")) == []


@pytest.mark.parametrize("was", [Suspension(), Suspension(scheduled=True), EVERYTHING])
def test_a_target_is_found_as_it_was_registered(account: Account, was: Suspension) -> None:
    account.scaling.register(replace(STAGING, suspension=was))
    assert account.scaling.find_target("staging") == replace(STAGING, suspension=was)
    assert account.scaling.find_target("stag") is None


def test_a_suspension_changes_nothing_else_of_a_target(account: Account) -> None:
    account.scaling.register(STAGING)
    account.scaling.suspend("staging", EVERYTHING)
    assert account.scaling.find_target("staging") == replace(STAGING, suspension=EVERYTHING)
    account.scaling.suspend("staging", Suspension(scale_in=True))
    assert account.scaling.find_target("staging") == replace(STAGING, suspension=Suspension(scale_in=True))


def test_policies_are_named_page_after_page(account: Account) -> None:
    account.scaling.register(STAGING)
    expected = [f"policy-{number:02}" for number in range(60)]
    for name in expected:
        account.aurora.scale("PutScalingPolicy", HOME, {**NAMED, "PolicyName": name, **TRACKING})
    assert list(account.scaling.policy_names("staging")) == expected


def test_what_is_not_registered_can_be_neither_suspended_nor_given_a_policy(account: Account) -> None:
    with pytest.raises(AwsRequestFailed, match="ValidationException"):
        account.scaling.suspend("staging", EVERYTHING)
    policy = {**NAMED, "PolicyName": "by-load", **TRACKING}
    assert refusal_code(lambda: account.client.put_scaling_policy(**policy)) == "ObjectNotFoundException"
    assert (
        refusal_code(lambda: account.client.deregister_scalable_target(**NAMED)) == "ObjectNotFoundException"
    )


def test_a_target_of_a_name_that_no_cluster_has_is_refused(account: Account) -> None:
    with pytest.raises(AwsRequestFailed, match="ValidationException"):
        account.scaling.register(replace(STAGING, db_cluster_identifier="nowhere"))


def test_policies_go_with_their_target(account: Account) -> None:
    account.scaling.register(STAGING)
    account.client.put_scaling_policy(**NAMED, PolicyName="by-load", **TRACKING)
    assert list(account.scaling.policy_names("staging")) == ["by-load"]
    account.client.deregister_scalable_target(**NAMED)
    account.scaling.register(STAGING)
    assert list(account.scaling.policy_names("staging")) == []


def test_a_quota_that_is_used_up_and_an_update_that_meets_another_are_distinguished(account: Account) -> None:
    account.refuse("LimitExceededException")
    with pytest.raises(QuotaExceeded):
        account.scaling.register(STAGING)
    account.refuse("ConcurrentUpdateException")
    with pytest.raises(AwsUnavailable):
        account.scaling.register(STAGING)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (FaultKind.UNAVAILABLE, AwsUnavailable),
        (FaultKind.THROTTLED, AwsThrottled),
        (FaultKind.DENIED, AccessDenied),
        (FaultKind.REPLY_LOST, AwsUnavailable),
    ],
)
def test_faults_are_the_domains_errors(account: Account, fault: FaultKind, error: type[Exception]) -> None:
    asks: list[Callable[[], object]] = [
        lambda: account.scaling.find_target("staging"),
        lambda: account.scaling.policy_names("staging"),
        lambda: account.scaling.suspend("staging", EVERYTHING),
        lambda: account.scaling.register(STAGING),
    ]
    account.scaling.register(STAGING)
    for ask in asks:
        account.spoil(fault)
        with pytest.raises(error):
            ask()
