"""Reading an AnnData table from a `.zarr` store, a folder or a zip file."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import zarr
from anndata import AnnData

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.backed import open_table
from napari_spatialrecon.tissue.formats.h5ad import name_images_wholly, unreadable
from napari_spatialrecon.tissue.formats.noting import add_notes
from napari_spatialrecon.tissue.formats.options import ReadOptions
from napari_spatialrecon.tissue.formats.slides import one_slide
from napari_spatialrecon.tissue.formats.zarr_store import refuse_missing, refuse_pickles
from napari_spatialrecon.tissue.formats.zarr_texts import refuse_absurd_texts


def read(path: Path, options: ReadOptions) -> AnnData:
    """Return the table of a store of format 2 or 3; see `h5ad.read`.

    Raises
    ------
    ChoiceError
        It holds several slides, and none, or another, is named.
    InputError
        The store is damaged, newer, too large for the memory, or holds pickled objects.
    """
    return _slide(path, options, _read)


def read_backed(path: Path, options: ReadOptions) -> AnnData:
    """Return the table like `read`, with its matrices left on disk; a zip file is read whole."""
    if zipfile.is_zipfile(path):
        return read(path, options)
    return _slide(path, options, lambda folder: _whole(folder, folder, open_table))


def _slide(path: Path, options: ReadOptions, reader: Callable[[Path], AnnData]) -> AnnData:
    try:
        refuse_pickles(path)
        adata = reader(path)
    except InputError:
        raise
    except Exception as error:
        raise unreadable(path, error, "AnnData .zarr") from error
    notes: list[str] = []
    adata = one_slide(adata, options, notes, path)
    name_images_wholly(adata, path.resolve().parent)
    add_notes(adata, notes)
    return adata


def _read(path: Path) -> AnnData:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*names are not unique.*")
        if not zipfile.is_zipfile(path):
            return _whole(path, path)
        with zarr.storage.ZipStore(path, mode="r") as store:
            return _whole(store, path)


def _whole(
    store: Any, path: Path, reader: Callable[[zarr.Group], AnnData] = anndata.read_zarr
) -> AnnData:
    """Return the table of a store, none of whose parts is missing."""
    group = zarr.open_group(store, mode="r", use_consolidated=False)
    refuse_missing(group, zarr.open_group(store, mode="r"), path)
    refuse_absurd_texts(group, path)
    return reader(group)
