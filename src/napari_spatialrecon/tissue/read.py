"""Reading a table of cells or spots in any supported format."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, MutableMapping
from pathlib import Path

import anndata
import h5py
from anndata import AnnData

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.slots import SPATIAL
from napari_spatialrecon.tissue.sniff import sniff


def read_adata(path: str | Path) -> AnnData:
    """Return the table in `path`: an `.h5ad` file or a Space Ranger folder, detected by content.

    Image files that the table names beside itself are named by their whole path, so that they are
    found from anywhere.

    Raises
    ------
    InputError
        The path does not exist, is neither of the two, or is damaged.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(
            "Expected a file or folder, found nothing there.",
            remedy="Try the full path; a drive may not be mounted.",
            where=str(path),
        )
    if path.is_dir():
        # Needs scanpy, which takes seconds to import; an .h5ad file does not.
        from napari_spatialrecon.tissue.spaceranger import read_spaceranger

        return read_spaceranger(path)
    adata = _read_h5ad(path)
    _name_images_wholly(adata, path.resolve().parent)
    return adata


def _name_images_wholly(adata: AnnData, folder: Path) -> None:
    libraries = adata.uns.get(SPATIAL)
    for library in libraries.values() if isinstance(libraries, Mapping) else ():
        files = library.get("images_files") if isinstance(library, Mapping) else None
        if isinstance(files, MutableMapping):
            for key, name in files.items():
                files[key] = str(folder / str(name))


def _read_h5ad(path: Path) -> AnnData:
    if sniff(path) is None:
        raise _not_h5ad(path)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*names are not unique.*")
            return anndata.read_h5ad(path)
    except MemoryError as error:
        raise InputError(
            f"Expected a table that fits into memory, found {path.stat().st_size / 2**30:.1f} GiB "
            "on disk.",
            remedy="Try fewer cells, or sparse counts.",
            where=str(path),
        ) from error
    except Exception as error:
        # anndata's exception for an unknown encoding is private.
        if type(error).__name__ == "IORegistryError":
            raise InputError(
                "Expected a file this version of anndata can read, found a newer format in it.",
                remedy="Try a newer anndata.",
                where=str(path),
            ) from error
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise InputError(
            f"Expected an intact .h5ad file, found that part of it cannot be read ({reason}).",
            remedy="Try copying or downloading it again: it seems damaged.",
            where=str(path),
        ) from error


def _not_h5ad(path: Path) -> InputError:
    """Return why a file is not a readable table: truncated, unreadable or of another kind."""
    try:
        with path.open("rb") as stream:
            start = stream.read(8)
    except OSError as error:
        return InputError(
            f"Expected a file that can be opened, found: {error.strerror}.", where=str(path)
        )
    if start != b"\x89HDF\r\n\x1a\n":
        found = "an empty file" if not start else "a file of another kind"
        return InputError(
            f"Expected an .h5ad file or a Space Ranger folder, found {found}.",
            remedy='Try writing the table with adata.write_h5ad("table.h5ad").',
            where=str(path),
        )
    try:
        with h5py.File(path, "r") as file:
            is_matrix = "matrix" in file
    except OSError:
        return InputError(
            "Expected an intact .h5ad file, found one that is truncated or damaged.",
            remedy="Try copying or downloading it again.",
            where=str(path),
        )
    if is_matrix:
        return InputError(
            "Expected an .h5ad file or a Space Ranger folder, found a 10x matrix alone.",
            remedy='Try its "outs" folder, which also holds the spot positions.',
            where=str(path),
        )
    return InputError(
        "Expected an .h5ad file, found an HDF5 file without X and obs.",
        remedy='Try writing the table with adata.write_h5ad("table.h5ad").',
        where=str(path),
    )
