"""Our local Aurora inside the server process: one model with real engines, its HTTP face, and its state on disk."""

from __future__ import annotations

import json
import logging
import threading
from contextlib import ExitStack
from pathlib import Path

from aurora_restore.local.aurora.model import LocalAurora
from aurora_restore.local.aurora.postgres import PostgresEngine
from aurora_restore.local.aurora.server import AuroraServer
from aurora_restore.local.aurora.timing import Durations
from aurora_restore.local.aurora.world import SubnetLookup

PREPARE_TIMEOUT_SECONDS = 15.0

_log = logging.getLogger(__name__)

REGIONS = ("us-east-1", "us-east-2", "us-west-2", "eu-west-1", "eu-central-1")


class AuroraService:
    """Starts with what an earlier one saved in `directory`; its servers run again then."""

    def __init__(self, directory: Path, account_id: str, port: int, durations: dict[str, float]) -> None:
        self._state_file = directory / "model.json"
        self._engine = PostgresEngine(directory)
        saved = json.loads(self._state_file.read_text()) if self._state_file.exists() else None
        self._model = LocalAurora(
            engine=self._engine, account_id=account_id, regions=REGIONS, state_json=saved
        )
        self._model.set_durations(durations)
        self._server = AuroraServer(self._model, port).start()
        self._preparing = threading.Thread(target=self._prepare, name="engine-template", daemon=True)
        self._preparing.start()

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def ca_bundle_path(self) -> Path:
        """The certificate authority that the clusters' certificates come from."""
        return self._engine.ca_bundle_path

    def find_subnets_with(self, lookup: SubnetLookup) -> None:
        """Let subnet groups be made of the subnets that EC2 has."""
        with self._model.locked() as world:
            world.subnet_lookup = lookup

    def durations(self) -> Durations:
        with self._model.locked() as world:
            return world.durations

    def change_durations(self, changes: dict[str, float]) -> None:
        """Raises ValueError for an unknown duration, or one that is out of range."""
        self._model.set_durations(changes)

    def save(self) -> None:
        unfinished = self._state_file.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(self._model.to_json()))
        unfinished.replace(self._state_file)

    def close(self) -> None:
        """Answer nothing more, save, and stop the database servers; their storage stays.

        Each of it is done although another part fails; the error is raised at the end.
        """
        with ExitStack() as parts:  # the last one first
            parts.callback(self._model.close)
            parts.callback(self._preparing.join, PREPARE_TIMEOUT_SECONDS)
            parts.callback(self.save)
            parts.callback(self._server.stop)

    def _prepare(self) -> None:
        try:
            self._engine.prepare()
        except Exception:  # noqa: BLE001 - nobody waits for this thread: what it meets is told in the log
            _log.exception("The data that new clusters begin with is not made; the first cluster tries again")
