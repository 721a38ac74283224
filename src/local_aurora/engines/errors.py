"""What can go wrong with the local database servers, in words for the person who runs them."""

from __future__ import annotations


class EngineError(RuntimeError):
    """Base of the errors of the local engines."""


class StorageMissing(EngineError):
    """There is no cluster or snapshot with that id."""


class WrongContent(EngineError):
    """The data of a snapshot says of itself that it is that of another one."""


class PortTaken(EngineError):
    """Something else listens on the port that was asked for."""


class EngineBusy(EngineError):
    """Another process works with the same directory."""
