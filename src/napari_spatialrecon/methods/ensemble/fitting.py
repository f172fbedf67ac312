"""Fitting several networks: features, validation on held-out spots, training.

A method adds its networks and losses. A fit is immutable: each step returns its results.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_spatialrecon.methods.ensemble.config import EnsembleConfig
from napari_spatialrecon.methods.ensemble.task import EnsembleTask, unit_length
from napari_spatialrecon.methods.ensemble.views import Embedded, View
from napari_spatialrecon.methods.placement.base import FittedPlacement
from napari_spatialrecon.methods.placement.calibration import Calibration
from napari_spatialrecon.methods.placement.composition import matched_reference
from napari_spatialrecon.methods.placement.config import KnnConfig
from napari_spatialrecon.methods.placement.held_out import HeldOut, hold_out
from napari_spatialrecon.methods.placement.knn import align_slides, other_quarters, yardsticks
from napari_spatialrecon.methods.placement.posterior import spatial_directions
from napari_spatialrecon.methods.placement.reference import Reference
from napari_spatialrecon.methods.placement.rehearsal import Rehearsal, Scene
from napari_spatialrecon.methods.placement.yardsticks import Yardsticks
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.preprocess import Features
from napari_spatialrecon.training.history import History


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedEnsemble(FittedPlacement):
    """Result of fitting to slides: their views, and the networks."""

    embedded: Embedded
    networks: tuple[nn.Module, ...]


@dataclass(frozen=True)
class Validated:
    """Result of training without the held-out spots.

    Parameters
    ----------
    fit
        The fit to run on all spots.
    errors
        See `FittedPlacement.held_out`.
    calibration
        How far off the network places held-out spots.
    best_step
        Step at which the network placed held-out spots best.
    history
        History of each network that was trained.
    """

    fit: EnsembleFit
    errors: dict[str, float] = field(default_factory=dict)
    calibration: Calibration | None = None
    best_step: int | None = None
    history: tuple[History, ...] = ()


@dataclass(frozen=True, eq=False)
class EnsembleFit(ABC):
    """One fit of several networks.

    Parameters
    ----------
    references, query
        Slides to train on, and the cells whose expression is taken into account.
    """

    config: EnsembleConfig
    references: Sequence[Prepared]
    query: Prepared | None
    run: Run

    #: Whether validation also determines the number of training steps.
    stops_early: ClassVar[bool]

    @abstractmethod
    def task(
        self,
        number: int,
        embedded: Embedded,
        references: Sequence[Prepared],
        noise: float,
        held_out: HeldOut | None,
    ) -> EnsembleTask:
        """Return network `number` with its training data.

        Parameters
        ----------
        embedded
            The slides in the networks' views.
        noise
            Standard deviation of the noise on the features.
        held_out
            Given if `references` lack its held-out spots.
        """

    @property
    def validates(self) -> bool:
        """Whether spots are held out first."""
        return self.config.validate

    def fitted(self) -> FittedEnsemble:
        """Validate on held-out spots, then train the networks on all."""
        held_out = hold_out(self.references, self.run.seed) if self.validates else None
        found = Validated(self) if held_out is None else self.validated(held_out)
        return found.fit.trained(found)

    def trained(self, validated: Validated) -> FittedEnsemble:
        """Train the networks on all spots."""
        config, run, loop = self.config, self.run, self.config.training
        if self.stops_early and validated.best_step:
            loop = loop.with_values({"steps": validated.best_step})
        run.reporter.begin("Preparing features")
        embedded, features = self.embedded(self.references, whole=True)
        networks, history = [], list(validated.history)
        for number in range(config.members):
            noise = self.noise(number, embedded, features)
            task = self.task(number, embedded, self.references, noise, None)
            stage = f"Training network {number + 1} of {config.members}"
            own = run.within(f"network{number}").seeded(run.seed + number)
            history.append(own.train(task, loop, stage))
            networks.append(task.network.cpu().eval())
        return FittedEnsemble(
            reference=embedded.reference,
            embedded=embedded,
            networks=tuple(networks),
            held_out=validated.errors,
            calibration=validated.calibration,
            history=tuple(history),
            notes=embedded.notes,
        )

    def validated(self, held_out: HeldOut, part: str = "validation") -> Validated:
        """Train one network without the held-out spots.

        Parameters
        ----------
        part
            Subfolder of the run's folder for this training.
        """
        config, run = self.config, self.run
        run.reporter.begin("Preparing features")
        embedded, features = self.embedded(held_out.seen, part=part)
        first = None if features is None else features[0]
        known = yardsticks(held_out, embedded.reference, first, KnnConfig())
        noise = self.noise(0, embedded, features)
        task = self.task(0, embedded, held_out.seen, noise, held_out)
        spots = held_out.features(embedded.reference.space)
        inputs = [network_inputs(config, embedded, 0, [f]).to(run.device) for f in spots]
        task.validate_on(known, inputs, config)
        history = run.within(part).train(task, config.training, "Validating on held-out spots")
        last = history.held_out[max(history.held_out)]
        own = history.best if self.stops_early else last
        errors = {"method": own["held_out"], "baseline": known.stress}
        errors |= {name: value for name, value in own.items() if name != "held_out"}
        run.reporter.begin("Calibrating expected errors")

        def placed(scene: Scene) -> list[NDArray[np.float64]]:
            run.reporter.check()
            inputs = [network_inputs(config, embedded, 0, [f]) for f in scene.features]
            return task.place_spots([each.to(run.device) for each in inputs], scene.posteriors)

        with run.resumable():
            others = self.other_quarters(held_out)
            rehearsal = Rehearsal.of(known, others=others, reporter=run.reporter)
            calibration = rehearsal.calibrated(placed)
        return Validated(self, errors, calibration, history.best_step, (history,))

    @property
    def own_features(self) -> bool:
        """Whether features are fitted to the slides and the query alone, and by no training."""
        return True

    def other_quarters(self, held_out: HeldOut) -> list[Yardsticks]:
        """Return the baseline's places of the other quarters of the spots, in such features."""
        if not self.own_features:
            return []
        baseline = KnnConfig(preprocess=self.config.preprocess)
        return other_quarters(held_out, self.query, baseline, self.run)

    def embedded(
        self, references: Sequence[Prepared], *, whole: bool = False, part: str = "all"
    ) -> tuple[Embedded, list[Features] | None]:
        """Return slides in the networks' views, and the query's features in each view.

        Parameters
        ----------
        whole
            Whether these are all spots. If not, composition is not matched, as held-out spots are
            a random sample, and one view is enough, as validation trains only the first network.
        part
            Name of this fit, used in the folder of anything that has to be trained first.
        """
        fit = matched_reference if whole else Reference.fit
        preprocess, seed = self.config.preprocess, self.run.seed
        reference, features = fit(references, self.query, preprocess, seed=seed)
        embedded = oriented(reference, features)
        found = [features]
        if whole and self.config.scalings == "mixed" and self.config.members > 2:
            other = "spread" if preprocess.scaling == "root" else "root"
            changed = replace(preprocess, scaling=other)
            reference, features = fit(references, self.query, changed, seed=seed)
            directions = spatial_directions(reference, features, KnnConfig())
            second = View(reference.space, reference.features, directions)
            embedded = replace(embedded, views=(*embedded.views, second))
            found.append(features)
        return embedded, None if self.query is None else [f for f in found if f is not None]

    def noise(
        self, number: int, embedded: Embedded, query_features: Sequence[Features] | None
    ) -> float:
        """Return the standard deviation of a network's training noise."""
        sight = self.config.sight(number, len(embedded.views))
        seen = embedded.spots(sight)
        if query_features is not None:
            seen = [embedded.seen(sight, query_features[sight.view])]
        return self.config.noise * float(np.concatenate(seen).std())


def network_inputs(
    config: EnsembleConfig, embedded: Embedded, number: int, features: Sequence[Features]
) -> Tensor:
    """Return a network's input for cells, given their features in each view."""
    sight = config.sight(number, len(embedded.views))
    seen = embedded.seen(sight, features[sight.view])
    return unit_length(torch.from_numpy(seen), config.unit_length)


def oriented(reference: Reference, features: Features | None) -> Embedded:
    """Return a reference with slides rotated to match in expression, and its directions."""
    directions: NDArray[np.float64] = spatial_directions(reference, features, KnnConfig())
    turned, notes = align_slides(reference, directions, KnnConfig())
    return Embedded.of(turned, directions, notes=notes)
