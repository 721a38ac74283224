"""The ids of operations, which are the names of their executions."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

from aurora_restore.cli.errors import UsageProblem

MAX_NAME_CHARACTERS = 80
_REFUSED_IN_A_NAME = frozenset('<>{}[]?*"#%\\^|~`$&,;:/\ufffe\uffff\U0010ffff')
_REFUSED_CATEGORIES = frozenset({"Cc", "Cs", "Zs", "Zl", "Zp"})  # controls, surrogates, white space
_HINT = "An operation's id has letters, digits, `-` and `_`, as in restore-20230615-123456."


def read_operation_id(text: str, where: str = "--name") -> str:
    """The id itself, where Step Functions takes it as the name of an execution; `where` names it in messages.

    Source: API reference of StartExecution, `name`.

    Raises:
        UsageProblem: Step Functions does not take it.
    """
    if not text:
        raise UsageProblem(f"{where} is empty.", _HINT)
    if len(text) > MAX_NAME_CHARACTERS:
        raise UsageProblem(
            f"{where} has {len(text)} characters; it must have at most {MAX_NAME_CHARACTERS}.", _HINT
        )
    refused = sorted(
        character
        for character in set(text)
        if character in _REFUSED_IN_A_NAME or unicodedata.category(character) in _REFUSED_CATEGORIES
    )
    if refused:
        # As ASCII: most of these characters cannot be seen.
        listed = " ".join(map(ascii, refused))
        raise UsageProblem(f"{where} has characters that Step Functions does not accept: {listed}.", _HINT)
    return text


def new_operation_id(now: datetime, prefix: str = "restore") -> str:
    """The usual id of an operation: `restore-YYYYMMDD-HHMMSS`, in UTC."""
    return f"{prefix}-{now.astimezone(UTC):%Y%m%d-%H%M%S}"
