"""Laying images over one another: a known pose is found again, real sections overlap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from skimage.draw import ellipse, polygon

from napari_spatialrecon.errors import InputError, Stopped
from napari_spatialrecon.geometry.procrustes import Pose
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.images import Histology, histology
from napari_spatialrecon.tissue.read import read_adata
from napari_spatialrecon.tissue.registration import (
    pixels_to_units,
    register_images,
    units_to_um,
)

SIDE = 300


def section(pose: Pose = Pose.identity()) -> np.ndarray:  # noqa: B008
    """An L of tissue with a dark and a pink part, moved by `pose` (pixels)."""
    rgb = np.full((SIDE, SIDE, 3), 240.0)
    rgb[polygon([80, 220, 220, 160, 160, 80], [90, 90, 210, 210, 140, 140])] = [170, 120, 185]
    rgb[ellipse(190, 180, 15, 22)] = [70, 50, 120]
    rgb[ellipse(110, 115, 20, 12)] = [215, 120, 170]
    inverse = pose.inverse()
    moved = [
        ndimage.affine_transform(
            rgb[..., c], inverse.linear[::-1, ::-1], inverse.translation[::-1], order=1, cval=240
        )
        for c in range(3)
    ]
    return np.rint(np.stack(moved, axis=-1)).astype(np.uint8)


def about_centre(angle: float, scale: float, flip: bool, shift: tuple[float, float]) -> Pose:
    c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    linear = scale * np.array([[c, -s], [s, c]]) @ np.diag([-1.0 if flip else 1.0, 1.0])
    centre = np.array([SIDE / 2, SIDE / 2])
    return Pose(linear, centre + shift - linear @ centre)


def image(rgb: np.ndarray, units: float = 1.0, um: float | None = None) -> Histology:
    return Histology([rgb], units, "section", um)


CORNERS = np.array([[90.0, 80.0], [90.0, 220.0], [210.0, 220.0], [140.0, 80.0]])


@pytest.mark.parametrize(
    ("angle", "scale", "flip", "shift"),
    [
        (0, 1.0, False, (20, -10)),
        (100, 1.0, False, (0, 5)),
        (-37, 0.85, False, (10, 10)),
        (200, 1.1, True, (-10, 0)),
    ],
)
def test_a_known_pose_is_found_again(angle, scale, flip, shift) -> None:
    pose = about_centre(angle, scale, flip, shift)
    found = register_images(image(section()), image(section(pose)))
    error = np.linalg.norm(found.pose.apply(CORNERS) - pose.apply(CORNERS), axis=1)
    assert error.max() < 2.5
    assert found.overlap > 0.95 and found.correlation > 0.9
    assert found.pose.reflected == flip


def test_the_pose_leads_from_frame_to_frame() -> None:
    pose = about_centre(30, 1.0, False, (5, 0))
    found = register_images(
        image(section(), units=4.0, um=0.5), image(section(pose), units=0.5, um=4.0)
    )
    expected = pose.apply(CORNERS) * 0.5
    assert np.linalg.norm(found.pose.apply(CORNERS * 4.0) - expected, axis=1).max() < 1.25
    np.testing.assert_allclose(found.matrix[:2, :2], found.pose.linear)


def test_without_reflection_none_is_found() -> None:
    pose = about_centre(0, 1.0, True, (0, 0))
    found = register_images(image(section()), image(section(pose)), reflection=False)
    assert not found.pose.reflected and found.overlap < 0.95


def test_the_same_images_give_the_same_pose() -> None:
    a, b = image(section()), image(section(about_centre(50, 1.0, False, (0, 0))))
    np.testing.assert_array_equal(register_images(a, b).matrix, register_images(a, b).matrix)


def test_glass_without_tissue_is_refused() -> None:
    with pytest.raises(InputError, match="Expected tissue"):
        register_images(image(np.full((SIDE, SIDE, 3), 240, np.uint8)), image(section()))


def test_it_stops_when_asked() -> None:
    with pytest.raises(Stopped):
        register_images(
            image(section()), image(section()), reporter=Reporter(should_stop=lambda: True)
        )


@given(st.floats(1e-3, 1e3), st.floats(-1e4, 1e4), st.floats(-1e4, 1e4))
def test_units_and_micrometres_go_back_and_forth(size: float, x: float, y: float) -> None:
    there = units_to_um(size)
    back = there.inverse().compose(there).apply(np.array([[x, y]]))
    np.testing.assert_allclose(back, [[x, y]], atol=1e-8)
    assert pixels_to_units(image(section(), units=size)).scale == pytest.approx(size)


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("moving", "fixed", "least"),
    [
        ("st_her2_he/C2", "st_her2_he/C5", 0.92),
        ("st_her2_he/C3", "st_her2_he/C5", 0.92),
        ("st_mob_he/MOB1", "st_mob_he/MOB4", 0.85),
    ],
)
def test_real_sections_of_one_block_overlap(realdata, moving, fixed, least) -> None:
    images = []
    for name in (moving, fixed):
        path = realdata / f"{name}.h5ad"
        images.append(histology(read_adata(path), path.parent))
    found = register_images(*images)
    assert found.overlap > least and found.correlation > 0.3
    assert not found.pose.reflected
