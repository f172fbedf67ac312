"""The cells or spots selected in a viewer, shared by canvas, embedding and tables."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from napari_spatialrecon.tissue.slots import OURS
from napari_spatialrecon.viewer.canvas.layers import NAMES
from napari_spatialrecon.viewer.canvas.table_metadata import table_of
from napari_spatialrecon.viewer.canvas.twin_layers import CELLS
from napari_spatialrecon.viewer.workspace.same_cells import are_same_cells

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from napari.layers import Points


_STEPS = 20
"""Selections that one can go back to."""


class Selection:
    """Names of the selected cells or spots, wherever they were selected.

    A selection carries over between the layers of the same cells. They are found by name among
    tables of the same cells: spots of two slides often have the same names.

    Attributes
    ----------
    names : (n,) str
        Unique, in the order of the layer in which they were selected.
    source
        The layer in which they were selected; None for one made elsewhere, whose names count in
        every layer.
    """

    changed = Signal()

    def __init__(self) -> None:
        self.names: np.ndarray = np.empty(0, object)
        self.source: Points | None = None
        self._rows: tuple[pd.DataFrame, np.ndarray] | None = None
        self._before: list[tuple[np.ndarray, Points | None]] = []
        self._known: dict[int, tuple[weakref.ref[AnnData], bool]] = {}

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

    @property
    def can_go_back(self) -> bool:
        """Whether something else was selected before."""
        return bool(self._before)

    def go_back(self) -> None:
        """Select what was selected before."""
        if self._before:
            names, source = self._before.pop()
            self._take(names, source, None, keep=False)

    def rows_in(self, layer: Points) -> np.ndarray:
        """Return the rows (n,) int of a layer that are selected, ascending."""
        if not len(self.names):
            return np.empty(0, int)
        if self._rows is not None and self._rows[0] is layer.features:
            return self._rows[1]
        if not self.is_of(layer):
            return np.empty(0, int)
        import pandas as pd

        return np.flatnonzero(pd.Index(names_of(layer)).isin(self.names))

    def is_of(self, layer: Points) -> bool:
        """Return whether a layer is of the cells among which some were selected."""
        if self.source is None or layer is self.source:
            return True
        own, other = _cells_of(self.source), _cells_of(layer)
        if own is None or other is None:
            return False
        known, same = self._known.get(id(other), (None, False))
        if known is None or known() is not other:
            same = are_same_cells(own, other)
            self._known[id(other)] = (weakref.ref(other), same)
        return same

    def _take(
        self,
        names: np.ndarray,
        source: Points | None,
        rows: tuple[pd.DataFrame, np.ndarray] | None,
        *,
        keep: bool = True,
    ) -> None:
        """Select names, of which the rows in a layer with these features are known or None.

        What was selected is kept to go back to.
        """
        import pandas as pd

        found = pd.unique(names)
        if source is not self.source:
            self._known = {}
        same = source is self.source and np.array_equal(found, self.names)
        if keep and not same:
            self._before = [*self._before[1 - _STEPS :], (self.names, self.source)]
        self.names, self.source, self._rows = found, source, rows
        if not same:
            self.changed.emit()


def _cells_of(layer: Points) -> AnnData | None:
    """Return the table of a layer's cells or spots, also of one that shows a few of another's."""
    found = table_of(layer)
    return found if found is not None else layer.metadata.get(OURS, {}).get(CELLS)


def names_of(layer: Points) -> np.ndarray:
    """Return the names (n_points,) of a layer's cells or spots; their numbers if it has none."""
    if NAMES not in layer.features:
        return np.arange(len(layer.data)).astype(str).astype(object)
    found = layer.features[NAMES].to_numpy()
    return found if found.dtype == object else found.astype(str).astype(object)
