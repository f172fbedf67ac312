from __future__ import annotations

from typing import Any

from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.widgets.scroll_column import ScrollColumn


def test_a_label_is_as_high_as_its_first_text_needs(qtbot: Any) -> None:
    column = ScrollColumn()
    qtbot.addWidget(column)
    label = WrappedLabel("180 spots · 15,821 genes · 0.687 µm per unit · H&E " * 3)
    column.column.addWidget(label)
    column.column.addStretch()
    column.resize(240, 600)
    column.show()
    qtbot.waitExposed(column)
    qtbot.waitUntil(lambda: label.height() > 2 * label.fontMetrics().height())
    assert label.height() >= label.heightForWidth(label.width())
