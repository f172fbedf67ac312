"""What of a slide is copied by the pseudo-spots that stand for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from napari_spatialrecon.methods.mixtures.base import (
    CellTypes,
    MixtureTables,
    fractions,
    normalised_rows,
)
from napari_spatialrecon.methods.mixtures.knn import most_similar
from napari_spatialrecon.methods.mixtures.regression import regress
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.genes import match_genes

#: Most genes and spots that are looked at, and cells that a spot's types are transferred from.
_GENES, _SPOTS, _NEIGHBOURS = 2000, 300, 50
#: Fewest and most cells of a spot; platforms that capture little make them seem few.
_FEWEST, _MOST = 6, 12
#: Bounds of how much better one gene is captured than another, relative to the median gene.
_CAPTURE = 20.0


@dataclass(frozen=True, eq=False)
class SlideTraits:
    """What pseudo-spots take from a slide.

    Parameters
    ----------
    columns : (n_genes,) int
        Genes used, as columns of the reference.
    shares : (n, n_types) float, rows sum to 1
        Shares of cells in some of its spots: the mean of label transfer and of a regression on
        counts as the reference would capture them, so that pseudo-spots favor neither.
    capture : (n_genes,) float
        How much more of a gene the slide shows than its types explain, by label transfer: a
        regression would explain away what another platform captures better.
    depth : (n,) float
        Counts of those spots.
    cells
        Number of cells in a spot, by its counts.
    purity
        Mean of the largest share of counts in a spot, by the regression.
    """

    columns: NDArray[np.intp]
    shares: NDArray[np.float64]
    capture: NDArray[np.float64]
    depth: NDArray[np.float64]
    cells: int
    purity: float

    @classmethod
    def read(
        cls, slide: Prepared, reference: Prepared, types: CellTypes, rng: np.random.Generator
    ) -> Self:
        """Read the traits from at most 300 spots, drawn at random."""
        tables = MixtureTables.read(slide, reference, _GENES)
        match = match_genes([slide.adata.var, reference.adata.var], [slide.name, reference.name])
        used = np.isin(np.asarray(match.genes, str), tables.genes)
        own, columns = (index[used] for index in match.indices)
        rows = np.sort(rng.permutation(slide.adata.n_obs)[:_SPOTS])
        spots = tables.spots[rows]
        of_counts = regress(spots, tables.cells, types)
        one_hot = types.one_hot()
        profiles = np.asarray((tables.cells.T @ one_hot).T, float)
        profiles /= np.maximum(one_hot.sum(axis=0), 1.0)[:, None]
        alike = most_similar(spots, tables.cells, float(np.median(tables.totals)), _NEIGHBOURS)
        transferred = np.asarray(normalised_rows(alike @ one_hot, types.shares))
        held = transferred * tables.sizes(types)
        explained = (held / held.sum(axis=1, keepdims=True)).mean(axis=0) @ profiles
        observed = np.asarray(spots.mean(axis=0, dtype=np.float64)).ravel()
        little = 0.01 / len(columns)
        capture = (observed + little) / (explained + little)
        capture = np.clip(capture / np.median(capture), 1 / _CAPTURE, _CAPTURE)
        alike_platform = fractions(sparse.csr_matrix(spots.multiply(1 / capture)))
        regressed = regress(alike_platform, tables.cells, types) / tables.sizes(types)
        depth = np.asarray(slide.adata.X[rows][:, own].sum(axis=1), float).ravel()
        content = tables.totals[types.codes >= 0].mean()
        shares = (normalised_rows(regressed, types.shares) + transferred) / 2
        return cls(
            columns,
            np.asarray(shares),
            capture,
            np.maximum(depth, 1.0),
            int(np.clip(round(np.median(depth) / max(content, 1.0)), _FEWEST, _MOST)),
            float(of_counts.max(axis=1).mean()),
        )
