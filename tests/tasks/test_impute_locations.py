"""Placing cells from the known places of some."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_spatialrecon.errors import InputError, ValidationError
from napari_spatialrecon.geometry.solver.landmarks import Landmarks
from napari_spatialrecon.methods.gears.config import GearsConfig
from napari_spatialrecon.tasks.placing import impute_locations


@pytest.fixture(scope="module")
def truth(tiny):
    return tiny.truth[["x", "y"]].to_numpy()


@pytest.fixture(scope="module")
def landmarks(truth):
    rows = np.random.default_rng(0).permutation(400)[:30]
    return Landmarks(rows, truth[rows])


def test_hard_landmarks_lie_exactly_where_they_were_set(tiny, references, quick, landmarks, truth):
    result = impute_locations(tiny.cells, landmarks, references=references, config=quick)
    offset = np.abs(result.adata.obsm["spatial"][landmarks.indices] - landmarks.places).max()
    assert offset <= 1e-6 * np.ptp(truth, axis=0).max()
    errors = np.linalg.norm(result.adata.obsm["spatial"] - truth, axis=1)
    centre = np.linalg.norm(truth - truth.mean(axis=0), axis=1)
    assert np.median(errors) < np.median(centre)
    told = result.record.settings["landmarks"]
    name = tiny.cells.obs_names[landmarks.indices[0]]
    assert told[name] == landmarks.places[0].tolist()
    assert json.loads(result.adata.uns["spatialrecon"]["provenance"])["settings"]["landmarks"]


def test_without_slides_the_landmarks_are_learned_from(tiny, quick, landmarks, truth):
    config = quick.with_values({"training.steps": 150})
    result = impute_locations(tiny.cells, landmarks, config=config)
    np.testing.assert_allclose(
        result.adata.obsm["spatial"][landmarks.indices], landmarks.places, atol=1e-3
    )
    others = np.setdiff1d(np.arange(400), landmarks.indices)
    errors = np.linalg.norm(result.adata.obsm["spatial"] - truth, axis=1)[others]
    assert np.median(errors) < np.median(np.linalg.norm(truth - truth.mean(axis=0), axis=1))
    assert result.method.reference.names == ("landmarks",)


def test_soft_landmarks_lie_near(tiny, references, quick, landmarks):
    soft = Landmarks(landmarks.indices, landmarks.places, np.zeros(30, bool), np.full(30, 1000.0))
    result = impute_locations(tiny.cells, soft, references=references, config=quick)
    offsets = np.linalg.norm(result.adata.obsm["spatial"][soft.indices] - soft.places, axis=1)
    assert (offsets > 0).all()
    assert np.median(offsets) < 0.02 * np.ptp(soft.places)


@pytest.mark.parametrize("method", ["dpvae", "gears"])
def test_the_places_of_the_query_are_not_read(tiny, references, quick, landmarks, method):
    told = tiny.cells.copy()
    told.obsm["spatial"] = np.random.default_rng(0).normal(size=(400, 2))
    tiny_gears = {"generator.width": 16, "training.steps": 3, "members": 1, "minisets.per_step": 1}
    config = quick if method == "dpvae" else GearsConfig().with_values(tiny_gears)
    first, second = (
        impute_locations(q, landmarks, references=references, method=method, config=config)
        for q in (tiny.cells, told)
    )
    for slot in ("spatial", "X_layout"):
        assert first.adata.obsm[slot].tobytes() == second.adata.obsm[slot].tobytes()


def shuffled(cells, seed=0):
    """The cells with each gene taken from another cell: no program is left."""
    rng, mixed = np.random.default_rng(seed), cells.copy()
    mixed.X = np.column_stack([rng.permutation(gene) for gene in cells.X.toarray().T])
    return mixed


def test_shuffled_cells_are_flagged_as_in_placing_and_that_is_a_warning(
    tiny, references, quick, landmarks
):
    seen = []
    own, strange = (
        impute_locations(
            cells, landmarks, references=references, config=quick, progress=seen.append
        )
        for cells in (tiny.cells, shuffled(tiny.cells))
    )
    warned = [one.stage for one in seen if any("another tissue" in w for w in one.warnings)]
    assert warned[0] == "Starting"
    assert strange.adata.obs["out_of_domain"].all()
    assert own.adata.obs["out_of_domain"].mean() < 0.2
    assert "of another tissue" in strange.verdict and "of another tissue" not in own.verdict
    assert strange.record.metrics["resemblance"] < 0.64 < own.record.metrics["resemblance"]


def test_shuffled_cells_are_flagged_where_the_landmarks_are_learned_from(tiny, quick, landmarks):
    result = impute_locations(shuffled(tiny.cells), landmarks, config=quick)
    outside = result.adata.obs["out_of_domain"].to_numpy()
    others = np.setdiff1d(np.arange(400), landmarks.indices)
    assert outside[others].all() and not outside[landmarks.indices].any()


def test_cells_that_lack_tissue_are_told_of_as_in_placing(
    tiny, references, quick, landmarks, monkeypatch
):
    from napari_spatialrecon.methods.placement import flags

    monkeypatch.setattr(flags, "imbalance", lambda *args, **kwargs: 0.5)
    result = impute_locations(tiny.cells, landmarks, references=references, config=quick)
    assert any("part of the tissue may be missing" in note for note in result.notes)


def test_a_landmark_on_a_cell_without_counts_is_refused(tiny, references, landmarks):
    query = tiny.cells.copy()
    matrix = query.X.tolil()
    matrix[landmarks.indices[2]] = 0
    query.X = matrix.tocsr()
    with pytest.raises(InputError, match="found 1 on empty cells") as caught:
        impute_locations(query, landmarks, references=references)
    assert f"row {landmarks.indices[2]} " in str(caught.value)
    assert caught.value.remedy


def test_landmarks_keep_their_cells_when_others_are_left_out(tiny, references, quick, landmarks):
    query = tiny.cells.copy()
    empty = np.setdiff1d(np.arange(400), landmarks.indices)[:20]
    matrix = query.X.tolil()
    matrix[empty] = 0
    query.X = matrix.tocsr()
    result = impute_locations(query, landmarks, references=references, config=quick)
    assert result.adata.n_obs == 380
    names = query.obs_names[landmarks.indices]
    np.testing.assert_allclose(result.adata[names].obsm["spatial"], landmarks.places, atol=1e-3)


def test_a_landmark_on_no_cell_is_refused(tiny, references, landmarks):
    wrong = Landmarks(np.array([1, 2, 400]), landmarks.places[:3])
    for slides in (references, None):
        with pytest.raises(InputError, match="among the 400 cells, found cell 400"):
            impute_locations(tiny.cells, wrong, references=slides)


def test_three_landmarks_alone_are_too_few_to_learn_from(tiny, landmarks):
    three = Landmarks(landmarks.indices[:3], landmarks.places[:3])
    with pytest.raises(ValidationError, match="Expected at least 4 spots, found 3"):
        impute_locations(tiny.cells, three)


def test_only_methods_with_a_solve_take_landmarks(tiny, references, landmarks):
    with pytest.raises(InputError, match="found 'knn'"):
        impute_locations(tiny.cells, landmarks, references=references, method="knn")


def test_dense_landmarks_bend_the_layout_to_a_bent_tissue(tiny, references, quick, truth):
    across, down = ((truth - truth.mean(axis=0)) / np.sqrt(truth.var(axis=0).sum())).T
    bent = truth + 3 * np.std(truth) * np.column_stack([down**2, 0 * across])
    rows = np.random.default_rng(1).permutation(400)[:120]
    others = np.setdiff1d(np.arange(400), rows)
    soft = Landmarks(rows, bent[rows], np.zeros(120, bool))
    # A layout that is mostly noise leaves no smooth residual to be bent by.
    config = quick.with_values({"training.steps": 200, "members": 3})
    stiff = impute_locations(tiny.cells, soft, references=references, config=config)
    loose = impute_locations(tiny.cells, soft, model=stiff.method, bend=True)
    stiff_error, loose_error = (
        np.median(np.linalg.norm(r.adata.obsm["spatial"] - bent, axis=1)[others])
        for r in (stiff, loose)
    )
    assert loose_error < 0.95 * stiff_error
    assert loose.record.settings["bend"]
