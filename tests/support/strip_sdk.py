"""Takes from a wheel of botocore what its service models say a request may hold, for `oldest_sdk.json`.

    python -m pip download --no-deps botocore==1.34.145
    python -m tests.support.strip_sdk botocore-1.34.145-py3-none-any.whl

The models themselves are 14 MB; kept are the names of operations and of the members of their inputs, and of the two
answers from which we take over what a cluster had.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

STRIPPED = Path(__file__).with_name("oldest_sdk.json")
SERVICES = (
    "application-autoscaling", "cloudwatch", "dynamodb", "ec2", "kms", "rds", "secretsmanager", "sns", "stepfunctions",
)  # fmt: skip
# Large services of which the functions use single operations.
OPERATIONS = {"ec2": ("DescribeSecurityGroups", "DescribeSubnets", "DescribeVpcs", "DescribeRouteTables")}
ANSWERS = ("DBCluster", "DBInstance")


def strip(wheel: Path) -> dict[str, Any]:
    with zipfile.ZipFile(wheel) as archive:
        models = {service: _model(archive, service) for service in SERVICES}
    rds = models["rds"]["shapes"]
    return {
        "source": f"{wheel.name}, sha256 {hashlib.sha256(wheel.read_bytes()).hexdigest()}",
        "requests": {service: _requests(service, model) for service, model in models.items()},
        "answers": {name: sorted(rds[name]["members"]) for name in ANSWERS},
    }


def _model(archive: zipfile.ZipFile, service: str) -> dict[str, Any]:
    folder = f"botocore/data/{service}/"
    name = max(each for each in archive.namelist() if each.startswith(folder) and "/service-2.json" in each)
    content = archive.read(name)
    model: dict[str, Any] = json.loads(gzip.decompress(content) if name.endswith(".gz") else content)
    extras = name.replace("service-2.json", "service-2.sdk-extras.json").removesuffix(".gz")
    if extras in archive.namelist():
        # What the SDK itself adds to a service's requests, for example SourceRegion of a copy.
        for shape, more in json.loads(archive.read(extras))["merge"].get("shapes", {}).items():
            model["shapes"][shape].setdefault("members", {}).update(more.get("members", {}))
    return model


def _requests(service: str, model: dict[str, Any]) -> dict[str, Any]:
    operations = model["operations"]
    return {
        name: _members(model["shapes"], operations[name]["input"]["shape"], ())
        for name in OPERATIONS.get(service, operations)
        if "input" in operations[name]
    }


def _members(shapes: dict[str, Any], name: str, above: tuple[str, ...]) -> Any:
    """Members of a structure by name; None for what has no names of its own. Shapes that hold themselves end there."""
    shape = shapes[name]
    if name in above:
        return None
    if shape["type"] == "structure":
        members = shape.get("members", {}).items()
        return {key: _members(shapes, each["shape"], (*above, name)) for key, each in members}
    if shape["type"] == "list":
        return _members(shapes, shape["member"]["shape"], (*above, name))
    return None


if __name__ == "__main__":
    STRIPPED.write_text(json.dumps(strip(Path(sys.argv[1])), indent=None, separators=(",", ":")) + "\n")
