"""The velocity field of PCFM: a diffusion transformer over the parts of a spot (eq. 17-20)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: Number of log-ratios of interpolations per part; see `inputs`.
N_RATIOS = 6
#: Number of inputs per pair of spot and gene.
N_CONTEXT = 8
#: Number of inputs per neighbouring spot, and number of neighbours.
N_NEIGHBOUR, NEIGHBOURS = 5, 8


@dataclass(frozen=True, eq=False)
class Batch:
    """Pairs of a spot and a gene.

    Parameters
    ----------
    ratios : (m, K, N_RATIOS)
        Centred log-ratios of interpolations at each part.
    context : (m, N_CONTEXT)
        Inputs of the spot and gene as a whole.
    neighbours : (m, NEIGHBOURS, N_NEIGHBOUR)
        Of neighbouring spots; the last two are the offset from the spot's centre, in pitches.
    places : (K, 2)
        Positions of the parts relative to the spot's centre, in pitches.
    """

    ratios: Tensor
    context: Tensor
    neighbours: Tensor
    places: Tensor


class Block(nn.Module):
    """Self-attention over the parts and an MLP, both with adaLN-Zero (eq. 19)."""

    def __init__(self, hidden: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.modulation = nn.Linear(hidden, 6 * hidden)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)
        self.qkv = nn.Linear(hidden, 3 * hidden)
        self.out = nn.Linear(hidden, hidden)
        self.mlp = nn.Sequential(
            nn.Linear(hidden, 4 * hidden), nn.GELU(), nn.Linear(4 * hidden, hidden)
        )

    def forward(self, h: Tensor, condition: Tensor) -> Tensor:
        """Return the tokens (m, K, hidden) after the block; `condition` is (m, hidden)."""
        parts = self.modulation(F.silu(condition)).unsqueeze(1).chunk(6, dim=-1)
        scale, shift, gate, scale2, shift2, gate2 = parts
        normed = F.layer_norm(h, h.shape[-1:])
        h = h + gate * self.out(self._attend((1 + scale) * normed + shift))
        normed = F.layer_norm(h, h.shape[-1:])
        return h + gate2 * self.mlp((1 + scale2) * normed + shift2)

    def _attend(self, h: Tensor) -> Tensor:
        q, k, v = (split_heads(x, self.heads) for x in self.qkv(h).chunk(3, dim=-1))
        return join_heads(attend(q, k, v))


class SpatialPrior(nn.Module):
    """Attention from each part to the surrounding spots, masked to nearby ones (eq. 20)."""

    #: Maximum distance between a part and a neighbouring spot, in pitches.
    reach = 1.6

    def __init__(self, hidden: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(hidden, hidden)
        self.embed = nn.Sequential(nn.Linear(N_NEIGHBOUR, hidden), nn.GELU())
        self.key_value = nn.Linear(hidden, 2 * hidden)

    def forward(self, h: Tensor, batch: Batch) -> Tensor:
        """Return the spatially smoothed tokens, (m, K, hidden)."""
        key, value = self.key_value(self.embed(batch.neighbours)).chunk(2, dim=-1)
        away = batch.places.unsqueeze(1) - batch.neighbours[:, None, :, -2:]
        near = away.norm(dim=-1) <= self.reach
        near = near | ~near.any(dim=-1, keepdim=True)
        bias = torch.zeros(near.shape, dtype=h.dtype, device=h.device)
        bias = bias.masked_fill(~near, -1e4).unsqueeze(1)
        q, k, v = (split_heads(x, self.heads) for x in (self.query(h), key, value))
        return join_heads(attend(q, k, v, bias))


class Velocity(nn.Module):
    """v(y_t, t, c) of eq. 20, shared over genes, tissues and numbers of parts.

    Parameters
    ----------
    hidden, depth, heads
        Size of the transformer.
    """

    def __init__(self, hidden: int, depth: int, heads: int) -> None:
        super().__init__()
        self.project = nn.Linear(1 + N_RATIOS, hidden)
        self.place = nn.Sequential(nn.Linear(4, hidden), nn.GELU(), nn.Linear(hidden, hidden))
        self.time = nn.Linear(16, hidden)
        self.condition = nn.Sequential(nn.Linear(N_CONTEXT, hidden), nn.GELU())
        self.fuse = nn.Sequential(
            nn.Linear(2 * hidden, hidden), nn.GELU(), nn.Linear(hidden, hidden)
        )
        self.blocks = nn.ModuleList(Block(hidden, heads) for _ in range(depth))
        self.prior = SpatialPrior(hidden, heads)
        self.gate = nn.Linear(2 * hidden, hidden)
        self.out = nn.Linear(hidden, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)
        self.skip = nn.Linear(hidden, 1 + N_RATIOS)
        nn.init.zeros_(self.skip.weight)
        with torch.no_grad():
            self.skip.bias.copy_(torch.tensor([-1.0] + [1 / N_RATIOS] * N_RATIOS))

    def forward(self, y: Tensor, time: Tensor, batch: Batch) -> Tensor:
        """Return the velocity of the logits.

        Parameters
        ----------
        y : (m, K)
            Logits at `time`.
        time : (m,)
            0 to 1.

        Returns
        -------
        (m, K)
        """
        seen = torch.cat([y.unsqueeze(-1), batch.ratios], dim=-1)
        condition = self.fuse(
            torch.cat([self.time(_waves(time)), self.condition(batch.context)], dim=-1)
        )
        places = torch.cat([batch.places, batch.places**2], dim=-1)
        h = self.project(seen) + self.place(places)
        for block in self.blocks:
            h = block(h, condition)
        smoothed = self.prior(h, batch)
        gate = torch.sigmoid(self.gate(torch.cat([h, smoothed], dim=-1)))
        fused = (1 - gate) * h + gate * smoothed
        skipped = (seen * self.skip(condition).unsqueeze(1)).sum(dim=-1)
        return self.out(fused).squeeze(-1) + skipped


def attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return softmax(q·k/√d + bias)·v."""
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    return torch.softmax(scores if bias is None else scores + bias, dim=-1) @ v


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(m, tokens, hidden) to (m, heads, tokens, hidden / heads)."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def join_heads(x: Tensor) -> Tensor:
    """Undo `split_heads`."""
    return x.transpose(1, 2).flatten(-2)


def _waves(time: Tensor) -> Tensor:
    """Sinusoidal embedding of time, (m, 16)."""
    frequencies = torch.exp(torch.linspace(0, math.log(100), 8, device=time.device))
    angles = time.unsqueeze(-1) * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=-1)
