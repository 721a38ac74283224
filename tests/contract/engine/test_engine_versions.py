"""Which PostgreSQL a cluster gets, and that its data stays with it."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.engine.conftest import MASTER
from tests.support.postgresql import usable

from local_aurora.engines.errors import EngineError
from local_aurora.engines.postgresql.admin import connection
from local_aurora.engines.postgresql.engine import PostgresEngine
from local_aurora.engines.postgresql.versions import VARIABLE, at_hand, installation_in, packaged

OLDEST = usable()[0]
needs_another = pytest.mark.skipif(
    OLDEST.major == packaged().major, reason="no PostgreSQL but the packaged one runs on this machine"
)


@pytest.fixture
def directory(roomy_directory: Path, request: pytest.FixtureRequest) -> Path:
    return roomy_directory / str(request.node.name)


@pytest.fixture
def engine(directory: Path) -> Iterator[PostgresEngine]:
    made = PostgresEngine(directory, (packaged(), OLDEST))
    yield made
    made.close()


def version_of(engine: PostgresEngine, cluster_id: str) -> str:
    """What the cluster's server says, without what its builder says."""
    endpoint = engine.start_cluster(cluster_id, None)
    with connection(endpoint, MASTER, "shop", engine.ca_bundle_path) as session:
        [[said]] = session.run("SHOW server_version")
    return str(said).split(maxsplit=1)[0]


@needs_another
def test_a_cluster_gets_the_major_version_that_it_asks_for_and_keeps_it_through_a_snapshot(
    engine: PostgresEngine, directory: Path
) -> None:
    engine.create_cluster("old", MASTER, "shop", OLDEST.major)
    engine.create_cluster("of no version", MASTER, "shop")
    assert version_of(engine, "old") == OLDEST.version
    assert version_of(engine, "of no version") == packaged().version
    engine.take_snapshot("old", "snapshot")
    engine.restore_snapshot("snapshot", "restored")
    assert version_of(engine, "restored") == OLDEST.version
    engine.set_master_password("restored", MASTER)
    assert engine.server_versions() == {
        "old": OLDEST.version,
        "restored": OLDEST.version,
        "of no version": packaged().version,
    }
    engine.close()
    without = PostgresEngine(directory, (packaged(),))
    try:
        with pytest.raises(EngineError, match=f"PostgreSQL {OLDEST.major}.*{VARIABLE}"):
            without.start_cluster("old", None)
        assert without.server_versions()["old"] == f"{OLDEST.major}, which is not at hand"
    finally:
        without.close()


def test_a_version_that_is_not_at_hand_is_the_packaged_one_and_that_is_reported(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine = PostgresEngine(directory, (packaged(),))
    try:
        with caplog.at_level(logging.WARNING):
            engine.create_cluster("a cluster", MASTER, "shop", 99)
        assert engine.server_versions() == {"a cluster": packaged().version}
    finally:
        engine.close()
    assert [record.levelname for record in caplog.records if "a cluster" in record.getMessage()] == [
        "WARNING"
    ]


def test_programs_that_are_named_are_at_hand_beside_the_packaged_ones() -> None:
    named = os.pathsep.join((str(OLDEST.programs), ""))
    assert at_hand({}) == (packaged(),)
    assert at_hand({VARIABLE: ""}) == (packaged(),)
    first, second = at_hand({VARIABLE: named})
    assert (first, second.version) == (packaged(), OLDEST.version)


def test_a_folder_without_postgresql_is_refused_with_the_name_of_the_variable(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=f"(?s){tmp_path}.*{VARIABLE}"):
        at_hand({VARIABLE: str(tmp_path)})
    for said in ("echo something else", "exit 1", "echo 'postgres (PostgreSQL) 13.21'"):
        program = tmp_path / "postgres"
        program.write_text(f"#!/bin/sh\n{said}\n")
        program.chmod(0o755)
        with pytest.raises(EngineError):
            installation_in(tmp_path)
    program.write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 18beta1'\n")
    assert installation_in(tmp_path).major == 18
