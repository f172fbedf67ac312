"""Known shares of cell types, or numbers of cells, of some of the spots of a slide."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.methods.mixtures.base import CellTypes

#: Maximum deviation from 1 of the sum of a row of known shares.
_ROUNDING = 0.02


def read_shares(path: str | Path) -> pd.DataFrame:
    """Read known shares from a CSV with one row per spot (name first) and one column per type.

    Parameters
    ----------
    path
        CSV with a header: names of the spots in the first column, a column per type.

    Returns
    -------
    pandas.DataFrame
        A row for each spot, a column for each type; as `deconvolve` takes it as ``prior``.

    Raises
    ------
    InputError
        The file cannot be read as such a table.

    Examples
    --------
    >>> import napari_spatialrecon as sr
    >>> known = sr.read_shares("shares.csv")  # doctest: +SKIP
    """
    try:
        return pd.read_csv(path, index_col=0)
    except (OSError, ValueError) as error:
        raise InputError(
            f"Expected a CSV of shares, found none: {error}.",
            remedy="Try a first column of spot names and one column per cell type.",
            where=str(path),
        ) from error


def shares_of_spots(prior: pd.DataFrame, slide: AnnData, types: CellTypes) -> NDArray[np.float64]:
    """Return known shares, (n_spots, n_types), for all spots of the slide.

    Raises
    ------
    InputError
        They name neither spots of the slide nor types of the reference, or are not shares.
    """
    where = "prior"
    names = [t for t in types.names if t in prior.columns]
    rows = prior.index.get_indexer(slide.obs_names) if prior.index.is_unique else np.array([-1])
    if not names or not (rows >= 0).any():
        raise InputError(
            "Expected shares of the reference's types in spots of the slide, found none that match "
            f"(columns {', '.join(map(str, prior.columns[:3]))}).",
            remedy="Try one row per spot (each name once) and one column per cell type.",
            where=where,
        )
    values = prior[names].to_numpy(float)
    if not np.isfinite(values).all() or (values < 0).any():
        raise InputError(
            "Expected shares of 0 or more, found others.", remedy="Try 0 to 1.", where=where
        )
    if (values == np.rint(values)).all():  # cells of each type, counted
        values = values / np.maximum(values.sum(axis=1, keepdims=True), 1.0)
    if (values.sum(axis=1) > 1 + _ROUNDING).any():
        raise InputError(
            f"Expected shares that sum to 1 at most, found {values.sum(axis=1).max():.3g}.",
            remedy="Try shares of 0 to 1, or whole numbers of cells.",
            where=where,
        )
    result = np.tile(types.shares, (slide.n_obs, 1))
    known = rows >= 0
    columns = [types.names.index(t) for t in names]
    rest = np.setdiff1d(np.arange(len(types.names)), columns)
    given = values[rows[known]]
    left = np.maximum(1 - given.sum(axis=1, keepdims=True), 0.0)
    others = types.shares[rest] / max(types.shares[rest].sum(), 1e-12)
    filled = np.zeros((len(given), len(types.names)))
    filled[:, columns], filled[:, rest] = given, left * others
    totals = filled.sum(axis=1, keepdims=True)
    result[known] = np.where(totals > 0, filled / np.maximum(totals, 1e-12), types.shares)
    return result
