"""What every method takes and gives that imputes genes a slide never measured."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from napari_spatialrecon.config import Config
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.training.history import History

Values = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class GeneBlock:
    """Some imputed genes over all spots.

    Parameters
    ----------
    genes
        As the reference names them.
    values : (n_spots, n_genes) float32
        Log-normalised expression on the slide's scale, 0 or more; spots of the prepared slide.
    spread : (n_spots, n_genes) float32, or None
        Standard deviation of what the gene could be in a spot, in the unit of `values`.
    """

    genes: tuple[str, ...]
    values: Values
    spread: Values | None = None


class GeneMethod(ABC):
    """A method that imputes genes: `fit` on a slide and a reference, then `impute` any gene of it.

    Parameters
    ----------
    config
        Hyper-parameters; the quick preset if None.
    """

    name: ClassVar[str]
    config_class: ClassVar[type[Config]]

    def __init__(self, config: Config | None = None) -> None:
        self.config = config if config is not None else self.config_class()
        self.history: list[History] = []

    #: What fitting has to say, in words.
    notes: tuple[str, ...] = ()

    @abstractmethod
    def fit(
        self,
        slide: Prepared,
        reference: Prepared,
        *,
        seed: int = 0,
        device: str = "cpu",
        reporter: Reporter | None = None,
    ) -> Self:
        """Learn from the genes that slide and reference share.

        Parameters
        ----------
        slide, reference
            Spots with places, and cells; see `contract.prepare_slide` and `prepare_query`. Their
            values may be counts or logarithms: `methods.gene_inputs` brings them to one scale.

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
        """Yield the asked genes in order, in blocks small enough that memory does not grow.

        Parameters
        ----------
        genes
            Names of the reference, each once.
        """

    def reliability(self, genes: Sequence[str]) -> NDArray[np.float64]:
        """Return the correlation with the truth that is expected of each gene's map: (n_genes,).

        NaN where the method cannot tell. Known for a gene after it was imputed.
        """
        return np.full(len(genes), np.nan)

    def report(self) -> dict[str, Any]:
        """Return what fitting measured on genes it held out, for the record of the run."""
        return {}
