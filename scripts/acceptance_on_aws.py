"""Measures on a real account what the pipeline assumes about AWS, in about an hour and for a few dollars.

    python scripts/acceptance_on_aws.py --region us-west-2 \
        --db-subnet-group GROUP --security-group sg-1 --json facts.json

It makes two small Aurora PostgreSQL clusters, a function and a snapshot, all of one prefix and with a tag of its own,
looks at them, prints each fact beside what is assumed, deletes what it made and says what it left. The JSON file holds
the facts, and durations that the local Aurora takes: `aurora-restore local up --durations facts.json`. It needs boto3
alone; certificates are seen only from a machine that reaches the clusters. docs/acceptance.md says more.
"""

# ruff: noqa: T201 - a script talks by printing

from __future__ import annotations

import argparse
import io
import json
import secrets
import socket
import ssl
import struct
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
from acceptance_run import ABSENT, BUSY, CHANGE_LIMIT, PREFIX, TAG, Run, clean_up, code_of
from botocore.exceptions import BotoCoreError, ClientError

ENGINE = "aurora-postgresql"
OLDEST_SDK = (1, 34, 145)
SDK_FUNCTION = """
import boto3, botocore
def handle(event, context):
    return {"botocore": botocore.__version__, "regions": len(boto3.Session().get_available_regions("rds"))}
"""


# --- What is measured, in this order. Each step finds the clusters as the one before left them.


def see_creation(run: Run) -> None:
    """Two clusters with two instances each, the second asked for right after the first."""
    began = time.monotonic()
    for name in (run.first, run.second):
        run.rds.create_db_cluster(
            DBClusterIdentifier=name, Engine=ENGINE, MasterUsername="acceptance", MasterUserPassword=run.password,
            DBSubnetGroupName=run.options.db_subnet_group, VpcSecurityGroupIds=run.options.security_group,
            StorageEncrypted=True, CopyTagsToSnapshot=True, Tags=[*run.tags, {"Key": "who", "Value": "acceptance"}],
        )  # fmt: skip
    run.seconds("a new cluster is available", "3", 3600, run.until_available(run.first), "create")
    began = time.monotonic()
    for name in (run.first, run.second):
        run.until_available(name)
        for number in (1, 2):
            run.rds.create_db_instance(
                DBInstanceIdentifier=f"{name}-{number}", DBClusterIdentifier=name, Engine=ENGINE,
                DBInstanceClass=run.options.db_instance_class, Tags=run.tags,
            )  # fmt: skip
    for name in (run.first, run.second):
        run.until_available(name, f"{name}-1", f"{name}-2")
    run.seconds("new instances are available", "3", 3600, time.monotonic() - began, "instance")
    writers = [writer_of(run, name) for name in (run.first, run.second)]
    assumed = "one of the two, whichever was ready first: the pipeline makes the first alone"
    run.note("the writer of a new cluster", "20", assumed, ", ".join(map(str, writers)), None not in writers)


def writer_of(run: Run, name: str) -> str | None:
    members = (run.cluster(name) or {}).get("DBClusterMembers", [])
    return next((str(each["DBInstanceIdentifier"]) for each in members if each["IsClusterWriter"]), None)


def see_busy(run: Run) -> None:
    """How long a new cluster refuses a change, and when the change shows."""
    start = datetime.now(UTC) + timedelta(hours=6)
    window = f"{start:%H:%M}-{start + timedelta(minutes=30):%H:%M}"
    answers: list[str] = []

    def accepted() -> bool:
        answers.append(run.change(run.second, PreferredBackupWindow=window))
        return answers[-1] == "accepted"

    seconds = run.until(accepted)
    refusals = sorted(set(answers) - {"accepted"})
    run.seconds("a new cluster is busy", "3", CHANGE_LIMIT, seconds, "busy_after_creation")
    assumed = "InvalidDBClusterStateFault, which is waited for"
    known = set(refusals) <= {"InvalidDBClusterStateFault"}
    run.note("how a busy cluster refuses", "3", assumed, refusals or "it was not busy", known)
    shown = run.until(lambda: (run.cluster(run.second) or {}).get("PreferredBackupWindow") == window)
    run.seconds("a change of a window shows", "3", CHANGE_LIMIT, shown)
    now = datetime.now(UTC)
    around = f"{now - timedelta(minutes=10):%a:%H:%M}-{now + timedelta(minutes=20):%a:%H:%M}"
    answer = run.change(run.second, PreferredMaintenanceWindow=around)
    assumed = "refused, and put off until the window is over; accepted would do as well"
    known = answer in {"accepted", "InvalidParameterValue", "InvalidParameterCombination"}
    run.note("a maintenance window around now", "25", assumed, answer, known)
    run.until_available(run.second)


