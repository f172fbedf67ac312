from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from napari.layers import Points

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.evaluation.palette import CATEGORIES, DISTINCT
from napari_spatialrecon.viewer.canvas import colors
from napari_spatialrecon.viewer.canvas.colors import (
    color_key,
    guess_kind,
    is_faded,
    set_point_colors,
    set_point_opacity,
)
from napari_spatialrecon.viewer.canvas.palette import (
    CERTAINTY,
    MISSING,
    category_rgba,
    color_map,
    to_rgba,
)


def layer(n: int = 6) -> Points:
    return Points(np.arange(2.0 * n).reshape(n, 2), border_width=0)


def test_a_gene_runs_from_one_end_of_the_color_map_to_the_other() -> None:
    from napari.utils.colormaps import ensure_colormap

    points = layer(3)
    key = set_point_colors(points, np.array([2.0, 4.0, 6.0]), title="ERBB2")
    ends = ensure_colormap("viridis").map(np.array([0.0, 1.0]))
    np.testing.assert_allclose(points.face_color[[0, 2]], ends, atol=1e-6)
    assert key.limits == (2.0, 6.0)
    assert points.face_colorbar.visible
    assert points.face_contrast_limits == (2.0, 6.0)


def test_categories_take_the_palette_in_order_and_hide_the_color_bar() -> None:
    points = layer(4)
    set_point_colors(points, np.arange(4.0))
    key = set_point_colors(points, pd.Categorical(["b", "a", "b", "c"]))
    assert [(e.name, e.count) for e in key.entries] == [("a", 1), ("b", 2), ("c", 1)]
    np.testing.assert_allclose(points.face_color[0], to_rgba(CATEGORIES[1]))
    assert not points.face_colorbar.visible


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        (np.array([1.0, np.nan, np.inf, 2.0]), 2),
        (pd.Categorical(["a", None, "b", None]), 2),
        (np.array(["a", None, "b", "c"], object), 1),
    ],
)
def test_missing_values_are_grey_and_counted(values: object, missing: int) -> None:
    points = layer(4)
    key = set_point_colors(points, values)
    assert key.missing == missing
    np.testing.assert_allclose(points.face_color[1], to_rgba(MISSING))


def test_all_values_missing_still_paints() -> None:
    points = layer(2)
    key = set_point_colors(points, np.array([np.nan, np.nan]))
    assert key.missing == 2
    np.testing.assert_allclose(points.face_color, np.tile(to_rgba(MISSING), (2, 1)))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (np.array([0, 1, 2]), "gene"),
        (np.array([0.5]), "gene"),
        (np.array([True, False]), "category"),
        (pd.Series(["x", "y"]), "category"),
        (pd.Categorical([1, 2]), "category"),
        (["x", "y"], "category"),
        ([1, 2], "gene"),
    ],
)
def test_numbers_are_never_taken_for_categories(values: object, kind: str) -> None:
    assert guess_kind(values) == kind


def test_a_gene_without_spread_paints_one_color() -> None:
    points = layer(3)
    set_point_colors(points, np.zeros(3))
    assert len(np.unique(points.face_color, axis=0)) == 1


def test_uncertainty_starts_at_zero() -> None:
    assert set_point_colors(layer(2), np.array([5.0, 9.0]), kind="uncertainty").limits == (0.0, 9.0)


def test_a_wrong_number_of_values_changes_nothing() -> None:
    points = layer(3)
    before = points.face_color.copy()
    with pytest.raises(InputError, match="3 points, found 2"):
        set_point_colors(points, np.arange(2.0))
    np.testing.assert_array_equal(points.face_color, before)


def test_one_redraw_for_one_recoloring() -> None:
    points, calls = layer(4), []
    points.events.face_color.connect(lambda: calls.append("face_color"))
    points._face.events.colors.connect(lambda: calls.append("colors"))
    set_point_colors(points, pd.Categorical(list("abca")))
    assert calls == ["face_color"]


def test_the_key_is_forgotten_when_someone_else_paints() -> None:
    points = layer(3)
    set_point_colors(points, np.arange(3.0))
    assert color_key(points) is not None
    points.face_color = "red"
    assert color_key(points) is None


def test_opacity_fades_the_uncertain_and_comes_back() -> None:
    points = layer(3)
    set_point_colors(points, pd.Categorical(list("aab")))
    before = points.face_color.copy()
    set_point_opacity(points, np.array([0.0, 5.0, np.nan]), least=0.2)
    np.testing.assert_allclose(points.face_color[:, 3], [1.0, 0.2, 0.2])
    assert color_key(points) is not None
    set_point_opacity(points, None)
    np.testing.assert_allclose(points.face_color, before)


def test_a_palette_by_name_leaves_the_others_as_they_are() -> None:
    colors = category_rgba(["a", "b"], {"b": "#ff0000"})
    np.testing.assert_allclose(colors[1], [1, 0, 0, 1])
    np.testing.assert_allclose(colors[0], to_rgba(CATEGORIES[0]))
    with pytest.raises(InputError, match="empty palette"):
        category_rgba(["a"], [])


