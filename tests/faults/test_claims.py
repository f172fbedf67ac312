"""Two runs that write one path, and what a run that was killed leaves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from napari_spatialrecon import claims, storage
from napari_spatialrecon.batch.sample import WATCHED
from napari_spatialrecon.claims import claimed
from napari_spatialrecon.command_line import terminal
from napari_spatialrecon.errors import InputError, WriteError


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_second_of_two_runs_is_refused_and_the_first_goes_on(tmp_path):
    out = tmp_path / "new" / "a.h5ad"
    with claimed([out]):
        with pytest.raises(InputError, match="found a run that writes it"), claimed([out]):
            pass
        out.write_text("whole")
    with claimed([out]):
        pass
    assert names(tmp_path / "new") == {"a.h5ad"}


def test_a_run_of_a_batch_waits_for_one_of_a_batch_that_was_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(claims, "_patience", [0.0])
    out = tmp_path / "a.h5ad"
    words = (
        "import sys, time; from pathlib import Path\n"
        "from napari_spatialrecon.claims import claimed\n"
        "with claimed([Path(sys.argv[1])]): print(flush=True); time.sleep(1.0)"
    )
    with subprocess.Popen([sys.executable, "-c", words, out], stdout=subprocess.PIPE) as orphan:
        assert orphan.stdout is not None
        orphan.stdout.readline()
        with pytest.raises(InputError), claimed([out]):
            pass
        monkeypatch.setenv(WATCHED, "1")
        monkeypatch.setattr(terminal, "_stop_with_stdin", lambda stop: None)
        terminal.stop_on_interrupt()
        with claimed([out]):
            assert orphan.wait() == 0


def test_a_claim_leaves_no_folder_that_it_made(tmp_path):
    with pytest.raises(KeyError), claimed([tmp_path / "one" / "two" / "a.h5ad"]):
        raise KeyError
    assert not names(tmp_path)


def test_a_name_that_is_too_long_is_refused_with_one_that_is_not(tmp_path):
    long = tmp_path / f"{'ä' * 150}.h5ad"
    with pytest.raises(InputError, match="at most 215 bytes, found 305"), claimed([long]):
        pass
    with claimed([tmp_path / f"{'ä' * 100}.h5ad"]):
        pass


def test_a_place_that_cannot_be_written_is_told_before_the_run(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="writable location"), claimed([tmp_path / "file" / "a"]):
        pytest.fail("it ran")


ENDED = """
import os, sys
from pathlib import Path
from napari_spatialrecon import claims, storage
from napari_spatialrecon.batch.sample import WATCHED
with storage.atomic_file(Path(sys.argv[1]) / "a[1].txt") as file:
    file.write_text("half")
    with storage.atomic_folder(Path(sys.argv[1]) / "model") as folder:
        (folder / "b.txt").write_text("half")
        if len(sys.argv) > 2:
            old = folder.with_name(folder.name.replace("tmp", "old"))
            (Path(sys.argv[1]) / "model").rename(old)
        os._exit(9)
"""


@pytest.mark.parametrize("moved", [False, True])
def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path, moved):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "old.txt").write_text("old")
    words = [sys.executable, "-c", ENDED, tmp_path, *(["moved"] if moved else [])]
    assert subprocess.run(words, check=False).returncode == 9
    assert len(names(tmp_path)) == 3
    storage.clear_abandoned(tmp_path / "model")
    assert (tmp_path / "model" / "old.txt").read_text() == "old"
    with storage.atomic_file(tmp_path / "a[1].txt") as file:
        file.write_text("whole")
    with storage.atomic_folder(tmp_path / "model") as folder:
        (folder / "new.txt").write_text("new")
    assert names(tmp_path) == {"a[1].txt", "model"}


def test_what_a_living_process_is_writing_stays(tmp_path):
    with storage.atomic_file(tmp_path / "a.txt") as file:
        file.write_text("half")
        storage.clear_abandoned(tmp_path / "a.txt")
        assert file.is_file()
