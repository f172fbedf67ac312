"""SASA: latents of spots from a graph autoencoder fitted to the slide (eq. 2, 5-10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from scipy.sparse import csr_matrix
from sklearn.decomposition import TruncatedSVD
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.nn import GATConv

from napari_spatialrecon.geometry.neighbours import nearest
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.methods.srast.config import SasaConfig

#: Above this many spots, neighbours in expression are searched in a random subset of this size.
_SEMANTIC_POOL = 20_000
#: Number of spots whose counts are made dense at once.
_ROWS_AT_ONCE = 4096


class LatentNorm(nn.Module):
    """Normalise by running statistics, with a learned scale and shift (eq. 9)."""

    def __init__(self, size: int, momentum: float = 0.1) -> None:
        super().__init__()
        self.momentum = momentum
        self.scale = nn.Parameter(torch.ones(size))
        self.shift = nn.Parameter(torch.zeros(size))
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("variance", torch.ones(size))

    def forward(self, z: Tensor) -> Tensor:
        """Return the normalised latents; training updates the running statistics."""
        if self.training:
            with torch.no_grad():
                self.mean += self.momentum * (z.mean(dim=0) - self.mean)
                self.variance += self.momentum * (z.var(dim=0) - self.variance)
        standard = (z - self.mean) / torch.sqrt(self.variance + 1e-5)
        return self.scale * standard + self.shift


class GraphVAE(nn.Module):
    """Graph attention encoder G-hidden-latent (eq. 6-8) and the slide's own decoder (eq. 10)."""

    def __init__(self, n_genes: int, config: SasaConfig) -> None:
        super().__init__()
        self.attention = GATConv(n_genes, config.hidden)
        self.mean = nn.Linear(config.hidden, config.latent)
        self.log_variance = nn.Linear(config.hidden, config.latent)
        self.norm = LatentNorm(config.latent) if config.latent_norm else nn.Identity()
        self.decoder = nn.Sequential(
            nn.Linear(config.latent, config.hidden), nn.ELU(), nn.Linear(config.hidden, n_genes)
        )

    def encode(self, x: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of the latents, (n, latent) each."""
        h = F.elu(self.attention(x, edges))
        return self.mean(h), self.log_variance(h)


class SasaTask:
    """The evidence lower bound over one slide (eq. 10)."""

    def __init__(self, module: GraphVAE, x: Tensor, edges: Tensor, config: SasaConfig) -> None:
        self.module: nn.Module = module
        self.vae, self.x, self.edges, self.config = module, x, edges, config

    def loss(
        self, step: int, generator: torch.Generator
    ) -> tuple[Tensor, Mapping[str, Tensor | float]]:
        """Return eq. 10 over the number of spots, and its two parts."""
        mean, log_variance = self.vae.encode(self.x, self.edges)
        noise = torch.randn(mean.shape, generator=generator, device=mean.device)
        z = mean + torch.exp(0.5 * log_variance) * noise
        reconstruction = F.mse_loss(self.vae.decoder(self.vae.norm(z)), self.x)
        kl = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(dim=-1).mean()
        # Sums of eq. 10, over the number of spots; "mean" over that of genes as well.
        genes = self.x.shape[1] if self.config.errors == "sum" else 1
        total = genes * reconstruction + self.config.kl_weight * kl
        return total, {"reconstruction": reconstruction, "kl": kl}

    def held_out(self) -> Mapping[str, float] | None:
        """Return None: all spots are fitted."""
        return None


@dataclass(frozen=True, eq=False)
class Sasa:
    """Latents of the spots of a slide, and of its coarsened version.

    Parameters
    ----------
    config
        ``encoder="pca"`` gives principal components instead (an ablation of the paper).
    genes : (g,) int
        Columns of the slide that are used.
    centre, spread : (g,) float
        Mean and standard deviation used to standardise their logarithms.
    components
        Principal components in which neighbours in expression are searched.
    network
        The graph autoencoder; None if only components are used.
    """

    config: SasaConfig
    seed: int
    device: str
    genes: np.ndarray
    centre: np.ndarray
    spread: np.ndarray
    components: TruncatedSVD
    network: GraphVAE | None = None

    @classmethod
    def fit(cls, counts: csr_matrix, points: np.ndarray, config: SasaConfig, run: Run) -> Self:
        """Fit to the spots of a slide: counts (n, g), points (n, 2)."""
        n = counts.shape[0]
        some = _middle(points, config.spots)
        logs = _log_normalised(counts)
        genes = _most_variable(logs, config.genes)
        seen = logs[some][:, genes]
        centre = np.asarray(seen.mean(axis=0)).ravel()
        spread = np.sqrt(np.asarray(seen.multiply(seen).mean(axis=0)).ravel() - centre**2)
        size = min(config.components, n - 1, len(genes) - 1)
        components = TruncatedSVD(max(size, 1), random_state=run.seed).fit(seen)
        plain = cls(
            config, run.seed, run.device, genes, centre, np.maximum(spread, 1e-3), components
        )
        if config.encoder == "pca":
            return plain
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(run.seed)
            network = GraphVAE(len(genes), config).to(run.device)
        x, edges = plain._inputs(logs[some], points[some])
        task = SasaTask(network, x, edges, config)
        run.unsaved().train(task, config.training, "Aligning the slide")
        run.reporter.check()
        return replace(plain, network=network)

    @torch.no_grad()
    def encode(self, counts: csr_matrix, points: np.ndarray) -> np.ndarray:
        """Return latents (n, latent) float32 of spots with the same genes."""
        logs = _log_normalised(counts)
        if self.network is None:
            scores = self.components.transform(logs[:, self.genes])
            return np.asarray(scores[:, : self.config.latent], dtype=np.float32)
        x, edges = self._inputs(logs, points)
        mean, _ = self.network.eval().encode(x, edges)
        return np.asarray(self.network.norm(mean).cpu().numpy())

    def _inputs(self, logs: csr_matrix, points: np.ndarray) -> tuple[Tensor, Tensor]:
        chosen = logs[:, self.genes]
        scores = self.components.transform(chosen)
        edges = dual_topology(points, scores, self.config.neighbours, self.seed)
        x = torch.from_numpy(self._standardised(chosen))
        return x.to(self.device), torch.from_numpy(edges).to(self.device)

    def _standardised(self, chosen: csr_matrix) -> np.ndarray:
        """Return dense standardised values (n, genes) float32, computed block by block."""
        dense = np.empty(chosen.shape, np.float32)
        for start in range(0, len(dense), _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            values = (chosen[rows].toarray() - self.centre) / self.spread
            dense[rows] = np.clip(values, -5, 5)
        return dense


def dual_topology(points: np.ndarray, scores: np.ndarray, k: int, seed: int) -> np.ndarray:
    """Return the edges of the union of neighbours in space and in expression (eq. 5), (2, e).

    Above 20,000 spots, neighbours in expression are searched in a random subset of 20,000.
    """
    n = len(points)
    spatial, _ = nearest(points, k)
    directions = scores / np.maximum(np.linalg.norm(scores, axis=1, keepdims=True), 1e-9)
    if n <= _SEMANTIC_POOL:
        semantic, _ = nearest(directions, k)
    else:
        pool = np.sort(np.random.default_rng(seed).choice(n, _SEMANTIC_POOL, replace=False))
        semantic = pool[nearest(directions[pool], k, directions)[0]]
    to = np.repeat(np.arange(n), spatial.shape[1] + semantic.shape[1])
    edges = np.stack([np.hstack([spatial, semantic]).ravel(), to])
    return np.unique(edges[:, edges[0] != edges[1]], axis=1).astype(np.int64)


def _log_normalised(counts: csr_matrix) -> csr_matrix:
    totals = np.asarray(counts.sum(axis=1, dtype=np.float64)).ravel()
    scale = np.median(totals[totals > 0]) / np.maximum(totals, 1)
    return csr_matrix(counts.multiply(scale[:, None])).log1p()


def _most_variable(logs: csr_matrix, most: int) -> np.ndarray:
    mean = np.asarray(logs.mean(axis=0)).ravel()
    variance = np.asarray(logs.multiply(logs).mean(axis=0)).ravel() - mean**2
    return np.sort(np.argsort(-variance, kind="stable")[:most])


def _middle(points: np.ndarray, most: int) -> np.ndarray:
    """Return the rows of at most `most` spots around the middle of the slide."""
    away = np.linalg.norm(points - np.median(points, axis=0), axis=1)
    return np.sort(np.argsort(away, kind="stable")[:most])
