"""KMS keys as RDS sees them: a key is Regional, and a key can be out of reach."""

from __future__ import annotations

from local_aurora import errors
from local_aurora.identifiers import parse_arn
from local_aurora.world import Call


def usable_key(call: Call, key: str) -> str:
    """The ARN of a key that a call names by id, ARN or alias.

    Raises:
        AwsError: KMSKeyNotAccessibleFault for a key of another Region, or one that was declared unusable.
    """
    arn = parse_arn(key)
    if arn is not None and arn.region != call.region.name:
        raise errors.key_not_accessible(
            key, f"It belongs to {arn.region}; a key of {call.region.name} is needed."
        )
    prefix = f"arn:aws:kms:{call.region.name}:{call.world.account_id}:"
    full = key if arn else f"{prefix}{key}" if key.startswith("alias/") else f"{prefix}key/{key}"
    if {key, full} & call.region.unusable_kms_keys:
        raise errors.key_not_accessible(key, "")
    return full
