r"""Names of the catalog as bytes: what is no UTF-8, or does not print, is shown escaped and hurts nothing.

A name in a shared catalog is in the encoding of the database in which it was given, whatever the encoding of the
database from which it is read. The server hands such bytes on as they are, or refuses the whole answer. So names
are asked for as hexadecimal digits.
"""

from __future__ import annotations

from dataclasses import dataclass

from aurora_restore.database.quoting import identifier, literal


def of_cluster(column: str) -> str:
    """SQL for the bytes of a `name` in a shared catalog. Each byte is read by itself: no encoding is looked at."""
    return (
        f"(SELECT string_agg(lpad(to_hex(CAST(({column})[i] AS int) & 255), 2, '0'), '' ORDER BY i)"  # noqa: S608
        f" FROM generate_series(0, 63) i WHERE ({column})[i] <> CAST('' AS \"char\"))"
    )


def of_database(text: str) -> str:
    """SQL for the bytes of a text of this database, in UTF-8 where the database knows its encoding."""
    as_it_is = f"CAST(replace({text}, E'\\\\', E'\\\\\\\\') AS bytea)"
    return (
        f"encode(CASE WHEN getdatabaseencoding() = 'SQL_ASCII' THEN {as_it_is}"
        f" ELSE convert_to({text}, 'UTF8') END, 'hex')"
    )


def visible(text: str) -> str:
    """A text with everything that does not print written as an escape."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text
    )


@dataclass(frozen=True)
class Name:
    """A name as the catalog has it."""

    raw: bytes

    @classmethod
    def of(cls, digits: str | None) -> Name:
        """From hexadecimal digits; NULL is the empty name."""
        return cls(bytes.fromhex(digits or ""))

    @property
    def text(self) -> str | None:
        """The name itself; None where it is no UTF-8, and so cannot be sent to the server."""
        try:
            return self.raw.decode("utf-8")
        except UnicodeDecodeError:
            return None

    @property
    def shown(self) -> str:
        """The name for people."""
        return visible(self.raw.decode("utf-8", "backslashreplace"))

    @property
    def quoted(self) -> str | None:
        """As an identifier in SQL, of letters that print; None where it is no UTF-8."""
        if self.text is None:
            return None
        if self.text.isprintable():
            return identifier(self.text)
        return 'U&"' + _escapes(self.text).replace('"', '""') + '"'

    @property
    def literal(self) -> str | None:
        """As a text in SQL, of letters that print; None where it is no UTF-8."""
        if self.text is None:
            return None
        if self.text.isprintable():
            return literal(self.text)
        return "U&'" + _escapes(self.text).replace("'", "''") + "'"


def _escapes(text: str) -> str:
    return "".join(
        letter if letter.isprintable() and letter != "\\" else f"\\+{ord(letter):06x}" for letter in text
    )


def statement(template: str, *names: str | None, shown: str) -> str:
    """A statement for people; `names` are quoted, and None where a name cannot be written in UTF-8."""
    if all(name is not None for name in names):
        return template.format(*names)
    words = template.format(*(name or "..." for name in names))
    return f"-- write {shown} in the encoding of its database: {words}"
