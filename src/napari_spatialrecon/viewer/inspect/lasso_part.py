"""Select cells or spots with a lasso: what they are, what marks them, and how to keep them."""

from __future__ import annotations

from functools import partial
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_spatialrecon.tasks.groups import LEAST, markers
from napari_spatialrecon.viewer.canvas.coloring import color_layer
from napari_spatialrecon.viewer.canvas.lasso import Lasso, Way, combined, rows_within
from napari_spatialrecon.viewer.canvas.outlines import Outlines
from napari_spatialrecon.viewer.canvas.table_metadata import table_of
from napari_spatialrecon.viewer.inspect.markers_view import MarkersView
from napari_spatialrecon.viewer.inspect.part import Part
from napari_spatialrecon.viewer.inspect.selected import (
    Category,
    Kept,
    also_covered,
    composition_of,
    groups_of,
    keep_as_column,
    listed,
    write_csv,
)
from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.widgets.notice import Notice
from napari_spatialrecon.viewer.window.shortcuts import LASSO, Keys, describe
from napari_spatialrecon.viewer.window.tones import Tones
from napari_spatialrecon.viewer.window.worker import Run

if TYPE_CHECKING:
    from napari.layers import Points
    from napari.viewer import Viewer
    from pandas import DataFrame

    from napari_spatialrecon.progress import Progress

_LINES = 10
_EMPTY = "Nothing is selected. Click Lasso, then draw around cells or spots on the canvas."