def see_rename(run: Run) -> None:
    """The two renames of a swap, looked at under both names."""
    run.until_available(run.first, f"{run.first}-1", f"{run.first}-2")
    rename(run, run.first, run.aside)
    refusals: list[str] = []

    def taken() -> bool:
        refusals.append(run.change(run.second, NewDBClusterIdentifier=run.first))
        return refusals[-1] == "accepted"

    run.seconds("the old name is free again", "2", 900, run.until(taken), "name_release")
    known = set(refusals) <= {"accepted", "DBClusterAlreadyExistsFault", "InvalidDBClusterStateFault"}
    seen = sorted(set(refusals) - {"accepted"}) or "it was free"
    assumed = "DBClusterAlreadyExistsFault, which is waited for"
    run.note("how a name that is not free is refused", "2", assumed, seen, known)
    after_rename(run, run.second, run.first)


def rename(run: Run, old: str, new: str) -> None:
    answer = run.when_taken(
        run.rds.modify_db_cluster, DBClusterIdentifier=old, NewDBClusterIdentifier=new, ApplyImmediately=True
    )["DBCluster"]
    pending = answer.get("PendingModifiedValues", {}).get("DBClusterIdentifier")
    seen, assumed = f"{answer['Status']}, pending {pending}", "its status, with the new name pending or not"
    run.note("what an accepted rename answers", "1", assumed, seen, True)
    repeated = run.change(old, NewDBClusterIdentifier=new)
    known = {
        "accepted",
        "InvalidDBClusterStateFault",
        "DBClusterNotFoundFault",
        "DBClusterAlreadyExistsFault",
    }
    run.note("the same rename asked for again", "1", " or ".join(sorted(known)), repeated, repeated in known)
    after_rename(run, old, new)


def after_rename(run: Run, old: str, new: str) -> None:
    """From the accepted request on: still as before, then `renaming`, then under the new name."""
    began, lag = time.monotonic(), None
    ended = None
    for passed in run.looks():
        before, after = run.cluster(old), run.cluster(new)
        if lag is None and (before is None or before["Status"] == "renaming" or after is not None):
            lag = passed
        if after is not None and after["Status"] == "available" and before is None:
            ended = time.monotonic() - began
            break
    run.seconds(f"{old} still shows as it was", "1", 900, lag, "status_lag")
    run.seconds(f"{old} is {new}", "1", CHANGE_LIMIT, ended)
    if ended is not None and lag is not None:
        run.durations["rename"] = max(run.durations.get("rename", 0.0), round(ended - lag, 1))
    cluster = run.cluster(new) or {}
    endpoint = str(cluster.get("Endpoint", ""))
    is_new = endpoint.startswith(f"{new}.")
    run.note("the endpoint has the new name", "27", "as soon as RDS shows the new name", endpoint, is_new)
    run.seconds(f"DNS knows {new}", "27", 300, run.until(lambda: address_of(endpoint), 300), "dns_lag")


