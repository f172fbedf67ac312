from __future__ import annotations

import json
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
from napari.layers import Layer, Points
from qtpy.QtCore import QPoint, Qt

from napari_spatialrecon.tissue.slots import UNCERTAINTY
from napari_spatialrecon.viewer.canvas.colors import color_key, is_faded
from napari_spatialrecon.viewer.canvas.layer_values import can_fade
from napari_spatialrecon.viewer.canvas.layers import cells_layer
from napari_spatialrecon.viewer.canvas.rims import has_rims
from napari_spatialrecon.viewer.inspect import color_part
from napari_spatialrecon.viewer.inspect.color_part import ColorPart
from napari_spatialrecon.viewer.inspect.embedding_plot import EmbeddingPlot
from napari_spatialrecon.viewer.inspect.histogram import LimitsHistogram
from napari_spatialrecon.viewer.inspect.legend_part import LegendPart
from napari_spatialrecon.viewer.inspect.markers_view import MarkersView
from napari_spatialrecon.viewer.inspect.tab import InspectTab
from napari_spatialrecon.viewer.legend.widget import LegendWidget


def cells(name: str, n: int = 60, **columns: Any) -> Points:
    rng = np.random.default_rng(0)
    adata = anndata.AnnData(
        rng.poisson(3.0, (n, 3)).astype(np.float32),
        obs=pd.DataFrame(columns, index=[f"c{i}" for i in range(n)]),
        var=pd.DataFrame(index=["SERBP1", "ERBB2", "ERBB3"]),
    )
    adata.obsm["spatial"] = rng.uniform(0, 1000, (n, 2))
    adata.uns["spatialrecon"] = {"unit": "um"}
    layer = Layer.create(*cells_layer(adata, name=name))
    assert isinstance(layer, Points)
    return layer


@pytest.fixture
def tab(make_napari_viewer: Any, qtbot: Any) -> InspectTab:
    made = InspectTab(make_napari_viewer())
    qtbot.addWidget(made)
    return made


def part(tab: InspectTab) -> ColorPart:
    found = tab.parts[ColorPart]
    assert isinstance(found, ColorPart)
    return found


def test_new_colors_upload_neither_places_nor_sizes(tab: InspectTab) -> None:
    layer = tab.viewer.add_layer(cells("a", group=["x", "y"] * 30))
    sliced: list[object] = []
    layer.events.set_data.connect(sliced.append)
    for name in ("ERBB2", "group", "SERBP1"):
        part(tab).color(name)
    assert color_key(layer).title.startswith("SERBP1") and not sliced


def test_a_search_colors_the_selected_layer_and_no_other(tab: InspectTab, qtbot: Any) -> None:
    first, second = (tab.viewer.add_layer(cells(name)) for name in ("a", "b"))
    tab.viewer.layers.selection = {first}
    first.visible = False
    qtbot.keyClicks(part(tab).search, "erbb2")
    qtbot.keyClick(part(tab).search, Qt.Key.Key_Return)
    assert first.visible, "what is colored is shown"
    assert color_key(first).title == "ERBB2, log counts" and color_key(second) is None
    assert not part(tab).scale.isHidden()
    tab.viewer.layers.selection = {second}
    assert part(tab).search.text() == "" and part(tab).scale.isHidden()
    assert "One color" in part(tab).note.text()


@pytest.mark.parametrize("made", [EmbeddingPlot, LimitsHistogram, MarkersView])
def test_a_plot_takes_the_ground_of_another_theme(made: Any, qtbot: Any) -> None:
    widget = made()
    qtbot.addWidget(widget)
    plot = widget if made is EmbeddingPlot else widget.plot
    for ground in ("#202020", "#f0f0f0"):
        plot.setStyleSheet(f"QWidget {{ background: {ground}; }}")
        assert plot.grab().toImage().pixelColor(2, 2).name() == ground


def test_points_of_the_user_are_colored_by_their_features(tab: InspectTab) -> None:
    layer = tab.viewer.add_points(np.zeros((4, 2)), features={"mine": [1.0, 2.0, 3.0, 4.0]})
    part(tab).search.choose("mine")
    assert color_key(layer).title == "mine"
    assert "no genes" in part(tab).search.placeholderText()


def test_dragging_the_lines_sets_the_limits(tab: InspectTab, qtbot: Any) -> None:
    layer = tab.viewer.add_layer(cells("a", score=np.arange(60.0)))
    part(tab).search.choose("score")
    assert color_key(layer).limits == pytest.approx((0.59, 58.41))
    part(tab).scale.histogram.region.setRegion((10.0, 20.0))
    qtbot.waitUntil(lambda: color_key(layer).limits == pytest.approx((10.0, 20.0)), timeout=10000)
    assert part(tab).scale.percentiles.currentText() == "by hand"
    whole = part(tab).scale.percentiles.findText("0–100%")
    part(tab).scale.percentiles.setCurrentIndex(whole)
    part(tab).scale.percentiles.activated.emit(whole)
    qtbot.waitUntil(lambda: color_key(layer).limits == pytest.approx((0.0, 59.0)), timeout=10000)


