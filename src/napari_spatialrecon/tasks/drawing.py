"""Pictures of AnnData results: which colors, which image, which truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from anndata import AnnData
from scipy import sparse

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.evaluation.mixture_metrics import proportions_of
from napari_spatialrecon.evaluation.pictures import overlay, save_png
from napari_spatialrecon.evaluation.type_maps import type_maps
from napari_spatialrecon.faces import argument
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.gene_lookup import lookup
from napari_spatialrecon.tissue.images import histology
from napari_spatialrecon.tissue.slots import UNCERTAINTY


def draw_placed(
    placed: AnnData,
    path: str | Path,
    *,
    truth: AnnData | None = None,
    color: str | None = None,
    slide: AnnData | None = None,
    folder: str | Path | None = None,
    title: str = "",
) -> Path:
    """Write a PNG of placed cells on their histology, next to the truth if given.

    Parameters
    ----------
    placed
        Cells with ``obsm["spatial"]``.
    truth
        The same cells, by name, with their true coordinates in the same frame.
    color
        A column of ``obs`` (of the placed cells or the truth) or a gene; by default the truth's
        ``cell_type``, or the uncertainty.
    slide
        Slide with the H&E and spots to draw; by default those of the truth or the placed cells.
    folder
        Folder of the image files named in a slide.

    Raises
    ------
    InputError
        The column or gene does not exist, or the truth lacks the cells.
    """
    points = contract.coordinates(placed)
    true = None
    if truth is not None:
        rows = truth.obs_names.get_indexer(placed.obs_names)
        if (rows < 0).all():
            raise InputError("Expected the placed cells in the truth, found none by name.")
        true = np.full(points.shape, np.nan)
        true[rows >= 0] = contract.coordinates(truth)[rows[rows >= 0]]
    values, kind, label = _colors(placed, truth, color)
    image = None
    for candidate in (slide, truth, placed):
        if candidate is not None and image is None:
            image = histology(candidate, folder)
    spots = slide if slide is not None and image is None else None
    figure = overlay(
        points,
        values,
        image=image,
        spots=None if spots is None else contract.coordinates(spots),
        truth=true,
        um_per_unit=contract.um_per_unit(placed),
        kind=kind,
        label=label,
        title=title,
    )
    return save_png(figure, path)


def draw_types(
    adata: AnnData,
    path: str | Path,
    *,
    types: Sequence[str] | None = None,
    title: str = "",
) -> Path:
    """Write a PNG with a map of each cell type of a deconvolved slide.

    Parameters
    ----------
    adata
        Spots with ``obsm["proportions"]``, as `deconvolve` returns.
    types
        Types to draw; by default the twelve with the largest shares.

    Raises
    ------
    InputError
        The table has no proportions, or lacks a type.
    """
    proportions = proportions_of(adata, "result")
    return save_png(type_maps(contract.coordinates(adata), proportions, types, title=title), path)


def _colors(placed: AnnData, truth: AnnData | None, color: str | None) -> tuple[Any, Any, str]:
    """Return values, their kind and their name."""
    tables = [placed] if truth is None else [placed, truth[_known(placed, truth)]]
    if color is None:
        with_types = [t for t in tables if "cell_type" in t.obs and t.n_obs == placed.n_obs]
        if with_types:
            return with_types[0].obs["cell_type"], "category", "cell type"
        if UNCERTAINTY in placed.obs:
            return placed.obs[UNCERTAINTY].to_numpy(), "uncertainty", "uncertainty"
        return None, None, ""
    for table in tables:
        if color in table.obs and table.n_obs == placed.n_obs:
            return table.obs[color], None, color
    at = int(lookup(placed.var, [color])[0])
    if at >= 0:
        counts = contract.counts(placed)
        totals = np.maximum(np.asarray(counts.sum(axis=1)).ravel(), 1)
        column = sparse.csc_matrix(counts)[:, [at]]
        values = np.log1p(column.toarray().ravel() / totals * np.median(totals))
        return values, "gene", color
    raise InputError(
        f"Expected a column of obs or a gene, found {color!r}.",
        remedy=f"Try one of {', '.join(map(str, list(placed.obs.columns)[:8]))}.",
        where=argument("color"),
    )


def _known(placed: AnnData, truth: AnnData) -> Any:
    return [name for name in placed.obs_names if name in truth.obs_names]
