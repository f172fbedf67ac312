"""A small map for each cell type."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.evaluation.type_maps import type_maps


@pytest.fixture
def slide():
    points = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    shares = pd.DataFrame({"L2_3 IT": [0.1, 0.2, 0.3], "Astro": [0.9, 0.8, 0.7]})
    return points, shares


def test_each_type_has_a_map_in_the_order_of_its_share(slide):
    maps = type_maps(*slide).axes
    assert [ax.get_title() for ax in maps] == ["Astro, 0 to 0.90", "L2_3 IT, 0 to 0.30"]
    (points,) = maps[1].collections
    np.testing.assert_array_equal(points.get_offsets(), slide[0])
    np.testing.assert_array_equal(points.get_array(), slide[1]["L2_3 IT"])
    assert maps[0].yaxis_inverted()


def test_a_type_is_asked_for_by_its_own_name_and_an_unknown_one_is_refused(slide):
    (only,) = type_maps(*slide, types=["L2/3 IT"]).axes
    assert only.get_title() == "L2/3 IT, 0 to 0.30"
    with pytest.raises(InputError, match="found Sst, which it lacks") as caught:
        type_maps(*slide, types=["Sst"])
    assert "L2_3 IT" in caught.value.remedy
