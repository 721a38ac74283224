"""The template of the stack: what is not functions is written by hand in `pipeline.yaml`; the rest is put in."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from aurora_restore.deployment import monitoring, permissions
from aurora_restore.deployment.definitions import CALLED_IN_A_RESTORE
from aurora_restore.deployment.functions import ENVIRONMENT, FUNCTIONS, Function
from aurora_restore.deployment.rendering import Short, text, yaml_block

# CloudFormation takes no more as the body of a request.
MAX_TEMPLATE_BYTES = 51_200

WRITTEN_BY_HAND = Path(__file__).with_name("pipeline.yaml")
HEAD = "# Written by `make build` from src/aurora_restore/deployment (pipeline.yaml, functions.py): change it there.\n"
_PLACE = re.compile(r"(?m)^( *)<<(.+)>>$")

RUNTIME = "python3.13"
ARCHITECTURE = "arm64"


def pipeline_template(keys: Mapping[str, str]) -> str:
    """The text of the template that names these artifacts, by their entries in its mapping."""
    parts: dict[str, Any] = {
        "parameters of permissions": permissions.nested_parameters(),
        "functions": {
            name: resource for function in FUNCTIONS for name, resource in _resources(function).items()
        },
        "functions of a restore": [
            Short("GetAtt", f"{function.logical_id}Function.Arn")
            for function in FUNCTIONS
            if function.name in CALLED_IN_A_RESTORE
        ],
        "log groups": [f"{function.logical_id}Logs" for function in FUNCTIONS],
        "parameters of monitoring": {name: text(value) for name, value in monitoring.PARAMETERS.items()},
    }
    written: dict[str, Callable[[int], str]] = {
        name: functools.partial(yaml_block, part) for name, part in parts.items()
    }
    # In lines of their own, so that a new key is a line of a difference.
    written["keys"] = lambda indent: "\n".join(
        f"{' ' * indent}{name}:\n{' ' * indent} Key: {key}" for name, key in keys.items()
    )
    by_hand = WRITTEN_BY_HAND.read_text(encoding="utf-8")
    return HEAD + _PLACE.sub(lambda place: written[place[2]](len(place[1])), by_hand)


def stamped_keys(template: str) -> dict[str, str]:
    """The keys in a template's mapping `Artifacts`, by entry."""
    return dict(re.findall(r"(?m)^  (\w+):\n   Key: (\S+)$", template))


def _resources(function: Function) -> dict[str, Any]:
    # As lists: the parameters are plain texts, which may be empty, so that a stack can do without a VPC.
    network = {name: Short("Split", [",", Short("Ref", name)]) for name in ("SubnetIds", "SecurityGroupIds")}
    vpc = Short("If", ["InVpc", network, permissions.NO_VALUE])
    variables = {**ENVIRONMENT, **function.environment}
    properties = {
        "FunctionName": function.full_name,
        "Description": function.purpose,
        "Runtime": RUNTIME,
        "Architectures": [ARCHITECTURE],
        "Handler": function.handler,
        "Role": Short("GetAtt", f"Permissions.Outputs.{permissions.role_id(function.role_owner)}Arn"),
        "MemorySize": function.memory,
        "Timeout": function.timeout,
        "Code": {
            "S3Bucket": Short("GetAtt", "Bucket.Value"),
            "S3Key": Short("FindInMap", ["Artifacts", "Lambda", "Key"]),
        },
        "LoggingConfig": {"LogFormat": "JSON", "SystemLogLevel": "WARN"},
        "TracingConfig": {"Mode": "Active"},
        **({"VpcConfig": vpc} if function.in_vpc else {}),
        "Environment": {"Variables": {name: text(value) for name, value in variables.items()}},
    }
    return {
        # Lambda would make the group itself, but one without a retention, which outlives the stack.
        f"{function.logical_id}Logs": {
            "Type": "AWS::Logs::LogGroup",
            "Properties": {
                "LogGroupName": f"/aws/lambda/{function.full_name}",
                "RetentionInDays": Short("Ref", "LogRetentionDays"),
                "KmsKeyId": Short("If", ["HasKey", Short("Ref", "KmsKeyArn"), permissions.NO_VALUE]),
            },
        },
        f"{function.logical_id}Function": {"Type": "AWS::Lambda::Function", "Properties": properties},
    }
