"""Text that comes from a database, made fit to be kept and to be read: names there are bytes of any kind.

A byte that is not UTF-8 travels inside of our programs as Python's surrogate escape. No record, message or terminal
takes that, so it leaves as `\\xfc`. A control character is kept in the record as it is and shown as `\\x1b`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

# Control, format (they turn the direction of writing), line and paragraph separators, surrogates, private use.
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs"})
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def storable(text: str) -> str:
    """The text with each byte that is not UTF-8, and each lone surrogate, written out: valid Unicode afterwards."""
    if text.isascii():
        return text
    return "".join(_written_out(letter) if "\ud800" <= letter <= "\udfff" else letter for letter in text)


def visible(text: str, *, keep: str = "") -> str:
    """The text in one line with everything written out that would act on a terminal; `keep`: what stays."""
    if text.isprintable():
        return text
    return "".join(
        _written_out(letter)
        if letter not in keep and unicodedata.category(letter) in _HIDDEN_CATEGORIES
        else letter
        for letter in text
    )


def visible_values(value: Any, *, keep: str = "") -> Any:
    """A value of JSON's kinds with every text in it made visible."""
    if isinstance(value, str):
        return visible(value, keep=keep)
    if isinstance(value, Mapping):
        # The lines below a hint are commands: their line breaks are ours.
        return {
            name: visible_values(item, keep="\n" if name == "hint" else keep) for name, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [visible_values(item, keep=keep) for item in value]
    return value


def _written_out(letter: str) -> str:
    if letter in _SHORT:
        return _SHORT[letter]
    point = ord(letter)
    if 0xDC80 <= point <= 0xDCFF:
        return f"\\x{point - 0xDC00:02x}"
    return f"\\x{point:02x}" if point < 0x100 else f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"
