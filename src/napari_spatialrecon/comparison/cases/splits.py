"""Single cells rasterised into bins, and the bins summed into spots to be split again.

In `CASES`, bins hold 2 or 3 cells on average over the bounding box; incomplete blocks at the edge
and spots without counts are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from anndata import AnnData
from scipy.sparse import csr_matrix

from napari_spatialrecon.comparison.cases.problem import Part, Problem
from napari_spatialrecon.comparison.data import LEAST_COUNTS, DataFolder
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.subspots import Factor, parse_factor

#: Case: file of single cells, and cells in a bin.
CASES = {
    "xenium": ("breast_xenium_visium/xenium_cells.h5ad", 3),
    "embryo": ("seqfish_embryo2/seqfish_embryo2.h5ad", 2),
    "mpoa": ("merfish_mpoa/merfish_mpoa.h5ad", 2),
    "molcart-A1": ("molcart_mouse_cortex/section_A1.h5ad", 2),
}
#: Names of cases, the coarser split after a hyphen.
NAMES = (*CASES, *(f"{name}-2x5" for name in CASES))


@dataclass(frozen=True)
class SuperCase:
    """A slide whose split is known.

    Parameters
    ----------
    spots
        Counts summed in blocks of bins; ``obsm["spatial"]`` in pitches of the bins.
    truth
        The bins of those spots, part k of spot i in row ``i * K + k``.
    """

    name: str
    spots: AnnData
    truth: AnnData

    @property
    def parents(self) -> np.ndarray:
        """The spot of each bin of the truth."""
        return np.repeat(np.arange(self.spots.n_obs), self.truth.n_obs // self.spots.n_obs)


def load(name: str, data: DataFolder, factor: Factor) -> SuperCase:
    """Return a case, its spots as many bins wide and high as the factor says."""
    path, per_bin = CASES[name]
    cells = data.read(path)
    if "counts_ok" in cells.var:
        cells = cells[:, cells.var["counts_ok"].to_numpy(bool)]
    counts = contract.counts(cells)
    full = np.flatnonzero(np.asarray(counts.sum(axis=1)).ravel() >= LEAST_COUNTS)
    return from_cells(name, contract.coordinates(cells)[full], counts[full], per_bin, factor)


def from_cells(
    name: str, points: np.ndarray, counts: csr_matrix, per_bin: float, factor: Factor
) -> SuperCase:
    """Return a case made of single cells at points (n, 2) with counts (n, genes)."""
    pitch = np.sqrt(np.prod(np.ptp(points, axis=0)) * per_bin / len(points))
    column, row = np.floor((points - points.min(axis=0)) / pitch).astype(int).T
    shape = np.array([row.max() + 1, column.max() + 1]) // (factor.rows, factor.columns)
    block_row, block_column = row // factor.rows, column // factor.columns
    whole = (block_row < shape[0]) & (block_column < shape[1])
    within = row % factor.rows * factor.columns + column % factor.columns
    part = (block_row * shape[1] + block_column) * factor.parts + within
    size = int(np.prod(shape)) * factor.parts
    rows = np.flatnonzero(whole)
    gather = csr_matrix((np.ones(len(rows)), (part[rows], rows)), shape=(size, len(points)))
    bins = csr_matrix(gather @ counts)
    spots = csr_matrix((np.ones(size), (np.arange(size) // factor.parts, np.arange(size)))) @ bins
    filled = np.flatnonzero(np.asarray(spots.sum(axis=1)).ravel() > 0)
    high, wide = np.divmod(filled, shape[1])
    corner = np.c_[wide * factor.columns, high * factor.rows]
    step = np.arange(factor.parts)
    inside = np.c_[step % factor.columns, step // factor.columns] + 0.5
    places = (corner[:, None] + inside).reshape(-1, 2)
    of = (filled[:, None] * factor.parts + step).ravel()
    centre = corner + np.array([factor.columns, factor.rows]) / 2
    return SuperCase(name, _table(spots[filled], centre), _table(bins[of], places))


def _table(counts: csr_matrix, places: np.ndarray) -> AnnData:
    table = AnnData(csr_matrix(counts).astype(np.float32))
    table.obsm["spatial"] = places.astype(float)
    return table


def problem(name: str, data: DataFolder) -> Problem:
    """Return a case as it is set; of ``xenium-2x5`` the split is 2 x 5, of ``xenium`` 2 x 2."""
    slide = next(case for case in CASES if name.startswith(case))
    factor = parse_factor(name.removeprefix(slide).removeprefix("-") or "2x2")
    case = load(slide, data, factor)
    return Problem(
        "super-resolve", (Part({"slide": case.spots}, {"factor": str(factor)}),), case.truth
    )
