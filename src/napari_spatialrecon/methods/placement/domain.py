"""Detect cells that do not belong to the reference's tissue and cannot be placed reliably.

Every cell has a most similar spot, but the similarity alone means little, since cells have lower
depth than spots. Cells are therefore compared with shuffled cells, in which each gene comes from a
different cell. The probability that a cell is more similar to a spot than a shuffled cell is was
0.66 to 0.97 for eight queries of the reference's tissue (six real, two simulated), and 0.41 to 0.62
for nine of another tissue or patient.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_spatialrecon.methods.placement.config import KnnConfig
from napari_spatialrecon.methods.placement.posterior import Posterior, knn_posterior
from napari_spatialrecon.methods.placement.reference import Reference
from napari_spatialrecon.tissue.contract import Prepared

#: Probability that a cell is more similar than a shuffled one, below which a query is foreign.
BELONGS = 0.64
#: Minimum number of cells and of spots for this test, and maximum number of shuffled cells.
FEWEST, FEWEST_SPOTS, SHUFFLED = 50, 20, 1000
#: Quantile of shuffled cells' similarity, below which a cell is out of domain.
BELOW = 0.05


@dataclass(frozen=True)
class Domain:
    """Which cells resemble the reference.

    Parameters
    ----------
    resemblance
        Probability that a cell is more similar to a spot than a shuffled cell is; at 0.5 the cells
        share no expression program with the reference. NaN with too few cells or spots.
    outside : (n_cells,) bool
        Cells less similar than almost all shuffled ones; all cells of a query of another tissue.
    notes
        Messages for the user.
    """

    resemblance: float
    outside: NDArray[np.bool_]
    notes: tuple[str, ...] = ()

    @property
    def foreign(self) -> bool:
        """Whether the whole query is of another tissue."""
        return self.resemblance < BELONGS

    def uncertainty(self, own: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
        """Return `own`, (n_cells,), raised to at least chance (√2 radii) for a foreign query."""
        return np.maximum(own, np.sqrt(2) * radius) if self.foreign else own


def likeness(similarity: NDArray[np.float64], chance: NDArray[np.float64]) -> float:
    """Return the probability that a cell is more similar to a spot than a shuffled cell is.

    Parameters
    ----------
    similarity, chance
        Cosine similarity of cells, and of shuffled cells, to their most similar spot.
    """
    return float((np.searchsorted(np.sort(chance), similarity) / len(chance)).mean())


def foreign_notes(resemblance: float) -> tuple[str, ...]:
    """Return a note if cells may be of another tissue."""
    if not resemblance < BELONGS:
        return ()
    return (
        "The cells hardly resemble the reference more than shuffled cells do "
        f"({resemblance:.2f}; 0.5 is chance, the same tissue gave 0.66 to 0.97): they may be "
        "of another tissue, and their placement is unreliable.",
    )


def check_domain(
    reference: Reference, directions: NDArray[np.float64], query: Prepared, found: Posterior
) -> Domain:
    """Compare the similarity of cells to spots with that of cells whose genes were shuffled.

    Parameters
    ----------
    directions
        Those with which `knn_posterior` computed `found`.
    """
    n = query.adata.n_obs
    if n < FEWEST or len(reference.all_places) < FEWEST_SPOTS:
        return Domain(float("nan"), np.zeros(n, bool))
    generator = np.random.default_rng(0)
    rows = np.sort(generator.permutation(n)[:SHUFFLED])
    some = replace(query, adata=query.adata[rows])
    shuffled = reference.space.transform(some, shuffle=generator)[0]
    chance = knn_posterior(reference, shuffled, directions, KnnConfig()).similarity
    resemblance = likeness(found.similarity, chance)
    if notes := foreign_notes(resemblance):
        return Domain(resemblance, np.ones(n, bool), notes)
    return Domain(resemblance, found.similarity < np.quantile(chance, BELOW))
