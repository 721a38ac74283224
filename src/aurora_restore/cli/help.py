"""The help of a command: its options in their groups, each with its whole name, however narrow the terminal is."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

_DEFAULT_GROUP = "Options"
_NAMES_MOST = 26


class NamesFirstCommand(TyperCommand):
    """Typer's boxes cut long names at 80 columns; here a long name has a line of its own."""

    def __init__(self, name: str | None, **settings: Any) -> None:
        super().__init__(name, **{**settings, "rich_markup_mode": None})

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the groups of options, the request's own first."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            if record := parameter.get_help_record(ctx):
                default = "Arguments" if parameter.param_type_name == "argument" else _DEFAULT_GROUP
                group = getattr(parameter, "rich_help_panel", None) or default
                groups.setdefault(group, []).append(record)
        for group in sorted(groups, key=lambda name: name == _DEFAULT_GROUP):
            with formatter.section(group):
                formatter.write_dl(groups[group], col_max=_NAMES_MOST)
