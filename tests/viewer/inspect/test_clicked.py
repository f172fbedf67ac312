from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from napari.layers import Points
from scipy import sparse

from napari_spatialrecon.tissue.slots import EXPECTED, OUTSIDE, UNCERTAINTY
from napari_spatialrecon.viewer.canvas.bar_title import bar_title
from napari_spatialrecon.viewer.canvas.coloring import color_layer
from napari_spatialrecon.viewer.canvas.colors import color_key
from napari_spatialrecon.viewer.canvas.pointer import hold, let_go
from napari_spatialrecon.viewer.canvas.table_metadata import table_of
from napari_spatialrecon.viewer.canvas.tiles import Tile, lay_on, shift_of
from napari_spatialrecon.viewer.inspect.clicked import describe_point
from napari_spatialrecon.viewer.inspect.clicked_part import ClickedPart
from napari_spatialrecon.viewer.place.whereabouts import OnSlides, whereabouts_of

from .conftest import cells_of


def cells() -> Points:
    counts = np.full((10, 3), 5.0, np.float32)
    counts[7, 2] = 60
    columns = {
        "cell_type": pd.Categorical(["T <cell>", "tumor"] * 5),
        "batch": [f"batch {i}" for i in range(10)],
        "patch_support": np.arange(10),
        UNCERTAINTY: np.r_[np.arange(9.0) * 10, np.nan],
        EXPECTED: np.r_[np.arange(9.0) * 4, np.nan],
    }
    places = np.column_stack([np.arange(10.0), np.zeros(10)]) * 20
    return cells_of(counts, places, genes=["A", "B", "HIGH"], **columns)


def test_a_cell_is_described_by_type_genes_columns_and_certainty() -> None:
    found = describe_point(cells(), 7)
    assert (found.name, found.kind, found.genes) == ("c7", "tumor", ("HIGH",))
    assert found.certainty == (
        "Expected error 28 µm: half of such cells lie nearer to their true place, 9 of 10 within "
        "70 µm (90% radius, the ring)."
    )
    assert ("batch", "batch 7") in found.columns and ("patch support", "7") in found.columns
    assert "unknown" in describe_point(cells(), 9).certainty


def test_a_long_distance_is_told_in_whole_micrometers() -> None:
    columns = {UNCERTAINTY: [1624.2, 1.0], EXPECTED: [1010.6, 1.0]}
    told = describe_point(cells_of(np.ones((2, 2)), np.eye(2) * 100, **columns), 0).certainty
    assert "1,011 µm" in told and "1,624 µm" in told


def test_what_is_true_or_false_of_a_cell_is_told_in_words() -> None:
    placed = cells_of(np.ones((2, 2)), np.eye(2) * 100, **{OUTSIDE: [False, True]})
    told = [dict(describe_point(placed, row).columns) for row in (0, 1)]
    key = "likeness to the reference"
    assert [t[key] for t in told] == ["like the reference", "unlike the reference"]


def test_a_spread_of_earlier_versions_is_not_told_as_an_error() -> None:
    earlier = cells_of(np.ones((2, 2)), np.eye(2) * 100, **{UNCERTAINTY: [50.0, 20.0]})
    said = describe_point(earlier, 0).certainty
    assert said == "Its likely places spread over 50 µm: not calibrated, so no error is stated."


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


def on_a_slide(viewer: Any) -> tuple[Points, Points]:
    """A slide of four spots, and two cells placed on it with a mapping."""
    slide = cells_of(np.ones((4, 2)), np.arange(8.0).reshape(4, 2) * 100, name="left", prefix="s")
    slide.metadata["spatialrecon"] |= {"role": "slide"}
    placed = cells_of(
        np.ones((3, 2)),
        np.arange(6.0).reshape(3, 2) * 100,
        name="placed",
        **{UNCERTAINTY: [50.0, 20.0, np.nan]},
    )
    adata = table_of(placed)
    adata.obsm["mapping"] = sparse.csr_matrix([[0.6, 0.4, 0, 0], [0, 0, 0, 1.0], [0, 0, 0.5, 0.5]])
    adata.uns["spatialrecon"] |= {
        "mapping_spots": np.array([f"s{i}" for i in range(4)]),
        "mapping_slides": np.array(["left"] * 4),
        "provenance": json.dumps({"settings": {"display": "left"}}),
    }
    return viewer.add_layer(slide), viewer.add_layer(placed)