def see_certificate(run: Run) -> None:
    """Which names the certificate bears: after the rename, a reboot, a new certificate, stop and start."""
    cluster = run.cluster(run.first) or {}
    host, port = str(cluster.get("Endpoint", "")), int(cluster.get("Port", 5432))
    assumed = "its own name is missing until it is stopped and started"
    if certificate_bears(host, port) is None:
        run.note(
            "the certificate after a rename", "4", assumed, "the cluster cannot be reached from here", None
        )
        return
    run.note(
        "the certificate after a rename",
        "4",
        assumed,
        bears(host, port),
        certificate_bears(host, port) is False,
    )
    instances = [f"{run.second}-1", f"{run.second}-2"]
    writer = writer_of(run, run.first) or instances[0]
    run.when_taken(run.rds.reboot_db_instance, DBInstanceIdentifier=writer)
    run.until(lambda: (run.instance(writer) or {}).get("DBInstanceStatus") != "available", 60)
    seconds = run.until_available(run.first, *instances)
    run.seconds("an instance is rebooted", "4", 900, seconds, "reboot")
    assumed, answers = (
        "either: the pipeline tries it before it stops the cluster",
        certificate_bears(host, port),
    )
    run.note("the certificate after a reboot", "4", assumed, bears(host, port), answers is not None)
    change = {"CACertificateIdentifier": run.options.ca, "ApplyImmediately": True}
    rotated = run.asked(run.rds.modify_db_instance, DBInstanceIdentifier=writer, **change)
    run.until_available(run.first, *instances)
    run.note(
        "the certificate after a change of its authority",
        "4",
        "either",
        f"{rotated}; {bears(host, port)}",
        True,
    )
    run.when_taken(run.rds.stop_db_cluster, DBClusterIdentifier=run.first)
    stopped = run.until(lambda: (run.cluster(run.first) or {}).get("Status") == "stopped")
    run.seconds("a cluster is stopped", "4", CHANGE_LIMIT, stopped, "stop")
    run.when_taken(run.rds.start_db_cluster, DBClusterIdentifier=run.first)
    run.seconds(
        "a cluster is started", "4", CHANGE_LIMIT, run.until_available(run.first, *instances), "start"
    )
    renewed = certificate_bears(host, port) is True
    run.note("the certificate after stop and start", "4", "it bears the name", bears(host, port), renewed)


def address_of(host: str) -> str | None:
    """The address of a name; whatever ends in `.localhost` is this machine (RFC 6761)."""
    if host.endswith(".localhost"):
        return "127.0.0.1"
    try:
        return str(socket.getaddrinfo(host, None)[0][4][0])
    except OSError:
        return None


def certificate_bears(host: str, port: int) -> bool | None:
    """Whether the server's certificate names this host; None where it cannot be reached."""
    try:
        with socket.create_connection((address_of(host) or host, port), 10) as plain:
            plain.sendall(struct.pack("!ii", 8, 80877103))  # PostgreSQL's SSLRequest
            if plain.recv(1) != b"S":
                return None
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            with context.wrap_socket(plain, server_hostname=host) as secured:
                certificate = secured.getpeercert(binary_form=True) or b""
    except OSError:
        return None
    return host.encode() in certificate


def bears(host: str, port: int) -> str:
    words = {True: "it bears the name", False: "it does not bear the name", None: "no answer"}
    return words[certificate_bears(host, port)]


def see_snapshots(run: Run) -> None:
    """A snapshot: looked up by its ARN, its tags; which kinds are listed unasked."""
    name = f"{PREFIX}snapshot"
    began = time.monotonic()
    made = run.when_taken(
        run.rds.create_db_cluster_snapshot, DBClusterIdentifier=run.first, DBClusterSnapshotIdentifier=name,
        Tags=run.tags,
    )["DBClusterSnapshot"]  # fmt: skip

    def find(identifier: str) -> list[dict[str, Any]]:
        try:
            answer = run.rds.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier=identifier)
        except ClientError as error:
            if code_of(error) in ABSENT:
                return []
            raise
        return list(answer["DBClusterSnapshots"])

    run.until(lambda: [each["Status"] for each in find(name)] == ["available"])
    run.seconds("a snapshot is made", "14", CHANGE_LIMIT, time.monotonic() - began, "snapshot")
    try:
        by_arn: Any = len(find(made["DBClusterSnapshotArn"]))
    except ClientError as error:
        by_arn = code_of(error)
    run.note("snapshots found by an ARN", "14", "either: names are asked for", by_arn, True)
    keys = sorted(tag["Key"] for tag in find(name)[0].get("TagList", []))
    assumed = f"['{TAG}']: the cluster's are not copied beside them"
    run.note("tags of a snapshot that was given one", "34", assumed, keys, keys == [TAG])
    listed = run.rds.describe_db_cluster_snapshots()["DBClusterSnapshots"]
    kinds = sorted({each["SnapshotType"] for each in listed})
    unasked = set(kinds) <= {"automated", "manual"}
    run.note("kinds of snapshots that are listed unasked", "10", "automated and manual", kinds, unasked)


