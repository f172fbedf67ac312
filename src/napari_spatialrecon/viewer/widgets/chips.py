"""Chosen items, each with a button to remove it; files and layers can be dropped in.

Tab stops at all of them once; the arrows choose one, Delete removes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QToolButton
from superqt import QFlowLayout

from napari_spatialrecon.evaluation.palette import elide
from napari_spatialrecon.viewer.window.present import present

if TYPE_CHECKING:
    from qtpy.QtGui import QDragEnterEvent, QDropEvent, QFocusEvent, QKeyEvent, QResizeEvent

_LAYERS = "application/x-list-index"
"""What napari's layer list drags."""
_LONGEST = 24


class Chips(QFrame):
    """A row of chips that wraps.

    Signals: ``removed(key)`` when a chip's × is clicked, ``files_dropped(list[str])``,
    ``layers_dropped()`` for the layers that are selected in the viewer.
    """

    removed = Signal(object)
    files_dropped = Signal(list)
    layers_dropped = Signal()

    def __init__(self, empty: str) -> None:
        super().__init__()
        self.setAcceptDrops(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self._empty = empty
        self._flow = QFlowLayout(self)
        self._flow.setContentsMargins(0, 0, 0, 0)
        self._flow.setSpacing(4)
        self.names: list[str] = []
        self._keys: list[object] = []
        self._chips: list[QFrame] = []
        self._current = 0
        self.set_entries([])

    def minimumSizeHint(self) -> QSize:
        """As high as the chips need at the current width."""
        return QSize(60, max(24, self._flow.heightForWidth(max(60, self.width()))))

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Wrap again."""
        super().resizeEvent(event)
        self.updateGeometry()

    def set_entries(self, entries: Sequence[tuple[object, str, str]]) -> None:
        """Show chips: (key, name, tooltip) each."""
        while (item := self._flow.takeAt(0)) is not None:
            old = present(item.widget())
            old.hide()
            old.deleteLater()
        self._keys = [key for key, _, _ in entries]
        self.names = [name for _, name, _ in entries]
        self._chips = [self._chip(key, name, tip) for key, name, tip in entries]
        for chip in self._chips:
            self._flow.addWidget(chip)
        self._current = min(self._current, max(0, len(entries) - 1))
        policy = Qt.FocusPolicy.StrongFocus if entries else Qt.FocusPolicy.NoFocus
        self.setFocusPolicy(policy)
        self._mark()
        if not entries:
            label = QLabel(self._empty)
            label.setEnabled(False)
            self._flow.addWidget(label)
        self.updateGeometry()

    def _mark(self) -> None:
        """Underline the chip that the keys act on."""
        for number, chip in enumerate(self._chips):
            here = self.hasFocus() and number == self._current
            width, color = (2, "palette(highlight)") if here else (1, "palette(mid)")
            style = f"#chip {{ border: {width}px solid {color}; border-radius: 4px; }}"
            chip.setStyleSheet(style)

    def focusInEvent(self, event: QFocusEvent | None) -> None:
        """Mark the current chip."""
        super().focusInEvent(event)
        self._mark()

    def focusOutEvent(self, event: QFocusEvent | None) -> None:
        """Mark no chip."""
        super().focusOutEvent(event)
        self._mark()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Go to the next chip with an arrow, and remove one with Delete."""
        key = present(event).key()
        step = (key == Qt.Key.Key_Right) - (key == Qt.Key.Key_Left)
        if step and self._keys:
            self._current = (self._current + step) % len(self._keys)
            self._mark()
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and self._keys:
            self.removed.emit(self._keys[self._current])
        else:
            super().keyPressEvent(event)

    def _chip(self, key: object, name: str, tip: str) -> QFrame:
        chip = QFrame()
        chip.setObjectName("chip")
        chip.setToolTip(tip)
        row = QHBoxLayout(chip)
        row.setContentsMargins(6, 1, 1, 1)
        row.setSpacing(2)
        row.addWidget(QLabel(elide(name, _LONGEST)))
        button = QToolButton()
        button.setText("×")
        button.setAutoRaise(True)
        button.setToolTip(f"Remove {name}")
        button.setAccessibleName(f"Remove {name}")
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.clicked.connect(partial(self.removed.emit, key))
        row.addWidget(button)
        return chip

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        """Accept files and layers."""
        event = present(event)
        mime = present(event.mimeData())
        if mime.hasUrls() or mime.hasFormat(_LAYERS):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        """Emit what was dropped."""
        event = present(event)
        mime = present(event.mimeData())
        if mime.hasUrls():
            files = [url.toLocalFile() for url in mime.urls() if url.isLocalFile()]
            self.files_dropped.emit([str(Path(file)) for file in files])
        else:
            self.layers_dropped.emit()
        event.acceptProposedAction()
