"""Flow matching on the simplex: the transform, the losses and sampling."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_spatialrecon.methods.srast.config import FlowConfig
from napari_spatialrecon.methods.srast.network import Batch


def smoothed_centred_logits(ratios: Tensor, smoothing: float) -> Tensor:
    """Map ratios (..., K) on the simplex to centred logits (eq. 11)."""
    logs = torch.log(ratios + smoothing)
    return logs - logs.mean(dim=-1, keepdim=True)


def ratios_of(logits: Tensor, smoothing: float) -> Tensor:
    """Map centred logits (..., K) to the simplex: the inverse of eq. 11.

    The softmax alone gives ``(r + ε) / (1 + K ε)``, which shrinks ratios towards even ones.
    """
    parts = logits.shape[-1]
    ratios = torch.softmax(logits, dim=-1) * (1 + parts * smoothing) - smoothing
    ratios = ratios.clamp(min=0)
    return ratios / ratios.sum(dim=-1, keepdim=True)


def losses(
    velocity: nn.Module,
    batch: Batch,
    ratios: Tensor,
    counts: Tensor,
    config: FlowConfig,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Return ``flow`` (eq. 21) and ``boundary`` (eq. 22-23), each a weighted mean over pairs.

    Parameters
    ----------
    ratios : (m, K)
        True shares of the parts.
    counts : (m,)
        Counts of the spot; a pair is weighted by ``counts ** count_power``.
    """
    y1 = smoothed_centred_logits(ratios, config.smoothing)
    y0 = torch.randn(y1.shape, generator=generator, device=y1.device)
    time = torch.rand(len(y1), generator=generator, device=y1.device)
    at_start = torch.rand(len(y1), generator=generator, device=y1.device) < config.start_share
    time = time.masked_fill(at_start, 0.0)
    t = time.unsqueeze(-1)
    y = (1 - t) * y0 + t * y1
    v = velocity(y, time, batch)
    weight = counts**config.count_power
    weight = weight / weight.mean()
    flow = ((v - (y1 - y0)) ** 2).mean(dim=-1)
    target = ratios
    if config.target == "logits":
        target = torch.softmax(y1 / config.temperature, dim=-1)
    predicted = torch.log_softmax((y + (1 - t) * v) / config.temperature, dim=-1)
    divergence = (torch.xlogy(target, target) - target * predicted).sum(dim=-1)
    boundary = time**config.boundary_power * divergence
    return {"flow": (weight * flow).mean(), "boundary": (weight * boundary).mean()}


def objective(terms: dict[str, Tensor], config: FlowConfig) -> Tensor:
    """Return the weighted sum of `losses` (eq. 24)."""
    return config.flow_weight * terms["flow"] + config.boundary_weight * terms["boundary"]


@torch.no_grad()
def conditional_mean(
    velocity: nn.Module, batch: Batch, starts: int, generator: torch.Generator
) -> Tensor:
    """Evaluate the flow in one step from time 0: the mean of softmax(y0 + v(y0, 0)), (m, K).

    Starts are antithetic pairs (y0, -y0), which cancels terms linear in y0.
    """
    shape = batch.ratios.shape[:2]
    time = torch.zeros(shape[0], device=batch.ratios.device)
    total = torch.zeros(shape, device=batch.ratios.device)
    y0 = total
    for number in range(starts):
        y0 = -y0 if number % 2 else torch.randn(shape, generator=generator, device=total.device)
        total = total + torch.softmax(y0 + velocity(y0, time, batch), dim=-1)
    return total / starts


@torch.no_grad()
def draw(
    velocity: nn.Module, batch: Batch, config: FlowConfig, generator: torch.Generator
) -> Tensor:
    """Integrate the flow from noise (eq. 25) and project to the simplex (eq. 26), (m, K)."""
    shape = batch.ratios.shape[:2]
    y = torch.randn(shape, generator=generator, device=batch.ratios.device)
    step = 1 / config.steps
    for number in range(config.steps):
        time = torch.full((shape[0],), number * step, device=y.device)
        v = velocity(y, time, batch)
        if config.solver == "midpoint":
            v = velocity(y + 0.5 * step * v, time + 0.5 * step, batch)
        y = y + step * v
    return ratios_of(y, config.smoothing)