def test_map_log_rims_size_and_fading_act_on_the_layer(tab: InspectTab, qtbot: Any) -> None:
    made = cells("a", **{UNCERTAINTY: np.arange(60.0)})
    layer = tab.viewer.add_layer(made)
    colors = part(tab)
    colors.search.choose("ERBB3")
    magma = colors.scale.maps.findText("magma")
    colors.scale.maps.setCurrentIndex(magma)
    colors.scale.maps.activated.emit(magma)
    qtbot.waitUntil(lambda: color_key(layer).colormap == "magma", timeout=10000)
    colors.scale.log.click()
    qtbot.waitUntil(lambda: color_key(layer).title == "ERBB3, counts", timeout=10000)
    assert color_key(layer).colormap == "magma" and not colors.scale.log.isChecked()
    before = has_rims(layer)
    colors.rims.click()
    assert has_rims(layer) is not before
    colors.fade.click()
    assert is_faded(layer)
    colors.size_box.setValue(25.0)
    assert (layer.size == 25.0).all() and colors.size_box.suffix() == " µm"


@pytest.mark.parametrize(
    ("radii", "offered"),
    [(80.0, False), (np.nan, False), (np.arange(60.0), True), ([80.0] * 59 + [np.nan], True)],
)
def test_fading_is_offered_where_points_differ_in_certainty(
    tab: InspectTab, radii: Any, offered: bool
) -> None:
    layer = tab.viewer.add_layer(cells("a", **{UNCERTAINTY: np.broadcast_to(radii, 60)}))
    legend = LegendWidget(tab.viewer)
    assert part(tab).fade.isVisibleTo(part(tab)) is offered
    assert legend._fade.isVisibleTo(legend) is offered
    assert can_fade(layer)
    legend.deleteLater()


def test_a_large_table_is_read_in_the_background(
    tab: InspectTab, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(color_part, "IN_BACKGROUND", 10)
    layer = tab.viewer.add_layer(cells("a"))
    part(tab).color("ERBB2")
    assert color_key(layer) is None and "Reading ERBB2" in part(tab).note.text()
    qtbot.waitUntil(lambda: color_key(layer) is not None, timeout=100000)
    part(tab).color("nothing like it")
    qtbot.waitUntil(lambda: part(tab).notice.error is not None, timeout=100000)


def test_a_layer_deleted_while_its_values_are_read_is_no_error(
    tab: InspectTab, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(color_part, "IN_BACKGROUND", 10)
    layer = tab.viewer.add_layer(cells("a"))
    part(tab).color("ERBB2")
    tab.viewer.layers.remove(layer)
    qtbot.waitUntil(lambda: not part(tab)._runs, timeout=100000)
    assert color_key(layer) is None and part(tab).notice.error is None


def test_the_names_searched_last_are_kept_as_json(tab: InspectTab) -> None:
    tab.viewer.add_layer(cells("a", kind=list("abc") * 20))
    part(tab).search.choose("kind")
    state = json.loads(json.dumps(part(tab).state()))
    part(tab).search.recent = []
    part(tab).restore(state)
    assert part(tab).search.recent[0] == "kind"


def test_hidden_categories_stay_hidden_while_another_layer_is_inspected(tab: InspectTab) -> None:
    layer = tab.viewer.add_layer(cells("a", kind=list("abc") * 20))
    part(tab).search.choose("kind")
    tab.parts[LegendPart].legend.legend.toggle(0)
    other = tab.viewer.add_layer(cells("b"))
    assert tab.layer is other and layer.shown.sum() == 40
    tab.viewer.layers.selection = {layer}
    assert tab.parts[LegendPart].legend.legend.hidden == {0}


def test_the_tab_asks_for_no_more_width_than_a_narrow_dock(tab: InspectTab) -> None:
    names = ["a very long name of a cell type that is cut in the middle", "b", "c"]
    tab.viewer.add_layer(cells("a layer with a very long name " * 4, kind=names * 20))
    part(tab).search.choose("kind")
    assert tab.minimumSizeHint().width() <= 320
    part(tab).search.choose("ERBB2")
    assert tab.minimumSizeHint().width() <= 320
    widest = max(kind.minimumSizeHint().width() for kind in tab.parts.values())
    assert widest <= 304
    assert part(tab).mapTo(tab, QPoint(0, 0)).x() >= 0
