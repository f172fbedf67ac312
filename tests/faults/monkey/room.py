"""The window that a monkey acts in: opened, and cleared so that nothing may be left."""

from __future__ import annotations

import gc
import os
import random
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import napari
from napari._qt.dialogs.qt_notification import NapariQtNotification
from napari.settings import get_settings
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication, QDockWidget
from window import DOCK, PLUGIN, SIZE, settle

from faults.monkey.paw import Paw, answer_the_system
from faults.monkey.watch import Watch, counted
from napari_spatialrecon.tissue.read import read_adata
from napari_spatialrecon.tissue.simulator.config import SimulatorConfig
from napari_spatialrecon.tissue.simulator.simulate import simulate
from napari_spatialrecon.viewer.task.run_panel import RunPanel
from napari_spatialrecon.viewer.task.widget import TaskWidget
from napari_spatialrecon.viewer.window import garbage
from napari_spatialrecon.viewer.window.docks import dock_of
from napari_spatialrecon.viewer.window.worker import Run
from napari_spatialrecon.viewer.workspace.workspace import Workspace, workspace_of

IDLE_S = 120.0
"""Seconds in which runs that were cancelled have ended."""
UNMEASURED = 5
"""Genes of the cells that no slide has, so that there is something to impute."""


class Room:
    """One viewer, whose workbench and layers are closed after each round.

    Attributes
    ----------
    started, ended
        Runs of tasks.
    """

    def __init__(self, home: Path, watch: Watch) -> None:
        self.home, self.watch = home, watch
        self.started, self.ended = 0, Counter[str]()
        self.sessions: list[Path] = []
        self.tissue, self.files = self._inputs()
        self.rng = random.Random(0)
        answer_the_system(self._where, self._some_files)
        self._count_runs()
        get_settings().application.confirm_close_window = False  # in a dialog that waits
        self.viewer = napari.Viewer(show=True)
        self.viewer.window._qt_window.resize(*SIZE)
        self.hand = Paw(self.viewer)
        self.bench: Any = None

    def act(self, name: str, rng: random.Random) -> str:
        """Do one act; return what was done, or nothing where that was not possible."""
        self.rng = self.hand.rng = rng
        self.open_window()
        try:
            done = getattr(self, "do_" + name.replace(" ", "_"))() or ""
        except RuntimeError as error:
            if "deleted" not in str(error):  # what it was about to press went away meanwhile
                raise
            done = ""
        settle(rng.uniform(0.0, 0.3))
        asked = self.hand.answer_dialogs()
        settle(0.1)
        return done + (f"; answered {', '.join(asked)}" if asked else "")

    def open_window(self) -> None:
        """Open the workbench, unless it is open; in an empty viewer open the files."""
        if self._alive(self.bench):
            return
        _, self.bench = self.viewer.window.add_plugin_dock_widget(PLUGIN, DOCK)
        settle(0.3)
        if not len(self.viewer.layers):
            self.hand.drop(self.bench.tabs["data"], self.files)
            settle(1.0)
            self._until_idle()

    # Clearing

    def clear(self) -> None:
        """Cancel, close and remove everything; nothing may be left but the window."""
        self.rng = self.hand.rng = random.Random(0)
        self.hand.answer_dialogs()
        for panel in QApplication.allWidgets():  # those of closed docks, too
            if isinstance(panel, RunPanel):
                panel.cancel()
        self._until_idle()
        for dialog in QApplication.topLevelWidgets():
            if dialog is not self.viewer.window._qt_window and dialog.isVisible():
                dialog.close()
        self._close_notices()
        self.viewer.layers.select_all()
        self.hand.press(self.viewer.window._qt_viewer.layerButtons.deleteButton)
        self.viewer.layers.clear()
        self.viewer.layers.selection._current = None  # napari 0.9.2 keeps the last that was there
        self._forget(workspace_of(self.viewer))
        self.viewer.theme = "dark"
        for dock in self._docks():
            self._close(dock)
        self.bench = None
        self._until_idle()
        settle(4.5)  # removed layers are freed
        self._close_notices()

    def _close_notices(self) -> None:
        """Close napari's notices as a user does.

        Of several napari 0.9.2 fades the last alone, and none while its window is not in front.
        """
        for notice in list(NapariQtNotification._instances):
            with suppress(RuntimeError):  # its window is gone
                notice.close_button.click()

    def left(self) -> dict[str, float]:
        """Count what is left after everything was cleared."""
        for _ in range(3):
            QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
            settle(0.1)
        gc.unfreeze()
        gc.collect()
        canvas = self.viewer.window._qt_viewer.canvas._scene_canvas
        canvas.set_current()
        canvas.context.flush_commands()  # vispy deletes as it draws, and an empty canvas is not
        found = counted(self.home)
        self.watch.rest()
        return found

    @staticmethod
    def _forget(space: Workspace) -> None:
        for result in space.results:
            space.results.remove(result)
        for entry in space:
            space.remove(entry)
        for found in list(space.validations):
            space.validations.remove(found)
        space.selection.clear()

    def _until_idle(self) -> None:
        stop = time.monotonic() + IDLE_S
        while garbage._works > 0:
            if time.monotonic() > stop:
                self.watch.miss(f"{garbage._works} works did not end within {IDLE_S:g} s")
                return
            settle(0.1)

    # Its parts

    @staticmethod
    def _alive(widget: Any) -> bool:
        try:
            return widget is not None and dock_of(widget) is not None
        except RuntimeError:
            return False

    def _docks(self) -> list[QDockWidget]:
        """Return the docks that hold something of ours."""
        ours = "napari_spatialrecon"
        return [
            dock
            for dock in self.viewer.window._qt_window.findChildren(QDockWidget)
            if (held := dock.widget()) is not None
            and any(type(w).__module__.startswith(ours) for w in (held, *held.children()))
        ]

    def _close(self, dock: Any) -> None:
        button = getattr(dock.titleBarWidget(), "close_button", None)
        if button is None or not self.hand.press(button):
            dock.destroyOnClose()
        settle(0.2)

    def _tasks(self) -> list[TaskWidget]:
        """Return the widgets of tasks in docks of their own."""
        return [d.widget() for d in self._docks() if isinstance(d.widget(), TaskWidget)]

    def _panels(self) -> list[Any]:
        inside = self.bench.tabs["reconstruct"].widgets if self._alive(self.bench) else {}
        return [task.panel for task in (*inside.values(), *self._tasks())]

    def _tab(self, name: str) -> str:
        bar = self.bench.pages.tabBar()
        self.hand.raise_dock(self.bench)
        pressed = self.hand.press(bar, bar.tabRect(list(self.bench.tabs).index(name)).center())
        return name if pressed else ""

    def _select_a_layer(self, kind: str = "") -> str:
        layers = [one for one in self.viewer.layers if kind in type(one).__name__.lower()]
        if not layers:
            return ""
        layer = self.rng.choice(layers)
        self.viewer.layers.selection = {layer}
        settle(0.1)
        return str(layer.name)

    def _press_one(self, buttons: list[Any]) -> str:
        for button in self._shuffled(buttons):
            text = button.text()
            if self.hand.press(button):
                return str(text)
        return ""

    def _shuffled(self, of: Any) -> list[Any]:
        found = list(of)
        self.rng.shuffle(found)
        return found

    # What it works on

    def _where(self) -> Path:
        """Return where something is saved; sessions are opened again."""
        path = self.home / "out" / f"saved{self.rng.randrange(4)}.spatialrecon"
        if path not in self.sessions:
            self.sessions.append(path)
        return path

    def _some_files(self) -> list[Path]:
        """Return what a dialog opens: a session that was saved, or files."""
        saved = [path for path in self.sessions if (path / "session.json").is_file()]
        if saved and self.rng.random() < 0.7:
            return [self.rng.choice(saved)]
        return [] if self.rng.random() < 0.3 else [self.rng.choice(self.files)]

    def _count_runs(self) -> None:
        """Count the runs of tasks, and how they end."""
        room, start, end = self, Run.start, Run._end

        def counting(run: Run) -> None:
            if type(run.parent()).__name__ == "RunPanel" and run.title != "Checking":
                room.started += 1
                run.setProperty("monkey", True)
            start(run)

        def ending(run: Run, status: str) -> None:
            if run.property("monkey"):
                room.ended[status.lower()] += 1
            end(run, status)

        Run.start, Run._end = counting, ending  # type: ignore[method-assign]

    def _inputs(self) -> tuple[list[Path], list[Path]]:
        """Write a small tissue, whose cells have more genes; return slides and cells, and all."""
        folder = self.home / "in"
        simulate("cortex", SimulatorConfig.preset("tiny"), seed=0).write(folder)
        found = sorted(folder.glob("*.h5ad"))
        for path in found:
            if path.name != "cells.h5ad":
                slide = read_adata(path)
                slide[:, :-UNMEASURED].copy().write_h5ad(path)
        beside = Path(__file__).parents[4] / "shared" / "data"
        real = Path(os.environ.get("SPATIALRECON_DATA", beside))
        tissue = [path for path in found if path.stem in ("section1", "section2", "cells")]
        return tissue, found + [p for p in [real / "st_her2_he" / "C3.h5ad"] if p.is_file()]
