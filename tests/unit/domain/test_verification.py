from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.domain.builders import cluster, instances, plan

from aurora_restore.domain.observed import DbCluster, DbInstance
from aurora_restore.domain.verification import Settling, compare, is_pending, settling


def differing(**changes: Any) -> list[str]:
    return [check.field for check in compare(plan(), cluster(**changes), instances()) if not check.matches]


def test_a_cluster_as_it_was_asked_for_matches_in_every_field() -> None:
    assert differing() == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"engine_version": "16.1"}, "engine_version"),
        ({"db_subnet_group_name": "default"}, "db_subnet_group_name"),
        ({"vpc_security_group_ids": ("sg-default",)}, "vpc_security_group_ids"),
        ({"deletion_protection": True}, "deletion_protection"),
        ({"iam_authentication": True}, "iam_authentication"),
        ({"engine_lifecycle_support": "open-source-rds-extended-support"}, "engine_lifecycle_support"),
        ({"tags": {}}, "tag aurora-restore:operation-id"),
    ],
)
def test_a_field_that_differs_is_named(changes: dict[str, Any], field: str) -> None:
    assert field in differing(**changes)


@pytest.mark.parametrize("value", ["", "none"])
def test_a_tag_that_is_missing_is_no_tag_of_any_value(value: str) -> None:
    asked = plan()
    asked = replace(asked, cluster=replace(asked.cluster, tags={"team": value}))
    (check,) = [each for each in compare(asked, cluster(), instances()) if each.field == "tag team"]
    assert not check.matches


def test_a_list_in_another_order_is_no_difference() -> None:
    groups = ("sg-2", "sg-1")
    asked = plan()
    asked = replace(asked, cluster=replace(asked.cluster, vpc_security_group_ids=groups))
    found = compare(asked, cluster(vpc_security_group_ids=groups[::-1]), instances())
    assert [each.matches for each in found if each.field == "vpc_security_group_ids"] == [True]


def test_a_member_of_another_class_is_named() -> None:
    checks = compare(plan(), cluster(), instances(db_instance_class="db.t4g.medium"))
    assert [check.found for check in checks if not check.matches] == ["db.t4g.medium"]


def test_a_member_that_is_missing_is_named() -> None:
    assert [check.field for check in compare(plan(), cluster(), []) if not check.matches] == ["members"]


def test_an_encryption_that_was_asked_for_is_compared() -> None:
    asked = plan(kms_key_arn="arn:key", kms_key_id="alias/x")
    fields = {check.field for check in compare(asked, cluster(), instances()) if not check.matches}
    assert {"kms_key_id", "storage_encrypted"} <= fields


@pytest.mark.parametrize(
    ("found", "members", "state"),
    [
        (cluster(), instances(), Settling.SETTLED),
        (cluster(status="backing-up"), instances(), Settling.SETTLED),
        (cluster(status="modifying"), instances(), Settling.CHANGING),
        (cluster(), instances(status="rebooting"), Settling.CHANGING),
        (cluster(pending_modified_values={"x": 1}), instances(), Settling.PENDING),
    ],
)
def test_a_difference_counts_once_nothing_changes_any_more(
    found: DbCluster, members: list[DbInstance], state: Settling
) -> None:
    assert settling(found, members) is state


def test_a_value_that_rds_has_accepted_and_not_applied_is_pending() -> None:
    found = cluster(iam_authentication=True, pending_modified_values={"iam_authentication": False})
    differing_checks = [check for check in compare(plan(), found, instances()) if not check.matches]
    assert [is_pending(check, found) for check in differing_checks] == [True]
    assert not is_pending(differing_checks[0], cluster())
