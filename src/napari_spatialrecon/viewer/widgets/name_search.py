"""A field that finds a gene or a column by a part of its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qtpy.QtCore import QAbstractListModel, QModelIndex, QPoint, QSignalBlocker, Qt, Signal
from qtpy.QtGui import QFocusEvent, QFont, QKeyEvent, QMouseEvent
from qtpy.QtWidgets import QFrame, QLineEdit, QListView, QWidget

from napari_spatialrecon.viewer.widgets.name_index import Group, NameIndex
from napari_spatialrecon.viewer.window.present import present
from napari_spatialrecon.viewer.window.tones import Tones

_RECENT, _ROWS = 6, 14
_HEADING, _NAME, _MORE = range(3)
_MOVES = {
    Qt.Key.Key_Down: 1,
    Qt.Key.Key_Up: -1,
    Qt.Key.Key_PageDown: _ROWS - 2,
    Qt.Key.Key_PageUp: 2 - _ROWS,
}


class NameSearch(QLineEdit):
    """Lists the genes and columns that match what is typed, those that begin with it first.

    Down and Up move in the list, Enter chooses, Esc closes it. The list is a part of the window, so
    that it has the theme's colors.

    Signals: ``chosen(name)``, a column or a gene.

    Parameters
    ----------
    labels
        What to call some of the columns.
    """

    chosen = Signal(str)

    def __init__(self, labels: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._labels = dict(labels or {})
        self._names = {label: name for name, label in self._labels.items()}
        self._shown = ""
        self.recent: list[str] = []
        self.index = NameIndex((), ())
        self.setClearButtonEnabled(True)
        self.setAccessibleName("Color by a gene or a column")
        self.popup = _Popup(self)
        self.popup.hide()
        self.textEdited.connect(self._list)
        self.set_names((), ())

    def set_names(self, columns: Sequence[str], genes: Sequence[str]) -> None:
        """Offer these names."""
        self.index = NameIndex([self._labels.get(name, name) for name in columns], genes)
        n = f"{len(genes):,} genes" if genes else "no genes"
        self.setPlaceholderText(f"Search {n} and {len(columns):,} columns")
        self.setEnabled(bool(len(self.index)))

    def show_name(self, name: str) -> None:
        """Show what is chosen, without choosing it again."""
        self._shown = self._labels.get(name, name)
        with QSignalBlocker(self):
            self.setText(self._shown)
            self.setCursorPosition(0)

    def set_tones(self, tones: Tones) -> None:
        """Frame the list in the color of a theme."""
        self.popup.setStyleSheet(f"QListView {{ border: 1px solid {tones.accent}; }}")

    def choose(self, label: str) -> None:
        """Choose a name as if it was clicked."""
        self.popup.hide()
        self.recent = [label, *(other for other in self.recent if other != label)][:_RECENT]
        name = self._names.get(label, label)
        self.show_name(name)
        self.selectAll()
        self.chosen.emit(name)

    def _list(self, text: str) -> None:
        """List what matches."""
        self.popup.show_groups(self.index.search(text, self.recent))

    # Events

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """List everything, recent names first."""
        super().mousePressEvent(present(event))
        if not self.popup.isVisible():
            self.selectAll()
            self._list("")

    def focusInEvent(self, event: QFocusEvent | None) -> None:
        """Select the text, so that typing replaces it."""
        super().focusInEvent(present(event))
        self.selectAll()

    def focusOutEvent(self, event: QFocusEvent | None) -> None:
        """Close the list; what was chosen stays."""
        super().focusOutEvent(present(event))
        self.popup.hide()
        self.show_name(self._names.get(self._shown, self._shown))

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Move in the list, choose, or close it."""
        key = present(event).key()
        if key in _MOVES:
            if not self.popup.isVisible():
                self._list("" if self.text() == self._shown else self.text())
            else:
                self.popup.move_by(_MOVES[Qt.Key(key)])
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._enter()
        elif key == Qt.Key.Key_Escape and self.popup.isVisible():
            self.popup.hide()
            self.show_name(self._names.get(self._shown, self._shown))
        else:
            super().keyPressEvent(event)

    def _enter(self) -> None:
        """Choose what is marked in the list, else what is typed in full."""
        label = self.popup.marked if self.popup.isVisible() else self.index.exact(self.text())
        text = label or self.text().strip()
        if text:
            self.choose(text)


