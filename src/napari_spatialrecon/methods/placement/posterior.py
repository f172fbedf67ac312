"""The most similar spots of each cell, along spatially varying directions of expression."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.sparse import csr_matrix, vstack
from scipy.spatial.distance import cdist
from sklearn.preprocessing import normalize

from napari_spatialrecon.geometry.neighbours import neighbour_graph
from napari_spatialrecon.geometry.stress import along_path
from napari_spatialrecon.methods.placement.config import KnnConfig
from napari_spatialrecon.methods.placement.reference import Reference
from napari_spatialrecon.progress import Reporter

#: Number of cells compared with all spots at a time, and of their similarities (128 MB).
BLOCK, BLOCK_VALUES = 4096, 2**24
#: Number of cells whose expected distances to all others are computed at a time.
ANCHORS = 64
#: Maximum number of spots whose pairwise distances give the quantiles.
DRAWN = 1024


@dataclass(frozen=True)
class Posterior:
    """Each cell's most similar spots.

    Parameters
    ----------
    places : (n_cells, 2) float
        Expected position, in the reference's frame.
    variance : (n_cells,) float
        Mean squared distance from it over the posterior.
    similarity : (n_cells,) float
        Cosine similarity to the most similar spot.
    weights : (n_cells, n_spots) csr float
        Posterior of each cell; rows sum to 1.
    """

    places: NDArray[np.float64]
    variance: NDArray[np.float64]
    similarity: NDArray[np.float64]
    weights: csr_matrix

    @property
    def mass(self) -> NDArray[np.float64]:
        """Posterior mass that each spot received, (n_spots,); sums to the number of cells."""
        return np.asarray(self.weights.sum(axis=0)).ravel()

    def of(self, rows: NDArray[np.intp]) -> Posterior:
        """Return the places of some cells only."""
        return Posterior(
            self.places[rows], self.variance[rows], self.similarity[rows], self.weights[rows]
        )

    def distances_of_spots(
        self, spots: NDArray[np.float64], to: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """Return the expected distance of each spot to the cells `to`, over their posteriors.

        `weights` times that is the expected distance of cells, over both posteriors.

        Parameters
        ----------
        spots : (n_spots, 2) float
            Positions of the spots.
        to : (a,) int
            Rows of the cells.

        Returns
        -------
        (n_spots, a)
        """
        found = np.empty((len(spots), len(to)))
        for first in range(0, len(to), ANCHORS):
            columns = slice(first, first + ANCHORS)
            theirs = self.weights[to[columns]]
            near = np.unique(theirs.indices)
            found[:, columns] = cdist(spots, spots[near]) @ theirs[:, near].T
        return found

    def distance_quantiles(
        self, spots: NDArray[np.float64], at: NDArray[np.float64]
    ) -> NDArray[np.float64] | None:
        """Return quantiles of the distance between two cells, each at one of its likely spots.

        Expected distances are means and vary less than distances; these quantiles do not.

        Parameters
        ----------
        spots : (n_spots, 2) float
            Places of the spots; if there are more than 1,024, an even subset is used.
        at : (q,) float
            Increasing probabilities between 0 and 1.

        Returns
        -------
        (q,), or None if all cells are at one spot.
        """
        chosen = along_path(spots, DRAWN)
        first, second = np.triu_indices(len(chosen), k=1)
        mass = self.mass[chosen]
        weight = mass[first] * mass[second]
        if not weight.sum() > 0:
            return None
        distance = cdist(spots[chosen], spots[chosen])[first, second]
        order = np.argsort(distance, kind="stable")
        weight = weight[order]
        below = np.cumsum(weight) - weight / 2
        return np.interp(at, below / weight.sum(), distance[order])


def spatial_directions(
    reference: Reference, query_features: NDArray[np.float32] | None, config: KnnConfig
) -> NDArray[np.float64]:
    """Return the (d, n_directions) map onto directions that neighbouring spots share.

    Solves sym(AᵀS)/N v = w (cov A + cov B + ρI) v, where A are the spots' features, B the cells', S
    each spot's average over neighbours within its slide, itself excluded (the mean of a near and a
    far average), and ρ the mean diagonal; directions are scaled by √w.
    """
    spots = reference.all_features.astype(float)
    if config.directions == 0:
        return np.eye(spots.shape[1])
    smooth = np.concatenate(
        [
            (neighbour_graph(p, config.near) @ f + neighbour_graph(p, config.far) @ f) / 2
            for p, f in zip(reference.places, reference.features, strict=True)
        ]
    )
    cross = spots.T @ smooth / len(spots)
    within = np.cov(spots, rowvar=False)
    if query_features is not None and len(query_features) > 1:
        within = within + np.cov(query_features.astype(float), rowvar=False)
    within = np.atleast_2d(within)
    within = within + np.eye(len(within)) * max(np.trace(within) / len(within), 1e-12)
    values, vectors = eigh((cross + cross.T) / 2, within)
    order = np.argsort(-values)[: config.directions]
    order = order[values[order] > 0] if (values[order] > 0).any() else order[:1]
    return vectors[:, order] * np.sqrt(np.abs(values[order]))


def fitted_directions(saved: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return directions read from a file, in the memory layout of `spatial_directions`.

    The rounding of a matrix product depends on the memory order of its operands; a loaded model
    would otherwise place cells about 1e-16 away from the fitted one.
    """
    return np.asfortranarray(saved)


