"""Exports of tables to S3 and imports from there, on the local AWS as on AWS."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import time
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.stack.conftest import Clients
from tests.stack.polling import poll_until

from local_stack.stack_info import StackInfo

ITEMS = {f"restore-{number}": {"operation_id": {"S": f"restore-{number}"}} for number in range(20)}
SHAPE: Any = {
    "KeySchema": [{"AttributeName": "operation_id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "operation_id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}


@pytest.fixture(scope="module")
def bucket(empty_stack: StackInfo, empty_boto: Clients) -> str:
    name = f"exports-{uuid.uuid4().hex[:12]}"
    configuration = {"LocationConstraint": empty_stack.region}
    empty_boto("s3").create_bucket(Bucket=name, CreateBucketConfiguration=configuration)
    return name


def make_table(dynamodb: Any, with_recovery: bool) -> str:
    name = f"table-{uuid.uuid4().hex[:12]}"
    arn = str(dynamodb.create_table(TableName=name, **SHAPE)["TableDescription"]["TableArn"])
    if with_recovery:
        dynamodb.update_continuous_backups(
            TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
    for item in ITEMS.values():
        dynamodb.put_item(TableName=name, Item=item)
    return arn


@pytest.fixture(scope="module")
def table_arn(empty_boto: Clients) -> str:
    return make_table(empty_boto("dynamodb"), with_recovery=True)


def ended(dynamodb: Any, export_arn: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        seen: dict[str, Any] = dynamodb.describe_export(ExportArn=export_arn)["ExportDescription"]
        return seen if seen["ExportStatus"] != "IN_PROGRESS" else None

    return poll_until(look, "the export to end", 30)


@pytest.fixture(scope="module")
def export(empty_boto: Clients, table_arn: str, bucket: str) -> dict[str, Any]:
    """A finished export, of the table as it was before another item came."""
    dynamodb = empty_boto("dynamodb")
    begun = dynamodb.export_table_to_point_in_time(TableArn=table_arn, S3Bucket=bucket, S3Prefix="day/one")
    assert begun["ExportDescription"]["ExportStatus"] == "IN_PROGRESS"
    dynamodb.put_item(TableName=table_arn, Item={"operation_id": {"S": "later"}})
    return ended(dynamodb, begun["ExportDescription"]["ExportArn"])


def read(boto: Clients, bucket: str, key: str) -> bytes:
    content: bytes = boto("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return content


def refusal(empty_boto: Clients, **request: Any) -> str:
    with pytest.raises(ClientError) as refused:
        empty_boto("dynamodb").export_table_to_point_in_time(**request)
    return str(refused.value.response["Error"]["Code"])


def test_an_export_writes_every_item_of_its_moment_into_the_files_that_its_manifests_list(
    export: dict[str, Any], empty_boto: Clients, bucket: str
) -> None:
    assert export["ExportStatus"] == "COMPLETED"
    folder = export["ExportManifest"].removesuffix("/manifest-summary.json")
    assert folder == f"day/one/AWSDynamoDB/{export['ExportArn'].rpartition('/')[2]}"
    summary = json.loads(read(empty_boto, bucket, export["ExportManifest"]))
    assert (summary["itemCount"], summary["outputFormat"]) == (len(ITEMS), "DYNAMODB_JSON")
    found: dict[str, Any] = {}
    for line in read(empty_boto, bucket, summary["manifestFilesS3Key"]).splitlines():
        entry = json.loads(line)
        content = read(empty_boto, bucket, entry["dataFileS3Key"])
        assert base64.b64decode(entry["md5Checksum"]) == hashlib.md5(content, usedforsecurity=False).digest()
        items = [json.loads(item)["Item"] for item in gzip.decompress(content).splitlines()]
        assert len(items) == entry["itemCount"]
        found |= {item["operation_id"]["S"]: item for item in items}
    assert found == ITEMS


def test_the_checksum_files_are_of_the_manifests(
    export: dict[str, Any], empty_boto: Clients, bucket: str
) -> None:
    summary = read(empty_boto, bucket, export["ExportManifest"])
    stored = read(empty_boto, bucket, export["ExportManifest"].replace(".json", ".checksum"))
    assert base64.b64decode(stored) == hashlib.md5(summary, usedforsecurity=False).digest()


def test_a_table_without_point_in_time_recovery_is_not_exported(empty_boto: Clients, bucket: str) -> None:
    arn = make_table(empty_boto("dynamodb"), with_recovery=False)
    assert refusal(empty_boto, TableArn=arn, S3Bucket=bucket) == "PointInTimeRecoveryUnavailableException"


def test_a_time_outside_of_the_recovery_window_is_refused(
    empty_boto: Clients, table_arn: str, bucket: str
) -> None:
    for wrong in (time.time() + 3600, time.time() - 400 * 86400):
        code = refusal(empty_boto, TableArn=table_arn, S3Bucket=bucket, ExportTime=wrong)
        assert code == "InvalidExportTimeException"


def test_a_token_begins_one_export_and_is_refused_for_another(
    empty_boto: Clients, table_arn: str, bucket: str
) -> None:
    dynamodb = empty_boto("dynamodb")
    request = {"TableArn": table_arn, "S3Bucket": bucket, "ClientToken": uuid.uuid4().hex}
    begun = [
        dynamodb.export_table_to_point_in_time(**request)["ExportDescription"]["ExportArn"] for _ in range(2)
    ]
    assert begun[0] == begun[1]
    assert refusal(empty_boto, **request, S3Prefix="elsewhere") == "ExportConflictException"


def test_an_export_into_a_bucket_that_is_not_there_fails_later(empty_boto: Clients, table_arn: str) -> None:
    dynamodb = empty_boto("dynamodb")
    begun = dynamodb.export_table_to_point_in_time(TableArn=table_arn, S3Bucket="no-such-bucket-here")
    export = ended(dynamodb, begun["ExportDescription"]["ExportArn"])
    assert (export["ExportStatus"], export["FailureCode"]) == ("FAILED", "S3NoSuchBucket")


def import_into(empty_boto: Clients, name: str, bucket: str, prefix: str) -> dict[str, Any]:
    dynamodb = empty_boto("dynamodb")
    begun = dynamodb.import_table(
        S3BucketSource={"S3Bucket": bucket, "S3KeyPrefix": prefix},
        InputFormat="DYNAMODB_JSON",
        InputCompressionType="GZIP",
        TableCreationParameters={"TableName": name, **SHAPE},
    )
    arn = begun["ImportTableDescription"]["ImportArn"]

    def look() -> dict[str, Any] | None:
        seen: dict[str, Any] = dynamodb.describe_import(ImportArn=arn)["ImportTableDescription"]
        return seen if seen["ImportStatus"] != "IN_PROGRESS" else None

    return poll_until(look, "the import to end", 30)


def test_an_import_of_the_data_makes_a_new_table_and_one_of_the_whole_export_fails(
    export: dict[str, Any], empty_boto: Clients, bucket: str
) -> None:
    folder = export["ExportManifest"].removesuffix("manifest-summary.json")
    whole = import_into(empty_boto, f"table-{uuid.uuid4().hex[:12]}", bucket, "day/one")
    assert whole["ImportStatus"] == "FAILED"
    imported = import_into(empty_boto, f"table-{uuid.uuid4().hex[:12]}", bucket, f"{folder}data/")
    assert (imported["ImportStatus"], imported["ImportedItemCount"]) == ("COMPLETED", len(ITEMS))


def test_an_import_into_a_table_that_exists_is_refused(
    export: dict[str, Any], empty_boto: Clients, bucket: str, table_arn: str
) -> None:
    with pytest.raises(ClientError) as refused:
        import_into(empty_boto, table_arn.rpartition("/")[2], bucket, "day/one")
    assert refused.value.response["Error"]["Code"] == "ResourceInUseException"
