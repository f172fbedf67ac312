from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QPushButton

from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.widgets.scroll_column import ScrollColumn
from napari_spatialrecon.viewer.widgets.tab_order import tab_stops


def test_a_column_is_as_wide_as_there_is_room_and_scrolls_down_only(qtbot: Any) -> None:
    area = ScrollColumn()
    qtbot.addWidget(area)
    button = QPushButton("Run")
    area.column.addWidget(button)
    area.column.addWidget(WrappedLabel("long words " * 60))
    for number in range(40):
        area.column.addWidget(QLabel(str(number)))
    area.resize(330, 300)
    with qtbot.waitExposed(area):
        area.show()
    assert area.widget().width() == area.viewport().width() > 280
    assert area.horizontalScrollBarPolicy() == Qt.ScrollBarPolicy.ScrollBarAlwaysOff
    assert area.verticalScrollBar().maximum() > 0
    assert next(tab_stops(area)) is button, "Tab stops at what is in it"
