"""The diffusion transformer: a gene is a sample, and its spots are the tokens."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from napari_spatialrecon.methods.spadit.config import NetworkConfig
from napari_spatialrecon.nn.embedding import sinusoidal

_TIME = 64
#: Number of Fourier features of a position.
PLACE_FEATURES = 8


class Attention(nn.Module):
    """Multi-head attention of queries over keys (eq. 1)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, queries: Tensor, others: Tensor) -> Tensor:
        """Return (batch, n, width) for queries (batch, n, width) and others (batch, m, width)."""
        batch, n, width = queries.shape
        shape = (batch, -1, self.heads, width // self.heads)
        q = self.query(queries).view(shape).transpose(1, 2)
        k, v = (x.reshape(shape).transpose(1, 2) for x in self.key_value(others).chunk(2, -1))
        mixed = scaled_dot_product_attention(q, k, v)
        out: Tensor = self.out(mixed.transpose(1, 2).reshape(batch, n, width))
        return out


class Condition(nn.Module):
    """ψ: condition on the reference, one vector per gene (eq. 1 over groups of cells).

    Parameters
    ----------
    groups : (tokens, d)
        Profile of each group of cells: the reduced K and V of eq. 1.
    """

    groups: Tensor

    def __init__(self, groups: Tensor, config: NetworkConfig) -> None:
        super().__init__()
        width = config.width
        self.kind = config.condition
        self.register_buffer("groups", groups)
        self.gene = nn.Sequential(nn.Linear(len(groups), width), nn.SiLU(), nn.Linear(width, width))
        self.token = nn.Linear(groups.shape[1] + 1, width)
        self.attention = Attention(width, config.heads)
        self.plain = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, gene: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gene's own projection x̂_sc of eq. 2, and x_ψ; both (batch, width).

        Parameters
        ----------
        gene : (batch, tokens)
            Mean of the gene in each group of cells, as z-scores.
        """
        own = self.gene(gene)
        if self.kind == "none":
            return own, torch.zeros_like(own)
        profile = self.groups.expand(len(gene), -1, -1)
        tokens = self.token(torch.cat([profile, gene[..., None]], dim=-1))
        if self.kind == "mlp":
            return own, self.plain(tokens.mean(dim=1))
        return own, self.attention(own[:, None], tokens)[:, 0]


class Block(nn.Module):
    """A DiT block: attention within a gene and a feed-forward, gated by adaLN-zero."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        width = config.width
        attends = config.backbone == "transformer"
        self.attention = Attention(width, config.heads) if attends else None
        self.norms = nn.ModuleList(nn.LayerNorm(width, elementwise_affine=False) for _ in range(2))
        self.feed = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.modulation = nn.Sequential(nn.SiLU(), _zeroed(nn.Linear(width, 6 * width)))

    def forward(self, hidden: Tensor, condition: Tensor) -> Tensor:
        """Return (batch, n, width); the identity before training."""
        changes = self.modulation(condition)[:, None].chunk(6, dim=-1)
        shift, scale, gate, shift_feed, scale_feed, gate_feed = changes
        if self.attention is not None:
            seen = self.norms[0](hidden) * (1 + scale) + shift
            hidden = hidden + gate * self.attention(seen, seen)
        seen = self.norms[1](hidden) * (1 + scale_feed) + shift_feed
        out: Tensor = hidden + gate_feed * self.feed(seen)
        return out


class Network(nn.Module):
    """Predicts the clean map of a gene over a set of spots.

    Parameters
    ----------
    maps
        Number of linear maps per spot; 0 without bases.
    groups : (tokens, d)
        See `Condition`.
    """

    def __init__(self, maps: int, groups: Tensor, config: NetworkConfig) -> None:
        super().__init__()
        width = config.width
        self.concat = config.concat
        self.condition = Condition(groups, config)
        self.spot = nn.Linear(1 + maps + PLACE_FEATURES, width)
        self.join = nn.Linear(2 * width, width)
        self.time = nn.Sequential(nn.Linear(_TIME, width), nn.SiLU(), nn.Linear(width, width))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.last = nn.Sequential(nn.SiLU(), _zeroed(nn.Linear(width, 2 * width)))
        self.head = _zeroed(nn.Linear(width, 1))

    def forward(
        self, noisy: Tensor, time: Tensor, maps: Tensor, places: Tensor, gene: Tensor
    ) -> Tensor:
        """Return the predicted clean map, (batch, n).

        Parameters
        ----------
        noisy : (batch, n)
        time : (batch,)
            t / T.
        maps : (batch, n, maps)
        places : (n, PLACE_FEATURES)
        gene : (batch, tokens)
        """
        own, psi = self.condition(gene)
        condition = self.time(sinusoidal(time, _TIME)) + psi
        inputs = [noisy[..., None], maps, places.expand(len(noisy), -1, -1)]
        hidden = self.spot(torch.cat(inputs, dim=-1))
        beside = own if self.concat else torch.zeros_like(own)
        joined = [hidden, beside[:, None].expand_as(hidden)]  # x̂_st ⊕ x̂_sc, eq. 2
        hidden = self.join(torch.cat(joined, dim=-1))
        for block in self.blocks:
            hidden = block(hidden, condition)
        shift, scale = self.last(condition)[:, None].chunk(2, dim=-1)
        out: Tensor = self.head(self.norm(hidden) * (1 + scale) + shift)[..., 0]
        return out


def place_features(places: Tensor) -> Tensor:
    """Return sines and cosines of positions at two scales: (n, PLACE_FEATURES).

    Parameters
    ----------
    places : (n, 2), (x, y)
    """
    low, span = places.min(dim=0).values, (places.max(dim=0).values - places.min(dim=0).values)
    angle = (places - low) / span.max().clamp(min=1e-9) * torch.pi
    waves = [f(k * angle) for k in (1, 2) for f in (torch.sin, torch.cos)]
    return torch.cat(waves, dim=1).float()


def _zeroed(layer: nn.Linear) -> nn.Linear:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
