"""Leave-one-out error of landmarks: solve eqs. 6-7 again without each of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.solver.bending import field_at, fit_smoothness
from napari_spatialrecon.geometry.solver.landmarks import Landmarks, fit_scale
from napari_spatialrecon.geometry.solver.place_solver import PlaceSolver

#: Size of the sample of cells, besides the landmarks: the position of a landmark depends on the
#: mean pull of the other cells, which the sample estimates just as well.
_CELLS = 300

#: Tolerance of a solve, as a share of the layout's radius: far below any reported error.
_TOLERANCE = 2e-3


def left_out_errors(
    layout: np.ndarray, landmarks: Landmarks, *, bend: bool = False, seed: int = 0
) -> Iterator[float]:
    """Yield the distance from each landmark to its cell as placed without that landmark.

    λ is refitted without it too. Each takes one solve on a sample of the cells, so that its time
    does not grow with their number. If the layout bends, the field is fitted without the landmark
    as well; only its smoothness is that of all landmarks.

    Parameters
    ----------
    layout : (n, d) float
        Layout before posing, in the unit of the positions; of two dimensions if it bends.
    landmarks
        Rows of `layout`, and their positions.
    bend
        Whether the smooth residual is applied too (`geometry.solver.bending`).
    seed
        Seed of the sample.

    Yields
    ------
    A distance in the unit of the positions; NaN if the others do not determine the pose.
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
