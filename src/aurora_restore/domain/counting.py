"""Numbers of things in sentences."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """`1 record`, `2 records`, `no records`."""
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
