"""Detect whether cells cover all of the reference's tissue, and features for cells that do not.

Genes are standardised within each slide and within the query, which presumes that both are composed
alike. Where half of the tissue is missing from the query its average cell is another one, and
every method places cells as if they came from everywhere. Here it is measured how unevenly cells
fall on the reference, beside how unevenly the reference's own spots do; where cells are clearly
more uneven, each slide is standardised anew by the spots that the cells resemble, in rounds: the
better the standardisation, the better it is known which spots those are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import normalize

from napari_spatialrecon.geometry.neighbours import neighbour_graph
from napari_spatialrecon.methods.placement.config import KnnConfig
from napari_spatialrecon.methods.placement.posterior import knn_posterior, spatial_directions
from napari_spatialrecon.methods.placement.reference import Reference
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.preprocess import Features
from napari_spatialrecon.tissue.preprocess_config import PreprocessConfig

#: Spots of a region, in space or in expression.
REGION = 30
#: Unevenness above which cells lack part of the tissue. Whole tissue gave at most .18 (eleven
#: queries of at least 400 cells), a query without half of it at least .19 in 17 of 25: four of the
#: eight that are missed are of the preoptic area, whose halves mirror each other.
UNEVEN = 0.185
#: Below this number of cells chance alone is that uneven.
FEWEST_CELLS = 400
#: Rounds of standardising; the third changes places by less than a hundredth.
ROUNDS = 3
#: Spots placed among the others, to learn how uneven the reference itself is.
MOST_SPOTS = 4096


def imbalance(
    reference: Reference,
    directions: NDArray[np.float64],
    mass: NDArray[np.float64],
    reporter: Reporter | None = None,
) -> float:
    """Return how much more unevenly cells fall on the reference than its own spots do.

    Mass is averaged over the 30 nearest of each spot within the slide, and divided by its mean. The
    variance of that over the slides, less the same for the spots, each placed among the others.

    Parameters
    ----------
    mass : (n_spots,) float
        Posterior mass that cells gave each spot.

    Returns
    -------
    The root of the difference; 0 where cells are as even as spots.
    """
    spots = reference.all_features
    rows = np.arange(len(spots))
    if len(rows) > MOST_SPOTS:
        rows = np.sort(np.random.default_rng(0).permutation(rows)[:MOST_SPOTS])
    own = knn_posterior(reference, spots[rows], directions, KnnConfig(), reporter, itself=rows).mass
    excess = _regional(reference, mass).var() - _regional(reference, own).var()
    return float(np.sqrt(max(excess, 0.0)))


def lacks_tissue(uneven: float, n_cells: int) -> bool:
    """Return whether so many cells that fall so unevenly lack part of the reference's tissue."""
    return uneven > UNEVEN and n_cells >= FEWEST_CELLS


def composition_notes(uneven: float, n_cells: int) -> tuple[str, ...]:
    """Return a note where cells lack part of the reference's tissue."""
    if not lacks_tissue(uneven, n_cells):
        return ()
    return (
        "The cells resemble some regions of the reference far more than others: part of the tissue "
        "may be missing from them, which makes every method less accurate.",
    )


def matched_reference(
    references: Sequence[Prepared],
    query: Prepared | None,
    config: PreprocessConfig,
    *,
    seed: int,
    reporter: Reporter | None = None,
) -> tuple[Reference, Features | None]:
    """Return the reference and the query's features, matched where tissue is missing.

    As `Reference.fit`, unless ``zscore="matched"`` and the query lacks part of the tissue: then
    spots count in the mean and spread of a slide's genes as much as cells resemble them and spots
    like them.
    """
    reference, features = Reference.fit(references, query, config, seed=seed)
    if features is None or config.zscore != "matched":
        return reference, features
    directions, mass = _resembled(reference, features, reporter)
    if not lacks_tissue(imbalance(reference, directions, mass, reporter), len(features)):
        return reference, features
    for _ in range(ROUNDS):
        directions, mass = _resembled(reference, features, reporter)
        alike = normalize(reference.all_features @ directions)
        weights = reference.by_slide(neighbour_graph(alike, REGION) @ mass)
        reference, features = Reference.fit(references, query, config, seed=seed, weights=weights)
        assert features is not None, "there is a query"
    return reference, features


def _resembled(
    reference: Reference, features: Features, reporter: Reporter | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the spatial directions, and the mass that cells give each spot along them."""
    directions = spatial_directions(reference, features, KnnConfig())
    return directions, knn_posterior(reference, features, directions, KnnConfig(), reporter).mass


def _regional(reference: Reference, mass: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean mass of each spot's region, over the mean of all."""
    slides = zip(reference.places, reference.by_slide(mass), strict=True)
    regional = np.concatenate([neighbour_graph(places, REGION) @ m for places, m in slides])
    return regional / max(regional.mean(), 1e-12)
