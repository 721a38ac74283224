"""The JSON patterns of metric filters, as far as the template has them: comparisons with `=`, joined by `&&` or `||`.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_TERM = re.compile(r'\$((?:\.\w+)+) = "([^"]*)"')


def matches(pattern: str, event: Mapping[str, Any]) -> bool:
    """Whether a log event that is JSON is counted. Raises ValueError for what this does not know."""
    inner = pattern.strip()
    if not (inner.startswith("{") and inner.endswith("}")):
        raise ValueError(pattern)
    # `&&` binds more tightly.
    return any(
        all(_is(term.strip(), event) for term in alternative.split("&&"))
        for alternative in inner[1:-1].split("||")
    )


def _is(term: str, event: Mapping[str, Any]) -> bool:
    read = _TERM.fullmatch(term)
    if read is None:
        raise ValueError(term)
    found: Any = event
    for name in read[1].strip(".").split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return bool(found == read[2])
