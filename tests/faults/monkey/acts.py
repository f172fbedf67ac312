"""What a monkey does in the workbench."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import napari
from napari.utils.theme import _themes
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QAbstractButton, QApplication, QComboBox, QLineEdit
from window import PLUGIN, settle

from faults.monkey.looking import Looking
from faults.monkey.paw import KEYS, Paw
from napari_spatialrecon.viewer.impute_genes.inputs import GeneInputs
from napari_spatialrecon.viewer.reconstruct.tab import TASKS
from napari_spatialrecon.viewer.task.gene_list_model import GeneChoice
from napari_spatialrecon.viewer.task.widget import TaskWidget

DOCKS = (
    *("Place cells", "Super-resolve", "Deconvolve", "Impute genes"),
    *("Landmarks", "Align to histology", "Train encoder", "Legend"),
)
WEIGHTS: dict[str, float] = {
    **{"open": 6, "sample": 0.7, "run": 9, "run all": 1, "cancel": 4, "tab": 6},
    **{"color": 6, "lasso": 4, "select": 3, "compare": 6, "delete": 3, "undo": 4},
    **{"remove": 4, "save": 2, "reopen": 2, "theme": 1.5, "clear": 1, "close": 2},
    **{"dock": 3, "second": 0.7, "press": 14, "keys": 3, "canvas": 5, "eye": 3},
    **{"choose": 4, "wait": 4, "crash": 0.0},
}
"""How often each act is chosen, by its name."""


class Monkey(Looking):
    """All acts, by the names of `WEIGHTS`."""

    # Data

    def do_open(self) -> str:
        """Drop files on the tab Data."""
        self._tab("data")
        chosen = self.rng.sample(self.files, self.rng.randrange(1, 4))
        self.hand.drop(self.bench.tabs["data"], chosen)
        settle(self.rng.uniform(0.0, 1.5))
        return " ".join(path.name for path in chosen)

    def do_sample(self) -> str:
        """Open the sample, twice while it is made."""
        self._tab("data")
        button = self.bench.tabs["data"].sample_button
        return "sample " * sum(self.hand.press(button) for _ in range(2))

    def do_remove(self) -> str:
        """Remove a layer by napari's button, whatever shows it."""
        return self._select_a_layer() and self._delete_selected()

    def do_clear(self) -> str:
        """Select all layers and remove them."""
        self.viewer.layers.select_all()
        return self._delete_selected()

    def _delete_selected(self) -> str:
        names = sorted(layer.name for layer in self.viewer.layers.selection)
        pressed = self.hand.press(self.viewer.window._qt_viewer.layerButtons.deleteButton)
        return ", ".join(names) if pressed else ""

    # Runs

    def do_run(self) -> str:
        """Choose a task and a method, and run it."""
        self._tab("reconstruct")
        tab = self.bench.tabs["reconstruct"]
        self.hand.press(tab.buttons[self.rng.choice(list(TASKS))])
        return self._run(tab.current, 4.0)

    def do_run_all(self) -> str:
        """Queue eight: each task in the workbench, and each in a dock of its own."""
        self._open_tissue()
        for name in DOCKS[:4]:
            self.viewer.window.add_plugin_dock_widget(PLUGIN, name)
            settle(0.1)
        tab, begun = self.bench.tabs["reconstruct"], []
        for name in TASKS:
            self._tab("reconstruct")
            self.hand.press(tab.buttons[name])
            begun.append(self._run(tab.current, 30.0))
        begun += [self._run(widget, 30.0) for widget in self._tasks()]
        texts = [text for text in begun if text]
        return f"{len(texts)} of {len(begun)}: " + ", ".join(texts)

    def _open_tissue(self) -> None:
        """Open the small tissue alone: the real slide shares too few genes with its cells."""
        self.do_clear()
        self._tab("data")
        self.hand.drop(self.bench.tabs["data"], self.tissue)
        settle(1.0)
        self._until_idle()

    def _run(self, task: TaskWidget, within: float) -> str:
        inputs = task.inputs
        self.hand.raise_dock(task)
        if self.hand.can(inputs.method):
            data = inputs.method.itemData(self.rng.randrange(inputs.method.count()))
            self.hand.choose(inputs.method, data)
        if isinstance(inputs, GeneInputs) and self.hand.can(inputs.genes):
            self.hand.choose(inputs.genes, GeneChoice.ALL)
        stop = time.monotonic() + within
        while not self.hand.can(task.panel.run_button) and time.monotonic() < stop:
            settle(0.1)
        pressed = self.hand.press(task.panel.run_button)
        return f"{task.model.task} by {task.model.method.name}" if pressed else ""

    def do_cancel(self) -> str:
        """Cancel a run that is under way, or continue one."""
        for panel in self._shuffled(self._panels()):
            if done := self._press_one([panel.cancel_button, panel.resume_button]):
                return done
        return ""

    def do_wait(self) -> str:
        """Let runs go on for a while."""
        settle(self.rng.uniform(0.5, 4.0))
        return "waited"

    # Sessions and docks

    def do_save(self) -> str:
        """Save the session."""
        self._tab("results")
        return self._press_one([self.bench.session.save_button])

    def do_reopen(self) -> str:
        """Open a session that was saved, over what is open or in its place."""
        self._tab("results")
        done = self._press_one([self.bench.session.open_button])
        settle(0.7)
        return done

    def do_dock(self) -> str:
        """Open one of our docks, or raise it."""
        name = self.rng.choice(DOCKS)
        self.viewer.window.add_plugin_dock_widget(PLUGIN, name)
        settle(0.3)
        return name

    def do_close(self) -> str:
        """Close one of our docks; the workbench is opened again by the next act."""
        docks = self._docks()
        if not docks:
            return ""
        dock = self.rng.choice(docks)
        title = str(dock.windowTitle())
        self._close(dock)
        return title

    def do_second(self) -> str:
        """Open a second viewer, work in it, and close it."""
        first = self.viewer, self.hand, self.bench
        viewer = self.viewer = napari.Viewer(show=True)
        acts = ["open", *(self.rng.choice(["run", "tab", "color", "press"]) for _ in range(3))]
        try:
            self.hand, self.bench = Paw(viewer), None
            self.hand.rng = self.rng
            self.open_window()
            for name in acts:
                getattr(self, f"do_{name}")()
                self.hand.answer_dialogs()
        finally:
            viewer.window._qt_window.close(False, self.rng.random() < 0.5)
            settle(0.3)
            self.hand.answer_dialogs()
            self._part_with(viewer)
            self.viewer, self.hand, self.bench = first
        settle(0.5)
        return " ".join(acts)

    @staticmethod
    def _part_with(viewer: Any) -> None:
        """Close a viewer as a script does, unless its window is closed already.

        napari 0.9.2 leaves a window that its user closes connected to the themes: undone here.
        """
        window = viewer.window
        with suppress(RuntimeError):  # Qt has deleted it
            if window._qt_window.isVisible():
                viewer.close()
        for theme in _themes.values():
            for emitter in theme.events.emitters.values():
                for heard in [one for one in emitter.callbacks if _holds(one, window)]:
                    emitter.disconnect(heard)

    # Anything

    def do_press(self) -> str:
        """Press any button of ours that can be seen."""
        buttons = [
            button
            for dock in self._docks()
            for button in dock.widget().findChildren(QAbstractButton)
            if button.isVisible() and button.isEnabled() and not button.visibleRegion().isEmpty()
        ]
        if not buttons:
            return ""
        button = self.rng.choice(buttons)
        text = button.text() or button.toolTip() or type(button).__name__
        return text if self.hand.press(button) else ""

    def do_choose(self) -> str:
        """Choose another item of a list that can be seen."""
        boxes = [
            box
            for dock in self._docks()
            for box in dock.widget().findChildren(QComboBox)
            if self.hand.can(box) and box.count() > 1
        ]
        if not boxes:
            return ""
        box = self.rng.choice(boxes)
        for _ in range(self.rng.randrange(1, 3)):
            self.hand.key(self.rng.choice([Qt.Key.Key_Down, Qt.Key.Key_Up]), box)
        return "chose"

    def do_keys(self) -> str:
        """Press keys wherever the focus is."""
        for _ in range(self.rng.randrange(1, 6)):
            key = self.rng.choice(KEYS)
            field = isinstance(QApplication.focusWidget(), QLineEdit | QComboBox)
            if key is not Qt.Key.Key_Return or field or self.rng.random() < 0.5:
                self.hand.key(key)
        return "keys"

    def do_crash(self) -> str:
        """Raise an error, to see that it is heard; never chosen by chance."""
        QTimer.singleShot(0, lambda: int("no number"))
        settle(0.1)
        return "raised"


def _holds(function: Any, held: object) -> bool:
    cells = getattr(function, "__closure__", None) or ()
    return any(cell.cell_contents is held for cell in cells)
