"""What two results of the same cells have in common: cells matched by name, and how far apart."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.slots import SPATIAL

Array = NDArray[np.float64]

_LEAST = 4
"""Least number of common cells."""
_PART = 50_000
"""Number of names looked at without a break."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Compared(ABC):
    """Two results of the same cells or spots, in one frame.

    Parameters
    ----------
    obs_names : (n,) str
        Those that both tables hold, in the order of the first.
    first, second : (n, 2) float, (x, y)
        Their places in the frame of the first, in `unit`.
    unit
        ``"um"``; that of the first table if its µm are unknown.
    only_first, only_second
        Number of those that the other does not hold.
    notes
        Messages for the user.
    """

    obs_names: NDArray[np.object_]
    first: Array
    second: Array
    unit: str
    only_first: int
    only_second: int
    notes: tuple[str, ...] = field(default=())

    @property
    @abstractmethod
    def amount(self) -> Array:
        """How far the two disagree on each cell or spot, (n,) of 0 or more."""

    @abstractmethod
    def title(self, other: str) -> str:
        """Return what the amounts are called beside another result's name."""

    @cached_property
    def median(self) -> float:
        """Half of the cells or spots disagree by at most this."""
        return float(np.median(self.amount))

    @cached_property
    def p90(self) -> float:
        """90% of the cells or spots disagree by at most this."""
        return float(np.quantile(self.amount, 0.9))

    @property
    @abstractmethod
    def summary(self) -> str:
        """How far the two disagree, in a sentence."""

    def column(self, adata: AnnData) -> Array:
        """Return the amounts in the order of a table, (n_obs,); NaN of those not compared.

        Examples
        --------
        >>> adata.obs["disagreement"] = found.column(adata)  # doctest: +SKIP
        """
        if np.array_equal(self.obs_names, adata.obs_names):
            return self.amount.copy()
        rows = pd.Index(self.obs_names).get_indexer(adata.obs_names)
        return np.where(rows >= 0, self.amount[rows], np.nan)


def places_of(adata: AnnData, name: str) -> Array:
    """Return the places of a table's cells, (n, 2) as (x, y).

    Raises
    ------
    InputError
        It has none.
    """
    where = f'{name}: obsm["{SPATIAL}"]'
    if SPATIAL not in adata.obsm:
        raise InputError(
            f"Expected cell positions, found slots: {', '.join(adata.obsm) or 'none'}.",
            remedy="Try a slide with coordinates, or the table that a placement returned.",
            where=where,
        )
    points = np.asarray(adata.obsm[SPATIAL], float)
    if points.ndim != 2 or points.shape[1] < 2:
        raise InputError(f"Expected shape (n, 2), found {points.shape}.", where=where)
    return points[:, :2]


def matched(
    first: AnnData, second: AnnData, places: list[Array], names: tuple[str, str]
) -> tuple[list[NDArray[np.intp]], tuple[int, int]]:
    """Return the rows of cells that both place, and how many only one does.

    Raises
    ------
    InputError
        Names are not unique, or fewer than 4 cells are common.
    """
    for name, adata in zip(names, (first, second), strict=True):
        if not _are_unique(adata.obs_names):
            raise InputError(
                "Expected unique cell names, found some more than once.",
                remedy="Try adata.obs_names_make_unique() before the run.",
                where=f"{name}: obs_names",
            )
    placed = [np.asarray(np.isfinite(points).all(axis=1)) for points in places]
    found = _rows_of(first.obs_names, second.obs_names)
    common = np.flatnonzero((found >= 0) & placed[0])
    common = common[placed[1][found[common]]]
    n = len(common)
    if n < _LEAST:
        examples = " and ".join(repr(str(t.obs_names[0])) for t in (first, second) if t.n_obs)
        raise InputError(
            f"Expected at least {_LEAST} cells that {names[0]} and {names[1]} both place, found "
            f"{n}; their first cells are {examples}.",
            remedy="Try two results of the same cells: they are matched by their names.",
            where="obs_names",
        )
    alone = (int(placed[0].sum()) - n, int(placed[1].sum()) - n)
    return [common, found[common]], alone


def _are_unique(names: pd.Index) -> bool:
    """Return whether no name is twice; many are looked at in parts.

    pandas would keep all other threads waiting for half a second, the window's among them, and so
    would a set of as many names whenever it grows.
    """
    if len(names) <= _PART:
        return bool(names.is_unique)
    hashes = np.empty(len(names), np.int64)
    for start in range(0, len(names), _PART):
        part = names[start : start + _PART]
        hashes[start : start + _PART] = np.fromiter(map(hash, part), np.int64, len(part))
    found = np.sort(hashes)
    twice = found[1:][found[1:] == found[:-1]]
    return not len(twice) or bool(names[np.isin(hashes, twice)].is_unique)


def _rows_of(names: pd.Index, known: pd.Index) -> NDArray[np.intp]:
    """Return the rows (n,) of unique names among known ones; -1 for none."""
    if len(names) == len(known) and all(
        np.array_equal(names[start : start + _PART], known[start : start + _PART])
        for start in range(0, len(names), _PART)
    ):
        return np.arange(len(names))
    return np.asarray(known.get_indexer(names), np.intp)
