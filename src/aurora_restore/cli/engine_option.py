"""`--engine`: on which engines the local stack has a production cluster."""

from __future__ import annotations

import click

from aurora_restore.cli.parameters import Decorator, option
from aurora_restore.domain.engines import ENGINES, MYSQL, POSTGRESQL

_NAMES = {"postgresql": POSTGRESQL, "mysql": MYSQL}


def short_name(engine: str) -> str:
    """As the option calls it."""
    return engine.removeprefix("aurora-")


def engines_of(choice: str) -> tuple[str, ...]:
    """The engines that a choice of the option means."""
    return tuple(ENGINES) if choice == "all" else (_NAMES[choice],)


def engine_option(help_text: str, *, with_all: bool) -> Decorator:
    """None where it is not given."""
    choices = [*_NAMES, "all"] if with_all else [*_NAMES]
    return option(
        "--engine", type=click.Choice(choices), help=f"{help_text} Default: postgresql in a new stack."
    )
