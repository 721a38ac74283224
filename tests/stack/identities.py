"""Users and sessions of roles with which tests ask the local stack, and which are gone after the test."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from tests.stack.conftest import Clients

from aurora_restore.demo import seed_aws
from local_stack.stack_info import StackInfo, environment_of


@dataclass(frozen=True)
class Identity:
    """Credentials of a user, or of a session of a role."""

    stack: StackInfo
    access_key_id: str
    secret_access_key: str
    session_token: str = ""

    def client(self, service: str, region: str | None = None) -> Any:
        session = boto3.Session(
            self.access_key_id,
            self.secret_access_key,
            self.session_token or None,
            region_name=self.stack.region,
        )
        return seed_aws.client(session, self.stack, service, region)

    def environment(self) -> dict[str, str]:
        """The variables for a program, beside those that point it at the stack."""
        return {
            **environment_of(self.stack),
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            **({"AWS_SESSION_TOKEN": self.session_token} if self.session_token else {}),
        }


@contextmanager
def user_attached_to(stack: StackInfo, boto: Clients, policy_arns: Sequence[str]) -> Iterator[Identity]:
    """A user with these managed policies."""
    iam, name = boto("iam"), f"tests-{uuid.uuid4().hex[:12]}"
    with ExitStack() as made:
        iam.create_user(UserName=name)
        made.callback(iam.delete_user, UserName=name)
        for arn in policy_arns:
            iam.attach_user_policy(UserName=name, PolicyArn=arn)
            made.callback(iam.detach_user_policy, UserName=name, PolicyArn=arn)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        made.callback(iam.delete_access_key, UserName=name, AccessKeyId=key["AccessKeyId"])
        yield Identity(stack, key["AccessKeyId"], key["SecretAccessKey"])


@contextmanager
def user_with(stack: StackInfo, boto: Clients, policies: Sequence[Mapping[str, Any]]) -> Iterator[Identity]:
    """A user with policies of its own."""
    iam, name = boto("iam"), f"tests-{uuid.uuid4().hex[:12]}"
    with ExitStack() as made:
        arns = []
        for number, document in enumerate(policies):
            policy = iam.create_policy(PolicyName=f"{name}-{number}", PolicyDocument=json.dumps(document))
            arns.append(policy["Policy"]["Arn"])
            made.callback(iam.delete_policy, PolicyArn=arns[-1])
        yield made.enter_context(user_attached_to(stack, boto, arns))


@contextmanager
def session_of_role(stack: StackInfo, boto: Clients, role_arn: str) -> Iterator[Identity]:
    """A session of a role that a service takes on otherwise: while it lasts the account may take it on, too."""
    iam, name = boto("iam"), role_arn.rpartition("/")[2]
    trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    ours = {"Effect": "Allow", "Principal": {"AWS": stack.account_id}, "Action": "sts:AssumeRole"}
    changed = {**trust, "Statement": [*trust["Statement"], ours]}
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(changed))
    try:
        given = boto("sts").assume_role(RoleArn=role_arn, RoleSessionName="tests")["Credentials"]
        yield Identity(stack, given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    finally:
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))
