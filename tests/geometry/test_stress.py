from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from napari_spatialrecon.errors import InputError, Stopped
from napari_spatialrecon.geometry.procrustes import fit_pose, procrustes_error
from napari_spatialrecon.geometry.stress import along_path, stress_layout
from napari_spatialrecon.progress import Reporter

CELLS = np.random.default_rng(3).uniform(size=(400, 2)) * [3, 2]
SHAKEN = CELLS + np.random.default_rng(4).normal(scale=0.2, size=CELLS.shape)


@pytest.mark.parametrize("count", [40, 400])
def test_exact_distances_give_exact_places(count: int) -> None:
    anchors = along_path(SHAKEN, count)
    found = stress_layout(cdist(CELLS, CELLS[anchors]), anchors, SHAKEN)
    assert found.stress < 1e-3
    off = cdist(found.places, found.places[anchors]) - cdist(CELLS, CELLS[anchors])
    assert np.square(off).mean(axis=1).max() < 1e-4
    assert procrustes_error(CELLS, found.places) < 1e-3 < procrustes_error(CELLS, SHAKEN)


def test_no_small_move_of_any_cell_lowers_the_stress() -> None:
    generator = np.random.default_rng(0)
    noise = generator.normal(scale=0.3, size=(400, 400))
    wanted, anchors = np.abs(cdist(CELLS, CELLS) + noise + noise.T), np.arange(400)
    found = stress_layout(wanted, anchors, SHAKEN)
    lost = wanted - cdist(found.places, found.places)
    assert found.stress == pytest.approx(np.sqrt((lost**2).sum() / (wanted**2).sum()))
    for _ in range(20):
        moved = found.places + generator.normal(scale=0.02, size=(400, 2))
        lost = wanted - cdist(moved, moved)
        assert np.sqrt((lost**2).sum() / (wanted**2).sum()) > found.stress


def test_places_follow_the_cells_not_their_order() -> None:
    flat = np.column_stack([SHAKEN, np.random.default_rng(1).normal(size=400)])
    order = np.random.default_rng(2).permutation(400)

    def laid(points: np.ndarray, start: np.ndarray) -> np.ndarray:
        anchors = along_path(start, 100)
        return stress_layout(cdist(points, points[anchors]), anchors, start).places

    np.testing.assert_allclose(
        laid(flat[order], SHAKEN[order]), laid(flat, SHAKEN)[order], atol=1e-6
    )


def test_poses_of_the_start_do_not_matter() -> None:
    wanted, anchors = cdist(SHAKEN, SHAKEN[:100]) * 1.1, np.arange(100)
    turned = fit_pose(CELLS, CELLS[:, ::-1] + 3.0).apply(CELLS)
    found, other = (stress_layout(wanted, anchors, start) for start in (CELLS, turned))
    assert other.stress == pytest.approx(found.stress, abs=1e-4)
    assert procrustes_error(found.places, other.places) < 1e-2


def test_anchors_lie_as_the_cells_do() -> None:
    crowd = np.concatenate([CELLS[:300] * 0.1, CELLS[300:]])
    anchors = along_path(crowd, 100)
    assert len(np.unique(anchors)) == 100
    assert (anchors < 300).mean() == pytest.approx(0.75, abs=0.05)
    nearest = cdist(crowd, crowd[anchors]).min(axis=1)
    drawn = np.random.default_rng(0).choice(400, 100, replace=False)
    assert nearest.mean() < cdist(crowd, crowd[drawn]).min(axis=1).mean()


@pytest.mark.parametrize("n", [1, 2, 5])
def test_few_cells_and_cells_in_one_place_are_no_error(n: int) -> None:
    for cells in (CELLS[:n], np.zeros((n, 2))):
        found = stress_layout(cdist(cells, cells), np.arange(n), cells)
        assert np.isfinite(found.places).all() and np.isfinite(found.stress)


def test_bad_input_and_stopping() -> None:
    wanted, anchors = cdist(CELLS, CELLS[:50]), np.arange(50)
    with pytest.raises(InputError, match="shapes"):
        stress_layout(wanted[:, :49], anchors, CELLS)
    with pytest.raises(InputError, match="finite"):
        stress_layout(wanted * np.nan, anchors, CELLS)
    with pytest.raises(Stopped):
        stress_layout(wanted, anchors, SHAKEN, reporter=Reporter(should_stop=lambda: True))
