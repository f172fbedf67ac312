"""The legend as a dock widget: click hides, Alt-click isolates, double-click recolors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QAbstractListModel, QModelIndex, QPointF, QSignalBlocker, QSize, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPixmap, QPolygonF
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QColorDialog,
    QHBoxLayout,
    QLineEdit,
    QListView,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_spatialrecon.evaluation.palette import DISTINCT
from napari_spatialrecon.viewer.canvas.coloring import fade
from napari_spatialrecon.viewer.canvas.colors import ColorEntry, is_faded
from napari_spatialrecon.viewer.canvas.layer_values import fading_tells
from napari_spatialrecon.viewer.canvas.layers import unwrapped
from napari_spatialrecon.viewer.legend.model import Legend
from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.widgets.page import help_button
from napari_spatialrecon.viewer.window.docks import share_tabs
from napari_spatialrecon.viewer.window.ended import when_destroyed
from napari_spatialrecon.viewer.window.present import present
from napari_spatialrecon.viewer.window.tones import DARK, Tones, tones

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.utils.events import Event
    from qtpy.QtGui import QKeyEvent, QMouseEvent

_HELP = "Click to hide or show, Alt-click to show only one, double-click to change its color."
_MANY = (
    f"More than {DISTINCT} colors cannot be told apart by eye: Alt-click a name to see it alone, "
    "or click a few to hide them."
)
_SWATCH = 14
_ROWS = 9
"""Names that are seen at once within a panel."""


class LegendWidget(QWidget):
    """Shows the legend of the viewer's active points layer.

    Parameters
    ----------
    napari_viewer
        Filled in by napari. None leaves the layer to `legend`.
    within
        Whether it is a part of a panel, which says what the layer is colored by, and scrolls.
    """

    def __init__(
        self,
        napari_viewer: ViewerModel | None = None,
        *,
        legend: Legend | None = None,
        within: bool = False,
    ) -> None:
        super().__init__()
        share_tabs(self)
        self.legend = legend or Legend()
        self._viewer = None if napari_viewer is None else unwrapped(napari_viewer)
        self._within = within
        self._title = WrappedLabel()
        self._title.setObjectName("legend_title")
        self._note = WrappedLabel()
        self._search = QLineEdit()
        self._search.setPlaceholderText("Search names")
        self._search.setClearButtonEnabled(True)
        self._model = _EntryModel(self.legend, self)
        self._list = _EntryView(self.legend, self._model)
        self._list.setToolTip(_HELP)
        self._fade = QCheckBox("Fade uncertain points")
        self._fade.setToolTip("The less certain its position, the more transparent a point is")
        self._all = QPushButton("Show all")
        self.help_button = help_button(
            "legend.md", "Legend", "How to hide, find and recolor what the legend lists"
        )
        self._count = WrappedLabel()
        self._lay_out()
        self._search.textChanged.connect(self._model.set_search)
        self._fade.toggled.connect(self._set_faded)
        self._all.clicked.connect(self.legend.show_all)
        self.legend.changed.connect(self.refresh)
        if self._viewer is not None:
            self._viewer.layers.selection.events.active.connect(self._follow)
            self._viewer.layers.events.removed.connect(self._follow)
            self._viewer.events.theme.connect(self._set_theme)
            self._set_theme()
            self._follow()
        when_destroyed(self, _release, self._viewer, self.legend, self)
        self.refresh()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        margin = 0 if self._within else 6
        layout.setContentsMargins(margin, margin, margin, margin)
        layout.addWidget(self._title)
        layout.addWidget(self._note)
        layout.addWidget(self._search)
        layout.addWidget(self._list, 1)
        row = QHBoxLayout()
        row.addWidget(self._count, 1)
        row.addWidget(self._all)
        row.addWidget(self.help_button)
        layout.addLayout(row)
        layout.addWidget(self._fade)
        layout.addStretch()

    def sizeHint(self) -> QSize:
        """Wide enough for common cell-type names; within a tab, as high as what it shows."""
        return QSize(230, super().sizeHint().height() if self._within else 320)

    def refresh(self) -> None:
        """Show the current state of the legend."""
        key = self.legend.key
        self._model.refresh()
        self._search.setVisible(self.legend.searchable)
        self._title.setText(_title(self.legend))
        self._title.setVisible(not self._within or not self.legend.entries)
        self._note.setText(_MANY if len(self.legend.entries) > DISTINCT else "")
        self._note.setVisible(bool(self._note.text()))
        self._list.setVisible(bool(self.legend.entries))
        if self._within:
            rows = min(_ROWS, len(self._model.rows))
            frame = 2 * self._list.frameWidth()
            self._list.setFixedHeight(max(1, self._list.sizeHintForRow(0)) * rows + frame)
        self._all.setVisible(bool(self.legend.hidden))
        layer = self.legend.layer
        differ = layer is not None and fading_tells(layer.features)
        self._fade.setVisible(differ and not self._within)
        with QSignalBlocker(self._fade):
            self._fade.setChecked(layer is not None and is_faded(layer))
        categories = [e for e in self.legend.entries if not e.missing]
        shown = key is not None and key.kind == "category"
        self._count.setText(_count(categories, self.legend) if shown else "")

    def set_tones(self, tones: Tones) -> None:
        """Use the colors of a theme."""
        for label in (self._note, self._count):
            label.setStyleSheet(f"color: {tones.quiet};")
        self._model.set_tones(tones)

    def _set_theme(self, event: Event | None = None) -> None:
        self.set_tones(tones(self._viewer))

    def _set_faded(self, faded: bool) -> None:
        if self.legend.layer is not None:
            fade(self.legend.layer, faded)

    def _follow(self) -> None:
        from napari.layers import Points

        if self._viewer is None:
            return
        layers = self._viewer.layers
        active = layers.selection.active
        if isinstance(active, Points):
            self.legend.set_layer(active)
        elif self.legend.layer is not None and self.legend.layer not in layers:
            self.legend.set_layer(None)


def _release(viewer: ViewerModel | None, legend: Legend, widget: LegendWidget) -> None:
    """Disconnect a widget that Qt has deleted, and show what it had hidden."""
    legend.changed.disconnect(widget.refresh)
    if viewer is not None:
        viewer.layers.selection.events.active.disconnect(widget._follow)
        viewer.layers.events.removed.disconnect(widget._follow)
        viewer.events.theme.disconnect(widget._set_theme)
    legend.set_layer(None)


def _title(legend: Legend) -> str:
    if legend.layer is None:
        return "Select a points layer to see its legend."
    if legend.key is None:
        return f"{legend.layer.name}: one color for all points. Color them in the tab Inspect."
    if legend.key.limits is None:
        return legend.key.title or legend.layer.name
    low, high = legend.key.limits
    return f"{legend.key.title or legend.key.kind}: {low:,.4g} to {high:,.4g}"


def _count(categories: list[ColorEntry], legend: Legend) -> str:
    hidden = len(legend.hidden)
    return f"{len(categories)} names" + (f", {hidden} hidden" if hidden else "")


class _EntryModel(QAbstractListModel):
    """The entries that match the search, for a list view."""

    def __init__(self, legend: Legend, parent: QWidget) -> None:
        super().__init__(parent)
        self._legend = legend
        self._text = ""
        self._quiet = QColor(DARK.quiet)
        self.rows: list[int] = []

    def set_tones(self, tones: Tones) -> None:
        self._quiet = QColor(tones.quiet)

    def set_search(self, text: str) -> None:
        self._text = text
        self.refresh()

    def refresh(self) -> None:
        if not self._legend.searchable:
            self._text = ""
        rows = self._legend.search(self._text)
        if rows == self.rows:  # keeps the scroll position
            self.dataChanged.emit(self.index(0), self.index(len(rows) - 1))
            return
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return len(self.rows)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        entry = self._legend.entries[self.rows[index.row()]]
        hidden = self.rows[index.row()] in self._legend.hidden
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{entry.name}  ·  {entry.count:,}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{entry.name}\n{entry.count:,} points{' (hidden)' if hidden else ''}\n{_HELP}"
        if role == Qt.ItemDataRole.DecorationRole:
            return _swatch(entry, self._legend.shape(self.rows[index.row()]), hidden=hidden)
        if role == Qt.ItemDataRole.ForegroundRole and (hidden or entry.missing):
            return self._quiet
        return None


class _EntryView(QListView):
    def __init__(self, legend: Legend, entries: _EntryModel) -> None:
        super().__init__()
        self._legend, self._entries = legend, entries
        self._before: frozenset[int] = frozenset()
        self.setModel(entries)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setUniformItemSizes(True)
        self.setIconSize(QSize(_SWATCH, _SWATCH))

    def _entry_at(self, event: QMouseEvent) -> int | None:
        index = self.indexAt(event.pos())
        return self._entries.rows[index.row()] if index.isValid() else None

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        event = present(event)
        entry = self._entry_at(event)
        if entry is None:
            return
        self._before = self._legend.hidden
        alone = event.modifiers() & Qt.KeyboardModifier.AltModifier
        second = event.button() == Qt.MouseButton.RightButton
        if alone or second:
            self._legend.toggle_solo(entry)
        else:
            self._legend.toggle(entry)

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        entry = self._entry_at(present(event))
        if entry is None:
            return
        # The first press of this double click hid or showed entries: undo that.
        self._legend.hide_only(self._before)
        color = QColor.fromRgbF(*self._legend.entries[entry].color)
        chosen = QColorDialog.getColor(color, self, self._legend.entries[entry].name)
        if chosen.isValid():
            self._legend.recolor(entry, chosen.name())

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        event, index = present(event), self.currentIndex()
        keys = (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if event.key() in keys and index.isValid():
            entry = self._entries.rows[index.row()]
            self._legend.toggle(entry)
            self.setCurrentIndex(index.siblingAtRow(index.row()))
            return
        super().keyPressEvent(event)


def _swatch(entry: ColorEntry, shape: str, *, hidden: bool) -> QIcon:
    pixmap = QPixmap(_SWATCH, _SWATCH)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    color = QColor.fromRgbF(*entry.color)
    painter.setPen(color)
    painter.setBrush(Qt.BrushStyle.NoBrush if hidden else color)
    if shape in _CORNERS:
        side = _SWATCH - 3
        corners = [QPointF(1 + x * side, 1 + y * side) for x, y in _CORNERS[shape]]
        painter.drawPolygon(QPolygonF(corners))
    else:
        painter.drawEllipse(1, 1, _SWATCH - 3, _SWATCH - 3)
    painter.end()
    return QIcon(pixmap)


_A, _B = 0.33, 0.67
_CORNERS: dict[str, list[tuple[float, float]]] = {
    "square": [(0, 0), (1, 0), (1, 1), (0, 1)],
    "triangle_up": [(0.5, 0), (1, 1), (0, 1)],
    "triangle_down": [(0, 0), (1, 0), (0.5, 1)],
    "diamond": [(0.5, 0), (1, 0.5), (0.5, 1), (0, 0.5)],
    "cross": [
        *((_A, 0), (_B, 0), (_B, _A), (1, _A), (1, _B), (_B, _B)),
        *((_B, 1), (_A, 1), (_A, _B), (0, _B), (0, _A), (_A, _A)),
    ],
}
"""Corners of the swatches that are not discs, (x, y) in [0, 1]."""
