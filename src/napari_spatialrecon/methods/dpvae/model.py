"""dp-VAE, the user's class: fit on slides, place cells, or impute places from landmarks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from napari_spatialrecon.errors import Stopped
from napari_spatialrecon.geometry.distance_geometry import PlaceSolver
from napari_spatialrecon.geometry.landmarks import Landmarks, fit_scale
from napari_spatialrecon.geometry.procrustes import Pose, fit_pose
from napari_spatialrecon.methods.consensus import TRIM, lay_over, mean_layout
from napari_spatialrecon.methods.dpvae.config import DPVAEConfig
from napari_spatialrecon.methods.dpvae.member import (
    MemberTask,
    Slide,
    check_masks,
    make_mask,
    unit_length,
)
from napari_spatialrecon.methods.dpvae.network import Network, build
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

#: The user's pairs of each slide (M of eq. 5), or None for those of the config.
Masks = Sequence["sparse.csr_matrix | None"] | None


@dataclass(frozen=True)
class _Run:
    """How this fit trains its networks."""

    seed: int
    device: str
    reporter: Reporter
    folder: Path | None
    resume: bool

    def train(
        self, task: MemberTask, loop: LoopConfig, stage: str, name: str, seed: int
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


class DPVAE(PlacementMethod):
    """Distance-preserving variational autoencoder.

    Parameters
    ----------
    config
        Hyper-parameters; the quick preset if None.
    """

    name = "dpvae"
    config_class = DPVAEConfig
    config: DPVAEConfig

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
        start_from: DPVAE | None = None,
        masks: Masks = None,
    ) -> Self:
        """Train the ensemble (eq. 4); see `PlacementMethod.fit`.

        Parameters
        ----------
        start_from
            Fine-tune this fitted model instead of starting afresh, for instance on a few located
            cells of the target tissue (section 5.4 of the paper). Its genes and its networks are
            kept, with what they need of its config.
        masks
            The user's pairs of each slide (M of eq. 5, (n_spots, n_spots) bool, symmetric), in the
            rows of the prepared slide; they replace those of the config.
        """
        reporter = reporter or Reporter()
        if start_from is not None:
            self.config = self.config.with_networks_of(start_from.config)
        if masks is not None:
            check_masks(masks, references)
        self.networks, self.history, self.held_out = [], [], {}
        loop, run = self.config.training, _Run(seed, device, reporter, folder, resume)
        held_out = hold_out(references, seed) if self.config.validate else None
        if held_out is not None:
            history = self._validate(held_out, query, start_from, masks, run)
            self.held_out["method"] = history.best["held_out"]
            loop = loop.with_values({"steps": history.best_step or loop.steps})
        reporter.begin("Preparing features")
        features = self._embed(references, query, start_from, seed)
        for number in range(self.config.members):
            task = self._task(number, references, features, start_from, masks, run)
            stage = f"Training network {number + 1} of {self.config.members}"
            self.history.append(run.train(task, loop, stage, f"network{number}", seed + number))
            self.networks.append(task.network.cpu())
        return self

    def _validate(
        self,
        held_out: HeldOut,
        query: Prepared | None,
        start_from: DPVAE | None,
        masks: Masks,
        run: _Run,
    ) -> History:
        """Train one network without the held-out spots; its best step is when to stop."""
        run.reporter.begin("Preparing features")
        features = self._embed(held_out.seen, query, start_from, run.seed)
        self.held_out["floor"] = floor_error(held_out, self.reference, features, KnnConfig())
        if masks is not None:
            masks = [
                None if m is None else m[~hidden][:, ~hidden]
                for m, hidden in zip(masks, held_out.masks, strict=True)
            ]
        task = self._task(0, held_out.seen, features, start_from, masks, run)
        task.spots, task.floor = held_out, self.held_out["floor"]
        task.spot_features = [
            self._inputs(0, f).to(run.device) for f in held_out.features(self.reference.space)
        ]
        history = run.train(
            task, self.config.training, "Validating on held-out spots", "validation", run.seed
        )
        self.history.append(history)
        return history

    def _embed(
        self,
        references: Sequence[Prepared],
        query: Prepared | None,
        start_from: DPVAE | None,
        seed: int,
    ) -> Features | None:
        """Set the reference and its spatial directions; return the query's features."""
        if start_from is None:
            self.reference, features = Reference.fit(
                references, query, self.config.preprocess, seed=seed
            )
            self.directions = spatial_directions(self.reference, features, KnnConfig())
        else:
            self.reference = Reference.embed(references, start_from.reference.space)
            self.directions = start_from.directions
            features = None if query is None else self.reference.space.transform(query)[0]
        self.reference, self.notes = align_slides(self.reference, self.directions, KnnConfig())
        return features

    def _projected(self, number: int, features: Features) -> Features:
        """Return what a network sees of features: components, or directions that vary in space."""
        kind = self.config.inputs
        if kind == "components" or (kind == "mixed" and number % 2 == 0):
            return features
        return (features @ self.directions).astype(np.float32)

    def _inputs(self, number: int, features: Features) -> torch.Tensor:
        projected = torch.from_numpy(self._projected(number, features))
        return unit_length(projected, self.config.unit_length)

    def _task(
        self,
        number: int,
        references: Sequence[Prepared],
        query_features: Features | None,
        start_from: DPVAE | None,
        masks: Masks,
        run: _Run,
    ) -> MemberTask:
        """Return a network, new or to be fine-tuned, with what it learns from."""
        if query_features is None:
            query_features = self.reference.all_features
        noise = self.config.noise * float(self._projected(number, query_features).std())
        slides = [
            self._slide(number, i, prepared, None if masks is None else masks[i], run)
            for i, prepared in enumerate(references)
        ]
        first = slides[0]
        n_outputs = (first.features if first.counts is None else first.counts).shape[1]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(run.seed + number)
            network = build(first.features.shape[1], n_outputs, len(slides), self.config.network)
        if start_from is not None:
            known = dict(start_from.networks[number % len(start_from.networks)].state_dict())
            known["log_scale"] = known["log_scale"].mean().expand(len(slides)).clone()
            network.load_state_dict(known)
        return MemberTask(network.to(run.device), slides, noise, self.config)

    def _slide(
        self,
        number: int,
        i: int,
        prepared: Prepared,
        mask: sparse.csr_matrix | None,
        run: _Run,
    ) -> Slide:
        places = self.reference.places[i]
        if mask is None:
            mask = make_mask(self.config.mask, self.reference.features[i], places, run.seed)
        counts = None
        if self.config.network.likelihood == "nb":
            space = self.reference.space
            raw = space.counts(prepared)[0][:, space.used]
            counts = torch.from_numpy(raw.toarray()).to(run.device)
        return Slide(
            torch.from_numpy(self._projected(number, self.reference.features[i])).to(run.device),
            torch.from_numpy(places.astype(np.float32)).to(run.device),
            counts,
            mask,
            local=self.config.mask.kind == "spatial",
        )

    def latents(self, features: Features) -> list[NDArray[np.float64]]:
        """Return each network's latent means over its λ: (n_cells, latent), in frame units."""
        result = []
        with torch.no_grad():
            for number, network in enumerate(self.networks):
                network.eval()
                scale = float(network.log_scale.exp().mean())
                mean, _ = network.encode(self._inputs(number, features))
                result.append(mean.double().numpy() / scale)
        return result

    def place(
        self, query: Prepared, *, display: int = 0, reporter: Reporter | None = None
    ) -> Placement:
        """Place cells: latents of all networks, one layout (eq. 6), laid on the display slide."""
        reporter = reporter or Reporter()
        reporter.begin("Placing cells")
        features, notes = self.reference.space.transform(query)
        posterior = knn_posterior(self.reference, features, self.directions, KnnConfig(), reporter)
        mean, spread = self._layout(features, posterior, reporter)
        frame = self.reference.frame
        centre = mean.mean(axis=0)
        uneven = imbalance(self.reference, posterior)
        layout = (mean - centre) * frame.radius_on(display)
        pose = Pose(frame.turns[display].T, frame.restore(centre[None], display)[0])
        return Placement(
            coordinates=pose.apply(layout),
            uncertainty=np.sqrt(posterior.variance + spread) * frame.radius_on(display),
            layout=layout,
            pose=pose,
            diagnostics={
                "member_disagreement": float(np.sqrt(spread.mean())) * frame.radius_on(display),
                "similarity_median": float(np.median(posterior.similarity)),
                "regional_imbalance": uneven,
            },
            notes=(*self.notes, *notes, *composition_notes(uneven, len(features))),
        )

    def impute(
        self,
        query: Prepared,
        landmarks: Landmarks,
        *,
        um_per_unit: float | None = None,
        reporter: Reporter | None = None,
    ) -> Placement:
        """Place all cells given the places of some (eq. 6-7), λ refitted to the landmarks.

        Parameters
        ----------
        landmarks
            Rows of the prepared query, and places (x, y) in the frame and unit of the result.
        um_per_unit
            Size of that unit; None takes it for that of the first reference slide.
        """
        reporter = reporter or Reporter()
        reporter.begin("Solving for places")
        features, notes = self.reference.space.transform(query)
        posterior = knn_posterior(self.reference, features, self.directions, KnnConfig(), reporter)
        latent, spread = self._layout(features, posterior, reporter)
        frame = self.reference.frame
        trained = (um_per_unit or float(frame.scales[0])) / frame.radius
        scale = fit_scale(latent, landmarks, trained=trained)
        solution = PlaceSolver(latent, reporter=reporter).solve(
            landmarks, scale=scale, reporter=reporter
        )
        pose = fit_pose(latent / scale, solution.places)
        uncertainty = np.sqrt(posterior.variance + spread) / scale
        uncertainty[landmarks.indices[landmarks.hard]] = 0.0
        return Placement(
            coordinates=solution.places,
            uncertainty=uncertainty,
            layout=latent / scale,
            pose=pose,
            diagnostics={"stress": solution.stress, "scale": scale},
            notes=(*self.notes, *notes),
        )

    def _layout(
        self, features: Features, posterior: Posterior, reporter: Reporter
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the networks' mean layout (n, 2) in the frame, and its squared spread (n,).

        Layouts are laid over one another first, and their mean then over the places by similarity
        of expression: the networks agree with each other better than with any place.
        """
        layouts = []
        for latent in self.latents(features):
            reporter.check()
            layouts.append(latent if latent.shape[1] == 2 else PlaceSolver(latent).solve().places)
        mean, spread = mean_layout(layouts)
        weights = 1 / (posterior.variance + np.median(posterior.variance) + 1e-9)
        pose = lay_over(mean, posterior.places, weights=weights, trim=TRIM)
        return pose.apply(mean), spread

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
        model = cls(DPVAEConfig.from_dict(checkpoint.config))
        states: list[dict[str, torch.Tensor]] = [{} for _ in range(model.config.members)]
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
        counts = model.config.network.likelihood == "nb"
        model.networks, model.history = [], []
        for number, state in enumerate(states):
            n_features = model._projected(number, model.reference.features[0]).shape[1]
            network = build(
                n_features,
                len(model.reference.space.used) if counts else n_features,
                len(model.reference.places),
                model.config.network,
            )
            network.load_state_dict(state)
            model.networks.append(network.eval())
        model.held_out = checkpoint.extra["held_out"]
        model.notes = tuple(checkpoint.extra["notes"])
        return model

    networks: list[Network]
    directions: NDArray[np.float64]
