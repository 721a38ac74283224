"""The calls of RDS that are about parameter groups. Those of clusters say `DBParameterGroup…` in their codes too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from aurora_restore.aws.failures import Translating
from aurora_restore.aws.rds_changing import Changing
from aurora_restore.aws.rds_codes import GROUP_NOT_FOUND_CODES
from aurora_restore.aws.rds_endpoints import CustomEndpoints
from aurora_restore.aws.rds_parsing import parse_cluster_parameter_group, parse_tags, to_tag_list
from aurora_restore.domain.observed import ParameterGroup

if TYPE_CHECKING:
    from mypy_boto3_rds.type_defs import ParameterTypeDef

_TAKEN_CODES = frozenset({"DBParameterGroupAlreadyExists", "DBParameterGroupAlreadyExistsFault"})
_BUSY_CODES = ("InvalidDBParameterGroupState", "InvalidDBParameterGroupStateFault")


class ParameterGroups(CustomEndpoints):
    """The part of the port `Rds` that finds them, and makes and removes those of clusters."""

    def find_cluster_parameter_group(self, name: str) -> ParameterGroup | None:
        with Translating("rds", ignoring=GROUP_NOT_FOUND_CODES):
            response = self._rds.describe_db_cluster_parameter_groups(DBClusterParameterGroupName=name)
            groups = response["DBClusterParameterGroups"]
            return parse_cluster_parameter_group(groups[0]) if groups else None
        return None

    def find_parameter_group(self, name: str) -> ParameterGroup | None:
        with Translating("rds", ignoring=GROUP_NOT_FOUND_CODES):
            groups = self._rds.describe_db_parameter_groups(DBParameterGroupName=name)["DBParameterGroups"]
            return ParameterGroup(name, groups[0].get("DBParameterGroupFamily", "")) if groups else None
        return None

    def list_cluster_parameter_groups(self) -> Sequence[ParameterGroup]:
        """All of the account in this Region; every page."""
        pages = self._rds.get_paginator("describe_db_cluster_parameter_groups").paginate()
        with Translating("rds"):
            groups = [group for page in pages for group in page["DBClusterParameterGroups"]]
        return [parse_cluster_parameter_group(group) for group in groups]

    def group_tags(self, group: ParameterGroup) -> Mapping[str, str]:
        """The tags of a group; empty where it is gone."""
        # DescribeDBClusterParameterGroups does not show them.
        with Translating("rds", ignoring=GROUP_NOT_FOUND_CODES):
            return parse_tags(self._rds.list_tags_for_resource(ResourceName=group.arn)["TagList"])
        return {}

    def cluster_parameters(self, name: str) -> Mapping[str, str | None]:
        """The values of the parameters that can be changed; every page. Empty where the group is gone."""
        pages = self._rds.get_paginator("describe_db_cluster_parameters").paginate(
            DBClusterParameterGroupName=name
        )
        with Translating("rds", ignoring=GROUP_NOT_FOUND_CODES):
            return {
                item.get("ParameterName", ""): item.get("ParameterValue")
                for page in pages
                for item in page["Parameters"]
                if item.get("IsModifiable")
            }
        return {}

    def create_cluster_parameter_group(
        self, name: str, family: str, description: str, tags: Mapping[str, str]
    ) -> None:
        """One with the defaults of its family. Raises QuotaExceeded, AwsRequestFailed."""
        with Translating("rds", ignoring=_TAKEN_CODES):
            self._rds.create_db_cluster_parameter_group(
                DBClusterParameterGroupName=name,
                DBParameterGroupFamily=family,
                Description=description,
                Tags=to_tag_list(tags),
            )

    def copy_cluster_parameter_group(
        self, source: str, name: str, description: str, tags: Mapping[str, str]
    ) -> None:
        """A default group cannot be copied. Raises ParameterGroupNotFound, QuotaExceeded, AwsRequestFailed."""
        with Translating("rds", ignoring=_TAKEN_CODES):
            self._rds.copy_db_cluster_parameter_group(
                SourceDBClusterParameterGroupIdentifier=source,
                TargetDBClusterParameterGroupIdentifier=name,
                TargetDBClusterParameterGroupDescription=description,
                Tags=to_tag_list(tags),
            )

    def set_cluster_parameters(self, name: str, values: Mapping[str, str]) -> None:
        """Set at most twenty parameters.

        Raises:
            ResourceBusy: the group has changes pending.
        """
        # `pending-reboot` is right for static and dynamic parameters alike: no cluster has the group yet.
        parameters: list[ParameterTypeDef] = [
            {"ParameterName": key, "ParameterValue": value, "ApplyMethod": "pending-reboot"}
            for key, value in values.items()
        ]
        with Changing(f"the parameter group {name}", waiting=_waiting(name)):
            self._rds.modify_db_cluster_parameter_group(
                DBClusterParameterGroupName=name,
                Parameters=parameters,
            )

    def reset_cluster_parameters(self, name: str, parameters: Sequence[str]) -> None:
        """Reset at most twenty parameters to the defaults of the family.

        Raises:
            ResourceBusy: the group has changes pending.
        """
        named: list[ParameterTypeDef] = [
            {"ParameterName": each, "ApplyMethod": "pending-reboot"} for each in parameters
        ]
        with Changing(f"the parameter group {name}", waiting=_waiting(name)):
            self._rds.reset_db_cluster_parameter_group(DBClusterParameterGroupName=name, Parameters=named)

    def delete_cluster_parameter_group(self, name: str) -> None:
        """Raises ResourceBusy where a cluster has it, or had it until a while ago."""
        with Changing(f"the parameter group {name}", ignoring=GROUP_NOT_FOUND_CODES, waiting=_waiting(name)):
            self._rds.delete_db_cluster_parameter_group(DBClusterParameterGroupName=name)


def _waiting(name: str) -> Mapping[str, str]:
    return dict.fromkeys(_BUSY_CODES, f"the parameter group {name} is in use or being changed")
