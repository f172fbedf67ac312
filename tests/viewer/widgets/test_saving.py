"""A result that could not be saved is offered to be saved in another place."""

from __future__ import annotations

from qtpy.QtWidgets import QMessageBox, QWidget

from napari_spatialrecon.errors import InputError, WriteError
from napari_spatialrecon.viewer.widgets.saving import offer_elsewhere

FULL = WriteError("Expected enough disk space, found the disk full.", remedy="Try another folder.")


def test_another_place_is_offered_and_asked_for(qtbot):
    parent, asked = QWidget(), []
    qtbot.addWidget(parent)
    parent.show()
    offer_elsewhere(parent, lambda: asked.append("where"), FULL)
    (box,) = parent.findChildren(QMessageBox)
    assert "found the disk full" in box.text() and "still open" in box.informativeText()
    (button,) = [b for b in box.buttons() if b.text() == "Save elsewhere…"]
    button.click()
    assert asked == ["where"]


def test_nothing_is_offered_for_another_error(qtbot):
    parent = QWidget()
    qtbot.addWidget(parent)
    offer_elsewhere(parent, lambda: None, InputError("Expected a name, found none."))
    assert not parent.findChildren(QMessageBox)
