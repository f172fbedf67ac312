"""Ridge regression of places on features: the linear baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import normalize

from napari_spatialrecon.methods.placement.base import (
    FittedPlacement,
    Placement,
    PlacementMethod,
    restored,
)
from napari_spatialrecon.methods.placement.composition import matched_reference
from napari_spatialrecon.methods.placement.config import KnnConfig, RidgeConfig
from napari_spatialrecon.methods.placement.flags import Flags
from napari_spatialrecon.methods.placement.held_out import hold_out
from napari_spatialrecon.methods.placement.knn import align_slides, other_quarters, yardsticks
from napari_spatialrecon.methods.placement.posterior import spatial_directions
from napari_spatialrecon.methods.placement.reference import Reference
from napari_spatialrecon.methods.placement.rehearsal import Place, Rehearsal
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.training.checkpoint import load_checkpoint, save_checkpoint

#: Candidate penalties, relative to the number of spots; leave-one-out error selects one.
PENALTIES = np.logspace(-3, 3, 13)


@dataclass(frozen=True)
class LinearMap:
    """A linear function from features to places.

    Parameters
    ----------
    coefficients : (d, 2) float
    intercept : (2,) float
    residual
        Leave-one-out error of the places.
    """

    coefficients: NDArray[np.float64]
    intercept: NDArray[np.float64]
    residual: float

    def places(self, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the places of inputs (n, d)."""
        return inputs @ self.coefficients + self.intercept


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedRidge(FittedPlacement):
    """Result of fitting, with the linear map."""

    line: LinearMap


class Ridge(PlacementMethod):
    """The `ridge` method: places are a linear function of features."""

    name = "ridge"
    config_class = RidgeConfig
    config: RidgeConfig
    fitted: FittedRidge

    def fit(
        self,
        references: Sequence[Prepared],
        query: Prepared | None = None,
        run: Run | None = None,
    ) -> Self:
        """Fit the regression; see `PlacementMethod.fit`."""
        run, preprocess = run or Run(), self.config.preprocess
        run.reporter.begin("Fitting a linear map")
        reference, features = matched_reference(
            references, query, preprocess, seed=run.seed, reporter=run.reporter
        )
        reference, notes = _aligned(reference, features)
        errors: dict[str, float] = {}
        calibration = None
        if (held_out := hold_out(references, run.seed)) is not None:
            seen, features = Reference.fit(held_out.seen, query, preprocess, seed=run.seed)
            run.reporter.check()
            known = yardsticks(held_out, seen, features, KnnConfig())
            line = self._regress(known.seen)
            placed = [line.places(self._inputs(f)) for f in held_out.features(known.seen.space)]
            errors = {
                "method": held_out.stress(placed),
                "baseline": known.stress,
                **known.beside(known.compared(placed), known.seen.frame),
            }
            others = other_quarters(held_out, query, KnnConfig(preprocess=preprocess), run)
            places = []
            for quarter in (known, *others):
                run.reporter.check()
                places.append(self._placing(quarter.seen))
            rehearsal = Rehearsal.of(known, others=others, reporter=run.reporter)
            calibration = rehearsal.calibrated_on_all(places)
        run.reporter.check()
        self.fitted = FittedRidge(
            reference=reference,
            line=self._regress(reference),
            held_out=errors,
            calibration=calibration,
            notes=notes,
        )
        return self

    def _inputs(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        values = features.astype(float)
        return normalize(values) * np.sqrt(values.shape[1]) if self.config.unit_length else values

    def _placing(self, seen: Reference) -> Place:
        """Return how spots are placed by a line that is fitted to the seen ones."""
        line = self._regress(seen)
        return lambda scene: [line.places(self._inputs(f)) for f in scene.features]

    def _regress(self, reference: Reference) -> LinearMap:
        inputs = self._inputs(reference.all_features)
        model = RidgeCV(PENALTIES * len(inputs)).fit(inputs, reference.all_places)
        residual = float(np.sqrt(max(-2 * model.best_score_, 0.0)))
        return LinearMap(model.coef_.T, model.intercept_, residual)

    def place(
        self, query: Prepared, *, display: int = 0, reporter: Reporter | None = None
    ) -> Placement:
        """Place cells by the linear map; the uncertainty of all is the leave-one-out error."""
        line = self.fitted.line
        features, notes = self.reference.space.transform(query)
        places = line.places(self._inputs(features))
        frame, radius = self.reference.frame, self.reference.frame.radius_on(display)
        directions = spatial_directions(self.reference, features, KnnConfig())
        flags = Flags.of(self.reference, directions, query, features, reporter=reporter)
        off = np.full(len(places), line.residual * radius)
        return Placement(
            coordinates=frame.restore(places, display),
            uncertainty=flags.domain.uncertainty(off, radius),
            layout=places * radius,
            pose=frame.pose_on(display),
            diagnostics={"leave_one_out_error": line.residual * radius, **flags.diagnostics},
            notes=(*self.notes, *notes, *flags.notes),
            warnings=flags.domain.notes,
            per_cell=flags.per_cell,
            stated=flags.stated(self.fitted.calibration, places, radius),
        )

    def save(self, folder: str | Path) -> None:
        """Write the checkpoint folder."""
        line = self.fitted.line
        own = {
            "ridge.coefficients": line.coefficients,
            "ridge.intercept": line.intercept,
            "ridge.residual": np.array([line.residual]),
        }
        save_checkpoint(
            folder,
            method=self.name,
            config=self.config.to_dict(),
            tensors={**self.reference.arrays(), **own},
            genes=self.reference.space.genes.lines(),
            extra=self._described(),
        )

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a checkpoint folder."""
        checkpoint = load_checkpoint(folder, method=cls.name)
        arrays: dict[str, Any] = {k: v.numpy() for k, v in checkpoint.tensors.items()}
        method = cls(RidgeConfig.from_dict(checkpoint.config))
        own = [arrays.pop(f"ridge.{name}") for name in ("coefficients", "intercept", "residual")]
        line = LinearMap(own[0], own[1], float(own[2][0]))
        method.fitted = FittedRidge(line=line, **restored(checkpoint, arrays))
        return method


def _aligned(
    reference: Reference, query_features: NDArray[np.float32] | None
) -> tuple[Reference, tuple[str, ...]]:
    config = KnnConfig()
    directions = spatial_directions(reference, query_features, config)
    return align_slides(reference, directions, config)