def see_password(run: Run) -> None:
    """Two pages of AWS contradict each other: 8 to 99 (user guide), 8 to 41 (API reference)."""
    password = secrets.token_hex(50)[:99]
    answers: list[str] = []

    def answered() -> bool:
        answers.append(run.change(run.first, MasterUserPassword=password))
        return answers[-1] not in BUSY

    run.until(answered)
    answer = answers[-1]
    run.note("a master password of 99 characters", "36", "accepted", answer, answer == "accepted")
    time.sleep(run.options.look_every)
    run.seconds("a new password is in force", "26", 900, run.until_available(run.first), "password_change")


def see_sdk(run: Run) -> None:
    """Which SDK the runtime of the functions has in this Region."""
    functions, name, assumed = (
        run.client("lambda"),
        f"{PREFIX}sdk",
        f"at least {'.'.join(map(str, OLDEST_SDK))}",
    )
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("index.py", SDK_FUNCTION)
    try:
        like = functions.get_function_configuration(FunctionName="aurora-restore-notify")
        functions.create_function(
            FunctionName=name, Runtime=like["Runtime"], Architectures=like["Architectures"], Role=like["Role"],
            Handler="index.handle", Code={"ZipFile": package.getvalue()}, Tags={TAG: "yes"},
        )  # fmt: skip
        functions.get_waiter("function_active_v2").wait(FunctionName=name)
        answer = json.load(functions.invoke(FunctionName=name)["Payload"])
    except (ClientError, BotoCoreError) as error:
        run.note("the SDK of the runtime", "13", assumed, f"not seen: {error}", None)
        return
    version = tuple(int(part) for part in answer["botocore"].split(".")[:3])
    run.note("the SDK of the runtime", "13", assumed, answer["botocore"], version >= OLDEST_SDK)


# What each role is asked for by the requests of its function, and what RDS may ask for besides.
ROLES: dict[str, tuple[tuple[str, str], ...]] = {
    "aurora-restore-switch-over": (
        ("rds:ModifyDBCluster", "cluster:{cluster}"), ("rds:ModifyDBInstance", "db:{cluster}-1"),
    ),
    "aurora-restore-retire-replaced": (
        ("rds:DeleteDBInstance", "db:{cluster}-1"), ("rds:CreateDBSnapshot", "db:{cluster}-1"),
        ("rds:DeleteDBCluster", "cluster:{cluster}"),
        ("rds:CreateDBClusterSnapshot", "cluster-snapshot:aurora-restore-x"),
    ),
    "aurora-restore-copy-snapshot": (
        ("rds:CopyDBClusterSnapshot", "cluster-snapshot:aurora-restore-x"),
        ("rds:AddTagsToResource", "cluster-snapshot:aurora-restore-x"),
    ),
    "aurora-restore-restore-cluster": (
        ("rds:RestoreDBClusterFromSnapshot", "cluster:{cluster}"), ("rds:CreateDBInstance", "db:{cluster}-1"),
        ("rds:ModifyDBCluster", "cluster:{cluster}"), ("rds:ModifyDBInstance", "db:{cluster}-1"),
        ("rds:AddTagsToResource", "cluster:{cluster}"),
    ),
    "aurora-restore-sweep": (("rds:DescribeDBClusters", "cluster:any"),),
}  # fmt: skip


def see_roles(run: Run) -> None:
    """Every right that a deployed role is asked for and does not have, policies above it included."""
    functions, iam, refused = run.client("lambda"), run.client("iam"), []
    account = run.client("sts").get_caller_identity()["Account"]
    partition = run.session.get_partition_for_region(run.region)
    try:
        for function, asked in ROLES.items():
            role = functions.get_function_configuration(FunctionName=function)["Role"]
            for action, resource in asked:
                named = resource.format(cluster="aurora-restored-acceptance")
                arn = f"arn:{partition}:rds:{run.region}:{account}:{named}"
                answer = iam.simulate_principal_policy(
                    PolicySourceArn=role, ActionNames=[action], ResourceArns=[arn]
                )["EvaluationResults"]
                refused += [f"{function}: {action}" for each in answer if each["EvalDecision"] != "allowed"]
    except (ClientError, BotoCoreError) as error:
        run.note("rights that the deployed roles lack", "8, 11, 12, 15", "none", f"not seen: {error}", None)
        return
    run.note("rights that the deployed roles lack", "8, 11, 12, 15", "none", refused or "none", not refused)


