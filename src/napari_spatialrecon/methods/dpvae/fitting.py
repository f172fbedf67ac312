"""Fitting dp-VAE, from scratch or from a model fitted to other slides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy import sparse

from napari_spatialrecon.methods.dpvae.config import DPVAEConfig, NetworkConfig
from napari_spatialrecon.methods.dpvae.member import MemberTask, Slide, make_mask, pieces_of
from napari_spatialrecon.methods.dpvae.network import Network, for_slides
from napari_spatialrecon.methods.ensemble.fitting import EnsembleFit, FittedEnsemble
from napari_spatialrecon.methods.ensemble.views import Embedded
from napari_spatialrecon.methods.placement.config import KnnConfig
from napari_spatialrecon.methods.placement.held_out import HeldOut
from napari_spatialrecon.methods.placement.knn import align_slides
from napari_spatialrecon.methods.placement.reference import Reference
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.preprocess import Features

#: User-defined pairs of each slide (M of eq. 5), or None for those of the config.
Masks = Sequence["sparse.csr_matrix | None"] | None


@dataclass(frozen=True, eq=False)
class DPVAEFit(EnsembleFit):
    """One fit of dp-VAE.

    Parameters
    ----------
    base
        The fitted model to fine-tune, if any.
    masks
        User-defined pairs of each slide.
    """

    config: DPVAEConfig
    base: FittedEnsemble | None = None
    masks: Masks = None

    stops_early = True

    @property
    def own_features(self) -> bool:
        """Whether there is no model to fine-tune, whose features are used."""
        return self.base is None

    def embedded(
        self, references: Sequence[Prepared], *, whole: bool = False, part: str = "all"
    ) -> tuple[Embedded, list[Features] | None]:
        """Return slides, in the features of the model to fine-tune if there is one."""
        if self.base is None:
            return super().embedded(references, whole=whole, part=part)
        known = self.base.embedded
        reference = Reference.embed(references, known.reference.space)
        reference, notes = align_slides(reference, known.directions, KnnConfig())
        further = [
            replace(view, features=tuple(view.space.transform(slide)[0] for slide in references))
            for view in known.views[1:]
        ]
        embedded = Embedded.of(reference, known.directions, *further, notes=notes)
        return embedded, None if self.query is None else embedded.cells(self.query)[0]

    def task(
        self,
        number: int,
        embedded: Embedded,
        references: Sequence[Prepared],
        noise: float,
        held_out: HeldOut | None,
    ) -> MemberTask:
        """Return a network, new or to be fine-tuned, with its training data."""
        config, run = self.config, self.run
        spots = embedded.spots(config.sight(number, len(embedded.views)))
        slides = [
            self._slide(i, embedded, spots[i], prepared, self._mask(i, embedded, held_out))
            for i, prepared in enumerate(references)
        ]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(run.seed + number)
            network = empty_network(config, number, embedded)
        if self.base is not None:
            known = dict(self.base.networks[number % len(self.base.networks)].state_dict())
            network.load_state_dict(for_slides(known, network))
        return MemberTask(network.to(run.device), slides, noise, config)

    def _mask(
        self, i: int, embedded: Embedded, held_out: HeldOut | None
    ) -> sparse.csr_matrix | None:
        """Return the pairs of slide `i` that count, without held-out spots."""
        mask = None if self.masks is None else self.masks[i]
        if mask is None:
            reference = embedded.reference
            features, places = reference.features[i], reference.places[i]
            return make_mask(self.config.mask, features, places, self.run.seed)
        if held_out is None:
            return mask
        seen = ~held_out.masks[i]
        return mask[seen][:, seen]

    def _slide(
        self,
        i: int,
        embedded: Embedded,
        spots: Features,
        prepared: Prepared,
        mask: sparse.csr_matrix | None,
    ) -> Slide:
        counts, device = None, self.run.device
        if self.config.network.likelihood == "nb":
            space = embedded.reference.space
            raw = space.counts(prepared)[0][:, space.used]
            counts = torch.from_numpy(raw.toarray()).to(device)
        config = self.config.mask
        pieces = pieces_of(config, prepared.adata.obs)
        return Slide(
            torch.from_numpy(spots).to(device),
            torch.from_numpy(embedded.reference.places[i].astype(np.float32)).to(device),
            counts,
            mask,
            local=config.draws == "near" or (config.draws == "auto" and config.kind == "spatial"),
            pieces=None if pieces is None else torch.from_numpy(pieces).to(device),
        )


def empty_network(config: DPVAEConfig, number: int, embedded: Embedded) -> Network:
    """Return an untrained network of the right input and output width for `embedded`."""
    sight = config.sight(number, len(embedded.views))
    n_features = embedded.spots(sight)[0].shape[1]
    counts = config.network.likelihood == "nb"
    n_outputs = len(embedded.reference.space.used) if counts else n_features
    return build(n_features, n_outputs, len(embedded.reference.places), config.network)


def build(n_features: int, n_outputs: int, n_slides: int, config: NetworkConfig) -> Network:
    """Return an untrained network as specified by a config."""
    if config.backbone == "mlp":
        return Network(n_features, n_outputs, n_slides, config)
    from napari_spatialrecon.methods.dpvae.scvi_backbone import ScviNetwork

    return ScviNetwork(n_features, n_outputs, n_slides, config)
