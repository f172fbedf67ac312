"""Reading an AnnData table from an `.h5ad` file."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from anndata import AnnData

from napari_spatialrecon.errors import InputError, is_mistake
from napari_spatialrecon.tissue.backed import open_table
from napari_spatialrecon.tissue.formats.noting import add_notes
from napari_spatialrecon.tissue.formats.options import ReadOptions
from napari_spatialrecon.tissue.formats.slides import one_slide, refuse_unchosen, state_pixel_sizes
from napari_spatialrecon.tissue.slots import SPATIAL
from napari_spatialrecon.tissue.whole_tables import read_whole


def read(path: Path, options: ReadOptions) -> AnnData:
    """Return the table of an `.h5ad` file.

    Image files that it names beside itself are named by their whole path, so that they are found
    from anywhere.

    Raises
    ------
    ChoiceError
        It holds several slides, and none, or another, is named.
    InputError
        The file is damaged, newer, or too large for the memory.
    """
    refuse_unchosen(path, options)
    return _slide(_read_h5ad(path), options, path)


def read_backed(path: Path, options: ReadOptions) -> AnnData:
    """Return the table like `read`, with its matrices left on disk; see `backed.open_table`."""
    refuse_unchosen(path, options)
    try:
        adata = open_table(path)
    except Exception as error:
        raise unreadable(path, error, ".h5ad file") from error
    return _slide(adata, options, path)


def _slide(adata: AnnData, options: ReadOptions, path: Path) -> AnnData:
    notes: list[str] = []
    adata = one_slide(adata, options, notes, path)
    name_images_wholly(adata, path.resolve().parent)
    state_pixel_sizes(adata, path.resolve().parent, notes)
    add_notes(adata, notes)
    return adata


def name_images_wholly(adata: AnnData, folder: Path) -> None:
    """Name image files that a table in `folder` has beside it by their whole path, in place."""
    libraries = adata.uns.get(SPATIAL)
    for library in libraries.values() if isinstance(libraries, Mapping) else ():
        files = library.get("images_files") if isinstance(library, Mapping) else None
        if isinstance(files, MutableMapping):
            for key, name in files.items():
                files[key] = str(folder / str(name))


def _read_h5ad(path: Path) -> AnnData:
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*names are not unique.*")
            return read_whole(path)
    except Exception as error:
        raise unreadable(path, error, ".h5ad file") from error


def unreadable(path: Path, error: Exception, kind: str) -> InputError:
    """Return why a table, a `kind` of AnnData, cannot be read: too large, newer, or damaged.

    A mistake of this program is raised as it is.
    """
    if is_mistake(error):
        raise error
    if isinstance(error, MemoryError):
        files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
        size = sum(p.stat().st_size for p in files)
        return InputError(
            f"Expected a table that fits into memory, found {size / 2**30:.1f} GiB on disk.",
            remedy="Try fewer cells, or sparse counts.",
            where=str(path),
        )
    # anndata's exception for an unknown encoding is private.
    if type(error).__name__ == "IORegistryError":
        return InputError(
            "Expected a file this version of anndata can read, found a newer format in it.",
            remedy="Try a newer anndata.",
            where=str(path),
        )
    reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
    return InputError(
        f"Expected an intact {kind}, found that part of it cannot be read ({reason}).",
        remedy="Try copying or downloading it again: it seems damaged.",
        where=str(path),
    )
