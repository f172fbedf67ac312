"""The genes that mark a selection: a button that tests them, and what it found."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_spatialrecon.tasks.groups import LEAST, markers
from napari_spatialrecon.viewer.canvas.table_metadata import table_of
from napari_spatialrecon.viewer.inspect.markers_view import MarkersView
from napari_spatialrecon.viewer.inspect.selected import compared_groups, groups_of
from napari_spatialrecon.viewer.widgets.tab_order import focus_kept
from napari_spatialrecon.viewer.window.tones import Tones
from napari_spatialrecon.viewer.window.worker import Run

if TYPE_CHECKING:
    from napari.layers import Points
    from napari.viewer import Viewer
    from pandas import DataFrame

    from napari_spatialrecon.progress import Progress


class SelectionMarkers(QWidget):
    """Tests the genes of a selection in the background.

    Signals: ``failed(Exception)``, ``picked(gene)`` for a gene that was clicked.

    Parameters
    ----------
    beside
        Shown in one row with the button.
    """

    failed = Signal(object)
    picked = Signal(str)

    def __init__(self, viewer: Viewer, beside: QWidget) -> None:
        super().__init__()
        self.viewer = viewer
        self.layer: Points | None = None
        self.rows = np.empty(0, int)
        self.run: Run | None = None
        self.test, self.cancel = QPushButton("Markers"), QPushButton("Cancel")
        self.progress, self.view = QProgressBar(), MarkersView()
        self.save = QPushButton("Save genes…")
        self.save.setToolTip("All genes with their test, as csv")
        self.test.clicked.connect(self.find_markers)
        self.cancel.clicked.connect(lambda: self.run.cancel() if self.run is not None else None)
        self.view.picked.connect(self.picked)
        line, layout = QHBoxLayout(), QVBoxLayout(self)
        for part, stretch in ((self.test, 1), (self.progress, 1), (self.cancel, 0), (beside, 0)):
            line.addWidget(part, stretch)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(line)
        layout.addWidget(self.view)
        layout.addWidget(self.save)
        self.forget()

    def set_rows(self, layer: Points | None, rows: np.ndarray) -> None:
        """Be about these rows of a layer; what was found of others is no longer shown."""
        if layer is not self.layer or not np.array_equal(rows, self.rows):
            self.forget()
        self.layer, self.rows = layer, rows
        self._allow()

    def forget(self) -> None:
        """Stop testing, and show nothing."""
        if self.run is not None:
            self.run.cancel()
            self.run = None
        self.view.hide()
        self.save.hide()
        self._allow()

    def find_markers(self) -> None:
        """Test which genes mark the selection."""
        if self.layer is None:
            return
        try:
            adata, selected, rest = groups_of(self.layer, self.rows)
            groups = compared_groups(self.layer, selected, rest)
        except Exception as error:
            self.failed.emit(error)
            return
        self.run = run = Run(
            lambda progress, stop: markers(
                adata, selected, rest, progress=progress, should_stop=stop
            ),
            "Finding marker genes",
            viewer=self.viewer,
            parent=self,
        )
        run.progressed.connect(self._show_progress)
        run.returned.connect(partial(self._show, run, groups))
        run.failed.connect(partial(self._fail, run))
        run.finished.connect(partial(self._end, run))
        self._allow()
        run.start()

    def state(self) -> dict[str, Any]:
        """Return whether genes were tested, and how they are shown."""
        tested = not self.view.isHidden() or self.run is not None
        return {"tested": tested, **self.view.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Test the genes again if they were tested."""
        self.view.restore(state)
        if state.get("tested"):
            self.find_markers()

    def set_tones(self, tones: Tones) -> None:
        """Use the colors of a theme."""
        self.view.set_tones(tones)

    def _show_progress(self, progress: Progress) -> None:
        self.progress.setRange(0, progress.total or 0)
        self.progress.setValue(progress.step)

    def _show(self, run: Run, groups: Any, found: DataFrame) -> None:
        if run is self.run and not run.cancelled:
            self.view.show_markers(found, compared=groups)
            self.view.show()
            self.save.show()

    def _fail(self, run: Run, error: Exception) -> None:
        if run is self.run:
            self.failed.emit(error)

    def _end(self, run: Run) -> None:
        if run is self.run:
            self.run = None
        run.deleteLater()
        self._allow()

    def _allow(self) -> None:
        adata = table_of(self.layer) if self.layer is not None else None
        running, genes = self.run is not None, adata is not None and adata.n_vars > 0
        enough = len(self.rows) >= LEAST
        tip = "Genes that are higher or lower in the selection than in all others (scanpy's test)"
        if not genes:
            tip = "This layer has no counts of genes."
        elif not enough:
            tip = f"At least {LEAST} cells or spots are needed."
        self.test.setToolTip(tip)
        with focus_kept((self.test, self.cancel), self):
            self.test.setEnabled(genes and enough and not running)
            self.test.setVisible(not running)
            self.cancel.setVisible(running)
        self.progress.setVisible(running)
