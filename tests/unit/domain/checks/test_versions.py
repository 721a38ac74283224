"""What is deployed against the source tree."""

from __future__ import annotations

from typing import Any

import pytest

from aurora_restore.domain.checks.finding import Health
from aurora_restore.domain.checks.versions import (
    FunctionSeen,
    SourceVersions,
    check_definitions,
    check_functions,
    check_template,
)

REGION = "us-west-2"
MACHINE = "aurora-restore-state-machine"
SOURCE = SourceVersions(
    template="Resources: {}\n",
    package_key="lambda/abc.zip",
    code_sha256="here=",
    functions=("aurora-restore-sweep", "aurora-restore-notify"),
    definitions={MACHINE: {"StartAt": "SnapshotCheck"}},
)
HERE, OTHER = FunctionSeen("here="), FunctionSeen("other=", "2026-11-20T08:00:00.000+0000")


@pytest.mark.parametrize(
    ("deployed", "health"),
    [("Resources: {}", Health.GREEN), ("Resources: {A: {}}", Health.RED), (None, Health.RED)],
)
def test_the_template_is_compared_whole(deployed: str | None, health: Health) -> None:
    assert check_template(SOURCE, deployed, REGION).health is health


@pytest.mark.parametrize(
    ("sweep", "package_sha256", "health"),
    [
        (HERE, None, Health.GREEN),
        (OTHER, None, Health.RED),
        # Another version of zlib packs the same contents into other bytes: the zip under the same key says so.
        (OTHER, "other=", Health.GREEN),
        (None, None, Health.RED),
    ],
)
def test_a_function_has_the_code_of_the_source_tree(
    sweep: FunctionSeen | None, package_sha256: str | None, health: Health
) -> None:
    deployed = {"aurora-restore-sweep": sweep, "aurora-restore-notify": HERE}
    assert check_functions(SOURCE, deployed, package_sha256, REGION).health is health


def test_a_function_that_was_changed_by_hand_is_named_with_its_day_and_gets_the_zip_again() -> None:
    deployed = {"aurora-restore-sweep": OTHER, "aurora-restore-notify": HERE}
    found = check_functions(SOURCE, deployed, "here=", REGION)
    assert "aurora-restore-sweep (of 2026-11-20T08:00)" in found.seen
    assert "update-function-code" in found.repairs[-1]
    assert "lambda/abc.zip" in found.repairs[-1]


@pytest.mark.parametrize(
    ("definition", "health"),
    [({"StartAt": "SnapshotCheck"}, Health.GREEN), ({"StartAt": "Notify"}, Health.RED), (None, Health.RED)],
)
def test_a_definition_is_compared_as_what_it_means(definition: Any, health: Health) -> None:
    found = check_definitions(
        SOURCE, {MACHINE: definition}, {MACHINE: "infrastructure/x.json"}, {MACHINE: "arn:x"}, REGION
    )
    assert found.health is health
    if definition and health is Health.RED:
        assert found.repairs[0].endswith(
            "--state-machine-arn arn:x --definition file://infrastructure/x.json"
        )
