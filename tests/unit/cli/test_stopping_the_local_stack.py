"""`local down` while operations run: they are named, and nothing is stopped without a yes."""

from __future__ import annotations

import io

import click
import pytest
from rich.console import Console

from aurora_restore.cli.commands.local import ask_before_interrupting
from aurora_restore.cli.errors import UsageProblem
from aurora_restore.cli.screen import Screen


def screen(is_terminal: bool) -> Screen:
    console = Console(file=io.StringIO(), force_terminal=is_terminal, highlight=False, _environ={})
    return Screen(console, console)


def said(of: Screen) -> str:
    assert isinstance(of.out.file, io.StringIO)
    return of.out.file.getvalue()


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: text)


def test_without_a_terminal_the_stack_is_left_running_and_the_way_is_named() -> None:
    with pytest.raises(UsageProblem) as refused:
        ask_before_interrupting(screen(is_terminal=False), ["restore-1", "restore-2"])
    assert "The operations restore-1, restore-2 run" in refused.value.message
    assert "--yes" in refused.value.hint


def test_a_yes_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "y")
    shown = screen(is_terminal=True)
    ask_before_interrupting(shown, ["restore-1"])
    assert "The operation restore-1 runs" in said(shown)


@pytest.mark.parametrize("text", ["n", ""])
def test_a_no_leaves_the_stack_as_it_is(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    answer(monkeypatch, text)
    shown = screen(is_terminal=True)
    with pytest.raises(click.exceptions.Exit) as end:
        ask_before_interrupting(shown, ["restore-1"])
    assert end.value.exit_code == 0
    assert "goes on" in said(shown)
