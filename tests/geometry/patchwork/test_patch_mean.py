from __future__ import annotations

import numpy as np
import pytest

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.patchwork.global_solve import solve_graph
from napari_spatialrecon.geometry.patchwork.locality import locality_graph
from napari_spatialrecon.geometry.patchwork.patch_mean import patch_mean
from napari_spatialrecon.geometry.patchwork.patches import cover
from napari_spatialrecon.geometry.patchwork.stitching import stitch
from napari_spatialrecon.geometry.procrustes import fit_pose

N = 800
CELLS = np.random.default_rng(0).uniform(0, 500, (N, 2))
PATCHES = cover(locality_graph(CELLS, k=20).graph, 128)
ONES = np.ones(len(PATCHES))


def layouts(noise: float, d: int = 2) -> np.ndarray:
    """The patches' true places with noise, each in a pose of its own."""
    generator = np.random.default_rng(1)
    places = np.zeros((*PATCHES.shape, d))
    places[..., :2] = CELLS[PATCHES] + noise * generator.normal(size=(*PATCHES.shape, 2))
    turns = np.linalg.qr(generator.normal(size=(len(PATCHES), d, d)))[0]
    return places @ turns + 100 * generator.normal(size=(len(PATCHES), 1, d))


def off(places: np.ndarray) -> np.ndarray:
    """Squared distance of each cell to the truth after the best rigid pose."""
    posed = fit_pose(places, CELLS, scaling=False).apply(places)
    return ((posed - CELLS) ** 2).sum(axis=1)


@pytest.mark.parametrize("d", [2, 5])
def test_exact_patches_leave_exact_places_as_they_are(d: int) -> None:
    mean, spread = patch_mean(PATCHES, layouts(0.0, d), CELLS, ONES)
    np.testing.assert_allclose(mean, CELLS, atol=1e-9)
    np.testing.assert_allclose(spread, 0, atol=1e-18)


@pytest.mark.parametrize("noise", [5.0, 50.0])
def test_noise_falls_as_in_a_mean_and_the_spread_tells_it(noise: float) -> None:
    given = layouts(noise)
    stitched = stitch(PATCHES, given, N)
    solved = solve_graph(stitched.graph).places
    mean, spread = patch_mean(PATCHES, given, solved, stitched.reliability)
    ideal = 2 * noise**2 / stitched.support
    assert off(mean).mean() < 1.15 * ideal.mean() < off(solved).mean()
    told = spread / (stitched.support - 1)
    assert told.mean() == pytest.approx(off(mean).mean(), rel=0.2)


def test_a_patch_counts_as_much_as_it_is_reliable() -> None:
    given = layouts(0.0)
    given[2] = np.random.default_rng(3).permutation(given[2])
    weights = ONES.copy()
    weights[2] = 1e-6
    np.testing.assert_allclose(patch_mean(PATCHES, given, CELLS, weights)[0], CELLS, atol=1e-2)
    assert off(patch_mean(PATCHES, given, CELLS, ONES)[0]).max() > 100


def test_cells_without_a_patch_stay_and_the_input_too() -> None:
    places = CELLS.copy()
    mean, spread = patch_mean([np.arange(3, N)], [CELLS[3:]], places, np.ones(1))
    np.testing.assert_array_equal(mean[:3], CELLS[:3])
    np.testing.assert_array_equal(places, CELLS)
    assert np.isnan(spread).all()


def test_layouts_on_a_line_and_bad_weights_are_refused() -> None:
    with pytest.raises(InputError, match="2 dimensions"):
        patch_mean(PATCHES, layouts(0.0)[..., :1], CELLS, ONES)
    with pytest.raises(InputError, match="above 0"):
        patch_mean(PATCHES, layouts(0.0), CELLS, 0 * ONES)
