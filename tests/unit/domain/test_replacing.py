"""What comes from the replaced cluster, and what may not differ from it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.domain.builders import OPERATION_ID, SETTINGS, cluster, instances, request, snapshot

from aurora_restore.domain.cluster_settings import ClusterRole
from aurora_restore.domain.configuration import ACCEPTABLE_FIELDS, ClusterConfiguration, configuration_of
from aurora_restore.domain.naming import OPERATION_TAG
from aurora_restore.domain.observed import DbInstance
from aurora_restore.domain.plan import RestorePlan, build_plan
from aurora_restore.domain.prediction import compared, predicted_differences
from aurora_restore.domain.replacement import Replacement, with_defaults_of
from aurora_restore.domain.request import RestoreRequest
from aurora_restore.domain.restoring import instance_parameters
from aurora_restore.domain.selection import SelectedSnapshot
from aurora_restore.domain.states import Strategy

SILENT = {
    "db_instance_class": ...,
    "vpc_security_group_ids": ...,
    "db_subnet_group_name": ...,
}


def old_members() -> list[DbInstance]:
    writer, reader = instances(2)
    return [
        replace(writer, db_instance_class="db.r6g.2xlarge", promotion_tier=0, performance_insights=True),
        replace(reader, db_instance_class="db.r6g.large", promotion_tier=5, db_parameter_group_name="mine"),
    ]


def old(**changes: Any) -> ClusterConfiguration:
    members = old_members()
    existing = cluster(
        db_cluster_resource_id="cluster-OLD",
        vpc_security_group_ids=("sg-old",),
        db_subnet_group_name="old-subnets",
        db_cluster_parameter_group_name="mine",
        port=5433,
        storage_type="aurora-iopt1",
        backup_retention_days=14,
        preferred_backup_window="01:00-01:30",
        preferred_maintenance_window="sat:05:00-sat:05:30",
        cloudwatch_logs_exports=("postgresql",),
        roles=(ClusterRole("arn:aws:iam::123456789012:role/import", "s3Import"),),
        member_identifiers=tuple(item.db_instance_identifier for item in members),
        tags={"team": "shop", OPERATION_TAG: "restore-earlier", "aws:cloudformation:stack-name": "x"},
    )
    return configuration_of(replace(existing, **changes), members)


def planned(asked: RestoreRequest, replaced: ClusterConfiguration) -> RestorePlan:
    effective = with_defaults_of(asked, replaced, keeps_port=True)
    selected = SelectedSnapshot(snapshot(), "the only one")
    return build_plan(OPERATION_ID, effective, selected, None, SETTINGS, replaced)


def test_what_the_request_does_not_name_is_as_on_the_replaced_cluster() -> None:
    made = planned(request(**SILENT), old())
    assert made.cluster.db_subnet_group_name == "old-subnets"
    assert made.cluster.vpc_security_group_ids == ("sg-old",)
    assert (made.cluster.port, made.cluster.storage_type) == (5433, "aurora-iopt1")
    assert made.cluster.roles[0].feature_name == "s3Import"
    assert made.users_tags == {"team": "shop"}
    assert [item.db_instance_class for item in made.instances] == ["db.r6g.2xlarge", "db.r6g.large"]
    assert [item.promotion_tier for item in made.instances] == [0, 5]
    assert made.instances[1].db_parameter_group_name == "mine"
    assert predicted_differences(made, old(), keeps_port=True) == ()


def test_what_the_request_names_is_as_it_says_and_no_surprise() -> None:
    asked = request(**(SILENT | {"db_instance_class": "db.r5.large", "port": 6000, "tags": {}}))
    made = planned(asked, old())
    assert {item.db_instance_class for item in made.instances} == {"db.r5.large"}
    found = predicted_differences(made, old(), keeps_port=True)
    assert {item.field for item in found} == {"db_instance_class", "port", "tags"}
    assert not any(item.stops_the_run for item in found)


def test_leaving_it_out_does_not_enrol_a_cluster_in_paid_support() -> None:
    paid = old(engine_lifecycle_support="open-source-rds-extended-support")
    made = planned(request(**SILENT), paid)
    assert made.cluster.engine_lifecycle_support == "open-source-rds-extended-support-disabled"
    assert predicted_differences(made, paid, keeps_port=True) == ()


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("engine_version", {"engine_version": "15.3"}),
        ("custom_endpoints", {"custom_endpoints": ("reports",)}),
    ],
)
def test_what_was_not_requested_stops_the_run_unless_it_is_accepted(
    field: str, changes: dict[str, Any]
) -> None:
    replaced = old(**changes)
    (found,) = predicted_differences(planned(request(**SILENT), replaced), replaced, keeps_port=True)
    assert (found.field, found.stops_the_run) == (field, True)
    accepting = request(**(SILENT | {"accept_differences": [field]}))
    (accepted,) = predicted_differences(planned(accepting, replaced), replaced, keeps_port=True)
    assert not accepted.stops_the_run


def test_a_difference_of_what_exists_is_found_field_by_field() -> None:
    made = planned(request(**SILENT), old())
    assert made.replacement is not None
    restored = replace(old(), backup_retention_days=1, deletion_protection=True)
    found = compared(made.replacement, old(), restored, keeps_port=True)
    assert [(item.field, item.replaced, item.restored) for item in found] == [
        ("backup_retention_days", "14", "1"),
        ("deletion_protection", "no", "yes"),
    ]


def test_the_new_cluster_is_restored_under_a_staging_name_or_after_it() -> None:
    beside, after = planned(request(), old()), planned(request(replace_strategy="delete_first"), old())
    assert (beside.strategy, after.strategy) == (Strategy.SWAP, Strategy.DELETE_FIRST)
    assert beside.cluster.db_cluster_identifier != "aurora-restored-cluster"
    assert after.cluster.db_cluster_identifier == "aurora-restored-cluster"


def test_a_plan_and_a_configuration_come_back_from_the_record_as_they_were() -> None:
    made = planned(request(), old())
    assert RestorePlan.from_item(made.to_item()) == made
    assert ClusterConfiguration.from_item(old().to_item()) == old()


def test_every_field_that_is_compared_can_be_accepted() -> None:
    assert request(accept_differences=list(ACCEPTABLE_FIELDS)).accept_differences == ACCEPTABLE_FIELDS


def test_a_retention_of_performance_insights_turns_them_on_and_is_no_surprise() -> None:
    asked = planned(request(**SILENT, performance_insights_retention_days=62), old())
    settings = [instance_parameters(asked, instance).settings for instance in asked.instances]
    assert [each["performance_insights_retention_days"] for each in settings] == [62, 62]
    assert all(each["performance_insights"] for each in settings)
    assert not any(each.stops_the_run for each in predicted_differences(asked, old(), keeps_port=True))


@pytest.mark.parametrize(
    "names", [{"aside_identifier": "a"}, {"aside_identifier": "b", "retired_identifier": "a"}]
)
def test_the_name_of_the_retired_cluster_is_read_under_its_former_name_too(names: dict[str, str]) -> None:
    assert Replacement.from_item(item_of_a_replacement(names)).retired_identifier == "a"


def test_a_replacement_without_the_name_of_the_retired_cluster_is_not_read() -> None:
    with pytest.raises(TypeError):
        Replacement.from_item(item_of_a_replacement({}))


def item_of_a_replacement(names: dict[str, str]) -> dict[str, Any]:
    rest = {"strategy": "swap", "replaced_resource_id": "cluster-OLD", "final_snapshot_identifier": None}
    return {**rest, "accept_differences": [], "asked_for": [], **names}
