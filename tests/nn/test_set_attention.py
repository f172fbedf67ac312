"""Attention over sets."""

from __future__ import annotations

import torch

from napari_spatialrecon.nn.set_attention import AttentionBlock, InducedAttention


def block() -> InducedAttention:
    torch.manual_seed(0)
    return InducedAttention(16, heads=4, points=5).eval()


def test_permuting_a_set_permutes_what_comes_out() -> None:
    values = torch.randn(2, 9, 16)
    order = torch.randperm(9)
    attention = block()
    torch.testing.assert_close(attention(values[:, order]), attention(values)[:, order])


def test_a_bias_moves_attention() -> None:
    torch.manual_seed(0)
    attention = AttentionBlock(16, heads=2).eval()
    values = torch.randn(1, 6, 16)
    bias = torch.zeros(1, 2, 6, 6)
    bias[..., 0] = 50.0
    only_first = attention(values, values, bias=bias)
    alone = attention(values, values[:, :1])
    torch.testing.assert_close(only_first, alone)
