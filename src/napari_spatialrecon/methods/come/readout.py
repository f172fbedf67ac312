"""Positions from the mapping: mean of a cell's most likely spots, the most likely, or a sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from napari_spatialrecon.methods.come.coefficients import BLOCK, Coefficients
from napari_spatialrecon.methods.placement.posterior import Posterior


@dataclass(frozen=True)
class MappingPosterior(Posterior):
    """Positions read from a mapping; see `Posterior`. `similarity` is a cell's largest probability.

    Parameters
    ----------
    entropy : (n_cells,) float
        Entropy of the rows of P, in nats; its exponential is the effective number of spots of a
        cell, which `weights` cuts to the likeliest ones.
    """

    entropy: NDArray[np.float64]

    @property
    def distinct(self) -> float:
        """Distinct most probable spots, over the number of cells or spots, whichever is less."""
        best = np.asarray(self.weights.argmax(axis=1)).ravel()
        return len(np.unique(best)) / min(self.weights.shape)


@torch.no_grad()
def entropies(coefficients: Coefficients) -> NDArray[np.float64]:
    """Return the entropy of each row of P over all entries that the matrix has, (n_rows,) nats."""
    blocks = (torch.log_softmax(b.double(), dim=1) for b in coefficients.logits().split(BLOCK))
    found: NDArray[np.float64] = (
        torch.cat([-(b.exp() * b).sum(dim=1) for b in blocks]).cpu().numpy()
    )
    return found


@torch.no_grad()
def likeliest(coefficients: Coefficients, count: int) -> sparse.csr_matrix:
    """Return the rows of P truncated to their `count` largest entries and renormalised.

    Returns
    -------
    (n_rows, n_columns) csr float64
    """
    start, logits = coefficients.start, coefficients.logits()
    count = min(count, logits.shape[1])
    values, columns = [], []
    for row, block in enumerate(logits.split(BLOCK)):
        top, index = block.topk(count, dim=1)
        values.append(torch.softmax(top.double(), dim=1))
        if start.columns is not None:
            index = start.columns[row * BLOCK : row * BLOCK + len(block)].gather(1, index)
        columns.append(index)
    data, index = torch.cat(values).cpu().numpy(), torch.cat(columns).cpu().numpy()
    pointers = np.arange(0, data.size + 1, count)
    matrix = sparse.csr_matrix(
        (data.ravel(), index.ravel(), pointers), shape=(len(data), start.n_columns)
    )
    matrix.sort_indices()
    return matrix


def read_out(
    mapping: sparse.csr_matrix,
    spots: NDArray[np.float64],
    readout: str,
    seed: int,
    entropy: NDArray[np.float64],
) -> MappingPosterior:
    """Return positions and their spread.

    Parameters
    ----------
    mapping : (n_cells, n_spots), rows sum to 1
    spots : (n_spots, 2)
        Positions of the spots.
    readout
        ``expected``, ``argmax`` or ``sampled``.
    entropy : (n_cells,)
        Result of `entropies`.

    Returns
    -------
    MappingPosterior
        Its variance is the mean squared distance, over P, from the returned position.
    """
    mean = mapping @ spots
    square = mapping @ (spots**2).sum(axis=1)
    variance = np.maximum(square - (mean**2).sum(axis=1), 0.0)
    places = mean
    if readout != "expected":
        chosen = (
            np.asarray(mapping.argmax(axis=1)).ravel()
            if readout == "argmax"
            else _drawn(mapping, seed)
        )
        places = spots[chosen]
        variance = variance + ((places - mean) ** 2).sum(axis=1)
    return MappingPosterior(
        places=places,
        variance=variance,
        similarity=np.asarray(mapping.max(axis=1).todense()).ravel(),
        weights=mapping,
        entropy=entropy,
    )


def _drawn(mapping: sparse.csr_matrix, seed: int) -> NDArray[np.int64]:
    """Return one spot per cell, drawn with its probabilities; rows are equally long."""
    rng = np.random.default_rng(seed)
    per_row = mapping.nnz // mapping.shape[0]
    edges = mapping.data.reshape(-1, per_row).cumsum(axis=1)
    place = (rng.random((len(edges), 1)) > edges).sum(axis=1).clip(max=per_row - 1)
    chosen: NDArray[np.int64] = mapping.indices.reshape(-1, per_row)[np.arange(len(edges)), place]
    return chosen


@torch.no_grad()
def likeliest_cells(coefficients: Coefficients, count: int) -> sparse.csr_matrix:
    """Return each spot's most probable cells, (n_spots, n_cells) csr, rows summing to 1."""
    if coefficients.start.over == "cells":
        return likeliest(coefficients, count)
    p = spot_weights(coefficients)
    if isinstance(p, sparse.csr_matrix):
        return p
    count = min(count, p.shape[1])
    index = np.sort(np.argpartition(-p, count - 1, axis=1)[:, :count], axis=1)
    data = np.take_along_axis(p, index, axis=1)
    data = data / np.maximum(data.sum(axis=1, keepdims=True), 1e-300)
    pointers = np.arange(0, data.size + 1, count)
    return sparse.csr_matrix((data.ravel(), index.ravel(), pointers), shape=p.shape)


@torch.no_grad()
def spot_weights(coefficients: Coefficients) -> NDArray[np.float32] | sparse.csr_matrix:
    """Return the weight of each cell in each spot's mean, (n_spots, n_cells); rows sum to 1."""
    start, p = coefficients.start, coefficients.probabilities()
    if start.columns is None:
        table = p if start.over == "cells" else p.T / p.sum(dim=0).clamp(min=1e-12)[:, None]
        dense: NDArray[np.float32] = table.cpu().numpy()
        return dense
    columns = start.columns.cpu().numpy()
    pointers = np.arange(0, columns.size + 1, columns.shape[1])
    shape = (len(columns), start.n_columns)
    matrix = sparse.csr_matrix((p.cpu().numpy().ravel(), columns.ravel(), pointers), shape=shape)
    if start.over == "spots":
        matrix = sparse.csr_matrix(matrix.T)
    sums = np.maximum(np.asarray(matrix.sum(axis=1)).ravel(), 1e-12)
    matrix = sparse.csr_matrix(sparse.diags(1 / sums) @ matrix, dtype=np.float32)
    matrix.sort_indices()
    return matrix


@torch.no_grad()
def type_sums(coefficients: Coefficients, one_hot: torch.Tensor, top_share: float) -> torch.Tensor:
    """Return the weight of each cell type in each spot, (n_spots, n_types).

    Parameters
    ----------
    one_hot : (n_cells, n_types)
    top_share
        Below 1, this share of a spot's most likely cells gets equal weight, as in the paper.
    """
    weights = spot_weights(coefficients)
    if top_share < 1:
        count = max(1, round(top_share * weights.shape[1]))
        weights = _counted(weights, count)
    return torch.from_numpy(np.asarray(weights @ one_hot.numpy(), np.float64))


def _counted(weights: NDArray[np.float32] | sparse.csr_matrix, count: int) -> sparse.csr_matrix:
    rows, columns = [], []
    for i in range(weights.shape[0]):
        row = weights[i].toarray().ravel() if sparse.issparse(weights) else weights[i]
        best = np.argpartition(-row, count - 1)[:count]
        best = best[row[best] > 0]
        rows.append(np.full(len(best), i))
        columns.append(best)
    index = (np.concatenate(rows), np.concatenate(columns))
    return sparse.csr_matrix((np.ones(len(index[0]), np.float32), index), shape=weights.shape)
