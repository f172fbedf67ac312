"""Arrange the disconnected pieces of a layout."""

from __future__ import annotations

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.procrustes import fit_pose

#: Gap between pieces, and width of a row of small pieces, relative to the largest piece.
_GAP, _ROW = 0.05, 1.0


def by_piece(pieces: np.ndarray) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Return the cells ordered by piece, (n,) int, and where each piece begins and ends.

    Parameters
    ----------
    pieces : (n,) int
        Piece of each cell, numbered from 0 without gaps.
    """
    stops = np.cumsum(np.bincount(pieces)).tolist()
    return np.argsort(pieces, kind="stable"), list(zip([0, *stops[:-1]], stops, strict=True))


def pose_pieces(y: np.ndarray, pieces: np.ndarray, fallback: np.ndarray) -> np.ndarray:
    """Return `y` with each piece aligned to its cells in `fallback`, both (n, 2), without scaling.

    A piece that does not determine a pose (few or collinear cells) is only translated.
    """
    order, bounds = by_piece(pieces)
    posed = np.empty_like(y)
    for start, stop in bounds:
        cells = order[start:stop]
        own, target = y[cells], fallback[cells]
        try:
            posed[cells] = fit_pose(own, target, scaling=False).apply(own)
        except InputError:
            posed[cells] = own - own.mean(axis=0) + target.mean(axis=0)
    return posed


def pack(y: np.ndarray, pieces: np.ndarray) -> np.ndarray:
    """Return `y`, (n, 2), with the largest piece around 0 and the others in rows to its right."""
    order, bounds = by_piece(pieces)
    packed = y.copy()
    first = order[: bounds[0][1]]
    packed[first] -= y[first].mean(axis=0)
    low, high = packed[first].min(axis=0), packed[first].max(axis=0)
    size = float((high - low).max()) or 1.0
    left = high[0] + _GAP * size
    corner, row = np.array([left, low[1]]), 0.0
    for start, stop in bounds[1:]:
        cells = order[start:stop]
        extent = np.ptp(y[cells], axis=0)
        if corner[0] > left and corner[0] + extent[0] > left + _ROW * size:
            corner, row = np.array([left, corner[1] + row + _GAP * size]), 0.0
        packed[cells] = y[cells] - y[cells].min(axis=0) + corner
        corner[0] += extent[0] + _GAP * size
        row = max(row, float(extent[1]))
    return packed