def test_the_palette_stays_apart_for_deuteranopes_and_protanopes() -> None:
    from skimage.color import deltaE_ciede2000, rgb2lab

    colors = np.array([to_rgba(c)[:3] for c in (*CATEGORIES, MISSING)], np.float64)
    assert len(set(CATEGORIES)) == len(CATEGORIES) >= 40
    linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    for matrix in (np.eye(3), *_MACHADO):
        seen = np.clip(linear @ np.array(matrix).T, 0, 1)
        rgb = np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)
        lab = rgb2lab(rgb)
        distances = deltaE_ciede2000(lab[:, None], lab[None])
        assert distances[~np.eye(len(lab), dtype=bool)].min() > 5.0


_MACHADO = (
    [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
)


def test_the_thumbnail_follows_the_colors() -> None:
    layer = Points(np.random.default_rng(0).uniform(0, 10, (50, 2)))
    before = layer.thumbnail.copy()
    set_point_colors(layer, np.arange(50.0))
    assert not np.array_equal(layer.thumbnail, before)


def test_points_stay_faded_in_other_colors() -> None:
    layer = Points(np.zeros((3, 2)))
    set_point_opacity(layer, np.array([0.0, 1.0, np.nan]))
    set_point_colors(layer, pd.Categorical(["a", "b", "a"]))
    assert np.allclose(layer.face_color[:, 3], [1.0, 0.15, 0.15]) and is_faded(layer)
    set_point_opacity(layer, None)
    assert (layer.face_color[:, 3] == 1).all() and not is_faded(layer)


def test_rims_fade_with_their_points_and_come_back() -> None:
    layer = Points(np.zeros((2, 2)), border_color=["white", "transparent"])
    set_point_opacity(layer, np.array([1.0, 1.0]))
    assert np.allclose(layer.border_color[:, 3], [layer.face_color[0, 3], 0])
    set_point_opacity(layer, np.array([0.0, 1.0]))
    set_point_opacity(layer, None)
    assert np.allclose(layer.border_color[:, 3], [1, 0])


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (["10", "9", "0"], ["0", "9", "10"]),
        (["c 10", "c 9"], ["c 9", "c 10"]),
        (pd.Categorical(["10", "9"], categories=["9", "10"], ordered=True), ["9", "10"]),
        (pd.Categorical(["b", "a"], categories=["b", "a"]), ["b", "a"]),
        (pd.Categorical(["10", "9"], categories=["10", "9"], ordered=True), ["10", "9"]),
        (pd.Categorical([10, 9]), ["9", "10"]),
    ],
)
def test_numbers_in_names_count_as_numbers(values: Sequence[Any], names: list[str]) -> None:
    key = set_point_colors(layer(len(values)), values)
    assert [entry.name for entry in key.entries] == names
    assert [key.entries[code].name for code in key.codes] == [str(v) for v in values]


def test_the_first_colors_survive_haematoxylin_and_eosin() -> None:
    from skimage.color import deltaE_ciede2000, rgb2lab

    stain = "#9989B4 #B4A7CA #776C9B #4F4C7D #DACAE1 #262759 #E6CFE5 #53497C #292456 #C77FB0"
    tissue = rgb2lab(np.array([to_rgba(c)[:3] for c in stain.split()], np.float64))
    ours = rgb2lab(np.array([to_rgba(c)[:3] for c in CATEGORIES[:DISTINCT]], np.float64))
    assert deltaE_ciede2000(ours[:, None], tissue[None]).min() > 15
    certain = rgb2lab(color_map(CERTAINTY).map(np.array([0.0]))[:, :3].astype(float))
    assert deltaE_ciede2000(certain, tissue).min() > 30
    unsure = rgb2lab(color_map(CERTAINTY).map(np.array([1.0]))[:, :3].astype(float))
    assert certain[0, 0] > unsure[0, 0] + 30


def test_the_first_twelve_colors_are_far_apart_for_everybody() -> None:
    from skimage.color import deltaE_ciede2000, rgb2lab

    colors = np.array([to_rgba(c)[:3] for c in CATEGORIES[:12]], np.float64)
    linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    for matrix in (np.eye(3), *_MACHADO):
        seen = np.clip(linear @ np.array(matrix).T, 0, 1)
        rgb = np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)
        lab = rgb2lab(rgb)
        distances = deltaE_ciede2000(lab[:, None], lab[None])
        assert distances[~np.eye(len(lab), dtype=bool)].min() > 10


@pytest.mark.parametrize("values", [np.linspace(0, 1, 3), ["a", "b", "a"]])
def test_napari_keeps_the_colors_that_it_is_given_without_converting_them(
    values: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[np.ndarray] = []
    points = layer(3)
    assign = colors._assign
    monkeypatch.setattr(colors, "_assign", lambda of, rgba: given.append(rgba) or assign(of, rgba))
    set_point_colors(points, values)
    assert points.face_color is given[0]
