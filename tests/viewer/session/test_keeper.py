"""Sessions in a window: saved, opened, asked about on closing, copied aside and recovered."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pytest
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QCloseEvent

from napari_spatialrecon.viewer.reader import read
from napari_spatialrecon.viewer.session.autosave import lost_sessions
from napari_spatialrecon.viewer.session.bar import SessionBar
from napari_spatialrecon.viewer.session.keeper import keeper_of
from napari_spatialrecon.viewer.session.manifest import is_session
from napari_spatialrecon.viewer.workspace.results import Result
from napari_spatialrecon.viewer.workspace.workspace import workspace_of

NAME = "C5 · GEARS"


@pytest.fixture
def file(slide: anndata.AnnData, tmp_path: Path) -> Path:
    slide.write_h5ad(tmp_path / "C5.h5ad")
    return tmp_path / "C5.h5ad"


def with_run(viewer: Any, file: Path) -> Result:
    """Open a slide, and list an unsaved run that is shown by a layer."""
    viewer.open(str(file), plugin="napari-spatialrecon")
    adata = anndata.read_h5ad(file)
    layer = viewer.add_points(adata.obsm["spatial"][:, ::-1] * 0.5, name=NAME)
    made = Result(NAME, "place", adata, {"task": "place", "metrics": {}}, layer=layer)
    return workspace_of(viewer).results.add(made)


def closes(viewer: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Let a window that is closed note it, since the test still needs it."""
    closed: list[Any] = []
    guard, window = keeper_of(viewer).guard, viewer.window._qt_window
    monkeypatch.setattr(guard, "_close", lambda *said: closed.append(said))
    monkeypatch.setattr(guard.keeper, "end", lambda: None)
    monkeypatch.setattr(window, "close", guard._guarded, raising=False)
    return closed


def save(viewer: Any, path: Path, qtbot: Any) -> None:
    keeper = keeper_of(viewer)
    with qtbot.waitSignal(keeper.told, timeout=30_000):
        keeper.save(path)


