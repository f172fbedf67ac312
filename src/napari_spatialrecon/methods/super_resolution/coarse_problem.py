"""A slide seen coarser: a split whose answer the slide itself measured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from anndata import AnnData
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from napari_spatialrecon.methods.super_resolution.coarse_pair import CoarsePair, coarsen
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.slots import SPATIAL
from napari_spatialrecon.tissue.subspots import Factor, SubSpots

#: Most genes whose split is compared; fewest blocks of spots that rank methods.
_GENES, LEAST_BLOCKS = 100, 30
#: Blocks where those of as many spots as there are parts are too few, and for seven parts, which
#: spots of a grid cannot be.
_BLOCK = Factor(2, 2)


@dataclass(frozen=True, eq=False)
class CoarseProblem:
    """A slide whose spots are blocks of spots, and the genes whose split is compared.

    Parameters
    ----------
    genes : (n_genes,) int
        Columns of the slide: those with the most counts.
    truth : (n_parts, n_genes) float
        Counts of the spots in the blocks.
    """

    slide: Prepared
    parts: SubSpots
    genes: NDArray[np.intp]
    truth: NDArray[np.float64]

    @classmethod
    def of(cls, slide: Prepared, parts: SubSpots, least: int | None = None) -> Self | None:
        """Sum a slide into blocks; None where it has no grid, or too few blocks.

        A block holds as many spots as there are parts, or 2 x 2 where the slide has too few for
        that.

        Parameters
        ----------
        least
            Fewest blocks; `LEAST_BLOCKS` if None.
        """
        enough = LEAST_BLOCKS if least is None else least
        if parts.lattice.kind == "free":
            return None
        counts = csr_matrix(slide.adata.X)
        factors = (parts.factor, _BLOCK) if parts.factor.rows else (_BLOCK,)
        pairs = (coarsen(parts.lattice, counts, factor) for factor in factors)
        pair = next((p for p in pairs if p is not None and len(p.members) >= enough), None)
        if pair is None:
            return None
        totals = np.asarray(pair.counts.sum(axis=0)).ravel()
        genes = np.sort(np.argsort(-totals, kind="stable")[:_GENES])
        genes = genes[totals[genes] > 0]
        if not len(genes):
            return None
        truth = np.asarray(pair.truth[:, genes].toarray(), float)
        return cls(_blocks(slide, pair), pair.parts, genes, truth)

    def errors(self, split: csr_matrix) -> NDArray[np.float64]:
        """Return 1 - Pearson's correlation of each gene's split with the truth, (n_genes,)."""
        found = np.asarray(split.toarray(), float)
        a, b = (x - x.mean(axis=0) for x in (found, self.truth))
        size = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
        same = np.divide((a * b).sum(axis=0), size, out=np.zeros(len(size)), where=size > 0)
        return np.asarray(1.0 - same, float)


def _blocks(slide: Prepared, pair: CoarsePair) -> Prepared:
    adata = AnnData(pair.counts.astype(np.float32), var=slide.adata.var.copy())
    adata.obs_names = [f"block {i}" for i in range(adata.n_obs)]
    adata.obsm[SPATIAL] = np.asarray(pair.parts.lattice.points, float)
    return replace(slide, adata=adata, kept=np.ones(adata.n_obs, bool), digest=None)
