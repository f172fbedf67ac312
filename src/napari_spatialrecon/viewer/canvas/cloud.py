"""The points of a layer that napari draws, as arrays that are quick to search."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari.layers import Points


class Cloud:
    """The points in the slice that a layer shows.

    Attributes
    ----------
    rows : (n,) int
        Of the layer.
    origin : (2,) float
        x, y of the layer's data that `x` and `y` are relative to.
    x, y : (n,) float32
        Infinite where they are not finite.
    """

    def __init__(self, layer: Points) -> None:
        self._data, self.rows = layer._data, layer._view_indices
        columns = layer._slice_input.displayed[-2:]
        self._whole = len(self.rows) == len(self._data)
        y, x = (self._data[:, i] if self._whole else self._data[self.rows, i] for i in columns)
        self.origin = np.array([_middle(x), _middle(y)])
        self.x, self.y = _near(x, self.origin[0]), _near(y, self.origin[1])

    def __len__(self) -> int:
        return len(self.x)

    def is_of(self, layer: Points) -> bool:
        """Return whether it still holds the points that the layer shows."""
        return self._data is layer._data and self.rows is layer._view_indices

    def inside(self, box: np.ndarray) -> np.ndarray:
        """Return which points lie in a box (2, 2), low and high x, y: (n,) bool."""
        if box.shape[1] != 2:
            return np.ones(len(self), bool)
        (left, top), (right, bottom) = (box - self.origin).astype(np.float32)
        found = self.x >= left
        found &= self.x <= right
        found &= self.y >= top
        found &= self.y <= bottom
        return found

    def of(self, values: np.ndarray) -> np.ndarray:
        """Return those of the layer's values (n_rows, ...) that belong to these points."""
        return values if self._whole else values[self.rows]


def _middle(values: np.ndarray) -> float:
    some = values[:: max(1, len(values) // 1000)]
    some = some[np.isfinite(some)]
    return float(some.mean()) if len(some) else 0.0


def _near(values: np.ndarray, origin: float) -> np.ndarray:
    found = (values - origin).astype(np.float32)
    found[~np.isfinite(found)] = np.inf
    return found
