"""Base class of methods that impute genes not measured on a slide."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_spatialrecon.methods.method import Estimate, Method
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.genes import match_genes

Values = NDArray[np.float32]

#: Seconds of every run, per spot and gene (shared or imputed), and per spot-cell pair; above this
#: many cells, comparisons are made in batches. The linear map of 361 spots, 4,000 cells and 500
#: genes took 0.8 s of the processor, kNN 0.1 s.
_FIXED_S, _PER_MAP, _PER_PAIR, _MOST_CELLS = 0.3, 2e-6, 3e-7, 4000


@dataclass(frozen=True, eq=False)
class GeneBlock:
    """A block of imputed genes over all spots.

    Parameters
    ----------
    genes
        As the reference names them.
    values : (n_spots, n_genes) float32
        Log-normalised expression on the slide's scale, non-negative; rows as in the prepared slide.
    spread : (n_spots, n_genes) float32, or None
        Standard deviation of the predicted expression in each spot, in the unit of `values`.
    reliability : (n_genes,) float, or None
        Expected correlation of each gene's map with the truth.
    """

    genes: tuple[str, ...]
    values: Values
    spread: Values | None = None
    reliability: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class GeneSizes:
    """Size of an imputation: `shared` and `asked` are numbers of shared and requested genes."""

    spots: int
    cells: int
    shared: int
    asked: int

    @classmethod
    def of(cls, slide: Prepared, reference: Prepared, asked: int) -> Self:
        """Return the size of imputing `asked` genes.

        Raises
        ------
        ValidationError
            Slide and reference share no gene.
        """
        tables = (slide, reference)
        match = match_genes([t.adata.var for t in tables], [t.name for t in tables])
        return cls(slide.adata.n_obs, reference.adata.n_obs, len(match.genes), asked)


class GeneMethod(Method):
    """A method that imputes genes: `fit` on a slide and a reference, then `impute` genes.

    Attributes
    ----------
    calibrated
        Whether the spread of its maps was calibrated on genes that it held out.
    """

    calibrated: bool = False

    def estimate(self, sizes: GeneSizes) -> Estimate:
        """Return time and memory for fitting and imputing, excluding the table of imputed genes.

        Raises
        ------
        InputError
            It does not fit in the available memory.
        """
        compared = sizes.spots * min(sizes.cells, _MOST_CELLS)
        maps = (sizes.asked + sizes.shared) * sizes.spots * _PER_MAP + compared * _PER_PAIR
        return Estimate(_FIXED_S + maps, 8.0 * (sizes.spots * sizes.shared * 12 + compared))

    @abstractmethod
    def fit(
        self,
        slide: Prepared,
        reference: Prepared,
        run: Run | None = None,
    ) -> Self:
        """Learn from the genes that slide and reference share.

        Parameters
        ----------
        slide, reference
            Spots with coordinates, and cells; see `contract.prepare_slide` and `prepare_query`.
            Values may be counts or logarithms: `read_inputs` brings them to one scale.

        Raises
        ------
        ValidationError
            They share no gene.
        Stopped
            The user stopped the run.
        """

    @abstractmethod
    def impute(
        self, genes: Sequence[str], *, reporter: Reporter | None = None
    ) -> Iterator[GeneBlock]:
        """Yield the requested genes in order, in blocks small enough to bound memory.

        Parameters
        ----------
        genes
            Names as in the reference, without duplicates.
        """

    def report(self) -> dict[str, Any]:
        """Return metrics on the genes held out during fitting, for the record of the run."""
        return {}
