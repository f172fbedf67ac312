"""The result of a run: verdict, facts, colors, copy and save."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import Signal
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QCheckBox, QFrame, QHBoxLayout, QMenu, QPushButton, QVBoxLayout

from napari_spatialrecon.methods.registry import find_method
from napari_spatialrecon.viewer.canvas.layer_values import fading_tells
from napari_spatialrecon.viewer.canvas.point_values import names
from napari_spatialrecon.viewer.task.checks import Checks
from napari_spatialrecon.viewer.task.color_by import ColorBy
from napari_spatialrecon.viewer.task.figures import Figures
from napari_spatialrecon.viewer.task.job import Job
from napari_spatialrecon.viewer.task.model import TaskModel
from napari_spatialrecon.viewer.task.script import as_command, as_python
from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.window.present import present
from napari_spatialrecon.viewer.window.tones import DARK, Tones


class ResultPanel(QFrame):
    """Shows a model's last outcome; hidden until there is one.

    Signals: ``inspect()``, ``save()``, ``color(name)``, ``faded(bool)``, ``locked(bool)``,
    ``better(name)`` of a method to run instead.
    """

    inspect = Signal()
    save = Signal()
    color = Signal(str)
    faded = Signal(bool)
    locked = Signal(bool)
    better = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.tones: Tones = DARK
        self._job: Job | None = None
        self._doubtful = False
        self._better = ""
        self.verdict = WrappedLabel()
        self.figures = Figures()
        self.better_button = QPushButton()
        self.better_button.setToolTip("Run again with the method that did better on this data")
        self.facts = Checks()
        self.color_by = ColorBy()
        self.fade = QCheckBox("Fade uncertain cells")
        self.fade.setToolTip("The less certain its position, the more transparent a cell is")
        self.keep = QCheckBox("Keep this layer when I run again")
        self.inspect_button = QPushButton("Inspect result")
        self.inspect_button.setToolTip("Zoom to the result, and color, search and select its cells")
        self.copy_button = QPushButton("Copy as")
        menu = QMenu(self.copy_button)
        menu.addAction("Python", self.copy_python)
        menu.addAction("Command line", self.copy_command)
        self.copy_button.setMenu(menu)
        self.save_button = QPushButton("Save run…")
        self.save_button.setToolTip(
            "The table as h5ad or SpatialData, with the record of the run as run.json beside it"
        )
        self.status = WrappedLabel()
        self._lay_out()
        self.inspect_button.clicked.connect(self.inspect)
        self.save_button.clicked.connect(self.save)
        self.better_button.clicked.connect(lambda: self.better.emit(self._better))
        self.color_by.chosen.connect(self.color)
        self.fade.toggled.connect(self.faded)
        self.keep.toggled.connect(self.locked)
        self.hide()

    def show_outcome(self, model: TaskModel) -> None:
        """Show the model's last outcome."""
        outcome, self._job = model.outcome, model.last
        assert outcome is not None, "shown after a run"
        self.verdict.setText(outcome.summary)
        self._doubtful = outcome.doubtful
        self.figures.show_figures(outcome.figures())
        self._better = outcome.better
        self.better_button.setVisible(bool(self._better))
        if self._better:
            self.better_button.setText(f"Use {find_method(self._better, model.task).title}")
        self.facts.show_lines(model.facts())
        self.color_by.set_names(*names(outcome.adata))
        self.fade.setVisible(fading_tells(outcome.adata.obs))
        self.keep.setChecked(False)
        self.copy_button.setEnabled(self._job is not None)
        self.status.clear()
        self.set_tones(self.tones)
        self.show()

    def set_tones(self, tones: Tones) -> None:
        """Use the colors of a theme."""
        self.tones = tones
        self.facts.set_tones(tones)
        self.color_by.set_tones(tones)
        self.figures.set_tones(tones)
        self.verdict.setStyleSheet(f"color: {tones.warning};" if self._doubtful else "")

    def copy_python(self) -> None:
        """Put the run on the clipboard as a Python script."""
        self._copy(as_python, "Python")

    def copy_command(self) -> None:
        """Put the run on the clipboard as a command line."""
        self._copy(as_command, "a command line")

    def _copy(self, written: Callable[[Job], str], kind: str) -> None:
        assert self._job is not None, "copied after a run"
        present(QGuiApplication.clipboard()).setText(written(self._job))
        self.status.setText(f"Copied as {kind}.")

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(4)
        for widget in (self.verdict, self.figures, self.better_button, self.facts):
            layout.addWidget(widget)
        layout.addWidget(self.color_by)
        layout.addWidget(self.fade)
        layout.addWidget(self.keep)
        row = QHBoxLayout()
        for button in (self.inspect_button, self.copy_button, self.save_button):
            row.addWidget(button, 1)
        layout.addLayout(row)
        layout.addWidget(self.status)
