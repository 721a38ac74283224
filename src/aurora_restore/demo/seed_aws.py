"""What an account has before the pipeline comes: networks, keys and secrets, in both Regions.

The names are those of the operations guide's examples, so that its commands run as they stand.
"""

from __future__ import annotations

import json
import secrets
import string
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES

from aurora_restore.demo.shops import Shop
from aurora_restore.domain.engines import ENGINES
from local_stack.ministack_hooks import GROUP_ID_TAG
from local_stack.stack_info import StackInfo

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_secretsmanager import SecretsManagerClient

SUBNET_GROUP = "default-vpc-subnet-group"
AURORA_SERVICES = frozenset({"rds", "application-autoscaling"})
"""What the local Aurora answers; everything else is ministack's."""
SOURCE_GROUP = "production-databases"
SECURITY_GROUP_ID = "sg-12345678"
OTHER_SECURITY_GROUP_ID = "sg-87654321"
RESTORE_KEY_ALIAS = "alias/aurora-restore"
BILLING_KEY_ALIAS = "alias/billing"
ADMIN_SECRET = "aurora-restore/admin-credentials"  # noqa: S105 - the name of a secret
MASTER_USERNAME = "postgres"
"""Of Aurora PostgreSQL's clusters, for which the pipeline's own secret is."""
USER_SECRETS = {
    "aurora-restore/users/reporting": "reporting_reader",
    "aurora-restore/users/application": "application_writer",
    "aurora-restore/users/support": "support_admin",
}

_PASSWORD_CHARACTERS = string.ascii_letters + string.digits + "-_.!#%+=~"
_PASSWORD_LENGTH = 28


def new_password() -> str:
    """28 characters that RDS and its engines take."""
    return "".join(secrets.choice(_PASSWORD_CHARACTERS) for _ in range(_PASSWORD_LENGTH))


@dataclass(frozen=True)
class Passwords:
    """Of the source clusters, made anew for every stack; none is ever written into a file of the project.

    `masters`: of each engine's production, by the engine.
    """

    masters: dict[str, str] = field(
        default_factory=lambda: {name: new_password() for name in ENGINES}, repr=False
    )
    billing: str = field(default_factory=new_password, repr=False)
    application: str = field(default_factory=new_password, repr=False)
    reporting: str = field(default_factory=new_password, repr=False)


@dataclass(frozen=True)
class Network:
    """What RDS is to know of a Region's network."""

    region: str
    subnet_ids: list[str]
    security_group_vpcs: dict[str, str]


@dataclass(frozen=True)
class SeededSource:
    """What the source clusters are made with."""

    network: Network
    security_group_id: str
    billing_key_arn: str
    passwords: Passwords = field(default_factory=Passwords)


def session_for(info: StackInfo) -> boto3.Session:
    """A session with the stack's own credentials, whatever profiles, files and AWS_ variables there are.

    Endpoints are given client by client: see `client`.
    """
    # It asks neither the environment nor a file of the user's for any of its settings.
    of_the_user = ("profile", "config_file", "credentials_file")
    variables = {
        name: (None, None, None if name in of_the_user else default, conversion)
        for name, (_, _, default, conversion) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()
    }
    return boto3.Session(
        botocore_session=botocore.session.Session(session_vars=variables),
        aws_access_key_id=info.account_id,
        aws_secret_access_key="local",  # noqa: S106 - no secret: the local stack asks for none
        region_name=info.region,
    )


def client(session: boto3.Session, info: StackInfo, service: str, region: str | None = None) -> Any:
    """A client of the running stack, whatever the environment says about endpoints and proxies."""
    endpoint = info.rds_endpoint_url if service in AURORA_SERVICES else info.endpoint_url
    config = Config(
        retries={"mode": "standard", "total_max_attempts": 2}, proxies={}, connect_timeout=5, read_timeout=60
    )
    make: Any = session.client
    return make(service, region_name=region or info.region, endpoint_url=endpoint, config=config)


