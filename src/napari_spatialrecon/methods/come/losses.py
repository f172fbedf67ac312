"""The terms of COME's objective: eq. 3, 4, 6-7, 8 and 9, and additional cosine terms."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, normalize
from torch.utils.checkpoint import checkpoint

#: Cells compared with all others at a time.
BLOCK = 1024
_TINY = 1e-12


def reconstruction(
    spots: Tensor, decoded_spots: Tensor, cells: Tensor, decoded_cells: Tensor
) -> Tensor:
    """Return ‖X_st − X̂_st‖² + ‖X_sc − X̂_sc‖², as mean squares (eq. 3)."""
    return ((spots - decoded_spots) ** 2).mean() + ((cells - decoded_cells) ** 2).mean()


def coefficient(latent: Tensor, mapped: Tensor, logits: Tensor, ridge: float) -> Tensor:
    """Return ‖H_st − H'_st‖² + λ‖C‖², as mean squares (eq. 4)."""
    return ((latent - mapped) ** 2).mean() + ridge * (logits**2).mean()


def cell_type_contrast(
    latent: Tensor, labels: Tensor, temperature: float, block: int = BLOCK
) -> Tensor:
    """Return −mean log Σ_same f / Σ_other f over cells that have both kinds of partners (eq. 8).

    Time grows with the square of the number of cells, memory only with `block` times it.

    Parameters
    ----------
    latent : (n, d)
    labels : (n,) int
        Negative if unknown: such cells are excluded.
    """
    unit = normalize(latent[labels >= 0], dim=1)
    labels = labels[labels >= 0]

    def part(rows: Tensor, own: Tensor) -> Tensor:
        f = torch.exp(rows @ unit.T / temperature)
        same = own[:, None] == labels[None, :]
        positive, negative = (f * same).sum(dim=1), (f * ~same).sum(dim=1)
        both = negative > 0
        return torch.log(positive[both] / negative[both]).sum()

    total, n = latent.new_zeros(()), 0
    if len(unit) and (labels != labels[0]).any():
        n = len(unit)
        for rows, own in zip(unit.split(block), labels.split(block), strict=True):
            total = total + checkpoint(part, rows, own, use_reentrant=False)
    return -total / max(n, 1)


def cross_contrast(
    cells: Tensor, spots: Tensor, matched: Tensor, temperature: float, block: int = BLOCK
) -> Tensor:
    """Return −mean log f(cell, its spot) / Σ f(cell, other spots) (eq. 9), blocked over cells.

    Parameters
    ----------
    cells : (n_cells, d)
    spots : (n_spots, d)
    matched : (n_cells,) int
        The most probable spot of each cell; negative: the cell is excluded.
    """
    known = matched >= 0
    rows, matched = normalize(cells[known], dim=1), matched[known]
    others = normalize(spots, dim=1)

    def part(rows: Tensor, best: Tensor) -> Tensor:
        cosine = rows @ others.T / temperature
        positive = cosine.gather(1, best[:, None])[:, 0]
        rest = torch.exp(cosine).scatter(1, best[:, None], 0.0).sum(dim=1)
        return (positive - torch.log(rest.clamp(min=_TINY))).sum()

    total = cells.new_zeros(())
    if len(spots) > 1:
        for a, b in zip(rows.split(block), matched.split(block), strict=True):
            total = total + checkpoint(part, a, b, use_reentrant=False)
    return -total / max(len(rows), 1)


def cosine_distance(measured: Tensor, mapped: Tensor, dim: int) -> Tensor:
    """Return 1 − the mean cosine of columns (`dim` 0: genes) or of rows (`dim` 1: spots).

    Not in the paper: this is the objective of Tangram (Biancalani et al. 2021).
    """
    return 1 - cosine_similarity(measured, mapped, dim=dim, eps=1e-8).mean()
