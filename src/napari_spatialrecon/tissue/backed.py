"""Tables whose matrices stay on disk until their rows are read."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import zarr
from anndata import AnnData
from anndata.io import read_elem, sparse_dataset

from napari_spatialrecon.hdf5_vetting import opened
from napari_spatialrecon.tissue.row_blocks import on_disk

_IN_MEMORY = ("obs", "var", "uns", "obsm", "varm", "obsp", "varp")


def open_table(store: str | Path | zarr.Group) -> AnnData:
    """Return the AnnData table of an HDF5 or zarr store, with `X`, layers and `raw` left on disk.

    The store stays open as long as the table lives. Unlike in a table that anndata opens as
    "backed", layers stay on disk too, and zarr is read as well.

    Examples
    --------
    >>> open_table("atlas.h5ad").X  # doctest: +SKIP
    CSRDataset: backend hdf5, shape (1331984, 32285), data_dtype float32
    """
    if isinstance(store, str | Path):
        path = Path(store)
        store = zarr.open_group(path, mode="r") if path.is_dir() else opened(path)
    parts: dict[str, Any] = {name: read_elem(store[name]) for name in _IN_MEMORY if name in store}
    layers = store.get("layers", {})
    parts["layers"] = {name: _left(layers[name]) for name in layers}
    raw = store.get("raw")
    if isinstance(raw, h5py.Group | zarr.Group):
        parts["raw"] = {"X": _left(raw["X"]), "var": read_elem(raw["var"])}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*names are not unique.*")
        return AnnData(X=_left(store["X"]) if "X" in store else None, **parts)


def _left(stored: Any) -> Any:
    """Return a stored matrix that is read when its rows are, or what is stored if it is none."""
    if isinstance(stored, h5py.Dataset | zarr.Array):
        return stored if stored.ndim == 2 else read_elem(stored)
    kind = stored.attrs.get("encoding-type", stored.attrs.get("h5sparse_format", ""))
    return sparse_dataset(stored) if str(kind).startswith("cs") else read_elem(stored)


def is_backed(adata: AnnData) -> bool:
    """Return whether `X` or a layer of a table is on disk."""
    return adata.isbacked or any(map(on_disk, (adata.X, *adata.layers.values())))


def in_memory(adata: AnnData, rows: np.ndarray) -> AnnData:
    """Return a copy of some rows of a table, in memory.

    Parameters
    ----------
    rows : (n,) bool
    """
    if not is_backed(adata):
        return adata[rows].copy()
    if rows.all():
        return adata.to_memory()
    return adata[rows].to_memory() if adata.isbacked else adata[rows].copy().to_memory()


def bytes_in_memory(path: str | Path) -> int:
    """Return the bytes that all arrays of an HDF5 or zarr store take once they are read."""
    path = Path(path)
    if path.is_dir():
        return sum(array.nbytes for _, array in _arrays(zarr.open_group(path, mode="r")))
    total = 0

    def add(_: str, item: Any) -> None:
        nonlocal total
        if isinstance(item, h5py.Dataset):
            total += item.nbytes

    with opened(path) as file:
        file.visititems(add)
    return total


def _arrays(group: zarr.Group) -> list[tuple[str, zarr.Array]]:
    return [m for m in group.members(max_depth=None) if isinstance(m[1], zarr.Array)]