def seed_target(info: StackInfo) -> Network:
    """Network, key and secrets of the target Region, under the names of the guide's examples."""
    session = session_for(info)
    ec2 = client(session, info, "ec2")
    vpc_id = _default_vpc(ec2)
    other_vpc_id = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    _make_group(ec2, "restored-databases", vpc_id, SECURITY_GROUP_ID)
    _make_group(ec2, "of-another-vpc", other_vpc_id, OTHER_SECURITY_GROUP_ID)
    _make_key(client(session, info, "kms"), RESTORE_KEY_ALIAS, "Encrypts restored clusters")
    secretsmanager = client(session, info, "secretsmanager")
    # The password that restored clusters get, and those of the database users that a restore can set up.
    _make_secret(secretsmanager, ADMIN_SECRET, MASTER_USERNAME, new_password())
    for name, username in USER_SECRETS.items():
        _make_secret(secretsmanager, name, username, new_password())
    groups = {SECURITY_GROUP_ID: vpc_id, OTHER_SECURITY_GROUP_ID: other_vpc_id}
    return Network(info.region, _default_subnets(ec2), groups)


def seed_source(info: StackInfo) -> SeededSource:
    """Network and key of the source Region."""
    session = session_for(info)
    ec2 = client(session, info, "ec2", info.source_region)
    vpc_id = _default_vpc(ec2)
    group_id = _make_group(ec2, SOURCE_GROUP, vpc_id, "")
    key_arn = _make_key(
        client(session, info, "kms", info.source_region), BILLING_KEY_ALIAS, "Encrypts billing"
    )
    network = Network(info.source_region, _default_subnets(ec2), {group_id: vpc_id})
    return SeededSource(network, group_id, key_arn)


def find_source(info: StackInfo) -> SeededSource:
    """The same of a stack that was seeded before."""
    session = session_for(info)
    ec2 = client(session, info, "ec2", info.source_region)
    named = [{"Name": "group-name", "Values": [SOURCE_GROUP]}]
    [group] = ec2.describe_security_groups(Filters=named)["SecurityGroups"]
    key = client(session, info, "kms", info.source_region).describe_key(KeyId=BILLING_KEY_ALIAS)
    network = Network(info.source_region, _default_subnets(ec2), {group["GroupId"]: group["VpcId"]})
    return SeededSource(network, group["GroupId"], key["KeyMetadata"]["Arn"])


def seed_secrets_of(info: StackInfo, shop: Shop, passwords: Passwords) -> None:
    """What the master user of a shop has in production, and what it gets on a restored cluster."""
    session = session_for(info)
    if shop.admin_secret:
        secretsmanager = client(session, info, "secretsmanager")
        _make_secret(secretsmanager, shop.admin_secret, shop.master_username, new_password())
    secretsmanager = client(session, info, "secretsmanager", info.source_region)
    _make_secret(secretsmanager, shop.master_secret, shop.master_username, passwords.masters[shop.engine])


def has_secrets_of(info: StackInfo, shop: Shop) -> bool:
    secretsmanager = client(session_for(info), info, "secretsmanager", info.source_region)
    named: Any = [{"Key": "name", "Values": [shop.master_secret]}]
    found = secretsmanager.list_secrets(Filters=named)["SecretList"]
    return shop.master_secret in [secret["Name"] for secret in found]


def _default_vpc(ec2: EC2Client) -> str:
    return ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]


def _default_subnets(ec2: EC2Client) -> list[str]:
    found = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [_default_vpc(ec2)]}])["Subnets"]
    return sorted(subnet["SubnetId"] for subnet in found)


def _make_group(ec2: EC2Client, name: str, vpc_id: str, group_id: str) -> str:
    tags: list[Any] = [{"ResourceType": "security-group", "Tags": [{"Key": GROUP_ID_TAG, "Value": group_id}]}]
    made = ec2.create_security_group(
        GroupName=name,
        Description=f"{name} of the local stack",
        VpcId=vpc_id,
        TagSpecifications=tags if group_id else [],
    )["GroupId"]
    ec2.authorize_security_group_ingress(
        GroupId=made,
        IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
            for port in sorted(engine.default_port for engine in ENGINES.values())
        ],
    )
    return made


def _make_key(kms: KMSClient, alias: str, description: str) -> str:
    key = kms.create_key(Description=description)["KeyMetadata"]
    kms.create_alias(AliasName=alias, TargetKeyId=key["KeyId"])
    return key["Arn"]


def _make_secret(secretsmanager: SecretsManagerClient, name: str, username: str, password: str) -> None:
    value = json.dumps({"username": username, "password": password})
    secretsmanager.create_secret(Name=name, SecretString=value)
