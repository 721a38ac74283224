"""The names that RDS has for our settings."""

from __future__ import annotations

from functools import cache

import botocore.session
import pytest
from botocore.model import ListShape, Shape, StructureShape

from aurora_restore.aws.rds_settings import (
    CLUSTER_NAMES,
    INSTANCE_NAMES,
    changed_parameters,
    new_parameters,
    shown_settings,
)
from aurora_restore.domain.cluster_settings import (
    CLUSTER_SETTINGS,
    INSTANCE_SETTINGS,
    SETTINGS,
    requested_settings,
)
from local_aurora.model import OPERATIONS


@cache
def members(operation: str, *path: str) -> frozenset[str]:
    """The parameters of an operation of RDS, or the fields of what it answers."""
    model = botocore.session.get_session().get_service_model("rds").operation_model(operation)
    shape: Shape | None = model.output_shape if path else model.input_shape
    for name in path:
        assert isinstance(shape, StructureShape)
        listed = shape.members[name]
        assert isinstance(listed, ListShape)
        shape = listed.member
    assert isinstance(shape, StructureShape)
    return frozenset(shape.members)


def test_every_setting_has_its_name_at_rds_and_rds_has_no_other() -> None:
    assert list(CLUSTER_NAMES) == list(CLUSTER_SETTINGS)
    assert list(INSTANCE_NAMES) == list(INSTANCE_SETTINGS)


@pytest.mark.parametrize("name", CLUSTER_NAMES)
def test_rds_takes_and_shows_a_setting_of_a_cluster_where_its_row_says_so(name: str) -> None:
    row, at_rds = CLUSTER_SETTINGS[name], CLUSTER_NAMES[name]
    assert at_rds.shown_as in members("DescribeDBClusters", "DBClusters")
    if row.is_restored:
        assert at_rds.parameter in members("RestoreDBClusterFromSnapshot")
    if row.afterwards:
        assert at_rds.parameter in members("ModifyDBCluster")


@pytest.mark.parametrize("name", INSTANCE_NAMES)
def test_rds_takes_and_shows_a_setting_of_an_instance(name: str) -> None:
    at_rds = INSTANCE_NAMES[name]
    assert at_rds.shown_as in members("DescribeDBInstances", "DBInstances")
    assert at_rds.parameter in members("CreateDBInstance")


@pytest.mark.parametrize("name", SETTINGS)
def test_the_local_aurora_takes_a_setting_wherever_rds_is_asked_for_it(name: str) -> None:
    row, parameter = SETTINGS[name], {**CLUSTER_NAMES, **INSTANCE_NAMES}[name].parameter
    asked = {
        "CreateDBInstance": name in INSTANCE_SETTINGS,
        "RestoreDBClusterFromSnapshot": name in CLUSTER_SETTINGS and row.is_restored,
        "ModifyDBCluster": row.afterwards is not None,
    }
    refusing = [
        action
        for action, is_asked in asked.items()
        if is_asked and parameter not in OPERATIONS[action].honours
    ]
    assert refusing == [], (
        f"the local Aurora refuses {parameter}: add it to SETTINGS of src/local_aurora/cluster_settings.py, "
        "or to the settings of src/local_aurora/instances.py"
    )


@pytest.mark.parametrize("name", SETTINGS)
def test_what_rds_does_not_show_is_read_as_something_that_need_not_be_asked_for(name: str) -> None:
    read = {**CLUSTER_NAMES, **INSTANCE_NAMES}[name].read(None)
    assert read in (None, False, True, 0, (), "aurora")
    assert isinstance(read, type(SETTINGS[name].default)) or None in (read, SETTINGS[name].default)


def test_a_name_that_is_no_settings_is_refused() -> None:
    for parameters in (new_parameters, changed_parameters):
        with pytest.raises(KeyError):
            parameters({"Port": 5432})
        with pytest.raises(KeyError):
            parameters({"roles": ()})


def test_a_change_names_the_logs_to_export_otherwise_than_a_restore() -> None:
    expected = {"cloudwatch_logs_exports": ("postgresql",)}
    assert new_parameters(expected) == {"EnableCloudwatchLogsExports": ["postgresql"]}
    changed = changed_parameters(expected | {"port": 5432})
    assert changed["CloudwatchLogsExportConfiguration"] == {"EnableLogTypes": ["postgresql"]}
    assert changed["Port"] == 5432


def test_what_rds_shows_of_a_setting_is_what_asks_for_it_again() -> None:
    shown = {
        "DBSubnetGroup": "databases",
        "VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-2"}, {"VpcSecurityGroupId": "sg-1"}],
        "IAMDatabaseAuthenticationEnabled": True,
        "ServerlessV2ScalingConfiguration": {"MinCapacity": 0.5, "MaxCapacity": 4},
        "NetworkType": "IPV4",
        "BackupRetentionPeriod": 7,
    }
    asked = new_parameters(requested_settings(shown_settings(CLUSTER_NAMES, shown)))
    assert asked == {
        "DBSubnetGroupName": "databases",
        "VpcSecurityGroupIds": ["sg-1", "sg-2"],
        "StorageType": "aurora",
        "CopyTagsToSnapshot": False,
        "DeletionProtection": False,
        "EnableIAMDatabaseAuthentication": True,
        "ServerlessV2ScalingConfiguration": {"MinCapacity": 0.5, "MaxCapacity": 4},
    }
