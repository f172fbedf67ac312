from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.procrustes import Pose
from napari_spatialrecon.tissue.images import Histology, histology
from napari_spatialrecon.tissue.outline import start_by_outline
from napari_spatialrecon.tissue.read import read_adata


def picture(wanted: np.ndarray) -> np.ndarray:
    """Return an H&E of pink tissue on white, (y, x, 3), where `wanted` says."""
    rng = np.random.default_rng(0)
    rgb = np.full((*wanted.shape, 3), 245.0)
    rgb[wanted] = [200, 90, 150]
    return np.clip(rgb + rng.normal(scale=6, size=rgb.shape), 0, 255).astype(np.uint8)


def letter() -> np.ndarray:
    """Return a mask (300, 400) without symmetry: a thick L with a blob."""
    y, x = np.mgrid[:300, :400]
    bar = (x > 90) & (x < 160) & (y > 40) & (y < 250)
    foot = (x >= 160) & (x < 320) & (y > 190) & (y < 250)
    return bar | foot | ((x - 280) ** 2 + (y - 170) ** 2 < 35**2)


def spots(mask: np.ndarray, step: int = 8) -> np.ndarray:
    """Return a grid of points (x, y) on a mask."""
    y, x = np.mgrid[: mask.shape[0] : step, : mask.shape[1] : step]
    at = np.column_stack([x.ravel(), y.ravel()])
    return at[mask[at[:, 1], at[:, 0]]].astype(float)


@pytest.mark.parametrize(("degrees", "flip"), [(0, 1), (40, 1), (170, 1), (25, -1)])
@pytest.mark.parametrize("scaled", [True, False])
def test_the_pose_of_an_asymmetric_tissue_is_found_also_mirrored(
    degrees: float, flip: int, scaled: bool
) -> None:
    mask = letter()
    true = spots(mask)
    turn = np.deg2rad(degrees)
    linear = 0.1 * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    moved = Pose(linear @ np.diag([flip, 1.0]), np.array([70.0, -30.0])).apply(true)
    um = 2.0 if scaled else None
    image = Histology([picture(mask)], 1.0, "L", um)
    found = start_by_outline(moved, image, um_per_unit=20.0 if scaled else None)
    off = np.linalg.norm(found.pose.apply(moved) - true, axis=1)
    assert np.sqrt((off**2).mean()) < 8 and found.overlap > 0.85
    assert found.pose.reflected == (flip < 0) and not found.ambiguous


def test_a_disc_says_that_its_direction_is_open_and_stays_unturned() -> None:
    y, x = np.mgrid[:300, :300]
    mask = (x - 150) ** 2 + (y - 150) ** 2 < 100**2
    found = start_by_outline(spots(mask) + 40, Histology([picture(mask)], 1.0, "disc"))
    assert found.ambiguous and not found.pose.reflected
    turned = np.degrees(np.arctan2(found.pose.linear[1, 0], found.pose.linear[0, 0]))
    assert abs(turned) < 15


def test_an_empty_image_and_spots_on_a_line_are_refused() -> None:
    blank = Histology([np.full((100, 100, 3), 240, np.uint8)], 1.0, "blank")
    with pytest.raises(InputError, match="tissue on the image"):
        start_by_outline(spots(letter()), blank)
    line = np.column_stack([np.arange(9.0), np.zeros(9)])
    with pytest.raises(InputError, match="span the plane"):
        start_by_outline(line, Histology([picture(letter())], 1.0, "L"))


@pytest.mark.realdata
def test_a_turned_olfactory_bulb_is_laid_back_on_its_histology(realdata: Path) -> None:
    folder = realdata / "st_mob_he"
    adata = read_adata(folder / "MOB1.h5ad")
    true = np.asarray(adata.obsm["spatial"], float)
    turn = np.deg2rad(12)
    linear = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    moved = (true - true.mean(0)) @ (0.97 * linear).T + true.mean(0) + [60, -35]
    image = histology(adata, folder)
    found = start_by_outline(moved, image, um_per_unit=image.um_per_unit)
    off = np.linalg.norm(found.pose.apply(moved) - true, axis=1) * image.um_per_unit
    assert np.sqrt((off**2).mean()) < 60
