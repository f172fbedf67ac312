from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt

from napari_spatialrecon.viewer.widgets.chips import Chips


def test_the_keyboard_goes_from_chip_to_chip_and_removes_one(qtbot: Any) -> None:
    chips = Chips("empty")
    qtbot.addWidget(chips)
    removed: list[object] = []
    chips.removed.connect(removed.append)
    assert chips.focusPolicy() == Qt.FocusPolicy.NoFocus
    chips.set_entries([(name, name, "") for name in "abc"])
    assert chips.focusPolicy() & Qt.FocusPolicy.TabFocus
    qtbot.keyClick(chips, Qt.Key.Key_Delete)
    qtbot.keyClick(chips, Qt.Key.Key_Left)
    qtbot.keyClick(chips, Qt.Key.Key_Backspace)
    qtbot.keyClick(chips, Qt.Key.Key_Right)
    qtbot.keyClick(chips, Qt.Key.Key_Right)
    qtbot.keyClick(chips, Qt.Key.Key_Delete)
    assert removed == ["a", "c", "b"]
    chips.set_entries([("a", "a", "")])
    qtbot.keyClick(chips, Qt.Key.Key_Delete)
    assert removed[-1] == "a"
