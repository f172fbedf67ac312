from __future__ import annotations

from typing import Any

import pytest

from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.widgets.scroll_column import ScrollColumn


@pytest.mark.parametrize("width", [160, 240, 700])
def test_a_label_is_as_high_as_its_first_text_needs(width: int, qtbot: Any) -> None:
    column = ScrollColumn()
    qtbot.addWidget(column)
    label = WrappedLabel("180 spots · 15,821 genes · 0.687 µm per unit · H&E " * 3)
    column.column.addWidget(label)
    column.column.addStretch()
    column.resize(width, 900)
    column.show()
    qtbot.waitExposed(column)
    qtbot.waitUntil(lambda: label.width() > width / 2)
    assert label.height() == label.heightForWidth(label.width())
