"""What every placing method owes: the same answer however it is asked, and honest figures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

from napari_spatialrecon.errors import CheckpointError
from napari_spatialrecon.methods.come.config import ComePlaceConfig
from napari_spatialrecon.methods.come.place import ComePlace
from napari_spatialrecon.methods.dpvae.model import DPVAE
from napari_spatialrecon.methods.gears.config import GearsConfig
from napari_spatialrecon.methods.gears.model import Gears
from napari_spatialrecon.methods.placement.config import KnnConfig
from napari_spatialrecon.methods.placement.knn import Knn
from napari_spatialrecon.methods.placement.posterior import spatial_directions
from napari_spatialrecon.methods.placement.ridge import Ridge
from napari_spatialrecon.tissue.contract import prepare_slide

TINY_GEARS = {"generator.width": 16, "training.steps": 30, "members": 1, "minisets.per_step": 2}
CLASSES = {"knn": Knn, "ridge": Ridge, "dpvae": DPVAE, "gears": Gears}
each_method = pytest.mark.parametrize("name", CLASSES)


def correlation(truth, places):
    return spearmanr(pdist(truth), pdist(places)).statistic


def fit(name, small, *args, **kwargs):
    config = {
        "dpvae": small(training__steps=40, members=1),
        "gears": GearsConfig().with_values(TINY_GEARS),
        "come": ComePlaceConfig().with_values({"pretraining.steps": 5}),
    }.get(name)
    return {**CLASSES, "come": ComePlace}[name](config).fit(*args, **kwargs)


@each_method
def test_cells_come_near_their_places(methods, cells, truth, name):
    placed = methods[name].place(cells)
    assert placed.coordinates.shape == (400, 2)
    assert correlation(truth, placed.coordinates) > 0.4
    centre = np.linalg.norm(truth - truth.mean(axis=0), axis=1)
    errors = np.linalg.norm(truth - placed.coordinates, axis=1)
    assert np.median(errors) < np.median(centre)


@pytest.mark.parametrize("name", [*CLASSES, "come"])
def test_no_method_reads_the_true_places_of_the_cells(slides, cells, truth, small, name):
    """Places that are told, wherever a method could look, change nothing: not a byte."""
    placed = []
    for places in (truth, np.random.default_rng(0).normal(size=truth.shape)):
        told = cells.adata.copy()
        told.obsm["spatial"] = places
        told.obs[["x", "y"]] = places
        query = replace(cells, adata=told)
        placed.append(fit(name, small, slides, query).place(query))
    for one, other in zip(*((p.coordinates, p.stated.radius) for p in placed), strict=True):
        assert one.tobytes() == other.tobytes()


@each_method
def test_a_saved_method_places_the_same(methods, cells, tmp_path, name):
    methods[name].save(tmp_path / "model")
    back = CLASSES[name].load(tmp_path / "model")
    for display in (0, 1):
        before, after = (m.place(cells, display=display) for m in (methods[name], back))
        np.testing.assert_array_equal(before.coordinates, after.coordinates)
        np.testing.assert_array_equal(before.uncertainty, after.uncertainty)
        np.testing.assert_array_equal(before.stated.expected, after.stated.expected)
        assert before.notes == after.notes
        assert before.diagnostics == after.diagnostics
    assert back.held_out == methods[name].held_out
    assert back.config == methods[name].config


@each_method
def test_a_model_of_another_method_is_refused(methods, tmp_path, name):
    methods[name].save(tmp_path / "model")
    for other in CLASSES.keys() - {name}:
        with pytest.raises(CheckpointError, match=f"Expected a model of '{other}'"):
            CLASSES[other].load(tmp_path / "model")


@each_method
def test_permuting_the_cells_permutes_the_answer(methods, cells, name):
    order = np.random.default_rng(0).permutation(cells.adata.n_obs)
    permuted = replace(cells, adata=cells.adata[order].copy())
    before, after = methods[name].place(cells), methods[name].place(permuted)
    scale = np.ptp(before.coordinates)
    np.testing.assert_allclose(
        after.coordinates, before.coordinates[order], rtol=0, atol=1e-4 * scale
    )
    np.testing.assert_allclose(after.uncertainty, before.uncertainty[order], rtol=1e-2)


@each_method
def test_the_pose_lays_the_layout_on_the_slide(methods, cells, name):
    for display in (0, 1):
        placed = methods[name].place(cells, display=display)
        np.testing.assert_allclose(placed.pose.apply(placed.layout), placed.coordinates)


@each_method
def test_the_display_chooses_the_frame(methods, cells, tiny, name):
    """The second slide is mounted in another pose; true places are known on both."""
    places = [methods[name].place(cells, display=i).coordinates for i in (0, 1)]
    um = tiny.truth[["x_um", "y_um"]].to_numpy()
    on_slides = [pose.apply(um) for pose in tiny.poses]
    errors = np.array(
        [[np.median(np.linalg.norm(p - t, axis=1)) for t in on_slides] for p in places]
    )
    assert errors[0, 0] < 0.8 * errors[0, 1]
    assert errors[1, 1] < 0.8 * errors[1, 0]


@each_method
def test_a_slide_in_another_pose_is_turned_and_that_is_said(methods, cells, name):
    notes = methods[name].place(cells).notes
    assert any(n.startswith("two was rotated by") for n in notes)


@each_method
def test_slides_in_different_units_agree_in_micrometres(tiny, slides, cells, small, name):
    scale = 0.5
    in_um = tiny.slides[1].copy()
    in_um.obsm["spatial"] = in_um.obsm["spatial"] * scale
    in_um.uns["spatialrecon"] = {"unit": "um"}
    in_um = prepare_slide(in_um, "two")
    same = fit(name, small, slides, cells)
    mixed = fit(name, small, [slides[0], in_um], cells)
    assert [s.um_per_unit for s in mixed.reference.slides] == [scale, 1.0]
    first, second = (mixed.place(cells, display=i) for i in (0, 1))
    np.testing.assert_allclose(first.coordinates, same.place(cells).coordinates, rtol=1e-3)
    np.testing.assert_allclose(
        second.coordinates, same.place(cells, display=1).coordinates * scale, rtol=1e-3
    )
    np.testing.assert_allclose(second.uncertainty, first.uncertainty * scale, rtol=1e-3)
    np.testing.assert_allclose(pdist(second.layout), pdist(first.layout) * scale, rtol=1e-3)


@pytest.mark.parametrize("name", ["knn", "dpvae", "gears"])
def test_uncertainty_is_larger_where_the_error_is(methods, cells, truth, name):
    placed = methods[name].place(cells)
    errors = np.linalg.norm(placed.coordinates - truth, axis=1)
    assert (placed.uncertainty > 0).all()
    assert spearmanr(errors, placed.uncertainty).statistic > 0.25
    assert 0.5 < np.sqrt((errors**2).mean()) / np.sqrt((placed.uncertainty**2).mean()) < 2


def test_the_uncertainty_of_ridge_is_one_leave_one_out_error(methods, cells):
    placed = methods["ridge"].place(cells)
    assert (placed.uncertainty == placed.diagnostics["leave_one_out_error"]).all()
    assert placed.uncertainty[0] > 0


@each_method
def test_the_error_on_held_out_spots_is_told_beside_the_baseline(methods, name):
    held_out = methods[name].held_out
    assert 0 < held_out["baseline"] < 0.5
    assert ("method" in held_out) == (name != "knn")


@each_method
def test_a_slide_of_a_few_spots_is_enough(slides, cells, small, name):
    few = prepare_slide(slides[0].adata[:5].copy(), "few")
    method = fit(name, small, [few], cells)
    placed = method.place(cells)
    assert np.isfinite(placed.coordinates).all()
    assert (placed.uncertainty >= 0).all()
    assert method.held_out == {}


@each_method
def test_one_cell_can_be_placed(slides, cells, small, name):
    one = replace(cells, adata=cells.adata[:1].copy(), kept=np.ones(1, bool))
    placed = fit(name, small, slides, one).place(one)
    assert np.isfinite(placed.coordinates).all()


def test_directions_that_vary_in_space_place_better_than_all_alike(slides, cells, truth):
    plain, lda = (
        Knn(KnnConfig.preset(p)).fit(slides, cells).place(cells).coordinates
        for p in ("plain", "quick")
    )
    assert correlation(truth, lda) > correlation(truth, plain)


def test_directions_solve_the_generalised_eigenproblem(methods, cells):
    """Spots' components along a direction agree with their neighbours more the earlier it is."""
    reference = methods["knn"].reference
    features, _ = reference.space.transform(cells)
    directions = spatial_directions(reference, features, KnnConfig())
    assert directions.shape[1] <= 30
    strength = np.linalg.norm(directions, axis=0)
    assert np.isfinite(strength).all()
    alone = spatial_directions(reference, None, KnnConfig())
    assert not np.allclose(alone, directions)


def test_a_low_temperature_takes_the_most_similar_spot(slides, cells):
    cold = Knn(KnnConfig(temperature=1e-3, neighbours=1)).fit(slides[:1], cells).place(cells)
    spots = slides[0].adata.obsm["spatial"]
    gap = np.linalg.norm(cold.coordinates[:, None] - spots[None], axis=2).min(axis=1)
    np.testing.assert_allclose(gap, 0, atol=1e-6)
    np.testing.assert_allclose(cold.uncertainty, 0, atol=1e-9)
