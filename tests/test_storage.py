"""Files appear whole or not at all, and what was there before survives a failure."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.storage import atomic_file, atomic_folder, write_json


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_appears_when_the_block_ends(tmp_path):
    target = tmp_path / "new" / "a.h5ad"
    with atomic_file(target) as temporary:
        temporary.write_text("whole")
        assert temporary.suffix == ".h5ad"
        assert not target.exists()
    assert target.read_text() == "whole"
    assert names(target.parent) == {"a.h5ad"}


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), atomic_file(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert names(tmp_path) == {"a.txt"}


def test_a_folder_replaces_the_old_one_whole(tmp_path):
    target = tmp_path / "model"
    target.mkdir()
    (target / "stale.txt").write_text("old")
    with atomic_folder(target) as temporary:
        (temporary / "fresh.txt").write_text("new")
        assert names(target) == {"stale.txt"}
    assert names(target) == {"fresh.txt"}
    assert names(tmp_path) == {"model"}


def test_a_failure_leaves_the_old_folder_and_nothing_else(tmp_path):
    target = tmp_path / "model"
    target.mkdir()
    (target / "old.txt").write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_folder(target) as temporary:
        (temporary / "half.txt").write_text("half")
        raise KeyboardInterrupt
    assert names(target) == {"old.txt"}
    assert names(tmp_path) == {"model"}


@pytest.mark.parametrize("writer", [atomic_file, atomic_folder])
def test_a_full_disk_is_told_with_a_remedy_and_leaves_nothing(tmp_path, writer):
    with pytest.raises(InputError, match="found the disk full") as caught, writer(tmp_path / "out"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.remedy
    assert names(tmp_path) == set()


@pytest.mark.parametrize("writer", [atomic_file, atomic_folder])
def test_a_place_that_cannot_be_written_is_told(tmp_path, writer):
    (tmp_path / "file").write_text("")
    below = tmp_path / "file" / "below"
    with pytest.raises(InputError, match="Expected a writable location"), writer(below):
        pass


def test_json_is_sorted_and_comes_back(tmp_path):
    path = tmp_path / "run.json"
    write_json(path, {"b": 1, "a": "µm"})
    assert json.loads(path.read_text(encoding="utf-8")) == {"a": "µm", "b": 1}
    assert path.read_text().index('"a"') < path.read_text().index('"b"')


def test_json_refuses_what_other_readers_cannot_read(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "run.json", {"a": float("nan")})
    assert names(tmp_path) == set()
