"""Behind build_lambda_packages.sh: build, write `infrastructure/`, upload, say what was done and what comes next."""

# ruff: noqa: T201 - a script talks by printing

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from aurora_restore.deployment.infrastructure import write_infrastructure
from aurora_restore.deployment.model import STACK_NAME
from aurora_restore.deployment.packaging import (
    Artifacts,
    PackagingFailed,
    Project,
    build_artifacts,
)
from aurora_restore.deployment.upload import default_bucket, publish_artifacts
from aurora_restore.domain.errors import RestoreError


def main() -> int:
    # The reader may stop reading (`| head`): then there is no output to print.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    options = parse_options()
    project = Project.find()
    try:
        artifacts = build_artifacts(project)
        describe(project, artifacts, write_infrastructure(project, artifacts))
        if options.no_upload:
            say_not_uploaded("--no-upload was given")
        else:
            upload(artifacts, options)
    except RestoreError as error:
        print(f"{error.code}: {error.message}\n{error.hint}", file=sys.stderr)
        return 1
    return 0


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="build_lambda_packages.sh", description=__doc__)
    parser.add_argument("--no-upload", action="store_true", help="build only")
    parser.add_argument(
        "--bucket", help="artifacts bucket; aurora-restore-artifacts-<account>-<region> unless given"
    )
    parser.add_argument(
        "--region", help="Region of the bucket and of the stack; the environment's unless given"
    )
    return parser.parse_args()


def describe(project: Project, artifacts: Artifacts, changed: tuple[Path, ...]) -> None:
    for artifact in artifacts.all:
        print(f"{artifact.name:<11} {artifact.path.relative_to(project.root)}  {artifact.size_bytes:,} bytes")
        print(f"{'':<11} hash {artifact.content_hash}, key {artifact.key}")
    for path in changed:
        print(f"{'Written':<11} {path.relative_to(project.root)}")
    if not changed:
        print(f"{'Written':<11} nothing: infrastructure/ is what this source tree makes already")


def upload(artifacts: Artifacts, options: argparse.Namespace) -> None:
    session = boto3.Session()
    region = options.region or os.environ.get("AWS_REGION") or session.region_name
    if session.get_credentials() is None:
        say_not_uploaded("no AWS credentials are set")
        return
    if not region:
        say_not_uploaded("no Region is set (AWS_REGION, or --region)")
        return
    bucket = options.bucket or default_bucket(account_id(session, region), region)
    client = session.client("s3", region_name=region)
    for published in publish_artifacts(client, artifacts, bucket, region):
        verb = "uploaded to" if published.uploaded else "already at"
        print(f"{published.artifact.name:<11} {verb} s3://{bucket}/{published.artifact.key}")
    print_next(region, options.bucket)


def account_id(session: boto3.Session, region: str) -> str:
    try:
        identity = session.client("sts", region_name=region).get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise PackagingFailed(
            f"Whose account it is could not be found out: {error}",
            "Check the credentials and the Region (and AWS_ENDPOINT_URL, for a local stack), or give --no-upload.",
        ) from error
    return identity["Account"]


def say_not_uploaded(reason: str) -> None:
    print(f"{'':<11} NOT uploaded: {reason}. A stack cannot find these files until they are.")
    print(f"{'Next':<11} set AWS credentials and Region, and run scripts/build_lambda_packages.sh again")


def print_next(region: str, bucket: str | None) -> None:
    parameters = f" --parameters ParameterKey=ArtifactsBucket,ParameterValue={bucket}" if bucket else ""
    print(
        f"{'Next':<11} aws cloudformation update-stack --region {region} --stack-name {STACK_NAME} "
        "--template-body file://infrastructure/aurora-restore-pipeline.yaml "
        f"--capabilities CAPABILITY_IAM CAPABILITY_NAMED_IAM{parameters}\n"
        f"{'':<11} (create-stack the first time; `aurora-restore deploy` does all of this with a change set)"
    )


if __name__ == "__main__":
    sys.exit(main())
