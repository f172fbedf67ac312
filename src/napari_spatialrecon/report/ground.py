"""What a result lies on: its H&E, the spots of its slide, and the columns that tell cells apart."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from matplotlib.figure import Figure

from napari_spatialrecon.errors import SpatialReconError
from napari_spatialrecon.evaluation.pictures import overlay
from napari_spatialrecon.report.inputs import Input
from napari_spatialrecon.report.run import Run
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.images import Histology, histology
from napari_spatialrecon.tissue.read import read_adata
from napari_spatialrecon.tissue.slots import COMMUNITY, LIBRARY

#: Names of columns that hold cell types, the likeliest first, and most types of a column.
_TYPES = (r"cell.?type", r"type", r"annotation|label", r"subclass|class", r"cluster|leiden|louvain")
_MOST = 60


def slide_below(run: Run, inputs: list[Input]) -> AnnData | None:
    """Return the measured slide in whose frame a result lies; None if it cannot be read."""
    settings = run.settings
    if "registered_to" in settings:
        return _other(run, settings.get("onto"))
    named = [
        one for one in inputs if one.role == "reference" and one.name == settings.get("display")
    ]
    slides = [*named, *(one for one in inputs if one.role in ("reference", "slide"))]
    return next((one.table for one in slides if one.table is not None), None)


def _other(run: Run, onto: Any) -> AnnData | None:
    if onto is None:
        return None
    held = run.tables.get(str(onto))
    if held is not None:
        return held
    try:
        return read_adata(str(onto))
    except SpatialReconError:
        return None


def stain_of(run: Run, inputs: list[Input]) -> Histology | None:
    """Return the H&E below a result: that of its table, else of its slide."""
    folder = None if run.path is None else run.path.parent
    found = opened(run.adata, folder)
    if found is not None:
        return found
    table = slide_below(run, inputs)
    folders = [Path(one.path).parent for one in inputs if one.table is table and one.path]
    return None if table is None else opened(table, next(iter(folders), None))


def opened(table: AnnData, folder: str | Path | None) -> Histology | None:
    """Return the H&E of a table; None if it has none, or its files cannot be read."""
    try:
        return histology(table, folder)
    except SpatialReconError:
        return None


def drawn(run: Run, inputs: list[Input], values: Any = None, **more: Any) -> Figure:
    """Return the rows of a result over its H&E, or over the spots of its slide."""
    image, spots = stain_of(run, inputs), None
    if image is None and (slide := slide_below(run, inputs)) is not None:
        spots = contract.coordinates(slide)
    return overlay(
        contract.coordinates(run.adata),
        values,
        image=image,
        spots=spots,
        um_per_unit=contract.um_per_unit(run.adata),
        **more,
    )


def where(run: Run, inputs: list[Input]) -> str:
    """Return what a picture of a result shows below its points, as words that "over" precedes."""
    if (image := stain_of(run, inputs)) is not None:
        return f"the H&E of {image.name}"
    return "the spots of its slide" if slide_below(run, inputs) is not None else "no image"


def type_column(adata: AnnData, asked: str | None = None) -> str | None:
    """Return the column of cell types, or at least of groups; None without one.

    Parameters
    ----------
    asked
        A column to take if there is one of that name.
    """
    if asked is not None and asked in adata.obs:
        return asked
    names = [str(name) for name in adata.obs if _groups(adata.obs[name], str(name))]
    for pattern in _TYPES:
        for name in names:
            if re.search(pattern, name, re.IGNORECASE):
                return name
    return None


def _groups(column: pd.Series, name: str) -> bool:
    words = isinstance(column.dtype, pd.CategoricalDtype) or column.dtype == object
    if not words or name in (COMMUNITY, LIBRARY):
        return False
    return bool(2 <= column.nunique() <= min(_MOST, max(2, len(column) // 2)))


def spread_words(values: np.ndarray, unit: str) -> str:
    """Return the median and the middle 90% of values in words."""
    low, middle, high = np.nanquantile(np.asarray(values, float), [0.05, 0.5, 0.95])
    if alike(values):
        return f"{number(middle)}{unit}, the same for every cell"
    return f"median {number(middle)}{unit}, 90% from {number(low)} to {number(high)}{unit}"


def alike(values: np.ndarray) -> bool:
    """Return whether values are the same but for rounding, as those of a method without spread."""
    known = np.asarray(values, float)
    known = known[np.isfinite(known)]
    return bool(len(known)) and bool(np.ptp(known) <= 1e-6 * np.abs(known).max())


def number(value: float) -> str:
    """Return a length with three digits, or all before the point.

    Examples
    --------
    >>> number(2204.6), number(0.51234)
    ('2,205', '0.512')
    """
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
