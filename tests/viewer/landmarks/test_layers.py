"""Landmarks on the canvas, and what is said of a cell, without a window."""

from __future__ import annotations

import anndata
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer, Points

from napari_spatialrecon.viewer.canvas.layer_values import types_among
from napari_spatialrecon.viewer.canvas.layers import cells_layer
from napari_spatialrecon.viewer.landmarks.layers import MARKS, LandmarksSession
from napari_spatialrecon.viewer.landmarks.portrait import Portraits
from napari_spatialrecon.viewer.task.mark_layers import SYMBOLS
from napari_spatialrecon.viewer.widgets.marks_table import GLYPHS


@pytest.fixture
def cells() -> anndata.AnnData:
    """Two types, side by side; the genes of one are not those of the other."""
    rng = np.random.default_rng(0)
    kind = np.repeat(["tumor", "T cell"], 40)
    rates = np.where((kind == "tumor")[:, None], [9.0, 7.0, 0.2, 5.0], [0.2, 0.2, 8.0, 5.0])
    cells = anndata.AnnData(rng.poisson(rates).astype(np.float32))
    cells.obs_names = [f"c{i}" for i in range(80)]
    cells.var_names = ["ERBB2", "KRT19", "CD3E", "ACTB"]
    cells.obs["cell_type"] = kind
    cells.obs["pool"] = "one"
    cells.obsm["spatial"] = rng.uniform(0, 300, (80, 2)) + 700.0 * (kind == "T cell")[:, None]
    cells.obsm["X_layout"] = np.array(cells.obsm["spatial"])
    cells.uns["spatialrecon"] = {"unit": "um", "um_per_unit": 1.0}
    return cells


@pytest.fixture
def session(viewer: ViewerModel, cells: anndata.AnnData) -> LandmarksSession:
    layer = Layer.create(*cells_layer(cells, name="cells"))
    assert isinstance(layer, Points)
    viewer.add_layer(layer)
    return LandmarksSession(viewer, layer, None)


def test_few_cells_are_large_only_while_landmarks_are_set(session: LandmarksSession) -> None:
    layer = session.layer
    before = layer.canvas_size_limits = (3.0, 10_000.0)
    session.show()
    assert layer.canvas_size_limits[0] > before[0]
    session.show()
    session.close()
    assert layer.canvas_size_limits == before
    session.show()
    assert layer.canvas_size_limits[0] > before[0]


def test_good_and_bad_landmarks_differ_in_shape(session: LandmarksSession) -> None:
    model = session.model
    for cell in (0, 20, 45, 60, 70):
        model.set_place(cell, model.start[cell])
    model.set_place(10, model.start[10] + 3000.0)
    session.show()
    tones = [session.tone(error.residual) for error in model.errors()]
    symbols = [str(s.value) for s in session.viewer.layers[MARKS].symbol]
    assert symbols[: len(tones)] == [SYMBOLS[tone] for tone in tones]
    assert len(set(tones)) > 1 and len(set(symbols[: len(tones)])) == len(set(tones))
    for shapes in (SYMBOLS, GLYPHS):
        assert len({shapes[tone] for tone in ("good", "warning", "wrong")}) == 3


def test_a_cell_is_told_by_type_genes_neighbors_and_where_it_is(cells: anndata.AnnData) -> None:
    places = np.asarray(cells.obsm["spatial"])
    told = Portraits(cells)
    found = told.of(3, places)
    assert found.kind == "tumor" and found.genes[0] in ("ERBB2", "KRT19")
    assert "CD3E" not in found.genes and found.region == "upper left"
    assert found.neighbours == "tumor (12 of its 12 neighbors)"
    assert found.words.startswith("tumor · ") and "in the upper left of the tissue" in found.words
    assert told.of(50, places).region == "lower right"


def test_a_cell_without_types_or_genes_is_told_by_its_place(cells: anndata.AnnData) -> None:
    bare = anndata.AnnData(np.zeros((80, 0), np.float32))
    bare.obsm["spatial"] = cells.obsm["spatial"]
    assert types_among(bare.obs) is None
    assert (
        Portraits(bare).of(0, cells.obsm["spatial"]).words == "Now in the upper left of the tissue."
    )
    many = cells.copy()
    many.obs["cell_type"] = many.obs_names  # a name each is no type
    assert types_among(many.obs) is None
