"""Cells that two patches share, and how much the patches disagree about them."""

from __future__ import annotations

import numpy as np

from napari_spatialrecon.geometry.patchwork.measurements import Measurements
from napari_spatialrecon.progress import Reporter

#: Patches that share fewer cells than this are not compared (step 5 of section 3.5).
_LEAST = 5

#: Limit on the later patches with which a cell's patch is compared, so that time and memory are
#: linear in the entries for any coverage.
_PARTNERS = 16

#: Measured pairs of shared cells, per shared cell.
_PAIRS = 4

#: Lower bound on distances before the logarithm, as a share of a patch's typical distance.
_TINY = 1e-6


class Overlaps:
    """Pairs of patches, and random pairs of their shared cells.

    Parameters
    ----------
    measured
        The patches.
    generator
        Draws the pairs of cells, independently of the cells' numbering.
    reporter
        May stop the work.
    """

    def __init__(
        self, measured: Measurements, generator: np.random.Generator, reporter: Reporter
    ) -> None:
        self._measured = measured
        first, second = _shared(measured)
        reporter.check()
        group = measured.patch[first] * measured.n_patches + measured.patch[second]
        order = np.lexsort((first, group))
        order = order[np.lexsort((generator.random(len(order)), group[order]))]
        first, second, group = first[order], second[order], group[order]
        reporter.check()
        keys, number, sizes = np.unique(group, return_inverse=True, return_counts=True)
        enough = sizes >= _LEAST
        kept = enough[number]
        self._first, self._second = first[kept], second[kept]
        keys, sizes = keys[enough], sizes[enough]
        #: The two patches of each pair.
        self.patches = np.stack([keys // measured.n_patches, keys % measured.n_patches])
        self._number = np.repeat(np.arange(len(keys)), sizes)
        starts = (np.cumsum(sizes) - sizes)[self._number]
        own = np.arange(len(self._number)) - starts
        #: For each shared cell, the next ones in the circle of its group.
        self._next = [starts + (own + s) % sizes[self._number] for s in range(1, _PAIRS + 1)]

    def disagreement(self) -> np.ndarray:
        """Return the mean |Δ log distance| of shared cells, for each pair of patches."""
        if not len(self._first):
            return np.empty(0)
        least = _TINY * self._radii()
        gaps = np.zeros(len(self._first))
        for other in self._next:
            one = self._measured.between(self._first, self._first[other])
            two = self._measured.between(self._second, self._second[other])
            gaps += np.abs(np.log(np.maximum(one, least)) - np.log(np.maximum(two, least)))
        return np.bincount(self._number, gaps) / (_PAIRS * np.bincount(self._number))

    def pairs(self, most: int, generator: np.random.Generator) -> np.ndarray:
        """Return up to `most` random pairs of cells, (2, p), that two patches share."""
        if not len(self._first):
            return np.empty((2, 0), np.intp)
        here = np.tile(np.arange(len(self._first)), _PAIRS)
        ends = np.stack([here, np.concatenate(self._next)])
        if most < len(here):
            ends = ends[:, generator.choice(len(here), most, replace=False)]
        return np.asarray(self._measured.cells[self._first[ends]])

    def _radii(self) -> float:
        spread = self._measured.points - self._measured.points.mean(axis=0)
        return float(np.sqrt((spread**2).sum(axis=1).mean())) or 1.0


def _shared(measured: Measurements) -> tuple[np.ndarray, np.ndarray]:
    """Return all pairs of entries of the same cell, in ascending order of their patches."""
    cells = measured.cells[measured.entries]
    found = []
    for apart in range(1, min(_PARTNERS, int(measured.support.max()) - 1) + 1):
        at = np.flatnonzero(cells[:-apart] == cells[apart:])
        found.append(measured.entries[np.stack([at, at + apart])])
    pairs = np.concatenate(found, axis=1) if found else np.empty((2, 0), np.intp)
    return pairs[0], pairs[1]
