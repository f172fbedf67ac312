"""One network of the ensemble: its data, its loss, its held-out error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy import sparse
from sklearn.cluster import MiniBatchKMeans
from torch import Tensor

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.neighbours import nearest
from napari_spatialrecon.methods.dpvae import losses
from napari_spatialrecon.methods.dpvae.config import DPVAEConfig, MaskConfig
from napari_spatialrecon.methods.dpvae.network import Network
from napari_spatialrecon.methods.ensemble.task import EnsembleTask, unit_length
from napari_spatialrecon.tissue.contract import Prepared


@dataclass(frozen=True)
class Slide:
    """A reference slide as tensors.

    Parameters
    ----------
    features : (n_spots, d)
    places : (n_spots, 2)
        In the reference's frame.
    counts : (n_spots, n_genes) or None
        Needed only for the negative binomial likelihood.
    mask
        Pairs that count (eq. 5), as a sparse symmetric matrix, or None for all.
    local
        Draw neighbouring spots together, so that a step contains pairs of the mask.
    pieces : (n_spots,) int or None
        Pieces of a torn slide: only pairs of one piece count.
    """

    features: Tensor
    places: Tensor
    counts: Tensor | None = None
    mask: sparse.csr_matrix | None = None
    local: bool = False
    pieces: Tensor | None = None


def make_mask(
    config: MaskConfig, features: NDArray[np.float32], places: NDArray[np.float64], seed: int
) -> sparse.csr_matrix | None:
    """Return the pairs of a slide that count: spatial kNN or same expression cluster; None for all.

    Returns
    -------
    (n_spots, n_spots) bool, symmetric
    """
    n = len(places)
    if config.kind == "none":
        return None
    if config.kind == "spatial":
        indices, _ = nearest(places, min(config.neighbours, n - 1))
        rows = np.repeat(np.arange(n), indices.shape[1])
        graph = sparse.csr_matrix((np.ones(rows.size, bool), (rows, indices.ravel())), (n, n))
        return graph.maximum(graph.T).tocsr()
    clusters = MiniBatchKMeans(min(config.clusters, n), random_state=seed, n_init=3)
    member = sparse.csr_matrix((np.ones(n, bool), (np.arange(n), clusters.fit_predict(features))))
    return (member @ member.T).astype(bool).tocsr()


def pieces_of(config: MaskConfig, obs: pd.DataFrame) -> NDArray[np.int64] | None:
    """Return the piece of each spot of a slide, (n_spots,), where a column tells; else None.

    Spots without a value belong to the largest piece. Where pairs within the other pieces do not
    count, each of their spots is a piece of its own.
    """
    if config.column not in obs:
        return None
    values = obs[config.column]
    codes = np.array(pd.Categorical(values.astype(object)).codes, np.int64)
    if not (codes >= 0).any():
        return None
    largest = int(np.bincount(codes[codes >= 0]).argmax())
    codes[codes < 0] = largest
    if not config.within:
        others = codes != largest
        codes[others] = codes.max() + 1 + np.arange(others.sum())
    return codes if len(np.unique(codes)) > 1 else None


def check_masks(masks: Sequence[sparse.csr_matrix | None], references: Sequence[Prepared]) -> None:
    """Raise `InputError` unless there is a mask, or None, of the right size for each slide."""
    if len(masks) != len(references):
        raise InputError(
            f"Expected a mask for each of {len(references)} slides, found {len(masks)}.",
            remedy="Try None for a slide whose pairs all count.",
        )
    for mask, prepared in zip(masks, references, strict=True):
        n = prepared.adata.n_obs
        if mask is not None and mask.shape != (n, n):
            raise InputError(
                f"Expected a mask of {n} x {n} spots, found {mask.shape}.", where=prepared.name
            )


class MemberTask(EnsembleTask):
    """One network of dp-VAE.

    Parameters
    ----------
    slides
        Training data.
    noise
        Standard deviation of the noise on the features.
    """

    def __init__(
        self, network: Network, slides: Sequence[Slide], noise: float, config: DPVAEConfig
    ) -> None:
        super().__init__(network, lambda features: network.encode(features)[0])
        self.vae = network
        self.slides = slides
        self.noise = noise
        self.config = config

    def loss(
        self, step: int, generator: torch.Generator
    ) -> tuple[Tensor, Mapping[str, Tensor | float]]:
        """Return the objective (eq. 4) for a sample of spots from every slide, and its terms."""
        terms = [self._slide_terms(i, generator) for i in range(len(self.slides))]
        names = ("distance", "reconstruction", "kl")
        mean = {n: torch.stack([t[n] for t in terms]).mean() for n in names}
        config = self.config
        total = (
            config.alpha * mean["distance"]
            + config.reconstruction * mean["reconstruction"]
            + config.beta * mean["kl"]
        )
        return total, mean

    def _slide_terms(self, i: int, generator: torch.Generator) -> dict[str, Tensor]:
        slide, config = self.slides[i], self.config
        rows = self._draw(i, generator)
        features, places = slide.features[rows], slide.places[rows]
        noise = torch.randn(features.shape, generator=generator, device=features.device)
        passed = self.module(
            unit_length(features + self.noise * noise, config.unit_length), generator, i
        )
        mask = None
        if slide.mask is not None:
            chosen = rows.cpu().numpy()
            mask = torch.from_numpy(slide.mask[chosen][:, chosen].toarray()).to(features.device)
        if slide.pieces is not None:
            own = slide.pieces[rows]
            joined = own[:, None] == own
            mask = joined if mask is None else mask & joined
        if slide.counts is not None:
            reconstruction = losses.negative_binomial_reconstruction(
                passed.decoded, slide.counts[rows], self.vae.log_dispersion
            )
        else:
            reconstruction = losses.gaussian_reconstruction(
                passed.decoded, unit_length(features, config.unit_length)
            )
        return {
            "distance": losses.distance_preserving(
                passed.sample, places, self.vae.log_scale[i], mask
            ),
            "reconstruction": reconstruction,
            "kl": losses.kl_divergence(passed.mean, passed.log_variance),
        }

    def _draw(self, i: int, generator: torch.Generator) -> Tensor:
        places, size = self.slides[i].places, self.config.spots_per_step
        n, device = len(places), places.device
        if n <= size:
            return torch.arange(n, device=device)
        if not self.slides[i].local:
            return torch.randperm(n, generator=generator, device=device)[:size]
        centre = torch.randint(n, (1,), generator=generator, device=device)
        return torch.cdist(places[centre], places)[0].argsort()[:size]
