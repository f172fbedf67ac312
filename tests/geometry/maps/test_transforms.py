from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.maps.fit import fit_pairs
from napari_spatialrecon.geometry.maps.transforms import (
    LEAST_PAIRS,
    Transform,
    fit_transform,
    residuals,
)
from napari_spatialrecon.geometry.procrustes import Pose

CORNERS = np.array([[0.0, 0.0], [90.0, 10.0], [5.0, 80.0], [100.0, 100.0], [40.0, 55.0]])
SEEDS = st.integers(0, 2**31)
GRID = np.stack(np.meshgrid(np.linspace(0, 100, 5), np.linspace(0, 100, 5)), -1).reshape(-1, 2)


def known(model: str, rng: np.random.Generator) -> Transform:
    """Return a random map of a model that keeps the field of 100 in view."""
    turn, size = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 5)
    flip = rng.choice([-1.0, 1.0])
    linear = size * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    linear = linear @ np.diag([flip, 1.0])
    if model != "similarity":
        linear = linear @ np.array([[1.0, rng.uniform(-0.3, 0.3)], [0.0, rng.uniform(0.7, 1.4)]])
    matrix = Pose(linear, rng.uniform(-200, 200, 2)).matrix
    if model == "projective":
        matrix = matrix @ np.array([[1, 0, 0], [0, 1, 0], [*rng.uniform(-1e-3, 1e-3, 2), 1.0]])
        matrix /= matrix[2, 2]
    if model != "thin-plate":
        return Transform(model, matrix)
    affine = Transform("affine", matrix)
    bumps = affine.scale * rng.normal(scale=3.0, size=GRID.shape)
    return Transform(model, matrix, GRID, affine.apply(GRID) + bumps)


@given(SEEDS, st.sampled_from(["similarity", "affine", "projective"]))
@settings(max_examples=60, deadline=None)
def test_a_known_map_is_recovered_from_noisy_landmarks(seed: int, model: str) -> None:
    rng = np.random.default_rng(seed)
    true = known(model, rng)
    source = rng.uniform(0, 100, (40, 2))
    noise = 0.3 * true.scale
    found = fit_transform(source, true.apply(source) + noise * rng.normal(size=(40, 2)), model)
    off = residuals(found, GRID, true.apply(GRID))
    assert np.sqrt((off**2).mean()) < 1.5 * noise
    assert found.reflected == true.reflected


@given(SEEDS)
@settings(max_examples=15, deadline=None)
def test_a_known_spline_is_recovered_at_and_between_noisy_landmarks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    true = known("thin-plate", rng)
    source = np.vstack([GRID, rng.uniform(0, 100, (60, 2))])
    noise = 0.3 * true.scale
    target = true.apply(source) + noise * rng.normal(size=source.shape)
    found = fit_transform(source, target, "thin-plate", smoothing=1e-3)
    inside = rng.uniform(10, 90, (100, 2))
    off = residuals(found, inside, true.apply(inside))
    assert np.sqrt((off**2).mean()) < 3 * noise
    affine = residuals(fit_transform(source, target, "affine"), inside, true.apply(inside))
    assert np.sqrt((off**2).mean()) < np.sqrt((affine**2).mean())


@given(SEEDS, st.sampled_from(list(LEAST_PAIRS)))
@settings(max_examples=40, deadline=None)
def test_the_inverse_undoes_a_map_and_its_dictionary_keeps_it(seed: int, model: str) -> None:
    rng = np.random.default_rng(seed)
    true = known(model, rng)
    inside = rng.uniform(20, 80, (30, 2))
    sent = true.apply(inside)
    if model != "thin-plate":  # a spline of random bumps may fold, and then has no inverse
        np.testing.assert_allclose(true.inverse_apply(sent), inside, atol=1e-6)
    np.testing.assert_allclose(Transform.from_dict(true.to_dict()).apply(inside), sent)
    pose = Pose(np.array([[0.0, 2.0], [2.0, 0.0]]), np.array([5.0, 6.0]))
    np.testing.assert_allclose(true.before(pose).apply(inside), pose.apply(sent), atol=1e-6)
    scaled = true.rescaled(0.5, 4.0).apply(inside / 0.5)
    np.testing.assert_allclose(scaled, sent / 4.0, atol=1e-6)


