"""Would the other landmarks have predicted this one? A new solve of eqs. 6-7 without it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.solver.bending import field_at, fit_smoothness
from napari_spatialrecon.geometry.solver.landmarks import Landmarks, fit_scale
from napari_spatialrecon.geometry.solver.place_solver import PlaceSolver

#: Cells that stand for all, the landmarks besides: a landmark's place depends on the mean pull of
#: the others, which these tell as well.
_CELLS = 300

#: Where a solve may end, as a share of the layout's radius: far below any error that is told.
_TOLERANCE = 2e-3


def left_out_errors(
    layout: np.ndarray, landmarks: Landmarks, *, bend: bool = False, seed: int = 0
) -> Iterator[float]:
    """Yield how far from each landmark the others alone place its cell, λ refitted without it.

    One solve each, on a sample of the cells, so that the time of each does not grow with them.
    Where the layout bends, its field is that of the others too; its smoothness stays that of all.

    Parameters
    ----------
    layout : (n, 2) float
        Before its pose, in the unit of the places.
    landmarks
        Rows of `layout`, and where they sit.
    bend
        Whether the smooth residual moves the cells too (`geometry.bending`).
    seed
        Of the sample.

    Yields
    ------
    A distance in the unit of the places; NaN where the others do not fix the pose.
    """
    landmarks.check_cells(len(layout))
    known, k = landmarks.indices, len(landmarks)
    free = np.setdiff1d(np.arange(len(layout)), known)
    if len(free) > _CELLS:
        free = np.random.default_rng(seed).choice(free, _CELLS, replace=False)
    part = layout[np.concatenate([known, free])]
    solver = PlaceSolver(part)
    smoothness = fit_smoothness(layout, landmarks) if bend else None
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
            place = solver.solve(rest, scale=scale, tolerance=_TOLERANCE).places[left]
            if smoothness is not None:
                others = dataclasses.replace(rest, indices=known[rows])
                place = place + field_at(layout, others, smoothness, known[[left]])[0]
        except InputError:
            yield float("nan")
        else:
            yield float(np.linalg.norm(place - landmarks.places[left]))
