"""What a plan says of what comes along, before anything of it can be seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.domain.builders import cluster, instances, request

from aurora_restore.domain.cluster_settings import ClusterRole
from aurora_restore.domain.coming_along import coming_along
from aurora_restore.domain.configuration import ClusterConfiguration, configuration_of
from aurora_restore.domain.engines import ENGINES, MYSQL, POSTGRESQL

ANN = {"username": "ann", "secret_id": "aurora-restore/ann", "access": "read_only"}
LOADER = ClusterRole("arn:aws:iam::123456789012:role/loader", "s3Import")


def said(
    replaced: ClusterConfiguration | None = None, engine: str = POSTGRESQL, **fields: Any
) -> dict[str, str]:
    found = coming_along(request(**fields), replaced, ENGINES[engine])
    return {each.about.strip(): each.words for each in found}


def test_it_is_said_what_will_be_looked_for_and_why_it_is_not_known_yet() -> None:
    assert "subscriptions" in said()["comes along"]
    assert "events" in said(engine=MYSQL)["comes along"]


def test_of_mysql_nothing_is_said_of_logins_to_other_servers_which_it_does_not_hold() -> None:
    assert not said(engine=MYSQL, db_users=[ANN]).keys() & {"stored logins", "foreign tables"}


def test_of_a_copy_that_is_quiet_it_is_said_how_it_is_woken_and_of_another_nothing() -> None:
    assert "wake it" in said()["quiet until"]
    assert "quiet until" not in said(quiet_start=False)


@pytest.mark.parametrize(("locked", "words"), [(False, "keep the passwords"), (True, "are locked")])
def test_it_is_said_what_becomes_of_the_logins_of_production(locked: bool, words: str) -> None:
    assert words in said(lock_other_logins=locked)["other logins"]


@pytest.mark.parametrize(
    ("outward", "words"),
    [("report", "a warning names them"), ("keep", "no warning names them"), ("cut", "removed")],
)
def test_it_is_said_what_becomes_of_the_logins_to_other_servers(outward: str, words: str) -> None:
    assert words in said(outward_connections=outward)["stored logins"]


@pytest.mark.parametrize(
    ("level", "words"), [("none", "nothing"), ("read_only", "production"), ("read_write", "production")]
)
def test_it_is_said_what_the_users_reach_through_foreign_tables(level: str, words: str) -> None:
    reported = said(foreign_tables=level, db_users=[ANN])["foreign tables"]

    assert words in reported
    assert f"foreign_tables: {level}" in reported


def test_where_there_are_no_users_and_no_roles_nothing_is_said_of_them() -> None:
    assert said(foreign_tables="read_only").keys().isdisjoint({"foreign tables", "role"})


@pytest.mark.parametrize(
    ("feature", "ending"),
    [
        ("s3Import", "(s3Import), as on the replaced cluster: aws_s3 in the copy reaches what it reaches"),
        ("Lambda", "(Lambda), as on the replaced cluster: aws_lambda in the copy reaches what it reaches"),
        ("ofTomorrow", "(ofTomorrow), as on the replaced cluster"),
        ("", "role/loader, as on the replaced cluster"),
    ],
)
def test_the_roles_of_the_replaced_cluster_are_named_with_what_reaches_out_through_them(
    feature: str, ending: str
) -> None:
    role = replace(LOADER, feature_name=feature)
    replaced = configuration_of(cluster(roles=(role,)), instances())

    assert said(replaced)["role"].endswith(ending)
