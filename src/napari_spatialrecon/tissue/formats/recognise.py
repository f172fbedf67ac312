"""Signs by which formats are told apart, cheap to look for; imports only h5py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py

from napari_spatialrecon.tissue.formats.folder import Names, samples
from napari_spatialrecon.tissue.formats.visium_files import bins, find_runs

#: Files by which platforms are told, in the order in which they are preferred.
XENIUM: Names = {
    "matrix": (
        "cell_feature_matrix.h5",
        "cell_feature_matrix",
        "cell_feature_matrix.zarr.zip",
        "cell_feature_matrix.zarr",
    ),
    "places": ("cells.parquet", "cells.csv"),
    "experiment": ("experiment.xenium",),
    "image": (
        "morphology_focus.ome.tif",
        "morphology_focus",
        "morphology_mip.ome.tif",
    ),
}
#: Files beside `cells.csv`, a common name, by which a folder is told to be of a run.
_OF_XENIUM = (
    "transcripts.parquet",
    "transcripts.csv",
    "cell_boundaries.parquet",
    "cell_boundaries.csv",
    "gene_panel.json",
)
COSMX: Names = {
    "counts": ("exprMat_file.csv",),
    "places": ("metadata_file.csv",),
    "fovs": ("fov_positions_file.csv",),
}
MERSCOPE: Names = {
    "counts": ("cell_by_gene.csv",),
    "places": ("cell_metadata.csv",),
    "images": ("images",),
}


def is_spaceranger(path: Path) -> bool:
    """Return whether a folder holds one or several Space Ranger runs, or bins of Visium HD."""
    return path.is_dir() and bool(bins(path) or find_runs(path))


def is_xenium(path: Path) -> bool:
    """Return whether a folder is of a Xenium run, whole or not, or a file is of a whole one.

    A matrix alone is no run: it holds cells without places.
    """
    found = samples(path, {**XENIUM, "others": _OF_XENIUM}).values()
    if path.is_file():
        return any({"matrix", "places"} <= {*files} for files in found)
    return any(
        "experiment" in files or "matrix" in files or {"places", "others"} <= {*files}
        for files in found
    )


def is_cosmx(path: Path) -> bool:
    """Return whether a folder or file is of the flat files of CosMx, whole or not."""
    return any(files.keys() & {"counts", "places"} for files in samples(path, COSMX).values())


def is_merscope(path: Path) -> bool:
    """Return whether a folder or file is of a MERSCOPE region, whole or not."""
    return any(files.keys() & {"counts", "places"} for files in samples(path, MERSCOPE).values())


def is_h5ad(path: Path) -> bool:
    """Return whether a file is an AnnData table in HDF5, whatever its name."""
    if not (path.is_file() and h5py.is_hdf5(path)):
        return False
    with h5py.File(path, "r") as file:
        kind = file.attrs.get("encoding-type")
        kind = kind.decode() if isinstance(kind, bytes) else kind
        return kind == "anndata" or ("X" in file and "obs" in file)


def is_geojson(path: Path) -> bool:
    """Return whether a file holds regions, as QuPath exports them: by its name and first bytes."""
    if path.suffix.lower() == ".geojson":
        return True
    if path.suffix.lower() != ".json":
        return False
    try:
        with path.open("rb") as stream:
            return b'"Feature' in stream.read(4096)
    except OSError:
        return False


def is_spatialdata(path: Path) -> bool:
    """Return whether a folder is a SpatialData object in zarr, of format 2 or 3."""
    if not path.is_dir():
        return False
    attributes = zarr_attributes(path)
    if "spatialdata_attrs" in attributes:
        return True
    if attributes.get("encoding-type") or not (path / ".zgroup").is_file():
        return False
    kinds = ("images", "labels", "points", "shapes", "tables")
    return any((path / kind / ".zgroup").is_file() for kind in kinds)


def zarr_attributes(group: Path) -> dict[str, Any]:
    """Return the attributes of a zarr group of format 3 or 2; none of any other folder."""
    try:
        if (group / "zarr.json").is_file():
            found = json.loads((group / "zarr.json").read_bytes()).get("attributes")
        elif (group / ".zattrs").is_file():
            found = json.loads((group / ".zattrs").read_bytes())
        else:
            found = None
    except (ValueError, AttributeError):
        found = None
    return found if isinstance(found, dict) else {}
