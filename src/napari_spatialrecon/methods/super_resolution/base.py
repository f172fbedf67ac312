"""Base class of super-resolution methods: fitted to a slide, they split counts gene by gene."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from scipy.sparse import csr_matrix

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.methods.method import Estimate, Fitted, Method
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.subspots import SubSpots

#: Maximum number of values in one block of genes.
BLOCK_VALUES = 8_000_000
#: Seconds per value of an interpolation. From runs of 1,000 to 100,000 bins (docs/benchmarks.md).
_PER_VALUE = 6e-8


@dataclass(frozen=True, eq=False)
class SplitBlock:
    """A block of genes, split.

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


@dataclass(frozen=True)
class SplitSizes:
    """Size of a split.

    Parameters
    ----------
    spots, parts
        Number of spots, and of parts per spot.
    genes, measured
        Number of genes to split, and of all genes that the slide measures.
    filled
        Number of pairs of a spot and a gene to split that have counts.
    """

    spots: int
    parts: int
    genes: int
    measured: int
    filled: int


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedSplit(Fitted):
    """State fitted to a slide, and the parts of its spots."""

    parts: SubSpots


class SuperResolution(Method):
    """Splits the counts of spots over their parts."""

    fitted: FittedSplit

    @property
    def metrics(self) -> dict[str, float]:
        """Metrics of fitting, by name."""
        return self.fitted.metrics

    @property
    def conserves(self) -> bool:
        """Whether the counts of the parts sum to those of the spot."""
        return True

    @property
    def draws(self) -> bool:
        """Whether splits come with a spread over draws."""
        return False

    def estimate(self, sizes: SplitSizes) -> Estimate:
        """Return the time and memory for fitting and splitting."""
        values = sizes.spots * sizes.parts * sizes.genes
        held = 8.0 * min(values, BLOCK_VALUES) * 8
        return Estimate(0.3 + _PER_VALUE * values, 4e8 + held + 24.0 * sizes.filled * sizes.parts)

    @abstractmethod
    def fit(
        self,
        slide: Prepared,
        parts: SubSpots,
        run: Run | None = None,
    ) -> Self:
        """Fit to a slide, as needed before `split`.

        Parameters
        ----------
        slide
            Counts of the spots, in the rows of ``parts.lattice.points``.
        parts
            Positions of each spot's parts.

        Raises
        ------
        Stopped
            The user stopped the run.
        """

    @abstractmethod
    def split(self, genes: np.ndarray, reporter: Reporter) -> SplitBlock:
        """Split the counts of some genes (columns of the slide)."""

    def save(self, folder: str | Path) -> None:
        """Write the trained model as a checkpoint folder; only for methods that are trained."""
        raise InputError(f"Expected a method that learns, found {self.name}.")


def gene_blocks(genes: np.ndarray, n_parts: int) -> list[np.ndarray]:
    """Divide genes into blocks whose dense parts fit `BLOCK_VALUES`."""
    width = max(1, BLOCK_VALUES // max(n_parts, 1))
    return [genes[i : i + width] for i in range(0, len(genes), width)]


def conserved(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Scale the parts of each spot to its counts; split equally if all are zero.

    Parameters
    ----------
    values : (n, K, g) float
        Non-negative.
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
