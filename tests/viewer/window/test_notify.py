"""Notices in napari's window."""

from __future__ import annotations

from typing import Any

from napari.utils.notifications import notification_manager
from qtpy.QtWidgets import QMessageBox, QWidget

from napari_spatialrecon.viewer.window.notify import notify_info


def test_a_long_notice_can_be_read_whole(qtbot: Any) -> None:
    notify_info("The sample cortex is open already.")
    assert not notification_manager.records[-1].actions
    text = "181 cells placed in 3 min. Median error on held-out spots, kNN: 403 µm."
    notify_info(text)
    ((title, read_all),) = notification_manager.records[-1].actions
    assert title == "Read all"
    window = QWidget()
    qtbot.addWidget(window)
    read_all(QWidget(window))
    (box,) = window.findChildren(QMessageBox)
    assert box.isVisible() and box.text() == text
