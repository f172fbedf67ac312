"""Reading the output of Space Ranger: Visium, CytAssist, and bins or cells of Visium HD."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

from napari_spatialrecon.errors import ChoiceError, InputError, Problem, ValidationError
from napari_spatialrecon.hdf5_vetting import opened
from napari_spatialrecon.tissue.formats import csv_counts
from napari_spatialrecon.tissue.formats.cells import finished, placed, with_unique_genes
from napari_spatialrecon.tissue.formats.feature_matrix import read_features
from napari_spatialrecon.tissue.formats.options import ReadOptions
from napari_spatialrecon.tissue.formats.visium_files import (
    MATRICES,
    OUTLINES,
    POSITIONS,
    SCALE_FACTORS,
    Run,
    chosen_bin,
    content,
    find_runs,
)
from napari_spatialrecon.tissue.formats.visium_images import (
    find_source,
    full_size,
    read_factors,
    read_images,
    size_problems,
)
from napari_spatialrecon.tissue.slots import SPATIAL

_ARRAY = ["in_tissue", "array_row", "array_col"]
_XY = ("pxl_col_in_fullres", "pxl_row_in_fullres")
_COLUMNS = ["barcode", *_ARRAY, "pxl_row_in_fullres", "pxl_col_in_fullres"]
#: Names of the same columns in Seurat.
_SYNONYMS = {
    "tissue": "in_tissue",
    "row": "array_row",
    "col": "array_col",
    "imagerow": "pxl_row_in_fullres",
    "imagecol": "pxl_col_in_fullres",
}


def read(path: Path, options: ReadOptions) -> AnnData:
    """Return the slide in a folder; see `read_spaceranger`."""
    return read_spaceranger(path, bin=options.bin, library=options.library)


def read_spaceranger(
    folder: str | Path,
    *,
    bin: str | None = None,
    library: str | None = None,
    full_resolution: str | Path | None = None,
    images_needed: bool = False,
) -> AnnData:
    """Return the spots, bins or cells under tissue of a Space Ranger run.

    `obsm["spatial"]` is (x, y) in full-resolution pixels, `uns["spatial"][library]` is as scanpy
    writes it (images as they are stored), and `uns["spatialrecon"]["unit"]` is "px".
    `uns["spatialrecon"]["notes"]` lists what is missing, was chosen or excluded. Repeated gene
    symbols get a suffix, as in scanpy; `var["gene_ids"]` distinguishes them.

    Parameters
    ----------
    folder
        `outs`, its parent, the folder of a bin size of Visium HD, `binned_outputs`, or a folder of
        files with the name of a sample before theirs. `spatial/` may be there or not.
    bin
        Bin size of Visium HD in µm ("8"), or "cells" for segmented cells. If None, 8.
    library
        Sample, where a folder holds several.
    full_resolution
        The microscope image given to Space Ranger. If None, an image of matching size next to the
        outputs is used. It is recorded in `metadata["source_image_path"]`, not read.
    images_needed
        Whether it is an error if both the hires and lowres images are missing.

    Raises
    ------
    ChoiceError
        Several samples and none is named, or a bin size that is not there.
    ValidationError
        Lists everything that is missing or wrong.

    References
    ----------
    10x Genomics, Space Ranger documentation, "Spatial outputs" and "Segmented outputs".
    """
    notes: list[str] = []
    run = _chosen(chosen_bin(Path(folder), bin, notes), library)
    if run.shared:
        notes.append(
            f"The position files name no sample; they were assumed to belong to {run.name}."
        )
    problems: list[Problem] = []
    images = read_images(run, notes)
    factors: dict[str, float] = {}
    positions, source = pd.DataFrame(), None
    try:
        factors = read_factors(run, images)
    except InputError as error:
        problems.append(error.problem)
    try:
        positions = _read_positions(run)
    except InputError as error:
        problems.append(error.problem)
    if images_needed and not images:
        looked = "tissue_hires_image.png or tissue_lowres_image.png"
        problems.append(Problem(str(run.folder), f"Expected {looked}, found neither."))
    if factors:
        try:
            source = find_source(run, full_size(images, factors), full_resolution)
        except InputError as error:
            problems.append(error.problem)
    if factors and len(positions):
        under = positions[positions["in_tissue"] == 1]
        problems += size_problems(run, images, factors, under[list(_XY)].to_numpy(float))
    if problems:
        raise ValidationError(problems)
    adata, name, metadata = _read_matrix(run, notes)
    adata = _place(adata, positions, run, notes)
    if source:
        metadata["source_image_path"] = str(source.resolve())
    adata.uns[SPATIAL] = {name: {"images": images, "scalefactors": factors, "metadata": metadata}}
    return finished(adata, "px", notes)


def _chosen(folder: Path, library: str | None) -> Run:
    runs = find_runs(folder)
    if not runs:
        raise ValidationError([_not_spaceranger(folder)])
    if len(runs) == 1 and library in (None, runs[0].name):
        return runs[0]
    chosen = [run for run in runs if run.name == library]
    if len(chosen) == 1:
        return chosen[0]
    names = list(dict.fromkeys(run.name for run in runs))
    raise ChoiceError("samples", "library", names, asked=library, where=str(folder))


def _not_spaceranger(folder: Path) -> Problem:
    found = (
        f"Expected a Space Ranger folder with one of {', '.join(MATRICES)} and spatial/ with "
        f"{SCALE_FACTORS} and one of {', '.join(POSITIONS)}; found no such pair."
    )
    return Problem(str(folder), found, 'Try the folder "outs" that Space Ranger wrote.')


def _read_positions(run: Run) -> pd.DataFrame:
    """Return places by barcode, of each version; rows of segmented cells count as under tissue."""
    path = run.files.get("positions")
    if path is None:
        found = f"Expected one of {', '.join((*POSITIONS, OUTLINES))}, found none of them."
        raise InputError(
            found,
            remedy="Try copying it from the run again.",
            where=str(run.files.get("factors", run.folder).parent),
        )
    if path.name.removesuffix(".gz").endswith(OUTLINES):
        return _centroids(path)
    if path.suffix == ".parquet":
        table = csv_counts.table(path)
    else:
        names = csv_counts.header(path)
        has_header = len(names) < 2 or not names[1].strip().isdigit()
        table = csv_counts.table(path, header=0 if has_header else None)
        if not has_header and table.shape[1] == len(_COLUMNS):
            table.columns = pd.Index(_COLUMNS)
    table = table.rename(columns=_SYNONYMS)
    if "barcode" not in table and table.shape[1] >= len(_COLUMNS):
        table = table.rename(columns={table.columns[0]: "barcode"})
    missing = [column for column in _COLUMNS if column not in table.columns]
    if missing:
        raise InputError(
            f"Expected columns {', '.join(_COLUMNS)}; found none named {', '.join(missing)}.",
            remedy="Try copying the file from the run again.",
            where=str(path),
        )
    return table[_COLUMNS].set_index("barcode")


def _centroids(path: Path) -> pd.DataFrame:
    """Return the centers of mass of segmented cells' outlines, and their areas in pixels."""
    try:
        features = json.loads(content(path))["features"]
        rows = [
            (f"cellid_{int(f['properties']['cell_id']):09d}-1", *_middle(f["geometry"]))
            for f in features
        ]
    except (OSError, EOFError, ValueError, KeyError, TypeError, IndexError) as error:
        raise InputError(
            "Expected outlines of cells as GeoJSON polygons with a cell_id, found others.",
            remedy="Try copying the file from the run again.",
            where=str(path),
        ) from error
    table = pd.DataFrame(rows, columns=["barcode", *_XY, "cell_area_px"]).set_index("barcode")
    return table.assign(in_tissue=1)


