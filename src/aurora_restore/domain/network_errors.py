"""The branch of the tree of errors that is about the network of the functions."""

from __future__ import annotations

from aurora_restore.domain.error_kinds import RequestRefused


class NetworkUnreachable(RequestRefused):
    code = "NETWORK_UNREACHABLE"
    default_hint = (
        "The stack's SubnetIds need a way to the AWS APIs (a NAT gateway, or VPC endpoints for dynamodb, rds and "
        "secretsmanager), and its SecurityGroupIds must let HTTPS out; then start again under a new name."
    )


class DatabaseOutOfReach(RequestRefused):
    code = "DATABASE_OUT_OF_REACH"
    default_hint = (
        "Give the functions that talk to databases subnets from which the cluster can be reached: aurora-restore "
        "deploy --parameter SubnetIds=subnet-1,subnet-2 --parameter SecurityGroupIds=sg-1."
    )
