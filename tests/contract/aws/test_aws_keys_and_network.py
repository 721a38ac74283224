"""KMS and EC2 through the wire."""

from __future__ import annotations

import pytest
from tests.support.faults import FaultKind, Refusal
from tests.support.in_process_aws import SOURCE_REGION, InProcessAws, is_operation, shared_aws

from aurora_restore.aws.keys import AwsKeys
from aurora_restore.aws.network import AwsNetwork
from aurora_restore.domain.errors import AccessDenied, AwsThrottled, KmsKeyNotAccessible


@pytest.fixture
def aws() -> InProcessAws:
    return shared_aws()


@pytest.fixture
def keys(aws: InProcessAws) -> AwsKeys:
    return AwsKeys(aws.clients())


@pytest.fixture
def network(aws: InProcessAws) -> AwsNetwork:
    return AwsNetwork(aws.clients())


def test_a_key_is_found_by_each_of_its_names(aws: InProcessAws, keys: AwsKeys) -> None:
    arn = aws.create_kms_key("alias/restore")
    key_id = arn.rpartition("/")[2]
    alias_arn = f"arn:aws:kms:us-west-2:{aws.account_id}:alias/restore"
    for name in (arn, key_id, "alias/restore", alias_arn):
        key = keys.find_key(name)
        assert key is not None
        assert (key.arn, key.key_id, key.key_state) == (arn, key_id, "Enabled")
        assert key.key_usage == "ENCRYPT_DECRYPT"


def test_a_disabled_key_shows_its_state(aws: InProcessAws, keys: AwsKeys) -> None:
    key = keys.find_key(aws.create_kms_key(enabled=False))
    assert key is not None
    assert key.key_state == "Disabled"


def test_a_key_that_is_not_there_is_none(aws: InProcessAws, keys: AwsKeys) -> None:
    assert keys.find_key("alias/none") is None
    assert keys.find_key("11111111-2222-3333-4444-555555555555") is None


def test_a_key_of_another_region_is_none_here(aws: InProcessAws, keys: AwsKeys) -> None:
    assert keys.find_key(aws.create_kms_key(region=SOURCE_REGION).rpartition("/")[2]) is None


@pytest.mark.parametrize(
    "fault",
    [
        FaultKind.DENIED,
        Refusal("InvalidArnException", "Invalid ARN"),
        Refusal("AccessDeniedException", "no"),
    ],
)
def test_a_key_that_may_not_be_looked_at_is_its_own_error(
    aws: InProcessAws, keys: AwsKeys, fault: Refusal
) -> None:
    aws.before(is_operation("DescribeKey"), fault)
    with pytest.raises(KmsKeyNotAccessible, match="alias/restore"):
        keys.find_key("alias/restore")


def test_a_throttled_kms_can_be_asked_again(aws: InProcessAws, keys: AwsKeys) -> None:
    aws.before(is_operation("DescribeKey"), FaultKind.THROTTLED)
    with pytest.raises(AwsThrottled):
        keys.find_key("alias/restore")


def test_security_groups_that_exist_are_found_and_others_left_out(
    aws: InProcessAws, network: AwsNetwork
) -> None:
    vpc_id = aws.create_vpc()
    group_id = aws.create_security_group("databases", vpc_id)
    aws.create_security_group("unasked", vpc_id)
    found = network.find_security_groups([group_id, "sg-00000000000000000", "not even an id", group_id])
    assert set(found) == {group_id}
    assert (found[group_id].group_name, found[group_id].vpc_id) == ("databases", vpc_id)


def test_no_ids_ask_nothing(aws: InProcessAws, network: AwsNetwork) -> None:
    assert network.find_security_groups([]) == {}
    assert aws.calls == []


def test_security_groups_are_those_of_the_region(aws: InProcessAws, network: AwsNetwork) -> None:
    group_id = aws.create_security_group("there", aws.create_vpc(region=SOURCE_REGION), SOURCE_REGION)
    assert network.find_security_groups([group_id]) == {}


def test_a_missing_right_of_ec2_is_named(aws: InProcessAws, network: AwsNetwork) -> None:
    aws.before(is_operation("DescribeSecurityGroups"), Refusal("UnauthorizedOperation", "no", 403))
    with pytest.raises(AccessDenied, match="ec2:DescribeSecurityGroups"):
        network.find_security_groups(["sg-1"])
