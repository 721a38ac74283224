"""Around a request that changes something in RDS: transient errors are distinguished from the others."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import TracebackType

from aurora_restore.aws.failures import Translating, error_code, error_message
from aurora_restore.aws.rds_codes import BUSY_CODES
from aurora_restore.domain.errors import ResourceBusy


class Changing(Translating):
    """Around a request that changes something: what is busy raises ResourceBusy, what is gone ends quietly."""

    def __init__(
        self, what: str, ignoring: Collection[str] = (), waiting: Mapping[str, str] | None = None
    ) -> None:
        """`waiting`: codes that pass by themselves, and what each of them says."""
        super().__init__("rds", ignoring)
        self._what = what
        self._waiting = waiting or {}

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        # Busy is checked before the general translation, which takes some of these codes for final errors.
        if error is not None and error_code(error) in BUSY_CODES:
            raise busy(self._what, error) from error
        if error is not None and (passing := self._waiting.get(error_code(error) or "")):
            raise ResourceBusy(f"{passing}: {error_message(error)}") from error
        return super().__exit__(kind, error, trace)


def busy(what: str, error: BaseException) -> ResourceBusy:
    return ResourceBusy(f"{what} is busy with another change: {error_message(error)}")
