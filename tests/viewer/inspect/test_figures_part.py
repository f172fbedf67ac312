from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from napari.layers import Points
from PIL import Image
from qtpy.QtCore import Qt

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.viewer.canvas.colors import color_key
from napari_spatialrecon.viewer.inspect.figures_model import find_communities, markers_near
from napari_spatialrecon.viewer.inspect.figures_part import FiguresPart

from .conftest import cells_of

ACROSS, TIP = Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole


def cells(n: int = 120, *, typed: bool = True) -> Points:
    """Two blobs 1,000 µm apart: T by B, where T has much of g0; T by C, and there g1 is high."""
    rng = np.random.default_rng(0)
    right, even = np.arange(n) >= n // 2, np.arange(n) % 2 == 0
    counts = rng.poisson(5.0, (n, 6))
    kinds = np.select([even, ~even & ~right], ["T", "B"], "C")
    counts[~right & even, 0] += 40
    counts[right & ~even, 1] += 400
    places = rng.uniform(0, 60, (n, 2)) + np.where(right, 1000, 0)[:, None]
    return cells_of(counts, places, name="cells", **({"cell_type": kinds} if typed else {}))


def test_communities_have_a_main_type_and_a_purity() -> None:
    groups, table = find_communities(cells(), 0.01, lambda: False)
    assert len(groups) == 120 and len(table) == 2 and set(table["cells"]) == {60}
    assert sorted(table["purity"].round(2)) == [0.5, 0.5]
    finer = find_communities(cells(), 2.0, lambda: False)[1]
    assert len(finer) > 2
    with pytest.raises(InputError, match="at least 50 points"):
        find_communities(cells(40), 1.0, lambda: False)


def test_genes_near_a_type_are_tested_among_cells_of_one_type() -> None:
    found, near, far = markers_near(cells(), "T", "B", 100.0, lambda _: None, lambda: False)
    assert (len(near), len(far)) == (30, 30) and found.index[0] == "g0"
    assert found.index[-1] != "g1", "cells of type C, far from B, are in neither group"
    assert found["log2_fold_change"].iloc[0] > 1 and found["p_adjusted"].iloc[0] < 1e-3


def test_what_cannot_be_tested_is_said() -> None:
    with pytest.raises(InputError, match=r"type T within 5000 µm of B .*found 60 and 0"):
        markers_near(cells(), "T", "B", 5000.0, lambda _: None, lambda: False)
    with pytest.raises(InputError, match="a column of cell types"):
        markers_near(cells(typed=False), "T", "B", 9.0, lambda _: None, lambda: False)


def test_the_buttons_color_by_community_and_list_genes(
    make_napari_viewer: Any, qtbot: Any, tmp_path: Any
) -> None:
    part = FiguresPart(make_napari_viewer())
    qtbot.addWidget(part)
    layer = part.viewer.add_layer(cells())
    part.show_layer(layer)
    part.communities.click()
    part.resolution.setValue(0.01)
    part.search.click()
    qtbot.waitUntil(lambda: part.run is None, timeout=100_000)
    assert color_key(layer).title.startswith("community") and "2 communities" in part.note.text()
    part.save_picture(str(tmp_path / "communities.png"))
    qtbot.waitUntil(lambda: part.run is None, timeout=100_000)
    part.table.selectRow(1)
    chosen = part.space.selection.rows_in(layer)
    assert len(chosen) == 60 and len(set(layer.data[chosen, 1] > 500)) == 1
    searched = json.loads(json.dumps(part.state()))
    part.vicinity.click()
    part.asked.setCurrentText("T")
    part.target.setCurrentText("B")
    part.radius.setValue(100.0)
    part.test.click()
    qtbot.waitUntil(lambda: part.run is None, timeout=100_000)
    assert "30 near</a> against <a" in part.note.text() and part.markers.found is not None
    columns = range(part.markers.table.rows.columnCount())
    tips = [part.markers.table.rows.headerData(i, ACROSS, TIP) for i in columns]
    said = " ".join([part.markers.plot.toolTip(), *filter(None, map(str, tips))])
    assert "T near B" in said and "T farther away" in said and "selec" not in said
    part.note.linkActivated.emit("near")
    kinds = layer.features["cell_type"].to_numpy()[part.space.selection.rows_in(layer)]
    assert len(kinds) == 30 and set(kinds) == {"T"}
    part.save_picture(str(tmp_path / "near.png"))
    qtbot.waitUntil(lambda: part.run is None, timeout=100_000)
    sizes = {Image.open(tmp_path / f"{name}.png").size for name in ("communities", "near")}
    assert len(sizes) == 2, "each is of what was found last"
    tested = json.loads(json.dumps(part.state()))
    part.show_layer(None)
    part.show_layer(layer)
    part.restore(searched)
    assert "2 communities" in part.note.text() and not part.table.isHidden()
    part.restore(tested)
    qtbot.waitUntil(lambda: part.run is None, timeout=100_000)
    assert "30 near" in part.note.text() and part.asked.currentText() == "T"
