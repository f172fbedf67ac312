"""Checks and estimates of a run before it starts."""

from __future__ import annotations

import numpy as np
import pytest

from napari_spatialrecon.errors import ValidationError
from napari_spatialrecon.geometry.solver.landmarks import Landmarks
from napari_spatialrecon.methods.come.config import ComeGenesConfig, ComePlaceConfig
from napari_spatialrecon.methods.dpvae.config import DPVAEConfig
from napari_spatialrecon.tasks.gene_preflight import gene_preflight
from napari_spatialrecon.tasks.preflight import preflight


def test_sizes_and_shared_genes_are_told(references, tiny):
    cells = tiny.cells[:, 20:].copy()
    found = preflight(references, cells)
    assert found.genes == 100
    assert found.spots == sum(s.n_obs for s in references.values())
    assert found.cells == 400
    assert found.notes == found.warnings == ()


def test_what_is_left_out_is_told(references, tiny):
    cells = tiny.cells.copy()
    matrix = cells.X.tolil()
    matrix[:3] = 0
    cells.X = matrix.tocsr()
    found = preflight(references, cells, query_name="cells.h5ad")
    assert found.cells == 397
    assert found.notes == ("cells.h5ad: excluded 3 of 400 cells without counts.",)


def test_cells_unlike_the_slides_are_told_of_before_the_run(references, tiny):
    rng, mixed = np.random.default_rng(0), tiny.cells.copy()
    mixed.X = np.column_stack([rng.permutation(gene) for gene in mixed.X.toarray().T])
    (warning,) = preflight(references, mixed, method="knn").warnings
    assert "may be of another tissue" in warning


@pytest.mark.parametrize("with_slides", [True, False])
def test_cells_unlike_the_slides_are_told_of_before_landmarks_place_them(
    references, tiny, with_slides
):
    rng, mixed = np.random.default_rng(0), tiny.cells.copy()
    mixed.X = np.column_stack([rng.permutation(gene) for gene in mixed.X.toarray().T])
    rows = np.arange(0, 400, 10)
    known = Landmarks(rows, tiny.truth[["x", "y"]].to_numpy()[rows])
    own, strange = (
        preflight(references if with_slides else {}, cells, landmarks=known)
        for cells in (tiny.cells, mixed)
    )
    assert not any("may be of another tissue" in text for text in own.warnings)
    assert any("may be of another tissue" in text for text in strange.warnings)
    slides = list(references.values()) if with_slides else [rows]
    assert own.spots == sum(len(slide) for slide in slides)


def test_more_work_is_estimated_to_take_longer(references, tiny):
    short, long = (
        preflight(references, tiny.cells, config=DPVAEConfig().with_values({"training.steps": n}))
        for n in (10, 10_000)
    )
    baseline = preflight(references, tiny.cells, method="knn")
    assert baseline.seconds < short.seconds < long.seconds
    assert baseline.memory_bytes > 1e8


def test_the_mapping_of_cells_and_spots_is_estimated_and_its_low_memory_mode_said(references, tiny):
    baseline = preflight(references, tiny.cells, method="knn")
    whole, sparse = (
        preflight(references, tiny.cells, method="come", config=ComePlaceConfig(dense_limit=n))
        for n in (20, 0)
    )
    assert whole.memory_bytes > baseline.memory_bytes
    assert whole.notes == ()
    assert any("most likely spots of each cell are kept" in note for note in sparse.notes)
    slide = references["one"][:, 5:].copy()
    genes = gene_preflight(
        slide, tiny.cells, method="come", config=ComeGenesConfig(dense_limit=0, kept=30)
    )
    assert any("30 most likely cells of each spot are kept" in note for note in genes.notes)


def test_wrong_inputs_are_refused_without_running(references, tiny):
    strange = tiny.cells.copy()
    strange.var_names = [f"strange{i}" for i in range(strange.n_vars)]
    with pytest.raises(
        ValidationError, match="Expected at least 3 genes shared with one, found none"
    ):
        preflight(references, strange)
