"""Public class of dp-VAE: fit on slides, place cells, or impute places from landmarks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from napari_spatialrecon.geometry.solver.landmarks import Landmarks, fit_scale
from napari_spatialrecon.geometry.solver.left_out import left_out_errors
from napari_spatialrecon.geometry.solver.place_solver import PlaceSolver
from napari_spatialrecon.methods.dpvae.config import DPVAEConfig
from napari_spatialrecon.methods.dpvae.fitting import DPVAEFit, Masks, empty_network
from napari_spatialrecon.methods.dpvae.member import check_masks, pieces_of
from napari_spatialrecon.methods.dpvae.network import Network
from napari_spatialrecon.methods.ensemble.base import EnsembleMethod, Ground, Layouts
from napari_spatialrecon.methods.ensemble.views import Embedded
from napari_spatialrecon.methods.placement.base import PlacementSizes
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.preprocess import Features

#: Most landmarks that are left out in turn to choose between planar layout and latents.
_MOST = 50
#: Seconds per pair of spots in a training step.
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

    def _seconds_more(self, sizes: PlacementSizes) -> float:
        spots = min(self.config.spots_per_step, sizes.spots / max(sizes.slides, 1))
        return _PER_PAIR * spots**2 / 2

    def fit(
        self,
        references: Sequence[Prepared],
        query: Prepared | None = None,
        run: Run | None = None,
        *,
        start_from: DPVAE | None = None,
        masks: Masks = None,
    ) -> Self:
        """Train the ensemble (eq. 4); see `PlacementMethod.fit`.

        Parameters
        ----------
        start_from
            Fine-tune this fitted model instead of starting from scratch, e.g. on a few located
            cells of the target tissue (section 5.4 of the paper). Its genes, its networks and
            the settings that determine them are kept.
        masks
            User-defined pairs of each slide (M of eq. 5, (n_spots, n_spots) bool, symmetric), in
            the order of the prepared slide's rows; they replace those of the config.
        """
        if start_from is not None:
            self.config = self.config.with_networks_of(start_from.config)
        if masks is not None:
            check_masks(masks, references)
        base = None if start_from is None else start_from.fitted
        fit = DPVAEFit(self.config, references, query, run or Run(), base, masks)
        fitted = fit.fitted()
        self.fitted = replace(fitted, notes=(*fitted.notes, *torn_notes(self.config, references)))
        return self

    def _empty_network(self, number: int, embedded: Embedded) -> Network:
        return empty_network(self.config, number, embedded)

    def latents(self, features: Sequence[Features]) -> list[NDArray[np.float64]]:
        """Return each network's latent means divided by λ: (n_cells, latent), in frame units."""
        return [
            _latent(network.eval(), self._inputs(number, features))
            for number, network in enumerate(self.networks)
        ]

    def _ground(
        self,
        features: Sequence[Features],
        places: NDArray[np.float64],
        landmarks: Landmarks,
        trained: float,
    ) -> Ground:
        """Return the planar layout, or the latents of all networks if they do better.

        Side by side and divided by the root of their number, the squared distances of the latents
        are the mean over the networks, whatever their poses.
        """
        choice = self.config.landmarks
        if self.config.network.latent == 2 or choice == "plane":
            return Ground(places)
        latents = self.latents(features)
        latent = np.concatenate(latents, axis=1) / np.sqrt(len(latents))
        found = {"plane": places, "latent": latent}
        scales = {name: fit_scale(x, landmarks, trained=trained) for name, x in found.items()}
        errors = {
            name: float(np.median([*islice(left_out_errors(x / scales[name], landmarks), _MOST)]))
            for name, x in found.items()
            if choice == "auto"
        }
        latent_is_better = choice == "latent" or errors["latent"] < errors["plane"]
        best = "latent" if latent_is_better else "plane"
        known = {f"left_out_{name}": e for name, e in errors.items() if np.isfinite(e)}
        said = f"Distances of the latents in {latent.shape[1]} dimensions were kept."
        notes = (said,) if best == "latent" else ()
        return Ground(found[best], scales[best], known, notes)

    def layouts(self, features: Sequence[Features], reporter: Reporter) -> Layouts:
        """Return each network's layout: its 2-D latent, or the solution of eq. 6 otherwise."""
        places = []
        for latent in self.latents(features):
            reporter.check()
            places.append(latent if latent.shape[1] == 2 else PlaceSolver(latent).solve().places)
        return Layouts(tuple(places))


def torn_notes(config: DPVAEConfig, references: Sequence[Prepared]) -> tuple[str, ...]:
    """Return which slides are in pieces, between which distances do not count."""
    notes = []
    for slide in references:
        codes = pieces_of(config.mask, slide.adata.obs)
        if codes is not None:
            moved = int((codes != np.bincount(codes).argmax()).sum())
            notes.append(
                f"{slide.name}: {moved:,} of {len(codes):,} spots lie in other pieces by the "
                f"column {config.mask.column}; their distances to the rest are not learned."
            )
    return tuple(notes)


@torch.no_grad()
def _latent(network: nn.Module, inputs: torch.Tensor) -> NDArray[np.float64]:
    assert isinstance(network, Network)
    scale = float(network.log_scale.exp().mean())
    latent: NDArray[np.float64] = network.encode(inputs)[0].cpu().double().numpy() / scale
    return latent
