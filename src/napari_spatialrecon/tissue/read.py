"""Reading a table of cells or spots in any supported format."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
from anndata import AnnData
from scipy import sparse

from napari_spatialrecon.errors import InputError, SpatialReconError, is_mistake
from napari_spatialrecon.hdf5_vetting import opened
from napari_spatialrecon.machine import free_memory
from napari_spatialrecon.tissue.backed import bytes_in_memory
from napari_spatialrecon.tissue.formats import csv_counts
from napari_spatialrecon.tissue.formats.hdf5_content import refuse_strange
from napari_spatialrecon.tissue.formats.noting import add_notes
from napari_spatialrecon.tissue.formats.options import ReadOptions
from napari_spatialrecon.tissue.formats.recognise import LEAST_GENES
from napari_spatialrecon.tissue.formats.registry import Format, families, find_format, format_named
from napari_spatialrecon.tissue.formats.settling import settle
from napari_spatialrecon.tissue.library import unit
from napari_spatialrecon.tissue.slots import OURS, READ, SPATIAL
from napari_spatialrecon.tissue.upgrade import correct_micrometres

if TYPE_CHECKING:
    from spatialdata import SpatialData

#: Share of the free memory from which on a table is left on disk.
LARGE = 1 / 3
_MOST_NAMES = 6


def read_adata(
    path: str | Path | SpatialData,
    *,
    layer: str | None = None,
    library: str | None = None,
    genome: str | None = None,
    region: str | None = None,
    table: str | None = None,
    coordinate_system: str | None = None,
    bin: str | int | None = None,
    um_per_pixel: float | None = None,
    y_axis: str | None = None,
    backed: bool | None = False,
) -> AnnData:
    """Return the table in a file or folder of any supported format, detected by content.

    A format ignores the choices that it does not have.

    Parameters
    ----------
    path
        `docs/formats.md` lists what is read. A SpatialData object in memory is taken as well.
    layer
        Matrix of counts: name of a layer, "X" or "raw".
    library
        Slide or sample, where a file holds several.
    genome
        Genome of a matrix of mixed species, such as "GRCh38".
    region
        Element of SpatialData or field of view of CosMx, of several.
    table, coordinate_system
        Of a SpatialData object that holds several.
    bin
        Bin size of Visium HD in µm or of Stereo-seq in steps, or "cells".
    um_per_pixel
        µm of a pixel, or of the unit of the coordinates.
    y_axis
        Direction of y in the file: "down" as in an image, or "up" as in a plot.
    backed
        Whether matrices of an .h5ad file or an AnnData .zarr stay on disk: placing then reads them
        in blocks, and holds the counts of the genes that it needs. If None, those of a table that
        would take a third of the free memory; a note says so.

    Returns
    -------
    AnnData
        The table: counts in `X` or `layers["counts"]`; of a slide `obsm["spatial"]` as (x, y), y
        down, with its unit in `uns["spatialrecon"]["unit"]`. `uns["spatialrecon"]["notes"]` lists
        what is missing, was changed or chosen automatically; `["read"]` the format and the given
        options.

    Raises
    ------
    ChoiceError
        The file holds several tables, slides or regions and none was named, or not that one.
    InputError
        The path does not exist, is of no supported format, or is damaged.

    Examples
    --------
    >>> slide = read_adata("run7/outs")  # doctest: +SKIP
    >>> cells = read_adata("atlas.h5ad", layer="raw")  # doctest: +SKIP
    """
    given = {
        "layer": layer,
        "library": library,
        "genome": genome,
        "region": region,
        "table": table,
        "coordinate_system": coordinate_system,
        "bin": None if bin is None else str(bin),
        "um_per_pixel": None if um_per_pixel is None else str(um_per_pixel),
        "y_axis": y_axis,
    }
    return read_with(path, ReadOptions(**given), backed=backed)


def read_with(
    path: str | Path | SpatialData, options: ReadOptions, *, backed: bool | None = False
) -> AnnData:
    """Return the table in a file or folder, like `read_adata`, with the options as one object."""
    if not isinstance(path, str | Path):
        from napari_spatialrecon.tissue.sdata.table import from_object

        table = from_object(path, options)
        return _finished(table, format_named("spatialdata"), options, "SpatialData")
    path = Path(path)
    if not path.exists():
        raise InputError(
            "Expected a file or folder, found nothing there.",
            remedy="Try the full path; a drive may not be mounted.",
            where=str(path),
        )
    try:
        return _read(path, options, backed)
    except (SpatialReconError, MemoryError):
        raise
    except Exception as error:  # a file may be damaged anywhere, and each library says so otherwise
        if is_mistake(error):
            raise
        reason = (str(error).splitlines() or [""])[0][:120] or type(error).__name__
        raise InputError(
            f"Expected an intact file or folder, found that part of it cannot be read ({reason}).",
            remedy="Try another copy of it: it seems damaged.",
            where=str(path),
        ) from error


def _read(path: Path, options: ReadOptions, backed: bool | None) -> AnnData:
    found = find_format(path)
    if found is None:
        raise unknown(path)
    if path.is_file() and h5py.is_hdf5(path):
        refuse_strange(path)
    left = _gibibytes_to_leave(path, found) if backed is None else 0.0
    table = found.read(path, options, backed=bool(backed or left))
    if left:
        add_notes(table, [f"{left:.1f} GiB of matrices stay on disk and are read in blocks."])
    for matrix in (table.X, *table.layers.values()):
        if sparse.issparse(matrix):
            matrix.check_format(full_check=True)  # what computes with it does not look at indices
    return _finished(table, found, options, str(path))


def _gibibytes_to_leave(path: Path, found: Format) -> float:
    """Return the size in memory of a table that is better left on disk, or 0."""
    if not found.backed or zipfile.is_zipfile(path):
        return 0.0
    size = bytes_in_memory(path)
    return size / 2**30 if size > LARGE * free_memory() else 0.0


def _finished(adata: AnnData, found: Format, options: ReadOptions, where: str) -> AnnData:
    """Return a table just read with its counts in place, its format and the choices made."""
    adata, heeded = settle(adata, options, where)
    correct_micrometres(adata)
    if (scale := options.scale()) is not None and SPATIAL in adata.obsm and unit(adata) != "um":
        adata.uns[OURS] = {**dict(adata.uns.get(OURS, {})), "um_per_unit": scale}
        heeded = {*heeded, "um_per_pixel"}
    chosen = {k: v for k, v in options.given().items() if k in {*found.options, *heeded}}
    ours = dict(adata.uns.get(OURS, {}))
    adata.uns[OURS] = {**ours, READ: {"format": found.name, **chosen}}
    return adata


def unknown(path: Path) -> InputError:
    """Return why a path is of no format: damaged, unreadable or of another kind."""
    expected = f"Expected a file or folder of {families()}"
    if path.is_dir():
        listed = ", ".join(sorted(p.name for p in path.iterdir())[:6]) or "nothing"
        return InputError(
            f"{expected}; found a folder with {listed}.",
            remedy='Try the folder that the platform\'s software wrote, such as "outs".',
            where=str(path),
        )
    try:
        with path.open("rb") as stream:
            start = stream.read(8)
    except OSError as error:
        return InputError(
            f"Expected a file that can be opened, found: {error.strerror}.", where=str(path)
        )
    if start != b"\x89HDF\r\n\x1a\n":
        found = "an empty file" if not start else _other_kind(path)
        return InputError(
            f"{expected}; found {found}.",
            remedy='Try writing the table with adata.write_h5ad("table.h5ad").',
            where=str(path),
        )
    if not h5py.is_hdf5(path) or not _opens(path):
        return InputError(
            "Expected an intact HDF5 file, found one that is truncated or damaged.",
            remedy="Try copying or downloading it again.",
            where=str(path),
        )
    return InputError(
        f"{expected}; found an HDF5 file of another kind, which holds {_groups(path)}.",
        remedy='Try writing the table with adata.write_h5ad("table.h5ad").',
        where=str(path),
    )


def _other_kind(path: Path) -> str:
    if path.suffix.lower() != ".csv":
        return "a file of another kind"
    names = csv_counts.header(path)
    more = ", …" if len(names) > _MOST_NAMES else ""
    return (
        f"a CSV with the columns {', '.join(names[:_MOST_NAMES])}{more}, where a table of cells "
        f"has x, y and {LEAST_GENES} genes or more"
    )


def _groups(path: Path) -> str:
    with opened(path) as file:
        names = [n if isinstance(n, str) else n.decode(errors="replace") for n in file]
    return ", ".join(names[:6]) + (", ..." if len(names) > 6 else "") or "nothing"


def _opens(path: Path) -> bool:
    try:
        with opened(path):
            return True
    except OSError:
        return False
