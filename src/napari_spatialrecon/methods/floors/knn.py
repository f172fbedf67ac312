"""Spatial discriminant analysis and cosine nearest neighbours: strong, and under a second.

Directions of expression are found that a spot shares with its neighbours in space
(``spatial_directions``); a cell is then placed at the expected position over its most similar
spots. The spread of that posterior is the best single sign of a place's error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from sklearn.preprocessing import normalize

from napari_spatialrecon.geometry.neighbours import neighbour_graph
from napari_spatialrecon.geometry.procrustes import fit_pose
from napari_spatialrecon.methods.floors.config import KnnConfig
from napari_spatialrecon.methods.held_out import HeldOut, hold_out
from napari_spatialrecon.methods.placement import Placement, PlacementMethod
from napari_spatialrecon.methods.reference import Reference
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.training.checkpoint import load_checkpoint, save_checkpoint

#: Cells compared with all spots at a time.
BLOCK = 4096
#: Spots of a region, and unevenness of cells over regions above which compositions differ; below
#: the number of cells chance alone is that uneven.
REGION, UNEVEN, FEWEST_CELLS = 30, 0.33, 400
#: Gain in correlation at which a slide is turned: sections mounted alike gained at most .02.
CLEARLY = 0.03


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
    mass : (n_spots,) float
        Posterior mass that each spot received; sums to the number of cells.
    """

    places: NDArray[np.float64]
    variance: NDArray[np.float64]
    similarity: NDArray[np.float64]
    mass: NDArray[np.float64]


def spatial_directions(
    reference: Reference, query_features: NDArray[np.float32] | None, config: KnnConfig
) -> NDArray[np.float64]:
    """Return the (d, n_directions) map onto directions that neighbouring spots share.

    Solves sym(AᵀS)/N v = w (cov A + cov B + ρI) v, with A the spots' features, B the cells', S
    each spot's neighbour average within its slide (the mean of a near and a far one, itself left
    out) and ρ the mean diagonal; directions are scaled by √w.
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


def knn_posterior(
    reference: Reference,
    query_features: NDArray[np.float32],
    directions: NDArray[np.float64],
    config: KnnConfig,
    reporter: Reporter | None = None,
) -> Posterior:
    """Place cells between their most similar spots, weights exp(cosine / temperature)."""
    spots = normalize(reference.all_features @ directions)
    cells = normalize(query_features @ directions)
    targets = reference.all_places
    k = min(config.neighbours, len(spots))
    places, variance = np.empty((len(cells), 2)), np.empty(len(cells))
    best, mass = np.empty(len(cells)), np.zeros(len(spots))
    for start in range(0, len(cells), BLOCK):
        if reporter is not None:
            reporter.check()
        rows = slice(start, start + BLOCK)
        cosine = cells[rows] @ spots.T
        nearest = np.argpartition(-cosine, k - 1, axis=1)[:, :k]
        similarity = np.take_along_axis(cosine, nearest, axis=1)
        best[rows] = similarity.max(axis=1)
        weights = np.exp((similarity - similarity.max(axis=1, keepdims=True)) / config.temperature)
        weights /= weights.sum(axis=1, keepdims=True)
        near = targets[nearest]
        places[rows] = np.einsum("nk,nkd->nd", weights, near)
        offsets = near - places[rows][:, None]
        variance[rows] = np.einsum("nk,nkd->n", weights, offsets**2)
        np.add.at(mass, nearest, weights)
    return Posterior(places, variance, best, mass)


def align_slides(
    reference: Reference, directions: NDArray[np.float64], config: KnnConfig
) -> tuple[Reference, tuple[str, ...]]:
    """Turn slides that were mounted in another pose than the first, as their expression says.

    Each slide's spots are placed on the first slide like cells; the rotation or reflection that
    lays them there is taken where it agrees clearly better than the pose they came in.

    Returns
    -------
    reference
        With turned places.
    notes
        Which slides were turned, in words.
    """
    turns, notes = np.tile(np.eye(2), (len(reference.places), 1, 1)), []
    first = reference.only(0)
    for i in range(1, len(reference.places)):
        own = reference.places[i]
        found = knn_posterior(first, reference.features[i], directions, config)
        weights = 1 / (found.variance + np.median(found.variance) + 1e-9)
        turn = fit_pose(own, found.places, weights=weights, scaling=False).linear
        before, after = (_agreement(own @ t.T, found.places, weights) for t in (np.eye(2), turn))
        if after > before + CLEARLY:
            turns[i] = turn
            angle = np.degrees(np.arctan2(turn[1, 0], turn[0, 0]))
            over = ", turned over" if np.linalg.det(turn) < 0 else ""
            notes.append(
                f"{reference.slides[i].name} was rotated by {angle:.0f}°{over} to agree with "
                f"{reference.slides[0].name} (correlation {before:.2f} before, {after:.2f} after)."
            )
    return reference.turned(turns), tuple(notes)


def _agreement(
    places: NDArray[np.float64], found: NDArray[np.float64], weights: NDArray[np.float64]
) -> float:
    """Return the weighted correlation of two layouts, -1 to 1."""
    a = places - np.average(places, axis=0, weights=weights)
    b = found - np.average(found, axis=0, weights=weights)
    w = weights[:, None]
    return float((w * a * b).sum() / np.sqrt((w * a * a).sum() * (w * b * b).sum() + 1e-12))


def imbalance(reference: Reference, posterior: Posterior) -> float:
    """Return how unevenly cells fall on the regions of the reference (coefficient of variation).

    Posterior mass is averaged over each spot and its 30 nearest within the slide. Queries of the
    same tissue gave 0.1 to 0.3; with half of the tissue or of the cell clusters missing 0.3 to 0.4.
    """
    cuts = np.cumsum([len(p) for p in reference.places])[:-1]
    regional = np.concatenate(
        [
            neighbour_graph(places, REGION) @ mass
            for places, mass in zip(reference.places, np.split(posterior.mass, cuts), strict=True)
        ]
    )
    return float(regional.std() / max(regional.mean(), 1e-12))


def composition_notes(value: float, n_cells: int) -> tuple[str, ...]:
    """Return a note where `imbalance` says that the query lacks part of the reference's tissue."""
    if value <= UNEVEN or n_cells < FEWEST_CELLS:
        return ()
    return (
        "The cells resemble some regions of the reference far more than others: part of the tissue "
        "may be missing from them, which makes every method less exact.",
    )


