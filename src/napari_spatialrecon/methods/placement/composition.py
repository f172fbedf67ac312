"""Detect whether cells cover all of the reference's tissue, and features for cells that do not.

Genes are standardised within each slide and within the query, which assumes that both have the same
composition. If half of the tissue is missing from the query, its average cell differs from the
reference's, and every method places cells as if they came from everywhere. This module compares how
unevenly cells fall on the reference with how unevenly the reference's own spots do. If cells are
clearly more uneven, each slide is standardised again with the spots that the cells resemble. This
is iterated, since better standardisation identifies those spots better.
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

#: Number of spots of a region, in space or in expression.
REGION = 30
#: Unevenness above which cells lack part of the tissue. It was at most 0.18 for whole tissue
#: (eleven queries of at least 400 cells) and at least 0.19 for 17 of 25 queries that lack half of
#: it. Four of the eight missed queries are of the preoptic area, whose halves mirror each other.
UNEVEN = 0.185
#: Below this number of cells, chance alone can exceed that unevenness.
FEWEST_CELLS = 400
#: Rounds of standardisation; the third changes places by less than 1%.
ROUNDS = 3
#: Maximum number of spots placed among the others to measure the reference's own unevenness.
MOST_SPOTS = 4096


def imbalance(
    reference: Reference,
    directions: NDArray[np.float64],
    mass: NDArray[np.float64],
    reporter: Reporter | None = None,
) -> float:
    """Return how much more unevenly cells fall on the reference than its own spots do.

    Mass is averaged over the 30 nearest neighbours of each spot within the slide and divided by its
    mean. The result compares its variance over all spots with that for the reference's own spots,
    each placed among the others.

    Parameters
    ----------
    mass : (n_spots,) float
        Posterior mass of the cells on each spot.

    Returns
    -------
    Square root of the difference of variances; 0 if cells are as even as spots.
    """
    spots = reference.all_features
    rows = np.arange(len(spots))
    if len(rows) > MOST_SPOTS:
        rows = np.sort(np.random.default_rng(0).permutation(rows)[:MOST_SPOTS])
    own = knn_posterior(reference, spots[rows], directions, KnnConfig(), reporter, itself=rows).mass
    excess = _regional(reference, mass).var() - _regional(reference, own).var()
    return float(np.sqrt(max(excess, 0.0)))


def lacks_tissue(uneven: float, n_cells: int) -> bool:
    """Return whether cells of this unevenness and number lack part of the reference's tissue."""
    return uneven > UNEVEN and n_cells >= FEWEST_CELLS


def composition_notes(uneven: float, n_cells: int) -> tuple[str, ...]:
    """Return a note if cells lack part of the reference's tissue."""
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
    """Return the reference and the query's features, matched if tissue is missing.

    Same as `Reference.fit`, unless ``zscore="matched"`` and the query lacks part of the tissue:
    then the mean and spread of a slide's genes weight each spot by how much cells resemble it and
    spots similar to it.
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
    """Return the spatial directions, and the cells' posterior mass on each spot along them."""
    directions = spatial_directions(reference, features, KnnConfig())
    return directions, knn_posterior(reference, features, directions, KnnConfig(), reporter).mass


def _regional(reference: Reference, mass: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean mass of each spot's region, divided by the overall mean."""
    slides = zip(reference.places, reference.by_slide(mass), strict=True)
    regional = np.concatenate([neighbour_graph(places, REGION) @ m for places, m in slides])
    return regional / max(regional.mean(), 1e-12)
