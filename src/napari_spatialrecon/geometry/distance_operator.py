"""All distances between cells, computed in blocks when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from napari_spatialrecon.errors import InputError

#: Distances that are in memory at one moment (64 MB).
_MOST = 8_000_000


@dataclass(frozen=True, eq=False)
class DistanceOperator:
    """The (n, n) matrix of distances of a layout, never held whole.

    Parameters
    ----------
    places : (n, d) float
        Intrinsic coordinates, in any unit.

    Examples
    --------
    >>> distances = DistanceOperator(np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]))
    >>> distances.block([0], [1, 2])
    array([[5., 1.]])
    >>> distances @ np.ones(3)
    array([6.        , 9.24264069, 5.24264069])
    """

    places: np.ndarray

    def __post_init__(self) -> None:
        if self.places.ndim != 2 or not np.isfinite(self.places).all():
            raise InputError(f"Expected finite places (n, d), found shape {self.places.shape}.")

    @property
    def shape(self) -> tuple[int, int]:
        """(n, n)."""
        return len(self.places), len(self.places)

    def block(self, rows: np.ndarray | list[int], columns: np.ndarray | list[int]) -> np.ndarray:
        """Return the distances of the cells `rows` to the cells `columns`."""
        return np.asarray(cdist(self.places[rows], self.places[columns]))

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield slices of rows and their distances to all cells, 64 MB at a time."""
        n = len(self.places)
        step = max(1, _MOST // max(n, 1))
        for start in range(0, n, step):
            rows = slice(start, min(start + step, n))
            yield rows, np.asarray(cdist(self.places[rows], self.places))

    def __matmul__(self, values: np.ndarray) -> np.ndarray:
        """Return the matrix times `values`, (n,) or (n, m)."""
        return np.concatenate([distances @ values for _, distances in self.blocks()])
