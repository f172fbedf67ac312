"""Ridge regression of places on features: the linear baseline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import normalize

from napari_spatialrecon.methods.placement.base import Placement, PlacementMethod
from napari_spatialrecon.methods.placement.composition import matched_reference
from napari_spatialrecon.methods.placement.config import KnnConfig, RidgeConfig
from napari_spatialrecon.methods.placement.held_out import hold_out
from napari_spatialrecon.methods.placement.knn import align_slides, baseline_error
from napari_spatialrecon.methods.placement.posterior import spatial_directions
from napari_spatialrecon.methods.placement.reference import Reference
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.training.checkpoint import load_checkpoint, save_checkpoint

#: Penalties among which leave-one-out error chooses, relative to the number of spots.
PENALTIES = np.logspace(-3, 3, 13)


class Ridge(PlacementMethod):
    """The `ridge` method: places are a linear function of features."""

    name = "ridge"
    config_class = RidgeConfig
    config: RidgeConfig

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
        """Fit the regression; see `PlacementMethod.fit`."""
        reporter = reporter or Reporter()
        reporter.begin("Fitting a linear map")
        reference, features = matched_reference(
            references, query, self.config.preprocess, seed=seed, reporter=reporter
        )
        self.reference, self.notes = _aligned(reference, features)
        self.held_out = {}
        if (held_out := hold_out(references, seed)) is not None:
            seen, features = Reference.fit(held_out.seen, query, self.config.preprocess, seed=seed)
            coefficients, intercept, _ = self._regress(_aligned(seen, features)[0])
            placed = [
                self._inputs(f) @ coefficients + intercept for f in held_out.features(seen.space)
            ]
            self.held_out["method"] = held_out.stress(placed)
            self.held_out["baseline"] = baseline_error(held_out, seen, features, KnnConfig())
        reporter.check()
        self.coefficients, self.intercept, self.residual = self._regress(self.reference)
        return self

    def _inputs(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        values = features.astype(float)
        return normalize(values) * np.sqrt(values.shape[1]) if self.config.unit_length else values

    def _regress(
        self, reference: Reference
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        """Return coefficients (d, 2), intercept (2,) and the leave-one-out error of a place."""
        inputs = self._inputs(reference.all_features)
        model = RidgeCV(PENALTIES * len(inputs)).fit(inputs, reference.all_places)
        residual = float(np.sqrt(max(-2 * model.best_score_, 0.0)))
        return model.coef_.T, model.intercept_, residual

    def place(
        self, query: Prepared, *, display: int = 0, reporter: Reporter | None = None
    ) -> Placement:
        """Place cells by the linear map; all share the leave-one-out error as uncertainty."""
        features, notes = self.reference.space.transform(query)
        places = self._inputs(features) @ self.coefficients + self.intercept
        frame = self.reference.frame
        return Placement(
            coordinates=frame.restore(places, display),
            uncertainty=np.full(len(places), self.residual * frame.radius_on(display)),
            layout=places * frame.radius_on(display),
            pose=frame.pose_on(display),
            diagnostics={"leave_one_out_error": self.residual * frame.radius_on(display)},
            notes=(*self.notes, *notes),
        )

    def save(self, folder: str | Path) -> None:
        """Write the checkpoint folder."""
        own = {
            "ridge.coefficients": self.coefficients,
            "ridge.intercept": self.intercept,
            "ridge.residual": np.array([self.residual]),
        }
        save_checkpoint(
            folder,
            method=self.name,
            config=self.config.to_dict(),
            tensors={**self.reference.arrays(), **own},
            genes=self.reference.space.genes,
            extra=self._described(),
        )

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a checkpoint folder."""
        checkpoint = load_checkpoint(folder, method=cls.name)
        arrays: dict[str, Any] = {k: v.numpy() for k, v in checkpoint.tensors.items()}
        method = cls(RidgeConfig.from_dict(checkpoint.config))
        method.coefficients = arrays.pop("ridge.coefficients")
        method.intercept = arrays.pop("ridge.intercept")
        method.residual = float(arrays.pop("ridge.residual")[0])
        method.reference = Reference.from_arrays(
            checkpoint.genes, checkpoint.extra["slides"], arrays
        )
        method.held_out = checkpoint.extra["held_out"]
        method.notes = tuple(checkpoint.extra["notes"])
        return method


def _aligned(
    reference: Reference, query_features: NDArray[np.float32] | None
) -> tuple[Reference, tuple[str, ...]]:
    config = KnnConfig()
    directions = spatial_directions(reference, query_features, config)
    return align_slides(reference, directions, config)
