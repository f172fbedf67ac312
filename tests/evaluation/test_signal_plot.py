from __future__ import annotations

import dataclasses

import numpy as np

from napari_spatialrecon.evaluation.signal_plot import signal_plot
from napari_spatialrecon.tissue.spatial_signal import SpatialSignal

FOUND = SpatialSignal(
    spots=200,
    genes=50,
    moran=0.3,
    moran_shuffled=0.01,
    p_value=0.01,
    patterned=41,
    mantel=0.42,
    mantel_p_value=0.01,
    distances=np.array([100.0, 300.0, 900.0]),
    differences=np.array([0.7, 0.9, 1.2]),
)


def test_the_curve_is_drawn_beside_what_unrelated_spots_differ() -> None:
    (ax,) = signal_plot(FOUND, title="C2").axes
    line, curve = ax.lines
    assert set(line.get_ydata()) == {1.0}
    np.testing.assert_array_equal(curve.get_xydata(), np.c_[FOUND.distances, FOUND.differences])
    assert "µm" in ax.get_xlabel() and ax.get_ylim() == FOUND.drawn
    assert FOUND.drawn[0] < 0.7 and FOUND.drawn[1] > 1.2
    title = ax.get_title(loc="left")
    assert title.startswith("C2\n41 of 50 genes show a pattern") and "0.420" in title


def test_a_slide_without_pairs_or_micrometers_is_drawn_too() -> None:
    empty = dataclasses.replace(FOUND, distances=[], differences=[], unit="units", p_value=0.5)
    (ax,) = signal_plot(empty).axes
    assert "units" in ax.get_xlabel() and "no pattern" in ax.get_title(loc="left")
