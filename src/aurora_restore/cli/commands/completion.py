"""`completion`: what makes a shell complete the commands and options of this program."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from aurora_restore.cli.app import COMPLETE_VARIABLE, PROGRAM, commands
from aurora_restore.cli.parameters import Command


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what makes a shell complete our commands.

    For bash, in ~/.bashrc: eval "$(aurora-restore completion bash)". For zsh, in ~/.zshrc, the same with zsh. For
    fish: aurora-restore completion fish > ~/.config/fish/completions/aurora-restore.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - the argument admits only shells that Click knows
    click.echo(kind(commands, {}, PROGRAM, COMPLETE_VARIABLE).source())
