"""What RDS and Application Auto Scaling ask IAM for, by request.

Sources: the service authorization reference (docs.aws.amazon.com/service-authorization/latest/reference/list_rds.html
and list_awsapplicationautoscaling.html, read in November 2026) for actions, types of resources and dependent actions;
the user guide of Application Auto Scaling ("Permissions validation for API calls on target resources") for what it
tries in the caller's name.

Where the reference leaves open whether a right is asked for, it is asked for here: on everything that a request names,
and on the default groups of what it makes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from local_stack.permissions.check import Check, pass_role

Params = Mapping[str, Any]


class UnknownRequest(LookupError):
    """The table has no row for a request."""


@dataclass(frozen=True)
class _Named:
    """A resource that a parameter names, by its name or its ARN; `otherwise` is its name where the request has none.

    Without `otherwise` a request that does not name it is not asked about it.
    """

    kind: str
    parameter: str
    otherwise: str = ""


def _all_or(kind: str, parameter: str) -> _Named:
    return _Named(kind, parameter, "*")


_CLUSTER = _Named("cluster", "DBClusterIdentifier")
_INSTANCE = _Named("db", "DBInstanceIdentifier")
_CLUSTER_GROUP = _Named("cluster-pg", "DBClusterParameterGroupName")
_SNAPSHOT = _Named("cluster-snapshot", "DBClusterSnapshotIdentifier")
_ENDPOINT = _Named("cluster-endpoint", "DBClusterEndpointIdentifier")
_OF_A_NEW_CLUSTER = (
    _Named("cluster-pg", "DBClusterParameterGroupName", "default.of-the-engine"),
    _Named("og", "OptionGroupName", "default:of-the-engine"),
    _Named("subgrp", "DBSubnetGroupName", "default"),
)

# The first one is what the request makes or changes; tags are given to it.
_RDS: Mapping[str, tuple[_Named, ...]] = {
    "DescribeDBClusters": (_all_or("cluster", "DBClusterIdentifier"),),
    "CreateDBCluster": (_CLUSTER, *_OF_A_NEW_CLUSTER),
    "RestoreDBClusterFromSnapshot": (
        _CLUSTER, *_OF_A_NEW_CLUSTER, _Named("cluster-snapshot", "SnapshotIdentifier"),
    ),
    "ModifyDBCluster": (
        _CLUSTER, _Named("cluster", "NewDBClusterIdentifier"), _CLUSTER_GROUP, _Named("og", "OptionGroupName"),
        _Named("pg", "DBInstanceParameterGroupName"),
    ),
    "DeleteDBCluster": (_CLUSTER, _Named("cluster-snapshot", "FinalDBSnapshotIdentifier")),
    "StopDBCluster": (_CLUSTER,),
    "StartDBCluster": (_CLUSTER,),
    "AddRoleToDBCluster": (_CLUSTER,),
    "DescribeDBClusterAutomatedBackups": (
        _CLUSTER, _all_or("cluster-auto-backup", ""),  # found by the id of their cluster: no parameter names one
    ),
    "EnableHttpEndpoint": (_Named("cluster", "ResourceArn"),),
    "DisableHttpEndpoint": (_Named("cluster", "ResourceArn"),),
    "CreateDBClusterEndpoint": (_ENDPOINT, _CLUSTER),
    "DescribeDBClusterEndpoints": (
        _all_or("cluster", "DBClusterIdentifier"), _all_or("cluster-endpoint", "DBClusterEndpointIdentifier"),
    ),
    "DeleteDBClusterEndpoint": (_ENDPOINT,),
    "DescribeDBInstances": (_all_or("db", "DBInstanceIdentifier"),),
    "CreateDBInstance": (
        _INSTANCE, _CLUSTER, _Named("pg", "DBParameterGroupName"), _Named("subgrp", "DBSubnetGroupName"),
    ),
    "ModifyDBInstance": (
        _INSTANCE, _Named("db", "NewDBInstanceIdentifier"), _Named("pg", "DBParameterGroupName"),
    ),
    "RebootDBInstance": (_INSTANCE,),
    "DeleteDBInstance": (_INSTANCE,),
    "DescribeDBSubnetGroups": (_all_or("subgrp", "DBSubnetGroupName"),),
    "CreateDBSubnetGroup": (_Named("subgrp", "DBSubnetGroupName"),),
    "DescribeDBClusterParameterGroups": (_all_or("cluster-pg", "DBClusterParameterGroupName"),),
    "DescribeDBParameterGroups": (_all_or("pg", "DBParameterGroupName"),),
    "CreateDBClusterParameterGroup": (_CLUSTER_GROUP,),
    "CreateDBParameterGroup": (_Named("pg", "DBParameterGroupName"),),
    "CopyDBClusterParameterGroup": (
        _Named("cluster-pg", "TargetDBClusterParameterGroupIdentifier"),
        _Named("cluster-pg", "SourceDBClusterParameterGroupIdentifier"),
    ),
    "ModifyDBClusterParameterGroup": (_CLUSTER_GROUP,),
    "ResetDBClusterParameterGroup": (_CLUSTER_GROUP,),
    "DeleteDBClusterParameterGroup": (_CLUSTER_GROUP,),
    "DescribeDBClusterParameters": (_CLUSTER_GROUP,),
    "DescribeDBClusterSnapshots": (
        _all_or("cluster", "DBClusterIdentifier"), _all_or("cluster-snapshot", "DBClusterSnapshotIdentifier"),
    ),
    "CreateDBClusterSnapshot": (_SNAPSHOT, _CLUSTER),
    "CopyDBClusterSnapshot": (
        _Named("cluster-snapshot", "TargetDBClusterSnapshotIdentifier"),
        _Named("cluster-snapshot", "SourceDBClusterSnapshotIdentifier"),
    ),
    "DeleteDBClusterSnapshot": (_SNAPSHOT,),
    "DescribeDBClusterSnapshotAttributes": (_SNAPSHOT,),
    # The reference knows no resources for these.
    "DescribeAccountAttributes": (),
    "DescribeDBEngineVersions": (),
    "DescribeOrderableDBInstanceOptions": (),
    "DescribeEvents": (),
    "DescribeGlobalClusters": (_all_or("global-cluster", "GlobalClusterIdentifier"),),
    "ListTagsForResource": (_Named("", "ResourceName"),),
    "AddTagsToResource": (_Named("", "ResourceName"),),
    "RemoveTagsFromResource": (_Named("", "ResourceName"),),
}  # fmt: skip

_SCALING = {
    "RegisterScalableTarget": True,
    "DeregisterScalableTarget": True,
    "PutScalingPolicy": True,
    "DescribeScalableTargets": False,
    "DescribeScalingPolicies": False,
}
"""Whether the reference knows a resource for it."""

_TRIED_BY_SCALING = (
    "rds:CreateDBInstance", "rds:DeleteDBInstance", "rds:AddTagsToResource", "rds:DescribeDBClusters",
    "rds:DescribeDBInstances", "cloudwatch:PutMetricAlarm", "cloudwatch:DescribeAlarms", "cloudwatch:DeleteAlarms",
)  # fmt: skip


@dataclass(frozen=True)
class AuroraRequest:
    """A request as botocore's model types it, for a Region of an account."""

    action: str
    region: str
    account_id: str
    params: Params

    def checks(self) -> tuple[Check, ...]:
        """Everything that RDS asks IAM for, the request's own action first.

        Raises:
            UnknownRequest: the table has no row for it.
        """
        if self.action not in _RDS:
            raise UnknownRequest(f"rds:{self.action}")
        resources = [arn for named in _RDS[self.action] if (arn := self._arn(named))] or ["*"]
        tags = self._request_tags()
        own = tuple(Check(f"rds:{self.action}", arn, tags) for arn in resources)
        return (*own, *self._besides(resources))

    def scaling_checks(self) -> tuple[Check, ...]:
        """The same for a request of Application Auto Scaling. Raises UnknownRequest."""
        if self.action not in _SCALING:
            raise UnknownRequest(f"application-autoscaling:{self.action}")
        # ARNs of scalable targets hold an id that is not a name: any of them stands for all.
        target = (
            f"arn:aws:application-autoscaling:{self.region}:{self.account_id}:scalable-target/of-the-request"
        )
        context = {
            "application-autoscaling:service-namespace": str(self.params.get("ServiceNamespace", "")),
            "application-autoscaling:scalable-dimension": str(self.params.get("ScalableDimension", "")),
        }
        resource = target if _SCALING[self.action] else "*"
        own = Check(f"application-autoscaling:{self.action}", resource, context)
        if self.action != "RegisterScalableTarget":
            return (own,)
        return (own, *(Check(action, "*", {"aws:ViaAWSService": "true"}) for action in _TRIED_BY_SCALING))

    def _besides(self, resources: list[str]) -> Iterator[Check]:
        """The dependent actions, as far as the parameters of the request lead to them."""
        params, made = self.params, resources[0]
        if params.get("Tags") and self.action != "AddTagsToResource":
            yield Check("rds:AddTagsToResource", made, self._request_tags())
        if self.action == "DeleteDBCluster" and params.get("FinalDBSnapshotIdentifier"):
            yield from (Check("rds:CreateDBClusterSnapshot", arn) for arn in resources)
        if role := params.get("RoleArn"):
            yield pass_role(str(role), "rds.amazonaws.com")
        if role := params.get("MonitoringRoleArn"):
            yield pass_role(str(role), "monitoring.rds.amazonaws.com")
        if params.get("ManageMasterUserPassword"):
            secret = f"arn:aws:secretsmanager:{self.region}:{self.account_id}:secret:rds!cluster-of-the-request-AbCdEf"
            for action in ("CreateSecret", "TagResource"):
                yield Check(f"secretsmanager:{action}", secret)
        if key := params.get("KmsKeyId"):
            through = {"kms:ViaService": f"rds.{self.region}.amazonaws.com"}
            yield Check("kms:DescribeKey", self._key(str(key)), through)
            yield Check(
                "kms:CreateGrant", self._key(str(key)), {**through, "kms:GrantIsForAWSResource": "true"}
            )

    def _arn(self, named: _Named) -> str:
        given = str(self.params.get(named.parameter) or named.otherwise)
        if not given or given.startswith("arn:"):
            return given
        region = "" if named.kind == "global-cluster" else self.region
        return f"arn:aws:rds:{region}:{self.account_id}:{named.kind}:{given.lower()}"

    def _key(self, key: str) -> str:
        if key.startswith("arn:"):
            return key
        kind = "" if key.startswith("alias/") else "key/"
        return f"arn:aws:kms:{self.region}:{self.account_id}:{kind}{key}"

    def _request_tags(self) -> Mapping[str, str]:
        return {
            f"aws:RequestTag/{tag['Key']}": str(tag.get("Value", "")) for tag in self.params.get("Tags") or ()
        }
