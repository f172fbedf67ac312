"""Context encoder, generator and denoiser (sections 3.3 and 3.4).

All are equivariant to the order of the set.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_spatialrecon.methods.gears.config import GeneratorConfig, RefinerConfig
from napari_spatialrecon.nn.embedding import sinusoidal
from napari_spatialrecon.nn.set_attention import AttentionBlock, InducedAttention, feed_forward

#: Largest distance with a bin of its own, in RMS radii of the set.
FARTHEST = 4.0
#: Width of the embedding of the noise level.
TIME_WIDTH = 128


def centred(values: Tensor) -> Tensor:
    """Return `values`, (batch, n, d), with their mean over rows subtracted."""
    return values - values.mean(dim=1, keepdim=True)


class CellBlock(nn.Module):
    """Two residual layers that process each cell alone, instead of attention (not in the paper)."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(*feed_forward(width, dropout), *feed_forward(width, dropout))

    def forward(self, values: Tensor) -> Tensor:
        """Return (batch, n, width)."""
        result: Tensor = values + self.layers(values)
        return result


class Generator(nn.Module):
    """Map embeddings to context H and a first geometry V_base (section 3.3).

    Parameters
    ----------
    n_features
        Width of a spot's or cell's embedding.
    alone
        Process each cell alone instead of jointly with the others.
    """

    def __init__(self, n_features: int, config: GeneratorConfig, *, alone: bool = False) -> None:
        super().__init__()

        def block() -> nn.Module:
            if alone:
                return CellBlock(config.width, config.dropout)
            return InducedAttention(config.width, config.heads, config.points, config.dropout)

        self.project = nn.Linear(n_features, config.width)
        self.context = nn.ModuleList(block() for _ in range(config.context_blocks))
        self.generate = nn.ModuleList(block() for _ in range(config.generator_blocks))
        self.head = nn.Sequential(
            nn.LayerNorm(config.width),
            nn.Linear(config.width, config.width),
            nn.GELU(),
            nn.Linear(config.width, config.dimensions),
        )

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return the context (batch, n, c) and the geometry (batch, n, d), centred.

        Parameters
        ----------
        features : (batch, n, n_features)
        """
        context = self.project(features)
        for block in self.context:
            context = block(context)
        hidden = context
        for block in self.generate:
            hidden = block(hidden)
        return context, centred(self.head(hidden))


class GeometryBias(nn.Module):
    """Attention bias from a geometry: binned distances, and angles at local neighbours (eq. 3).

    Invariant to rotation, reflection and translation. Distances are in RMS radii of the set. The
    angle feature of a pair i, j is the angle at i between j and the mean of i's nearest
    neighbours; it is used where j is one of them.
    """

    def __init__(self, heads: int, config: RefinerConfig) -> None:
        super().__init__()
        self.neighbours = config.neighbours
        self.distance = nn.Embedding(config.distance_bins, heads)
        self.angle = nn.Embedding(config.angle_bins + 1, heads)
        nn.init.zeros_(self.distance.weight)
        nn.init.zeros_(self.angle.weight)

    def forward(self, geometry: Tensor) -> Tensor:
        """Return the bias (batch, heads, n, n) of a centred geometry (batch, n, d)."""
        distances = torch.cdist(geometry, geometry)
        count = geometry.shape[1]
        radius = ((geometry**2).sum(dim=(1, 2), keepdim=True) / count).sqrt().clamp(min=1e-6)
        bins = self.distance.num_embeddings
        index = (distances / radius * (bins / FARTHEST)).long().clamp(max=bins - 1)
        bias = self.distance(index) + self.angle(self._angles(geometry, distances))
        return bias.permute(0, 3, 1, 2)

    def _angles(self, geometry: Tensor, distances: Tensor) -> Tensor:
        """Return the bin of each pair's angle; the last bin where j is not a neighbour of i."""
        n, bins = geometry.shape[1], self.angle.num_embeddings - 1
        k = min(self.neighbours, n - 1)
        itself = torch.eye(n, dtype=torch.bool, device=geometry.device)
        hidden = distances.masked_fill(itself, torch.inf)
        near = hidden.topk(k, dim=-1, largest=False)
        batch = torch.arange(len(geometry), device=geometry.device)[:, None, None]
        offsets = geometry[batch, near.indices] - geometry[:, :, None]
        unit = nn.functional.normalize(offsets, dim=-1)
        towards = nn.functional.normalize(unit.mean(dim=2, keepdim=True), dim=-1)
        cosine = (unit * towards).sum(dim=-1).clamp(-1, 1)
        binned = ((torch.arccos(cosine) / torch.pi) * bins).long().clamp(max=bins - 1)
        binned = binned.masked_fill(~torch.isfinite(near.values), bins)
        result = torch.full_like(distances, bins, dtype=torch.long)
        return result.scatter(2, near.indices, binned)


