"""A deployment that is shown and declined: the account is afterwards as it was before."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from tests.stack.conftest import Clients

from aurora_restore.cli.exit_codes import ExitCode
from local_stack.stack_info import StackInfo, environment_of

pytestmark = pytest.mark.file_one_day_in(7, 5)


def what_there_is(boto: Clients) -> dict[str, Any]:
    stacks = boto("cloudformation").describe_stacks()["Stacks"]
    return {
        "stacks": [stack["StackName"] for stack in stacks],
        "buckets": [bucket["Name"] for bucket in boto("s3").list_buckets()["Buckets"]],
    }


def test_a_first_deployment_that_is_not_confirmed_leaves_nothing(
    empty_stack: StackInfo, empty_boto: Clients
) -> None:
    before = what_there_is(empty_boto)
    ran = subprocess.run(
        [sys.executable, "-m", "aurora_restore", "deploy"],
        env={**os.environ, **environment_of(empty_stack)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == ExitCode.USAGE, ran.stderr
    assert "Uploaded s3://aurora-restore-artifacts-" in ran.stdout
    assert what_there_is(empty_boto) == before
