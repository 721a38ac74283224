"""Write docs/cli_reference.md from the commands themselves: `make reference`, and part of `make build`.

Every command with its arguments, options and defaults as Click knows them, and the exit statuses of `exit_codes`. The
page is committed; a test compares it with what this writes.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from aurora_restore.cli import exit_codes
from aurora_restore.cli.app import PROGRAM, commands
from aurora_restore.cli.lazy_group import SECTIONS
from aurora_restore.cli.parameters import Option

PAGE = Path("docs") / "cli_reference.md"
_INTRODUCTION = f"""# Command line reference

<!-- Written by `make reference` from the commands. Change their texts in src/aurora_restore/cli, not here. -->

Every command of `{PROGRAM}`, with its options, their defaults and its exit statuses. `{PROGRAM} COMMAND --help`
shows the same in a terminal. When to use which command is in the [operations guide](operations_guide.md) and in
[troubleshooting](troubleshooting.md).
"""
# The same for each command, and said once.
_COMMON = """## Options of every command

| option | meaning |
|---|---|
| `-h`, `--help` | Show the help of a command, and exit. |
| `--version` | Before any command: show the version, and exit. |

An empty default means that nothing is passed on: the default of the [request](reference.md#the-request) holds.

With `--json` the output is JSON from the first line to the last, errors included: `{"error": {"code": …}}`. The codes
are listed under [error codes](troubleshooting.md#error-codes).
"""
_STATUS = re.compile(r"^    (\d+) +(.+)$", re.MULTILINE)
_SAID_DEFAULT = re.compile(r" Default: (.*?)\.?$")
# In the place of the names that Click has for its types.
_TYPE_NAMES = {"integer range": "INTEGER", "float range": "NUMBER"}


def reference() -> str:
    """The whole page."""
    contents = [
        f"| [`{name}`](#{PROGRAM}-{name}) | {_cell(entry.summary)} |"
        for entries in SECTIONS.values()
        for name, entry in entries.items()
    ]
    table = "\n".join(["| command | |", "|---|---|", *contents])
    statuses = [
        "## Exit status\n",
        "What a status means of a single command, where that is not plain, is in its text below.\n",
        "| status | meaning |\n|---|---|",
        *(
            f"| {status} | {_cell(_prose(meaning))} |"
            for status, meaning in _STATUS.findall(exit_codes.__doc__ or "")
        ),
        "| 129, 143 | a signal ended it (SIGHUP, SIGTERM), and what it had begun was taken down |",
    ]
    parts = [_INTRODUCTION, table, _COMMON, "\n".join(statuses)]
    for section, entries in SECTIONS.items():
        parts.append(f"## {section}\n")
        for name in entries:
            command = commands.get_command(click.Context(commands), name)
            assert command is not None  # noqa: S101 - `SECTIONS` is the table of the commands
            parts += ["\n".join(_command(path, each)) for path, each in _with_subcommands(name, command)]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _with_subcommands(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            subcommand = command.get_command(click.Context(command), name)
            if subcommand is not None:
                yield from _with_subcommands(f"{path} {name}", subcommand)


def _command(path: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=f"{PROGRAM} {path}")
    yield f"### {PROGRAM} {path}\n"
    for paragraph in (command.help or "").split("\n\n"):
        # Click folds paragraphs for a terminal; here a line break in the source has no meaning either.
        yield _prose(" ".join(paragraph.replace("\b", "").split())) + "\n"
    yield f"```text\n{PROGRAM} {path} {' '.join(command.collect_usage_pieces(context))}\n```\n"
    found: dict[str, list[click.Parameter]] = {}
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            heading = "argument"
        else:
            heading = parameter.heading if isinstance(parameter, Option) else "Options"
        found.setdefault("option" if heading == "Options" else heading, []).append(parameter)
    # Below the headings that the help has, in its order: the general options last.
    for heading, options in sorted(found.items(), key=lambda item: item[0] == "option"):
        yield f"| {heading} | meaning | default |\n|---|---|---|"
        yield from (f"| {_names(each)} | {_meaning(each, context)} | {_default(each)} |" for each in options)
        yield ""


def _names(parameter: click.Parameter) -> str:
    if isinstance(parameter, click.Argument):
        # Of an argument with choices Click shows these as its name; they are in its meaning.
        name = parameter.name if isinstance(parameter.type, click.Choice) else parameter.metavar
        return f"`{(name or '').upper()}`"
    names = ", ".join(f"`{name}`" for name in parameter.opts)
    if parameter.secondary_opts:
        return f"{names} / {', '.join(f'`{name}`' for name in parameter.secondary_opts)}"
    if isinstance(parameter, click.Option) and parameter.is_flag:
        return names
    if parameter.metavar is None and isinstance(parameter.type, click.Choice):
        return f"{names} {' or '.join(f'`{choice}`' for choice in _choices(parameter))}"
    kind = parameter.metavar or _TYPE_NAMES.get(parameter.type.name, parameter.type.name.upper())
    return f"{names} `{kind}`"


def _choices(parameter: click.Parameter) -> list[str]:
    """As a person types them."""
    return parameter.make_metavar(click.Context(commands)).strip("[]{}").split("|")


def _meaning(parameter: click.Parameter, context: click.Context) -> str:
    if isinstance(parameter, click.Option):
        text = parameter.help or ""
    elif isinstance(parameter.type, click.Choice):
        text = f"One of {', '.join(_choices(parameter))}."
    else:
        text = (parameter.get_help_record(context) or ("", ""))[1]
    # The default has a column of its own.
    text = _SAID_DEFAULT.sub("", " ".join(text.split()))
    if isinstance(parameter.type, click.IntRange | click.FloatRange):
        low, high = parameter.type.min, parameter.type.max
        text += f" At least {low}." if high is None else f" From {low} to {high}."
    return _cell(_prose(text))


def _default(parameter: click.Parameter) -> str:
    help_text = parameter.help if isinstance(parameter, click.Option) else None
    if said := _SAID_DEFAULT.search(" ".join((help_text or "").split())):
        return _cell(_prose(said[1]))
    if parameter.required:
        return "required"
    if isinstance(parameter, click.Option) and parameter.is_flag and not parameter.secondary_opts:
        return "off"
    match parameter.default:
        # A pair of flags may have no default of its own: then the request's, or the stack's, holds.
        case bool() as is_on:
            return f"`{(parameter.opts if is_on else parameter.secondary_opts)[0]}`"
        case int() | float() as number:
            return f"`{number:g}`"
        case str() as text:
            return f"`{text}`"
    return ""


def _prose(text: str) -> str:
    """Text of the terminal as Markdown: options as code, and nothing that Markdown would take for a mark."""
    pieces = re.split(r"(`[^`]*`)", text)
    for index in range(0, len(pieces), 2):
        escaped = re.sub(r"([*_<>\[\]])", r"\\\1", pieces[index])
        pieces[index] = re.sub(r"(?<![\w`-])(--[a-z][a-z-]+)", r"`\1`", escaped)
    return "".join(pieces)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path.cwd()
    (root / PAGE).write_text(reference(), encoding="utf-8")
