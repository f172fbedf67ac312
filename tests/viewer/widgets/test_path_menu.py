from __future__ import annotations

from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QMenu, QPushButton

from napari_spatialrecon.viewer.widgets.path_menu import show_menu


def test_a_menu_that_is_left_is_deleted(qtbot: Any) -> None:
    button = QPushButton("⋯")
    qtbot.addWidget(button)
    button.show()
    qtbot.waitExposed(button)
    menu, seen = QMenu(button), []
    menu.addAction("Remove")
    QTimer.singleShot(100, lambda: seen.append(QApplication.activePopupWidget()))
    QTimer.singleShot(200, menu.close)
    show_menu(menu, button)
    assert seen == [menu]
    qtbot.waitUntil(lambda: not button.findChildren(QMenu))
