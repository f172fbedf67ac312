from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QDockWidget, QMenu

from napari_spatialrecon.viewer.data.signal_dialog import SignalDialog
from napari_spatialrecon.viewer.data.tab import DataTab
from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.workspace.workspace import Role, workspace_of

PLUGIN = "napari-spatialrecon"


def test_the_next_step_leads_to_a_run_that_is_enabled_and_docks_become_tabs(
    make_napari_viewer: Any, open_tissue: Any, qtbot: Any
) -> None:
    viewer = make_napari_viewer(show=True)
    space = open_tissue(viewer)
    dock, bench = viewer.window.add_plugin_dock_widget(PLUGIN, "Spatial Reconstruction")
    tab = bench.tabs["data"]
    assert len(tab.cards) == 3
    qtbot.mouseClick(tab.steps[0], Qt.MouseButton.LeftButton)
    reconstruct = bench.tabs["reconstruct"]
    assert bench.pages.currentWidget() is reconstruct and reconstruct.task == "place"
    assert reconstruct.current.model.query is space.of_role(Role.QUERY)[0]
    qtbot.waitUntil(reconstruct.current.panel.run_button.isEnabled, timeout=20_000)
    legend, _ = viewer.window.add_plugin_dock_widget(PLUGIN, "Legend")
    window = viewer.window._qt_window
    qtbot.waitUntil(lambda: legend in window.tabifiedDockWidgets(dock), timeout=5_000)
    assert isinstance(legend, QDockWidget)

    slide = space.of_role(Role.SLIDE)[0]
    menu = tab.cards[slide].menu()
    next(action for action in menu.actions() if action.text() == "Spatial signal…").trigger()
    (dialog,) = tab.findChildren(SignalDialog)
    qtbot.waitUntil(lambda: dialog.found is not None, timeout=20_000)
    assert "show a pattern in space" in dialog.verdict.text() and dialog.plot.isVisible()
    low, high = dialog.plot.viewRange()[1]
    assert low == pytest.approx(2 - high) and low <= 0.9 < dialog.found.differences.max() < high
    dialog.reject()
    viewer.layers.remove(slide.layer)
    qtbot.waitUntil(lambda: slide not in tab.cards, timeout=5_000)
    other = space.of_role(Role.SLIDE)[0].layer
    beside = other.extent.world[0].copy()
    tab.beside.click()
    alone = other.extent.world[0].copy()
    assert not space.tiling.on and not np.allclose(alone, beside)
    tab.beside.click()
    assert space.tiling.on and tab.beside.isChecked()