def knn_posterior(
    reference: Reference,
    query_features: NDArray[np.float32],
    directions: NDArray[np.float64],
    config: KnnConfig,
    reporter: Reporter | None = None,
    *,
    itself: NDArray[np.int64] | None = None,
) -> Posterior:
    """Place cells among their most similar spots, with weights exp(cosine / temperature).

    Parameters
    ----------
    itself : (n_cells,) int, optional
        If the cells are spots of the reference: their rows, as a spot is not placed by itself.
    """
    spots = normalize(reference.all_features @ directions)
    cells = normalize(query_features @ directions)
    targets = reference.all_places
    k = max(min(config.neighbours, len(spots) - (itself is not None)), 1)
    places, variance = np.empty((len(cells), 2)), np.empty(len(cells))
    best, table = np.empty(len(cells)), []
    block = max(1, min(BLOCK, BLOCK_VALUES // len(spots)))
    for start in range(0, len(cells), block):
        if reporter is not None:
            reporter.check()
        rows = slice(start, start + block)
        cosine = cells[rows] @ spots.T
        if itself is not None:
            cosine[np.arange(len(cosine)), itself[rows]] = -1.0
        nearest = _largest(cosine, k)
        similarity = np.take_along_axis(cosine, nearest, axis=1)
        best[rows] = similarity.max(axis=1)
        weights = np.exp((similarity - similarity.max(axis=1, keepdims=True)) / config.temperature)
        weights /= weights.sum(axis=1, keepdims=True)
        near = targets[nearest]
        places[rows] = np.einsum("nk,nkd->nd", weights, near)
        offsets = near - places[rows][:, None]
        variance[rows] = np.einsum("nk,nkd->n", weights, offsets**2)
        index = (weights.ravel(), nearest.ravel(), np.arange(0, nearest.size + 1, k))
        table.append(csr_matrix(index, shape=(len(nearest), len(spots))))
    return Posterior(places, variance, best, csr_matrix(vstack(table)))


def _largest(values: NDArray[np.float64], k: int) -> NDArray[np.intp]:
    """Return the columns of the `k` largest values of each row, in ascending order.

    With 10,000 columns torch takes a tenth of the time of `numpy.argpartition`.
    """
    import torch  # what is opened again needs none of it

    found = torch.topk(torch.from_numpy(values), k, dim=1, sorted=False).indices.numpy()
    return np.sort(found, axis=1)
