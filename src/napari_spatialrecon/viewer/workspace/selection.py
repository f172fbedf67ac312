"""The cells or spots selected in a viewer, shared by canvas, embedding and tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from napari_spatialrecon.viewer.canvas.layers import NAMES

if TYPE_CHECKING:
    from napari.layers import Points


class Selection:
    """Names of the selected cells or spots, wherever they were selected.

    A selection carries over between the layers of the same cells, since it is kept by name.

    Attributes
    ----------
    names : (n,) str
        Unique, in the order of the layer in which they were selected.
    source
        The layer in which they were selected; None for one made elsewhere.
    """

    changed = Signal()

    def __init__(self) -> None:
        self.names: np.ndarray = np.empty(0, object)
        self.source: Points | None = None

    def __len__(self) -> int:
        return len(self.names)

    def set(self, names: Iterable[str], source: Points | None = None) -> None:
        """Select these cells or spots instead of those selected before."""
        found = np.asarray(list(dict.fromkeys(map(str, names))), object)
        if len(found) == len(self.names) and (found == self.names).all() and source is self.source:
            return
        self.names, self.source = found, source
        self.changed.emit()

    def set_rows(self, layer: Points, rows: Iterable[int]) -> None:
        """Select rows of a points layer."""
        self.set(names_of(layer)[np.asarray(list(rows), int)], layer)

    def clear(self) -> None:
        """Select nothing."""
        self.set(())

    def rows_in(self, layer: Points) -> np.ndarray:
        """Return the rows (n,) int of a layer that are selected, ascending."""
        if not len(self.names):
            return np.empty(0, int)
        import pandas as pd

        return np.flatnonzero(pd.Index(names_of(layer)).isin(self.names))


def names_of(layer: Points) -> np.ndarray:
    """Return the names (n_points,) of a layer's cells or spots; their numbers if it has none."""
    if NAMES in layer.features:
        return layer.features[NAMES].to_numpy().astype(str).astype(object)
    return np.arange(len(layer.data)).astype(str).astype(object)