class _Popup(QListView):
    """The list below the field, over the other parts of the window."""

    def __init__(self, field: NameSearch) -> None:
        super().__init__(field)
        self._field = field
        self.rows = _Rows(self)
        self.setModel(self.rows)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setUniformItemSizes(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setAutoFillBackground(True)
        self.clicked.connect(self._choose)
        field.destroyed.connect(self.deleteLater)  # the window is its parent by then

    @property
    def marked(self) -> str | None:
        """The name that Enter chooses."""
        row = self.currentIndex().row()
        return self.rows.lines[row][1] if row >= 0 and self.rows.is_name(row) else None

    def show_groups(self, groups: Sequence[Group]) -> None:
        """List groups of names, the first name marked."""
        self.rows.set_groups(groups)
        self._mark(next((i for i in range(len(self.rows.lines)) if self.rows.is_name(i)), -1))
        self.scrollToTop()
        self._place()
        self.show()
        self.raise_()

    def move_by(self, step: int) -> None:
        """Mark another name, passing over headings."""
        names = [i for i in range(len(self.rows.lines)) if self.rows.is_name(i)]
        if not names:
            return
        row = self.currentIndex().row()
        at = names.index(row) if row in names else -1
        self._mark(names[min(max(at + step, 0), len(names) - 1)])

    def _mark(self, row: int) -> None:
        self.setCurrentIndex(self.rows.index(row) if row >= 0 else QModelIndex())

    def _choose(self, index: QModelIndex) -> None:
        if self.rows.is_name(index.row()):
            self._field.choose(self.rows.lines[index.row()][1])

    def _place(self) -> None:
        """Lie below the field, or above it where there is more room."""
        window: QWidget = present(self._field.window())
        if self.parentWidget() is not window:
            self.setParent(window)
            self.ensurePolished()
        field = self._field
        below = field.mapTo(window, QPoint(0, field.height()))
        line = self.sizeHintForRow(0)
        wanted = line * min(_ROWS, len(self.rows.lines)) + 2 * self.frameWidth() + 2
        room = window.height() - below.y() - 4
        over = below.y() - field.height() - 4
        if room < min(wanted, 5 * line) and over > room:
            height = min(wanted, over)
            self.setGeometry(below.x(), below.y() - field.height() - height, field.width(), height)
        else:
            self.setGeometry(below.x(), below.y(), field.width(), min(wanted, room))


class _Rows(QAbstractListModel):
    """Headings and names, one a line."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.lines: list[tuple[int, str]] = []

    def set_groups(self, groups: Sequence[Group]) -> None:
        lines: list[tuple[int, str]] = []
        for group in groups:
            if group.title:
                lines.append((_HEADING, group.title.upper()))
            lines += [(_NAME, name) for name in group.names]
            if group.more:
                lines.append((_MORE, f"and {group.more:,} more: type on"))
        self.beginResetModel()
        self.lines = lines or [(_MORE, "Nothing has this in its name.")]
        self.endResetModel()

    def is_name(self, row: int) -> bool:
        return self.lines[row][0] == _NAME

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return len(self.lines)

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        if not index.isValid() or not self.is_name(index.row()):
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        kind, text = self.lines[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return f"  {text}" if kind == _NAME else text
        if role == Qt.ItemDataRole.ToolTipRole and kind == _NAME:
            return text
        if role == Qt.ItemDataRole.FontRole and kind == _HEADING:
            font = QFont()
            font.setBold(True)
            return font
        return None
