"""Tables that share their arrays with another one."""

from __future__ import annotations

from typing import Any

from anndata import AnnData


class _Unchecked(AnnData):
    """A table whose names others check: hashing a million takes 0.2 s, with Python's lock held."""

    def _check_uniqueness(self) -> None:
        """Warn of nothing."""


def sharing(adata: AnnData, **changed: Any) -> AnnData:
    """Return a table with the arrays of another one, without copying them.

    Parameters
    ----------
    adata
        Not modified.
    changed
        Slots that are others, as arguments of `AnnData`: `obs`, `uns`, `layers` and so on.

    Examples
    --------
    >>> import numpy as np
    >>> table = AnnData(np.ones((2, 3), np.float32), uns={"a": 1})
    >>> other = sharing(table, uns={"a": 2})
    >>> other.X is table.X, table.uns["a"], other.uns["a"]
    (True, 1, 2)
    """
    slots = {
        "X": adata.X,
        "obs": adata.obs,
        "var": adata.var,
        "uns": dict(adata.uns),
        "obsm": dict(adata.obsm),
        "varm": dict(adata.varm),
        "obsp": dict(adata.obsp),
        "varp": dict(adata.varp),
        "layers": dict(adata.layers),
        "raw": None if adata.raw is None else {"X": adata.raw.X, "var": adata.raw.var},
    }
    return unchecked(**{**slots, **changed})


def unchecked(**slots: Any) -> AnnData:
    """Return a table of these slots, as `AnnData(**slots)`, without asking whether names repeat."""
    table = _Unchecked(**slots)
    table.__class__ = AnnData
    return table
