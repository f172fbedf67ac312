"""Which formats are read, told apart by content without reading them; imports only h5py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from napari_spatialrecon.tissue.formats import recognise, tenx_files

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_spatialrecon.tissue.formats.options import ReadOptions

_HERE = "napari_spatialrecon.tissue.formats"


@dataclass(frozen=True)
class Format:
    """A format that can be read.

    Parameters
    ----------
    name
        Short name in records and tests.
    family
        Platform or tool that writes it.
    title
        What a user calls it, with what to open, for messages.
    fits
        Whether a path is of this format; reads no more than a few bytes or names.
    reader
        "module:function" in this package, called with the path and the options.
    options
        Names of the fields of `ReadOptions` that its reader heeds; "layer" and "genome" are heeded
        for every format, once it has been read.
    backed
        "module:function" of a reader that leaves matrices on disk, if there is one.
    """

    name: str
    family: str
    title: str
    fits: Callable[[Path], bool]
    reader: str
    options: tuple[str, ...] = ()
    backed: str = ""

    def read(self, path: Path, options: ReadOptions, *, backed: bool = False) -> AnnData:
        """Read a path of this format, and leave matrices on disk if asked and possible."""
        module, function = ((backed and self.backed) or self.reader).split(":")
        table: AnnData = getattr(import_module(f"{_HERE}.{module}"), function)(path, options)
        return table


#: In the order in which they are tried: the more specific first.
FORMATS = (
    Format(
        "spaceranger",
        "Space Ranger",
        "a Space Ranger folder (Visium, Visium HD)",
        recognise.is_spaceranger,
        "spaceranger:read",
        ("bin", "library"),
    ),
    Format(
        "xenium",
        "Xenium",
        "a Xenium folder",
        recognise.is_xenium,
        "xenium:read",
        ("library", "y_axis"),
    ),
    Format(
        "cosmx",
        "CosMx",
        "a folder of CosMx flat files",
        recognise.is_cosmx,
        "cosmx:read",
        ("library", "region", "um_per_pixel", "y_axis"),
    ),
    Format(
        "merscope",
        "MERSCOPE",
        "a MERSCOPE folder",
        recognise.is_merscope,
        "merscope:read",
        ("library", "y_axis"),
    ),
    Format(
        "spatialdata",
        "SpatialData",
        "a SpatialData .zarr",
        recognise.is_spatialdata,
        "spatialdata_zarr:read",
        ("table", "region", "coordinate_system"),
    ),
    Format(
        "slideseq",
        "Slide-seq",
        "a Slide-seq folder",
        recognise.is_slideseq,
        "beads:read_slideseq",
        ("library", "y_axis"),
    ),
    Format(
        "curio",
        "Curio Seeker",
        "a Curio Seeker folder",
        recognise.is_curio,
        "beads:read_curio",
        ("library", "y_axis"),
    ),
    Format(
        "gef",
        "Stereo-seq",
        "a .gef file or folder of Stereo-seq",
        recognise.is_gef,
        "stereoseq:read_gef",
        ("bin", "y_axis"),
    ),
    Format(
        "gem",
        "Stereo-seq",
        "a .gem table of Stereo-seq",
        recognise.is_gem,
        "stereoseq:read_gem",
        ("bin", "y_axis"),
    ),
    Format(
        "seqfish",
        "seqFISH",
        "a seqFISH folder",
        recognise.is_seqfish,
        "imaging:read_seqfish",
        ("library", "y_axis"),
    ),
    Format(
        "starmap",
        "STARmap PLUS",
        "a folder of STARmap PLUS tables",
        recognise.is_starmap,
        "imaging:read_starmap",
        ("library", "y_axis"),
    ),
    Format(
        "cell_table",
        "CSV tables",
        "a CSV of cells with x, y and genes",
        recognise.is_cell_table,
        "imaging:read_table",
        ("y_axis",),
    ),
    Format(
        "tenx",
        "Cell Ranger",
        "a count matrix of Cell Ranger (.h5, .mtx, a folder with one, or outs)",
        tenx_files.is_tenx,
        "tenx:read",
        ("library", "genome"),
    ),
    Format(
        "zarr",
        "AnnData",
        "an AnnData .zarr",
        recognise.is_zarr_table,
        "zarr_table:read",
        ("library", "y_axis"),
        backed="zarr_table:read_backed",
    ),
    Format(
        "loom",
        "loom",
        "a .loom file",
        recognise.is_loom,
        "loom:read",
    ),
    Format(
        "h5ad",
        "AnnData",
        "an .h5ad file",
        recognise.is_h5ad,
        "h5ad:read",
        ("library", "y_axis"),
        backed="h5ad:read_backed",
    ),
)


def find_format(path: str | Path) -> Format | None:
    """Return the format of a path, or None if it is none of those that are read.

    Never raises: a file that is damaged or cannot be opened has no format.
    """
    path = Path(path)
    for known in FORMATS:
        try:
            if known.fits(path):
                return known
        except (OSError, RuntimeError, KeyError, ValueError):
            continue
    return None


def format_named(name: str) -> Format:
    """Return the format of a name."""
    return next(known for known in FORMATS if known.name == name)


def families() -> str:
    """Return the platforms and tools whose files are read, for messages."""
    *others, last = dict.fromkeys(known.family for known in FORMATS)
    return f"{', '.join(others)} or {last}"
