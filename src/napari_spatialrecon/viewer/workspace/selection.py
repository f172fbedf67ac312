"""The cells or spots selected in a viewer, shared by canvas, embedding and tables."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from napari_spatialrecon.tissue.slots import OURS
from napari_spatialrecon.viewer.canvas.layers import NAMES
from napari_spatialrecon.viewer.canvas.table_metadata import table_of
from napari_spatialrecon.viewer.canvas.twin_layers import CELLS
from napari_spatialrecon.viewer.window.steps import Steps
from napari_spatialrecon.viewer.workspace.same_cells import are_same_cells
from napari_spatialrecon.viewer.workspace.texts import as_texts, rows_among, unique_texts

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from napari.layers import Layer, Points


_STEPS = 20
"""Selections that one can go back to."""


class Selection:
    """The selected cells or spots, wherever they were selected.

    A selection carries over between the layers of the same cells. They are found by name among
    tables of the same cells: spots of two slides often have the same names. Of a selection made in
    a layer the rows are kept, and names are looked up only where another layer asks.

    Attributes
    ----------
    source
        The layer in which they were selected; None for one made elsewhere, whose names count in
        every layer.
    """

    changed = Signal()

    def __init__(self) -> None:
        self.source: Points | None = None
        self._made = _NOTHING
        self._found: weakref.WeakKeyDictionary[Points, tuple[np.ndarray, np.ndarray]]
        self._found = weakref.WeakKeyDictionary()
        self._before: list[tuple[_Made, Points | None]] = []
        self._known: dict[int, tuple[weakref.ref[AnnData], bool]] = {}

    @property
    def names(self) -> np.ndarray:
        """Their names (n,), unique, in the order of the layer in which they were selected."""
        return self._made.names

    def __len__(self) -> int:
        return len(self._made)

    def held(self) -> Callable[[], np.ndarray]:
        """Return what returns the names that are selected now, also later and in a thread."""
        made = self._made
        return lambda: made.names

    def set(self, names: Iterable[str], source: Points | None = None) -> None:
        """Select these cells or spots instead of those selected before."""
        self._take(_Made(unique_texts(names)), source)

    def setting(self, names: Sequence[str], source: Points | None = None) -> Steps:
        """Do what `set` does, in steps: many names are looked up in another thread."""
        wanted = yield partial(as_texts, names)
        if source is None:
            self._take(_Made((yield partial(unique_texts, wanted))), None)
        else:
            own = names_of(source)
            self.set_rows(source, (yield partial(rows_among, own, wanted)))

    def set_rows(self, layer: Points, rows: Iterable[int]) -> None:
        """Select rows of a points layer."""
        names = names_of(layer)
        chosen = np.zeros(len(names), bool)
        chosen[rows if isinstance(rows, np.ndarray) else [*rows]] = True
        self._take(_Made(names, np.flatnonzero(chosen)), layer)

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
            self._take(*self._before.pop(), keep=False)

    def forget(self, layer: Layer, left: Iterable[Layer] = ()) -> None:
        """Let go of a layer that was removed, and of what was selected in it before.

        Parameters
        ----------
        left
            The first points layer of the same cells among them holds the selection from now on;
            without one, nothing is selected.
        """
        self._before = [step for step in self._before if step[1] is not layer]
        if layer is not self.source:
            return
        points = (one for one in left if type(one) is type(layer) and one is not layer)
        heir = next((one for one in points if self.is_of(one)), None)
        self._take(self._made if heir is not None else _NOTHING, heir, keep=False)

    def rows_in(self, layer: Points) -> np.ndarray:
        """Return the rows (n,) int of a layer that are selected, ascending."""
        if not len(self):
            return np.empty(0, int)
        names, made = names_of(layer), self._made
        if made.rows is not None and layer is self.source and made.of is names:
            return made.rows
        if not self.is_of(layer):
            return np.empty(0, int)
        if made.rows is not None and _agree(made.of, names):
            return made.rows
        known = self._found.get(layer)
        if known is None or known[0] is not names:
            known = self._found[layer] = (names, rows_among(names, self.names))
        return known[1]

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

    def _take(self, made: _Made, source: Points | None, *, keep: bool = True) -> None:
        """Select something else; what was selected is kept to go back to."""
        if source is not self.source:
            self._known = {}
        same = source is self.source and made.is_as(self._made)
        if keep and not same:
            self._before = [*self._before[1 - _STEPS :], (self._made, self.source)]
        self.source, self._made = source, made
        self._found.clear()
        if not same:
            self.changed.emit()


class _Made:
    """A selection as it was made: names (n,), or rows (n,) of all names of a layer."""

    def __init__(self, of: np.ndarray, rows: np.ndarray | None = None) -> None:
        self.of, self.rows = of, rows
        self._names = of if rows is None else None

    @property
    def names(self) -> np.ndarray:
        """Unique names, in their order."""
        if self._names is None:
            self._names = unique_texts(self.of[self.rows])
        return self._names

    def __len__(self) -> int:
        return len(self.names if self.rows is None else self.rows)

    def is_as(self, other: _Made) -> bool:
        """Return whether the same is selected in both."""
        if self.rows is not None and other.rows is not None and self.of is other.of:
            return np.array_equal(self.rows, other.rows)
        return len(self) == len(other) and np.array_equal(self.names, other.names)


_NOTHING = _Made(np.empty(0, object))


def _cells_of(layer: Points) -> AnnData | None:
    """Return the table of a layer's cells or spots, also of one that shows a few of another's."""
    found = table_of(layer)
    return found if found is not None else layer.metadata.get(OURS, {}).get(CELLS)


_names: weakref.WeakKeyDictionary[Points, tuple[pd.DataFrame, np.ndarray]]
_names = weakref.WeakKeyDictionary()


def names_of(layer: Points) -> np.ndarray:
    """Return the names (n_points,) of a layer's cells or spots; their numbers if it has none.

    The same array until the layer's features change.
    """
    features = layer.features
    kept = _names.get(layer)
    if kept is not None and kept[0] is features and len(kept[1]) == len(layer.data):
        return kept[1]
    if NAMES in features:
        found = features[NAMES].to_numpy()
        found = found if found.dtype == object else found.astype(str).astype(object)
    else:
        found = np.arange(len(layer.data)).astype(str).astype(object)
    _names[layer] = features, found
    return found


def _agree(one: np.ndarray, other: np.ndarray) -> bool:
    """Return whether two layers have the same cells in the same order."""
    return one is other or (len(one) == len(other) and bool((one == other).all()))
