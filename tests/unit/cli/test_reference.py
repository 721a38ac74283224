"""The command line's reference page is what the commands say."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest
from tests.support.template_policies import ROOT

from aurora_restore.cli.app import commands
from aurora_restore.cli.exit_codes import ExitCode
from aurora_restore.cli.reference import PAGE, reference

SECTION = re.compile(r"^### aurora-restore (.+?)$(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)


def every_command(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield path, command
        return
    for name in command.list_commands(click.Context(command)):
        below = command.get_command(click.Context(command), name)
        assert below is not None
        yield from every_command(f"{path} {name}".strip(), below)


@pytest.fixture(scope="module")
def page() -> str:
    return reference()


def test_the_committed_page_is_what_the_commands_say_today(page: str) -> None:
    assert (ROOT / PAGE).read_text(encoding="utf-8") == page, f"{PAGE} is stale: run `make reference`"


def test_every_command_is_there_with_each_of_its_options_and_arguments(page: str) -> None:
    sections = dict(SECTION.findall(page))
    for path, command in every_command("", commands):
        assert path in sections
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                for name in (*parameter.opts, *parameter.secondary_opts):
                    assert f"`{name}`" in sections[path], f"{path} {name}"


def test_every_exit_status_is_there_once(page: str) -> None:
    described = re.findall(r"^\| (\d+) \|", page, re.MULTILINE)
    assert described == [str(int(code)) for code in ExitCode]


def test_a_default_that_a_person_would_get_is_shown(page: str) -> None:
    sections = dict(SECTION.findall(page))
    assert "| `--limit` `INTEGER` | Show at most this many. From 1 to 1000. | `20` |" in sections["list"]
    assert re.search(r"^\| `--reason` `TEXT` \| .* \| required \|$", sections["cancel"], re.MULTILINE)
    assert re.search(r"^\| `--json` \| .* \| off \|$", sections["cancel"], re.MULTILINE)
