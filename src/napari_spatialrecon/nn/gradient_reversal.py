"""Gradient reversal: while a classifier trains, the network before it learns to confuse it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def reverse_gradient(x: Tensor, strength: float) -> Tensor:
    """Return `x` unchanged; in the backward pass its gradient is multiplied by ``-strength``.

    Ganin et al., Domain-adversarial training of neural networks, JMLR 2016, eq. 16-17.

    Examples
    --------
    >>> x = torch.ones(2, requires_grad=True)
    >>> reverse_gradient(x, 0.5).sum().backward()
    >>> x.grad
    tensor([-0.5000, -0.5000])
    """
    return _Reverse.apply(x, strength)


def ramp(step: int, after: int, over: int) -> float:
    """Return 0 up to step `after`, then a linear rise to 1 over the next `over` steps.

    Examples
    --------
    >>> [ramp(step, after=50, over=200) for step in (0, 50, 150, 250, 999)]
    [0.0, 0.0, 0.5, 1.0, 1.0]
    """
    return min(1.0, max(0.0, (step - after) / max(over, 1)))


class _Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * gradient, None
