from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.domain.builders import KEY_ARN, cluster, instances, request, snapshot

from aurora_restore.domain.configuration import Difference
from aurora_restore.domain.errors import KmsKeyNotAccessible, SecretNotFound
from aurora_restore.domain.late_settings import ADVANCED_INSIGHTS, ADVANCED_INSIGHTS_DAYS
from aurora_restore.domain.observed import (
    ClusterSnapshot,
    Credentials,
    KmsKey,
    ParameterGroup,
    Quota,
    SecurityGroup,
    SubnetGroup,
)
from aurora_restore.domain.preflight import PreflightFacts, preflight_problems
from aurora_restore.domain.request import RestoreRequest

ENCRYPTED = snapshot(storage_encrypted=True, kms_key_id="arn:aws:kms:us-east-1:123456789012:key/source")
KEY = KmsKey("1111", KEY_ARN, "Enabled")
SOURCE_KEY = KmsKey("source", "arn:aws:kms:us-east-1:123456789012:key/source", "Enabled")


def facts(**changes: Any) -> PreflightFacts:
    good: dict[str, Any] = {
        "snapshot": snapshot(),
        "db_instance_class": "db.r5.large",
        "subnet_group": SubnetGroup(
            "default-vpc-subnet-group", "vpc-1", "Complete", ("us-west-2a", "us-west-2b")
        ),
        "security_groups": {"sg-12345678": SecurityGroup("sg-12345678", "database", "vpc-1")},
        "family": "aurora-postgresql15",
        "is_class_orderable": True,
        "admin": Credentials("postgres", "a-good-password"),
        "source_key": SOURCE_KEY,
        "quotas": {
            name: Quota(name, 3, 40) for name in ("DBClusters", "DBInstances", "ManualClusterSnapshots")
        },
    }
    return PreflightFacts(**(good | changes))


def codes(asked: RestoreRequest | None = None, **changes: Any) -> list[str]:
    problems = preflight_problems(asked or request(), facts(**changes))
    assert all(problem.hint and problem.message for problem in problems)
    return [problem.code for problem in problems]


def test_a_good_request_has_no_problems() -> None:
    assert codes() == []


def test_a_retention_that_the_mode_of_database_insights_does_not_allow_is_refused_beforehand() -> None:
    def asked(days: int) -> RestoreRequest:
        return replace(
            request(performance_insights_retention_days=days), database_insights_mode=ADVANCED_INSIGHTS
        )

    assert codes(asked(62)) == ["INVALID_REQUEST"]
    assert codes(asked(ADVANCED_INSIGHTS_DAYS)) == []


def test_an_existing_target_is_refused_unless_it_is_to_be_replaced() -> None:
    existing: dict[str, Any] = {"target_cluster": cluster(), "target_instances": instances()}
    assert codes(request(delete_cluster_if_exists=False), **existing) == ["TARGET_EXISTS"]
    assert codes(target_cluster_prefix="aurora-restored-", **existing) == []


@pytest.mark.parametrize(
    ("code", "seen"),
    [
        ("DELETION_PROTECTED", {"target_cluster": cluster(deletion_protection=True)}),
        ("TARGET_NOT_AVAILABLE", {"target_cluster": cluster(status="stopped")}),
        ("TARGET_NOT_AVAILABLE", {"target_instances": instances(status="rebooting")}),
        ("GLOBAL_CLUSTER_MEMBER", {"target_global_cluster": "worldwide"}),
        ("REPLACED_OUTSIDE_PREFIX", {"target_cluster_prefix": "another-"}),
    ],
)
def test_what_keeps_a_cluster_from_being_replaced_is_found_before_anything_is_touched(
    code: str, seen: dict[str, Any]
) -> None:
    existing: dict[str, Any] = {
        "target_cluster": cluster(),
        "target_instances": instances(),
        "target_cluster_prefix": "aurora-restored-",
    }
    assert codes(**(existing | seen)) == [code]


def test_a_cluster_is_not_replaced_by_a_snapshot_of_itself() -> None:
    existing = cluster(db_cluster_resource_id="cluster-ABC")
    own = snapshot(db_cluster_resource_id="cluster-ABC")
    here = request(source_region="us-west-2")
    assert codes(here, snapshot=own, target_cluster=existing) == ["TARGET_IS_SOURCE"]
    assert codes(request(), snapshot=own, target_cluster=existing) == []


def test_a_difference_that_was_not_requested_is_reported_before_the_restore() -> None:
    unwanted = Difference("port", "5432", "5433", asked_for=False, accepted=False)
    assert codes(differences=[unwanted]) == ["DIFFERENCE_NOT_ACCEPTED"]
    assert codes(differences=[replace(unwanted, accepted=True)]) == []
    assert codes(differences=[replace(unwanted, asked_for=True)]) == []


