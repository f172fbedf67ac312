"""Which network sees what."""

from __future__ import annotations

import numpy as np
import pytest

from napari_spatialrecon.methods.dpvae.config import DPVAEConfig
from napari_spatialrecon.methods.ensemble.sight import IN_TURN, Sight, sight_of
from napari_spatialrecon.methods.ensemble.views import Embedded, View
from napari_spatialrecon.methods.gears.config import GearsConfig


def of_all(**how):
    return [sight_of(number, **{"views": 2, "inputs": "mixed", **how}) for number in range(8)]


def test_two_networks_each_see_a_view_in_turn():
    assert [sight.view for sight in of_all()] == [0, 0, 1, 1, 0, 0, 1, 1]
    assert {sight.view for sight in of_all(views=1)} == {0}


@pytest.mark.parametrize(
    "inputs, expected",
    [("mixed", [False, True]), ("components", [False, False]), ("directions", [True, True])],
)
def test_networks_see_components_or_directions(inputs, expected):
    assert [sight.directions for sight in of_all(inputs=inputs)] == 4 * expected


@pytest.mark.parametrize(
    "attention, expected",
    [
        ("mixed", [False, True, True, False]),
        ("set", 4 * [False]),
        ("none", 4 * [True]),
    ],
)
def test_cells_are_seen_alone_or_among_the_others(attention, expected):
    assert [sight.alone for sight in of_all(attention=attention)] == 2 * expected


def test_of_four_networks_either_kind_sees_both_inputs_and_both_scalings():
    for alone in (False, True):
        kind = [sight for sight in IN_TURN if sight.alone == alone]
        assert {sight.view for sight in kind} == {sight.directions for sight in kind} == {0, 1}


def test_the_config_says_what_a_network_sees():
    dpvae = DPVAEConfig(inputs="mixed")
    assert dpvae.sight(3, views=2) == Sight(view=1, directions=True, alone=False)
    gears = GearsConfig(inputs="components", attention="mixed")
    assert gears.sight(2, views=1) == Sight(view=0, directions=False, alone=True)


def test_a_network_is_shown_its_view_along_its_directions():
    rng = np.random.default_rng(0)
    views = tuple(
        View(None, (rng.normal(size=(5, 3)), rng.normal(size=(4, 3))), rng.normal(size=(3, 2)))
        for _ in range(2)
    )
    embedded = Embedded(None, views)
    plain = embedded.spots(Sight(view=0, directions=False, alone=False))
    assert [f is own for f, own in zip(plain, views[0].features, strict=True)] == [True, True]
    along = embedded.spots(Sight(view=1, directions=True, alone=False))
    np.testing.assert_allclose(along[1], views[1].features[1] @ views[1].directions, rtol=1e-5)