class Knn(PlacementMethod):
    """The `knn` method: spatial discriminant analysis and cosine nearest neighbours."""

    name = "knn"
    config_class = KnnConfig
    config: KnnConfig

    def fit(
        self,
        references: Sequence[Prepared],
        query: Prepared | None = None,
        *,
        seed: int = 0,
        device: str = "cpu",
        reporter: Reporter | None = None,
        folder: Path | None = None,
        resume: bool = False,
    ) -> Self:
        """Fit features and directions; see `PlacementMethod.fit`."""
        reporter = reporter or Reporter()
        reporter.begin("Comparing expression")
        self.reference, features = Reference.fit(
            references, query, self.config.preprocess, seed=seed
        )
        self.directions = spatial_directions(self.reference, features, self.config)
        self.reference, self.notes = align_slides(self.reference, self.directions, self.config)
        reporter.check()
        self.held_out = {}
        if (held_out := hold_out(references, seed)) is not None:
            seen, features = Reference.fit(held_out.seen, query, self.config.preprocess, seed=seed)
            self.held_out["floor"] = floor_error(held_out, seen, features, self.config)
        return self

    def place(
        self, query: Prepared, *, display: int = 0, reporter: Reporter | None = None
    ) -> Placement:
        """Place cells between their most similar spots."""
        features, notes = self.reference.space.transform(query)
        posterior = knn_posterior(self.reference, features, self.directions, self.config, reporter)
        frame = self.reference.frame
        uneven = imbalance(self.reference, posterior)
        return Placement(
            coordinates=frame.restore(posterior.places, display),
            uncertainty=np.sqrt(posterior.variance) * frame.radius_on(display),
            layout=posterior.places * frame.radius_on(display),
            pose=frame.pose_on(display),
            diagnostics={
                "similarity_median": float(np.median(posterior.similarity)),
                "regional_imbalance": uneven,
            },
            notes=(*self.notes, *notes, *composition_notes(uneven, len(features))),
        )

    def save(self, folder: str | Path) -> None:
        """Write the checkpoint folder."""
        save_checkpoint(
            folder,
            method=self.name,
            config=self.config.to_dict(),
            tensors={**self.reference.arrays(), "directions": self.directions},
            genes=self.reference.space.genes,
            extra=self._described(),
        )

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a checkpoint folder."""
        checkpoint = load_checkpoint(folder, method=cls.name)
        arrays: dict[str, Any] = {k: v.numpy() for k, v in checkpoint.tensors.items()}
        method = cls(KnnConfig.from_dict(checkpoint.config))
        method.directions = arrays.pop("directions")
        method.reference = Reference.from_arrays(
            checkpoint.genes, checkpoint.extra["slides"], arrays
        )
        method.held_out = checkpoint.extra["held_out"]
        method.notes = tuple(checkpoint.extra["notes"])
        return method


def floor_error(
    held_out: HeldOut,
    seen: Reference,
    query_features: NDArray[np.float32] | None,
    config: KnnConfig,
) -> float:
    """Return the stress with which held-out spots are placed between the `seen` ones."""
    directions = spatial_directions(seen, query_features, config)
    seen, _ = align_slides(seen, directions, config)
    return held_out.stress(
        [
            knn_posterior(seen, features, directions, config).places
            for features in held_out.features(seen.space)
        ]
    )
