"""Where a placed cell may lie: the mapping read from a result, and clicks on cells and spots."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anndata
import numpy as np
import pytest
from napari.layers import Points
from scipy import sparse

from napari_spatialrecon.viewer.canvas.clicks import on_click
from napari_spatialrecon.viewer.canvas.colors import color_key
from napari_spatialrecon.viewer.canvas.layers import NAMES
from napari_spatialrecon.viewer.canvas.twin_layers import find_twin
from napari_spatialrecon.viewer.place.mapping import CellMapping
from napari_spatialrecon.viewer.place.widget import PlaceCells


@pytest.fixture
def adata() -> anndata.AnnData:
    """Two cells on two slides of two spots each."""
    table = anndata.AnnData(np.zeros((2, 1), np.float32))
    table.obs_names = ["cell a", "cell b"]
    table.obsm["mapping"] = sparse.csr_matrix([[0.6, 0.2, 0.2, 0.0], [0.0, 0.0, 0.0, 1.0]])
    table.uns["spatialrecon"] = {
        "mapping_spots": np.array(["s1", "s2", "s1", "s2"]),
        "mapping_slides": np.array(["left", "left", "right", "right"]),
    }
    return table


def click(layer: Points, at: tuple[float, float], *, moved: float = 0.0) -> None:
    event = SimpleNamespace(
        pos=(0.0, 0.0),
        position=at,
        type="mouse_press",
        button=1,
        view_direction=None,
        dims_displayed=[0, 1],
    )
    heard = layer.mouse_drag_callbacks[-1](layer, event)
    next(heard)
    if moved:
        event.type, event.pos = "mouse_move", (moved, 0.0)
        next(heard)
    event.type = "mouse_release"
    assert next(heard, None) is None


def test_spots_of_the_same_name_on_two_slides_are_told_apart(adata: anndata.AnnData) -> None:
    mapping = CellMapping.read(adata)
    np.testing.assert_allclose(mapping.spots_of(0, "left", ["s2", "s1", "other"]), [0.2, 0.6, 0])
    np.testing.assert_allclose(mapping.cells_of("right", "s2"), [0.0, 1.0])
    assert mapping.cells_of("left", "other").sum() == 0


def test_a_mapping_is_read_from_a_saved_result(adata: anndata.AnnData, tmp_path: Path) -> None:
    adata.write_h5ad(tmp_path / "placed.h5ad")
    mapping = CellMapping.read(anndata.read_h5ad(tmp_path / "placed.h5ad"))
    np.testing.assert_allclose(mapping.spots_of(0, "right", ["s1"]), [0.2])


def test_words_say_how_sure_a_place_is(adata: anndata.AnnData) -> None:
    mapping = CellMapping.read(adata)
    text = mapping.about_cell(0)
    assert "3 spots carry 90%" in text and "80% on left" in text
    assert "Most likely: s1 of left" in text
    assert "1 spot carries 90%" in mapping.about_cell(1)
    assert "cell b (100%)" in mapping.about_spot("right", "s2")
    assert "no cell" in mapping.about_spot("left", "other")


def test_a_result_without_mapping_or_of_unknown_spots_has_none(adata: anndata.AnnData) -> None:
    del adata.uns["spatialrecon"]["mapping_spots"]
    assert CellMapping.read(adata) is None
    assert CellMapping.read(anndata.AnnData(np.zeros((2, 1)))) is None


def test_a_click_is_heard_and_a_drag_is_not() -> None:
    cells, spots = Points([[0.0, 0.0]], size=1), Points([[10.0, 10.0], [20.0, 20.0]], size=1)
    heard: list[Any] = []
    end = on_click(cells, heard.append, others=lambda: [(spots, lambda i: heard.append(f"s{i}"))])
    click(cells, (0.0, 0.1))
    click(cells, (20.0, 20.0))
    click(cells, (5.0, 5.0))
    click(cells, (0.0, 0.1), moved=30.0)
    assert heard == [0, "s1"]
    end()
    assert not cells.mouse_drag_callbacks


def test_come_places_cells_and_shows_where_they_may_lie(
    make_napari_viewer: Any, open_tissue: Any, qtbot: Any
) -> None:
    viewer = make_napari_viewer()
    open_tissue(viewer)
    widget = PlaceCells(viewer)
    viewer.window.add_dock_widget(widget, name="Place cells")
    box = widget.inputs.method
    box.setCurrentIndex(box.findData("come"))
    qtbot.waitUntil(widget.panel.run_button.isEnabled, timeout=60_000)
    widget.panel.run_button.click()
    qtbot.waitUntil(lambda: not widget.model.running, timeout=120_000)
    assert widget.model.error is None
    panel, cells = widget.mapping, widget.layer
    assert panel.isVisibleTo(widget) and panel.mapping.matrix.shape[0] == len(cells.data)
    panel.show_cell(5)
    heat = find_twin(viewer, panel.on.twin)
    assert heat is not None and cells.selected_data == {5}
    spots = panel.on.slides[panel.on.shown]
    row = panel.mapping.spots_of(5, panel.on.shown, spots.features[NAMES])
    assert color_key(heat).limits == (0.0, pytest.approx(row.max()))
    np.testing.assert_array_equal(heat.data, spots.data[row > 0])
    assert viewer.layers.selection.active is cells
    best = int(np.argmax(row))
    panel.show_spot(panel.on.shown, best)
    assert find_twin(viewer, panel.on.twin) is heat
    np.testing.assert_array_equal(heat.data, spots.data[[best]])
    name = str(spots.features[NAMES][best])
    assert 5 in np.flatnonzero(panel.mapping.cells_of(panel.on.shown, name))
    assert "cells of" in color_key(cells).title
    panel.clear_button.click()
    assert find_twin(viewer, panel.on.twin) is None
    assert color_key(cells).kind == "uncertainty" and cells.opacity == 1.0
