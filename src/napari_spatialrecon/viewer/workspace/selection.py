"""The cells or spots selected in a viewer, shared by canvas, embedding and tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from napari_spatialrecon.viewer.canvas.layers import NAMES

if TYPE_CHECKING:
    import pandas as pd
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
        self._rows: tuple[pd.DataFrame, np.ndarray] | None = None

    def __len__(self) -> int:
        return len(self.names)

    def set(self, names: Iterable[str], source: Points | None = None) -> None:
        """Select these cells or spots instead of those selected before."""
        self._take(np.asarray([*map(str, names)], object), source, None)

    def set_rows(self, layer: Points, rows: Iterable[int]) -> None:
        """Select rows of a points layer."""
        at = np.unique(np.asarray(rows if isinstance(rows, np.ndarray) else [*rows], int))
        self._take(names_of(layer)[at], layer, (layer.features, at))

    def clear(self) -> None:
        """Select nothing."""
        self.set(())

    def rows_in(self, layer: Points) -> np.ndarray:
        """Return the rows (n,) int of a layer that are selected, ascending."""
        if not len(self.names):
            return np.empty(0, int)
        if self._rows is not None and self._rows[0] is layer.features:
            return self._rows[1]
        import pandas as pd

        return np.flatnonzero(pd.Index(names_of(layer)).isin(self.names))

    def _take(
        self,
        names: np.ndarray,
        source: Points | None,
        rows: tuple[pd.DataFrame, np.ndarray] | None,
    ) -> None:
        """Select names, of which the rows in a layer with these features are known or None."""
        import pandas as pd

        found = pd.unique(names)
        same = source is self.source and np.array_equal(found, self.names)
        self.names, self.source, self._rows = found, source, rows
        if not same:
            self.changed.emit()


def names_of(layer: Points) -> np.ndarray:
    """Return the names (n_points,) of a layer's cells or spots; their numbers if it has none."""
    if NAMES not in layer.features:
        return np.arange(len(layer.data)).astype(str).astype(object)
    found = layer.features[NAMES].to_numpy()
    return found if found.dtype == object else found.astype(str).astype(object)
