"""How good a split is, and how large its errors are, on the slide seen coarser.

Below a spot shares differ more than among spots, by how much more no slide tells. How much more
they differ among spots than among blocks of spots it does: a slide seen coarser still, blocks of
blocks, is calibrated as well, and spreads grow once more by what they have to grow from it to the
blocks of spots.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.methods.super_resolution.base import SplitBlock, SuperResolution
from napari_spatialrecon.methods.super_resolution.coarse_problem import CoarseProblem
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.subspots import SubSpots

Values = NDArray[np.float64]

#: Share of true counts that lie within this many spreads of the split.
LEVEL, SPREADS = 0.95, 2.0
#: Lowest and highest share that they held of the parts themselves, where these are known
#: (docs/experiments/2026-11-29-mixture-gene-split-intervals.md).
FOUND = (0.93, 0.97)
#: Fewest blocks of blocks of spots from which it is told how spreads grow, and most parts of a spot
#: of which it holds: of ten, they have to grow 1.9-fold on mpoa, where they do not above the spot.
LEAST_STILL, MOST_PARTS = 16, 4
#: Limits between ranges of a spot's counts of a gene; errors differ from range to range.
_LIMITS = np.array([1.5, 2.5, 4.5, 8.5, 16.5, 64.5])
#: Fewest parts in a range to be calibrated by their own errors, not by those of all.
_OWN = 200


@dataclass(frozen=True, eq=False)
class CoarseCheck:
    """What a method made of a slide whose spots are blocks of spots.

    Parameters
    ----------
    truth, found : (n_blocks * K, n_genes)
        Counts of the parts.
    spread : (n_blocks * K, n_genes), or None
        As the method states it, in counts.
    parts
        K.
    coarser : CoarseCheck, optional
        The same of the slide seen coarser still: of blocks of these blocks.
    """

    truth: Values
    found: Values
    spread: Values | None
    parts: int
    coarser: CoarseCheck | None = None

    @property
    def counts(self) -> Values:
        """Counts of the block that a part is of, (n_blocks * K, n_genes)."""
        return totals_of(self.found, self.parts)

    @property
    def error(self) -> float:
        """Squared error of shares weighted by counts, relative to that of an even split."""
        counts = self.counts
        weight = np.divide(1.0, counts, out=np.zeros_like(counts), where=counts > 0)
        tried = (self.found, counts / self.parts)
        own, even = (float((weight * (self.truth - found) ** 2).sum()) for found in tried)
        return own / max(even, 1e-12)

    def scale(self) -> Values | None:
        """Return by what spreads are multiplied in each range of counts; None without spreads.

        Split-conformal: `SPREADS` scaled spreads hold `LEVEL` of the true counts in each range.
        """
        if self.spread is None:
            return None
        return _by_range(*self._times()) / SPREADS

    def growth(self, parts: int) -> Values | None:
        """Return by what factors the spreads of parts of spots exceed those that hold here.

        They are measured from blocks of blocks to blocks of spots, in each range of counts, and
        taken to be a power of the size of what is split. None where they are not known, or for more
        than `MOST_PARTS`.

        Parameters
        ----------
        parts
            Number of parts of a spot.
        """
        if self.spread is None or self.coarser is None or parts > MOST_PARTS:
            return None
        scale = self.coarser.scale()
        assert scale is not None, "a method that states a spread states one of each slide"
        times, ranges = self._times()
        step = _by_range(times / (SPREADS * scale[ranges]), ranges)
        return np.maximum(step, 1.0) ** float(np.log(parts) / np.log(self.parts))

    def finer(self, parts: int) -> Values | None:
        """Return the scale of spreads of parts of spots, see `growth`; None where not known."""
        scale, growth = self.scale(), self.growth(parts)
        return None if scale is None or growth is None else scale * growth

    def widened(self, parts: int) -> float | None:
        """Return the mean growth, over the parts that were measured; None where not known."""
        growth = self.growth(parts)
        return None if growth is None else float(growth[self._times()[1]].mean())

    def coverage(self) -> float:
        """Return the share of true counts within scaled spreads, in blocks that did not scale."""
        half = np.arange(len(self.truth)) // self.parts % 2 == 0
        inside = []
        for fit, test in ((half, ~half), (~half, half)):
            scale = self._some(fit).scale()
            assert scale is not None, "asked of a method that states a spread"
            times, ranges = self._some(test)._times()
            inside.append(times <= SPREADS * scale[ranges])
        return float(np.concatenate(inside).mean())

    def _some(self, rows: NDArray[np.bool_]) -> CoarseCheck:
        assert self.spread is not None, "asked of a method that states a spread"
        return CoarseCheck(self.truth[rows], self.found[rows], self.spread[rows], self.parts)

    def _times(self) -> tuple[Values, NDArray[np.intp]]:
        """Return errors as multiples of the spread, and ranges, of parts of blocks with counts."""
        assert self.spread is not None, "asked of a method that states a spread"
        counts = self.counts
        filled = counts > 0
        steady = steadied(self.spread[filled], self.found[filled], counts[filled])
        away = np.abs(self.truth - self.found)[filled]
        return away / np.maximum(steady, 1e-9), np.searchsorted(_LIMITS, counts[filled])


def coarse_check(
    method: SuperResolution, slide: Prepared, parts: SubSpots, run: Run
) -> CoarseCheck | None:
    """Split the slide seen coarser with a copy of a method; its true parts are the slide's spots.

    Where the method states a spread that can be calibrated, so is the slide seen coarser still.

    Returns
    -------
    None where the slide has no grid, or too few blocks.

    Raises
    ------
    Stopped
        The user stopped the run.
    """
    problem = CoarseProblem.of(slide, parts)
    if problem is None:
        return None
    found = split_blocks(method, problem, run.within("coarser"))
    still = None
    if found.spread is not None and len(parts.offsets) <= MOST_PARTS:
        still = CoarseProblem.of(problem.slide, problem.parts, LEAST_STILL)
    if still is None:
        return found
    return replace(found, coarser=split_blocks(method, still, run.within("coarser-still")))


def split_blocks(method: SuperResolution, problem: CoarseProblem, run: Run) -> CoarseCheck:
    """Split a slide seen coarser with a copy of a method."""
    fitted = copy.copy(method).fit(problem.slide, problem.parts, run.unsaved())
    block = fitted.split(problem.genes, run.reporter)
    spread = None if block.spread is None else np.asarray(block.spread.toarray(), float)
    found = np.asarray(block.values.toarray(), float)
    return CoarseCheck(problem.truth, found, spread, len(problem.parts.offsets))


def scaled(block: SplitBlock, scale: Values | None, parts: int) -> SplitBlock:
    """Return a block with its spread scaled as `CoarseCheck.finer` says, or without a spread.

    Parameters
    ----------
    parts
        Number of parts of a spot.
    """
    if block.spread is None or scale is None:
        return SplitBlock(block.genes, block.values, None)
    spread, found = (np.asarray(m.toarray(), float) for m in (block.spread, block.values))
    counts = totals_of(found, parts)
    filled = counts > 0
    steady = np.zeros_like(found)
    steady[filled] = steadied(spread[filled], found[filled], counts[filled])
    times = scale[np.searchsorted(_LIMITS, counts)]
    return SplitBlock(block.genes, block.values, csr_matrix(steady * times))


def steadied(spread: Values, found: Values, counts: Values) -> Values:
    """Return the root mean of the variance over draws and that of counts drawn with the shares.

    Few draws often agree by chance, and their spread is then 0.
    """
    share = np.clip(found / counts, 0.0, 1.0)
    return np.asarray(np.sqrt((spread**2 + counts * share * (1 - share)) / 2))


def totals_of(found: Values, parts: int) -> Values:
    """Return the counts of each part's spot, one row per part."""
    whole = found.reshape(-1, parts, found.shape[1]).sum(axis=1)
    return np.repeat(whole, parts, axis=0)


def _by_range(times: Values, ranges: NDArray[np.intp]) -> Values:
    """Return the quantile of each range of counts; that of all where a range has few parts."""
    found = np.full(len(_LIMITS) + 1, _quantile(times))
    for number in range(len(found)):
        own = times[ranges == number]
        if len(own) >= _OWN:
            found[number] = _quantile(own)
    return found


def _quantile(times: Values) -> float:
    rank = int(np.ceil((len(times) + 1) * LEVEL)) - 1
    return float(np.sort(times)[min(rank, len(times) - 1)])
