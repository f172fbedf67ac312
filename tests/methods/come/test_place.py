"""COME places cells at least as its baseline does, and keeps what it owes as a placing method."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

from napari_spatialrecon.errors import InputError, Stopped
from napari_spatialrecon.methods.come.config import ComePlaceConfig
from napari_spatialrecon.methods.come.place import ComePlace
from napari_spatialrecon.methods.placement.knn import Knn
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.progress import Reporter

SMALL = {"pretraining.steps": 10}


def make(**values):
    dotted = {name.replace("__", "."): value for name, value in values.items()}
    return ComePlaceConfig().with_values({**SMALL, **dotted})


@pytest.fixture(scope="module")
def fitted(slides, cells):
    return ComePlace(make()).fit(slides, cells)


def test_untrained_and_unbalanced_it_is_knn(slides, cells):
    own = ComePlace(make(rate=0.0, balance=0.0)).fit(slides, cells).place(cells)
    baseline = Knn().fit(slides, cells).place(cells)
    np.testing.assert_allclose(own.coordinates, baseline.coordinates, atol=1e-2)


def test_cells_come_near_their_places_with_an_error_that_is_told(fitted, cells, truth):
    placed = fitted.place(cells)
    assert spearmanr(pdist(truth), pdist(placed.coordinates)).statistic > 0.7
    errors = np.linalg.norm(placed.coordinates - truth, axis=1)
    assert spearmanr(errors, placed.uncertainty).statistic > 0.2
    assert 0 < fitted.held_out["method"] < 1.2 * fitted.held_out["baseline"]


def test_the_mapping_is_kept_sparse_with_rows_that_sum_to_one(fitted, cells, slides):
    mapping = fitted.place(cells).mapping
    n_spots = sum(s.adata.n_obs for s in slides)
    assert mapping.shape == (cells.adata.n_obs, n_spots)
    assert mapping.nnz == 20 * cells.adata.n_obs
    np.testing.assert_allclose(mapping.sum(axis=1), 1)


def test_a_saved_method_places_the_same(fitted, cells, tmp_path):
    fitted.save(tmp_path / "model")
    back = ComePlace.load(tmp_path / "model")
    before, after = fitted.place(cells), back.place(cells)
    np.testing.assert_array_equal(before.coordinates, after.coordinates)
    assert (back.held_out, back.notes) == (fitted.held_out, fitted.notes)


def test_permuting_the_cells_permutes_the_answer(fitted, cells):
    order = np.random.default_rng(0).permutation(cells.adata.n_obs)
    permuted = replace(cells, adata=cells.adata[order].copy())
    before, after = fitted.place(cells), fitted.place(permuted)
    scale = np.ptp(before.coordinates)
    np.testing.assert_allclose(
        after.coordinates, before.coordinates[order], rtol=0, atol=1e-3 * scale
    )


def test_the_same_seed_gives_the_same_bytes(slides, cells):
    first, second = (
        ComePlace(make()).fit(slides, cells, Run(seed=3)).place(cells) for _ in range(2)
    )
    assert pickle.dumps(first.coordinates) == pickle.dumps(second.coordinates)


def test_the_sparse_mapping_places_nearly_as_the_whole_one(slides, cells, truth):
    config = make(dense_limit=0, kept=40)
    placed = ComePlace(config).fit(slides, cells).place(cells)
    assert spearmanr(pdist(truth), pdist(placed.coordinates)).statistic > 0.7
    assert any("most likely spots of each cell are kept" in n for n in placed.notes)


def test_from_a_constant_start_all_cells_choose_one_spot_at_first(slides, cells):
    shares = {}
    for start in ("cosine", "constant"):
        method = ComePlace(make(start=start, balance=0.0, rate=0.0)).fit(slides, cells)
        shares[start] = method.place(cells).diagnostics["distinct_best_spots"]
    assert shares["constant"] < 0.02 < 0.5 < shares["cosine"]


def test_labels_switch_equation_eight_on_and_their_absence_is_said(slides, cells):
    without = ComePlace(make()).fit(slides, cells).place(cells)
    assert any("(eq. 8) is omitted" in n for n in without.notes)
    labelled = ComePlace(make(labels="cell_type")).fit(slides, cells).place(cells)
    assert not any("eq. 8" in n for n in labelled.notes)
    assert np.abs(labelled.coordinates - without.coordinates).max() > 1e-3
    with pytest.raises(InputError, match="Expected a column 'type'"):
        ComePlace(make(labels="type")).fit(slides, cells).place(cells)


def test_labels_of_one_type_or_missing_ones_place_all_cells_and_are_said(slides, cells):
    few = replace(cells, adata=cells.adata[:30].copy(), kept=np.ones(30, bool))
    few.adata.obs["one"] = "neuron"
    few.adata.obs["some"] = ["a", "b", np.nan] * 10
    few.adata.obs["rare"] = ["a"] * 29 + ["b"]
    said = {"one": "nothing to distinguish", "some": "10 of 30 cells", "rare": "only one cell"}
    places = {}
    for column, words in {"": "(eq. 8) is omitted", **said}.items():
        placed = ComePlace(make(labels=column)).fit(slides, few).place(few)
        places[column] = placed.coordinates
        assert any(words in note for note in placed.notes)
    np.testing.assert_array_equal(places["one"], places[""])
    assert np.abs(places["some"] - places[""]).max() > 1e-3


@pytest.mark.parametrize("readout", ["argmax", "sampled"])
def test_other_readouts_place_cells_on_spots(slides, cells, readout):
    method = ComePlace(make(readout=readout)).fit(slides[:1], cells)
    placed = method.place(cells)
    spots = slides[0].adata.obsm["spatial"]
    off = np.linalg.norm(placed.coordinates[:, None] - spots[None], axis=2).min(axis=1)
    assert off.max() < 1e-3 * np.ptp(spots)
    assert (placed.uncertainty > 0).any()


def test_cells_are_drawn_to_spots_that_hold_more_and_that_is_kept(slides, cells, tmp_path):
    slide = replace(slides[0], adata=slides[0].adata.copy())
    right = slide.adata.obsm["spatial"][:, 0] > np.median(slide.adata.obsm["spatial"][:, 0])
    slide.adata.obs["n"] = np.where(right, 9, 1)
    even, drawn = (
        ComePlace(make(cell_counts=column, balance=1.0)).fit([slide], cells) for column in ("", "n")
    )
    middle = [m.place(cells).coordinates[:, 0].mean() for m in (even, drawn)]
    assert middle[1] > middle[0]
    drawn.save(tmp_path / "model")
    back = ComePlace.load(tmp_path / "model").place(cells)
    np.testing.assert_array_equal(back.coordinates, drawn.place(cells).coordinates)
    with pytest.raises(InputError, match=r"Expected a column 'm'.*found columns"):
        ComePlace(make(cell_counts="m")).fit([slide], cells)
    slide.adata.obs["n"] = "many"
    with pytest.raises(InputError, match="Expected numbers of cells in 'n'"):
        ComePlace(make(cell_counts="n")).fit([slide], cells)


def test_it_stops_within_a_step(fitted, cells):
    with pytest.raises(Stopped):
        fitted.place(cells, reporter=Reporter(should_stop=lambda: True))


def test_few_spots_and_one_cell_are_enough(slides, cells):
    few = replace(slides[0], adata=slides[0].adata[:5].copy())
    one = replace(cells, adata=cells.adata[:1].copy(), kept=np.ones(1, bool))
    method = ComePlace(make()).fit([few], one)
    placed = method.place(one)
    spots = few.adata.obsm["spatial"]
    held = placed.mapping.toarray()
    assert held.shape == (1, 5) and held.sum() == pytest.approx(1)
    inside = placed.coordinates[0]
    assert (spots.min(axis=0) <= inside).all() and (inside <= spots.max(axis=0)).all()
    assert method.held_out == {}
