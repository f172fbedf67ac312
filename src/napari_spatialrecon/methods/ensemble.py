"""Placing methods that train several networks and average their layouts.

What they share: features and frame, validation on held-out spots, what each network sees, the mean
layout, its pose and uncertainty, checkpoints. A method adds its networks, its losses and how a
network lays cells out.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import normalize

from napari_spatialrecon.errors import InputError, Stopped
from napari_spatialrecon.geometry.alignment import mean_layout
from napari_spatialrecon.geometry.procrustes import Pose, fit_pose
from napari_spatialrecon.methods.ensemble_config import EnsembleConfig
from napari_spatialrecon.methods.floors.config import KnnConfig
from napari_spatialrecon.methods.floors.knn import (
    Posterior,
    align_slides,
    composition_notes,
    floor_error,
    imbalance,
    knn_posterior,
    spatial_directions,
)
from napari_spatialrecon.methods.held_out import HeldOut, hold_out
from napari_spatialrecon.methods.placement import Placement, PlacementMethod
from napari_spatialrecon.methods.reference import Reference
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.preprocess import Features
from napari_spatialrecon.training.checkpoint import load_checkpoint, save_checkpoint
from napari_spatialrecon.training.config import LoopConfig
from napari_spatialrecon.training.history import History
from napari_spatialrecon.training.loop import train

#: Share of cells whose place by similarity is too far off to help find the pose.
TRIM = 0.1


def unit_length(features: Tensor, on: bool) -> Tensor:
    """Return rows scaled to length √d, or as they are."""
    return normalize(features, dim=-1) * features.shape[-1] ** 0.5 if on else features


class LayOut(Protocol):
    """How a network lays out a set of features: (n, d) to (n, dimensions)."""

    def __call__(self, features: Tensor) -> Tensor:
        """Return the layout."""


class EnsembleTask:
    """What the training loop asks of one network (see `training.loop.Task`).

    Parameters
    ----------
    network
        To be trained.
    lay_out
        How it lays out spots, for the held-out error.
    """

    def __init__(self, network: nn.Module, lay_out: LayOut) -> None:
        self.module = network
        self.network = network
        self.lay_out = lay_out
        self.floor: float | None = None
        self._spots: HeldOut | None = None
        self._spot_features: Sequence[Tensor] = ()

    def validate_on(self, spots: HeldOut, features: Sequence[Tensor], floor: float) -> None:
        """Measure the error on these spots, beside the floor's."""
        self._spots, self._spot_features, self.floor = spots, features, floor

    def loss(
        self, step: int, generator: torch.Generator
    ) -> tuple[Tensor, Mapping[str, Tensor | float]]:
        """Return the loss of a step and its terms."""
        raise AssertionError("each method has its own loss")

    def held_out(self) -> Mapping[str, float] | None:
        """Return the stress of the distances between spots that this network never saw."""
        if self._spots is None:
            return None
        placed = [self.lay_out(f).cpu().double().numpy() for f in self._spot_features]
        return {"held_out": self._spots.stress(placed)}


@dataclass(frozen=True)
class Run:
    """How a fit trains its networks."""

    seed: int
    device: str
    reporter: Reporter
    folder: Path | None
    resume: bool

    def train(
        self, task: EnsembleTask, loop: LoopConfig, stage: str, name: str, seed: int
    ) -> History:
        """Train one network, or go on where it was stopped."""
        folder = None if self.folder is None else self.folder / name
        history = train(
            task,
            loop,
            seed=seed,
            device=self.device,
            reporter=self.reporter,
            folder=folder,
            resume=self.resume and folder is not None and folder.exists(),
            stage=stage,
        )
        if history.stopped:
            raise Stopped(checkpoint="" if self.folder is None else str(self.folder))
        return history


