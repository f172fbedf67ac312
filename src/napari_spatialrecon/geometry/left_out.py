"""Would the other landmarks have predicted this one? A new solve of eqs. 6-7 without it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.distance_geometry import PlaceSolver
from napari_spatialrecon.geometry.landmarks import Landmarks, fit_scale

#: Cells that stand for all, the landmarks besides: a landmark's place depends on the mean pull of
#: the others, which these tell as well.
_CELLS = 300

#: Where a solve may end, as a share of the layout's radius: far below any error that is told.
_TOLERANCE = 2e-3


def left_out_errors(layout: np.ndarray, landmarks: Landmarks, *, seed: int = 0) -> Iterator[float]:
    """Yield how far from each landmark the others alone place its cell, λ refitted without it.

    One solve each, on a sample of the cells, so that the time of each does not grow with them.

    Parameters
    ----------
    layout : (n, 2) float
        Before its pose, in the unit of the places.
    landmarks
        Rows of `layout`, and where they sit.
    seed
        Of the sample.

    Yields
    ------
    A distance in the unit of the places; NaN where the others do not fix the pose.
    """
    landmarks.check_cells(len(layout))
    known, k = landmarks.indices, len(landmarks)
    others = np.setdiff1d(np.arange(len(layout)), known)
    if len(others) > _CELLS:
        others = np.random.default_rng(seed).choice(others, _CELLS, replace=False)
    part = layout[np.concatenate([known, others])]
    solver = PlaceSolver(part)
    for left in range(k):
        rows = np.delete(np.arange(k), left)
        try:
            rest = dataclasses.replace(
                landmarks,
                indices=rows,
                places=landmarks.places[rows],
                hard=landmarks.hard[rows],
                weights=landmarks.weights[rows],
            )
            scale = fit_scale(part, rest, trained=1.0)
            found = solver.solve(rest, scale=scale, tolerance=_TOLERANCE)
        except InputError:
            yield float("nan")
        else:
            yield float(np.linalg.norm(found.places[left] - landmarks.places[left]))
