"""RDS in one Region.

A request to make something that exists is not an error here: `restore_cluster_from_snapshot`,
`create_instance` and `copy_cluster_snapshot` return as if they had made it. It may be our own request whose
reply was lost, or the object of another party, and only the next observation shows which, by its tags. So the answer
is the same and the step looks again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aurora_restore.aws.failures import AWS_ERRORS, Translating, error_code, error_message, translate
from aurora_restore.aws.rds_changing import Changing, busy
from aurora_restore.aws.rds_codes import (
    BUSY_CODES,
    CLUSTER_GONE_CODES,
    INSTANCE_GONE_CODES,
    NAME_TAKEN_CODE,
    SNAPSHOT_NOT_FOUND_CODES,
)
from aurora_restore.aws.rds_groups import ParameterGroups
from aurora_restore.aws.rds_parsing import (
    BACKUP_TYPE,
    has_member,
    parse_cluster,
    parse_cluster_snapshot,
    parse_instance,
    parse_quota,
    parse_subnet_group,
    to_tag_list,
    type_by_name,
)
from aurora_restore.aws.rds_settings import changed_parameters, new_parameters
from aurora_restore.domain.cluster_settings import SettingValues
from aurora_restore.domain.errors import PasswordNotAcceptable
from aurora_restore.domain.observed import (
    ClusterSnapshot,
    DbCluster,
    DbInstance,
    Quota,
    SubnetGroup,
)
from aurora_restore.domain.restoring import ClusterToRestore, InstanceToCreate


class AwsRds(ParameterGroups):
    """Implements the port `Rds` for one Region."""

    @property
    def region(self) -> str:
        return self._region

    def list_cluster_snapshots(
        self, db_cluster_identifier: str | None = None, *, with_backups: bool = False
    ) -> Sequence[ClusterSnapshot]:
        """All automated and manual snapshots of the account, or of one cluster; `with_backups`: AWS Backup's too."""
        pages = self._rds.get_paginator("describe_db_cluster_snapshots")
        # Without a type RDS leaves out the snapshots of AWS Backup, so they need a request of their own.
        asked_for: list[dict[str, Any]] = [{}, {"SnapshotType": BACKUP_TYPE}][: 1 + with_backups]
        with Translating("rds"):
            found = [
                parse_cluster_snapshot(item)
                for asked in asked_for
                for page in pages.paginate(**asked)
                for item in page["DBClusterSnapshots"]
            ]
        # RDS is not asked for the one cluster: "must match the identifier of an existing DBCluster", says its
        # reference, and in the target Region, or after a disaster, none exists.
        return [item for item in found if db_cluster_identifier in {None, item.db_cluster_identifier}]

    def find_cluster_snapshot(self, identifier_or_arn: str) -> ClusterSnapshot | None:
        """By its name, or the name in its ARN. Of one that RDS or AWS Backup made, the type is required as well."""
        name = identifier_or_arn.rpartition(":cluster-snapshot:")[2]
        chosen: dict[str, Any] = {"DBClusterSnapshotIdentifier": name}
        if kind := type_by_name(name):
            chosen["SnapshotType"] = kind
        with Translating("rds", ignoring=SNAPSHOT_NOT_FOUND_CODES):
            snapshots = self._rds.describe_db_cluster_snapshots(**chosen)["DBClusterSnapshots"]
            return parse_cluster_snapshot(snapshots[0]) if snapshots else None
        return None

    def copy_cluster_snapshot(
        self,
        source: ClusterSnapshot,
        source_region: str,
        target_identifier: str,
        kms_key_id: str | None,
        tags: Mapping[str, str],
    ) -> None:
        """Start a copy in this (the destination) Region.

        Raises:
            CopySlotsInUse: five copies are in flight already.
            QuotaExceeded: no room for another manual cluster snapshot.
            SnapshotNotFound, SnapshotNotAvailable, KmsKeyNotAccessible, AwsRequestFailed.
        """
        request: dict[str, Any] = {
            "SourceDBClusterSnapshotIdentifier": source.db_cluster_snapshot_identifier,
            "TargetDBClusterSnapshotIdentifier": target_identifier,
            # The source's tags may be AWS's own, which no request may set.
            "CopyTags": False,
            "Tags": to_tag_list(tags),
        }
        # From another Region RDS takes the source by its ARN only; botocore signs the request for SourceRegion.
        if source_region != self._region:
            request["SourceDBClusterSnapshotIdentifier"] = source.db_cluster_snapshot_arn
            request["SourceRegion"] = source_region
        # RDS refuses a key for a copy of a snapshot that is not encrypted.
        if source.kms_key_id and kms_key_id:
            request["KmsKeyId"] = kms_key_id
        with Translating("rds", ignoring={"DBClusterSnapshotAlreadyExistsFault"}):
            self._rds.copy_db_cluster_snapshot(**request)

    def find_cluster(self, db_cluster_identifier: str) -> DbCluster | None:
        with Translating("rds", ignoring=CLUSTER_GONE_CODES):
            clusters = self._rds.describe_db_clusters(DBClusterIdentifier=db_cluster_identifier)["DBClusters"]
            return parse_cluster(clusters[0]) if clusters else None
        return None

    def restore_cluster_from_snapshot(self, cluster: ClusterToRestore) -> None:
        """Begin a restore.

        Raises:
            QuotaExceeded, SnapshotNotFound, SnapshotNotAvailable, SubnetGroupNotFound,
            ParameterGroupNotFound, KmsKeyNotAccessible, AwsRequestFailed.
        """
        parameters = new_parameters(cluster.settings)
        with Translating("rds", ignoring={NAME_TAKEN_CODE}):
            self._rds.restore_db_cluster_from_snapshot(
                DBClusterIdentifier=cluster.db_cluster_identifier,
                SnapshotIdentifier=cluster.cluster_snapshot_identifier,
                Engine=cluster.engine,
                EngineVersion=cluster.engine_version,
                Tags=to_tag_list(cluster.tags),
                **parameters,
            )

    def list_clusters(self) -> Sequence[DbCluster]:
        """All Aurora clusters of the account in this Region."""
        pages = self._rds.get_paginator("describe_db_clusters").paginate()
        with Translating("rds"):
            clusters = [cluster for page in pages for cluster in page["DBClusters"]]
        return [parse_cluster(cluster) for cluster in clusters]

    def find_global_cluster_of(self, db_cluster_arn: str) -> str | None:
        """The identifier of the global cluster that a cluster is a member of."""
        pages = self._rds.get_paginator("describe_global_clusters").paginate()
        with Translating("rds"):
            found = [group for page in pages for group in page["GlobalClusters"]]
        return next(
            (item.get("GlobalClusterIdentifier") for item in found if has_member(item, db_cluster_arn)), None
        )

    def rename_cluster(self, db_cluster_identifier: str, new_db_cluster_identifier: str) -> None:
        """Begin a rename; RDS answers before it is done.

        Raises:
            ResourceBusy: the cluster is not `available`, or the new name is still taken: by another cluster, by this
                very rename, which was asked for before, or because RDS keeps a name for a while that was given up.
        """
        with Changing(
            f"the cluster {db_cluster_identifier}",
            ignoring=CLUSTER_GONE_CODES,
            waiting={NAME_TAKEN_CODE: f"the name {new_db_cluster_identifier} is not free"},
        ):
            self._rds.modify_db_cluster(
                DBClusterIdentifier=db_cluster_identifier,
                NewDBClusterIdentifier=new_db_cluster_identifier,
                ApplyImmediately=True,
            )

    def modify_cluster(self, db_cluster_identifier: str, settings: SettingValues) -> None:
        """Ask for settings, applied immediately. Raises ResourceBusy, AwsRequestFailed."""
        parameters = changed_parameters(settings)
        with Changing(f"the cluster {db_cluster_identifier}", ignoring=CLUSTER_GONE_CODES):
            self._rds.modify_db_cluster(
                DBClusterIdentifier=db_cluster_identifier, ApplyImmediately=True, **parameters
            )

    def manage_master_secret(self, db_cluster_identifier: str, kms_key_id: str | None) -> None:
        """Let RDS manage the master user's password from now on. Raises ResourceBusy, AwsRequestFailed."""
        key: dict[str, Any] = {"MasterUserSecretKmsKeyId": kms_key_id} if kms_key_id else {}
        with Changing(f"the cluster {db_cluster_identifier}", ignoring=CLUSTER_GONE_CODES):
            self._rds.modify_db_cluster(
                DBClusterIdentifier=db_cluster_identifier,
                ApplyImmediately=True,
                ManageMasterUserPassword=True,
                **key,
            )

    def add_role(self, db_cluster_identifier: str, role_arn: str, feature_name: str) -> None:
        """Let the cluster take on a role. Raises ResourceBusy, AccessDenied (iam:PassRole), AwsRequestFailed."""
        feature: dict[str, Any] = {"FeatureName": feature_name} if feature_name else {}
        with Changing(f"the cluster {db_cluster_identifier}", ignoring={"DBClusterRoleAlreadyExists"}):
            self._rds.add_role_to_db_cluster(
                DBClusterIdentifier=db_cluster_identifier, RoleArn=role_arn, **feature
            )

    def enable_data_api(self, db_cluster_arn: str) -> None:
        """Turn the Data API on."""
        # ModifyDBCluster does so only for Aurora Serverless v1, says its reference.
        with Changing(f"the cluster {db_cluster_arn}"):
            self._rds.enable_http_endpoint(ResourceArn=db_cluster_arn)

    def start_cluster(self, db_cluster_identifier: str) -> None:
        with Changing(f"the cluster {db_cluster_identifier}", ignoring=CLUSTER_GONE_CODES):
            self._rds.start_db_cluster(DBClusterIdentifier=db_cluster_identifier)

    def stop_cluster(self, db_cluster_identifier: str) -> None:
        with Changing(f"the cluster {db_cluster_identifier}", ignoring=CLUSTER_GONE_CODES):
            self._rds.stop_db_cluster(DBClusterIdentifier=db_cluster_identifier)

    def reboot_instance(self, db_instance_identifier: str) -> None:
        """Restart the database server of an instance. Raises ResourceBusy where it is not `available`."""
        with Changing(f"the instance {db_instance_identifier}", ignoring=INSTANCE_GONE_CODES):
            self._rds.reboot_db_instance(DBInstanceIdentifier=db_instance_identifier)

    def delete_instance(self, db_instance_identifier: str) -> None:
        with Changing(f"the instance {db_instance_identifier}", ignoring=INSTANCE_GONE_CODES):
            self._rds.delete_db_instance(DBInstanceIdentifier=db_instance_identifier, SkipFinalSnapshot=True)

    def delete_cluster(self, db_cluster_identifier: str, *, keep_automated_backups: bool) -> None:
        """Delete a cluster with no final snapshot.

        Raises:
            ResourceBusy: it still has instances that are not being deleted, or is busy.
            QuotaExceeded: no room for one more cluster's automated backups that are retained.
            AwsRequestFailed: it is protected, or a member of a global cluster.
        """
        with Changing(f"the cluster {db_cluster_identifier}", ignoring=CLUSTER_GONE_CODES):
            self._rds.delete_db_cluster(
                DBClusterIdentifier=db_cluster_identifier,
                # The caller has made and proved the final snapshot where one is to be kept: one that RDS makes
                # on the way cannot be checked before the data is gone.
                SkipFinalSnapshot=True,
                DeleteAutomatedBackups=not keep_automated_backups,
            )

    def create_cluster_snapshot(
        self, db_cluster_identifier: str, cluster_snapshot_identifier: str, tags: Mapping[str, str]
    ) -> None:
        """Begin a manual snapshot. Raises ResourceBusy, QuotaExceeded, KmsKeyNotAccessible, AwsRequestFailed."""
        with Changing(
            f"the cluster {db_cluster_identifier}", ignoring={"DBClusterSnapshotAlreadyExistsFault"}
        ):
            self._rds.create_db_cluster_snapshot(
                DBClusterIdentifier=db_cluster_identifier,
                DBClusterSnapshotIdentifier=cluster_snapshot_identifier,
                Tags=to_tag_list(tags),
            )

    def delete_cluster_snapshot(self, cluster_snapshot_identifier: str) -> None:
        """Delete a manual snapshot; of one that is being copied it ends the copying."""
        with Changing(f"the snapshot {cluster_snapshot_identifier}", ignoring=SNAPSHOT_NOT_FOUND_CODES):
            self._rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=cluster_snapshot_identifier)

    def modify_cluster_master_password(self, db_cluster_identifier: str, password: str) -> None:
        """Change the master user's password at once.

        Raises:
            PasswordNotAcceptable: RDS does not take it.
            ResourceBusy: the cluster is busy with another change.
        """
        try:
            self._rds.modify_db_cluster(
                DBClusterIdentifier=db_cluster_identifier, MasterUserPassword=password, ApplyImmediately=True
            )
        except AWS_ERRORS as error:
            if error_code(error) in BUSY_CODES:
                raise busy(f"the cluster {db_cluster_identifier}", error) from error
            if "MasterUserPassword" in error_message(error):
                # `from None`: botocore puts the value of a parameter into some of its messages.
                raise PasswordNotAcceptable(
                    f"RDS does not take the new master password of {db_cluster_identifier}"
                ) from None
            raise translate("rds", error) from error

    def list_cluster_instances(self, db_cluster_identifier: str) -> Sequence[DbInstance]:
        pages = self._rds.get_paginator("describe_db_instances").paginate(
            Filters=[{"Name": "db-cluster-id", "Values": [db_cluster_identifier]}]
        )
        with Translating("rds", ignoring=CLUSTER_GONE_CODES):
            return [parse_instance(instance) for page in pages for instance in page["DBInstances"]]
        return []

    def find_instance(self, db_instance_identifier: str) -> DbInstance | None:
        with Translating("rds", ignoring=INSTANCE_GONE_CODES):
            response = self._rds.describe_db_instances(DBInstanceIdentifier=db_instance_identifier)
            instances = response["DBInstances"]
            return parse_instance(instances[0]) if instances else None
        return None

    def create_instance(self, instance: InstanceToCreate) -> None:
        """Begin to make a member of a cluster.

        Raises:
            ResourceBusy: the cluster is busy, for instance with the instance that was created just before.
            QuotaExceeded, ParameterGroupNotFound, AwsRequestFailed.
        """
        cluster, parameters = instance.db_cluster_identifier, new_parameters(instance.settings)
        with Changing(f"the cluster {cluster}", ignoring={"DBInstanceAlreadyExists"}):
            self._rds.create_db_instance(
                DBInstanceIdentifier=instance.db_instance_identifier,
                DBClusterIdentifier=cluster,
                DBInstanceClass=instance.db_instance_class,
                Engine=instance.engine,
                PromotionTier=instance.promotion_tier,
                Tags=to_tag_list(instance.tags),
                **parameters,
            )

    def find_subnet_group(self, db_subnet_group_name: str) -> SubnetGroup | None:
        with Translating("rds", ignoring={"DBSubnetGroupNotFoundFault"}):
            response = self._rds.describe_db_subnet_groups(DBSubnetGroupName=db_subnet_group_name)
            groups = response["DBSubnetGroups"]
            return parse_subnet_group(groups[0]) if groups else None
        return None

    def parameter_group_family(self, engine: str, engine_version: str) -> str | None:
        """The family that the engine version belongs to; None where the Region does not offer the version."""
        pages = self._rds.get_paginator("describe_db_engine_versions").paginate(
            Engine=engine, EngineVersion=engine_version
        )
        with Translating("rds"):
            versions = [version for page in pages for version in page["DBEngineVersions"]]
        families = {
            version.get("EngineVersion"): version.get("DBParameterGroupFamily") for version in versions
        }
        # RDS takes the beginning of a version (`17`) for all that follow, so only the very version counts.
        return families.get(engine_version)

    def is_instance_class_orderable(self, engine: str, engine_version: str, db_instance_class: str) -> bool:
        """Whether the Region offers the class for the engine version."""
        pages = self._rds.get_paginator("describe_orderable_db_instance_options").paginate(
            Engine=engine, EngineVersion=engine_version, DBInstanceClass=db_instance_class
        )
        try:
            return any(page["OrderableDBInstanceOptions"] for page in pages)
        except AWS_ERRORS as error:
            # RDS answers `InvalidParameterCombination: Cannot find version …` for a version that it does not offer.
            if error_code(error) == "InvalidParameterCombination" and "Cannot find" in error_message(error):
                return False
            raise translate("rds", error) from error

    def count_retained_backups(self) -> int:
        """How many automated backups of deleted clusters are retained; as many as clusters may be."""
        pages = self._rds.get_paginator("describe_db_cluster_automated_backups").paginate(
            Filters=[{"Name": "status", "Values": ["retained"]}]
        )
        with Translating("rds"):
            return sum(len(page["DBClusterAutomatedBackups"]) for page in pages)
        return 0

    def quotas(self) -> Mapping[str, Quota]:
        """The account's quotas in this Region, by RDS's names (`DBClusters`, `ManualClusterSnapshots`, …)."""
        with Translating("rds"):
            quotas = self._rds.describe_account_attributes()["AccountQuotas"]
        return {quota.name: quota for quota in map(parse_quota, quotas)}

    def add_tags(self, arn: str, tags: Mapping[str, str]) -> None:
        with Translating("rds"):
            self._rds.add_tags_to_resource(ResourceName=arn, Tags=to_tag_list(tags))

    def remove_tags(self, arn: str, keys: Sequence[str]) -> None:
        with Translating("rds"):
            self._rds.remove_tags_from_resource(ResourceName=arn, TagKeys=list(keys))
