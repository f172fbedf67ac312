"""Sessions in a window: saved, opened, asked about on closing, copied aside and recovered."""

from __future__ import annotations

import errno
import json
import shutil
from functools import partialmethod
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anndata
import numpy as np
import pytest
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QCloseEvent

from napari_spatialrecon.viewer.reader import read
from napari_spatialrecon.viewer.session import seal
from napari_spatialrecon.viewer.session.autosave import lost_sessions
from napari_spatialrecon.viewer.session.bar import SessionBar
from napari_spatialrecon.viewer.session.keeper import Keeper, keeper_of
from napari_spatialrecon.viewer.session.manifest import MARK, is_session
from napari_spatialrecon.viewer.session.outside_dialog import OutsideDialog
from napari_spatialrecon.viewer.session.showing import close_all
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


def save_and_close(viewer: Any, file: Path, target: Path, qtbot: Any) -> None:
    """Save a session whose slide lies elsewhere, and close all that is open."""
    with_run(viewer, file)
    save(viewer, target, qtbot)
    close_all(viewer)


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
    close_all(viewer)
    viewer.window._qt_viewer._qt_open(
        [str(tmp_path / "mine.spatialrecon")], stack=False, plugin="napari-spatialrecon"
    )
    qtbot.waitUntil(lambda: len(viewer.layers) == len(names), timeout=30_000)


def test_a_session_whose_files_moved_asks_where(
    make_napari_viewer: Any, qtbot: Any, file: Path, tmp_path: Path
) -> None:
    viewer, target = make_napari_viewer(), tmp_path / "kept" / "mine.spatialrecon"
    save_and_close(viewer, file, target, qtbot)
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


