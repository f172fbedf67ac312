"""Spatial discriminant analysis and cosine nearest neighbours: accurate, and under a second.

``spatial_directions`` finds directions of expression that spots share with their neighbours in
space; a cell is then placed at the expected position over its most similar spots. The spread of
that posterior is the best single predictor of the error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_spatialrecon.geometry.procrustes import fit_pose
from napari_spatialrecon.methods.placement.base import (
    FittedPlacement,
    Placement,
    PlacementMethod,
    restored,
)
from napari_spatialrecon.methods.placement.composition import matched_reference
from napari_spatialrecon.methods.placement.config import KnnConfig
from napari_spatialrecon.methods.placement.flags import Flags
from napari_spatialrecon.methods.placement.held_out import ENOUGH, PARTS, HeldOut, hold_out
from napari_spatialrecon.methods.placement.posterior import (
    fitted_directions,
    knn_posterior,
    spatial_directions,
)
from napari_spatialrecon.methods.placement.reference import Reference
from napari_spatialrecon.methods.placement.rehearsal import Rehearsal
from napari_spatialrecon.methods.placement.yardsticks import Yardsticks
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.training.checkpoint import load_checkpoint, save_checkpoint

#: Gain in correlation at which a slide is rotated; sections mounted alike gained at most 0.02.
CLEARLY = 0.03


def align_slides(
    reference: Reference, directions: NDArray[np.float64], config: KnnConfig
) -> tuple[Reference, tuple[str, ...]]:
    """Rotate slides that were mounted in another pose than the first to match in expression.

    Each slide's spots are placed on the first slide like cells. The rotation or reflection that
    fits these places is applied if it agrees clearly better than the original pose.

    Returns
    -------
    reference
        The reference with rotated places.
    notes
        Messages about which slides were rotated.
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


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedKnn(FittedPlacement):
    """Result of fitting, with the (d, n_directions) spatially varying directions of features."""

    directions: NDArray[np.float64]


class Knn(PlacementMethod):
    """The `knn` method: spatial discriminant analysis and cosine nearest neighbours."""

    name = "knn"
    config_class = KnnConfig
    config: KnnConfig
    fitted: FittedKnn

    def fit(
        self,
        references: Sequence[Prepared],
        query: Prepared | None = None,
        run: Run | None = None,
    ) -> Self:
        """Fit features and directions; see `PlacementMethod.fit`."""
        run, preprocess = run or Run(), self.config.preprocess
        run.reporter.begin("Comparing expression")
        reference, features = matched_reference(
            references, query, preprocess, seed=run.seed, reporter=run.reporter
        )
        directions = spatial_directions(reference, features, self.config)
        reference, notes = align_slides(reference, directions, self.config)
        run.reporter.check()
        errors: dict[str, float] = {}
        calibration = None
        if (held_out := hold_out(references, run.seed)) is not None:
            seen, features = Reference.fit(held_out.seen, query, preprocess, seed=run.seed)
            run.reporter.check()
            known = yardsticks(held_out, seen, features, self.config)
            errors = known.errors()
            others = other_quarters(held_out, query, self.config, run)
            rehearsal = Rehearsal.of(known, self.config, others, run.reporter)
            calibration = rehearsal.calibrated_baseline()
        self.fitted = FittedKnn(
            reference=reference,
            directions=directions,
            held_out=errors,
            calibration=calibration,
            notes=notes,
        )
        return self

    def place(
        self, query: Prepared, *, display: int = 0, reporter: Reporter | None = None
    ) -> Placement:
        """Place cells between their most similar spots."""
        reference, directions = self.fitted.reference, self.fitted.directions
        features, notes = reference.space.transform(query)
        flags = Flags.of(
            reference, directions, query, features, config=self.config, reporter=reporter
        )
        posterior, domain, frame = flags.posterior, flags.domain, reference.frame
        radius = frame.radius_on(display)
        return Placement(
            coordinates=frame.restore(posterior.places, display),
            uncertainty=domain.uncertainty(np.sqrt(posterior.variance) * radius, radius),
            layout=posterior.places * radius,
            pose=frame.pose_on(display),
            diagnostics=flags.diagnostics,
            notes=(*self.notes, *notes, *flags.notes),
            warnings=domain.notes,
            per_cell=flags.per_cell,
            stated=flags.stated(self.fitted.calibration, posterior.places, radius),
        )

    def save(self, folder: str | Path) -> None:
        """Write the checkpoint folder."""
        save_checkpoint(
            folder,
            method=self.name,
            config=self.config.to_dict(),
            tensors={**self.reference.arrays(), "directions": self.fitted.directions},
            genes=self.reference.space.genes.lines(),
            extra=self._described(),
        )

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a checkpoint folder."""
        checkpoint = load_checkpoint(folder, method=cls.name)
        arrays: dict[str, Any] = {k: v.numpy() for k, v in checkpoint.tensors.items()}
        method = cls(KnnConfig.from_dict(checkpoint.config))
        directions = fitted_directions(arrays.pop("directions"))
        method.fitted = FittedKnn(directions=directions, **restored(checkpoint, arrays))
        return method


def yardsticks(
    held_out: HeldOut,
    seen: Reference,
    query_features: NDArray[np.float32] | None,
    config: KnnConfig,
) -> Yardsticks:
    """Return the places of held-out spots among the `seen` ones."""
    directions = spatial_directions(seen, query_features, config)
    seen, _ = align_slides(seen, directions, config)
    found = [
        knn_posterior(seen, features, directions, config)
        for features in held_out.features(seen.space)
    ]
    return Yardsticks(held_out, seen, tuple(found), directions)


def other_quarters(
    held_out: HeldOut,
    query: Prepared | None,
    config: KnnConfig,
    run: Run,
) -> list[Yardsticks]:
    """Return the same of the other quarters of the spots; of none where one quarter suffices."""
    if sum(len(rows) for rows in held_out.compared) >= ENOUGH:
        return []
    found = []
    for part in range(1, PARTS):
        run.reporter.check()
        other = hold_out(held_out.whole, run.seed, part)
        if other is not None:
            seen, features = Reference.fit(other.seen, query, config.preprocess, seed=run.seed)
            run.reporter.check()
            found.append(yardsticks(other, seen, features, config))
    return found
