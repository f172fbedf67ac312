"""Select cells or spots with a lasso: what they are, what marks them, and how to keep them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.viewer.canvas.coloring import color_layer
from napari_spatialrecon.viewer.canvas.lasso import Lasso, Way, combined, rows_within
from napari_spatialrecon.viewer.canvas.outlines import Outlines
from napari_spatialrecon.viewer.canvas.point_nodes import set_standing_out
from napari_spatialrecon.viewer.inspect.part import Part
from napari_spatialrecon.viewer.inspect.selected import (
    Kept,
    also_covered,
    composition_of,
    keep_as_column,
    listed,
    mark_torn,
    rows_of_category,
    write_csv,
)
from napari_spatialrecon.viewer.inspect.selection_markers import SelectionMarkers
from napari_spatialrecon.viewer.inspect.selection_words import (
    as_table,
    lies_elsewhere,
    selection_words,
)
from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.widgets.notice import Notice
from napari_spatialrecon.viewer.window.ended import when_destroyed
from napari_spatialrecon.viewer.window.shortcuts import LASSO, Keys, describe
from napari_spatialrecon.viewer.window.tones import DARK, Tones

if TYPE_CHECKING:
    from napari.layers import Points
    from napari.viewer import Viewer
    from pandas import DataFrame


RINGED = 200
"""Most points that are marked by rings."""
_KEPT = "inspect selection"


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
        self._beside = ""
        self._ink = DARK.accent
        self.button, self.clear_button = QPushButton("Lasso"), QPushButton("Clear")
        self.back = QPushButton("Back")
        self.back.setToolTip("Select what was selected before")
        self.about, self.composition = WrappedLabel(), QLabel()
        self.notice = Notice()
        self.save_list = QPushButton("Save list…")
        self.genes = SelectionMarkers(viewer, self.save_list)
        self.name, self.keep, self.undo = QLineEdit(), QPushButton("Save"), QPushButton("Undo")
        self.torn = QPushButton("Mark as torn")
        self.below = QWidget()
        self._lay_out()
        self._connect()
        when_destroyed(self, _release, self)

    # The selection

    def show_layer(self, layer: Points | None) -> None:
        """Be about this layer; a selection of the same cells carries over."""
        if layer is not self.layer:
            self._beside = ""
            self.outlines.clear()
            if self.layer is not None:
                set_standing_out(self.layer, None)
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
            self.notice.clear()
        self.rows = rows
        self.genes.set_rows(layer, rows)
        self.below.setVisible(len(rows) > 0)
        self.clear_button.setEnabled(len(self.space.selection) > 0)
        self.back.setEnabled(self.space.selection.can_go_back)
        self.about.setText(self._words)
        self._show_composition()
        self._ring()

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
        if way != "new" and len(selection) and not selection.is_of(layer):
            self._beside = lies_elsewhere(selection, way)
            self.about.setText(self._words)
            return
        found = rows_within(layer, polygon)
        self._beside = ""
        selection.set_rows(layer, combined(selection.rows_in(layer), found, way))
        others = also_covered(layer, selection, polygon, self.viewer.layers)
        if others:
            names = ", ".join(others)
            self._beside = f"The lasso also covers {names}: only points of {layer.name} count."
        self.about.setText(self._words)

    def _draw_line(self, corners: np.ndarray) -> None:
        self.outlines.line(self.layer, corners)

    def _ring(self, event: object = None) -> None:
        """Draw rings around the selected points; where they would crowd, draw the others faint."""
        layer, many = self.layer, len(self.rows) > RINGED
        self.outlines.ring(layer, self.rows[:0] if many else self.rows)
        if layer is not None:
            set_standing_out(layer, self.rows if many else None)

    @property
    def _words(self) -> str:
        return selection_words(self.space.selection, self.layer, len(self.rows), self._beside)

    def _show_composition(self, event: object = None) -> None:
        if self.layer is None or not len(self.rows):
            self.composition.hide()
            return
        title, lines = composition_of(self.layer, self.rows)
        self.composition.setText(as_table(title, lines, self._ink))
        self.composition.setVisible(bool(lines))

    def _show_on(self, on: bool) -> None:
        self.button.setChecked(on)
        self.button.setText("Drawing… (Esc)" if on else "Lasso")
        if on:
            self.keys.hold()
        else:
            self.keys.release()

    def _color(self, gene: str) -> None:
        if self.layer is None:
            return
        try:
            color_layer(self.layer, gene)
        except Exception as error:
            self.notice.show_error(error)

    def _pick_kind(self, link: str) -> None:
        """Select only those of one line of the composition."""
        if self.layer is not None:
            rows = rows_of_category(self.layer, self.rows, unquote(link))
            self.space.selection.set_rows(self.layer, rows)

    def go_back(self) -> None:
        """Return to what was selected before."""
        self._beside = ""
        self.space.selection.go_back()

    def state(self) -> dict[str, Any]:
        """Return what a session keeps besides the selection itself."""
        kept = (
            self.kept if self.kept is not None and self.kept.layer in self.viewer.layers else None
        )
        column = [kept.layer.name, kept.name, kept.in_table] if kept is not None else None
        return {"name": self.name.text(), "column": column, "markers": self.genes.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Return to that; markers of the selection are tested again."""
        from napari.layers import Points

        self.name.setText(str(state.get("name", "")))
        for layer in self.viewer.layers:
            column = state.get("column")
            if column and layer.name == column[0] and isinstance(layer, Points):
                self._keep(Kept(layer, str(column[1]), bool(column[2])))
        self.genes.restore(state.get("markers", {}))

    # Keeping

    def keep_column(self) -> None:
        """Write the selection as a column of the name that was typed."""
        self.notice.clear()
        if self.layer is None:
            return
        try:
            kept = keep_as_column(self.layer, self.rows, self.name.text())
        except Exception as error:
            self.notice.show_error(error)
            return
        self._keep(kept)
        self.name.clear()

    def undo_column(self) -> None:
        """Remove the column that was written last."""
        if self.kept is not None:
            self.kept.undo()
        self._keep(None)

    def mark_torn(self) -> None:
        """Mark the selection as a piece that a tear moved."""
        layer = self.layer
        if layer is None:
            return
        self.notice.clear()
        try:
            self._keep(mark_torn(layer, self.rows))
        except InputError as error:
            self.notice.show_error(error)

    def _keep(self, kept: Kept | None) -> None:
        self.kept = kept
        self.undo.setText("" if kept is None else f"Undo {kept.name}")
        self.undo.setVisible(kept is not None)

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
        self.genes.set_tones(tones)
        self.about.setStyleSheet(f"color: {tones.quiet};")
        self._ink = tones.accent
        self._show_composition()

    def _connect(self) -> None:
        self.button.clicked.connect(self.toggle)
        self.clear_button.clicked.connect(self._clear)
        self.back.clicked.connect(self.go_back)
        self.composition.linkActivated.connect(self._pick_kind)
        self.genes.picked.connect(self._color)
        self.genes.failed.connect(self.notice.show_error)
        self.keep.clicked.connect(self.keep_column)
        self.torn.clicked.connect(self.mark_torn)
        self.name.returnPressed.connect(self.keep_column)
        self.undo.clicked.connect(self.undo_column)
        self.save_list.clicked.connect(self._write_list)
        self.genes.save.clicked.connect(lambda: self._write("markers", self.genes.view.found))
        self.space.selection.changed.connect(self.refresh)
        self.viewer.layers.events.removed.connect(self._forget_removed)
        self.space.kept[_KEPT] = self

    def _clear(self) -> None:
        self._beside = ""
        self.space.selection.clear()
        self.refresh()

    def _forget_removed(self, event: object = None) -> None:
        if self.kept is not None and self.kept.layer not in self.viewer.layers:
            self._keep(None)
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
        self.composition.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        self.composition.setWordWrap(True)
        self.composition.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.composition.setToolTip(
            "Share of the selection, and in brackets of all other points of the layer.\n"
            "Click a name to select only those."
        )
        self.save_list.setToolTip("Names, places and columns of the selection, as csv")
        self.name.setPlaceholderText("Name of a new column")
        self.name.setAccessibleName("Name of a new column")
        self.keep.setToolTip("Keep the selection as a column to color by and to write to files")
        layout, below = QVBoxLayout(self), QVBoxLayout(self.below)
        for one in (layout, below):
            one.setContentsMargins(0, 0, 0, 0)
            one.setSpacing(6)
        layout.addLayout(_line((self.button, 1), (self.back, 0), (self.clear_button, 0)))
        for part in (self.about, self.composition, self.notice, self.below):
            layout.addWidget(part)
        self.torn.setToolTip(
            "A piece that a tear moved: dp-VAE does not learn its distances to the rest (a column "
            "'torn')"
        )
        below.addLayout(_line((self.name, 1), (self.keep, 0), (self.undo, 0)))
        below.addLayout(_line((self.torn, 0), (QLabel(), 1)))
        below.addWidget(self.genes)
        self.undo.hide()


def _line(*parts: tuple[QWidget, int]) -> QHBoxLayout:
    line = QHBoxLayout()
    for part, stretch in parts:
        line.addWidget(part, stretch)
    return line


def _release(part: LassoPart) -> None:
    """Disconnect a part that Qt has deleted."""
    part.space.selection.changed.disconnect(part.refresh)
    part.viewer.layers.events.removed.disconnect(part._forget_removed)
    part.space.kept.pop(_KEPT, None)
    part.keys.release()
    if part.lasso.on:
        part.lasso.forget()
    layer = part.layer
    if layer is not None:
        set_standing_out(layer, None)
        layer.events.face_color.disconnect(part._show_composition)
        layer.events.data.disconnect(part.refresh)
        layer.events.size.disconnect(part._ring)
