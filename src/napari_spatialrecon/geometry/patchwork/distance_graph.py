"""Target distances of some pairs of cells, with weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.patchwork.locality import pieces


@dataclass(frozen=True, eq=False)
class DistanceGraph:
    """Pairs of cells with target distances.

    Parameters
    ----------
    n
        Number of cells.
    first, second : (m,) int
        The two cells of each pair; no pair occurs twice.
    distances : (m,) float
        Target distance, at least 0, in any unit.
    weights : (m,) float
        Confidence, above 0.

    Raises
    ------
    InputError
        A pair names a cell that does not exist or one cell twice, or a number is out of bounds.
    """

    n: int
    first: np.ndarray
    second: np.ndarray
    distances: np.ndarray
    weights: np.ndarray

    def __post_init__(self) -> None:
        shapes = {a.shape for a in (self.first, self.second, self.distances, self.weights)}
        if len(shapes) != 1 or self.first.ndim != 1:
            raise InputError(f"Expected four arrays of one length, found shapes {sorted(shapes)}.")
        if not len(self.first):
            return
        ends = np.stack([self.first, self.second])
        if ends.min() < 0 or ends.max() >= self.n or (ends[0] == ends[1]).any():
            raise InputError(f"Expected pairs of different cells from 0 to {self.n - 1}.")
        if not (np.isfinite(self.distances).all() and (self.distances >= 0).all()):
            raise InputError("Expected finite distances of at least 0, found others.")
        if not (np.isfinite(self.weights).all() and (self.weights > 0).all()):
            raise InputError("Expected finite weights above 0, found others.")

    @property
    def matrix(self) -> csr_matrix:
        """The distances as an (n, n) symmetric matrix; distances of 0 are stored too."""
        return self.symmetric(self.distances)

    @property
    def pieces(self) -> np.ndarray:
        """Connected component of each cell, (n,) int, 0 for the largest."""
        return pieces(self.symmetric(np.ones(len(self.first))))

    def symmetric(self, values: np.ndarray) -> csr_matrix:
        """Return the symmetric (n, n) matrix with `values`, (m,), at both entries of each pair."""
        rows = np.concatenate([self.first, self.second])
        columns = np.concatenate([self.second, self.first])
        return csr_matrix((np.concatenate([values, values]), (rows, columns)), (self.n, self.n))
