"""How good a split is, and how large its errors are, on the slide seen coarser."""

from __future__ import annotations

import copy
from dataclasses import dataclass

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
#: Share of the true counts that they held of the parts themselves, on the two slides where these
#: are known (molcart-A1 .888, mpoa .880): below a spot shares differ more than among spots.
FINER = 0.88
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
    """

    truth: Values
    found: Values
    spread: Values | None
    parts: int

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
        times, ranges = self._times()
        found = np.full(len(_LIMITS) + 1, _quantile(times))
        for number in range(len(found)):
            own = times[ranges == number]
            if len(own) >= _OWN:
                found[number] = _quantile(own)
        return found / SPREADS

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
    fitted = copy.copy(method).fit(problem.slide, problem.parts, run.within("coarser").unsaved())
    block = fitted.split(problem.genes, run.reporter)
    spread = None if block.spread is None else np.asarray(block.spread.toarray(), float)
    found = np.asarray(block.values.toarray(), float)
    return CoarseCheck(problem.truth, found, spread, len(problem.parts.offsets))


def scaled(block: SplitBlock, scale: Values | None, parts: int) -> SplitBlock:
    """Return a block with its spread scaled as `CoarseCheck.scale` says, or without a spread.

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


def _quantile(times: Values) -> float:
    rank = int(np.ceil((len(times) + 1) * LEVEL)) - 1
    return float(np.sort(times)[min(rank, len(times) - 1)])
