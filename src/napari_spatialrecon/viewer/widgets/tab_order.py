"""The order in which Tab goes through a widget, and the ring around what has the focus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, pairwise

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QLayout, QScrollArea, QWidget

from napari_spatialrecon.viewer.window.tones import Tones

_RING = {
    "QPushButton, QToolButton": "border: 2px solid {color}; padding: 2px;",
    "QComboBox": "border: 2px solid {color}; padding: 1px 8px 1px 6px;",
    "QLineEdit": "border: 2px solid {color}; padding: 0px;",
    "QAbstractSpinBox": "border: 1px solid {color}; padding: 0px 9px;",
    "QCheckBox, QAbstractItemView, QSlider, Chips": "border: 1px solid {color}; padding: 0px;",
}
"""What napari pads is narrowed by the ring, so that nothing moves when the focus does."""


def focus_style(tones: Tones) -> str:
    """Return the style sheet of a ring around the field or button that has the focus."""
    rules = []
    for kinds, rule in _RING.items():
        focused = ", ".join(f"{kind}:focus" for kind in kinds.split(", "))
        rules.append(f"{focused} {{ {rule.format(color=tones.accent)} }}")
    return "\n".join(rules)


@contextmanager
def focus_kept(buttons: Sequence[QWidget], beside: QWidget) -> Iterator[None]:
    """Keep the focus among buttons that are disabled or hidden within the block.

    Qt would give it to whatever Tab reaches next.

    Parameters
    ----------
    buttons
        The first that can be pressed afterwards takes the focus over.
    beside
        What takes it while none can be pressed.
    """
    held = QApplication.focusWidget()
    yield
    if held is not beside and held not in buttons:
        return
    able = [one for one in buttons if one.isEnabled() and not one.isHidden()]
    if held not in able:
        (able[0] if able else beside).setFocus(Qt.FocusReason.OtherFocusReason)


def order_tabs(*widgets: QWidget) -> None:
    """Let Tab go through widgets in turn, each from top to bottom as it is laid out."""
    for before, after in pairwise(chain.from_iterable(map(tab_stops, widgets))):
        QWidget.setTabOrder(before, after)


def tab_stops(widget: QWidget) -> Iterator[QWidget]:
    """Iterate over the parts of a widget that Tab may stop at, from top to bottom."""
    if widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
        yield widget
    inner = widget.widget() if isinstance(widget, QScrollArea) else None
    if inner is not None:
        yield from tab_stops(inner)
    if (layout := widget.layout()) is not None:
        yield from _stops_of(layout)


def _stops_of(layout: QLayout) -> Iterator[QWidget]:
    for part in _parts(layout):
        yield from _stops_of(part) if isinstance(part, QLayout) else tab_stops(part)


def _parts(layout: QLayout) -> list[QWidget | QLayout]:
    """Return the widgets and layouts in a layout, in its order.

    Its items are not asked for. PySide keeps the Python object of an item for as long as that of
    the layout, and takes what Qt later creates at the address of a deleted item for that item: an
    event filter is then given a spacer in place of a widget, and Python crashes.
    """
    owner = layout.parentWidget()
    around = [*layout.children(), *(owner.children() if owner is not None else [])]
    placed = [one for one in around if isinstance(one, QWidget | QLayout)]
    inside = {layout.indexOf(one): one for one in placed}
    return [inside[number] for number in sorted(inside) if number >= 0]
