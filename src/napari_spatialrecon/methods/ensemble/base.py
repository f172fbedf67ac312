"""Placing methods that train several networks and join their layouts.

They share features and frame, validation on held-out spots, the inputs of each network, the joint
layout, its pose and uncertainty, and checkpoints. A method adds its networks, its losses and how a
network lays out cells.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_spatialrecon.geometry.procrustes import Pose, fit_pose
from napari_spatialrecon.geometry.solver.landmarks import Landmarks, fit_scale
from napari_spatialrecon.geometry.solver.place_solver import PlaceSolver
from napari_spatialrecon.methods.ensemble.config import EnsembleConfig
from napari_spatialrecon.methods.ensemble.joining import Joined, join
from napari_spatialrecon.methods.ensemble.task import EnsembleTask, Run, unit_length
from napari_spatialrecon.methods.method import Estimate
from napari_spatialrecon.methods.placement.base import Placement, PlacementMethod, PlacementSizes
from napari_spatialrecon.methods.placement.composition import (
    composition_notes,
    imbalance,
    matched_reference,
)
from napari_spatialrecon.methods.placement.config import KnnConfig
from napari_spatialrecon.methods.placement.domain import check_domain
from napari_spatialrecon.methods.placement.held_out import HeldOut, hold_out
from napari_spatialrecon.methods.placement.knn import align_slides, baseline_error
from napari_spatialrecon.methods.placement.posterior import (
    Posterior,
    fitted_directions,
    knn_posterior,
    spatial_directions,
)
from napari_spatialrecon.methods.placement.reference import Reference
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.preprocess import Features, FeatureSpace
from napari_spatialrecon.tissue.slots import OUTSIDE
from napari_spatialrecon.training.checkpoint import load_checkpoint, save_checkpoint
from napari_spatialrecon.training.history import History

#: Seconds of a training step for a slide.
_PER_STEP = 0.012


@dataclass(frozen=True)
class View:
    """Spots as some of the networks see them.

    Parameters
    ----------
    space
        Preprocessing of counts to features.
    features : one (n_spots, d) float32 a slide
    directions : (d, n_directions) float
        Directions of the features that neighbouring spots share.
    """

    space: FeatureSpace
    features: tuple[Features, ...]
    directions: NDArray[np.float64]


class EnsembleMethod(PlacementMethod):
    """Base of methods that join the layouts of several networks.

    Cells have one or two views, each with its own scaling of genes. The first is that of the
    reference; only it is used to place cells by similarity.
    """

    config: EnsembleConfig
    networks: list[nn.Module]
    directions: NDArray[np.float64]
    second: View | None = None
    #: Whether validation also tells when to stop.
    stops_early: ClassVar[bool]

    def estimate(self, sizes: PlacementSizes) -> Estimate:
        """Return what training the networks, and placing, will take."""
        trainings = self.config.members + self.config.validate
        slide_steps = self.config.training.steps * trainings * sizes.slides
        return super().estimate(sizes).plus(slide_steps * (_PER_STEP + self._seconds_more(sizes)))

    def _seconds_more(self, sizes: PlacementSizes) -> float:
        """Return what a training step takes for a slide, beside what it takes with any method."""
        return 0.0

    @abstractmethod
    def _task(
        self,
        number: int,
        references: Sequence[Prepared],
        noise: float,
        run: Run,
        held_out: HeldOut | None,
    ) -> EnsembleTask:
        """Return network `number` with what it learns from: the slides of `self.reference`.

        Parameters
        ----------
        noise
            Standard deviation of the noise on the features.
        held_out
            Given where `references` lack its hidden spots.
        """

    @abstractmethod
    def _empty_network(self, number: int) -> nn.Module:
        """Return an untrained network for a checkpoint's weights."""

    @abstractmethod
    def layouts(
        self, features: Sequence[Features], reporter: Reporter
    ) -> list[NDArray[np.float64]]:
        """Return each network's layout of cells, (n_cells, d) in frame units, in any pose.

        Parameters
        ----------
        features
            Of the cells, in each view.
        """

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
        """Validate on held-out spots, then train the networks on all; see `PlacementMethod.fit`."""
        run = Run(seed, device, reporter or Reporter(), folder, resume)
        self.networks, self.history, self.held_out = [], [], {}
        loop = self.config.training
        held_out = hold_out(references, seed) if self._validates else None
        if held_out is not None:
            history = self._validate(held_out, query, run)
            if self.stops_early:
                loop = loop.with_values({"steps": history.best_step or loop.steps})
        run.reporter.begin("Preparing features")
        features = self._embed(references, query, run, "all")
        for number in range(self.config.members):
            task = self._task(number, references, self._noise(number, features), run, None)
            stage = f"Training network {number + 1} of {self.config.members}"
            self.history.append(run.train(task, loop, stage, f"network{number}", seed + number))
            self.networks.append(task.network.cpu().eval())
        return self

    @property
    def _validates(self) -> bool:
        return self.config.validate

    def _validate(
        self, held_out: HeldOut, query: Prepared | None, run: Run, name: str = "validation"
    ) -> History:
        """Train one network without the held-out spots; `name` is that of its folder."""
        run.reporter.begin("Preparing features")
        features = self._embed(held_out.seen, query, run, name)
        first = None if features is None else features[0]
        baseline = baseline_error(held_out, self.reference, first, KnnConfig())
        task = self._task(0, held_out.seen, self._noise(0, features), run, held_out)
        spots = [
            self._inputs(0, [f]).to(run.device) for f in held_out.features(self.reference.space)
        ]
        task.validate_on(held_out, spots, baseline)
        history = run.train(
            task, self.config.training, "Validating on held-out spots", name, run.seed
        )
        self.history.append(history)
        last = history.held_out[max(history.held_out)]
        own = history.best if self.stops_early else last
        self.held_out = {"method": own["held_out"], "baseline": baseline}
        return history

    def _embed(
        self, references: Sequence[Prepared], query: Prepared | None, run: Run, name: str
    ) -> list[Features] | None:
        """Set the reference, its directions and views; return the query's features in each view.

        Parameters
        ----------
        name
            Of what is fitted: ``"all"``, or a validation, which trains the first network alone.
        """
        # Held-out spots are composed as the others are, so that nothing is matched for them.
        fit = matched_reference if name == "all" else Reference.fit
        preprocess = self.config.preprocess
        reference, features = fit(references, query, preprocess, seed=run.seed)
        self._oriented(reference, features)
        found, self.second = [features], None
        if name == "all" and self.config.scalings == "mixed" and self.config.members > 2:
            other = "spread" if preprocess.scaling == "root" else "root"
            reference, features = fit(
                references, query, replace(preprocess, scaling=other), seed=run.seed
            )
            directions = spatial_directions(reference, features, KnnConfig())
            self.second = View(reference.space, reference.features, directions)
            found.append(features)
        return None if query is None else [f for f in found if f is not None]

    def _oriented(self, reference: Reference, features: Features | None) -> None:
        """Set the reference, its slides turned as expression says, and its spatial directions."""
        self.directions = spatial_directions(reference, features, KnnConfig())
        self.reference, self.notes = align_slides(reference, self.directions, KnnConfig())

    def _view(self, number: int) -> int:
        """Return the view that a network sees: with two, two networks each in turn."""
        return 0 if self.second is None else number // 2 % 2

    def _noise(self, number: int, query_features: Sequence[Features] | None) -> float:
        seen = self._spots(number)
        if query_features is not None:
            seen = [self._seen(number, query_features[self._view(number)])]
        return self.config.noise * float(np.concatenate(seen).std())

    def _spots(self, number: int) -> list[Features]:
        """Return what a network sees of each slide's spots."""
        view = self.second if self._view(number) else None
        features = self.reference.features if view is None else view.features
        return [self._seen(number, f) for f in features]

    def _seen(self, number: int, features: Features) -> Features:
        """Return what a network sees of features: components, or directions that vary in space."""
        kind = self.config.inputs
        if kind == "components" or (kind == "mixed" and number % 2 == 0):
            return features
        view = self.second if self._view(number) else None
        directions = self.directions if view is None else view.directions
        return (features @ directions).astype(np.float32)

    def _inputs(self, number: int, features: Sequence[Features]) -> Tensor:
        seen = self._seen(number, features[self._view(number)])
        return unit_length(torch.from_numpy(seen), self.config.unit_length)

    def _features(self, query: Prepared) -> tuple[list[Features], tuple[str, ...]]:
        """Return new cells in each view, and notes on genes they lack."""
        features, notes = self.reference.space.transform(query)
        if self.second is None:
            return [features], notes
        return [features, self.second.space.transform(query)[0]], notes

    def place(
        self, query: Prepared, *, display: int = 0, reporter: Reporter | None = None
    ) -> Placement:
        """Place cells: the networks' joint layout, laid on the display slide."""
        reporter = reporter or Reporter()
        reporter.begin("Placing cells")
        features, notes = self._features(query)
        posterior = knn_posterior(
            self.reference, features[0], self.directions, KnnConfig(), reporter
        )
        domain = check_domain(self.reference, self.directions, query, posterior)
        joined = self._joined(features, posterior, reporter)
        frame = self.reference.frame
        centre = joined.places.mean(axis=0)
        radius = frame.radius_on(display)
        layout = (joined.places - centre) * radius
        pose = Pose(frame.turns[display].T, frame.restore(centre[None], display)[0])
        uneven = imbalance(self.reference, self.directions, posterior.mass, reporter)
        return Placement(
            coordinates=pose.apply(layout),
            uncertainty=domain.uncertainty(np.sqrt(joined.variance) * radius, radius),
            layout=layout,
            pose=pose,
            diagnostics={
                "member_disagreement": joined.disagreement * radius,
                "layout_stress": joined.stress,
                "similarity_median": float(np.median(posterior.similarity)),
                "regional_imbalance": uneven,
                "resemblance": domain.resemblance,
            },
            notes=(
                *self.notes,
                *notes,
                *composition_notes(uneven, len(posterior.places)),
                *domain.notes,
            ),
            per_cell={OUTSIDE: domain.outside},
        )

    def _joined(
        self, features: Sequence[Features], posterior: Posterior, reporter: Reporter
    ) -> Joined:
        """Return the networks' layouts and the places by similarity as one."""
        layouts, spots = self.layouts(features, reporter), self.reference.all_places
        reporter.begin("Laying out mean distances")
        return join(
            layouts,
            posterior,
            spots,
            baseline_share=self.config.baseline_share,
            spread_share=self.config.spread_share,
            reporter=reporter,
        )

    def impute(
        self,
        query: Prepared,
        landmarks: Landmarks,
        *,
        um_per_unit: float | None = None,
        reporter: Reporter | None = None,
    ) -> Placement:
        """Place all cells given the places of some (dp-VAE eq. 6-7), λ refitted to the landmarks.

        The joint layout stands for the latent: its distances are kept, the landmarks are anchors.
        """
        reporter = reporter or Reporter()
        reporter.begin("Solving for places")
        features, notes = self._features(query)
        posterior = knn_posterior(
            self.reference, features[0], self.directions, KnnConfig(), reporter
        )
        joined = self._joined(features, posterior, reporter)
        frame = self.reference.frame
        trained = (um_per_unit or float(frame.scales[0])) / frame.radius
        scale = fit_scale(joined.places, landmarks, trained=trained)
        solution = PlaceSolver(joined.places, reporter=reporter).solve(
            landmarks, scale=scale, reporter=reporter
        )
        uncertainty = np.sqrt(joined.variance) / scale
        uncertainty[landmarks.indices[landmarks.hard]] = 0.0
        return Placement(
            coordinates=solution.places,
            uncertainty=uncertainty,
            layout=joined.places / scale,
            pose=fit_pose(joined.places / scale, solution.places),
            diagnostics={"stress": solution.stress, "scale": scale},
            notes=(*self.notes, *notes),
        )

    def _restore(self, extra: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        """Take from a checkpoint what this method keeps beyond the others."""

    def save(self, folder: str | Path) -> None:
        """Write the checkpoint folder."""
        tensors: dict[str, Any] = {**self.reference.arrays(), "directions": self.directions}
        if self.second is not None:
            tensors |= {f"second.space.{k}": v for k, v in self.second.space.arrays().items()}
            tensors["second.features"] = np.concatenate(self.second.features)
            tensors["second.directions"] = self.second.directions
        for i, network in enumerate(self.networks):
            tensors |= {f"network{i}.{k}": v for k, v in network.state_dict().items()}
        save_checkpoint(
            folder,
            method=self.name,
            config=self.config.to_dict(),
            tensors=tensors,
            genes=self.reference.space.genes,
            extra=self._described(),
        )

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a checkpoint folder."""
        checkpoint = load_checkpoint(folder, method=cls.name)
        model = cls(cls.config_class.from_dict(checkpoint.config))
        states: list[dict[str, Tensor]] = [{} for _ in range(model.config.members)]
        arrays: dict[str, Any] = {}
        for name, tensor in checkpoint.tensors.items():
            owner, _, rest = name.partition(".")
            if owner.startswith("network"):
                states[int(owner.removeprefix("network"))][rest] = tensor
            else:
                arrays[name] = tensor.numpy()
        model.directions = fitted_directions(arrays.pop("directions"))
        model.reference = Reference.from_arrays(
            checkpoint.genes, checkpoint.extra["slides"], arrays
        )
        model.second = _second(model.reference, arrays)
        model._restore(checkpoint.extra, arrays)
        model.networks, model.history = [], []
        for number, state in enumerate(states):
            network = model._empty_network(number)
            network.load_state_dict(state)
            model.networks.append(network.eval())
        model.held_out = checkpoint.extra["held_out"]
        model.notes = tuple(checkpoint.extra["notes"])
        return model


def _second(reference: Reference, arrays: Mapping[str, NDArray[Any]]) -> View | None:
    """Return the second view that a checkpoint keeps, if there is one."""
    own = {k.removeprefix("second."): v for k, v in arrays.items() if k.startswith("second.")}
    if not own:
        return None
    space = {k.removeprefix("space."): v for k, v in own.items() if k.startswith("space.")}
    return View(
        FeatureSpace.from_arrays(reference.space.genes, space),
        tuple(reference.by_slide(own["features"])),
        fitted_directions(own["directions"]),
    )
