"""What a journal still holds where the process that wrote it was killed in the middle of a write."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_aurora.journal import Journal


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Path]:
    """The files of a journal that is open: two writes, of which the second one changes and removes entries too."""
    file = tmp_path / "killed" / "model.db"
    journal = Journal(file)
    journal.write({"first": b"1" * 5000, "changed": b"before"})
    after_the_first = wal_of(file).stat().st_size
    journal.write({"second": b"2" * 5000, "changed": b"after", "first": None})
    (tmp_path / "size").write_text(str(after_the_first))
    yield file
    journal.close()


def wal_of(file: Path) -> Path:
    """Where SQLite writes a transaction first."""
    return file.with_name(file.name + "-wal")


def cut(written: Path, tmp_path: Path, share: float) -> dict[str, bytes]:
    """What is read of a copy of which only this share of the last write has reached the disk."""
    copy = tmp_path / "cut"
    shutil.copytree(written.parent, copy)
    begin, end = int((tmp_path / "size").read_text()), wal_of(written).stat().st_size
    with wal_of(copy / written.name).open("r+b") as file:
        file.truncate(begin + int((end - begin) * share))
    (copy / f"{written.name}-shm").unlink()  # shared memory, which goes with the processes
    journal = Journal(copy / written.name)
    try:
        return journal.read()
    finally:
        journal.close()


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_write_that_was_cut_is_as_if_it_had_not_begun(written: Path, tmp_path: Path, share: float) -> None:
    assert cut(written, tmp_path, share) == {"first": b"1" * 5000, "changed": b"before"}


def test_a_write_that_was_finished_is_there_whole(written: Path, tmp_path: Path) -> None:
    assert cut(written, tmp_path, 1.0) == {"second": b"2" * 5000, "changed": b"after"}


def test_a_journal_goes_on_behind_a_write_that_was_cut(written: Path, tmp_path: Path) -> None:
    cut(written, tmp_path, 0.5)
    again = Journal(tmp_path / "cut" / written.name)
    again.write({"third": b"3"})
    assert set(again.read()) == {"first", "changed", "third"}
    again.close()