def _middle(geometry: dict[str, Any]) -> tuple[float, float, float]:
    """Return centroid (x, y) and area of the largest polygon's outer ring, by the shoelace sum."""
    polygons = geometry["coordinates"]
    rings = [p[0] for p in polygons] if geometry["type"] == "MultiPolygon" else [polygons[0]]
    return max((_ring_middle(np.asarray(ring, float)) for ring in rings), key=lambda m: m[2])


def _ring_middle(ring: np.ndarray) -> tuple[float, float, float]:
    start = ring[0]
    points = ring - start  # keeps the sums exact far from the origin
    following = np.roll(points, -1, axis=0)
    cross = points[:, 0] * following[:, 1] - following[:, 0] * points[:, 1]
    area = cross.sum() / 2
    if area == 0:
        x, y = ring.mean(axis=0)
        return float(x), float(y), 0.0
    x, y = start + ((points + following) * cross[:, None]).sum(axis=0) / (6 * area)
    return float(x), float(y), abs(float(area))


def _read_matrix(run: Run, notes: list[str]) -> tuple[AnnData, str, dict[str, Any]]:
    path = run.files["matrix"]
    metadata: dict[str, Any] = {}
    name = run.name
    adata = read_features(path)
    if path.suffix == ".h5":
        name = _read_attributes(path, metadata) or name
    if path.name.startswith("raw"):
        notes.append(f"Read {path.name}, since there is no filtered matrix.")
    if "feature_types" in adata.var:
        genes = (adata.var["feature_types"] == "Gene Expression").to_numpy()
        if genes.any() and not genes.all():
            notes.append(f"{int((~genes).sum())} features that are not genes were excluded.")
            adata = adata[:, genes].copy()
    return with_unique_genes(adata, notes), name, metadata


def _read_attributes(path: Path, metadata: dict[str, Any]) -> str:
    with opened(path) as file:
        for key in ("chemistry_description", "software_version"):
            if key in file.attrs:
                metadata[key] = _text(file.attrs[key])
        names = file.attrs.get("library_ids")
        return _text(names[0]) if names is not None and len(names) else ""


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _place(adata: AnnData, positions: pd.DataFrame, run: Run, notes: list[str]) -> AnnData:
    where = str(run.files["positions"])
    adata = placed(adata, positions, _XY, notes=notes, where=where, rows="barcodes")
    under = (adata.obs["in_tissue"] == 1).to_numpy()
    if under.all():
        return adata
    if not under.any():
        raise InputError(
            "Expected spots under tissue, found that none of those with counts is.",
            remedy="Try the matrix and the spatial folder of the same run.",
            where=where,
        )
    notes.append(f"{int((~under).sum()):,} spots that are not under tissue were excluded.")
    return adata[under].copy()
