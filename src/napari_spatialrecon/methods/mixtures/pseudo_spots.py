"""Pseudo-spots of known mixture, made from a reference to look like the spots of a slide."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from anndata import AnnData
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial.distance import jensenshannon

from napari_spatialrecon.methods.mixtures.base import (
    CellTypes,
    MixtureSizes,
    fractions,
    normalised_rows,
)
from napari_spatialrecon.methods.mixtures.drawing import draw_spots, latent_of
from napari_spatialrecon.methods.mixtures.regression import regress
from napari_spatialrecon.methods.mixtures.slide_traits import SlideTraits
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.slots import SPATIAL

#: Number of pseudo-spots, and most cells of their reference.
SPOTS, CELLS = 200, 3000
#: Fewest cells with a type from which pseudo-spots can be made.
LEAST_CELLS = 40
#: Share of a pseudo-spot that follows the reference's shares, so that all types occur.
_ANY = 0.1
#: Powers of the shares that are tried to make pseudo-spots as pure as the slide's spots.
_POWERS = (1.0, 1.2, 1.4, 1.7, 2.0, 2.5, 3.0, 4.0)


@dataclass(frozen=True, eq=False)
class PseudoSpots:
    """A deconvolution whose answer is known.

    Parameters
    ----------
    slide, reference, types
        As `MixtureMethod.deconvolve` takes them; no cell of the reference is in a spot.
    truth : (n_spots, n_types) float, rows sum to 1
        Shares of cells.
    """

    slide: Prepared
    reference: Prepared
    types: CellTypes
    truth: NDArray[np.float64]

    def errors(self, found: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the Jensen-Shannon distance of each spot from its mixture, in bits: 0 to 1."""
        return np.nan_to_num(np.asarray(jensenshannon(self.truth, found, base=2, axis=1)))


def trial_sizes(sizes: MixtureSizes) -> MixtureSizes:
    """Return the size of deconvolving pseudo-spots in place of a slide."""
    return replace(sizes, spots=SPOTS, cells=min(CELLS, (sizes.cells + 1) // 2))


def pseudo_spots(
    slide: Prepared, reference: Prepared, types: CellTypes, seed: int
) -> PseudoSpots | None:
    """Return pseudo-spots of half of a reference's cells, with the other half as their reference.

    Depth, mixtures and the capture of each gene are those of the slide, as far as regression and
    label transfer tell (`SlideTraits`). Estimated mixtures are too even or too pure; of several
    powers of them, the one is taken with which a regression finds pseudo-spots as pure as spots.

    Returns
    -------
    None where too few cells have a type, or fewer than two types have cells in both halves.
    """
    rng = np.random.default_rng(seed)
    known = np.flatnonzero(types.codes >= 0)
    if len(known) < LEAST_CELLS:
        return None
    inside = _half(types.codes, known, rng)
    shown = np.sort(rng.permutation(np.setdiff1d(known, inside))[:CELLS])
    usable = np.zeros(len(types.names), bool)
    usable[np.intersect1d(types.codes[inside], types.codes[shown])] = True
    if usable.sum() < 2:
        return None
    traits = SlideTraits.read(slide, reference, types, rng)
    cells = sparse.csr_matrix(reference.adata.X)[:, traits.columns]
    mixed = traits.shares[rng.integers(len(traits.shares), size=SPOTS)]
    mixed = (1 - _ANY) * mixed + _ANY * types.shares
    profiles, latent = fractions(cells), latent_of(cells[inside])
    found: list[tuple[float, sparse.csr_matrix, NDArray[np.int64]]] = []
    for power in _POWERS:
        shares = np.where(usable, mixed**power, 0.0)
        shares = np.asarray(normalised_rows(shares, usable / usable.sum()))
        counts, members = draw_spots(traits, shares, cells, types.codes, inside, latent, seed)
        purity = regress(fractions(counts), profiles, types).max(axis=1).mean()
        found.append((float(abs(purity - traits.purity)), counts, members))
    _, counts, members = min(found, key=lambda one: one[0])
    filled = np.asarray(counts.sum(axis=1)).ravel() > 0
    var = reference.adata.var.iloc[traits.columns].copy()
    spots = AnnData(counts[filled], var=var)
    spots.obs_names = [f"pseudo-spot {i}" for i in range(spots.n_obs)]
    spots.obsm[SPATIAL] = np.c_[np.arange(spots.n_obs) % 15, np.arange(spots.n_obs) // 15] * 1.0
    others = AnnData(cells[shown], obs=reference.adata.obs.iloc[shown].copy(), var=var)
    return PseudoSpots(
        Prepared(spots, "pseudo-spots", np.ones(spots.n_obs, bool)),
        Prepared(others, reference.name, np.ones(len(shown), bool)),
        replace(types, codes=types.codes[shown]),
        members[filled] / members[filled].sum(axis=1, keepdims=True),
    )


def _half(
    codes: NDArray[np.int64], known: NDArray[np.intp], rng: np.random.Generator
) -> NDArray[np.intp]:
    """Return the cells of which spots are made: half of each type, rounded down."""
    chosen = []
    for code in np.unique(codes[known]):
        own = rng.permutation(known[codes[known] == code])
        chosen.append(own[: len(own) // 2])
    return np.sort(np.concatenate(chosen))