class LassoPart(Part):
    """The section Selection of the tab Inspect."""

    title = "Selection"

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(viewer)
        self.layer: Points | None = None
        self.rows = np.empty(0, int)
        self.kept: Kept | None = None
        self.outlines = Outlines()
        self.lasso = Lasso(
            viewer, drawn=self._draw_line, closed=self._select, switched=self._show_on
        )
        self.keys = Keys(viewer, LASSO, {"lasso": self.toggle, "stop": self.stop})
        self.keys.on_widget(self)
        self.run: Run | None = None
        self._beside = ""
        self.button, self.clear_button = QPushButton("Lasso"), QPushButton("Clear")
        self.about, self.composition = WrappedLabel(), QLabel()
        self.notice = Notice()
        self.test, self.cancel = QPushButton("Markers"), QPushButton("Cancel")
        self.save_list, self.save_genes = QPushButton("Save list…"), QPushButton("Save genes…")
        self.progress = QProgressBar()
        self.name, self.keep, self.undo = QLineEdit(), QPushButton("Save"), QPushButton("Undo")
        self.markers = MarkersView()
        self.below = QWidget()
        self._lay_out()
        self._connect()
        self.destroyed.connect(partial(_release, self))

    # The selection

    def show_layer(self, layer: Points | None) -> None:
        """Be about this layer; a selection of the same cells carries over."""
        if layer is not self.layer:
            self._stop_run()
            self.outlines.clear()
            if self.layer is not None:
                self.layer.events.face_color.disconnect(self._show_composition)
                self.layer.events.data.disconnect(self.refresh)
                self.layer.events.size.disconnect(self._ring)
            self.layer = layer
            if layer is None:
                self.lasso.switch(False)
            else:
                layer.events.face_color.connect(self._show_composition)
                layer.events.data.connect(self.refresh)
                layer.events.size.connect(self._ring)
        self.refresh()

    def refresh(self, event: object = None) -> None:
        """Show which points of the layer are selected now."""
        layer = self.layer
        rows = np.empty(0, int) if layer is None else self.space.selection.rows_in(layer)
        if not np.array_equal(rows, self.rows):
            self._stop_run()
            self.markers.hide()
            self.save_genes.hide()
            self.notice.clear()
        self.rows = rows
        self.below.setVisible(len(rows) > 0)
        self.clear_button.setEnabled(len(self.space.selection) > 0)
        self.about.setText(self._words())
        self._show_composition()
        self._ring()
        self._allow()

    def toggle(self) -> None:
        """Start drawing, or stop it."""
        self.lasso.switch(not self.lasso.on and self.layer is not None)

    def stop(self) -> None:
        """Give up the polygon that is being drawn; if there is none, stop drawing."""
        if self.lasso.drawing:
            self.lasso.cancel()
        else:
            self.lasso.switch(False)

    def _select(self, polygon: np.ndarray, way: Way) -> None:
        layer, selection = self.layer, self.space.selection
        if layer is None or layer not in self.viewer.layers:
            return
        found = rows_within(layer, polygon)
        self._beside = ""
        selection.set_rows(layer, combined(selection.rows_in(layer), found, way))
        others = also_covered(layer, selection, polygon, self.viewer.layers)
        if others:
            names = ", ".join(others)
            self._beside = f"The lasso also covers {names}: only points of {layer.name} count."
        self.refresh()

    def _draw_line(self, corners: np.ndarray) -> None:
        self.outlines.line(self.layer, corners)

    def _ring(self, event: object = None) -> None:
        self.outlines.ring(self.layer, self.rows)

    def _words(self) -> str:
        selection, layer, n = self.space.selection, self.layer, len(self.rows)
        if layer is None or not len(selection):
            return self._beside or _EMPTY
        if not n:
            return f"None of the {len(selection):,} selected cells or spots are in this layer."
        words = f"{n:,} of {len(layer.data):,} selected ({n / len(layer.data):.1%})."
        if selection.source is not None and selection.source is not layer:
            words += f" Selected by name in {selection.source.name}."
        return f"{words} {self._beside}".strip()

    def _show_composition(self, event: object = None) -> None:
        if self.layer is None or not len(self.rows):
            self.composition.hide()
            return
        title, lines = composition_of(self.layer, self.rows)
        self.composition.setText(_as_table(title, lines))
        self.composition.setVisible(bool(lines))

    def _show_on(self, on: bool) -> None:
        self.button.setChecked(on)
        self.button.setText("Drawing… (Esc)" if on else "Lasso")
        if on:
            self.keys.hold()
        else:
            self.keys.release()

    # Markers

    def find_markers(self) -> None:
        """Test which genes mark the selection, in the background."""
        if self.layer is None:
            return
        self.notice.clear()
        try:
            adata, selected, rest = groups_of(self.layer, self.rows)
        except Exception as error:
            self.notice.show_error(error)
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
        run.returned.connect(partial(self._show_markers, run))
        run.failed.connect(partial(self._show_failure, run))
        run.finished.connect(partial(self._end, run))
        self._allow()
        run.start()

    def _show_progress(self, progress: Progress) -> None:
        self.progress.setRange(0, progress.total or 0)
        self.progress.setValue(progress.step)

    def _show_markers(self, run: Run, found: DataFrame) -> None:
        if run is self.run and not run.cancelled:
            self.markers.show_markers(found)
            self.markers.show()
            self.save_genes.show()

    def _show_failure(self, run: Run, error: Exception) -> None:
        if run is self.run:
            self.notice.show_error(error)

    def _end(self, run: Run) -> None:
        if run is self.run:
            self.run = None
        run.deleteLater()
        self._allow()

    def _stop_run(self) -> None:
        if self.run is not None:
            self.run.cancel()
            self.run = None

    def _allow(self) -> None:
        adata = table_of(self.layer) if self.layer is not None else None
        running, genes = self.run is not None, adata is not None and adata.n_vars > 0
        enough = len(self.rows) >= LEAST
        self.test.setEnabled(genes and enough and not running)
        tip = "Genes that are higher or lower in the selection than in all others (scanpy's test)"
        if not genes:
            tip = "This layer has no counts of genes."
        elif not enough:
            tip = f"At least {LEAST} cells or spots are needed."
        self.test.setToolTip(tip)
        self.test.setVisible(not running)
        self.cancel.setVisible(running)
        self.progress.setVisible(running)
        self.undo.setVisible(self.kept is not None)

    def _color(self, gene: str) -> None:
        if self.layer is None:
            return
        try:
            color_layer(self.layer, gene)
        except Exception as error:
            self.notice.show_error(error)

    # Keeping

    def keep_column(self) -> None:
        """Write the selection as a column of the name that was typed."""
        self.notice.clear()
        if self.layer is None:
            return
        try:
            self.kept = keep_as_column(self.layer, self.rows, self.name.text())
        except Exception as error:
            self.notice.show_error(error)
            return
        self.undo.setText(f"Undo {self.kept.name}")
        self.name.clear()
        self._allow()

    def undo_column(self) -> None:
        """Remove the column that was written last."""
        if self.kept is not None:
            self.kept.undo()
        self.kept = None
        self._allow()

    def _write(self, what: str, table: DataFrame | None) -> None:
        if self.layer is None or table is None:
            return
        start = f"{self.layer.name} {what}.csv".replace("/", "_")
        path, _ = QFileDialog.getSaveFileName(self, f"Save {what}", start, "Tables (*.csv)")
        if not path:
            return
        self.notice.clear()
        try:
            write_csv(table, path if path.endswith(".csv") else f"{path}.csv")
        except Exception as error:
            self.notice.show_error(error)

    def _write_list(self) -> None:
        if self.layer is not None:
            self._write("selection", listed(self.layer, self.rows))

    # The widgets

    def set_tones(self, tones: Tones) -> None:
        """Use the colors of a theme."""
        self.notice.set_tones(tones)
        self.markers.set_tones(tones)
        self.about.setStyleSheet(f"color: {tones.quiet};")

    def _connect(self) -> None:
        self.button.clicked.connect(self.toggle)
        self.clear_button.clicked.connect(self._clear)
        self.test.clicked.connect(self.find_markers)
        self.cancel.clicked.connect(lambda: self.run.cancel() if self.run is not None else None)
        self.markers.picked.connect(self._color)
        self.keep.clicked.connect(self.keep_column)
        self.name.returnPressed.connect(self.keep_column)
        self.undo.clicked.connect(self.undo_column)
        self.save_list.clicked.connect(self._write_list)
        self.save_genes.clicked.connect(lambda: self._write("markers", self.markers.found))
        self.space.selection.changed.connect(self.refresh)
        self.viewer.layers.events.removed.connect(self._forget_removed)

    def _clear(self) -> None:
        self._beside = ""
        self.space.selection.clear()
        self.refresh()

    def _forget_removed(self, event: object = None) -> None:
        if self.kept is not None and self.kept.layer not in self.viewer.layers:
            self.kept = None
        if self.layer is not None and self.layer not in self.viewer.layers:
            self.show_layer(None)

    def _lay_out(self) -> None:
        self.button.setCheckable(True)
        self.button.setToolTip(
            "Draw around cells or spots of the selected layer. Shift adds, Alt removes.\n"
            + describe(LASSO)
        )
        self.clear_button.setToolTip("Select nothing")
        self.composition.setTextFormat(Qt.TextFormat.RichText)
        self.composition.setWordWrap(True)
        self.composition.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.composition.setToolTip(
            "Share of the selection, and in brackets of all other points of the layer"
        )
        self.save_list.setToolTip("Names, places and columns of the selection, as csv")
        self.save_genes.setToolTip("All genes with their test, as csv")
        self.name.setPlaceholderText("Name of a new column")
        self.name.setAccessibleName("Name of a new column")
        self.keep.setToolTip("Keep the selection as a column to color by and to write to files")
        layout, below = QVBoxLayout(self), QVBoxLayout(self.below)
        for one in (layout, below):
            one.setContentsMargins(0, 0, 0, 0)
            one.setSpacing(6)
        layout.addLayout(_line((self.button, 1), (self.clear_button, 0)))
        for part in (self.about, self.composition, self.notice, self.below):
            layout.addWidget(part)
        below.addLayout(_line((self.name, 1), (self.keep, 0), (self.undo, 0)))
        below.addLayout(
            _line((self.test, 1), (self.progress, 1), (self.cancel, 0), (self.save_list, 0))
        )
        below.addWidget(self.markers)
        below.addWidget(self.save_genes)
        self.markers.hide()
        self.save_genes.hide()


