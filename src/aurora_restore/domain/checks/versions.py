"""What is deployed against what this source tree would deploy: template, functions, definitions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aurora_restore.domain.checks.finding import Finding, green, red


@dataclass(frozen=True)
class SourceVersions:
    """What the source tree makes.

    Attributes:
        template: the text of the stack's template; `package_key`: the key of the functions' zip in it.
        code_sha256: of the zip as it is built here, as Lambda shows it: SHA-256 in base64 (Lambda API Reference,
            FunctionConfiguration, `CodeSha256`).
        functions: the names of all functions.
        definitions: by the name of the state machine, read from its JSON.
    """

    template: str
    package_key: str
    code_sha256: str
    functions: tuple[str, ...]
    definitions: Mapping[str, Any]


@dataclass(frozen=True)
class FunctionSeen:
    """A function as it is deployed; `last_modified`: when it was changed last, as Lambda writes it."""

    code_sha256: str
    last_modified: str = ""


def check_template(source: SourceVersions, deployed: str | None, region: str) -> Finding:
    """`deployed`: the text that the stack was made with; None where there is no stack, or it is not a text."""
    if deployed is None:
        return red(
            "template", "there is no template of ours", "The stack does not exist, or is another one.",
            f"aurora-restore deploy --region {region}",
        )  # fmt: skip
    if deployed.strip() == source.template.strip():
        return green("template", "as in this source tree")
    keys = "" if source.package_key in deployed else ", and names another Lambda package"
    return red(
        "template",
        f"the stack's template is not that of this source tree{keys}",
        "What runs is older or newer than what is here.",
        f"aurora-restore deploy --region {region}",
    )


def check_functions(
    source: SourceVersions,
    deployed: Mapping[str, FunctionSeen | None],
    package_sha256: str | None,
    region: str,
) -> Finding:
    """Each function's code against the zip.

    Args:
        deployed: by name; None where there is no such function.
        package_sha256: of the zip that the artifacts bucket has under the key of this source tree, which another
            version of zlib may have packed into other bytes with the same contents; None where it has none.
    """
    same = {source.code_sha256, package_sha256}
    missing = [name for name in source.functions if deployed.get(name) is None]
    other = [
        f"{name} (of {function.last_modified[:16]})"
        for name in source.functions
        if (function := deployed.get(name)) is not None and function.code_sha256 not in same
    ]
    deploy = f"aurora-restore deploy --region {region}"
    if missing:
        return red(
            "functions", f"missing: {', '.join(missing)}", "A phase whose function is missing fails.", deploy
        )
    if not other:
        return green("functions", f"{len(source.functions)} functions, as in this source tree")
    which = "all" if len(other) == len(source.functions) else ", ".join(other)
    return red(
        "functions",
        f"{len(other)} of {len(source.functions)} have other code than this source tree: {which}",
        "They are older or newer than what is here, or were changed by hand.",
        deploy,
        *(
            # Where the template is the same, a deployment finds nothing to change.
            (
                f"aws lambda update-function-code --region {region} --function-name {other[0].split(' ')[0]} "
                f"--s3-bucket BUCKET --s3-key {source.package_key}",
            )
            if package_sha256
            else ()
        ),
    )


def check_definitions(
    source: SourceVersions,
    deployed: Mapping[str, Any],
    files: Mapping[str, str],
    arns: Mapping[str, str],
    region: str,
) -> Finding:
    """Each definition against the file; `deployed` has None where there is no such state machine.

    Args:
        files: where in the tree each definition is; arns: of each state machine.
    """
    missing = [name for name in source.definitions if deployed.get(name) is None]
    if missing:
        return red(
            "state machines",
            f"missing: {', '.join(missing)}",
            "No restore can be started, or none cleaned up.",
            f"aurora-restore deploy --region {region}",
        )
    other = [name for name, definition in source.definitions.items() if deployed[name] != definition]
    if not other:
        return green("state machines", f"{len(source.definitions)} definitions, as in this source tree")
    return red(
        "state machines",
        f"another definition than in this source tree: {', '.join(other)}",
        "Phases may be missing, or run in another order than the functions expect.",
        *(
            f"aws stepfunctions update-state-machine --region {region} --state-machine-arn {arns[name]} "
            f"--definition file://{files[name]}"
            for name in other
        ),
    )
