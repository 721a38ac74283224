"""One question to IAM: may this be done to that, under these circumstances?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Check:
    """An action as IAM spells it, the ARN of the resource (`*` where IAM knows none), and condition keys."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


def pass_role(role_arn: str, service: str) -> Check:
    return Check("iam:PassRole", role_arn, {"iam:PassedToService": service})