STEPS: dict[str, Callable[[Run], None]] = {
    "sdk": see_sdk,
    "roles": see_roles,
    "creation": see_creation,
    "busy": see_busy,
    "rename": see_rename,
    "certificate": see_certificate,
    "snapshots": see_snapshots,
    "password": see_password,
}
NEEDS_CLUSTERS = {"busy", "rename", "certificate", "snapshots", "password"}


# --- The command.


def parse_options(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--region", help="Region to measure in; there is no default")
    parser.add_argument("--db-subnet-group", help="DB subnet group for the two clusters")
    parser.add_argument(
        "--security-group", action="append", default=[], help="security group; may be repeated"
    )
    parser.add_argument("--db-instance-class", default="db.t4g.medium")
    parser.add_argument("--ca", default="rds-ca-ecc384-g1", help="certificate authority to change to")
    parser.add_argument("--json", type=Path, help="file for the facts and the durations")
    parser.add_argument("--only", action="append", choices=list(STEPS), help="one step; may be repeated")
    parser.add_argument("--list", action="store_true", help="list the steps and end")
    parser.add_argument("--clean-up", action="store_true", help="only delete what an earlier run left")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--look-every", type=float, default=1.0, help="seconds between two looks")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    options = parse_options(arguments)
    if options.list:
        for name, step in STEPS.items():
            print(f"{name:<12} {(step.__doc__ or '').splitlines()[0]}")
        return 0
    if not options.region:
        return refuse("Give --region: there is no default for something that costs money.")
    run = Run(boto3.Session(), options.region, options)
    steps = chosen(options)
    if options.clean_up:
        return report(run, clean_up(run))
    if "creation" in steps and not (options.db_subnet_group and options.security_group):
        return refuse("Give --db-subnet-group and --security-group for the clusters.")
    if standing := ours_or_like_ours(run):
        return refuse(f"{', '.join(standing)} exists already: --clean-up deletes what an earlier run left.")
    if not options.yes and not agreed(run, steps):
        return refuse("Nothing was made.")
    try:
        for name in steps:
            print(f"\n== {name}: {(STEPS[name].__doc__ or '').splitlines()[0]}", flush=True)
            STEPS[name](run)
    finally:
        left = clean_up(run)
    return report(run, left)


def chosen(options: argparse.Namespace) -> list[str]:
    wanted = set(options.only or STEPS)
    if wanted & {"certificate"}:
        wanted.add("rename")
    if wanted & NEEDS_CLUSTERS:
        wanted.add("creation")
    return [name for name in STEPS if name in wanted]


def ours_or_like_ours(run: Run) -> list[str]:
    """Clusters whose names begin with the prefix, made by any program."""
    pages = run.rds.get_paginator("describe_db_clusters").paginate()
    names = (cluster["DBClusterIdentifier"] for page in pages for cluster in page["DBClusters"])
    return [name for name in names if name.startswith(PREFIX)]


def agreed(run: Run, steps: list[str]) -> bool:
    account = run.client("sts").get_caller_identity()["Account"]
    print(f"In account {account}, {run.region}: {', '.join(steps)}.")
    print("About an hour, a few dollars; everything that is made is deleted.")
    return sys.stdin.isatty() and input("Go on? (yes/no) ").strip() == "yes"


def refuse(words: str) -> int:
    print(words, file=sys.stderr)
    return 2


def report(run: Run, left: list[str]) -> int:
    """Say what was found and what is left; 1 where something is not as assumed or something is left."""
    wrong = [fact for fact in run.facts if fact.as_assumed is False]
    unseen = [fact for fact in run.facts if fact.as_assumed is None]
    print(f"\n{len(run.facts)} facts: {len(wrong)} not as assumed, {len(unseen)} not measured.")
    for fact in (*wrong, *unseen):
        print(fact.line())
    print(f"Left: {', '.join(left) or 'nothing'}")
    if run.options.json and run.facts:
        item = {
            "region": run.region,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "facts": [asdict(fact) for fact in run.facts],
            "durations": run.durations,
            "left": left,
        }
        run.options.json.write_text(json.dumps(item, indent=2) + "\n", encoding="utf-8")
        print(f"Written to {run.options.json}. For the local Aurora: --durations {run.options.json}")
    return 1 if wrong or left else 0


if __name__ == "__main__":
    sys.exit(main())
