from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from napari.layers import Points

from napari_spatialrecon.tissue.slots import UNCERTAINTY
from napari_spatialrecon.viewer.canvas.pointer import hold, let_go
from napari_spatialrecon.viewer.inspect.clicked import describe_point
from napari_spatialrecon.viewer.inspect.clicked_part import ClickedPart

from .conftest import cells_of


def cells() -> Points:
    counts = np.full((10, 3), 5.0, np.float32)
    counts[7, 2] = 60
    columns = {
        "cell_type": pd.Categorical(["T <cell>", "tumor"] * 5),
        "batch": [f"batch {i}" for i in range(10)],
        "patch_support": np.arange(10),
        UNCERTAINTY: np.r_[np.arange(9.0) * 10, np.nan],
    }
    places = np.column_stack([np.arange(10.0), np.zeros(10)]) * 20
    return cells_of(counts, places, genes=["A", "B", "HIGH"], **columns)


def test_a_cell_is_described_by_type_genes_columns_and_certainty() -> None:
    found = describe_point(cells(), 7)
    assert (found.name, found.kind, found.genes) == ("c7", "tumor", ("HIGH",))
    assert found.certainty == "Within 70 µm of its true place, for 9 of 10 such cells."
    assert ("batch", "batch 7") in found.columns and ("patch support", "7") in found.columns
    assert "unknown" in describe_point(cells(), 9).certainty


def test_a_point_is_found_by_name_and_needs_no_table() -> None:
    layer = cells()
    some = Points(
        layer.data[6:],
        features=layer.features.iloc[6:].reset_index(drop=True),
        metadata=layer.metadata,
    )
    assert describe_point(some, 1).genes == ("HIGH",)
    bare = Points(np.zeros((2, 2)), features={"mine": [1.5, 2.5]})
    assert describe_point(bare, 1).columns == (("mine", "2.5"),)


def test_a_click_shows_a_cell_unless_a_tool_takes_it(make_napari_viewer: Any, qtbot: Any) -> None:
    viewer = make_napari_viewer()
    part = ClickedPart(viewer)
    qtbot.addWidget(part)
    layer = viewer.add_layer(cells())
    part.show_layer(layer)
    tool = SimpleNamespace(switch=lambda on: None)
    hold(viewer, tool)
    part.show_point(7)
    assert "Click a cell" in part.text.text()
    let_go(viewer)
    heard = len(layer.mouse_drag_callbacks)
    part.show_point(0)
    assert "<b>c0</b> · T &lt;cell&gt;" in part.text.text()
    part.show_layer(None)
    assert len(layer.mouse_drag_callbacks) == heard - 1
