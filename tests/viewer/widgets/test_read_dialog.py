"""The window asks for the reading options that a format heeds, and for no others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QDialogButtonBox, QLineEdit, QMenu, QWidget

from napari_spatialrecon.tissue.formats import registry
from napari_spatialrecon.tissue.formats.options import NO_CHOICE, ReadOptions
from napari_spatialrecon.viewer.widgets.path_menu import add_path_actions, ask_options
from napari_spatialrecon.viewer.widgets.read_dialog import ReadDialog


def known(*options: str) -> registry.Format:
    return registry.Format("test", "Test", "a test", lambda path: True, "", options)


def test_fields_are_those_of_the_format_and_reach_the_options(qtbot: Any) -> None:
    dialog = ReadDialog(Path("all.h5ad"), known("y_axis"))
    qtbot.addWidget(dialog)
    found: list[ReadOptions] = []
    dialog.chosen.connect(found.append)
    assert list(dialog.fields) == ["layer", "genome", "um_per_pixel", "y_axis"]
    layer, way = dialog.fields["layer"], dialog.fields["y_axis"]
    assert isinstance(layer, QLineEdit) and isinstance(way, QComboBox)
    dialog.show()
    qtbot.keyClicks(layer, "counts")
    way.setFocus()
    qtbot.keyClicks(way, "up")
    box = dialog.findChild(QDialogButtonBox)
    qtbot.mouseClick(box.button(QDialogButtonBox.Open), Qt.LeftButton)
    assert found == [ReadOptions(layer="counts", y_axis="up")]


def test_what_is_left_automatic_is_no_choice(qtbot: Any) -> None:
    dialog = ReadDialog(Path("all.h5ad"), known("y_axis"))
    qtbot.addWidget(dialog)
    assert dialog.options() == NO_CHOICE


def test_every_option_has_a_field_with_a_tip(qtbot: Any) -> None:
    dialog = ReadDialog(Path("x"), known(*ReadOptions.names()))
    qtbot.addWidget(dialog)
    assert set(dialog.fields) == set(ReadOptions.names())
    assert all(field.toolTip() and field.accessibleName() for field in dialog.fields.values())


def test_the_menu_leads_to_the_dialog_and_the_dialog_to_the_file(
    qtbot: Any, tmp_path: Path
) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    path = tmp_path / "table.h5ad"
    anndata.AnnData().write_h5ad(path)
    opened: list[Any] = []
    menu = QMenu(parent)
    add_path_actions(menu, parent, "Open", lambda *what: opened.append(what))
    assert [a.text() for a in menu.actions()][2] == "Open files with options…"
    ask_options(parent, lambda *what: opened.append(what), [str(path)], NO_CHOICE)
    dialog = parent.findChild(ReadDialog)
    dialog.fields["layer"].setText("raw")
    dialog.accept()
    assert opened == [([str(path)], ReadOptions(layer="raw"))]
    other = tmp_path / "text.txt"
    other.write_text("")
    ask_options(parent, lambda *what: opened.append(what), [str(other)], NO_CHOICE)
    assert opened[1:] == [([str(other)], NO_CHOICE)]
