"""Puts the artifacts into their bucket: once each, into a bucket that other accounts cannot use."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from aurora_restore.deployment.packaging import Artifact, Artifacts, PackagingFailed

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_DEFAULT_BUCKET_PREFIX = "aurora-restore-artifacts"
_ABSENT = frozenset({"404", "NoSuchBucket", "NoSuchKey", "NotFound"})
_DEFAULT_BUCKET = re.compile(rf"{_DEFAULT_BUCKET_PREFIX}-(\d{{12}})-")


@dataclass(frozen=True)
class Published:
    """Where an artifact is; `uploaded` is False where it was there already.

    `version_id` is that of the upload, and empty in a bucket without versions. `made_bucket`: the bucket was made
    for it.
    """

    artifact: Artifact
    bucket: str
    uploaded: bool
    version_id: str = ""
    made_bucket: bool = False

    @property
    def place(self) -> str:
        return f"s3://{self.bucket}/{self.artifact.key}"


def default_bucket(account_id: str, region: str) -> str:
    """The artifacts bucket that the template expects unless it is given another."""
    return f"{_DEFAULT_BUCKET_PREFIX}-{account_id}-{region}"


def publish_artifacts(s3: S3Client, artifacts: Artifacts, bucket: str, region: str) -> tuple[Published, ...]:
    """Upload what is not there yet, making the bucket where it is missing.

    Raises:
        PackagingFailed: the bucket belongs to another account, or S3 refuses or cannot be reached.
    """
    try:
        made = _ensure_bucket(s3, bucket, region)
        owner = _expected_owner(bucket)
        published = []
        for artifact in artifacts.all:
            # The key is the hash of the content: what has the key has the content.
            version, place = "", {"Bucket": bucket, "Key": artifact.key, **owner}
            is_new = not _exists(functools.partial(s3.head_object, **place))
            if is_new:
                version = s3.put_object(Body=artifact.path.read_bytes(), **place).get("VersionId", "")
            published.append(Published(artifact, bucket, is_new, version, made))
        return tuple(published)
    except (ClientError, BotoCoreError) as error:
        raise PackagingFailed(
            f"The artifacts could not be put into the bucket {bucket}: {error}",
            "Check that the credentials may create and write this bucket; bucket names are global, so a name "
            "that another account took needs another one (--parameter ArtifactsBucket=…).",
        ) from error


def take_back(s3: S3Client, published: Sequence[Published]) -> tuple[str, ...]:
    """Remove what was uploaded for a deployment that was given up, and the bucket that was made for it.

    What was there before stays, and so does a bucket that by now holds something else. The answer consists of
    sentences about what could not be removed.
    """
    left = []
    for each in published:
        if not each.uploaded:
            continue
        # This very upload: another deployment may have put the same artifact there in the meantime.
        version: Any = {"VersionId": each.version_id} if each.version_id else {}
        owner = _expected_owner(each.bucket)
        try:
            s3.delete_object(Bucket=each.bucket, Key=each.artifact.key, **version, **owner)
        except (ClientError, BotoCoreError) as error:
            left.append(f"{each.place} is still there: {error}")
    if published and published[0].made_bucket and not left:
        bucket = published[0].bucket
        try:
            s3.delete_bucket(Bucket=bucket, **_expected_owner(bucket))
        except (ClientError, BotoCoreError) as error:
            left.append(f"The bucket {bucket}, made a moment ago, is still there: {error}")
    return tuple(left)


def _ensure_bucket(s3: S3Client, bucket: str, region: str) -> bool:
    """Make the bucket, or finish making it; whether it was made. One that an operator chose is left as it is."""
    is_there = _exists(functools.partial(s3.head_bucket, Bucket=bucket, **_expected_owner(bucket)))
    has_policy = functools.partial(s3.get_bucket_policy, Bucket=bucket)
    if not is_there:
        # S3 refuses the one Region that is its default as a constraint.
        where: Any = (
            {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        )
        s3.create_bucket(Bucket=bucket, **where)
    elif not _DEFAULT_BUCKET.match(bucket) or _exists(has_policy, frozenset({"NoSuchBucketPolicy"})):
        # The policy is set last: where our own bucket lacks it, making the bucket was interrupted.
        return False
    s3.put_public_access_block(
        Bucket=bucket,
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        },
    )
    encryption: Any = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=encryption)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    arn = f"arn:{s3.meta.partition}:s3:::{bucket}"
    statement = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    s3.put_bucket_policy(Bucket=bucket, Policy=document)
    return not is_there


def _exists(look: Callable[[], object], absent: frozenset[str] = _ABSENT) -> bool:
    """Whether a request finds what it asks for; `absent` are the codes by which S3 says that it does not exist."""
    try:
        look()
    except ClientError as error:
        if error.response["Error"]["Code"] not in absent:
            raise
        return False
    return True


def _expected_owner(bucket: str) -> Any:
    """Who must own the bucket: another account could take, and fill, a bucket whose name it can predict."""
    default = _DEFAULT_BUCKET.match(bucket)
    return {"ExpectedBucketOwner": default.group(1)} if default else {}