def test_files_that_are_dropped_are_opened(
    make_napari_viewer: Any, forgetful: Any, tiny_folder: Path, qtbot: Any
) -> None:
    viewer = make_napari_viewer()
    forgetful(viewer)
    tab = DataTab(viewer)
    qtbot.addWidget(tab)
    assert "Drop" in tab.hint.text() and not tab.steps
    data = QMimeData()
    files = [tiny_folder / "section1.h5ad", tiny_folder / "cells.h5ad"]
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in files])
    event = QDropEvent(
        QPointF(5, 5),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    assert tab.acceptDrops()
    tab.dropEvent(event)
    qtbot.waitUntil(lambda: bool(workspace_of(viewer).of_role(Role.QUERY)), timeout=20_000)
    qtbot.waitUntil(lambda: bool(tab.steps) and tab.steps[0].text() == "Place cells")
    qtbot.waitUntil(lambda: all(not c.picture.pixmap().isNull() for c in pictured(tab)))
    tab.open([str(tiny_folder / "alone.run.json")])
    assert "(alone.h5ad or alone.zarr), found neither" in tab.notice.label.text()


def test_a_file_that_nobody_reads_says_what_it_lacks_until_another_is_opened(
    make_napari_viewer: Any, forgetful: Any, tmp_path: Path, qtbot: Any
) -> None:
    viewer = make_napari_viewer()
    forgetful(viewer)
    tab = DataTab(viewer)
    qtbot.addWidget(tab)
    notes = tmp_path / "notes.csv"
    notes.write_text("x,y,ERBB2\n1,2,3\n")
    tab.open([str(notes)])
    said = tab.notice.label.text()
    assert "the columns x, y, ERBB2, where a table of cells has x, y and 5 genes or more" in said
    tab.open([])
    assert tab.notice.isHidden()


def pictured(tab: DataTab) -> list[Any]:
    return [c for c in tab.cards.values() if c.card.entry.layer is not None]


def test_a_slide_that_is_to_be_placed_becomes_the_cells_and_can_be_run(
    make_napari_viewer: Any, open_tissue: Any, qtbot: Any
) -> None:
    viewer = make_napari_viewer(show=True)
    space = open_tissue(viewer)
    space.remove(space.of_role(Role.QUERY)[0])
    _, bench = viewer.window.add_plugin_dock_widget(PLUGIN, "Spatial Reconstruction")
    step = bench.tabs["data"].steps[0]
    assert step.text() == "Place cortex 2"
    qtbot.mouseClick(step, Qt.MouseButton.LeftButton)
    place = bench.tabs["reconstruct"].current
    first, second = sorted(space.of_role(Role.SLIDE), key=lambda entry: entry.name)
    assert place.model.query is second and place.model.references == [first]
    assert not second.layer.visible, "its coordinates are hidden"
    qtbot.waitUntil(place.panel.run_button.isEnabled, timeout=20_000)


def test_a_name_is_double_clicked_and_typed_and_layers_and_runs_follow(
    make_napari_viewer: Any, open_tissue: Any, qtbot: Any
) -> None:
    viewer = make_napari_viewer(show=True)
    space = open_tissue(viewer)
    _, bench = viewer.window.add_plugin_dock_widget(PLUGIN, "Spatial Reconstruction")
    tab = bench.tabs["data"]
    slide = space.named("cortex 1 spots")
    qtbot.waitUntil(lambda: tab.cards[slide].name.isVisible())
    card = tab.cards[slide]
    for elsewhere in (card.picture, card.findChild(WrappedLabel)):
        qtbot.mouseDClick(elsewhere, Qt.MouseButton.LeftButton)
        assert not card.name_field.isVisible() and card.name.isVisible()
    qtbot.mouseDClick(card.name, Qt.MouseButton.LeftButton)
    assert card.name_field.isVisible() and not card.name.isVisible()
    assert card.name_field.text() == card.name_field.selectedText() == "cortex 1"
    qtbot.keyClicks(card.name_field, "not this")
    qtbot.keyClick(card.name_field, Qt.Key.Key_Escape)
    assert card.name.isVisible() and not card.name_field.isVisible() and slide.label == ""
    next(a for a in card.menu().actions() if a.text() == "Rename").trigger()
    qtbot.keyClicks(card.name_field, "tumour edge")
    qtbot.keyClick(card.name_field, Qt.Key.Key_Return)
    assert slide.layer.name == slide.name == "tumour edge spots"
    assert {"tumour edge spots", "tumour edge H&E"} <= {layer.name for layer in viewer.layers}
    assert "tumour edge" in {c.card.name for c in tab.cards.values()}
    names = bench.tabs["reconstruct"].current.model.names
    assert names[slide] == "tumour edge", "a run is told of it by this name"
    slide.layer.name = "centre spots"
    qtbot.waitUntil(lambda: tab.cards[slide].card.name == "centre")


def test_cards_that_did_not_change_stay_as_they_are(
    make_napari_viewer: Any, open_tissue: Any, qtbot: Any
) -> None:
    viewer = make_napari_viewer()
    space = open_tissue(viewer)
    tab = DataTab(viewer)
    qtbot.addWidget(tab)
    before = dict(tab.cards)
    cells = space.of_role(Role.QUERY)[0]
    more = space.add("a" * 90, Role.QUERY, adata=cells.adata)
    cells.notes.append("A note.")
    tab.refresh()
    same = {entry for entry in before if tab.cards[entry] is before[entry]}
    assert same == set(before) - {cells} and more in tab.cards
    space.set_role(space.of_role(Role.SLIDE)[0], Role.QUERY)
    tab.refresh()
    assert sum(tab.cards[entry] is before[entry] for entry in before) == 1
    assert tab.column.count() == len(tab.cards) + 3, "with two headings, and what stretches"


def test_the_menu_of_a_card_is_deleted_once_it_is_left(
    make_napari_viewer: Any, open_tissue: Any, qtbot: Any
) -> None:
    viewer = make_napari_viewer()
    space = open_tissue(viewer)
    tab = DataTab(viewer)
    qtbot.addWidget(tab)
    card = tab.cards[space.of_role(Role.SLIDE)[0]]
    tab.show()
    card.more.click()
    (menu,) = card.findChildren(QMenu)
    assert menu.isVisible()
    menu.close()
    qtbot.waitUntil(lambda: not card.findChildren(QMenu))
