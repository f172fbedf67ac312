"""The array that spots were printed as: its pitch, from array indices and coordinates.

Visium spots form a hexagonal array, numbered like the eggs of a crate: even columns in even rows,
odd columns in odd rows. Neighbours in a row are 100 µm apart; the rows are 87.0 µm apart on real
slides, not 86.6 µm, so the scale is that of the columns and the rows only have to agree with it.
Spots of Spatial Transcriptomics (ST) form a square array.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

VISIUM, ST = "Visium", "ST"
PITCH_UM = {VISIUM: 100.0, ST: 200.0}
"""Distance between the centres of neighbouring spots in µm."""
SPOT_UM = {VISIUM: 55.0, ST: 100.0}
"""Diameter of a spot in µm."""

_LEAST = 6
#: Largest ratio of the scales along two directions: pixels are square, so more is no pose.
_STRETCH = 1.04
#: Largest root-mean-square distance from the array, in pitches; ST spots are printed within .1.
_DEVIATION = 0.15
#: Largest standard error of the pitch, relative to it.
_PRECISION = 0.005
#: Condition of the places of spots from which they lie on a line.
_NARROW = 1e8
#: Highest array index of ST (33 x 35 spots); larger square arrays are bins or channels.
_ST_MOST = 36


@dataclass(frozen=True)
class SpotArray:
    """An array of spots.

    Parameters
    ----------
    kind
        ``"Visium"`` or ``"ST"``.
    um_per_unit
        Micrometers in a unit of the coordinates.
    """

    kind: str
    um_per_unit: float

    @property
    def pitch(self) -> float:
        """Distance between neighbouring centres in units of the coordinates."""
        return PITCH_UM[self.kind] / self.um_per_unit


def find_array(row: Any, column: Any, points: NDArray[np.float64]) -> SpotArray | None:
    """Return the array whose indices and coordinates agree, by least squares over all spots.

    Parameters
    ----------
    row, column : (n,) numbers
        ``obs["array_row"]`` and ``obs["array_col"]`` of Space Ranger, from 0. Columns of Visium
        that were counted within their row (0 to 63) are recognised.
    points : (n, 2) float
        Centres (x, y) of the spots in any pose.

    Returns
    -------
    None where the spots are of neither array, too few, or too irregular for a pitch within .5%.

    Examples
    --------
    >>> row, column = np.divmod(np.arange(12), 4)
    >>> find_array(row, 2 * column + row % 2, np.c_[2 * column + row % 2, row * 3**0.5] * 7)
    SpotArray(kind='Visium', um_per_unit=7.142857142857143)
    """
    index = np.column_stack([_numbers(column), _numbers(row)])
    points = np.asarray(points, np.float64)
    known = np.isfinite(index).all(axis=1) & np.isfinite(points).all(axis=1)
    index, points = index[known], points[known]
    if len(index) < _LEAST:
        return None
    fits = [(kind, _fit(kind, places, points)) for kind, places in _places(index)]
    found = [(fit, kind) for kind, fit in fits if fit is not None]
    if not found:
        return None
    (_, scale), kind = min(found)
    return SpotArray(kind, scale)


def hexagonal_pitch(points: NDArray[np.float64]) -> float | None:
    """Return the distance between neighbours of a hexagonal array; None of other points.

    Found without indices, it is less precise: rounded coordinates shorten it by up to 1%.
    """
    from scipy.spatial import cKDTree

    if len(points) < 4 * _LEAST:
        return None
    distances = cKDTree(points).query(points, k=6)[0][:, 1:]
    first, fifth = np.median(distances, axis=0)[[0, 4]]
    low, high = np.quantile(distances[:, 0], (0.1, 0.9))
    even = 0 < fifth < 1.1 * first and high - low < 0.1 * first
    return float(np.median(distances)) if even else None


def spacing(points: NDArray[np.float64]) -> float:
    """Return the median distance of points (n, 2) to their nearest neighbour; 0 of one point."""
    from scipy.spatial import cKDTree

    return float(np.median(cKDTree(points).query(points, k=2)[0][:, 1])) if len(points) > 1 else 0.0


def _numbers(values: Any) -> NDArray[np.float64]:
    return np.asarray(pd.to_numeric(pd.Series(np.asarray(values)), errors="coerce"), np.float64)


def _places(index: NDArray[np.float64]) -> list[tuple[str, NDArray[np.float64]]]:
    """Return where the indices (column, row) would lie in µm, for each array they may be of."""
    column, row = index.T
    rise = PITCH_UM[VISIUM] * np.sqrt(3) / 2
    half = PITCH_UM[VISIUM] / 2
    whole = bool(np.allclose(index, np.rint(index)))
    odd = np.rint(row) % 2
    if whole and len(np.unique(np.rint(row + column) % 2)) == 1:
        return [(VISIUM, np.column_stack([column * half, row * rise]))]
    shifts = (odd, -odd) if whole else ()
    found = [(VISIUM, np.column_stack([(2 * column + s) * half, row * rise])) for s in shifts]
    if index.min() >= 0 and index.max() <= _ST_MOST:
        found.append((ST, index * PITCH_UM[ST]))
    return found


def _fit(
    kind: str, places: NDArray[np.float64], points: NDArray[np.float64]
) -> tuple[float, float] | None:
    """Return deviation in µm and µm per unit of the map from places to points, if it is a pose."""
    design = places - places.mean(axis=0)
    moved = points - points.mean(axis=0)
    spread = design.T @ design
    if not np.isfinite(spread).all() or np.linalg.cond(spread) > _NARROW:
        return None
    linear = np.linalg.solve(spread, design.T @ moved)
    scales = np.linalg.svd(linear, compute_uv=False)
    if not scales[1] > 0 or scales[0] > _STRETCH * scales[1]:
        return None
    errors = np.diag(np.linalg.inv(spread))
    if kind == VISIUM:
        um_per_unit, error = 1 / np.linalg.norm(linear[0]), errors[0]
    else:
        um_per_unit, error = 1 / np.sqrt(scales.prod()), errors.sum() / 4
    squares = (((moved - design @ linear) * um_per_unit) ** 2).sum()
    deviation = np.sqrt(squares / len(points))
    relative = np.sqrt(squares / (2 * len(points) - 6) * error)
    if deviation > _DEVIATION * PITCH_UM[kind] or relative > _PRECISION:
        return None
    return float(deviation), float(um_per_unit)
