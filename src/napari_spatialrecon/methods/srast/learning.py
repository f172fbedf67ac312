"""Training of the flow on pools of pairs whose split is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from napari_spatialrecon.methods.srast import flow
from napari_spatialrecon.methods.srast.config import SRastConfig
from napari_spatialrecon.methods.srast.inputs import Inputs
from napari_spatialrecon.methods.srast.network import Batch, Velocity
from napari_spatialrecon.methods.super_resolution.base import BLOCK_VALUES
from napari_spatialrecon.methods.super_resolution.coarse_pair import CoarsePair

#: Maximum number of genes processed together; fewer for large slides.
_GENES_AT_ONCE = 256
#: Share of the blocks of spots that are held out.
_HELD_OUT = 0.25
#: Number of held-out pairs used to evaluate the held-out error, over all pools.
_LOOKED_AT = 16_000


@dataclass(frozen=True, eq=False)
class Pool:
    """Pairs of spot and gene whose split is known.

    Parameters
    ----------
    batch
        Network inputs of the pairs.
    ratios : (m, K)
        True shares.
    counts : (m,)
    held_out : (m,) bool
        Whether the pair belongs to a spot excluded from training.
    """

    batch: Batch
    ratios: Tensor
    counts: Tensor
    held_out: Tensor

    def rows(self, rows: Tensor) -> tuple[Batch, Tensor, Tensor]:
        """Return a subset of the pairs: inputs, shares and counts."""
        return pick(self.batch, rows), self.ratios[rows], self.counts[rows]


def pick(batch: Batch, rows: Tensor | slice) -> Batch:
    """Return a subset of the pairs of a batch."""
    return Batch(batch.ratios[rows], batch.context[rows], batch.neighbours[rows], batch.places)


def regions_held_out(points: np.ndarray, pitch: float, seed: int) -> np.ndarray:
    """Return which points (n, 2) lie in the quarter of regions excluded from training.

    Regions are squares of three pitches, independent of how spots are grouped into blocks, so that
    tissue held out in one grouping is not trained on in another.
    """
    region = np.floor((points - points.min(axis=0)) / (3 * pitch)).astype(np.int64)
    known = np.random.default_rng(seed).random((997, 991))
    return np.asarray(known[region[:, 0] % 997, region[:, 1] % 991] < _HELD_OUT)


def make_pool(pair: CoarsePair, latents: np.ndarray, most: int, seed: int) -> Pool:
    """Return at most `most` pairs of a coarse pair, drawn at random.

    The truth need not add up to the block sums: for a thinned slide, it is the counts that thinning
    removed.
    """
    inputs = Inputs(pair.counts, pair.parts, latents, seed)
    rng = np.random.default_rng(seed)
    hidden = regions_held_out(pair.parts.lattice.points, pair.parts.lattice.pitch, seed)
    keep = min(1.0, most / max(pair.counts.nnz, 1))
    truth = pair.truth.tocsc()
    found: list[tuple[Batch, np.ndarray, np.ndarray, np.ndarray]] = []
    width = max(1, min(_GENES_AT_ONCE, BLOCK_VALUES // pair.truth.shape[0]))
    for start in range(0, pair.counts.shape[1], width):
        genes = np.arange(start, min(start + width, pair.counts.shape[1]))
        drawn = np.flatnonzero(rng.random(inputs.counts[:, genes].nnz) < keep)
        if not len(drawn):
            continue
        pairs = inputs.pairs(genes, drawn)
        split = truth[:, genes].toarray().reshape(len(hidden), -1, len(genes))
        split = split[pairs.spots, :, pairs.genes]
        counts = split.sum(axis=1)
        known = np.flatnonzero(counts > 0)
        shares = split[known] / counts[known, None]
        inputs_of = pick(pairs.batch, torch.from_numpy(known))
        found.append((inputs_of, shares, counts[known], hidden[pairs.spots[known]]))
    batches, shares, totals, mask = zip(*found, strict=True)
    joined = Batch(
        torch.cat([b.ratios for b in batches]),
        torch.cat([b.context for b in batches]),
        torch.cat([b.neighbours for b in batches]),
        batches[0].places,
    )
    return Pool(
        joined,
        torch.from_numpy(np.concatenate(shares).astype(np.float32)),
        torch.from_numpy(np.concatenate(totals).astype(np.float32)),
        torch.from_numpy(np.concatenate(mask)),
    )


class FlowTask:
    """Flow matching over pools, one drawn per step (eq. 24)."""

    def __init__(
        self, module: Velocity, pools: Sequence[Pool], config: SRastConfig, device: str
    ) -> None:
        self.module: nn.Module = module
        self.config, self.device = config, device
        self.pools = list(pools)
        self.seen = [torch.nonzero(~pool.held_out).ravel() for pool in pools]
        most = _LOOKED_AT // max(len(pools), 1)
        drawn = torch.Generator().manual_seed(0)
        hidden = [torch.nonzero(pool.held_out).ravel() for pool in pools]
        self.unseen = [h[torch.randperm(len(h), generator=drawn)[:most]] for h in hidden]
        size = np.sqrt([len(rows) for rows in self.seen])
        self.chances = torch.from_numpy(size / size.sum())
        self.baseline: float | None = self._error(_even) if any(map(len, self.unseen)) else None

    def loss(
        self, step: int, generator: torch.Generator
    ) -> tuple[Tensor, Mapping[str, Tensor | float]]:
        """Return the objective (eq. 24) on pairs of one pool, and its terms."""
        chances = self.chances.to(generator.device)
        which = int(torch.multinomial(chances, 1, generator=generator))
        seen = self.seen[which]
        size = max(16, self.config.batch * 4 // self.pools[which].ratios.shape[1])
        rows = torch.randint(len(seen), (size,), generator=generator, device=generator.device)
        batch, ratios, counts = self.pools[which].rows(seen[rows.cpu()])
        terms = flow.losses(
            self.module,
            on_device(batch, self.device),
            ratios.to(self.device),
            counts.to(self.device),
            self.config.flow,
            generator,
        )
        return flow.objective(terms, self.config.flow), terms

    def held_out(self) -> Mapping[str, float] | None:
        """Return the mean squared error of split counts relative to a uniform split."""
        if self.baseline is None:
            return None
        return {"held_out": self._error(self._read)}

    def _read(self, batch: Batch) -> Tensor:
        generator = torch.Generator(self.device).manual_seed(0)
        moved = on_device(batch, self.device)
        return flow.conditional_mean(self.module, moved, 2, generator).cpu()

    def _error(self, read: object) -> float:
        assert callable(read)
        own = even = 0.0
        for pool, rows in zip(self.pools, self.unseen, strict=True):
            if not len(rows):
                continue
            batch, ratios, counts = pool.rows(rows)
            weight = counts.unsqueeze(-1)
            own += float((weight * (ratios - read(batch)) ** 2).sum())
            even += float((weight * (ratios - 1 / ratios.shape[1]) ** 2).sum())
        return own / max(even, 1e-12)


def _even(batch: Batch) -> Tensor:
    shape = batch.ratios.shape[:2]
    return torch.full(shape, 1 / shape[1])


def on_device(batch: Batch, device: str) -> Batch:
    """Return the batch on a device."""
    return Batch(
        batch.ratios.to(device),
        batch.context.to(device),
        batch.neighbours.to(device),
        batch.places.to(device),
    )
