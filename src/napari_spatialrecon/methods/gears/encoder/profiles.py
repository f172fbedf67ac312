"""Expression profiles of several sources, and their conversion to the encoder's input.

Augmentation applies to log expression; standardisation, which differs between sources, follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.preprocess import FeatureSpace, log_depth

#: Number of profiles whose counts are made dense at a time.
BLOCK = 4096
_TINY = 1e-8


@dataclass(frozen=True)
class Profiles:
    """Profiles of all sources, concatenated source by source.

    Parameters
    ----------
    logs : (n, n_genes)
        ``log1p`` of counts at the space's depth.
    domains : (n,) int
        Number of each profile's slide; the query, if any, is the last.
    shift, gain : (n_domains, n_genes)
        What is subtracted from a gene in a source, and the factor applied afterwards.
    centre, components : (n_genes,), (n_components, n_genes)
        Joint principal components; empty if the encoder's input is genes.
    """

    logs: Tensor
    domains: Tensor
    shift: Tensor
    gain: Tensor
    centre: Tensor
    components: Tensor

    @classmethod
    def of(cls, tables: Sequence[Prepared], space: FeatureSpace, device: str) -> Profiles:
        """Collect the profiles of slides, then of the query if any, in a fitted space."""
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
        """Return the encoder's input for log expression, (n, n_genes), from the given sources.

        Without augmentation, this equals `FeatureSpace.transform` of the source.
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
