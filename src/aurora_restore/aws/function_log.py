"""The log of the deployed functions: each line is a JSON object with the fields by which operators search."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

from pythonjsonlogger.json import JsonFormatter


class FunctionLog:
    """The logger of a Lambda worker.

    Lambda's own filter of levels asks for `level`, and for `timestamp` as RFC 3339: Lambda developer guide,
    "Log-level filtering".

    Attributes:
        handler: writes the lines of ours and of libraries to standard output, which Lambda sends to CloudWatch Logs.
    """

    def __init__(self) -> None:
        self._logger = logging.getLogger("aurora-restore")
        self._fields = _CommonFields()
        self.handler = logging.StreamHandler(sys.stdout)
        self.handler.addFilter(self._fields)
        self.handler.setFormatter(
            JsonFormatter(
                ["level", "message", "timestamp"],
                rename_fields={"exc_info": "exception"},
                static_fields={"service": self._logger.name},
                # As text: that leaves out what a dataclass marks as not to be shown.
                json_default=str,
                json_ensure_ascii=False,
            )
        )
        self._logger.handlers = [self.handler]
        self._logger.setLevel(logging.INFO)
        self._logger.propagate = False

    def take_over_libraries(self) -> None:
        """Write what libraries log in our form as well, but only their warnings and errors."""
        root = logging.getLogger()
        root.handlers = [self.handler]
        root.setLevel(logging.WARNING)

    def begin_invocation(self, fields: Mapping[str, object]) -> None:
        """From now on every line has these fields, and no longer those of the invocation before."""
        self._fields.of_invocation = _known(fields)

    def info(self, message: str, *, fields: Mapping[str, object] | None = None) -> None:
        self._logger.info(_line(message, fields or {}))

    def warning(self, message: str, *, fields: Mapping[str, object]) -> None:
        self._logger.warning(_line(message, fields))

    def error(self, message: str, *, fields: Mapping[str, object]) -> None:
        self._logger.error(_line(message, fields))

    def unexpected(self, message: str, error: Exception) -> None:
        """An error that was not expected, with its class and its stack trace."""
        self._logger.error(_line(message, {"exception_name": type(error).__name__}), exc_info=error)


def trace_id_of(header: str) -> str | None:
    """The trace id in X-Ray's header, `Root=1-…;Parent=…;Sampled=1`; by it CloudWatch finds the lines of a trace."""
    parts = dict(part.split("=", 1) for part in header.split(";") if "=" in part)
    return parts.get("Root")


def _line(message: str, fields: Mapping[str, object]) -> dict[str, object]:
    """What is logged, as a mapping: fields given as `extra` are left out where their names begin with `_`."""
    return {**_known(fields), "message": message}


def _known(fields: Mapping[str, object]) -> dict[str, object]:
    """Without those that have no value: a query for lines that have a field is to find no `null`."""
    return {name: value for name, value in fields.items() if value is not None}


class _CommonFields(logging.Filter):
    """Adds to every line what it has beside its message, to those of libraries as well."""

    def __init__(self) -> None:
        super().__init__()
        self.of_invocation: Mapping[str, object] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        time = datetime.fromtimestamp(record.created, UTC)
        vars(record).update(
            self.of_invocation, level=record.levelname, timestamp=time.isoformat(timespec="milliseconds")
        )
        return True
