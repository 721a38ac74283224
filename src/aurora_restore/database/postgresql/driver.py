"""The driver's connection, made to keep what PostgreSQL keeps: names as bytes, passwords as libpq prepares them.

Imported where a connection is opened, and not at the start of every Lambda.
"""

from __future__ import annotations

import codecs
from typing import Any

from pg8000 import native

_NAMES = "aurorarestorenames"
_AUTHENTICATION_OK = b"\0\0\0\0"
_AUTHENTICATION_SASL = b"\0\0\0\n"


def _find(name: str) -> codecs.CodecInfo | None:
    """The driver knows a client encoding by the name of a Python codec, so ours needs one."""

    def decode(data: Any, _errors: str = "strict") -> tuple[str, int]:
        return bytes(data).decode("utf-8", "surrogateescape"), len(data)

    def encode(text: str, _errors: str = "strict") -> tuple[bytes, int]:
        return text.encode("utf-8", "surrogateescape"), len(text)

    return codecs.CodecInfo(encode, decode, name=_NAMES) if name == _NAMES else None


codecs.register(_find)


class User(bytes):
    """The user in the startup message, and a placeholder where the driver makes SCRAM's user name of it.

    The server takes the name from the first and ignores the second (the JDBC driver sends `*` there too), while
    SCRAM's own rules for names would refuse some that PostgreSQL has. `accepted`: whether the server has said
    that the password is right; what it answers later is not a refusal of the login.
    """

    accepted = False

    def decode(self, *_: Any, **__: Any) -> str:
        return "*"


class Password(bytes):
    """The prepared password; a placeholder where the driver would prepare it by rules of its own."""

    def decode(self, *_: Any, **__: Any) -> str:
        return "*"


class Connection(native.Connection):  # type: ignore[misc]  # the driver has no types
    """A connection whose texts are bytes of any encoding: what is not UTF-8 comes as a surrogate escape."""

    user: User
    password: Password

    def handle_AUTHENTICATION_REQUEST(self, data: bytes, context: Any) -> None:  # noqa: N802
        super().handle_AUTHENTICATION_REQUEST(data, context)
        if data[:4] == _AUTHENTICATION_SASL:
            self.auth.password = bytes(self.password)
        elif data[:4] == _AUTHENTICATION_OK:
            self.user.accepted = True

    def handle_PARAMETER_STATUS(self, data: bytes, context: Any) -> None:  # noqa: N802
        super().handle_PARAMETER_STATUS(data, context)
        self._client_encoding = _NAMES
