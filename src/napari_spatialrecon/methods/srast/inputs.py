"""Network inputs for each spot and gene of a slide: interpolations as log-ratios."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_matrix
from sklearn.decomposition import TruncatedSVD

from napari_spatialrecon.geometry.autocorrelation import morans_i
from napari_spatialrecon.geometry.neighbours import nearest
from napari_spatialrecon.methods.srast.network import NEIGHBOURS, Batch
from napari_spatialrecon.methods.super_resolution.weights import (
    gaussian_weights,
    linear_coverage,
    linear_weights,
)
from napari_spatialrecon.tissue.subspots import SubSpots

#: Added to interpolated counts, and to totals, before taking logarithms.
_GENE_OFFSET, _TOTAL_OFFSET = 0.05, 1.0
#: Added to the share of a part's surroundings on the slide, before taking logarithms.
_EDGE_OFFSET = 0.1
#: Number of components used to denoise gene expression.
_COMPONENTS = 20


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of spot and gene with counts, and their network inputs.

    Parameters
    ----------
    spots, genes : (m,)
        Row of the slide; position among the requested genes.
    counts : (m,) float32
    batch
        The network's inputs.
    """

    spots: np.ndarray
    genes: np.ndarray
    counts: np.ndarray
    batch: Batch


class Inputs:
    """Network inputs of one slide.

    Parameters
    ----------
    counts : (n, g) csr
        Counts of the spots.
    parts
        Parts of the spots.
    latents : (n, d)
        Latents from SASA.
    seed
        Seed of the principal components.
    """

    def __init__(self, counts: csr_matrix, parts: SubSpots, latents: np.ndarray, seed: int) -> None:
        self.parts = parts
        self.counts = counts.tocsc().astype(np.float64)
        lattice = parts.lattice
        self.total = np.asarray(counts.sum(axis=1, dtype=np.float64)).ravel()
        self.linear = linear_weights(parts)
        self.gaussian = gaussian_weights(parts)
        scale = np.median(self.total) / np.maximum(self.total, 1)
        logs = csr_matrix(counts.multiply(scale[:, None])).log1p()
        size = max(1, min(_COMPONENTS, min(counts.shape) - 1))
        svd = TruncatedSVD(size, random_state=seed).fit(logs)
        self.scores, self.components = svd.transform(logs), svd.components_
        self.unscale = 1 / np.maximum(scale, 1e-9)
        self.moran = morans_i(logs, lattice.points)
        self.mean = np.asarray(counts.mean(axis=0)).ravel()
        self.around, away = _neighbours(lattice.points)
        self.away = away @ _axes(parts).T / lattice.pitch
        unit = latents / np.maximum(np.linalg.norm(latents, axis=1, keepdims=True), 1e-9)
        self.alike = np.einsum("nd,nkd->nk", unit, unit[self.around])
        self.total_ratio = self._centred(np.log(self.linear @ self.total + _TOTAL_OFFSET))
        self.edge_ratio = self._centred(np.log(linear_coverage(parts) + _EDGE_OFFSET))
        self.alike_ratio = self._centred(_weighted_similarity(self.linear, unit, parts.parents))
        places = parts.offsets @ _axes(parts).T / lattice.pitch
        self.places = torch.from_numpy(places.astype(np.float32))

    def _centred(self, values: np.ndarray) -> np.ndarray:
        split = values.reshape(len(self.total), self.parts.factor.parts, *values.shape[1:])
        return np.asarray(split - split.mean(axis=1, keepdims=True))

    def pairs(self, genes: np.ndarray, pick: np.ndarray | None = None) -> Pairs:
        """Return the pairs of these genes that have counts.

        Parameters
        ----------
        genes : (b,)
            Columns of the slide.
        pick : optional
            Indices of the pairs to return, in the order of ``csr.nonzero()``; all if None.
        """
        counts = self.counts[:, genes]
        spots, columns = counts.nonzero()
        if pick is not None:
            spots, columns = spots[pick], columns[pick]
        dense = counts.toarray()
        denoised = np.expm1(np.clip(self.scores @ self.components[:, genes], 0, 12))
        denoised *= self.unscale[:, None]
        ratios = [
            self._centred(np.log(weights @ values + _GENE_OFFSET))[spots, :, columns]
            for weights, values in (
                (self.linear, dense),
                (self.linear, denoised),
                (self.gaussian, dense),
            )
        ]
        ratios += [
            self.total_ratio[spots],
            3 * self.alike_ratio[spots],
            self.edge_ratio[spots],
        ]
        own, near = dense[spots, columns], dense[self.around[spots], columns[:, None]]
        totals = self.total[self.around[spots]] / np.maximum(self.total[spots, None], 1)
        neighbours = np.stack(
            [
                np.log((near + 0.5) / (own[:, None] + 0.5)),
                np.log(totals + 0.05),
                self.alike[spots],
                *np.moveaxis(self.away[spots], -1, 0),
            ],
            axis=-1,
        )
        chosen = genes[columns]
        context = np.stack(
            [
                np.log1p(own),
                np.log1p(self.total[spots]) / 3,
                2 * self.moran[chosen],
                np.log(self.mean[chosen] + 0.01),
                self.alike[spots].mean(axis=1),
                self.alike[spots].min(axis=1),
                np.full(len(own), np.log(self.parts.factor.parts)),
                np.log((near.mean(axis=1) + 0.5) / (own + 0.5)),
            ],
            axis=-1,
        )
        batch = Batch(
            _tensor(np.stack(ratios, axis=-1)), _tensor(context), _tensor(neighbours), self.places
        )
        return Pairs(spots, columns, own.astype(np.float32), batch)


def _tensor(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))


def _axes(parts: SubSpots) -> np.ndarray:
    """Return the unit vectors along and across the rows of the grid, (2, 2)."""
    along = parts.lattice.basis[0] / np.linalg.norm(parts.lattice.basis[0])
    return np.array([along, [-along[1], along[0]]])


def _neighbours(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest neighbours (n, 8), repeated if fewer exist, and offsets to them."""
    indices, _ = nearest(points, NEIGHBOURS)
    indices = indices[:, np.arange(NEIGHBOURS) % indices.shape[1]]
    return indices, points[indices] - points[:, None]


def _weighted_similarity(weights: csr_matrix, unit: np.ndarray, parents: np.ndarray) -> np.ndarray:
    """Return the similarity of each part's surroundings to its spot, (n * K,)."""
    entries = weights.tocoo()
    alike = np.einsum("ed,ed->e", unit[parents[entries.row]], unit[entries.col])
    return np.bincount(entries.row, entries.data * alike, minlength=len(parents))
