"""The coefficient matrix C and its probabilities P (eq. 5), dense or sparse.

Probabilities sum to 1 in each row: with ``over="spots"`` a row is a cell, with ``over="cells"`` a
spot. A dense row has an entry for each column; a sparse one keeps only the most likely columns, and
products are computed over blocks of rows, so that no array grows with cells x spots.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

#: Rows of a sparse matrix that are dense at a time.
BLOCK = 1024
_TINY = 1e-12


@dataclass(frozen=True)
class Start:
    """Initial logits.

    Parameters
    ----------
    logits : (n_rows, n_columns), or (n_rows, n_kept)
    columns : (n_rows, n_kept) int, or None for all
        Columns of the entries of each row.
    n_columns
        Number of columns of the full matrix.
    over
        ``spots`` if rows are cells, ``cells`` if rows are spots.
    """

    logits: Tensor
    columns: Tensor | None
    n_columns: int
    over: str

    def to(self, device: str) -> Start:
        """Return a copy on a device."""
        columns = None if self.columns is None else self.columns.to(device)
        return Start(self.logits.to(device), columns, self.n_columns, self.over)


def cosine_start(
    cells: Tensor,
    spots: Tensor,
    *,
    over: str,
    temperature: float,
    kept: int | None,
    constant: bool = False,
) -> Start:
    """Return logits cosine / temperature, block by block.

    Parameters
    ----------
    cells : (n_cells, d)
    spots : (n_spots, d)
        Features for the comparison of cells and spots.
    kept
        Number of entries kept per row, or None for all.
    constant
        Whether all logits are 0 instead; the kept entries are still selected by cosine.
    """
    cells, spots = (nn.functional.normalize(x.float(), dim=1) for x in (cells, spots))
    rows, others = (cells, spots) if over == "spots" else (spots, cells)
    n, factor = len(others), 0.0 if constant else 1 / temperature
    if kept is None or kept >= n:
        return Start(factor * (rows @ others.T), None, n, over)
    logits, columns = [], []
    for block in rows.split(BLOCK):
        values, indices = (block @ others.T).topk(kept, dim=1)
        logits.append(factor * values)
        columns.append(indices)
    return Start(torch.cat(logits), torch.cat(columns), n, over)


class _RowsByColumns(torch.autograd.Function):
    """P @ X for a sparse P of (values, columns), dense over a block of rows only."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, columns: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(values, columns, x)
        blocks = zip(values.split(BLOCK), columns.split(BLOCK), strict=True)
        return torch.cat([_spread(v, c, len(x)) @ x for v, c in blocks])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, None, Tensor | None]:
        values, columns, x = ctx.saved_tensors
        d_values = torch.empty_like(values)
        d_x = torch.zeros_like(x) if ctx.needs_input_grad[2] else None
        for start in range(0, len(values), BLOCK):
            rows = slice(start, start + BLOCK)
            d_values[rows] = (grads[0][rows] @ x.T).gather(1, columns[rows])
            if d_x is not None:
                d_x += _spread(values[rows], columns[rows], len(x)).T @ grads[0][rows]
        return d_values, None, d_x


class _ColumnsByRows(torch.autograd.Function):
    """Pᵀ @ X for a sparse P of (values, columns), dense over a block of rows only."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, columns: Tensor, x: Tensor, n_columns: int) -> Tensor:
        ctx.save_for_backward(values, columns, x)
        ctx.n_columns = n_columns
        result = x.new_zeros(n_columns, x.shape[1])
        for v, c, block in zip(
            values.split(BLOCK), columns.split(BLOCK), x.split(BLOCK), strict=True
        ):
            result += _spread(v, c, n_columns).T @ block
        return result

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, None, Tensor | None, None]:
        values, columns, x = ctx.saved_tensors
        d_values = torch.empty_like(values)
        d_x = torch.empty_like(x) if ctx.needs_input_grad[2] else None
        for start in range(0, len(values), BLOCK):
            rows = slice(start, start + BLOCK)
            d_values[rows] = (x[rows] @ grads[0].T).gather(1, columns[rows])
            if d_x is not None:
                d_x[rows] = _spread(values[rows], columns[rows], ctx.n_columns) @ grads[0]
        return d_values, None, d_x, None


def _spread(values: Tensor, columns: Tensor, n_columns: int) -> Tensor:
    return values.new_zeros(len(values), n_columns).scatter_(1, columns, values)


class Coefficients(nn.Module):
    """C as a fixed start plus a learned change, so that it has its own step size in one optimiser.

    Parameters
    ----------
    start
        Initial logits, kept as the anchor.
    scale
        Learning rate of C relative to that of the other parameters; Adam's steps are otherwise
        scale-invariant.
    """

    def __init__(self, start: Start, scale: float = 1.0) -> None:
        super().__init__()
        self.start = start
        self.scale = scale
        self.change = nn.Parameter(torch.zeros_like(start.logits))

    def logits(self) -> Tensor:
        """Return C, with the shape of the initial logits."""
        return self.start.logits + self.scale * self.change

    def probabilities(self) -> Tensor:
        """Return P, eq. 5: the softmax of each row over its kept columns."""
        return torch.softmax(self.logits(), dim=1)

    def spot_means(self, p: Tensor, x: Tensor) -> Tensor:
        """Return P̄ᵀ X: for each spot the mean of the cells' rows of `x`, weighted by P.

        P̄ is P with the weights of each spot normalised to 1; plain Pᵀ X would give larger values
        to spots that resemble many cells.

        Parameters
        ----------
        p
            Result of `probabilities`.
        x : (n_cells, d)

        Returns
        -------
        (n_spots, d)
        """
        start = self.start
        if start.over == "cells":
            return p @ x if start.columns is None else _apply(_RowsByColumns, p, start.columns, x)
        if start.columns is None:
            return (p.T @ x) / p.sum(dim=0).clamp(min=_TINY)[:, None]
        with_mass = torch.cat([x, x.new_ones(len(x), 1)], dim=1)
        sums = _apply(_ColumnsByRows, p, start.columns, with_mass, start.n_columns)
        return sums[:, :-1] / sums[:, -1:].clamp(min=_TINY)

    @torch.no_grad()
    def best_spots(self, p: Tensor) -> Tensor:
        """Return the most probable spot of each cell, (n_cells,) int; -1 if there is none."""
        start = self.start
        if start.over == "spots":
            best = p.argmax(dim=1)
            return best if start.columns is None else start.columns.gather(1, best[:, None])[:, 0]
        if start.columns is None:
            return p.argmax(dim=0)
        best = torch.full((start.n_columns,), -1, device=p.device)
        most = p.new_zeros(start.n_columns)
        for spot, (values, cells) in enumerate(zip(p, start.columns, strict=True)):
            better = values > most[cells]
            most[cells[better]] = values[better]
            best[cells[better]] = spot
        return best


def _apply(function: type[torch.autograd.Function], *arguments: Any) -> Tensor:
    result: Tensor = function.apply(*arguments)
    return result