def test_a_session_is_saved_and_opened_with_its_buttons(
    make_napari_viewer: Any, qtbot: Any, file: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    viewer = make_napari_viewer()
    bar = SessionBar(viewer)
    qtbot.addWidget(bar)
    result = with_run(viewer, file)
    assert bar.unsaved.text() == "1 run unsaved"
    target = tmp_path / "mine.spatialrecon"
    dialog = "napari_spatialrecon.viewer.session.bar.QFileDialog"
    monkeypatch.setattr(f"{dialog}.getSaveFileName", lambda *_: (str(tmp_path / "mine"), ""))
    with qtbot.waitSignal(bar.keeper.told, timeout=30_000):
        qtbot.mouseClick(bar.save_button, Qt.MouseButton.LeftButton)
    assert is_session(target) and result.path == target and bar.status.text().startswith("Saved")
    assert not bar.unsaved.isVisibleTo(bar)
    names = [layer.name for layer in viewer.layers]
    for one in workspace_of(viewer).results:
        workspace_of(viewer).results.remove(one)
    viewer.layers.clear()
    monkeypatch.setattr(f"{dialog}.getExistingDirectory", lambda *_: str(target))
    with qtbot.waitSignal(bar.keeper.told, timeout=30_000):
        qtbot.mouseClick(bar.open_button, Qt.MouseButton.LeftButton)
    assert [layer.name for layer in viewer.layers] == names
    assert [one.path for one in workspace_of(viewer).results] == [target]


def test_a_dropped_session_opens(
    make_napari_viewer: Any, qtbot: Any, file: Path, tmp_path: Path
) -> None:
    viewer = make_napari_viewer()
    with_run(viewer, file)
    save(viewer, tmp_path / "mine.spatialrecon", qtbot)
    names = [layer.name for layer in viewer.layers]
    viewer.layers.clear()
    viewer.window._qt_viewer._qt_open(
        [str(tmp_path / "mine.spatialrecon")], stack=False, plugin="napari-spatialrecon"
    )
    qtbot.waitUntil(lambda: len(viewer.layers) == len(names), timeout=30_000)


def test_a_session_whose_files_moved_asks_where(
    make_napari_viewer: Any, qtbot: Any, file: Path, tmp_path: Path
) -> None:
    viewer = make_napari_viewer()
    with_run(viewer, file)
    target = tmp_path / "kept" / "mine.spatialrecon"
    save(viewer, target, qtbot)
    viewer.layers.clear()
    (tmp_path / "elsewhere").mkdir()
    shutil.move(file, tmp_path / "elsewhere")
    keeper = keeper_of(viewer)
    keeper.open(target)
    qtbot.waitUntil(lambda: keeper.dialog is not None, timeout=30_000)
    dialog = keeper.dialog
    assert dialog.list.item(0).text() == str(file)
    (tmp_path / "empty").mkdir()
    dialog.look_in(tmp_path / "empty")
    assert "does not hold" in dialog.label.text() and dialog.isVisible()
    with qtbot.waitSignal(keeper.told, timeout=30_000):
        dialog.look_in(tmp_path / "elsewhere")
    assert "C5 spots" in viewer.layers


def test_closing_names_unsaved_runs_and_may_be_canceled(
    make_napari_viewer: Any, qtbot: Any, file: Path, monkeypatch: Any
) -> None:
    viewer = make_napari_viewer()
    keeper, window = keeper_of(viewer), viewer.window._qt_window
    with_run(viewer, file)
    closed = closes(viewer, monkeypatch)
    window.close(quit_app=False, confirm_need=True)
    dialog = keeper.guard.dialog
    assert dialog is not None and NAME in dialog.label.text()
    qtbot.mouseClick(dialog.cancel_button, Qt.MouseButton.LeftButton)
    assert not closed and keeper.guard.dialog is None
    window.close(quit_app=True, confirm_need=True)
    assert not closed
    qtbot.mouseClick(keeper.guard.dialog.discard_button, Qt.MouseButton.LeftButton)
    assert closed == [(True, False)], "napari does not ask once more"
    monkeypatch.undo()


def test_saving_on_the_way_out_closes_once_it_is_done(
    make_napari_viewer: Any, qtbot: Any, file: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    viewer = make_napari_viewer()
    keeper, window = keeper_of(viewer), viewer.window._qt_window
    with_run(viewer, file)
    closed = closes(viewer, monkeypatch)
    monkeypatch.setattr(
        "napari_spatialrecon.viewer.session.closing.QFileDialog.getSaveFileName",
        lambda *_: (str(tmp_path / "last"), ""),
    )
    window.close(quit_app=False, confirm_need=True)
    qtbot.mouseClick(keeper.guard.dialog.save_button, Qt.MouseButton.LeftButton)
    assert not closed, "it is not saved yet"
    qtbot.waitUntil(lambda: len(closed) == 1, timeout=30_000)
    assert is_session(tmp_path / "last.spatialrecon")
    monkeypatch.undo()


def test_the_window_system_is_asked_to_wait_too(
    make_napari_viewer: Any, qtbot: Any, file: Path
) -> None:
    class Spontaneous(QCloseEvent):
        def spontaneous(self) -> bool:
            return True

    viewer = make_napari_viewer()
    keeper, window = keeper_of(viewer), viewer.window._qt_window
    event = Spontaneous()
    assert event.type() == QEvent.Type.Close
    assert not keeper.guard.eventFilter(window, event)
    with_run(viewer, file)
    assert keeper.guard.eventFilter(window, event) and not event.isAccepted()
    keeper.guard.dialog.reject()


def test_a_script_closes_unasked(
    make_napari_viewer: Any, qtbot: Any, file: Path, aside: Path
) -> None:
    viewer = make_napari_viewer()
    keeper = keeper_of(viewer)
    with_run(viewer, file)
    keeper.copy_aside()
    viewer.close()
    assert keeper.guard.dialog is None and not list(aside.iterdir())


def test_a_crash_leaves_a_session_that_can_be_recovered(
    make_napari_viewer: Any, qtbot: Any, file: Path, aside: Path, monkeypatch: Any
) -> None:
    viewer = make_napari_viewer()
    keeper = keeper_of(viewer)
    result = with_run(viewer, file)
    keeper._copied -= 1_000.0
    qtbot.waitUntil(lambda: is_session(keeper.aside), timeout=30_000)
    qtbot.waitUntil(lambda: keeper._copying is None, timeout=30_000)
    assert result.path is None and keeper.lost() == [], "a session that runs is not lost"
    crashed = aside / "999999-1-1.spatialrecon"
    shutil.copytree(keeper.aside, crashed)
    viewer.layers.clear()
    workspace_of(viewer).results.remove(result)
    bar = SessionBar(viewer)
    qtbot.addWidget(bar)
    assert bar.recovery.isVisibleTo(bar) and "ended without" in bar.recovery.label.text()
    with qtbot.waitSignal(keeper.told, timeout=30_000):
        qtbot.mouseClick(bar.recovery.recover_button, Qt.MouseButton.LeftButton)
    assert NAME in viewer.layers and len(workspace_of(viewer).results.unsaved) == 1
    qtbot.waitUntil(lambda: not crashed.exists(), timeout=30_000)
    own = keeper.aside
    keeper.clean_up()
    assert not own.exists() and lost_sessions(aside) == []


def test_a_lost_session_can_be_discarded(
    make_napari_viewer: Any, qtbot: Any, file: Path, aside: Path
) -> None:
    viewer = make_napari_viewer()
    with_run(viewer, file)
    save(viewer, aside / "999999-1-1", qtbot)
    bar = SessionBar(viewer)
    qtbot.addWidget(bar)
    qtbot.mouseClick(bar.recovery.discard_button, Qt.MouseButton.LeftButton)
    assert not list(aside.iterdir()) and not bar.recovery.isVisibleTo(bar)


def test_taking_a_session_does_not_hold_up_the_window(make_napari_viewer: Any, qtbot: Any) -> None:
    from time import perf_counter

    from napari_spatialrecon.viewer.session.snapshot import take

    viewer = make_napari_viewer()
    rng = np.random.default_rng(0)
    viewer.add_points(rng.random((200_000, 2)))
    start = perf_counter()
    take(viewer)
    assert perf_counter() - start < 0.5


def test_reading_knows_sessions(tmp_path: Path) -> None:
    from napari_spatialrecon.viewer.reader import get_reader

    (tmp_path / "a.spatialrecon").mkdir()
    assert get_reader(str(tmp_path / "a.spatialrecon")) is None
    (tmp_path / "a.spatialrecon" / "session.json").write_text("{}")
    assert get_reader(str(tmp_path / "a.spatialrecon")) is read
