"""What a method of super-resolution is: fitted to a slide, it splits counts gene by gene."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from scipy.sparse import csr_matrix

from napari_spatialrecon.config import Config
from napari_spatialrecon.errors import InputError
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.subspots import SubSpots

#: Numbers that one block of genes may hold at once.
BLOCK_VALUES = 8_000_000


@dataclass(frozen=True, eq=False)
class SplitBlock:
    """Some genes, split.

    Parameters
    ----------
    genes : (g,) int
        Columns of the slide.
    values : (n * K, g) csr float64
        Counts of each part; those of a spot sum to the spot's.
    spread : (n * K, g) csr float32 or None
        Standard deviation over draws, in counts, where the method draws.
    """

    genes: np.ndarray
    values: csr_matrix
    spread: csr_matrix | None = None


class SuperResolution(ABC):
    """Splits the counts of spots over their parts.

    Parameters
    ----------
    config
        Hyper-parameters; the quick preset if None.
    """

    name: ClassVar[str]
    config_class: ClassVar[type[Config]]
    #: Whether the counts of the parts sum to those of the spot.
    conserves: bool = True
    #: What fitting has to say, in words.
    notes: tuple[str, ...] = ()

    def __init__(self, config: Config | None = None) -> None:
        self.config = config if config is not None else self.config_class()
        self.metrics: dict[str, float] = {}

    @abstractmethod
    def fit(
        self,
        slide: Prepared,
        parts: SubSpots,
        *,
        seed: int = 0,
        device: str = "cpu",
        reporter: Reporter | None = None,
    ) -> Self:
        """Look at the slide; afterwards `split` answers.

        Parameters
        ----------
        slide
            Counts of the spots, in the rows of ``parts.lattice.points``.
        parts
            Where each spot's parts lie.

        Raises
        ------
        Stopped
            The user stopped the run.
        """

    @abstractmethod
    def split(self, genes: np.ndarray, reporter: Reporter) -> SplitBlock:
        """Split the counts of some genes (columns of the slide)."""

    def save(self, folder: str | Path) -> None:
        """Write what was learned as a checkpoint folder; only for methods that learn."""
        raise InputError(f"Expected a method that learns, found {self.name}.")


def gene_blocks(genes: np.ndarray, n_parts: int) -> list[np.ndarray]:
    """Divide genes into blocks whose dense parts fit `BLOCK_VALUES`."""
    width = max(1, BLOCK_VALUES // max(n_parts, 1))
    return [genes[i : i + width] for i in range(0, len(genes), width)]


def conserved(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Scale the parts of each spot to its counts; equal parts where all are zero.

    Parameters
    ----------
    values : (n, K, g) float
        0 or more.
    counts : (n, g) float
        Observed in the spots.

    Returns
    -------
    (n, K, g) float64
    """
    total = values.sum(axis=1, keepdims=True, dtype=np.float64)
    even = np.full_like(values, 1 / values.shape[1], dtype=np.float64)
    share = np.divide(values, total, out=even, where=total > 0)
    return share * counts[:, None]
