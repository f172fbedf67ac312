"""What can be done with the chosen result, below the list."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices, QGuiApplication
from qtpy.QtWidgets import (
    QFileDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QSizePolicy,
)
from superqt import QElidingLabel

from napari_spatialrecon.errors import SpatialReconError
from napari_spatialrecon.viewer.canvas.point_values import LABELS, names
from napari_spatialrecon.viewer.canvas.quiet_layers import MANY
from napari_spatialrecon.viewer.figure.dialog import FigureDialog
from napari_spatialrecon.viewer.results.acts import (
    delete,
    export_table,
    measured_pair,
    recolor,
    shown_points,
    undoing,
    write,
    write_accuracy,
)
from napari_spatialrecon.viewer.results.model import ResultsModel
from napari_spatialrecon.viewer.results.reporting import reportable, write_report
from napari_spatialrecon.viewer.results.sides import Side
from napari_spatialrecon.viewer.task.script import as_command, as_python
from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.widgets.name_search import NameSearch
from napari_spatialrecon.viewer.widgets.notice import Notice
from napari_spatialrecon.viewer.widgets.saving import ask_where, offer_elsewhere
from napari_spatialrecon.viewer.window.main_window import canvas_of
from napari_spatialrecon.viewer.window.present import present
from napari_spatialrecon.viewer.window.steps import Steps, at_once
from napari_spatialrecon.viewer.window.tones import DARK, Tones
from napari_spatialrecon.viewer.window.turns import Turns
from napari_spatialrecon.viewer.window.worker import Run, Work

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_spatialrecon.progress import ProgressCallback, ShouldStop
    from napari_spatialrecon.viewer.workspace.results import Result


_ACROSS = 3
"""Buttons side by side: more would not fit their words in a narrow dock."""


class Actions(QFrame):
    """Buttons of the result that is chosen in a model; hidden while there is none."""

    def __init__(self, model: ResultsModel, viewer: Viewer) -> None:
        super().__init__()
        self.setObjectName("actions")
        self.model, self.viewer = model, viewer
        self.tones: Tones = DARK
        self.about = QElidingLabel()
        self.color = NameSearch(LABELS)
        self._offered: tuple[list[str], list[str]] | None = None
        self.save_button = QPushButton("Save…")
        self.save_button.setToolTip(
            "The table as h5ad or SpatialData, with the record of the run as run.json beside it"
        )
        self.report_button = QPushButton("Report…")
        self.report_button.setToolTip(
            "One page of HTML about the result, or about all ticked ones: what was asked, how far "
            "to trust it, pictures, and how to repeat it"
        )
        self.figure_button = QPushButton("Figure…")
        self.figure_button.setToolTip("Draw the result for a page, as PNG, SVG or PDF")
        self.repeat_button = QPushButton("Repeat…")
        self.repeat_button.setToolTip("Open Reconstruct with the choices of this run, to run again")
        self.delete_button = QPushButton("Delete")
        self.delete_button.setToolTip("Remove the result and its layers; Undo brings them back")
        self.more_button = QPushButton("⋯")
        self.more_button.setToolTip("Export the table, copy the run as Python or as a command line")
        self.more_button.setAccessibleName("More")
        self.more = QMenu(self.more_button)
        self.export_action = present(self.more.addAction("Export table…", self.ask_export))
        self.curves_action = present(self.more.addAction("Accuracy curves…", self.ask_curves))
        self.curves_action.setToolTip("Of a placement that is ticked with its measured places")
        self.python_action = present(self.more.addAction("Copy as Python", self.copy_python))
        self.command_action = present(
            self.more.addAction("Copy as command line", self.copy_command)
        )
        self.more_button.setMenu(self.more)
        self.status, self.undo_button = WrappedLabel(), QPushButton("Undo")
        self._turns = Turns(canvas_of(viewer), self)
        self.notice = Notice()
        self._lay_out()
        self._connect()

    def refresh(self) -> None:
        """Show what can be done now."""
        result = self.model.current
        self.setVisible(result is not None or bool(self.model.deleted))
        for widget in (self.about, self.color, *self._buttons):
            widget.setVisible(result is not None)
        self.undo_button.setVisible(bool(self.model.deleted))
        if result is None:
            return
        colored = self._colored()
        self.about.setText(
            result.name if len(colored) < 2 else f"{result.name} · colors of {len(colored)} ticked"
        )
        self.about.setToolTip(result.name)
        points = shown_points(self.viewer, Side(result))
        offered = names(result.adata)
        if offered != self._offered:
            self._offered = offered
            self.color.set_names(*offered)
        self.color.setEnabled(points is not None)
        self.color.setToolTip(
            "Colors all ticked results alike: the same limits, the same color for a type"
        )
        for action in (self.python_action, self.command_action):
            action.setEnabled(result.job is not None)
        self.curves_action.setEnabled(measured_pair(self.model.pair) is not None)
        self.report_button.setEnabled(bool(self._reported()))
        self.repeat_button.setEnabled(result.job is not None or bool(result.record))

    def set_tones(self, tones: Tones) -> None:
        """Use the colors of a theme."""
        self.tones = tones
        self.notice.set_tones(tones)
        self.color.set_tones(tones)
        self.setStyleSheet(f"#actions {{ border-top: 1px solid {tones.line}; }}")
        self.status.setStyleSheet(f"color: {tones.quiet};")

    # What the buttons do

    def recolor(self, name: str) -> None:
        """Color the ticked results alike; the chosen one if none is ticked."""
        self.notice.clear()
        try:
            done = recolor(self.viewer, self._colored(), name)
        except SpatialReconError as error:
            self.notice.show_error(error)
            return
        self._say(f"Colored by {name}: {', '.join(done)}.")

    def save(self) -> None:
        """Ask where to save, and write the chosen result."""
        result = self.model.current
        if result is not None and (path := ask_where(self, "Save result", result.name)):
            self.save_as(path)

    def save_as(self, path: str) -> None:
        """Write the chosen result and its record in the background."""
        result, results = self.model.current, self.model.space.results
        assert result is not None, "saved while one is chosen"

        def work(*_: object) -> str:
            return "Saved " + " and ".join(file.name for file in write(result, path))

        self._in_background(
            work, "Saving", lambda: results.mark_saved(result, path), again=self.save
        )

    def ask_export(self) -> None:
        """Ask where to write the table of the chosen result."""
        result = self.model.current
        if result is None:
            return
        start = f"{result.name.replace('/', '_')}.csv"
        path = QFileDialog.getSaveFileName(self, "Export table", start, "Tables (*.csv)")[0]
        if path:
            self.export(path if path.endswith(".csv") else f"{path}.csv")

    def export(self, path: str) -> None:
        """Write the table of the chosen result in the background."""
        result = self.model.current
        assert result is not None, "exported while one is chosen"

        def work(*_: object) -> str:
            from napari_spatialrecon import storage

            with storage.atomic_file(Path(path)) as temporary:
                export_table(result).to_csv(temporary)
            return f"Saved {Path(path).name}"

        self._in_background(work, "Exporting")

    def ask_curves(self) -> None:
        """Ask where to write how accurate the ticked placement is, and write it."""
        pair = measured_pair(self.model.pair)
        if pair is None:
            return
        start = f"{pair[0].name} accuracy.png".replace("/", "_")
        path = QFileDialog.getSaveFileName(self, "Save pictures", start, "Pictures (*.png)")[0]
        if path:
            self.write_curves(path)

    def write_curves(self, path: str) -> None:
        """Write distances and curves of the ticked placement beside its measured places."""
        pair = measured_pair(self.model.pair)
        assert pair is not None, "written while both are ticked"

        def work(*_: object) -> str:
            return "Saved " + " and ".join(file.name for file in write_accuracy(*pair, Path(path)))

        self._in_background(work, "Drawing")

    def ask_report(self) -> None:
        """Ask where to write the report, and write it."""
        names = [result.name for result in self._reported()]
        if not names:
            return
        start = f"{names[0] if len(names) == 1 else f'{len(names)} results'}.html"
        path = QFileDialog.getSaveFileName(
            self, "Write report", start.replace("/", "_"), "Web pages (*.html)"
        )[0]
        if path:
            self.report(path if path.endswith(".html") else f"{path}.html")

    def report(self, path: str) -> None:
        """Write the report of the ticked results, or of the chosen one, and open it."""
        results = self._reported()

        def work(progress: ProgressCallback, should_stop: ShouldStop) -> str:
            return f"Saved {write_report(results, path, progress, should_stop).name}"

        self._in_background(
            work,
            "Writing the report",
            lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(Path(path).absolute()))),
        )

    def draw_figure(self) -> FigureDialog:
        """Open the figure of the chosen result, or of what the window shows if it has no layer."""
        result = self.model.current
        layer = None if result is None else result.layer
        shown = [layer] if layer is not None and layer in self.viewer.layers else []
        dialog = FigureDialog(self.viewer, shown, self)
        dialog.show()
        return dialog

    def repeat(self) -> None:
        """Open Reconstruct with the choices of the chosen result."""
        result = self.model.current
        if result is not None:
            self.model.space.go.emit(f"reconstruct/{result.task}", result)

    def delete(self) -> None:
        """Remove the chosen result; Undo brings it back."""
        result = self.model.current
        if result is not None:
            delete(self.viewer, self.model, result)
            self._say(f"Deleted {result.name}.")
            self.refresh()

    def undo(self) -> None:
        """Bring back the result that was deleted last; one of many points over some turns."""
        from napari.layers import Points

        if self._turns.running:
            return
        points = (layer for gone in self.model.deleted[-1:] for _, layer in gone.layers)
        if any(len(layer.data) > MANY for layer in points if isinstance(layer, Points)):
            self._turns.start(self._undoing())
        else:
            at_once(self._undoing())

    def _undoing(self) -> Steps:
        result = yield from undoing(self.viewer, self.model)
        if result is not None:
            self._say(f"{result.name} is back.")

    def copy_python(self) -> None:
        """Put the run on the clipboard as a Python script."""
        self._copy(as_python, "Python")

    def copy_command(self) -> None:
        """Put the run on the clipboard as a command line."""
        self._copy(as_command, "a command line")

    def _copy(self, written: Callable[..., str], kind: str) -> None:
        result = self.model.current
        if result is not None and result.job is not None:
            present(QGuiApplication.clipboard()).setText(written(result.job))
            self._say(f"Copied as {kind}.")

    def _colored(self) -> list[Side]:
        ticked = list(self.model.ticked)
        return ticked if ticked or self.model.current is None else [Side(self.model.current)]

    def _reported(self) -> list[Result]:
        """Return the results of a report: those that are ticked, else the chosen one."""
        ticked = [side.result for side in self.model.ticked if side.result is not None]
        chosen = ticked if len(ticked) > 1 else [self.model.current]
        return [result for result in chosen if result is not None and reportable(result)]

    def _in_background(
        self,
        work: Work,
        title: str,
        then: Callable[[], object] | None = None,
        *,
        again: Callable[[], None] | None = None,
    ) -> None:
        self.notice.clear()
        run = Run(work, title, viewer=self.viewer, parent=self, light=True)
        run.returned.connect(self._say)
        if then is not None:
            run.returned.connect(lambda _: then())
        run.failed.connect(self.notice.show_error)
        if again is not None:
            run.failed.connect(partial(offer_elsewhere, self, again))
        run.finished.connect(run.deleteLater)
        run.start()

    def _say(self, text: str) -> None:
        self.status.setText(text)
        self.status.setVisible(bool(text))

    @property
    def _buttons(self) -> tuple[QPushButton, ...]:
        return (
            self.save_button,
            self.report_button,
            self.figure_button,
            self.repeat_button,
            self.delete_button,
            self.more_button,
        )

    def _connect(self) -> None:
        self.color.chosen.connect(self.recolor)
        self.save_button.clicked.connect(self.save)
        self.report_button.clicked.connect(self.ask_report)
        self.figure_button.clicked.connect(self.draw_figure)
        self.repeat_button.clicked.connect(self.repeat)
        self.delete_button.clicked.connect(self.delete)
        self.undo_button.clicked.connect(self.undo)

    def _lay_out(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(8, 6, 8, 8)
        grid.setSpacing(4)
        grid.addWidget(self.about, 0, 0)
        grid.addWidget(self.color, 1, 0)
        row = QGridLayout()
        row.setSpacing(4)
        for number, button in enumerate(self._buttons):
            button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            row.addWidget(button, number // _ACROSS, number % _ACROSS)
        grid.addLayout(row, 2, 0)
        grid.addWidget(self.notice, 3, 0)
        below = QHBoxLayout()
        below.addWidget(self.status, 1)
        below.addWidget(self.undo_button)
        grid.addLayout(below, 4, 0)
        self.status.hide()
