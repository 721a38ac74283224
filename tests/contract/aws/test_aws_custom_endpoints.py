"""The custom endpoints of clusters: the adapter on the wire format, and on the client that the simulation uses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from tests.fakes.fault_injector import FaultInjector
from tests.fakes.rds_client import FakeClients, FakeRdsClient
from tests.states_language.scheduler import VirtualClock
from tests.support.faults import FaultKind
from tests.support.in_process_aws import shared_aws

from aurora_restore.aws.rds import AwsRds
from aurora_restore.domain.custom_endpoints import CustomEndpoint
from aurora_restore.domain.errors import (
    AccessDenied,
    AwsRequestFailed,
    AwsThrottled,
    AwsUnavailable,
    QuotaExceeded,
    ResourceBusy,
)
from aurora_restore.domain.observed import Credentials, DbCluster
from local_aurora.model import LocalAurora

HOME = "us-west-2"
MASTER = Credentials("postgres", "a-master-password")
REPORTS = CustomEndpoint("reports", "READER", static_members=("staging-2",))
EVERYTHING = CustomEndpoint("everything", "ANY", excluded_members=("staging-1",))
Change = Callable[[AwsRds], None]


@dataclass
class Account:
    """Two clusters, `staging` with two instances, and `other`. `spoil` lets the next request meet a fault."""

    rds: AwsRds
    aurora: LocalAurora
    clock: VirtualClock
    spoil: Callable[[FaultKind], None]

    def cluster(self, name: str = "staging") -> DbCluster:
        found = self.rds.find_cluster(name)
        assert found is not None
        return found

    def listed(self, name: str = "staging") -> dict[str, CustomEndpoint]:
        return {each.identifier: each for each in self.rds.list_custom_endpoints(self.cluster(name))}

    def make(self, endpoint: CustomEndpoint, cluster: str = "staging") -> None:
        self.rds.create_custom_endpoint(cluster, endpoint)
        self.clock.advance()


def seeded(aurora: LocalAurora) -> LocalAurora:
    members = {"staging-1": "db.r5.large", "staging-2": "db.r5.large"}
    aurora.seed.put_cluster(HOME, "staging", MASTER, instances=members)
    aurora.seed.put_cluster(HOME, "other", MASTER, instances={"other-1": "db.r5.large"})
    return aurora


def on_the_wire() -> Account:
    clock = VirtualClock()
    aws = shared_aws(clock)
    seeded(aws.aurora)

    def spoil(fault: FaultKind) -> None:
        where = aws.after if fault is FaultKind.REPLY_LOST else aws.before
        where(len(aws.calls), fault)

    return Account(AwsRds(aws.clients()), aws.aurora, clock, spoil)


def in_the_simulation() -> Account:
    clock, injector = VirtualClock(), FaultInjector()
    aurora = seeded(LocalAurora(clock))
    clients: Any = FakeClients({HOME: FakeRdsClient(aurora, HOME, injector)}, HOME)

    def spoil(fault: FaultKind) -> None:
        injector.faults[injector.count] = fault

    return Account(AwsRds(clients), aurora, clock, spoil)


@pytest.fixture(params=[on_the_wire, in_the_simulation])
def account(request: pytest.FixtureRequest) -> Account:
    made: Account = request.param()
    return made


def test_an_endpoint_is_listed_with_the_members_that_it_was_made_with(account: Account) -> None:
    account.make(REPORTS)
    account.make(EVERYTHING)
    assert account.listed() == {"reports": REPORTS, "everything": EVERYTHING}
    assert account.listed("other") == {}


def test_the_status_of_each_endpoint_is_reported(account: Account) -> None:
    account.make(REPORTS)
    account.rds.create_custom_endpoint("staging", EVERYTHING)
    statuses = account.rds.custom_endpoint_statuses(account.cluster())
    assert statuses == {"reports": "available", "everything": "creating"}
    assert account.rds.custom_endpoint_statuses(account.cluster("other")) == {}


def test_an_endpoint_that_is_being_made_is_busy(account: Account) -> None:
    account.rds.create_custom_endpoint("staging", REPORTS)
    with pytest.raises(ResourceBusy, match="reports is busy"):
        account.rds.delete_custom_endpoint("reports")


def test_a_cluster_that_shows_no_endpoints_is_not_asked_for_them(account: Account) -> None:
    cluster = account.cluster()
    account.spoil(FaultKind.DENIED)
    assert account.rds.list_custom_endpoints(cluster) == []


def test_a_cluster_that_is_gone_meanwhile_has_none(account: Account) -> None:
    account.make(CustomEndpoint("own", "ANY"), "other")
    cluster = account.cluster("other")
    account.rds.delete_instance("other-1")
    account.clock.advance()
    account.rds.delete_cluster("other", keep_automated_backups=False)
    account.clock.advance()
    assert account.rds.list_custom_endpoints(cluster) == []


def test_a_name_that_another_cluster_holds_is_waited_for(account: Account) -> None:
    account.make(CustomEndpoint("reports", "ANY"), "other")
    with pytest.raises(ResourceBusy, match="reports still exists"):
        account.rds.create_custom_endpoint("staging", REPORTS)
    assert account.listed() == {}


def test_a_name_is_free_once_its_endpoint_is_deleted(account: Account) -> None:
    account.make(CustomEndpoint("reports", "ANY"), "other")
    account.rds.delete_custom_endpoint("reports")
    account.clock.advance()
    account.make(REPORTS)
    assert account.listed() == {"reports": REPORTS}
    assert account.listed("other") == {}


def test_an_endpoint_that_is_gone_is_left_to_the_next_look(account: Account) -> None:
    account.rds.delete_custom_endpoint("never-there")
    assert account.listed() == {}


def test_a_cluster_that_is_busy_is_waited_for(account: Account) -> None:
    account.rds.stop_cluster("staging")
    with pytest.raises(ResourceBusy):
        account.rds.create_custom_endpoint("staging", REPORTS)


def test_a_sixth_endpoint_meets_the_quota(account: Account) -> None:
    for number in range(5):
        account.make(CustomEndpoint(f"reports-{number}", "ANY"))
    with pytest.raises(QuotaExceeded):
        account.rds.create_custom_endpoint("staging", REPORTS)


def test_a_member_that_is_not_there_is_refused(account: Account) -> None:
    with pytest.raises(AwsRequestFailed, match="other-1"):
        account.rds.create_custom_endpoint("staging", CustomEndpoint("reports", "ANY", ("other-1",)))


CHANGES: dict[str, Change] = {
    "CreateDBClusterEndpoint": lambda rds: rds.create_custom_endpoint("staging", EVERYTHING),
    "DeleteDBClusterEndpoint": lambda rds: rds.delete_custom_endpoint("reports"),
}


@pytest.mark.parametrize("operation", CHANGES)
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (FaultKind.THROTTLED, AwsThrottled),
        (FaultKind.UNAVAILABLE, AwsUnavailable),
        (FaultKind.DENIED, AccessDenied),
    ],
)
def test_a_change_that_is_not_made_says_so_and_changes_nothing(
    account: Account, operation: str, fault: FaultKind, error: type[Exception]
) -> None:
    account.make(REPORTS)
    account.spoil(fault)
    with pytest.raises(error):
        CHANGES[operation](account.rds)
    account.clock.advance()
    assert account.listed() == {"reports": REPORTS}


@pytest.mark.parametrize(
    ("operation", "left"),
    [("CreateDBClusterEndpoint", {"reports", "everything"}), ("DeleteDBClusterEndpoint", set())],
)
def test_a_change_whose_reply_is_lost_is_made(account: Account, operation: str, left: set[str]) -> None:
    account.make(REPORTS)
    account.spoil(FaultKind.REPLY_LOST)
    with pytest.raises(AwsUnavailable):
        CHANGES[operation](account.rds)
    account.clock.advance()
    assert set(account.listed()) == left
