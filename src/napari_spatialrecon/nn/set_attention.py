"""Attention over sets (Lee et al. 2019): the order of a set does not matter."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


def feed_forward(width: int, dropout: float) -> nn.Sequential:
    """Return a pre-norm feed-forward block from (..., width) to the same shape."""
    return nn.Sequential(
        nn.LayerNorm(width),
        nn.Linear(width, 2 * width),
        nn.GELU(),
        nn.Dropout(dropout),
        nn.Linear(2 * width, width),
    )


class AttentionBlock(nn.Module):
    """Pre-norm multi-head attention and a feed-forward layer, both residual (MAB).

    Parameters
    ----------
    width
        Width of queries, keys and result; a multiple of `heads`.
    """

    def __init__(self, width: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.norm_query, self.norm_context = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.feed_forward = feed_forward(width, dropout)

    def forward(
        self,
        queries: Tensor,
        context: Tensor,
        bias: Tensor | None = None,
    ) -> Tensor:
        """Attend from `queries` to `context`.

        Parameters
        ----------
        queries : (batch, n, width)
        context : (batch, m, width)
        bias : (batch, heads, n, m), optional
            Added to the attention logits.

        Returns
        -------
        (batch, n, width)
        """
        normed = self.norm_context(context)
        key, value = self._split(self.key_value(normed)).chunk(2, dim=-1)
        attended = scaled_dot_product_attention(
            self._split(self.query(self.norm_query(queries))),
            key,
            value,
            attn_mask=bias,
            dropout_p=self.dropout if self.training else 0.0,
        )
        result = queries + self.out(attended.transpose(1, 2).flatten(2))
        fed: Tensor = result + self.feed_forward(result)
        return fed

    def _split(self, values: Tensor) -> Tensor:
        """(batch, n, width) to (batch, heads, n, width / heads)."""
        return values.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class InducedAttention(nn.Module):
    """Attention through a few inducing points (ISAB): linear in the size of the set.

    Parameters
    ----------
    points
        Number of inducing points m.
    """

    def __init__(self, width: int, heads: int, points: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.points = nn.Parameter(torch.randn(1, points, width) * width**-0.5)
        self.gather = AttentionBlock(width, heads, dropout)
        self.spread = AttentionBlock(width, heads, dropout)

    def forward(self, values: Tensor) -> Tensor:
        """Return (batch, n, width), from the same."""
        points = self.points.expand(len(values), -1, -1)
        summary = self.gather(points, values)
        result: Tensor = self.spread(values, summary)
        return result
