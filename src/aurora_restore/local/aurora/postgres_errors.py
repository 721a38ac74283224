"""What can go wrong with the local database servers, in words for the person who runs them."""

from __future__ import annotations


class EngineError(RuntimeError):
    """Base of the errors of the local PostgreSQL engine."""


class StorageMissing(EngineError):
    """There is no cluster or snapshot with that id."""


class PortTaken(EngineError):
    """Something else listens on the port that was asked for."""


class EngineBusy(EngineError):
    """Another process works with the same directory."""
