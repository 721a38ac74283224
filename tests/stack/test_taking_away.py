"""The operations guide's way of taking the stack away, with its own commands, and of putting it back."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.docs.blocks import ROOT
from tests.stack.conftest import clients_of
from tests.support.aws_cli import directory_of_aws

from aurora_restore.deployment.model import STACK_NAME
from aurora_restore.deployment.packaging import Project, build_artifacts
from aurora_restore.deployment.template import pipeline_template
from local_stack import lifecycle
from local_stack.stack_info import StackInfo

pytestmark = pytest.mark.file_one_day_in(7, 1)

SECTION = (
    (ROOT / "docs" / "operations_guide.md").read_text().split("## Taking it away, and putting it back")[1]
)
DELETE_STACK, REMOVE_TABLES = re.findall(r"```bash\n(.*?)```", SECTION.split("\n## ")[0], re.DOTALL)
TABLES = ["AuroraRestoreAudit", "AuroraRestoreLocks", "AuroraRestoreState"]
Shell = Callable[[str], str]


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackInfo]:
    """A local AWS of these tests' own: roles are the account's, and a deleted stack takes its own away."""
    home = tmp_path_factory.mktemp("to be taken away")
    yield lifecycle.up(lifecycle.UpOptions(home=home, fresh=True))
    lifecycle.down(home)


@pytest.fixture(scope="module")
def shell(own_stack: StackInfo, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    environment = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
    environment |= lifecycle.environment(own_stack.home) | {
        "AWS_PAGER": "",
        "NO_PROXY": "127.0.0.1,localhost",
    }
    folder = directory_of_aws(tmp_path_factory.mktemp("bin"))
    (folder / "aurora-restore").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m aurora_restore "$@"\n')
    (folder / "aurora-restore").chmod(0o755)
    environment["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"

    def run(command: str) -> str:
        done = subprocess.run(
            ["/bin/bash", "-ec", command], cwd=ROOT, env=environment, capture_output=True, text=True,
            timeout=180, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


def tables(own_stack: StackInfo) -> list[str]:
    return sorted(clients_of(own_stack)("dynamodb").list_tables()["TableNames"])


@pytest.fixture
def taken_away(shell: Shell, own_stack: StackInfo) -> None:
    """A pipeline that was deployed, with a record, and was deleted as the guide says."""
    shell("aurora-restore deploy --yes")
    clients_of(own_stack)("dynamodb").put_item(
        TableName="AuroraRestoreState", Item={"operation_id": {"S": "restore-kept"}}
    )
    shell(DELETE_STACK)


def test_what_happened_outlives_the_stack_and_a_deployment_adopts_it(
    taken_away: None, shell: Shell, own_stack: StackInfo
) -> None:
    assert tables(own_stack) == TABLES
    deployed = shell("aurora-restore deploy --yes")
    assert "CREATE_COMPLETE" in deployed
    assert "import" in deployed.lower()
    assert "restore-kept" in shell("aws dynamodb scan --table-name AuroraRestoreState")


def test_a_plain_create_stack_fails_where_the_tables_exist(
    taken_away: None, shell: Shell, own_stack: StackInfo, tmp_path: Path
) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(pipeline_template(build_artifacts(Project.find(), tmp_path).keys))
    shell(
        f"aws cloudformation create-stack --stack-name {STACK_NAME} --template-body 'file://{template}' "
        "--capabilities CAPABILITY_IAM CAPABILITY_NAMED_IAM"
    )
    with pytest.raises(AssertionError, match="terminal failure state"):
        shell(f"aws cloudformation wait stack-create-complete --stack-name {STACK_NAME}")
    reasons = shell(
        f"aws cloudformation describe-stack-events --stack-name {STACK_NAME} --output text "
        "--query \"StackEvents[?ResourceStatus=='CREATE_FAILED'].[ResourceType, ResourceStatusReason]\""
    )
    assert "AWS::DynamoDB::Table" in reasons
    assert tables(own_stack) == TABLES
    shell(DELETE_STACK)


def test_the_commands_that_remove_the_tables_leave_nothing_in_the_way_of_a_new_stack(
    taken_away: None, shell: Shell, own_stack: StackInfo
) -> None:
    shell(REMOVE_TABLES)
    assert tables(own_stack) == []
    shell("aurora-restore deploy --yes")
    assert "restore-kept" not in shell("aws dynamodb scan --table-name AuroraRestoreState")
