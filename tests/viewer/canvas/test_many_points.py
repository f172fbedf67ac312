from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Points

from napari_spatialrecon.viewer.canvas import many_points
from napari_spatialrecon.viewer.canvas.many_points import upload_less


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("hidden", [False, True])
def test_the_point_under_the_mouse_is_the_one_that_napari_finds(
    monkeypatch: pytest.MonkeyPatch, ndim: int, hidden: bool
) -> None:
    upload_less(lambda layer: True)
    rng = np.random.default_rng(0)
    points = rng.integers(0, 3, (400, ndim)) + rng.random((400, ndim)) * (0.0, 9.0, 9.0)[-ndim:]
    layer = Points(points, size=rng.uniform(0.2, 2.0, 400), scale=[1.0, 2.0, 1.0][-ndim:])
    if hidden:
        layer.shown = rng.random(400) < 0.5
    spots = [*points[:30], np.full(ndim, 50.0), *rng.random((30, ndim)) * 9]
    monkeypatch.setattr(many_points, "MANY", 1_000)
    known = [layer._get_value(spot) for spot in spots]
    monkeypatch.setattr(many_points, "MANY", 100)
    assert [layer._get_value(spot) for spot in spots] == known
    assert len(set(known)) > 5 and None in known
