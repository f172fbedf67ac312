"""Reading the flat files of a CosMx slide."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from anndata import AnnData

from napari_spatialrecon.errors import ChoiceError, Problem, ValidationError
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
from napari_spatialrecon.tissue.formats.recognise import COSMX
from napari_spatialrecon.tissue.slots import SPATIAL

#: µm of a pixel [1]_; only the first instruments, of the lung data of 2022, had 0.18.
PIXEL_UM = 0.12028
_CONTROLS = ("NegPrb", "Negative", "NegProbe", "SystemControl", "FalseCode")
_XY = ("CenterX_global_px", "CenterY_global_px")
_LABELS = ("fov", "cell_ID")
#: Columns by which several slides in one set of files are told apart, the first found.
_SLIDES = ("slide_ID", "slide_ID_numeric", "Run_Tissue_name")


def read(path: Path, options: ReadOptions) -> AnnData:
    """Return the cells of a CosMx slide: `obsm["spatial"]` in µm, y down.

    Pixels are converted by what the files state: positions of the fields of view in px and mm, or
    areas of cells in px and µm²; else by 0.12028 µm [1]_, with a note. Global y points up [2]_ and
    is mirrored. Negative probes and system controls are excluded.

    Parameters
    ----------
    path
        The folder, or one of `*_exprMat_file.csv` and `*_metadata_file.csv`.
    options
        `um_per_pixel`: counts before what the files state.
        `library`: prefix of the files, or the slide where they hold several. `region`: one field
        of view. `y_axis`: "down" leaves y as it is.

    Raises
    ------
    ValidationError
        Lists every file and column that is missing.

    References
    ----------
    .. [1] NanoString, "CosMx ReadMe" of the public data sets; the default of Giotto's
       `importCosMx(px2um=0.12028)`.
    .. [2] NanoString, "SMI ReadMe" of the human brain data: "For global coordinates, the origin
       (0,0) is the bottom left of the capture area."
    """
    found = samples(path, COSMX)
    several_slides = len(found) == 1
    asked = None if several_slides else options.library
    prefix, files = one_sample(found, _ROLES, asked, path)
    _check(files, prefix, path)
    notes: list[str] = []
    places = csv_counts.table(files["places"], dtype={"fov": str, "cell_ID": str})
    um = options.scale() or _um_per_pixel(places, files, notes)
    places = _chosen_rows(places, options, several_slides, files["places"])
    matrix, labels, genes = csv_counts.cells_by_genes(
        files["counts"], _LABELS, leave=("cell", "cell_id", "slide_ID", "slide_ID_numeric", "X")
    )
    names = labels["fov"] + "_" + labels["cell_ID"]
    wanted = labels["fov"].isin(places["fov"]).to_numpy() & (labels["cell_ID"] != "0").to_numpy()
    adata = csv_counts.counts_table(matrix[wanted], names[wanted], genes)
    places.index = pd.Index(places["fov"] + "_" + places["cell_ID"])
    adata = placed(adata, places, _XY, notes=notes, where=str(files["places"]))
    adata = without_controls(adata, starts_with(adata.var_names, _CONTROLS), notes)
    xy = turn_y(adata.obsm[SPATIAL], stated="up", asked=options.y_axis, notes=notes)
    adata.obsm[SPATIAL] = xy * um
    return finished(adata, "um", notes)


def _check(files: Found, prefix: str, path: Path) -> None:
    problems = missing_files(files, _ROLES, prefix, COSMX, path, remedy=_COPY)
    for role, needed in (("counts", _LABELS), ("places", (*_LABELS, *_XY))):
        if role in files:
            lacking = csv_counts.missing_columns(
                files[role], csv_counts.header(files[role]), needed
            )
            problems += [Problem(str(path), f"{what}", _EXPORT) for what in lacking]
    if problems:
        raise ValidationError(problems)


_ROLES = ("counts", "places")
_COPY = "Try copying the whole folder of flat files again."
_EXPORT = "Try the flat files that AtoMx exports."


def _um_per_pixel(places: pd.DataFrame, files: Found, notes: list[str]) -> float:
    """Return the µm of a pixel: as the files state it, else the platform's."""
    if "fovs" in files:
        fovs = csv_counts.table(files["fovs"])
        if {"x_global_px", "y_global_px", "x_global_mm", "y_global_mm"} <= {*fovs.columns}:
            px = np.ptp(fovs[["x_global_px", "y_global_px"]].to_numpy(float), axis=0).max()
            mm = np.ptp(fovs[["x_global_mm", "y_global_mm"]].to_numpy(float), axis=0).max()
            if px > 0 and mm > 0:
                return float(1000 * mm / px)
    if {"Area", "Area.um2"} <= {*places.columns}:
        ratio = (places["Area.um2"] / places["Area"]).median()
        if np.isfinite(ratio) and ratio > 0:
            return float(np.sqrt(ratio))
    notes.append(
        f"No file states the size of a pixel: the instrument's {PIXEL_UM} µm was assumed. "
        "For the lung data of 2022 set um_per_pixel to 0.18."
    )
    return PIXEL_UM


def _chosen_rows(
    places: pd.DataFrame, options: ReadOptions, slides: bool, where: Path
) -> pd.DataFrame:
    column = next((c for c in _SLIDES if c in places and places[c].nunique() > 1), None)
    if slides and column is not None:
        places = _only(places, column, ("slides", "library"), options.library, where, True)
    return _only(places, "fov", ("fields of view", "region"), options.region, where, False)


def _only(
    places: pd.DataFrame,
    column: str,
    words: tuple[str, str],
    asked: str | None,
    where: Path,
    needed: bool,
) -> pd.DataFrame:
    values = places[column].astype(str)
    if asked is None and not needed:
        return places.copy()
    if asked is None or asked not in set(values):
        raise ChoiceError(*words, list(dict.fromkeys(values)), asked=asked, where=str(where))
    return places[values == asked].copy()
