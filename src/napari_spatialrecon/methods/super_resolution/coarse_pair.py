"""A slide coarsened one step: spots are summed in blocks and serve as their own ground truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from napari_spatialrecon.tissue.lattice import Lattice
from napari_spatialrecon.tissue.subspots import Factor, SubSpots, split_spots


@dataclass(frozen=True, eq=False)
class CoarsePair:
    """Blocks of spots, and the spots in them as the parts to be found.

    Parameters
    ----------
    parts
        The blocks as spots, and the positions of the original spots as their parts.
    counts : (blocks, g) csr
        Sums of the blocks.
    truth : (blocks * K, g) csr
        Counts of the parts; zeros where a bin of the block is empty.
    members : (blocks, K) int
        Row of the slide of each part; -1 where it is empty.
    """

    parts: SubSpots
    counts: csr_matrix
    truth: csr_matrix
    members: np.ndarray


def coarsen(
    lattice: Lattice, counts: csr_matrix, factor: Factor, phase: tuple[int, int] = (0, 0)
) -> CoarsePair | None:
    """Sum blocks of rows x columns spots; return None if fewer than 8 blocks are complete.

    Blocks that extend beyond the grid are excluded. A block of round spots must be complete; a
    block of bins needs only one, because bins without counts are often not listed: missing bins
    are taken as empty, from which the network learns where tissue ends.

    Parameters
    ----------
    phase
        Column and row of the grid at which the first block begins.
    """
    shape = np.array([factor.columns, factor.rows])
    moved = lattice.index - np.array(phase)
    block, within = np.divmod(moved, shape)
    inside = ((block >= 0) & ((block + 1) * shape <= lattice.index.max(axis=0) + 1 - phase)).all(1)
    rows = np.flatnonzero(inside)
    if not len(rows):
        return None
    found, number = np.unique(block[rows], axis=0, return_inverse=True)
    members = np.full((len(found), factor.parts), -1)
    members[number.ravel(), within[rows, 1] * factor.columns + within[rows, 0]] = rows
    least = factor.parts if lattice.diameter is not None else 1
    whole = (members >= 0).sum(axis=1) >= least
    if whole.sum() < 8:
        return None
    members, found = members[whole], found[whole]
    centres = found * shape + np.array(phase) + (shape - 1) / 2
    coarse = Lattice(
        lattice.kind,
        lattice.origin + centres @ lattice.basis,
        lattice.origin + (np.array(phase) + (shape - 1) / 2) @ lattice.basis,
        lattice.basis * shape[:, None],
        found,
    )
    parts = _parts_as_bins(coarse, factor)
    truth = _rows_or_zero(counts, members.ravel())
    owner = np.repeat(np.arange(len(members)), factor.parts)
    sums = csr_matrix((np.ones(len(owner), np.float32), (owner, np.arange(len(owner)))))
    return CoarsePair(parts, csr_matrix(sums @ truth), truth, members)


def _parts_as_bins(coarse: Lattice, factor: Factor) -> SubSpots:
    """Return parts on the finer grid itself, whatever its kind."""
    square = Lattice("square", coarse.points, coarse.origin, coarse.basis, coarse.index)
    split = split_spots(square, factor)
    return SubSpots(coarse, factor, split.steps, split.offsets, split.size)


def _rows_or_zero(counts: csr_matrix, rows: np.ndarray) -> csr_matrix:
    there = np.flatnonzero(rows >= 0)
    pick = csr_matrix(
        (np.ones(len(there), np.float32), (there, rows[there])), shape=(len(rows), counts.shape[0])
    )
    return csr_matrix(pick @ counts)
