"""The calls of RDS that are about custom endpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from aurora_restore.aws.failures import Translating
from aurora_restore.aws.rds_changing import Changing
from aurora_restore.aws.rds_codes import CLUSTER_GONE_CODES
from aurora_restore.aws.rds_parsing import custom_endpoint_parameters, parse_custom_endpoint
from aurora_restore.domain.custom_endpoints import CustomEndpoint
from aurora_restore.domain.observed import DbCluster

if TYPE_CHECKING:
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_rds.type_defs import DBClusterEndpointTypeDef

    from aurora_restore.aws.clients import Clients


class CustomEndpoints:
    """The part of the port `Rds` that makes, lists and deletes them."""

    def __init__(self, clients: Clients, region: str | None = None) -> None:
        self._clients = clients
        self._region = region or clients.region

    @property
    def _rds(self) -> RDSClient:
        return self._clients.rds(self._region)

    def list_custom_endpoints(self, cluster: DbCluster) -> Sequence[CustomEndpoint]:
        """Those of a cluster that shows any."""
        return [parse_custom_endpoint(each) for each in self._custom_endpoints(cluster)]

    def custom_endpoint_statuses(self, cluster: DbCluster) -> Mapping[str, str]:
        """By identifier: `creating`, `available`, `deleting`, `inactive` or `modifying` (RDS API reference)."""
        found = self._custom_endpoints(cluster)
        return {each.get("DBClusterEndpointIdentifier", ""): each.get("Status", "") for each in found}

    def _custom_endpoints(self, cluster: DbCluster) -> Sequence[DBClusterEndpointTypeDef]:
        # DescribeDBClusters names them already, which spares a request for the many clusters without any.
        if not cluster.custom_endpoints:
            return []
        pages = self._rds.get_paginator("describe_db_cluster_endpoints").paginate(
            DBClusterIdentifier=cluster.db_cluster_identifier,
            Filters=[{"Name": "db-cluster-endpoint-type", "Values": ["custom"]}],
        )
        with Translating("rds", ignoring=CLUSTER_GONE_CODES):
            return [each for page in pages for each in page["DBClusterEndpoints"]]
        return []

    def create_custom_endpoint(self, db_cluster_identifier: str, endpoint: CustomEndpoint) -> None:
        """Raises ResourceBusy where the cluster is busy, or the endpoint's name is taken."""
        taken = {
            "DBClusterEndpointAlreadyExistsFault": f"the custom endpoint {endpoint.identifier} still exists"
        }
        with Changing(f"the cluster {db_cluster_identifier}", waiting=taken):
            self._rds.create_db_cluster_endpoint(
                **custom_endpoint_parameters(db_cluster_identifier, endpoint)
            )

    def delete_custom_endpoint(self, identifier: str) -> None:
        changing = {"InvalidDBClusterEndpointStateFault": f"the custom endpoint {identifier} is busy"}
        gone = {"DBClusterEndpointNotFoundFault"}
        with Changing(f"the custom endpoint {identifier}", ignoring=gone, waiting=changing):
            self._rds.delete_db_cluster_endpoint(DBClusterEndpointIdentifier=identifier)
