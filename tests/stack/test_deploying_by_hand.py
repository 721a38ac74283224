"""The original guide's commands that build and deploy, unchanged, by an administrator, in a Region where nothing of the
pipeline is deployed yet."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.docs import original_guide
from tests.docs.blocks import ROOT
from tests.stack.conftest import Clients
from tests.stack.identities import Identity, user_attached_to
from tests.stack.polling import poll_until
from tests.support.aws_cli import directory_of_aws

from local_stack.stack_info import StackInfo

pytestmark = pytest.mark.file_one_day_in(7, 4)

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
Bash = Callable[[str], subprocess.CompletedProcess[str]]


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
def bash(administrator: Identity, checkout: Path) -> Bash:
    environ = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
    environ |= administrator.environment()
    environ |= {"AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION, "REGION": REGION, "AWS_PAGER": ""}
    environ |= {"NO_PROXY": "127.0.0.1,localhost"}
    environ["PATH"] = f"{directory_of_aws(checkout.parent)}{os.pathsep}{os.environ['PATH']}"
    return lambda command: subprocess.run(
        ["/bin/bash", "-ec", command], cwd=checkout, env=environ, capture_output=True, text=True,
        timeout=180, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def original(bash: Bash) -> Shell:
    """Runs a command of the original guide, unchanged, and sees that it ends as our page says."""

    def run(name: str) -> str:
        done = bash(original_guide.script(name))
        original_guide.assert_as_listed(name, done)
        return done.stdout

    return run


def await_status(boto: Any, expected: str) -> None:
    def is_so() -> bool:
        [stack] = boto("cloudformation", REGION).describe_stacks(StackName=STACK)["Stacks"]
        return bool(stack["StackStatus"] == expected)

    poll_until(is_so, f"the stack to be {expected}", 180)


def code_of(boto: Any) -> str:
    return str(
        boto("lambda", REGION).get_function(FunctionName="aurora-restore-snapshot-check")["Configuration"][
            "CodeSha256"
        ]
    )


@pytest.fixture(scope="module")
def created(original: Shell, boto: Any) -> None:
    assert "lambda/" in original("08_build_the_packages")
    original("17_create_the_stack")
    await_status(boto, "CREATE_COMPLETE")


def test_an_update_without_a_change_is_refused_and_one_after_a_change_of_the_code_puts_the_new_code_in(
    created: None, original: Shell, bash: Bash, checkout: Path, boto: Any
) -> None:
    before = code_of(boto)
    unchanged = bash(original_guide.script("09_update_the_stack"))
    assert original_guide.outcome(unchanged) == "refused: `ValidationError`"
    module = checkout / "src" / "aurora_restore" / "domain" / "times.py"
    module.write_text(module.read_text() + "\nCHANGED = True\n")
    original("08_build_the_packages")
    original("09_update_the_stack")
    await_status(boto, "UPDATE_COMPLETE")
    assert code_of(boto) != before


def test_the_definition_file_can_be_put_into_the_state_machine_as_it_is(
    created: None, original: Shell, checkout: Path, boto: Any
) -> None:
    machines = boto("stepfunctions", REGION)
    [arn] = [
        machine["stateMachineArn"]
        for machine in machines.list_state_machines()["stateMachines"]
        if machine["name"] == "aurora-restore-state-machine"
    ]
    written = (checkout / "infrastructure" / "step_functions_definition.json").read_text()
    machines.update_state_machine(
        stateMachineArn=arn, definition=json.dumps(json.loads(written) | {"TimeoutSeconds": 60})
    )
    original("10_update_the_definition")
    assert machines.describe_state_machine(stateMachineArn=arn)["definition"] == written
