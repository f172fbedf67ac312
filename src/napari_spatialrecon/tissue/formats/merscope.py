"""Reading the tables of a MERSCOPE region."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

from napari_spatialrecon.errors import Problem, ValidationError
from napari_spatialrecon.tissue.formats import csv_counts
from napari_spatialrecon.tissue.formats.cells import (
    finished,
    placed,
    starts_with,
    turn_y,
    without_controls,
)
from napari_spatialrecon.tissue.formats.folder import Found, missing_files, one_sample, samples
from napari_spatialrecon.tissue.formats.options import ReadOptions
from napari_spatialrecon.tissue.formats.recognise import MERSCOPE
from napari_spatialrecon.tissue.slots import SPATIAL

_CONTROLS = ("Blank-", "Blank_")
_XY = ("center_x", "center_y")
_COPY = "Try copying the whole folder of the region again."


def read(path: Path, options: ReadOptions) -> AnnData:
    """Return the cells of a MERSCOPE region: `obsm["spatial"]` in µm, y down.

    Where `images/` holds a mosaic and its `micron_to_mosaic_pixel_transform.csv`, µm are counted
    from the corner of the mosaic, which becomes the histology. Blanks are excluded.

    Parameters
    ----------
    path
        The folder, or one of `*cell_by_gene.csv` and `*cell_metadata.csv`.
    options
        `library`: prefix of the files, where there are several. `y_axis`: "up" mirrors y.

    Raises
    ------
    ValidationError
        Lists every file and column that is missing.

    References
    ----------
    Vizgen, "MERSCOPE Instrument User Guide": output files.
    """
    prefix, files = one_sample(samples(path, MERSCOPE), ("counts", "places"), options.library, path)
    _check(files, prefix, path)
    notes: list[str] = []
    counts_name, places_name, others = csv_counts.naming_columns(files["counts"], files["places"])
    places = csv_counts.named(files["places"], places_name)
    matrix, labels, genes = csv_counts.cells_by_genes(files["counts"], (counts_name,), leave=others)
    adata = csv_counts.counts_table(matrix, labels[counts_name], genes)
    adata = placed(adata, places, _XY, notes=notes, where=str(files["places"]))
    adata = without_controls(adata, starts_with(adata.var_names, _CONTROLS), notes)
    xy = turn_y(adata.obsm[SPATIAL], stated="down", asked=options.y_axis, notes=notes)
    library = None if options.y_axis == "up" else _mosaic(files.get("images"))
    if library is not None:
        content, matrix3 = library
        xy = (xy @ matrix3[:2, :2].T + matrix3[:2, 2]) * content["metadata"]["um_per_fullres_px"]
        adata.uns[SPATIAL] = {prefix or "mosaic": content}
        notes.append("µm are counted from the corner of the mosaic image.")
    adata.obsm[SPATIAL] = xy
    return finished(adata, "um", notes)


def _check(files: Found, prefix: str, path: Path) -> None:
    problems = missing_files(files, ("counts", "places"), prefix, MERSCOPE, path, remedy=_COPY)
    if "places" in files:
        names = csv_counts.header(files["places"])
        lacking = csv_counts.missing_columns(files["places"], names, _XY)
        problems += [Problem(str(path), what, _COPY) for what in lacking]
    if problems:
        raise ValidationError(problems)


def _mosaic(images: Path | None) -> tuple[dict[str, Any], np.ndarray] | None:
    """Return the library of a mosaic image, and its transform from µm to pixels, (3, 3)."""
    if images is None or not images.is_dir():
        return None
    transform = images / "micron_to_mosaic_pixel_transform.csv"
    mosaics = sorted(images.glob("mosaic_DAPI_z*.tif")) or sorted(images.glob("mosaic_*.tif"))
    if not transform.is_file() or not mosaics:
        return None
    matrix = pd.read_csv(transform, sep=r"\s+|,", header=None, engine="python").to_numpy(float)
    um = 1 / float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
    manifest = images / "manifest.json"
    if manifest.is_file():
        stated = json.loads(manifest.read_text(encoding="utf-8")).get("microns_per_pixel")
        um = float(stated) if stated else um
    middle = mosaics[len(mosaics) // 2]
    metadata = {"source_image_path": str(middle.resolve()), "um_per_fullres_px": um}
    return {"images": {}, "scalefactors": {}, "metadata": metadata}, matrix