class EnsembleMethod(PlacementMethod):
    """Base of methods that average the layouts of several networks."""

    config: EnsembleConfig
    networks: list[nn.Module]
    directions: NDArray[np.float64]
    #: Whether validation also tells when to stop.
    stops_early: ClassVar[bool]

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
    def layouts(self, features: Features, reporter: Reporter) -> list[NDArray[np.float64]]:
        """Return each network's layout of cells, (n_cells, 2) in frame units, in any pose."""

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
        held_out = hold_out(references, seed) if self.config.validate else None
        if held_out is not None:
            history = self._validate(held_out, query, run)
            if self.stops_early:
                loop = loop.with_values({"steps": history.best_step or loop.steps})
        run.reporter.begin("Preparing features")
        features = self._embed(references, query, seed)
        for number in range(self.config.members):
            task = self._task(number, references, self._noise(number, features), run, None)
            stage = f"Training network {number + 1} of {self.config.members}"
            self.history.append(run.train(task, loop, stage, f"network{number}", seed + number))
            self.networks.append(task.network.cpu().eval())
        return self

    def _validate(self, held_out: HeldOut, query: Prepared | None, run: Run) -> History:
        """Train one network without the held-out spots."""
        run.reporter.begin("Preparing features")
        features = self._embed(held_out.seen, query, run.seed)
        floor = floor_error(held_out, self.reference, features, KnnConfig())
        task = self._task(0, held_out.seen, self._noise(0, features), run, held_out)
        spots = [self._inputs(0, f).to(run.device) for f in held_out.features(self.reference.space)]
        task.validate_on(held_out, spots, floor)
        history = run.train(
            task, self.config.training, "Validating on held-out spots", "validation", run.seed
        )
        self.history.append(history)
        last = history.held_out[max(history.held_out)]
        own = history.best if self.stops_early else last
        self.held_out = {"method": own["held_out"], "floor": floor}
        return history

    def _embed(
        self, references: Sequence[Prepared], query: Prepared | None, seed: int
    ) -> Features | None:
        """Set the reference and its spatial directions; return the query's features."""
        reference, features = Reference.fit(references, query, self.config.preprocess, seed=seed)
        self.directions = spatial_directions(reference, features, KnnConfig())
        self.reference, self.notes = align_slides(reference, self.directions, KnnConfig())
        return features

    def _noise(self, number: int, query_features: Features | None) -> float:
        if query_features is None:
            query_features = self.reference.all_features
        return self.config.noise * float(self._seen(number, query_features).std())

    def _seen(self, number: int, features: Features) -> Features:
        """Return what a network sees of features: components, or directions that vary in space."""
        kind = self.config.inputs
        if kind == "components" or (kind == "mixed" and number % 2 == 0):
            return features
        return (features @ self.directions).astype(np.float32)

    def _inputs(self, number: int, features: Features) -> Tensor:
        return unit_length(torch.from_numpy(self._seen(number, features)), self.config.unit_length)

    def place(
        self, query: Prepared, *, display: int = 0, reporter: Reporter | None = None
    ) -> Placement:
        """Place cells: the networks' mean layout, laid on the display slide."""
        reporter = reporter or Reporter()
        reporter.begin("Placing cells")
        features, notes = self.reference.space.transform(query)
        posterior = knn_posterior(self.reference, features, self.directions, KnnConfig(), reporter)
        mean, spread = self._mean_layout(features, posterior, reporter)
        frame = self.reference.frame
        centre = mean.mean(axis=0)
        uneven = imbalance(self.reference, posterior)
        radius = frame.radius_on(display)
        layout = (mean - centre) * radius
        pose = Pose(frame.turns[display].T, frame.restore(centre[None], display)[0])
        return Placement(
            coordinates=pose.apply(layout),
            uncertainty=np.sqrt(posterior.variance + spread) * radius,
            layout=layout,
            pose=pose,
            diagnostics={
                "member_disagreement": float(np.sqrt(spread.mean())) * radius,
                "similarity_median": float(np.median(posterior.similarity)),
                "regional_imbalance": uneven,
            },
            notes=(*self.notes, *notes, *composition_notes(uneven, len(features))),
        )

    def _mean_layout(
        self, features: Features, posterior: Posterior, reporter: Reporter
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the mean layout (n, 2) in the frame, and its squared spread (n,).

        Layouts are laid over one another first, and their mean then over the places by similarity
        of expression: the networks agree with each other better than with any place.
        """
        mean, spread = mean_layout(self.layouts(features, reporter))
        weights = 1 / (posterior.variance + np.median(posterior.variance) + 1e-9)
        posed = _lay_over(mean, posterior.places, weights).apply(mean)
        share = self.config.floor_share
        joined = (1 - share) * posed + share * posterior.places
        apart = ((posed - posterior.places) ** 2).sum(axis=1)
        return joined, (1 - share) * spread + share * (1 - share) * apart

    def save(self, folder: str | Path) -> None:
        """Write the checkpoint folder."""
        tensors: dict[str, Any] = {**self.reference.arrays(), "directions": self.directions}
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
        model.directions = arrays.pop("directions")
        model.reference = Reference.from_arrays(
            checkpoint.genes, checkpoint.extra["slides"], arrays
        )
        model.networks, model.history = [], []
        for number, state in enumerate(states):
            network = model._empty_network(number)
            network.load_state_dict(state)
            model.networks.append(network.eval())
        model.held_out = checkpoint.extra["held_out"]
        model.notes = tuple(checkpoint.extra["notes"])
        return model


def _lay_over(
    layout: NDArray[np.float64], places: NDArray[np.float64], weights: NDArray[np.float64]
) -> Pose:
    """Return the rotation or reflection and shift of a layout onto `places`.

    Where there is nothing to turn (fewer than 3 cells, or all in one place) it is a shift alone.
    """
    try:
        return fit_pose(layout, places, weights=weights, scaling=False, trim=TRIM)
    except InputError:
        return Pose(np.eye(2), np.average(places - layout, axis=0, weights=weights))