def _line(*parts: tuple[QWidget, int]) -> QHBoxLayout:
    line = QHBoxLayout()
    for part, stretch in parts:
        line.addWidget(part, stretch)
    return line


def _as_table(title: str, lines: list[Category]) -> str:
    """Return a composition as rich text, each category in its color."""
    rows = [
        f'<tr><td style="color:{one.color}">■&nbsp;</td><td width="100%">{escape(one.name)}</td>'
        f'<td align="right">&nbsp;{one.share:.0%}&nbsp;</td>'
        f'<td align="right">({_percent(one.share_of_rest)})&nbsp;</td>'
        f'<td align="right">{one.count:,}</td></tr>'
        for one in lines[:_LINES]
    ]
    rest = lines[_LINES:]
    if rest:
        count, share = sum(one.count for one in rest), sum(one.share for one in rest)
        rows.append(
            f"<tr><td></td><td>{len(rest)} more</td><td align='right'>&nbsp;{share:.0%}&nbsp;</td>"
            f"<td></td><td align='right'>{count:,}</td></tr>"
        )
    return f"<b>{escape(title)}</b><table width='100%'>{''.join(rows)}</table>"


def _percent(share: float) -> str:
    return "–" if np.isnan(share) else f"{share:.0%}"


def _release(part: LassoPart) -> None:
    """Disconnect a part that Qt has deleted."""
    part.space.selection.changed.disconnect(part.refresh)
    part.viewer.layers.events.removed.disconnect(part._forget_removed)
    part.keys.release()
    if part.lasso.on:
        part.lasso.forget()
    layer = part.layer
    if layer is not None:
        layer.events.face_color.disconnect(part._show_composition)
        layer.events.data.disconnect(part.refresh)
        layer.events.size.disconnect(part._ring)
