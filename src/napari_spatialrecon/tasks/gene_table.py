"""Output of imputed genes, block by block, to memory, an h5ad file or a zarr store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import zarr
from anndata import AnnData
from numpy.typing import NDArray

from napari_spatialrecon import hdf5, storage
from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.h5ad import GZIP
from napari_spatialrecon.tissue.slots import IMPUTED_STD

Values = NDArray[np.float32]
#: How AnnData marks a dense array.
_DENSE = {"encoding-type": "array", "encoding-version": "0.2.0"}
#: Genes of a chunk on disk: one gene's map is read without its neighbours' many.
_GENES = 16


class GeneTable(Protocol):
    """Takes blocks of genes, then everything else."""

    def put(
        self,
        columns: Sequence[int],
        values: NDArray[np.float32],
        spread: NDArray[np.float32] | None,
    ) -> None:
        """Take the maps of some genes, (n_spots, n_genes); the spread is 0 where None."""

    def finish(self, header: AnnData) -> AnnData | None:
        """Take names and annotations; return the table where it is in memory."""


class MemoryTable:
    """The maps in memory."""

    def __init__(self, n_spots: int, n_genes: int) -> None:
        self.values = np.zeros((n_spots, n_genes), np.float32)
        self.spread = np.zeros((n_spots, n_genes), np.float32)

    def put(
        self,
        columns: Sequence[int],
        values: NDArray[np.float32],
        spread: NDArray[np.float32] | None,
    ) -> None:
        """Keep a block."""
        self.values[:, columns] = values
        if spread is not None:
            self.spread[:, columns] = spread

    def finish(self, header: AnnData) -> AnnData:
        """Return the whole table."""
        header.X = self.values
        header.layers[IMPUTED_STD] = self.spread
        return header


class StoredTable:
    """The maps in two arrays of an open h5 file or zarr group."""

    def __init__(self, group: Any, n_spots: int, n_genes: int) -> None:
        self.group = group
        layers = group.create_group("layers")
        self.values = _array(group, "X", n_spots, n_genes)
        self.spread = _array(layers, IMPUTED_STD, n_spots, n_genes)

    def put(
        self,
        columns: Sequence[int],
        values: NDArray[np.float32],
        spread: NDArray[np.float32] | None,
    ) -> None:
        """Write a block, in runs of neighbouring columns."""
        where = np.asarray(columns)
        for run in np.split(np.arange(len(where)), np.flatnonzero(np.diff(where) != 1) + 1):
            first, last = int(where[run[0]]), int(where[run[-1]]) + 1
            self.values[:, first:last] = values[:, run]
            if spread is not None:
                self.spread[:, first:last] = spread[:, run]

    def finish(self, header: AnnData) -> None:
        """Write names and annotations beside the maps."""
        from anndata.io import write_elem

        for name, content in (
            ("obs", header.obs),
            ("var", header.var),
            ("obsm", dict(header.obsm)),
            ("uns", dict(header.uns)),
        ):
            write_elem(self.group, name, content)
        for name in ("varm", "obsp", "varp"):
            write_elem(self.group, name, {})
        self.group.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        self.group["layers"].attrs.update({"encoding-type": "dict", "encoding-version": "0.1.0"})


@contextmanager
def table_on_disk(path: Path, n_spots: int, n_genes: int) -> Iterator[StoredTable]:
    """Yield a table that is written under a temporary name and renamed when the block ends well.

    Parameters
    ----------
    path
        Ends in ``.h5ad`` or ``.zarr``.

    Raises
    ------
    InputError
        The ending is another, or the disk is full or cannot be written.
    """
    if path.suffix not in (".h5ad", ".zarr"):
        raise InputError(
            f"Expected an output that ends in .h5ad or .zarr, found {path.name!r}.",
            remedy=f"Try {path.with_suffix('.h5ad')}.",
        )
    if path.suffix == ".zarr":
        storage.check_replaceable(path, ".zgroup", f"Try {path.with_name('genes.zarr')}.")
        with storage.atomic_folder(path) as folder:
            yield StoredTable(zarr.open_group(folder, mode="w", zarr_format=2), n_spots, n_genes)
        return
    with storage.atomic_file(path) as temporary, hdf5.created(temporary) as stream:
        yield StoredTable(stream, n_spots, n_genes)


def _array(group: Any, name: str, n_spots: int, n_genes: int) -> Any:
    chunks = (min(n_spots, 16384), min(n_genes, _GENES))
    shape = (n_spots, n_genes)
    if isinstance(group, zarr.Group):
        array: Any = group.create_array(name, shape=shape, chunks=chunks, dtype="float32")
    else:
        array = group.create_dataset(name, shape, "float32", chunks=chunks, **GZIP)
    array.attrs.update(_DENSE)
    return array
