"""Whether two tables are of the same cells or spots: two slides may have the same names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_spatialrecon.tissue.slots import BEFORE, SPATIAL
from napari_spatialrecon.viewer.canvas.point_values import read_matrix

if TYPE_CHECKING:
    from anndata import AnnData

_SAMPLED, _COMPARED = 1_000, 20
"""Names that are looked up, and cells whose counts and places are compared."""


def are_same_cells(one: AnnData, other: AnnData) -> bool:
    """Return whether rows of the same name are the same cells or spots in two tables.

    Their counts decide, where both have counts of a gene; else the places at which both were
    measured. Where neither is known, they are not the same.
    """
    if one is other:
        return True
    if not (one.obs_names.is_unique and other.obs_names.is_unique):
        return False
    few, many = (one, other) if one.n_obs <= other.n_obs else (other, one)
    rows = np.unique(np.linspace(0, few.n_obs - 1, min(_SAMPLED, few.n_obs)).astype(int))
    found = many.obs_names.get_indexer(few.obs_names[rows])
    known = np.flatnonzero(found >= 0)
    if not len(known):
        return False
    known = known[np.unique(np.linspace(0, len(known) - 1, _COMPARED).astype(int))]
    pairs = (few, rows[known]), (many, found[known])
    counts = _same_counts(*pairs)
    return _same_places(*pairs) if counts is None else counts


Rows = tuple["AnnData", np.ndarray]
"""A table and some of its rows."""


def _same_counts(one: Rows, other: Rows) -> bool | None:
    """Return whether counts agree; None if they cannot be compared."""
    names = one[0].var_names
    if not (names.is_unique and other[0].var_names.is_unique):
        return None
    shared = other[0].var_names.get_indexer(names)
    columns = np.flatnonzero(shared >= 0)
    if not len(columns):
        return None
    here, there = _dense(one, columns), _dense(other, shared[columns])
    if here is None or there is None or not (here.any() or there.any()):
        return None
    return bool(np.array_equal(here, there))


def _dense(rows: Rows, columns: np.ndarray) -> np.ndarray | None:
    """Return the counts of some rows and genes, None where the table has other values."""
    at, (matrix, counted) = rows[1], read_matrix(rows[0])
    if not counted:
        return None
    order = np.argsort(at)
    found = matrix[at[order]]
    dense = found.toarray() if hasattr(found, "toarray") else np.asarray(found)
    back: np.ndarray = dense[np.argsort(order)][:, columns]
    return back


def _same_places(one: Rows, other: Rows) -> bool:
    """Return whether places agree at which both were measured."""
    for first in (SPATIAL, BEFORE):
        for second in (SPATIAL, BEFORE):
            if first in one[0].obsm and second in other[0].obsm:
                here = np.asarray(one[0].obsm[first], float)[one[1]]
                there = np.asarray(other[0].obsm[second], float)[other[1]]
                if here.shape == there.shape and np.allclose(here, there, equal_nan=True):
                    return True
    return False
