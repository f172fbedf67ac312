"""Train encoder: an embedding shared by slides and cells, plotted and saved."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QFileDialog, QLabel, QPushButton, QSizePolicy, QWidget

from napari_spatialrecon.errors import SpatialReconError
from napari_spatialrecon.viewer.task.checks import Checks
from napari_spatialrecon.viewer.task.inputs import Row
from napari_spatialrecon.viewer.task.slides_inputs import SlidesInputs
from napari_spatialrecon.viewer.task.widget import TaskWidget
from napari_spatialrecon.viewer.train_encoder.job import Flatten, Scatter, Trained
from napari_spatialrecon.viewer.train_encoder.model import EncoderModel
from napari_spatialrecon.viewer.train_encoder.plot import EmbeddingPlot
from napari_spatialrecon.viewer.widgets.rows import combo, row
from napari_spatialrecon.viewer.window.worker import Run

if TYPE_CHECKING:
    from napari.viewer import Viewer

WAYS = {"pca": "PCA", "umap": "UMAP (a minute)"}


class EncoderInputs(SlidesInputs):
    """Slides and cells to train on."""

    def rows(self) -> list[Row]:
        """Return slides and cells; the slides' positions are not used for training."""
        (_, chips, button), cells = super().rows()
        return [("Slides", chips, button), cells]


class TrainEncoder(TaskWidget[EncoderModel, Trained]):
    """The widget Train encoder of one viewer."""

    model_class = EncoderModel
    inputs_class = EncoderInputs
    curves_tip = (
        "Domain mixing: entropy of the sources among the neighbors of a profile; iLISI: how many "
        "sources they are of. 0 is apart, 1 is ideal. Source predictability: share of profiles "
        "whose source their neighbors predict; the dashed line is chance."
    )

    def __init__(self, napari_viewer: Viewer) -> None:
        self.scatter: Scatter | None = None
        self.plot = EmbeddingPlot()
        self.way, self.column = combo(), combo()
        for name, title in WAYS.items():
            self.way.addItem(title, name)
        self.drawing, self.opened = QLabel("Drawing…"), Checks()
        self.load_button = QPushButton("Open a saved encoder…")
        self._drawing: Run | None = None
        super().__init__(napari_viewer)
        self.result.save_button.setText("Save encoder…")
        self.result.save_button.setToolTip("A folder with the encoder and the record of the run")
        for part in (self.result.color_by, self.result.keep, self.result.inspect_button):
            part.hide()
        self.way.activated.connect(self._draw)
        self.column.activated.connect(self._color_scatter)
        self.load_button.clicked.connect(self._ask_for_folder)

    def more_parts(self) -> list[QWidget]:
        """Return the plot with its choices, and the button for a saved encoder."""
        labels = QLabel("Picture"), QLabel("by")
        for label in labels:
            label.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)
        self.choices = row(labels[0], self.way, labels[1], self.column)
        self.choices.hide()
        self.drawing.hide()
        return [self.choices, self.drawing, self.plot, self.load_button, self.opened]

    def result_parts(self) -> list[QWidget]:
        """Return the plot with its choices."""
        return [self.choices, self.plot]

    def show_layer(self, outcome: Trained) -> None:
        """Draw the plot; nothing is added to the canvas."""
        with QSignalBlocker(self.column):
            self.column.clear()
            self.column.addItems([str(c) for c in outcome.adata.obs])
        self.scatter = None
        self.choices.show()
        self.model.keep()
        self._draw()

    def save(self) -> None:
        """Ask where to save, and write the encoder."""
        assert self.model.outcome is not None, "saved after a run"
        path = QFileDialog.getSaveFileName(self, "Save encoder as a folder", "encoder")[0]
        if path:
            self.save_as(path)

    def save_as(self, path: str) -> None:
        """Write the encoder in the background; Place cells then knows its folder."""
        super().save_as(path)
        self.model.keep(Path(path))

    def load(self, folder: str) -> None:
        """Open a saved encoder."""
        try:
            self.opened.show_lines(self.model.load(folder))
            self.panel.notice.clear()
        except SpatialReconError as error:
            self.panel.refuse(error)

    def _ask_for_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Open a saved encoder")
        if folder:
            self.load(folder)

    # The plot

    def _draw(self) -> None:
        """Embed the profiles in two dimensions, in the background."""
        outcome, way = self.model.outcome, self.way.currentData()
        if outcome is None or self._drawing is not None:
            return
        self.drawing.show()
        self.way.setEnabled(False)
        run = self._drawing = Run(Flatten(outcome, way), "Drawing", viewer=self.viewer, parent=self)
        run.returned.connect(partial(self._show_scatter, outcome))
        run.failed.connect(self.panel.refuse)
        run.finished.connect(run.deleteLater)
        run.finished.connect(self._after_drawing)
        run.start()

    def _show_scatter(self, outcome: Trained, scatter: Scatter) -> None:
        if outcome is self.model.outcome:
            self.scatter = scatter
            self._color_scatter()

    def _after_drawing(self) -> None:
        self._drawing = None
        self.drawing.hide()
        self.way.setEnabled(True)
        if self.scatter is None:  # another run has ended meanwhile
            self._draw()

    def _color_scatter(self) -> None:
        if self.scatter is None or self.model.outcome is None:
            return
        kinds = self.model.outcome.adata.obs[self.column.currentText()].iloc[self.scatter.rows]
        kinds = kinds.cat.remove_unused_categories()
        names = [str(name) for name in kinds.cat.categories]
        codes = kinds.cat.codes.to_numpy().astype(int)
        self.plot.show_points(self.scatter.before, self.scatter.after, codes, names)
