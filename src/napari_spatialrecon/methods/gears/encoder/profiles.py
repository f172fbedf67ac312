"""Expression profiles of several sources, and how they become the encoder's input.

Augmentation works on log expression, where a depth is a factor; standardisation, which differs
between sources, comes after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.preprocess import FeatureSpace, log_depth

#: Profiles whose counts are dense over all genes at a time.
BLOCK = 4096
_TINY = 1e-8


@dataclass(frozen=True)
class Profiles:
    """Profiles of all sources, one source below the other.

    Parameters
    ----------
    logs : (n, n_genes)
        ``log1p`` of counts at the space's depth.
    domains : (n,) int
        Number of the slide; the query, where there is one, is the last.
    shift, gain : (n_domains, n_genes)
        What is subtracted from a gene in a source, and what it is then multiplied by.
    centre, components : (n_genes,), (n_components, n_genes)
        The joint principal components, empty where the encoder sees genes.
    """

    logs: Tensor
    domains: Tensor
    shift: Tensor
    gain: Tensor
    centre: Tensor
    components: Tensor

    @classmethod
    def of(cls, tables: Sequence[Prepared], space: FeatureSpace, device: str) -> Profiles:
        """Collect the profiles of slides, and of a query as the last, in a fitted space."""
        logs = [_logs(table, space) for table in tables]
        if space.own_zscore:
            shift = np.stack([x.mean(axis=0, dtype=float) for x in logs])
            scale = np.stack([x.std(axis=0, dtype=float) for x in logs])
        else:
            shift, scale = (np.tile(x, (len(logs), 1)) for x in (space.mean, space.scale))
        gain = np.where(scale > _TINY, space.weights / np.maximum(scale, _TINY), 0.0)

        def tensor(values: np.ndarray) -> Tensor:
            return torch.from_numpy(values.astype(np.float32)).to(device)

        return cls(
            logs=tensor(np.concatenate(logs)),
            domains=torch.from_numpy(np.repeat(np.arange(len(logs)), [len(x) for x in logs])).to(
                device
            ),
            shift=tensor(shift),
            gain=tensor(gain),
            centre=tensor(space.centre),
            components=tensor(space.components),
        )

    @property
    def n_domains(self) -> int:
        """Number of sources."""
        return len(self.shift)

    @property
    def n_inputs(self) -> int:
        """Width of the encoder's input."""
        return len(self.components) or self.logs.shape[1]

    def inputs(self, logs: Tensor, domains: Tensor) -> Tensor:
        """Return the encoder's input for log expression, (n, n_genes), of given sources.

        Without augmentation, this is `FeatureSpace.transform` of the source.
        """
        weighted = (logs - self.shift[domains]) * self.gain[domains]
        return (weighted - self.centre) @ self.components.T if len(self.components) else weighted


def _logs(table: Prepared, space: FeatureSpace) -> np.ndarray:
    counts, _, _ = space.counts(table)
    return np.concatenate(
        [
            log_depth(counts[start : start + BLOCK], space.depth)[:, space.used].astype(np.float32)
            for start in range(0, counts.shape[0], BLOCK)
        ]
    )
