from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from napari.layers import Points

from napari_spatialrecon.viewer.canvas.colors import set_point_colors
from napari_spatialrecon.viewer.canvas.palette import to_rgba
from napari_spatialrecon.viewer.legend.model import Legend

TYPES = pd.Categorical(["a", "b", "a", None, "c", "b"])


@pytest.fixture
def points() -> Points:
    layer = Points(np.arange(12.0).reshape(6, 2))
    set_point_colors(layer, TYPES, title="type")
    return layer


def test_it_lists_names_counts_and_the_missing(points: Points) -> None:
    entries = Legend(points).entries
    assert [(e.name, e.count, e.missing) for e in entries] == [
        ("a", 2, False),
        ("b", 2, False),
        ("c", 1, False),
        ("missing", 1, True),
    ]


def test_hiding_a_category_hides_its_points_and_showing_brings_them_back(points: Points) -> None:
    legend = Legend(points)
    legend.toggle(1)
    assert points.shown.tolist() == [True, False, True, True, True, False]
    legend.toggle(1)
    assert points.shown.all()


def test_solo_shows_one_alone_and_again_all(points: Points) -> None:
    legend = Legend(points)
    legend.toggle_solo(2)
    assert np.flatnonzero(points.shown).tolist() == [4]
    assert legend.solo == 2
    legend.toggle_solo(2)
    assert points.shown.all() and legend.solo is None


def test_points_hidden_by_others_stay_hidden(points: Points) -> None:
    points.shown = [False, True, True, True, True, True]
    legend = Legend(points)
    legend.toggle(1)
    legend.show_all()
    assert points.shown.tolist() == [False, True, True, True, True, True]


def test_another_coloring_shows_everything_again(points: Points) -> None:
    legend = Legend(points)
    legend.toggle(0)
    set_point_colors(points, np.arange(6.0), title="ERBB2")
    assert points.shown.all() and not legend.hidden
    assert legend.key is not None and legend.key.limits == (0.0, 5.0)


def test_recoloring_a_category_keeps_what_is_hidden(points: Points) -> None:
    legend = Legend(points)
    legend.toggle(1)
    legend.recolor(0, "#102030")
    np.testing.assert_allclose(points.face_color[[0, 2]], np.tile(to_rgba("#102030"), (2, 1)))
    assert legend.hidden == {1}
    assert not points.shown[1]


def test_leaving_a_layer_shows_its_points_again(points: Points) -> None:
    legend = Legend(points)
    legend.toggle(0)
    legend.set_layer(None)
    assert points.shown.all() and legend.entries == ()


def test_missing_values_of_a_gene_can_be_hidden(points: Points) -> None:
    set_point_colors(points, np.array([1.0, np.nan, 2.0, 3.0, np.nan, 4.0]))
    legend = Legend(points)
    legend.toggle(0)
    assert points.shown.tolist() == [True, False, True, True, False, True]


def test_removing_points_while_some_are_hidden_does_not_break_it(points: Points) -> None:
    legend = Legend(points)
    legend.toggle(0)
    points.selected_data = {0, 1}
    points.remove_selected()
    legend.set_layer(None)
    assert points.shown.shape == (4,)


def test_search_finds_whatever_the_case() -> None:
    layer = Points(np.zeros((30, 2)))
    set_point_colors(layer, pd.Categorical([f"Type {i}" for i in range(30)]))
    legend = Legend(layer)
    assert legend.searchable
    assert [legend.entries[i].name for i in legend.search("type 29")] == ["Type 29"]


def test_it_says_when_it_changes(points: Points) -> None:
    legend, calls = Legend(points), []
    legend.changed.connect(lambda: calls.append(1))
    legend.toggle(0)
    legend.recolor(0, "red")
    assert len(calls) == 2
