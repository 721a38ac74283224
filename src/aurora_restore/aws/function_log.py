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
                json_ensure_ascii=False,
            )
        )
        self._logger.handlers = [self.handler]
        self._logger.setLevel(logging.INFO)
        self._logger.propagate = False

    def take_over_libraries(self) -> None:
        """Write what libraries log in our form too, and only warnings and errors of it."""
        root = logging.getLogger()
        root.handlers = [self.handler]
        root.setLevel(logging.WARNING)

    def begin_invocation(self, fields: Mapping[str, object]) -> None:
        """From now on every line has these fields, and no longer those of the invocation before."""
        self._fields.of_invocation = dict(fields)

    def info(self, message: str, *, fields: Mapping[str, object] | None = None) -> None:
        # As a mapping, since fields given as `extra` are left out where their names begin with `_`, as `_aws` does.
        self._logger.info({"message": message, **(fields or {})})

    def warning(self, message: str, *, fields: Mapping[str, object]) -> None:
        self._logger.warning({"message": message, **fields})

    def error(self, message: str, *, fields: Mapping[str, object]) -> None:
        self._logger.error({"message": message, **fields})

    def exception(self, message: str) -> None:
        """An error with the stack trace of the exception that is handled now."""
        self._logger.exception({"message": message})


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
