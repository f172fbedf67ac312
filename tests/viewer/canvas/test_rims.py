from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from napari.layers import Points

from napari_spatialrecon.evaluation.palette import CATEGORIES
from napari_spatialrecon.tissue.lazy_image import RgbImage
from napari_spatialrecon.viewer.canvas.colors import set_point_colors, set_point_opacity
from napari_spatialrecon.viewer.canvas.palette import CERTAINTY, color_map, to_rgba
from napari_spatialrecon.viewer.canvas.rims import (
    ground_color,
    has_rims,
    rim_colors,
    set_first_rims,
    set_rims,
    setting_rims,
    thin_rims,
)

BLACK, WHITE, STAIN = np.zeros(3), np.ones(3), np.array([0.60, 0.54, 0.71])


def luminance(color: np.ndarray) -> float:
    return float(np.asarray(color)[:3] ** 2.2 @ [0.2126, 0.7152, 0.0722])


def contrast(one: np.ndarray, other: np.ndarray) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("ground", [BLACK, WHITE, STAIN])
def test_every_color_of_ours_is_told_from_the_ground_by_face_or_rim(ground: np.ndarray) -> None:
    maps = [color_map(name).map(np.linspace(0, 1, 20)) for name in (CERTAINTY, "viridis")]
    faces = np.vstack([[to_rgba(c) for c in CATEGORIES], *maps])
    for face, rim in zip(faces, rim_colors(faces, ground), strict=True):
        assert max(contrast(face, ground), min(contrast(rim, ground), contrast(rim, face))) >= 1.9


def test_rims_follow_new_colors_and_fade_with_them() -> None:
    layer = Points(np.zeros((3, 2)))
    set_point_colors(layer, pd.Categorical(list("abc")), palette=["yellow", "navy", "yellow"])
    set_rims(layer, STAIN)
    before = layer.border_color.copy()
    assert before[0, 0] < 0.5 < before[1, 0] and (layer.border_width > 0).all()
    set_point_colors(layer, pd.Categorical(list("abc")), palette=["navy", "yellow", "yellow"])
    assert layer.border_color[1, 0] < 0.5 < layer.border_color[0, 0]
    set_point_opacity(layer, np.array([0.0, 1.0, np.nan]))
    set_point_colors(layer, pd.Categorical(list("aba")))
    assert np.allclose(layer.border_color[:, 3], layer.face_color[:, 3])
    set_rims(layer, None)
    assert (layer.border_width == 0).all() and not has_rims(layer)
    set_point_colors(layer, pd.Categorical(list("aba")))
    assert (layer.border_color[:, 3] == 0).all()


@pytest.mark.parametrize("meanwhile", ["nothing", "colors", "another ground", "none"])
def test_rims_that_are_made_in_steps_are_of_what_the_points_have_in_the_end(meanwhile: str) -> None:
    layer, other = Points(np.zeros((3, 2))), Points(np.zeros((3, 2)))
    palettes = {"colors": ["navy", "yellow", "yellow"]}
    for one in (layer, other):
        set_point_colors(one, pd.Categorical(list("abc")), palette=["yellow", "navy", "yellow"])
    steps = setting_rims(layer, STAIN)
    rims = next(steps)()
    ground = {"another ground": WHITE, "none": None}.get(meanwhile, STAIN)
    for one in (layer, other):
        if meanwhile in palettes:
            set_point_colors(one, pd.Categorical(list("abc")), palette=palettes[meanwhile])
    if ground is not STAIN:
        set_rims(layer, ground)
    with contextlib.suppress(StopIteration):
        steps.send(rims)
        next(steps)
    set_rims(other, ground)
    assert np.array_equal(layer.border_color, other.border_color)
    assert np.array_equal(layer.border_width, other.border_width)


def test_the_ground_is_the_image_under_the_points_and_else_the_canvas() -> None:
    viewer = ViewerModel()
    image = np.zeros((50, 50, 3), np.uint8)
    image[:25] = (200, 150, 200)
    viewer.add_image(image, scale=(2, 2), rgb=True)
    above = viewer.add_points(np.random.default_rng(0).uniform(5, 45, (20, 2)))
    np.testing.assert_allclose(ground_color(viewer, above), np.array([200, 150, 200]) / 255)
    viewer.layers[0].data = RgbImage(image)
    np.testing.assert_allclose(ground_color(viewer, above), np.array([200, 150, 200]) / 255)
    away = viewer.add_points(np.full((20, 2), 500.0))
    np.testing.assert_allclose(ground_color(viewer, away), viewer.canvas.background_color[:3])
    viewer.layers[0].visible = False
    np.testing.assert_allclose(ground_color(viewer, above), viewer.canvas.background_color[:3])


def test_rims_are_there_at_first_on_tissue_and_not_on_black() -> None:
    viewer = ViewerModel()
    dark = viewer.add_points(np.zeros((20, 2)))
    set_first_rims(viewer, dark)
    assert not has_rims(dark)
    viewer.add_image(np.full((50, 50, 3), 190, np.uint8), rgb=True)
    tissue = viewer.add_points(np.full((20, 2), 9.0))
    set_first_rims(viewer, tissue)
    assert has_rims(tissue)


def test_small_points_on_screen_keep_their_face(make_napari_viewer: Any) -> None:
    thin_rims()
    viewer = make_napari_viewer(show=True)
    viewer.add_image(np.full((100, 100, 3), 200, np.uint8), rgb=True)
    viewer.add_points(
        [[50, 50]],
        size=0.01,
        face_color="red",
        border_color="white",
        border_width=0.1,
        canvas_size_limits=(11, 1000),
    )
    seen = np.asarray(viewer.screenshot(flash=False))[..., :3].astype(int)
    red = (seen[..., 0] > 180) & (seen[..., 1] < 80)
    assert red.sum() > 40