def test_a_gentle_spline_is_undone() -> None:
    rng = np.random.default_rng(3)
    spline = fit_transform(GRID, GRID + rng.normal(scale=1.0, size=GRID.shape), "thin-plate")
    inside = rng.uniform(10, 90, (50, 2))
    np.testing.assert_allclose(spline.inverse_apply(spline.apply(inside)), inside, atol=1e-6)


def test_a_mirrored_tissue_is_found_as_mirrored_by_every_model() -> None:
    mirrored = CORNERS * [-1.0, 1.0] + 7.0
    for model in LEAST_PAIRS:
        assert fit_transform(CORNERS, mirrored, model).reflected
    assert not fit_transform(CORNERS, mirrored, reflection=False).reflected


@pytest.mark.parametrize(("model", "least"), LEAST_PAIRS.items())
def test_too_few_pairs_say_how_many_are_missing(model: str, least: int) -> None:
    for k in range(least):
        with pytest.raises(InputError, match=f"at least {least} pairs .* found {k}") as caught:
            fit_transform(CORNERS[:k], CORNERS[:k], model)
        assert f"Try {least - k} more pair" in caught.value.remedy


@pytest.mark.parametrize("model", LEAST_PAIRS)
@pytest.mark.parametrize("side", ["layer", "image"])
def test_pairs_on_a_line_or_in_one_place_are_refused(model: str, side: str) -> None:
    line = np.outer(np.arange(5.0), [3.0, 1.0]) + 1e4
    for points, problem in ((line, "on one line"), (np.full((5, 2), 4.0), "in one place")):
        pair = (points, CORNERS) if side == "layer" else (CORNERS, points)
        with pytest.raises(InputError, match=f"on the {side} .* {problem}"):
            fit_transform(*pair, model)


def test_two_pairs_in_one_place_are_named_where_a_spline_would_tear() -> None:
    twice = CORNERS[[0, 1, 2, 3, 1]]
    with pytest.raises(InputError, match="pairs 2 and 5 in one"):
        fit_transform(twice, CORNERS, "thin-plate")


def test_three_of_four_on_a_line_do_not_fix_a_projective_map() -> None:
    four = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [1.0, 1.0]])
    with pytest.raises(InputError, match="projective"):
        fit_transform(
            four, np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0], [1.0, 3.0]]), "projective"
        )


def test_wrong_numbers_shapes_and_models_are_refused() -> None:
    with pytest.raises(InputError, match="pair 3"):
        fit_transform(CORNERS, np.where(np.arange(5)[:, None] == 2, np.nan, CORNERS))
    with pytest.raises(InputError, match="in pairs"):
        fit_transform(CORNERS, CORNERS[:3])
    with pytest.raises(InputError, match="model of similarity"):
        fit_transform(CORNERS, CORNERS, "rubber")
    with pytest.raises(InputError, match="3 x 3 matrix"):
        Transform.from_dict({"model": "affine", "matrix": [1.0]})


def test_points_beyond_the_horizon_are_refused() -> None:
    steep = Transform("projective", np.array([[1.0, 0, 0], [0, 1, 0], [0.01, 0, 1]]))
    with pytest.raises(InputError, match="horizon"):
        steep.apply(np.array([[0.0, 0.0], [-200.0, 0.0]]))


@pytest.mark.parametrize("model", LEAST_PAIRS)
def test_a_pair_that_the_others_contradict_is_named_and_good_ones_are_not(model: str) -> None:
    false_alarms = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        source = rng.uniform(0, 100, (9, 2))
        target = known("affine", rng).apply(source) + rng.normal(scale=0.3, size=(9, 2))
        judged = fit_pairs(source, target, "affine" if model == "similarity" else model)
        false_alarms += judged.outlier is not None
        target[4] += 20.0
        bad = fit_pairs(source, target, "affine" if model == "similarity" else model)
        assert bad.outlier == 4
        assert bad.left_out[4] > 5 * np.median(judged.left_out)
    assert false_alarms <= 2


def test_left_out_errors_are_unknown_where_the_others_are_too_few() -> None:
    fit = fit_pairs(CORNERS[:3], CORNERS[:3])
    assert np.isnan(fit.left_out).all() and fit.outlier is None and fit.rmse < 1e-9
