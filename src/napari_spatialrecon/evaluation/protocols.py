"""Evaluation protocols: turning tissue with known positions into inputs with hidden positions.

Methods and settings are selected with random held-out spots: we found that their ranking agrees
with the truth on cells. The scores themselves are optimistic, because neighbouring spots leak
information; blocks and left-out sections answer other questions and have their own names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy.sparse import csr_matrix
from sklearn.cluster import KMeans

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.evaluation.hiding import hide_places
from napari_spatialrecon.tissue.contract import coordinates, counts, um_per_unit, unit
from napari_spatialrecon.tissue.micrometres import scale_slots
from napari_spatialrecon.tissue.slots import COUNTS, COUNTS_OK, OURS, SPATIAL


class HeldOutSection(NamedTuple):
    """One section to place, with the others as references.

    Parameters
    ----------
    name
        Name of the section whose positions are hidden.
    references
        The other sections by name, unchanged.
    query
        The section without its positions.
    truth : (n, 2) float
        The hidden positions.
    """

    name: str
    references: dict[str, AnnData]
    query: AnnData
    truth: np.ndarray


def pseudo_visium(
    adata: AnnData, pitch: float, diameter: float | None = None, min_cells: int = 3
) -> AnnData:
    """Return pseudo-spots on a square grid, each with the summed raw counts of its cells.

    Parameters
    ----------
    adata
        Single cells with positions.
    pitch
        Distance between the centres of neighbouring spots, in the unit of ``obsm["spatial"]``.
    diameter
        Diameter of round spots, in the same unit; cells between the spots are lost, as on a real
        slide. If None, the spots are squares without gaps.
    min_cells
        Spots with fewer cells are excluded.

    Returns
    -------
    AnnData
        ``X`` csr counts, ``obs["n_cells"]``, ``obsm["spatial"]`` the centres; the unit of `adata`
        and its genes with reliable counts. Names give the grid's column and row.

    Raises
    ------
    InputError
        `pitch` is not positive, `diameter` is not in (0, pitch], or no spot has `min_cells` cells.
    """
    if not pitch > 0 or (diameter is not None and not 0 < diameter <= pitch):
        raise InputError(
            f"Expected a positive pitch and a diameter no larger, found {pitch} and {diameter}."
        )
    points = coordinates(adata)
    origin = points.min(axis=0)
    cell = np.floor((points - origin) / pitch).astype(int)
    inside = np.ones(len(points), bool)
    if diameter is not None:
        centre = origin + (cell + 0.5) * pitch
        inside = np.linalg.norm(points - centre, axis=1) <= diameter / 2
    grid, spot, n_cells = np.unique(cell[inside], axis=0, return_inverse=True, return_counts=True)
    members = (np.ones(len(spot), np.float32), (spot.ravel(), np.flatnonzero(inside)))
    genes = np.ones(adata.n_vars, bool)
    if COUNTS in adata.layers and COUNTS_OK in adata.var:
        genes = np.asarray(adata.var[COUNTS_OK], bool)
    sums = csr_matrix(members, shape=(len(grid), len(points))) @ counts(adata)[:, genes]
    kept = n_cells >= min_cells
    if not kept.any():
        raise InputError(
            f"Expected spots with at least {min_cells} cells, found none at a pitch of {pitch:g}.",
            remedy="Try a larger pitch or fewer cells per spot.",
        )
    names = [f"spot{column}x{row}" for column, row in grid[kept]]
    obs = pd.DataFrame({"n_cells": n_cells[kept]}, index=pd.Index(names, dtype=object))
    spots = AnnData(X=csr_matrix(sums[kept]), obs=obs, var=adata.var[genes].copy())
    spots.obsm[SPATIAL] = origin + (grid[kept] + 0.5) * pitch
    spots.uns[OURS] = scale_slots(unit(adata), um_per_unit(adata))
    return spots


def hold_out_cells(
    adata: AnnData, per_spot: float = 8, seed: int = 0, max_query: int = 3000
) -> tuple[AnnData, AnnData, np.ndarray]:
    """Return pseudo-spots of half of the cells, and the other half of the cells without positions.

    No query cell is part of a spot, so a method cannot recognise a cell's own counts.

    Parameters
    ----------
    per_spot
        Average number of cells per spot, over the bounding box of the tissue.
    max_query
        Maximum number of cells in the query, drawn at random.

    Returns
    -------
    spots
        As returned by `pseudo_visium`.
    query
        Cells in random order, without any information about their positions.
    truth : (n_query, 2) float
        Positions of the query cells.
    """
    rng = np.random.default_rng(seed)
    used = rng.random(adata.n_obs) < 0.5
    points = coordinates(adata)
    pitch = float(np.sqrt(np.prod(np.ptp(points, axis=0)) * per_spot / used.sum()))
    others = np.flatnonzero(~used)
    others = others[rng.permutation(len(others))[:max_query]]
    spots = pseudo_visium(adata[used], pitch)
    return spots, hide_places(adata[others]), points[others]


def held_out_sections(slides: Mapping[str, AnnData]) -> Iterator[HeldOutSection]:
    """Yield each section as the query, with the others as references.

    Raises
    ------
    InputError
        There are fewer than two sections.
    """
    if len(slides) < 2:
        raise InputError(f"Expected at least 2 sections, found {len(slides)}.")
    for name, slide in slides.items():
        references = {other: adata for other, adata in slides.items() if other != name}
        yield HeldOutSection(name, references, hide_places(slide), coordinates(slide))


def random_spots(n: int, share: float = 0.25, seed: int = 0) -> np.ndarray:
    """Return which of `n` spots, (n,) bool, are held out: a random `share`, at least one."""
    if not 0 < share < 1 or n < 2:
        raise InputError(f"Expected a share from 0 to 1 of 2 or more spots, found {share} of {n}.")
    held_out = np.zeros(n, bool)
    size = min(max(1, round(share * n)), n - 1)
    held_out[np.random.default_rng(seed).permutation(n)[:size]] = True
    return held_out


def spatial_blocks(points: np.ndarray, n_blocks: int, seed: int = 0) -> np.ndarray:
    """Return the contiguous block, (n,) int from 0, of each of `points`, (n, 2)."""
    if not 2 <= n_blocks <= len(points):
        raise InputError(f"Expected 2 to {len(points)} blocks, found {n_blocks}.")
    clusters = KMeans(n_blocks, n_init=4, random_state=seed).fit(np.asarray(points, float))
    return np.asarray(clusters.labels_, int)


def kfold_genes(genes: Sequence[str], k: int = 5, seed: int = 0) -> list[list[str]]:
    """Return `genes` in `k` random folds of nearly equal size."""
    if not 2 <= k <= len(genes):
        raise InputError(f"Expected 2 to {len(genes)} parts of the genes, found {k}.")
    order = np.random.default_rng(seed).permutation(len(genes))
    return [[genes[i] for i in part] for part in np.array_split(order, k)]
