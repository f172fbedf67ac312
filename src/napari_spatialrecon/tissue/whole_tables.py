"""Whole `.h5ad` files, read so that other threads go on meanwhile.

h5py holds Python's lock while it reads the texts of one call: a quarter of a second for the names
of a million cells, during which a window stands still.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import h5py
    from anndata import AnnData

TEXTS = 10_000
"""Texts that are read at a time."""


def read_whole(path: str | Path) -> AnnData:
    """Return the table of an `.h5ad` file, as `anndata.read_h5ad` does.

    Parameters
    ----------
    path
        Files that older versions of anndata wrote are left to anndata.

    Raises
    ------
    Exception
        Whatever h5py or anndata raise about a file that is damaged.
    """
    import anndata
    from anndata.experimental import read_dispatched

    from napari_spatialrecon.hdf5_vetting import opened

    with opened(path) as file:
        if "encoding-type" in file.attrs and not any(
            part is None or key.startswith("raw.") or "encoding-type" not in part.attrs
            for key, part in file.items()  # None: a link to nothing
        ):
            table: AnnData = read_dispatched(file, _read)
            return table
    return anndata.read_h5ad(path)


def read_part(stored: h5py.Group) -> Any:
    """Return one part of an `.h5ad` file, such as ``obs``, as `anndata.io.read_elem` does."""
    from anndata.experimental import read_dispatched

    return read_dispatched(stored, _read)


def texts_of(stored: h5py.Dataset) -> np.ndarray:
    """Return the texts, (n, ...) object, of a dataset of an HDF5 file, read in blocks."""
    shown = stored.asstr()
    if stored.size <= TEXTS or not stored.shape:
        found: np.ndarray = shown[()]
        return found
    found = np.empty(stored.shape, object)
    step = max(1, TEXTS * stored.shape[0] // stored.size)
    for first in range(0, stored.shape[0], step):
        found[first : first + step] = shown[first : first + step]
    return found


def _read(read: Any, elem_name: str, elem: Any, *, iospec: Any) -> Any:
    """Read a part of a table, as anndata asks for it."""
    from napari_spatialrecon.tissue.sharing import unchecked

    if iospec.encoding_type == "string-array" and elem.size > TEXTS:
        return texts_of(elem)
    if iospec.encoding_type == "anndata":
        # `validate` says in full which names repeat, once it has them all.
        return unchecked(**_parts(elem))
    if elem_name == "/raw" and iospec.encoding_type != "null":
        return _parts(elem)
    return read(elem)


def _parts(group: h5py.Group) -> dict[str, Any]:
    """Read the parts of a group one by one.

    h5py keeps its lock from the first to the last of ``group.items()``. A thread that waits for the
    lock may hold one that reading needs, such as that of a cached property before Python 3.12.
    """
    from anndata.experimental import read_dispatched

    return {key: read_dispatched(part, _read) for key, part in list(group.items())}
