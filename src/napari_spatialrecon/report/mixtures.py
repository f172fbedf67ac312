"""What a report tells of mixtures: which types, where, and what bears them out."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_spatialrecon.errors import SpatialReconError
from napari_spatialrecon.evaluation.mixture_metrics import proportions_of
from napari_spatialrecon.evaluation.type_maps import MOST, type_maps
from napari_spatialrecon.methods.mixtures.base import read_types
from napari_spatialrecon.methods.mixtures.config import GOT, LEVEL
from napari_spatialrecon.report.ground import drawn, where
from napari_spatialrecon.report.inputs import Input
from napari_spatialrecon.report.parts import Section, Table
from napari_spatialrecon.report.pictures import Studio
from napari_spatialrecon.report.run import Run
from napari_spatialrecon.tasks.mixture_trust import Support, marker_support
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.slots import LOWER, UPPER

#: What the columns about markers mean.
_COLUMNS = (
    "Follows its markers: Spearman correlation, over the spots, of the share of a type and the "
    "expression of its marker genes. Found / expected: their expression in the whole slide, as a "
    "multiple of what the shares of all types lead one to expect. A type whose markers other types "
    "express too (markers shared) can be told by neither."
)
#: Most rows of the table of types, and share from which on a spot counts as one with the type.
_ROWS, _PRESENT = 20, 0.1


def asked(run: Run, inputs: list[Input]) -> tuple[str, ...]:
    """Return what was asked."""
    n, k = proportions_of(run.adata, run.name).shape
    slide = next((one.name for one in inputs if one.role == "slide"), "the slide")
    cells = next((one.name for one in inputs if one.role == "cells"), "the reference")
    labels = run.settings.get("labels", "")
    return (
        f"Estimate the shares of {k} cell types in each of {n:,} spots of {slide}; the types are "
        f"those of the cells of {cells} (column {labels}).",
    )


def figures(run: Run, inputs: list[Input], studio: Studio, types: str | None) -> list[Section]:
    """Return maps of the types, a table of what bears them out, and how certain shares are."""
    shares = proportions_of(run.adata, run.name)
    names = np.array(shares.columns, dtype=str)
    largest = pd.Series(pd.Categorical(names[shares.to_numpy(float).argmax(axis=1)]))
    below = where(run, inputs)
    whole = drawn(run, inputs, largest, kind="category", label="largest share")
    alt = f"Map of the spots over {below}, each colored by the type with the largest share."
    first = studio.picture(whole, alt, "The type with the largest share of each spot.")
    maps = type_maps(contract.coordinates(run.adata), shares)
    shown = min(MOST, len(names))
    alt = f"{shown} small maps, one per cell type: bright where its share is largest."
    each = studio.picture(maps, alt, f"Shares of the {shown} most frequent types.")
    return [
        Section("map", "Where the types are", pictures=(first, each)),
        _table(run, inputs, shares),
        _certainty(run, shares, names),
    ]


def _certainty(run: Run, shares: pd.DataFrame, names: NDArray[np.str_]) -> Section:
    """Return how wide the intervals of each type are, and where they include 0."""
    title = "How certain each share is"
    if LOWER not in run.adata.obsm or UPPER not in run.adata.obsm:
        why = next((note for note in run.notes if note.startswith("Shares have no intervals")), "")
        text = why or "This run states no interval for a share, so none is shown."
        return Section("uncertainty", title, (text,))
    values = shares.to_numpy(float)
    lower, upper = (np.asarray(run.adata.obsm[key], float) for key in (LOWER, UPPER))
    order = np.argsort(-values.mean(axis=0), kind="stable")[:_ROWS]
    rows = []
    for i in order:
        got = values[:, i] >= GOT
        width = f"{100 * (upper - lower)[got, i].mean():.0f}" if got.any() else "–"
        absent = f"{(lower[got, i] <= 0).mean():.0%}" if got.any() else "–"
        rows.append((names[i], f"{values[:, i].mean():.1%}", f"{got.sum():,}", width, absent))
    head = (
        "Type",
        "Share of the tissue",
        f"Spots with {GOT:.0%} or more",
        "Mean width there, percentage points",
        "Includes 0 there",
    )
    text = (
        f"Each share has a {LEVEL:.0%} interval, calibrated on pseudo-spots of known mixture that "
        "were made of cells of the reference to look like the spots of this slide."
    )
    covered = run.metrics.get("interval_coverage")
    if covered is not None:
        text += (
            f" In pseudo-spots that were held out of this, {covered:.0%} of the true shares lay "
            f"inside, where a type got {GOT:.0%} or more."
        )
    text += " Intervals hold as far as the cells of the slide resemble those of the reference."
    table = Table("Intervals", head, tuple(rows), (1, 2, 3, 4))
    return Section("uncertainty", title, (text,), tables=(table,))


def _table(run: Run, inputs: list[Input], shares: pd.DataFrame) -> Section:
    names, values = list(shares.columns), shares.to_numpy(float)
    support = _support(run, inputs, values)
    order = np.argsort(-values.mean(axis=0), kind="stable")[:_ROWS]
    rows = []
    for i in order:
        row: tuple[str, ...] = (
            names[i],
            f"{values[:, i].mean():.1%}",
            f"{(values[:, i] >= _PRESENT).sum():,}",
        )
        if support is not None:
            row += (_number(support[i].follows), _number(support[i].expressed), _word(support[i]))
        rows.append(row)
    head: tuple[str, ...] = ("Type", "Share of the tissue", f"Spots with {_PRESENT:.0%} or more")
    said: tuple[str, ...] = ()
    if support is not None:
        head += ("Follows its markers", "Markers, found / expected", "Borne out")
        said = (_COLUMNS,)
    else:
        said = ("The inputs were not read, so marker genes were not looked at again.",)
    more = f" (the {len(rows)} most frequent of {len(names)})" if len(names) > len(rows) else ""
    table = Table(f"Cell types{more}", head, tuple(rows), (1, 2, 3, 4))
    return Section("types", "Cell types", said, tables=(table,))


def _support(run: Run, inputs: list[Input], values: np.ndarray) -> list[Support] | None:
    """Return what the marker genes say of each type, where both inputs can be read."""
    slide = next((one.prepared for one in inputs if one.role == "slide"), None)
    cells = next((one.prepared for one in inputs if one.role == "cells"), None)
    labels = run.settings.get("labels")
    if slide is None or cells is None or labels is None or len(slide.kept) != len(values):
        return None
    try:
        types = read_types(cells.adata, str(labels), cells.name)
    except SpatialReconError:
        return None
    if len(types.names) != values.shape[1]:
        return None
    return marker_support(slide, cells, types, values[slide.kept])


def _number(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else "–"


def _word(support: Support) -> str:
    if not np.isfinite(support.follows) and not np.isfinite(support.expressed):
        return "no markers"
    if support.shared:
        return "markers shared"
    return "no" if support.is_weak else "yes"


def done(run: Run, inputs: list[Input]) -> str:
    """Return what was done, for a methods paragraph; the method's name follows."""
    n, k = proportions_of(run.adata, run.name).shape
    cells = next((one.name for one in inputs if one.role == "cells"), "the reference")
    return f"The shares of {k} cell types, labeled in {cells}, were estimated in {n:,} spots with"
