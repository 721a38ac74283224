"""How clients reach a cluster: with which login, at which address, and what they meet there.

`Login` and `Address` are what is handed in: anything that has the attributes will do, also a caller's own types.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Login(Protocol):
    """A user of a database and the password."""

    @property
    def username(self) -> str: ...

    @property
    def password(self) -> str: ...


class Address(Protocol):
    """A name, which the server's certificate must carry, and a port."""

    @property
    def host(self) -> str: ...

    @property
    def port(self) -> int: ...


@dataclass(frozen=True)
class PasswordLogin:
    """A login of our own making. The password never shows in a repr."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class ServerAddress:
    """Where a server that was started listens."""

    host: str
    port: int


class LoginEnd(StrEnum):
    """How a login ends."""

    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"
    UNREACHABLE = "UNREACHABLE"


@dataclass(frozen=True)
class LoginAnswer:
    """How a login ends, and why, in words that hold no secret."""

    outcome: LoginEnd
    reason: str


class AnswerKind(StrEnum):
    """LOGGED_IN, LOGIN_REFUSED: the certificate names the host. OTHER_CERTIFICATE: it names others. NO_ANSWER: no
    connection. UNKNOWN_NAME: DNS does not know the host."""

    LOGGED_IN = "LOGGED_IN"
    LOGIN_REFUSED = "LOGIN_REFUSED"
    OTHER_CERTIFICATE = "OTHER_CERTIFICATE"
    NO_ANSWER = "NO_ANSWER"
    UNKNOWN_NAME = "UNKNOWN_NAME"


@dataclass(frozen=True)
class ServerAnswer:
    """What a client meets at an endpoint. `instance_identifier` is what the server says that it is."""

    kind: AnswerKind
    reason: str
    instance_identifier: str | None = None
    certificate_names: tuple[str, ...] = ()
