"""The blocks of commands in our documents: what each is to do, and a run of it as in an operator's shell.

A block is fenced as `bash`. A block fenced as `text` right below it is what it prints: `…` stands for any text in a
line, a line of `…` alone for any lines, times of day and durations may be others, and spaces are not counted. An HTML
comment right above a block says what a reader need not see:

    <!-- exit status 8: why -->                 a command ends with it, and no command with another one but 0
    <!-- run by tests/stack/test_x.py: why -->  another test does this
    <!-- not for the local stack: why -->       the block is for a real account, or for a reader's own machine
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLE_OPERATION = "restore-20230615-123456"
"""The operation in all our examples: it stands for the one that a block before started."""
TIMEOUT_SECONDS = 240
_FENCE = re.compile(r"^( *)```(\w*) *$")
_COMMENT = re.compile(r"^ *<!-- (exit status|run by|not for the local stack)(?: (\S+?))?: (.+) -->$")
_STARTED = re.compile(r"^Started (\S+) in ", re.MULTILINE)
# Of the output of a run: a time of day, with its zone, and how long something took.
_TIME = re.compile(r"\b\d\d:\d\d(:\d\d)?( UTC)?\b|\b\d+(\.\d+)? (s|min|h)\b( \d+ (s|min)\b)*")
ANYTHING = "…"
# Status and text of every command that fails, wherever in the block, beside its output. What follows it still runs.
_NOTE_FAILURES = r"""
line_end=$'\n'
trap 'echo "$? ${BASH_COMMAND%%"$line_end"*}" >&9' ERR
set -o pipefail
"""


class BadMarker(ValueError):
    """A comment above a block that says nothing that we know."""


@dataclass(frozen=True)
class Block:
    """One block. `exit_status`: what a command of it ends with besides 0; `printed`: None where any output is right.

    `other_test` and `unfit` say why it is not run here; at most one of them is not empty.
    """

    document: str
    line: int
    script: str
    printed: str | None = None
    exit_status: int = 0
    other_test: str = ""
    unfit: str = ""

    @property
    def runs_here(self) -> bool:
        return not (self.other_test or self.unfit)

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


@dataclass(frozen=True)
class Ran:
    """How a block ended: what it printed, on both outputs, and each command that failed, as `STATUS COMMAND`."""

    block: Block
    output: str
    failures: tuple[str, ...]
    operation: str

    def faults(self) -> Iterator[str]:
        """What is not as the document says."""
        statuses = {int(failure.split(" ", 1)[0]) for failure in self.failures}
        expected = {self.block.exit_status} - {0}
        if statuses != expected:
            yield f"ended with {sorted(statuses) or 0}, not {sorted(expected) or 0}: {'; '.join(self.failures)}"
        if self.block.printed is not None:
            printed = self.block.printed.replace(EXAMPLE_OPERATION, self.operation)
            if not is_like(self.output, printed):
                yield "printed something else than the document shows"


def read_blocks(path: Path) -> list[Block]:
    """The blocks of a document in their order. Raises BadMarker."""
    lines = path.read_text(encoding="utf-8").splitlines()
    found: list[Block] = []
    fence: tuple[str, str, int] | None = None
    # What stands between two fences; only an output right below its block belongs to it.
    between: list[str] = []
    language_before = ""
    for number, line in enumerate(lines, 1):
        match = _FENCE.match(line)
        if fence is None and match:
            fence = (match[1], match[2], number)
        elif fence is None:
            between.append(line)
        elif match and not match[2]:
            indent, language, first = fence
            text = "\n".join(each.removeprefix(indent) for each in lines[first : number - 1])
            above = [each for each in between if each.strip()]
            if language == "bash":
                name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
                found.append(_marked(Block(name, first, text), above[-1] if above else ""))
            elif language == "text" and language_before == "bash" and not above:
                found[-1] = replace(found[-1], printed=text)
            fence, between, language_before = None, [], language
    return found


def _marked(block: Block, above: str) -> Block:
    if not above.lstrip().startswith("<!--"):
        return block
    match = _COMMENT.match(above)
    if match is None:
        raise BadMarker(f"{block}: {above.strip()}")
    what, value, why = match.groups()
    match what, value:
        case "exit status", str() if value.isdecimal():
            return replace(block, exit_status=int(value))
        case "run by", str():
            return replace(block, other_test=value)
        case "not for the local stack", None:
            return replace(block, unfit=why)
    raise BadMarker(f"{block}: {above.strip()}")


def run_block(block: Block, environ: Mapping[str, str], directory: Path, operation: str) -> Ran:
    """Run a block as a whole in one shell, `operation` in the place of the example's.

    The operation of the result is the one that the block started, else the one that was given.
    """
    noted = directory / ".failures"
    script = _NOTE_FAILURES + block.script.replace(EXAMPLE_OPERATION, operation)
    with noted.open("w") as failures:
        done = subprocess.run(
            ["/bin/bash", "-c", f"exec 9>&{failures.fileno()}\n{script}"],
            cwd=directory,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
            pass_fds=[failures.fileno()],
        )
    found = noted.read_text().splitlines()
    # The first command of `one && other` fails without a note: then the shell's own status tells.
    if done.returncode and not found:
        found = [f"{done.returncode} (the whole block)"]
    started = _STARTED.findall(done.stdout)
    return Ran(block, done.stdout, tuple(found), started[-1] if started else operation)


def is_like(output: str, shown: str) -> bool:
    """Whether an output is what a document shows."""
    pattern = ""
    for line in _plain(shown):
        if line == ANYTHING:
            pattern += r"(?:.*\n)*"
        else:
            pattern += ".*".join(re.escape(part.strip(" ")) for part in line.split(ANYTHING)) + "\n"
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in _plain(output))) is not None


def _plain(text: str) -> list[str]:
    """Lines without what differs from run to run, and without empty ones at both ends."""
    lines = [" ".join(_TIME.sub("TIME", line).split()) for line in text.splitlines()]
    return "\n".join(lines).strip("\n").split("\n")