@pytest.mark.parametrize(("strategy", "expected"), [("swap", ["QUOTA_EXCEEDED"]), ("delete_first", [])])
def test_a_swap_needs_room_for_two_clusters_and_says_what_does_not(
    strategy: str, expected: list[str]
) -> None:
    full = {
        "DBClusters": Quota("DBClusters", 40, 40),
        "DBInstances": Quota("DBInstances", 3, 40),
        "ManualClusterSnapshots": Quota("ManualClusterSnapshots", 3, 100),
    }
    seen = facts(
        target_cluster=cluster(), target_instances=instances(), quotas=full, target_cluster_prefix=""
    )
    found = preflight_problems(request(replace_strategy=strategy), seen)
    assert [problem.code for problem in found] == expected
    assert all("delete_first" in problem.hint for problem in found)


def test_the_final_snapshot_needs_room_too() -> None:
    quotas = {"ManualClusterSnapshots": Quota("ManualClusterSnapshots", 99, 100)}
    existing: dict[str, Any] = {
        "target_cluster": cluster(),
        "target_instances": instances(),
        "quotas": quotas,
    }
    assert codes(**existing) == ["QUOTA_EXCEEDED"]
    assert codes(request(final_snapshot=False), **existing) == []


def test_another_engine_is_refused_without_asking_for_its_classes() -> None:
    # As Aurora MySQL 1 was called.
    other = snapshot(engine="aurora", engine_version="5.6.10a")
    assert codes(snapshot=other, family=None, is_class_orderable=False) == ["ENGINE_NOT_SUPPORTED"]


def test_a_version_that_the_region_does_not_offer_is_refused() -> None:
    assert codes(family=None, is_class_orderable=False) == ["ENGINE_VERSION_NOT_OFFERED"]


def test_a_class_that_cannot_be_ordered_is_refused() -> None:
    assert codes(is_class_orderable=False) == ["INSTANCE_CLASS_NOT_ORDERABLE"]


def test_a_subnet_group_that_is_not_there_is_refused() -> None:
    assert codes(subnet_group=None) == ["SUBNET_GROUP_NOT_FOUND"]


def test_subnet_group_and_security_groups_have_to_be_named() -> None:
    asked = request(db_subnet_group_name=..., vpc_security_group_ids=...)
    assert codes(asked, subnet_group=None, security_groups={}) == [
        "SUBNET_GROUP_REQUIRED",
        "SECURITY_GROUP_REQUIRED",
    ]


def test_a_security_group_that_is_not_there_is_refused() -> None:
    assert codes(security_groups={}) == ["SECURITY_GROUP_NOT_FOUND"]


def test_a_security_group_of_another_vpc_is_refused() -> None:
    other = {"sg-12345678": SecurityGroup("sg-12345678", "database", "vpc-2")}
    assert codes(security_groups=other) == ["SECURITY_GROUP_OF_ANOTHER_VPC"]


def test_parameter_groups_have_to_exist_and_to_fit_the_engine_family() -> None:
    asked = request(db_cluster_parameter_group_name="clusters", db_parameter_group_name="instances")
    assert codes(asked) == ["PARAMETER_GROUP_NOT_FOUND"] * 2
    old = ParameterGroup("x", "aurora-postgresql14")
    assert (
        codes(asked, cluster_parameter_group=old, parameter_group=old)
        == ["PARAMETER_GROUP_FAMILY_MISMATCH"] * 2
    )
    good = ParameterGroup("x", "aurora-postgresql15")
    assert codes(asked, cluster_parameter_group=good, parameter_group=good) == []


def test_an_encrypted_snapshot_of_another_region_needs_a_key() -> None:
    assert codes(snapshot=ENCRYPTED) == ["KMS_KEY_REQUIRED"]
    assert codes(request(kms_key_id="alias/x"), snapshot=ENCRYPTED, kms_key=KEY) == []


@pytest.mark.parametrize(
    "key",
    [
        None,
        KmsKey("1", KEY_ARN, "Disabled"),
        KmsKey("1", KEY_ARN, "PendingDeletion"),
        KmsKey("1", KEY_ARN, "Enabled", "SIGN_VERIFY"),
        KmsKeyNotAccessible("The key may not be looked at."),
    ],
)
def test_a_key_that_cannot_be_used_is_refused(key: KmsKey | KmsKeyNotAccessible | None) -> None:
    assert codes(request(kms_key_id="alias/x"), kms_key=key) == ["KMS_KEY_NOT_ACCESSIBLE"]


@pytest.mark.parametrize("key", [None, KmsKey("1", "arn", "Disabled"), KmsKey("1", "arn", "PendingDeletion")])
def test_an_encrypted_snapshot_whose_key_reads_nothing_any_more_is_refused(key: KmsKey | None) -> None:
    asked = request(kms_key_id="alias/x")
    assert codes(asked, snapshot=ENCRYPTED, kms_key=KEY, source_key=key) == ["KMS_KEY_NOT_ACCESSIBLE"]
    assert codes(asked, snapshot=snapshot(), kms_key=KEY, source_key=None) == []


def test_a_finished_copy_needs_the_key_of_its_snapshot_no_more() -> None:
    gone: dict[str, Any] = {"snapshot": ENCRYPTED, "kms_key": KEY, "source_key": None}
    assert codes(request(kms_key_id="alias/x"), has_reusable_copy=True, **gone) == []


