"""What the readers of cells with places share: joining, controls, orientation, notes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.slots import NOTES, OURS, SPATIAL


def placed(
    counts: AnnData,
    places: pd.DataFrame,
    xy: tuple[str, str],
    *,
    notes: list[str],
    where: str,
    rows: str = "cells",
) -> AnnData:
    """Return the rows of `counts` that have a place, with their columns and `obsm["spatial"]`.

    Parameters
    ----------
    counts
        Cells by genes.
    places
        Index: names of cells, as in `counts`. Columns other than `xy` go to `obs`.
    xy
        Columns of x and y; a row with a missing value has no place.
    notes
        What was excluded is appended.
    where
        File of the places, for messages.
    rows
        What the rows are, for messages.

    Raises
    ------
    InputError
        No row has a place, or a cell has several.
    """
    repeated = places.index[places.index.duplicated()]
    if len(repeated):
        raise InputError(
            f"Expected one position per name, found several for {len(repeated):,} {rows}, first "
            f"{repeated[0]!r}.",
            remedy="Try the files of one slide.",
            where=where,
        )
    numbers = places[list(xy)].apply(pd.to_numeric, errors="coerce")
    places = places[np.isfinite(numbers.to_numpy(dtype=np.float64)).all(axis=1)]
    known = counts.obs_names.isin(places.index)
    if not known.any():
        raise InputError(
            f"Expected positions of the {counts.n_obs:,} {rows} with counts (such as "
            f"{_first(counts.obs_names)}), found only those of other names (such as "
            f"{_first(places.index)}).",
            remedy="Try the files of the same slide.",
            where=where,
        )
    if not known.all():
        notes.append(
            f"{int((~known).sum()):,} of {counts.n_obs:,} {rows} have no position and "
            "were excluded."
        )
        counts = counts[known].copy()
    found = places.loc[counts.obs_names]
    for column in found.columns.difference([*xy, *counts.obs.columns], sort=False):
        counts.obs[str(column)] = _storable(found[column]).array
    counts.obsm[SPATIAL] = np.asarray(numbers.loc[counts.obs_names], dtype=np.float64)
    return counts


def _first(names: pd.Index) -> str:
    return repr(str(names[0])) if len(names) else "nothing"


def _storable(column: pd.Series) -> pd.Series:
    """Return a column as HDF5 takes it: text as text, and with gaps as categories."""
    if column.dtype != object:
        return column
    text, known = column.map(str), column.notna()
    return text if known.all() else text.where(known).astype("category")


def without_controls(adata: AnnData, controls: np.ndarray, notes: list[str]) -> AnnData:
    """Return a table without its control probes and blanks, which `notes` then counts.

    Parameters
    ----------
    controls : (n_genes,) bool
    """
    if not controls.any():
        return adata
    names = adata.var_names[controls]
    notes.append(
        f"{len(names):,} features that are controls or blanks were excluded, such as {names[0]}."
    )
    return adata[:, ~controls].copy()


def starts_with(names: pd.Index, beginnings: Sequence[str]) -> np.ndarray:
    """Return which names start with one of some words, in any case."""
    return np.asarray(names.str.lower().str.startswith(tuple(b.lower() for b in beginnings)), bool)


def turn_y(xy: np.ndarray, *, stated: str, asked: str | None, notes: list[str]) -> np.ndarray:
    """Return coordinates with y down: those of a file whose y points up are mirrored.

    They are mirrored about the middle of their extent, so that they keep it.

    Parameters
    ----------
    xy : (n, 2) float
    stated
        "up" or "down": what the platform says.
    asked
        What the user says; wins.
    """
    if (asked or stated) == "down":
        return xy
    other = ' (y_axis "down" keeps it)' if asked is None else ""
    notes.append(f"y points up in this file and was mirrored to point down{other}.")
    turned = xy.copy()
    if len(turned):
        turned[:, 1] = turned[:, 1].min() + turned[:, 1].max() - turned[:, 1]
    return turned


def with_unique_genes(adata: AnnData, notes: list[str]) -> AnnData:
    """Return a new table, in which a gene symbol that repeats got a suffix; `notes` counts them."""
    repeated = int(adata.var_names.duplicated().sum())
    if repeated:
        adata.var_names_make_unique()
        notes.append(f"{repeated} repeated gene symbols were given a suffix such as -1.")
    return adata


def finished(adata: AnnData, unit: str, notes: Sequence[str], **ours: Any) -> AnnData:
    """Return a slide with its unit ("um", "px" or "unit") and notes; names made unique."""
    notes = list(notes)
    adata = with_unique_genes(adata, notes)
    adata.uns[OURS] = {"unit": unit, **ours} | ({NOTES: np.array(notes)} if notes else {})
    return adata
