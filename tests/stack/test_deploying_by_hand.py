"""The guide's create-stack and update-stack, by an administrator with the AWS CLI, in a Region where nothing of the
pipeline is deployed yet."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.stack.conftest import Clients
from tests.stack.identities import Identity, user_attached_to
from tests.stack.polling import poll_until
from tests.stack.test_guide import ROOT, directory_of_aws

from local_stack.stack_info import StackInfo

REGION = "us-east-1"
STACK = "aurora-restore-pipeline"
COPIED = (
    "src",
    "scripts",
    "infrastructure",
    "requirements",
    "pyproject.toml",
    "Makefile",
    "README.md",
    "LICENSE",
)
Shell = Callable[[str], str]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, to change its code, in a folder with a space in its name."""
    copy = tmp_path_factory.mktemp("another checkout") / "the pipeline"
    copy.mkdir()
    for name in COPIED:
        source = ROOT / name
        ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
        (
            shutil.copytree(source, copy / name, ignore=ignore)
            if source.is_dir()
            else shutil.copy(source, copy / name)
        )
    (copy / ".venv").symlink_to(sys.prefix)
    return copy


@pytest.fixture(scope="module")
def administrator(stack: StackInfo, boto: Clients) -> Iterator[Identity]:
    """Who deploys: with the policies that the guide makes first, in the same Region."""
    cloudformation, name = boto("cloudformation", REGION), "aurora-restore-access"
    body = (ROOT / "infrastructure" / "access.yaml").read_text(encoding="utf-8")
    cloudformation.create_stack(StackName=name, TemplateBody=body, Capabilities=["CAPABILITY_NAMED_IAM"])

    def made() -> dict[str, Any]:
        found: dict[str, Any] = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        return found

    poll_until(lambda: made()["StackStatus"] == "CREATE_COMPLETE", "the policies", 30)
    arns = [output["OutputValue"] for output in made()["Outputs"]]
    with user_attached_to(stack, boto, arns) as identity:
        yield identity
    cloudformation.delete_stack(StackName=name)


@pytest.fixture(scope="module")
def shell(administrator: Identity, checkout: Path) -> Shell:
    environ = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
    environ |= administrator.environment()
    environ |= {"AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION, "REGION": REGION, "AWS_PAGER": ""}
    environ |= {"NO_PROXY": "127.0.0.1,localhost"}
    environ["PATH"] = f"{directory_of_aws(checkout.parent)}{os.pathsep}{os.environ['PATH']}"

    def run(command: str) -> str:
        done = subprocess.run(["/bin/bash", "-ec", command], cwd=checkout, env=environ, capture_output=True, text=True,
                              timeout=180, check=False)  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


def status(shell: Shell) -> str:
    return shell(
        f"aws cloudformation describe-stacks --stack-name {STACK} --query 'Stacks[0].StackStatus' --output text"
    ).strip()


def apply(shell: Shell, verb: str, expected: str) -> None:
    shell(
        f"aws cloudformation {verb} --stack-name {STACK} "
        "--template-body file://infrastructure/aurora-restore-pipeline.yaml "
        "--capabilities CAPABILITY_IAM CAPABILITY_NAMED_IAM"
    )
    poll_until(lambda: status(shell) == expected, f"{verb} to end {expected}", 180)


def code_of(boto: Any) -> str:
    return str(
        boto("lambda", REGION).get_function(FunctionName="aurora-restore-snapshot-check")["Configuration"][
            "CodeSha256"
        ]
    )


@pytest.fixture(scope="module")
def created(shell: Shell) -> None:
    """The guide's two commands: build, create."""
    assert "lambda/" in shell("scripts/build_lambda_packages.sh")
    apply(shell, "create-stack", "CREATE_COMPLETE")


def test_after_a_change_of_the_code_an_update_puts_the_new_code_in(
    created: None, shell: Shell, checkout: Path, boto: Any
) -> None:
    before = code_of(boto)
    module = checkout / "src" / "aurora_restore" / "domain" / "times.py"
    module.write_text(module.read_text() + "\nCHANGED = True\n")
    shell("scripts/build_lambda_packages.sh")
    apply(shell, "update-stack", "UPDATE_COMPLETE")
    assert code_of(boto) != before


def test_the_definition_file_can_be_put_into_the_state_machine_as_it_is(created: None, shell: Shell) -> None:
    shell(
        "aws stepfunctions update-state-machine --state-machine-arn "
        "arn:aws:states:$REGION:$ACCOUNT_ID:stateMachine:aurora-restore-state-machine "
        "--definition file://infrastructure/step_functions_definition.json"
    )
