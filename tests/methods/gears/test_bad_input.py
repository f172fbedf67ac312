"""What GEARS does with input that is small, flat, foreign or broken."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from napari_spatialrecon.errors import DivergedError, ValidationError
from napari_spatialrecon.methods.gears.model import Gears
from napari_spatialrecon.methods.gears.task import GeometryTask
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import prepare_query, prepare_slide
from napari_spatialrecon.tissue.simulator.config import SimulatorConfig
from napari_spatialrecon.tissue.simulator.simulate import simulate

SHORT = {"validate": False, "training__steps": 20}


@pytest.fixture(scope="module")
def fitted(slides, cells, small_gears):
    return Gears(small_gears(**SHORT)).fit(slides, cells)


def placed_well(placement, n) -> bool:
    finite = np.isfinite(placement.coordinates).all() and np.isfinite(placement.uncertainty).all()
    return placement.coordinates.shape == (n, 2) and finite


def test_one_slide_of_20_spots_is_learned_from_and_validated(slides, cells, small_gears) -> None:
    few = prepare_slide(slides[0].adata[:20].copy(), "few")
    method = Gears(small_gears(training__steps=20)).fit([few], cells)
    assert placed_well(method.place(cells), 400)
    assert np.isfinite(list(method.held_out.values())).all()


def test_slides_without_shared_genes_are_refused(slides, cells, small_gears) -> None:
    other = slides[1].adata.copy()
    other.var_names = [f"other{i}" for i in range(other.n_vars)]
    with pytest.raises(ValidationError, match="gene"):
        Gears(small_gears(**SHORT)).fit([slides[0], prepare_slide(other, "other")], cells)


@pytest.mark.parametrize("n", [1, 2, 7])
def test_a_query_smaller_than_a_miniset_is_placed(fitted, cells, n) -> None:
    some = replace(cells, adata=cells.adata[:n].copy(), kept=np.ones(n, bool))
    assert placed_well(fitted.place(some), n)


def test_cells_that_are_all_alike_are_not_placed_with_confidence(slides, fitted, cells) -> None:
    alike = cells.adata[np.zeros(100, int)].copy()
    alike.obs_names = [f"cell{i}" for i in range(100)]
    placed = fitted.place(prepare_query(alike, "alike"))
    assert placed_well(placed, 100)
    assert placed.per_cell["out_of_domain"].all()
    spread = np.sqrt(((placed.coordinates - placed.coordinates[0]) ** 2).sum(axis=1)).max()
    assert spread < 1e-3 * placed.uncertainty.min()


def test_cells_of_another_tissue_are_flagged_and_get_no_confident_place(
    slides, cells, small_gears
) -> None:
    tumour = simulate("tumour", SimulatorConfig.preset("tiny"), seed=0)
    foreign = prepare_query(tumour.cells, "tumour")
    method = Gears(small_gears(**SHORT)).fit(slides, foreign)
    placed = method.place(foreign)
    assert any("another tissue" in text for text in placed.warnings)
    assert placed.per_cell["out_of_domain"].all()
    radius = method.reference.frame.radius_on(0)
    assert (placed.uncertainty >= 1.4 * radius).all()


def test_cells_of_the_same_tissue_are_not_flagged(fitted, cells) -> None:
    placed = fitted.place(cells)
    assert placed.warnings == ()
    assert placed.per_cell["out_of_domain"].mean() < 0.1
    assert placed.diagnostics["resemblance"] > 0.66


def test_a_graph_in_pieces_is_laid_out(slides, cells, small_gears) -> None:
    config = small_gears(members=1, **SHORT, patches__one_shot=0, patches__size=64)
    method = Gears(config).fit(slides, cells)
    features, _ = method.reference.space.transform(cells)
    apart = features.copy()
    apart[200:, 0] += 100 * features.std()
    (layout,) = method.layouts([apart], Reporter()).places
    assert layout.shape == (400, 2)
    assert np.isfinite(layout).all()


def test_spots_on_one_line_are_learned_from(slides, cells, small_gears) -> None:
    line = slides[0].adata.copy()
    line.obsm["spatial"] = line.obsm["spatial"] * np.array([1.0, 0.0])
    prepared = prepare_slide(line, "line")
    placed = Gears(small_gears(**SHORT)).fit([prepared], cells).place(cells)
    assert placed_well(placed, 400)


def test_a_loss_that_is_not_finite_names_step_and_term_and_keeps_the_checkpoint(
    slides, cells, small_gears, tmp_path, monkeypatch
) -> None:
    honest = GeometryTask.loss

    def broken(self, step, generator):
        total, terms = honest(self, step, generator)
        if step == 12:
            terms = {**terms, "generator_gram": terms["generator_gram"] * np.nan}
            total = total * np.nan
        return total, terms

    monkeypatch.setattr(GeometryTask, "loss", broken)
    config = small_gears(**SHORT, training__checkpoint_every=10)
    with pytest.raises(DivergedError, match="generator_gram not finite at step 12") as caught:
        Gears(config).fit(slides, cells, Run(folder=tmp_path / "run"))
    assert "last checkpoint is kept" in caught.value.remedy
    assert (tmp_path / "run" / "network0" / "manifest.json").is_file()


def test_an_empty_row_is_left_out_before_placing(cells) -> None:
    counts = cells.adata.X.tolil()
    counts[3] = 0
    some = cells.adata.copy()
    some.X = csr_matrix(counts)
    assert not prepare_query(some, "cells").kept[3]
