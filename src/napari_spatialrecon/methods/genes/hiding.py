"""Measured genes that are hidden from a method, to see how well it imputes them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from napari_spatialrecon.methods.genes.inputs import log_normalised, read_inputs
from napari_spatialrecon.methods.genes.scale import standardised
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.genes import match_genes

#: Most genes that are hidden, and one in this many shared genes; fewest that rank methods.
MOST_HIDDEN, _ONE_IN, _FEWEST = 40, 5, 5
#: Fewest shared genes of which enough can be hidden.
LEAST_GENES = _ONE_IN * _FEWEST


@dataclass(frozen=True, eq=False)
class HiddenGenes:
    """A slide without some of its genes, and what it measured of them.

    Parameters
    ----------
    slide
        Without the hidden genes.
    genes
        The hidden genes, as the reference names them.
    truth : (n_spots, n_hidden) float32
        Log-normalised expression (or intensities).
    """

    slide: Prepared
    genes: tuple[str, ...]
    truth: NDArray[np.float32]

    @classmethod
    def draw(cls, slide: Prepared, reference: Prepared, seed: int) -> Self | None:
        """Hide a fifth of the shared genes, at most 40, at random; None where they are too few."""
        inputs = read_inputs(slide, reference)
        n = min(MOST_HIDDEN, len(inputs.genes) // _ONE_IN)
        if n < _FEWEST:
            return None
        drawn = np.sort(np.random.default_rng(seed).choice(len(inputs.genes), n, replace=False))
        match = match_genes([reference.adata.var, slide.adata.var], [reference.name, slide.name])
        column = dict(zip(map(str, match.genes), match.indices[1], strict=True))
        genes = tuple(inputs.genes[i] for i in drawn)
        hidden = np.array([column[gene] for gene in genes])
        values, _ = log_normalised(slide, intensities=True)
        truth = np.asarray(values[:, hidden].toarray(), np.float32)
        seen = np.setdiff1d(np.arange(slide.adata.n_vars), hidden)
        return cls(replace(slide, adata=slide.adata[:, seen].copy()), genes, truth)

    def errors(self, maps: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return 1 - Pearson's correlation of each gene's map with the truth, (n_hidden,)."""
        found = (standardised(maps) * standardised(self.truth)).mean(axis=0, dtype=np.float64)
        return np.asarray(1.0 - found, float)
