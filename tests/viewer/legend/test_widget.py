from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from napari.layers import Points
from napari.utils._proxies import PublicOnlyProxy
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QColorDialog

from napari_spatialrecon.viewer.canvas.colors import set_point_colors
from napari_spatialrecon.viewer.legend.model import Legend
from napari_spatialrecon.viewer.legend.widget import LegendWidget
from napari_spatialrecon.viewer.widgets.page import PageBox


def middle(widget: LegendWidget, row: int) -> QPoint:
    return widget._list.visualRect(widget._model.index(row)).center()


@pytest.fixture
def shown(make_napari_viewer: Any, qtbot: Any) -> tuple[Any, Any, LegendWidget]:
    viewer = make_napari_viewer()
    widget = LegendWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Legend")
    layer = viewer.add_points(np.arange(12.0).reshape(6, 2), name="cells")
    set_point_colors(layer, pd.Categorical(["a", "b", "a", None, "c", "b"]), title="type")
    return viewer, layer, widget


def test_it_follows_the_active_layer_and_its_colors(shown: tuple) -> None:
    viewer, layer, widget = shown
    assert widget._title.text() == "type"
    assert widget._model.data(widget._model.index(0)) == "a  ·  2"
    assert widget._count.text() == "3 names"
    set_point_colors(layer, np.arange(6.0), title="ERBB2")
    assert widget._title.text() == "ERBB2: 0 to 5"
    viewer.layers.clear()
    assert widget.legend.layer is None


def test_its_help_opens_the_page_about_the_legend(shown: tuple) -> None:
    *_, widget = shown
    widget.help_button.click()
    box = widget.window().findChild(PageBox)
    assert box.windowTitle() == "Legend" and "Alt-click its line" in box.text.toPlainText()
    box.close()


def test_click_hides_and_alt_click_solos(shown: tuple, qtbot: Any) -> None:
    _, layer, widget = shown
    port = widget._list.viewport()
    qtbot.mouseClick(port, Qt.MouseButton.LeftButton, pos=middle(widget, 1))
    assert layer.shown.tolist() == [True, False, True, True, True, False]
    alt = Qt.KeyboardModifier.AltModifier
    qtbot.mouseClick(port, Qt.MouseButton.LeftButton, alt, middle(widget, 0))
    assert np.flatnonzero(layer.shown).tolist() == [0, 2]
    widget._all.click()
    assert layer.shown.all()


def test_double_click_recolors_and_hides_nothing(
    shown: tuple, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, layer, widget = shown
    monkeypatch.setattr(QColorDialog, "getColor", lambda *_: QColor("#102030"))
    port = widget._list.viewport()
    qtbot.mouseClick(port, Qt.MouseButton.LeftButton, pos=middle(widget, 0))
    qtbot.mouseDClick(port, Qt.MouseButton.LeftButton, pos=middle(widget, 0))
    assert layer.shown.all()
    np.testing.assert_allclose(layer.face_color[0, :3] * 255, [0x10, 0x20, 0x30], atol=0.5)
    alt = Qt.KeyboardModifier.AltModifier
    qtbot.mouseClick(port, Qt.MouseButton.LeftButton, alt, pos=middle(widget, 0))
    assert not layer.shown.all()
    qtbot.mouseDClick(port, Qt.MouseButton.LeftButton, alt, pos=middle(widget, 0))
    assert layer.shown.all(), "nor does one that began by showing it alone"


def test_search_appears_for_many_names_and_narrows(shown: tuple) -> None:
    _, layer, widget = shown
    assert widget._search.isHidden()
    layer.add(np.zeros((24, 2)))
    set_point_colors(layer, pd.Categorical([f"type {i}" for i in range(30)]))
    assert not widget._search.isHidden() and widget._model.rowCount() == 30
    widget._search.setText("29")
    assert widget._model.rowCount() == 1


def test_closing_the_dock_shows_everything_again(shown: tuple, qtbot: Any) -> None:
    viewer, layer, widget = shown
    widget.legend.toggle(0)
    viewer.window.remove_dock_widget(widget)
    widget.deleteLater()
    qtbot.waitUntil(lambda: bool(layer.shown.all()), timeout=3000)
    layer.face_color = "red"
    viewer.layers.selection.active = None


def test_alt_click_in_the_widget_that_napari_opens_touches_nothing_private(
    make_napari_viewer: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = make_napari_viewer()
    layer = viewer.add_points(np.arange(12.0).reshape(6, 2), name="cells")
    set_point_colors(layer, pd.Categorical(list("abacca")), title="type")
    monkeypatch.setenv("NAPARI_ENSURE_PLUGIN_MAIN_THREAD", "0")
    widget = LegendWidget(PublicOnlyProxy(viewer))
    qtbot.addWidget(widget)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        alt = Qt.KeyboardModifier.AltModifier
        qtbot.mouseClick(widget._list.viewport(), Qt.MouseButton.LeftButton, alt, middle(widget, 0))
    assert type(widget.legend.layer) is Points and np.flatnonzero(layer.shown).tolist() == [0, 2, 5]


def test_its_words_stand_on_top_and_are_never_cut(qtbot: Any) -> None:
    layer = Points(np.zeros((3, 2)), name="cells of a patient with a name that nobody remembers")
    widget = LegendWidget(legend=Legend(layer))
    qtbot.addWidget(widget)
    widget.resize(230, 400)
    widget.show()
    title = widget._title

    def whole() -> bool:
        return 0 <= title.height() - title.heightForWidth(title.width()) < 20

    assert "one color" in title.text()
    qtbot.waitUntil(lambda: title.y() < 20 and whole(), timeout=5000)
    assert widget.minimumSizeHint().width() <= 200


def test_more_colors_than_can_be_told_apart_are_said(shown: tuple) -> None:
    _, layer, widget = shown
    assert widget._note.isHidden()
    layer.add(np.zeros((38, 2)))
    set_point_colors(layer, pd.Categorical([f"type {i}" for i in range(44)]))
    assert "cannot be told apart" in widget._note.text() and not widget._note.isHidden()
