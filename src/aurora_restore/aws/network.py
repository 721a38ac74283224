"""EC2: the security groups of a Region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from aurora_restore.aws.failures import Translating
from aurora_restore.domain.observed import SecurityGroup

if TYPE_CHECKING:
    from aurora_restore.aws.clients import Clients

# EC2 takes at most 200 values in one filter.
FILTER_VALUES = 200


class AwsNetwork:
    """Implements the port `Network` for one Region."""

    def __init__(self, clients: Clients, region: str | None = None) -> None:
        self._clients = clients
        self._region = region

    def find_security_groups(self, group_ids: Sequence[str]) -> Mapping[str, SecurityGroup]:
        """The groups that exist, by id."""
        ids = sorted(set(group_ids))
        found: dict[str, SecurityGroup] = {}
        for start in range(0, len(ids), FILTER_VALUES):
            chunk = ids[start : start + FILTER_VALUES]
            pages = self._clients.ec2(self._region).get_paginator("describe_security_groups")
            # By filter: asked by `GroupIds`, EC2 answers with an error as soon as one is missing or malformed.
            with Translating("ec2"):
                groups = [
                    group
                    for page in pages.paginate(Filters=[{"Name": "group-id", "Values": chunk}])
                    for group in page["SecurityGroups"]
                ]
            found |= {
                group["GroupId"]: SecurityGroup(
                    group["GroupId"], group.get("GroupName", ""), group.get("VpcId", "")
                )
                for group in groups
                # Emulators overlook the filter.
                if group["GroupId"] in chunk
            }
        return found
