"""Which of the sessions kept on the side were lost."""

from __future__ import annotations

import json
from pathlib import Path

from napari_spatialrecon.storage import atomic_folder
from napari_spatialrecon.viewer.session.autosave import lost_sessions, own_folder
from napari_spatialrecon.viewer.session.manifest import MARK, SUFFIX

LONG_AGO = f"999999999-1-7{SUFFIX}"


def write(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    (folder / MARK).write_text(json.dumps({"saved": "2026-11-30T08:00:00+00:00"}))


def test_one_of_an_ended_process_is_lost_and_one_of_this_is_not(tmp_path: Path) -> None:
    write(tmp_path / LONG_AGO)
    write(own_folder(tmp_path))
    assert [lost.folder.name for lost in lost_sessions(tmp_path)] == [LONG_AGO]


def test_one_that_another_window_is_writing_now_is_none(tmp_path: Path) -> None:
    write(tmp_path / LONG_AGO)
    with atomic_folder(tmp_path / f"999999998-1-7{SUFFIX}") as folder:
        write(folder)
        assert folder.name.endswith(SUFFIX)
        assert [lost.folder.name for lost in lost_sessions(tmp_path)] == [LONG_AGO]


def test_a_folder_that_a_user_put_there_is_none(tmp_path: Path) -> None:
    write(tmp_path / f"my slides 2026-11-30{SUFFIX}")
    assert not lost_sessions(tmp_path)