def test_the_snapshots_key_that_may_not_be_looked_at_is_not_a_problem() -> None:
    denied = KmsKeyNotAccessible("The key may not be looked at.")
    assert codes(request(kms_key_id="alias/x"), snapshot=ENCRYPTED, kms_key=KEY, source_key=denied) == []


def test_the_admin_secret_has_to_be_of_the_master_user() -> None:
    assert codes(admin=Credentials("admin", "a-good-password")) == ["SECRET_WRONG_USER"]


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "has/slash-in-it",
        'has"quote-in-it',
        "has@at-in-it-x",
        "has'apostrophe-in",
        "x" * 7,
        "x" * 100,
        "with space in",
        "pässword-x",
    ],
)
def test_a_master_password_that_rds_would_refuse_is_refused_now(password: str) -> None:
    problems = preflight_problems(request(), facts(admin=Credentials("postgres", password)))
    assert [problem.code for problem in problems] == ["PASSWORD_NOT_ACCEPTABLE"]
    assert password not in problems[0].message


@pytest.mark.parametrize("password", ["x" * 8, "x" * 99, "!#$%&()*+,-.:;<=>?[]^_`{|}~"])
def test_a_master_password_that_aurora_postgresql_takes_is_taken(password: str) -> None:
    assert codes(admin=Credentials("postgres", password)) == []


def test_secrets_of_users_have_to_be_there_and_to_be_theirs() -> None:
    asked = request(
        db_users=[{"username": "report", "secret_id": "s1"}, {"username": "app", "secret_id": "s2"}]
    )
    found = {"s1": SecretNotFound("There is no secret s1."), "s2": Credentials("reporting", "x")}
    assert codes(asked, users=found) == ["SECRET_NOT_FOUND", "SECRET_WRONG_USER"]


@pytest.mark.parametrize("password", ["a\0b", "half \ud800", ""], ids=ascii)
def test_a_password_that_no_client_could_log_in_with_is_found(password: str) -> None:
    asked = request(db_users=[{"username": "report", "secret_id": "s"}])
    assert codes(asked, users={"s": Credentials("report", password)}) == ["PASSWORD_NOT_ACCEPTABLE"]


@pytest.mark.parametrize("password", ["a newline\n", "\U0001f418", "ẞ", "₹"], ids=ascii)
def test_a_password_that_libpq_takes_is_not_a_problem(password: str) -> None:
    asked = request(db_users=[{"username": "report", "secret_id": "s"}])
    assert codes(asked, users={"s": Credentials("report", password)}) == []


def test_the_master_user_is_not_a_user_to_be_set_up() -> None:
    asked = request(db_users=[{"username": "postgres", "secret_id": "s"}])
    assert codes(asked, users={"s": Credentials("postgres", "x")}) == ["SECRET_WRONG_USER"]


@pytest.mark.parametrize("name", ["DBClusters", "DBInstances", "ManualClusterSnapshots"])
def test_a_quota_without_room_is_refused_with_its_numbers(name: str) -> None:
    problems = preflight_problems(request(), facts(quotas={name: Quota(name, 40, 40)}))
    assert [problem.code for problem in problems] == ["QUOTA_EXCEEDED"]
    assert "40 of 40" in problems[0].message


def test_a_copy_that_can_be_used_again_needs_no_room() -> None:
    full = {"ManualClusterSnapshots": Quota("ManualClusterSnapshots", 100, 100)}
    assert codes(quotas=full, has_reusable_copy=True) == []


def test_all_problems_are_found_together() -> None:
    assert (
        len(
            codes(
                subnet_group=None, security_groups={}, is_class_orderable=False, admin=Credentials("x", "y")
            )
        )
        == 5
    )


OURS = snapshot()
MYSQL_SNAPSHOT = replace(OURS, engine="aurora-mysql", engine_version="8.0.mysql_aurora.3.08.0")


@pytest.mark.parametrize(
    ("found_snapshot", "password", "found"),
    [
        (OURS, "x" * 42, []),
        (MYSQL_SNAPSHOT, "x" * 41, []),
        (MYSQL_SNAPSHOT, "x" * 42, ["PASSWORD_NOT_ACCEPTABLE"]),
    ],
)
def test_a_master_password_is_held_to_the_rules_of_the_snapshots_engine(
    found_snapshot: ClusterSnapshot, password: str, found: list[str]
) -> None:
    assert codes(snapshot=found_snapshot, admin=Credentials("postgres", password)) == found


def test_users_and_logs_that_the_engine_cannot_have_are_refused() -> None:
    users = [
        {"username": "ann", "secret_id": "s", "host": "10.0.%"},
        {"username": "é" * 32, "iam": False, "secret_id": "t"},
    ]
    asked = request(db_users=users, cloudwatch_logs_exports=["slowquery", "postgresql"])
    secrets = {"s": Credentials("ann", "x"), "t": Credentials("é" * 32, "x")}
    problems = preflight_problems(asked, facts(users=secrets))
    assert [problem.code for problem in problems] == ["INVALID_REQUEST"] * 3
    assert "have no host" in problems[0].message
    assert "63 bytes" in problems[1].message
    assert "slowquery" in problems[2].message
    assert "postgresql" in problems[2].hint