class FilmBlock(nn.Module):
    """Attention through induced points, modulated by the noise level (FiLM, initially zero)."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.attention = InducedAttention(config.width, config.heads, config.points, config.dropout)
        self.film = nn.Linear(TIME_WIDTH, 2 * config.width)
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)

    def forward(self, values: Tensor, time: Tensor) -> Tensor:
        """Return (batch, n, width); `time` is (batch, TIME_WIDTH)."""
        scale, shift = self.film(time)[:, None].chunk(2, dim=-1)
        result: Tensor = self.attention(values * (1 + scale) + shift)
        return result


class Denoiser(nn.Module):
    """F_ω of eq. 3: raw estimate of the residual from a noisy one, the base and the context."""

    def __init__(self, generator: GeneratorConfig, config: RefinerConfig) -> None:
        super().__init__()
        d, width = generator.dimensions, generator.width
        self.landmarks = config.landmarks
        self.time = nn.Sequential(
            nn.Linear(TIME_WIDTH, TIME_WIDTH), nn.SiLU(), nn.Linear(TIME_WIDTH, TIME_WIDTH)
        )
        self.project = nn.Linear(3 * d + width + config.landmarks, width)
        self.bias = GeometryBias(generator.heads, config)
        self.local = AttentionBlock(width, generator.heads, generator.dropout)
        self.blocks = nn.ModuleList(FilmBlock(generator) for _ in range(config.blocks))
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, d))
        nn.init.zeros_(self.head[-1].weight)
        nn.init.zeros_(self.head[-1].bias)

    def forward(
        self,
        noisy: Tensor,
        base: Tensor,
        context: Tensor,
        noise_level: Tensor,
        previous: Tensor,
    ) -> Tensor:
        """Return F_ω, (batch, n, d).

        Parameters
        ----------
        noisy, base : (batch, n, d)
            The residual times c_in, and the generator's geometry.
        context : (batch, n, c)
        noise_level : (batch,)
            c_noise(σ).
        previous : (batch, n, d)
            The last estimate (self-conditioning), or zeros.
        """
        time = self.time(sinusoidal(noise_level, TIME_WIDTH))
        geometry = centred(base + previous)
        distances = self._to_landmarks(geometry)
        hidden = self.project(torch.cat([noisy, base, previous, context, distances], dim=-1))
        hidden = self.local(hidden, hidden, self.bias(geometry))
        for block in self.blocks:
            hidden = block(hidden, time)
        return centred(self.head(hidden))

    def _to_landmarks(self, geometry: Tensor) -> Tensor:
        """Return sorted distances to well-separated landmark spots: (batch, n, landmarks).

        Landmarks are chosen by farthest-point sampling, starting with the spot farthest from the
        centre, so the order of the set does not matter.
        """
        radius = geometry.norm(dim=-1)
        rows = torch.arange(len(geometry), device=geometry.device)
        chosen = radius.argmax(dim=1)
        nearest, columns = None, []
        for _ in range(self.landmarks):
            column = (geometry - geometry[rows, chosen][:, None]).norm(dim=-1)
            columns.append(column)
            nearest = column if nearest is None else torch.minimum(nearest, column)
            chosen = nearest.argmax(dim=1)
        return torch.stack(columns, dim=-1)
