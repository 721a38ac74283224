"""Our local Aurora inside the server process: one model with real engines, its HTTP face, and its state on disk."""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from local_aurora.account import tags_of
from local_aurora.engines.side_by_side import EnginesSideBySide
from local_aurora.journal import Journal
from local_aurora.keeping import WorldKeeper
from local_aurora.model import LocalAurora
from local_aurora.server import AuroraServer, Guard
from local_aurora.timing import ON_A_LAPTOP, Durations
from local_aurora.world import SubnetLookup

PREPARE_TIMEOUT_SECONDS = 15.0

_log = logging.getLogger(__name__)

REGIONS = ("us-east-1", "us-east-2", "us-west-2", "eu-west-1", "eu-central-1")


class AuroraService:
    """Starts with what an earlier one saved in `directory`; its servers run again then."""

    def __init__(self, directory: Path, account_id: str, port: int, durations: dict[str, float]) -> None:
        self._journal = Journal(directory / "model.db")
        keeper = WorldKeeper(self._journal)
        saved = keeper.saved()
        # Until there was a journal, the state was one file, written at the end.
        before_the_journal = directory / "model.json"
        if not saved and before_the_journal.exists():
            saved = json.loads(before_the_journal.read_text())
        self._engine = EnginesSideBySide(directory)
        # A kill in the middle of a change can leave data that no saved cluster or snapshot names.
        self.removed_data = self._engine.forget_all_but(*_ids_in(saved or {}))
        for each in self.removed_data:
            _log.warning("Data of %s is removed: nothing that was answered names it", each)
        self._model = LocalAurora(
            durations=ON_A_LAPTOP,
            engine=self._engine,
            account_id=account_id,
            regions=REGIONS,
            seed=uuid.uuid4().hex,  # no two states, whatever became of one, ever make the same ids
            state_json=saved,
            keeper=keeper,
        )
        # Those that were kept with the state hold, but for what this start was asked for.
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

    def guard_with(self, guard: Guard) -> None:
        """Ask before every request from now on."""
        self._server.guard_with(guard)

    def tags_of(self, region: str, arn: str) -> Mapping[str, str]:
        """The tags of a resource; none where there is no such resource."""
        with self._model.locked() as world:
            return tags_of(world, region, arn)

    def durations(self) -> Durations:
        with self._model.locked() as world:
            return world.durations

    def servers(self, engine_name: str) -> dict[str, Any]:
        """The versions at hand, and which of them is behind each cluster: it need not be the one that it says.

        Nothing for an engine of which there was no cluster.
        """
        engine = self._engine.in_use(engine_name)
        if engine is None:
            return {}
        behind = engine.server_versions()
        with self._model.locked() as world:
            clusters = [
                {"region": name, "db_cluster_identifier": cluster.identifier, "version": version}
                for name, region in world.regions.items()
                for cluster in region.clusters.values()
                if (version := behind.get(cluster.resource_id))
            ]
        return {"at_hand": list(engine.versions_at_hand()), "clusters": clusters}

    def change_durations(self, changes: dict[str, float]) -> None:
        """Raises ValueError for an unknown duration, or one that is out of range."""
        self._model.set_durations(changes)

    def close(self) -> None:
        """Answer nothing more, and stop the database servers; their storage stays.

        Each of it is done although another part fails; the error is raised at the end.
        """
        with ExitStack() as parts:  # the last one first
            parts.callback(self._journal.close)
            parts.callback(self._model.close)
            parts.callback(self._preparing.join, PREPARE_TIMEOUT_SECONDS)
            parts.callback(self._server.stop)

    def _prepare(self) -> None:
        try:
            self._engine.prepare()
        except Exception:  # noqa: BLE001 - no caller waits for this thread: its errors go to the log
            _log.exception("The data that new clusters begin with is not made; the first cluster tries again")


def _ids_in(saved: Mapping[str, Any]) -> tuple[set[str], set[str]]:
    """The clusters and the snapshots that a saved world knows, as the engine names them."""
    regions = saved.get("regions", {}).values()
    clusters = {cluster["resource_id"] for region in regions for cluster in region["clusters"].values()}
    snapshots = {snapshot["storage_id"] for region in regions for snapshot in region["snapshots"].values()}
    # Data that is still being copied is named by its transition alone.
    for transition in saved.get("transitions", []):
        names = ("storage_id", "source_storage_id")
        snapshots |= {transition["arguments"][name] for name in names if name in transition["arguments"]}
    return clusters, snapshots