def test_a_ring_and_likely_spots_show_where_it_may_lie(make_napari_viewer: Any, qtbot: Any) -> None:
    viewer = make_napari_viewer()
    part = ClickedPart(viewer)
    qtbot.addWidget(part)
    slide, placed = on_a_slide(viewer)
    placed.opacity = 0.8
    color_layer(placed, UNCERTAINTY)
    titled = bar_title(placed)
    part.show_layer(placed)
    part.show_point(0)
    (_, line) = part.where.outlines._lines
    around = np.linalg.norm(line.pos - placed.data[0, ::-1], axis=1)
    assert around == pytest.approx(np.full(len(around), 50.0), rel=1e-4)
    assert "2 spots carry 90%" in part.text.text() and not part.button.isHidden()
    assert len(viewer.layers) == 2, "nothing is dimmed before it is asked"
    part.button.click()
    heat = viewer.layers["left · likely spots of a cell"]
    np.testing.assert_array_equal(heat.data, slide.data[:2])
    assert bar_title(placed) is None and titled is not None
    assert placed.opacity < 0.5 and part.button.isChecked() and part.where.outlines._lines
    viewer.layers.selection = {placed}
    lay_on(placed, Tile("elsewhere", (0.0, 5000.0)))
    part.show_point(1)
    apart = heat.data_to_world(heat.data[0]) - np.asarray(slide.data_to_world(heat.data[0]))
    assert (apart - (shift_of(placed) - shift_of(slide))).tolist() == [0.0, 0.0], (
        "they lie in the frame of the cells"
    )
    np.testing.assert_array_equal(heat.data, slide.data[3:])
    kept = json.loads(json.dumps(part.state()))
    part.button.click()
    assert placed.opacity == 0.8 and bar_title(placed) == titled
    assert len(viewer.layers) == 2 and not part.button.isChecked()
    part.show_point(2)
    assert not part.where.outlines._lines and part.where.outlines._rings
    part.restore(kept)
    assert part.row == 1 and part.button.isChecked() and "c1" in part.text.text()
    part.where.clear()
    assert not part.button.isChecked() and placed.opacity == 0.8
    del placed.metadata["spatialrecon"]["table"].obsm["mapping"]
    part.show_layer(None)
    part._read = None
    part.show_layer(placed)
    assert part.button.isHidden() and "c1" in part.text.text(), "the cell is remembered"
    viewer.layers.remove(placed)
    part.show_layer(None)
    assert not part.where.outlines._rings


def test_the_likely_cells_of_a_spot_go_by_name(make_napari_viewer: Any) -> None:
    viewer = make_napari_viewer()
    _, placed = on_a_slide(viewer)
    placed.selected_data = {0}
    placed.remove_selected()
    where, on = whereabouts_of(viewer), OnSlides.of(viewer, placed)
    assert on.cells.tolist() == [1, 2] and "s3 of left" in on.about_cell(0)
    plain = np.array(placed.face_color)
    color_layer(placed, UNCERTAINTY)
    where.show_spot(on, "left", 3)
    assert color_key(placed).title.startswith("cells of s3") and placed.selected_data == {0}
    where.clear()
    assert color_key(placed).kind == "uncertainty" and len(placed.face_color) == len(plain)
    where.show_spot(on, "left", 3)
    color_layer(placed, "g0")
    where.clear()
    assert color_key(placed).title.startswith("g0"), "colors that were chosen since stay"


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