def test_a_session_of_another_user_asks_before_it_opens_files_elsewhere(
    make_napari_viewer: Any, qtbot: Any, file: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    viewer, target = make_napari_viewer(), tmp_path / "kept" / "mine.spatialrecon"
    save_and_close(viewer, file, target, qtbot)
    keeper = keeper_of(viewer)
    monkeypatch.setattr(seal, "key_file", lambda: tmp_path / "another.key")

    def ask() -> OutsideDialog:
        keeper.dialog = None
        keeper.open(target)
        qtbot.waitUntil(lambda: keeper.dialog is not None, timeout=30_000)
        assert isinstance(keeper.dialog, OutsideDialog)
        return keeper.dialog

    dialog = ask()
    assert [dialog.list.item(i).text() for i in range(dialog.list.count())] == [str(file)]
    qtbot.mouseClick(dialog.cancel_button, Qt.MouseButton.LeftButton)
    assert not viewer.layers
    dialog = ask()
    with qtbot.waitSignal(keeper.told, timeout=30_000):
        qtbot.mouseClick(dialog.open_button, Qt.MouseButton.LeftButton)
    assert "C5 spots" in viewer.layers
    save(viewer, target, qtbot)  # which makes it one's own
    close_all(viewer)
    with qtbot.waitSignal(keeper.told, timeout=30_000):
        keeper.open(target)
    assert "C5 spots" in viewer.layers
    held = json.loads((target / MARK).read_text())
    held["tables"][0]["path"] = str(tmp_path / "kept" / "of a stranger" / "C5.h5ad")
    (target / MARK).write_text(json.dumps(held))
    close_all(viewer)
    assert str(tmp_path / "kept" / "of a stranger") in ask().list.item(0).text()


@pytest.mark.parametrize("stopped", [True, False])
def test_many_points_are_shown_in_steps_during_which_nothing_is_saved(
    stopped: bool,
    make_napari_viewer: Any,
    qtbot: Any,
    file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    viewer = make_napari_viewer()
    with_run(viewer, file)
    save(viewer, tmp_path / "mine", qtbot)
    before = [(layer.name, layer.visible) for layer in viewer.layers]
    close_all(viewer)
    monkeypatch.setattr(f"{Keeper.__module__}.MANY", 5)
    keeper, told = keeper_of(viewer), []
    keeper.told.connect(told.append)
    keeper.open(tmp_path / "mine.spatialrecon")
    qtbot.waitUntil(lambda: len(viewer.layers) > 0, timeout=30_000)
    assert keeper.working and not told
    keeper.save(tmp_path / "half")
    keeper.copy_aside()
    assert keeper._run is None and keeper._copying is None
    if stopped:
        keeper.cancel()
        assert told == ["Stopped."] and not keeper.working
        assert 0 < len(viewer.layers) <= len(before) and not len(workspace_of(viewer).results)
        return
    qtbot.waitUntil(lambda: bool(told), timeout=30_000)
    assert [(layer.name, layer.visible) for layer in viewer.layers] == before
    assert [result.name for result in workspace_of(viewer).results] == [NAME]
    assert not keeper.working and told == ["Opened mine.spatialrecon"]


@pytest.mark.parametrize("docked", [True, False])
def test_what_an_opened_session_lacks_is_said_by_its_bar_or_in_a_notice(
    docked: bool,
    make_napari_viewer: Any,
    qtbot: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    viewer = make_napari_viewer()
    keeper = keeper_of(viewer)
    if docked:
        keeper.space.kept["workbench"] = SimpleNamespace(state=dict)
    save(viewer, tmp_path / "mine", qtbot)
    noticed: list[str] = []
    monkeypatch.setattr(f"{Keeper.__module__}.notify_info", noticed.append)

    def shown(*_: object) -> Any:
        yield None
        return ["cells: 4 landmarks."]

    monkeypatch.setattr(f"{Keeper.__module__}.showing_session", shown)
    with qtbot.waitSignal(keeper.told, timeout=30_000) as told:
        keeper.open(tmp_path / "mine.spatialrecon")
    opened = "Opened mine.spatialrecon"
    assert told.args == [f"{opened}\ncells: 4 landmarks." if docked else opened]
    assert noticed == ([] if docked else ["cells: 4 landmarks."])


@pytest.mark.parametrize("answer", ["replace", "add", "cancel"])
def test_opening_a_session_while_something_is_open_asks_first(
    answer: str, make_napari_viewer: Any, qtbot: Any, file: Path, tmp_path: Path
) -> None:
    viewer = make_napari_viewer()
    keeper, space = keeper_of(viewer), workspace_of(viewer)
    with_run(viewer, file)
    viewer.scene.camera.zoom = 3.5
    save(viewer, tmp_path / "mine", qtbot)
    names = [layer.name for layer in viewer.layers]
    close_all(viewer)
    assert len(space) == len(space.results) == len(viewer.layers) == 0
    viewer.add_points(np.zeros((5, 2)), name="mine")
    adata = anndata.read_h5ad(file)
    space.results.add(Result("lost", "place", adata))
    viewer.scene.camera.zoom = 1.0
    keeper.open(tmp_path / "mine.spatialrecon")
    dialog = keeper.asked
    assert dialog.isVisible() and "• lost" in dialog.label.text()
    assert len(viewer.layers) == 1, "nothing happens before the answer"
    button = getattr(dialog, f"{answer}_button")
    if answer == "cancel":
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        assert keeper._run is None and len(viewer.layers) == 1
        return
    with qtbot.waitSignal(keeper.told, timeout=30_000):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    kept = [] if answer == "replace" else ["mine"]
    assert [layer.name for layer in viewer.layers] == [*kept, *names]
    assert [result.name for result in space.results] == [*(["lost"] if kept else []), NAME]
    assert viewer.scene.camera.zoom == pytest.approx(1.0 if kept else 3.5)


def test_a_session_that_cannot_be_read_replaces_nothing(
    make_napari_viewer: Any, qtbot: Any, file: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    viewer = make_napari_viewer()
    keeper = keeper_of(viewer)
    with_run(viewer, file)
    save(viewer, tmp_path / "mine", qtbot)
    (tmp_path / "mine.spatialrecon" / "session.json").write_text('{"format": 99, "program": "9"}')
    before, told = list(viewer.layers), []
    monkeypatch.setattr("napari_spatialrecon.viewer.session.keeper.notify_error", told.append)
    keeper.read(tmp_path / "mine.spatialrecon", replaces=True)
    qtbot.waitUntil(lambda: keeper._run is None, timeout=30_000)
    assert list(viewer.layers) == before and len(workspace_of(viewer).results) == 1
    assert not told or "found 99" in str(told[0])


@pytest.mark.parametrize("what", ["read-only", "below a file", "full"])
def test_a_session_that_cannot_be_written_says_so_and_runs_stay_unsaved(
    what: str, make_napari_viewer: Any, qtbot: Any, file: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    viewer = make_napari_viewer()
    keeper, result = keeper_of(viewer), with_run(viewer, file)
    target, told = tmp_path / "disk" / "mine.spatialrecon", []
    target.parent.mkdir()
    monkeypatch.setattr(
        "napari_spatialrecon.viewer.session.keeper.Keeper._start",
        partialmethod(Keeper._start, refuse=told.append),
    )
    if what == "below a file":
        (tmp_path / "disk" / "note.txt").write_text("mine")
        target = tmp_path / "disk" / "note.txt" / "mine.spatialrecon"
    else:
        code = errno.EROFS if what == "read-only" else errno.ENOSPC

        def refuse(self: Path, *given: Any, **more: Any) -> None:
            raise OSError(code, "Read-only file system" if what == "read-only" else "No space")

        monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    before = sorted(tmp_path.rglob("*"))
    keeper.save(target)
    qtbot.waitUntil(lambda: keeper._run is None, timeout=30_000)
    monkeypatch.undo()
    said = str(told[0])
    assert ": Expected " in said and "found" in said and "Try another" in said
    assert result.path is None and keeper.folder is None
    assert sorted(tmp_path.rglob("*")) == before


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
    assert not bar.recovery.isVisibleTo(bar), "it is open now"
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
    keeper, gone = bar.keeper, []
    bar.destroyed.connect(lambda: gone.append(True))
    bar.deleteLater()
    qtbot.waitUntil(lambda: bool(gone), timeout=5_000)
    keeper.told.emit("Saved after the dock was closed")


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
