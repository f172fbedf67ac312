"""Runs killed at random moments; the long form is `make soak`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from faults.disk import Disk
from napari_spatialrecon import storage


@pytest.fixture
def power(tmp_path, monkeypatch):
    """A disk that keeps of a file only what was brought to it before the file got its name."""
    synced: dict[int, bytes] = {}
    sync, replace, rename = os.fsync, Path.replace, Path.rename

    def fsync(number: int) -> None:
        sync(number)
        found = os.fstat(number).st_ino
        for path in tmp_path.rglob("*"):
            if path.is_file() and path.stat().st_ino == found:
                synced[found] = path.read_bytes()

    def drop(path: Path) -> None:
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if file.is_file() and ".old" not in str(file):
                file.write_bytes(synced.get(file.stat().st_ino, b""))

    def lost(move):
        def moved(path: Path, target: Path):
            drop(path)
            return move(path, target)

        return moved

    monkeypatch.setattr(storage.os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", lost(replace))
    monkeypatch.setattr(Path, "rename", lost(rename))


@pytest.mark.skipif(sys.platform == "win32", reason="its folders cannot be brought to the disk")
def test_a_loss_of_power_after_a_file_got_its_name_loses_nothing_of_it(power, tmp_path):
    with storage.atomic_file(tmp_path / "a.txt") as file:
        file.write_text("whole")
    with storage.atomic_folder(tmp_path / "model") as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "b.txt").write_text("whole")
    storage.write_json(tmp_path / "a.json", {"a": 1})
    assert (tmp_path / "a.txt").read_text() == "whole"
    assert (tmp_path / "model" / "deep" / "b.txt").read_text() == "whole"
    assert "1" in (tmp_path / "a.json").read_text()


def test_a_disk_knows_what_was_written(tmp_path, monkeypatch):
    disk = Disk(tmp_path, 3)
    disk.insert(monkeypatch)
    with pytest.raises(OSError, match="No space left"):
        (tmp_path / "a.txt").write_text("four")
    assert disk.refused and disk.used == 3
