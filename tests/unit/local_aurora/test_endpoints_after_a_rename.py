"""What clients see of a rename: names that DNS knows late, and a certificate that names what was."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from local_aurora.access import LoginEnd
from local_aurora.timing import Durations

from .conftest import DURATIONS, MASTER, Place

DNS_LAG = 120
NAME, NEW_NAME = "staging", "moved"


@pytest.fixture
def renamed(place: Place) -> Place:
    """The cluster was `staging` and is now `moved`; no resolver of its name knows that yet."""
    place.restored(NAME)
    place.aurora.set_durations({"dns_lag": DNS_LAG})
    place.here.modify_db_cluster(
        DBClusterIdentifier=NAME, NewDBClusterIdentifier=NEW_NAME, ApplyImmediately=True
    )
    settle_rename(place)
    return place


def settle_rename(place: Place) -> None:
    place.clock.advance(DURATIONS.rename)
    assert place.cluster_status(NEW_NAME) == "available"


def host_of(place: Place, name: str) -> str:
    return place.here.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]["Endpoint"]


def login(place: Place, host: str) -> tuple[LoginEnd, str]:
    attempt = place.aurora.log_in(host, 5432, MASTER.username, MASTER.password)
    return attempt.outcome, attempt.reason


def test_dns_knows_a_new_name_late_and_leads_by_the_old_one_until_then(renamed: Place) -> None:
    new = host_of(renamed, NEW_NAME)
    old = new.replace(NEW_NAME, NAME)

    assert login(renamed, old)[0] is LoginEnd.ACCEPTED
    assert "nothing listens" in login(renamed, new)[1]
    assert not renamed.aurora.knows_host(new)
    assert not renamed.aurora.knows_host(old)

    renamed.clock.advance(DNS_LAG)

    assert "nothing listens" in login(renamed, old)[1]
    assert renamed.aurora.knows_host(new)


def test_the_certificate_names_what_was_until_the_cluster_is_stopped_and_started(renamed: Place) -> None:
    renamed.clock.advance(DNS_LAG)
    host = host_of(renamed, NEW_NAME)
    assert "certificate does not name" in login(renamed, host)[1]

    renamed.here.stop_db_cluster(DBClusterIdentifier=NEW_NAME)
    renamed.clock.advance(DURATIONS.stop)
    renamed.here.start_db_cluster(DBClusterIdentifier=NEW_NAME)
    renamed.clock.advance(DURATIONS.start)

    assert login(renamed, host)[0] is LoginEnd.ACCEPTED


@pytest.mark.parametrize("renews", [False, True])
def test_whether_a_reboot_renews_the_certificate_is_a_switch_since_it_is_not_verified(
    renamed: Place, *, renews: bool
) -> None:
    renamed.clock.advance(DNS_LAG)
    renamed.aurora.set_habits({"certificate_renewed_by_reboot": renews})

    renamed.here.reboot_db_instance(DBInstanceIdentifier=f"{NAME}-1")
    assert renamed.instance_status(f"{NAME}-1") == "rebooting"
    renamed.clock.advance(Durations().reboot)

    assert renamed.instance_status(f"{NAME}-1") == "available"
    is_accepted = login(renamed, host_of(renamed, NEW_NAME))[0] is LoginEnd.ACCEPTED
    assert is_accepted is renews


def test_a_habit_is_known_by_name_and_is_true_or_false(place: Place) -> None:
    with pytest.raises(ValueError, match="renews_everything"):
        place.aurora.set_habits({"renews_everything": True})
    with pytest.raises(ValueError, match="true or false"):
        place.aurora.set_habits({"certificate_renewed_by_reboot": 1})


def test_a_change_of_the_port_reboots_every_instance_and_shows_when_they_are_back(place: Place) -> None:
    place.restored(NAME, instances=2)

    place.here.modify_db_cluster(DBClusterIdentifier=NAME, Port=6000, ApplyImmediately=True)

    assert place.cluster_status(NAME) == "modifying"
    assert [place.instance_status(f"{NAME}-{n}") for n in (1, 2)] == ["rebooting", "rebooting"]
    assert ports(place) == {5432}
    place.clock.advance(Durations().reboot)
    assert place.cluster_status(NAME) == "available"
    assert [place.instance_status(f"{NAME}-{n}") for n in (1, 2)] == ["available", "available"]
    assert ports(place) == {6000}


def ports(place: Place) -> set[int]:
    cluster = place.here.describe_db_clusters(DBClusterIdentifier=NAME)["DBClusters"][0]
    instances = place.here.describe_db_instances()["DBInstances"]
    return {cluster["Port"], *(i["Endpoint"]["Port"] for i in instances if i["DBClusterIdentifier"] == NAME)}


def test_a_port_that_rds_does_not_take_changes_nothing(place: Place, refused: Callable[..., str]) -> None:
    place.restored(NAME)

    answer = refused(place.here.modify_db_cluster, DBClusterIdentifier=NAME, Port=80, ApplyImmediately=True)

    assert answer.startswith("InvalidParameterValue")
    assert ports(place) == {5432}


def test_only_an_available_instance_is_rebooted(place: Place, refused: Callable[..., str]) -> None:
    place.restored(NAME)
    place.here.stop_db_cluster(DBClusterIdentifier=NAME)

    answer = refused(place.here.reboot_db_instance, DBInstanceIdentifier=f"{NAME}-1")

    assert answer.startswith("InvalidDBInstanceState")
