"""Building blocks of the fields of a task widget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_spatialrecon.viewer.widgets.eliding_combo import ElidingCombo
from napari_spatialrecon.viewer.widgets.qt_look import ignore_wheel

if TYPE_CHECKING:
    from napari_spatialrecon.viewer.workspace.workspace import Entry


def small_button(text: str, tip: str) -> QPushButton:
    """Return a button with one character, whose tooltip says what it does."""
    button = QPushButton(text)
    button.setFixedWidth(28)
    button.setToolTip(tip)
    button.setAccessibleName(tip)
    return button


def combo() -> QComboBox:
    """Return a list that asks for no more width than there is, and leaves the wheel alone."""
    box = ElidingCombo()
    box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    ignore_wheel(box)
    return box


def row(*widgets: QWidget) -> QWidget:
    """Return widgets side by side; combo boxes, fields and labels share the remaining width."""
    result = QWidget()
    layout = QHBoxLayout(result)
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget, 1 if isinstance(widget, QComboBox | QLineEdit | QLabel) else 0)
    return result


def labelled(text: str, box: QComboBox) -> QWidget:
    """Return a combo box with a short label before it."""
    label = QLabel(text)
    label.setFixedWidth(44)
    result = QWidget()
    layout = QHBoxLayout(result)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(label)
    layout.addWidget(box, 1)
    return result


def side_by_side(*buttons: QWidget) -> QWidget:
    """Return buttons in a row."""
    result = QWidget()
    layout = QHBoxLayout(result)
    layout.setContentsMargins(0, 0, 0, 0)
    for button in buttons:
        layout.addWidget(button)
    return result


def stack() -> QWidget:
    """Return a container that is as high as the one of its widgets that is visible."""
    widget = QWidget()
    layout = QVBoxLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    return widget


def fill(box: QComboBox, items: list[tuple[str, Entry]], chosen: Entry | None) -> None:
    """Offer entries, (label, entry) each, without emitting that one was chosen."""
    with QSignalBlocker(box):
        box.clear()
        for label, entry in items:
            box.addItem(label, entry)
            box.setItemData(box.count() - 1, entry_tip(entry), Qt.ItemDataRole.ToolTipRole)
        entries = [entry for _, entry in items]
        box.setCurrentIndex(entries.index(chosen) if chosen in entries else -1)
        box.setEnabled(bool(items))
    box.setToolTip(box.currentText())


def entry_tip(entry: Entry) -> str:
    """Return name, size, file and notes of an entry."""
    size = (
        f"{entry.adata.n_obs:,} × {entry.adata.n_vars:,} genes" if entry.adata is not None else ""
    )
    return "\n".join(t for t in (entry.name, size, str(entry.path or ""), *entry.notes) if t)
