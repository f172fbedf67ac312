from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtWidgets import QSpinBox, QWidget

from napari_spatialrecon.viewer.widgets.qt_look import ignore_wheel
from napari_spatialrecon.viewer.widgets.rows import combo


def test_the_wheel_passes_over_lists_and_numbers(
    qtbot: Any, wheel_taken: Callable[[QWidget, int], bool]
) -> None:
    box, seed = combo(), QSpinBox(value=3)
    ignore_wheel(seed)
    box.addItems(["gears", "knn"])
    for widget in (box, seed):
        qtbot.addWidget(widget)
        assert not wheel_taken(widget, -120)
    assert (box.currentText(), seed.value()) == ("gears", 3)
