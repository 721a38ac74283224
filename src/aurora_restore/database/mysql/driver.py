"""The driver's connection, made to send a password only in the ways that we allow.

Imported where a connection is opened, and not at the start of every Lambda.
"""

from __future__ import annotations

from typing import Any

from pymysql import connections


class ClearTextAsked(Exception):
    """The server asked for the password as it is, which it does for logins by IAM, PAM or LDAP."""


class _Refuser:
    """Takes the place of the driver's own answer to a plugin that asks for clear text."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def authenticate(self, _packet: Any) -> None:
        raise ClearTextAsked

    def prompt(self, _echo: Any, _prompt: Any) -> None:
        raise ClearTextAsked


# A password of ours is never a token: no account that is asked for clear text is opened by it, and it is not sent.
CLEAR_TEXT_PLUGINS = dict.fromkeys(("mysql_clear_password", "dialog", "mysql_old_password"), _Refuser)


class Connection(connections.Connection):  # type: ignore[misc]  # the driver has no types
    """A connection over verified TLS or none: the driver sends nothing of the user before TLS is there."""

    def wait_at_most(self, seconds: float) -> None:
        """How long an answer is waited for from now on."""
        self._read_timeout = self._write_timeout = seconds
