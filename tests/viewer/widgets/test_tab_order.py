from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("qtpy")

from qtpy import PYSIDE6
from qtpy.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSpacerItem,
    QVBoxLayout,
    QWidget,
    QWidgetItem,
)

from napari_spatialrecon.viewer.widgets.tab_order import tab_stops


@pytest.fixture
def form(qtbot: Any) -> QWidget:
    """Rows within a column, with room between them, made in another order than they lie."""
    made = QWidget()
    qtbot.addWidget(made)
    last, area = QPushButton(made), QWidget()
    one, two, three = (QLineEdit(made) for _ in range(3))
    column, row, grid = QVBoxLayout(made), QHBoxLayout(), QGridLayout()
    scrolled = QScrollArea()
    inner = QPushButton("inner")
    QVBoxLayout(area).addWidget(inner)
    scrolled.setWidget(area)
    column.addLayout(row)
    column.addStretch()
    column.addLayout(grid)
    column.addWidget(scrolled)
    column.addWidget(last)
    row.addWidget(one)
    row.addStretch()
    row.addWidget(two)
    grid.addWidget(three, 1, 1)
    made.stops = [one, two, three, scrolled, inner, last]  # type: ignore[attr-defined]
    return made


def test_tab_goes_through_rows_and_areas_as_they_are_laid_out(form: Any) -> None:
    assert list(tab_stops(form)) == form.stops


@pytest.mark.skipif(not PYSIDE6, reason="only PySide keeps such objects")
def test_python_keeps_no_item_of_a_layout(form: Any) -> None:
    from shiboken6 import Shiboken

    def kept() -> list[Any]:
        items = (QSpacerItem, QWidgetItem)
        return [one for one in Shiboken.getAllValidWrappers() if isinstance(one, items)]

    before = kept()
    stops = list(tab_stops(form))
    assert len(stops) == 6 and len(kept()) == len(before)
