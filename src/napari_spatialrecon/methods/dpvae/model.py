"""dp-VAE, the user's class: fit on slides, place cells, or impute places from landmarks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import nn

from napari_spatialrecon.geometry.solver.place_solver import PlaceSolver
from napari_spatialrecon.methods.dpvae.config import DPVAEConfig, NetworkConfig
from napari_spatialrecon.methods.dpvae.member import MemberTask, Slide, check_masks, make_mask
from napari_spatialrecon.methods.dpvae.network import Network
from napari_spatialrecon.methods.ensemble.base import EnsembleMethod
from napari_spatialrecon.methods.ensemble.task import Run
from napari_spatialrecon.methods.placement.base import PlacementSizes
from napari_spatialrecon.methods.placement.config import KnnConfig
from napari_spatialrecon.methods.placement.held_out import HeldOut
from napari_spatialrecon.methods.placement.knn import align_slides
from napari_spatialrecon.methods.placement.reference import Reference
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.preprocess import Features

#: The user's pairs of each slide (M of eq. 5), or None for those of the config.
Masks = Sequence["sparse.csr_matrix | None"] | None
#: Seconds for a pair of spots in a training step.
_PER_PAIR = 5e-8


class DPVAE(EnsembleMethod):
    """Distance-preserving variational autoencoder.

    Parameters
    ----------
    config
        Hyper-parameters; the quick preset if None.
    """

    name = "dpvae"
    config_class = DPVAEConfig
    config: DPVAEConfig
    stops_early = True
    _base: DPVAE | None = None
    _masks: Masks = None

    def _seconds_more(self, sizes: PlacementSizes) -> float:
        spots = min(self.config.spots_per_step, sizes.spots / max(sizes.slides, 1))
        return _PER_PAIR * spots**2 / 2

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
        if start_from is not None:
            self.config = self.config.with_networks_of(start_from.config)
        if masks is not None:
            check_masks(masks, references)
        self._base, self._masks = start_from, masks
        return super().fit(
            references,
            query,
            seed=seed,
            device=device,
            reporter=reporter,
            folder=folder,
            resume=resume,
        )

    def _embed(
        self, references: Sequence[Prepared], query: Prepared | None, run: Run, name: str
    ) -> list[Features] | None:
        """Set the reference, in the features of the model that is fine-tuned if there is one."""
        if self._base is None:
            return super()._embed(references, query, run, name)
        reference = Reference.embed(references, self._base.reference.space)
        self.directions, self.second = self._base.directions, self._base.second
        self.reference, self.notes = align_slides(reference, self.directions, KnnConfig())
        if self.second is not None:
            features = [self.second.space.transform(slide)[0] for slide in references]
            self.second = replace(self.second, features=tuple(features))
        return None if query is None else self._features(query)[0]

    def _task(
        self,
        number: int,
        references: Sequence[Prepared],
        noise: float,
        run: Run,
        held_out: HeldOut | None,
    ) -> MemberTask:
        """Return a network, new or to be fine-tuned, with what it learns from."""
        slides = [
            self._slide(number, i, prepared, self._mask(i, held_out, run.seed), run.device)
            for i, prepared in enumerate(references)
        ]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(run.seed + number)
            network = self._empty_network(number)
        if self._base is not None:
            known = dict(self._base.networks[number % len(self._base.networks)].state_dict())
            known["log_scale"] = known["log_scale"].mean().expand(len(slides)).clone()
            network.load_state_dict(known)
        return MemberTask(network.to(run.device), slides, noise, self.config)

    def _mask(self, i: int, held_out: HeldOut | None, seed: int) -> sparse.csr_matrix | None:
        """Return the pairs of slide `i` that count, without the spots that are held out."""
        mask = None if self._masks is None else self._masks[i]
        if mask is None:
            features, places = self.reference.features[i], self.reference.places[i]
            return make_mask(self.config.mask, features, places, seed)
        if held_out is None:
            return mask
        seen = ~held_out.masks[i]
        return mask[seen][:, seen]

    def _slide(
        self,
        number: int,
        i: int,
        prepared: Prepared,
        mask: sparse.csr_matrix | None,
        device: str,
    ) -> Slide:
        counts = None
        if self.config.network.likelihood == "nb":
            space = self.reference.space
            raw = space.counts(prepared)[0][:, space.used]
            counts = torch.from_numpy(raw.toarray()).to(device)
        return Slide(
            torch.from_numpy(self._spots(number)[i]).to(device),
            torch.from_numpy(self.reference.places[i].astype(np.float32)).to(device),
            counts,
            mask,
            local=self.config.mask.kind == "spatial",
        )

    def _empty_network(self, number: int) -> Network:
        n_features = self._spots(number)[0].shape[1]
        counts = self.config.network.likelihood == "nb"
        n_outputs = len(self.reference.space.used) if counts else n_features
        return build(n_features, n_outputs, len(self.reference.places), self.config.network)

    def latents(self, features: Sequence[Features]) -> list[NDArray[np.float64]]:
        """Return each network's latent means over its λ: (n_cells, latent), in frame units."""
        return [
            _latent(network.eval(), self._inputs(number, features))
            for number, network in enumerate(self.networks)
        ]

    def layouts(
        self, features: Sequence[Features], reporter: Reporter
    ) -> list[NDArray[np.float64]]:
        """Return each network's layout: its latent, or what eq. 6 makes of more dimensions."""
        layouts = []
        for latent in self.latents(features):
            reporter.check()
            layouts.append(latent if latent.shape[1] == 2 else PlaceSolver(latent).solve().places)
        return layouts


@torch.no_grad()
def _latent(network: nn.Module, inputs: torch.Tensor) -> NDArray[np.float64]:
    assert isinstance(network, Network)
    scale = float(network.log_scale.exp().mean())
    latent: NDArray[np.float64] = network.encode(inputs)[0].double().numpy() / scale
    return latent


def build(n_features: int, n_outputs: int, n_slides: int, config: NetworkConfig) -> Network:
    """Return the network that a config asks for."""
    if config.backbone == "mlp":
        return Network(n_features, n_outputs, n_slides, config)
    from napari_spatialrecon.methods.dpvae.scvi_backbone import ScviNetwork

    return ScviNetwork(n_features, n_outputs, n_slides, config)
