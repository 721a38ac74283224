"""Names of a catalog in their forms: as the server takes them, as people read them, as people write them in SQL.

A name in a shared catalog is in the encoding of the database in which it was given, whatever the encoding of the
database from which it is read. The session hands its bytes on as they are (see `driver.Connection`), and a statement of
ours takes `raw`; people are shown letters, and an escape for every byte that is none.
"""

from __future__ import annotations

from dataclasses import dataclass

from aurora_restore.database.postgresql.quoting import printable_identifier, printable_literal
from aurora_restore.database.postgresql.session import Session
from aurora_restore.domain.visible_text import visible


@dataclass(frozen=True)
class Name:
    """`raw`: the bytes as the session has them; `text`: in letters, None where they are none."""

    raw: str
    text: str | None

    @classmethod
    def of(cls, session: Session, name: str | None) -> Name:
        """As the session read it; NULL is the empty name."""
        return cls(name or "", session.letters(name or ""))

    @property
    def shown(self) -> str:
        """The name for people."""
        return visible(self.raw if self.text is None else self.text)

    @property
    def quoted(self) -> str | None:
        """As an identifier in SQL that people copy; None where the name cannot be written in letters."""
        return None if self.text is None else printable_identifier(self.text)

    @property
    def literal(self) -> str | None:
        """As a text in SQL that people copy; None where it cannot be written in letters."""
        return None if self.text is None else printable_literal(self.text)


def statement(template: str, *names: str | None, shown: str) -> str:
    """A statement for people; `names` are quoted, and None where a name cannot be written in letters."""
    if all(name is not None for name in names):
        return template.format(*names)
    words = template.format(*(name or "..." for name in names))
    return f"-- write {shown} in the encoding of its database: {words}"
