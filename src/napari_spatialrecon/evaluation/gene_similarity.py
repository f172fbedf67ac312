"""How alike genes are over the spots: imputed beside measured (SpaDiT, gene-distance heat map)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from napari_spatialrecon.evaluation import palette

Array = NDArray[np.float64]
#: Most genes that are compared with one another, and that are named beside a picture.
MOST, _NAMED = 1000, 40
_SIZE, _DPI = (8.4, 4.4), 150


@dataclass(frozen=True, eq=False)
class GeneSimilarity:
    """Correlations over the spots of each pair of genes.

    Parameters
    ----------
    names
        Of the genes.
    measured, imputed : (n_genes, n_genes)
        Pearson's correlation; 0 with a gene that is constant, 1 on the diagonal.
    """

    names: tuple[str, ...]
    measured: Array
    imputed: Array

    @classmethod
    def of(cls, names: Sequence[str], truth: Array, prediction: Array) -> Self:
        """Compare maps of the same genes over the same spots, each (n_spots, n_genes)."""
        return cls(tuple(map(str, names)), _correlations(truth), _correlations(prediction))

    @property
    def agreement(self) -> float:
        """Correlation over the pairs of imputed with measured similarity; NaN below three genes."""
        pairs = np.triu_indices(len(self.names), 1)
        a, b = self.measured[pairs], self.imputed[pairs]
        if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
            return float("nan")
        return float(np.corrcoef(a, b)[0, 1])

    @property
    def excess(self) -> float:
        """Mean of imputed minus measured absolute similarity: above 0, maps are too much alike."""
        pairs = np.triu_indices(len(self.names), 1)
        if not len(pairs[0]):
            return float("nan")
        return float((np.abs(self.imputed[pairs]) - np.abs(self.measured[pairs])).mean())

    def report(self) -> dict[str, Any]:
        """Return the numbers, ready for JSON."""
        return {"genes": len(self.names), "agreement": self.agreement, "excess": self.excess}


def similarity_plot(found: GeneSimilarity, *, title: str = "") -> Figure:
    """Draw measured and imputed similarity side by side, genes in the order of their clusters.

    The order is that of average linkage on 1 - the measured correlation, for both.
    """
    distance = 1 - (found.measured + found.measured.T) / 2
    np.fill_diagonal(distance, 0.0)
    order = np.arange(len(distance))
    if len(distance) > 2:
        order = leaves_list(linkage(squareform(distance, checks=False), "average"))
    figure = Figure(_SIZE, dpi=_DPI, layout="constrained")
    axes = figure.subplots(1, 2)
    image = None
    for ax, (name, values) in zip(
        axes, {"measured": found.measured, "imputed": found.imputed}.items(), strict=True
    ):
        image = ax.imshow(values[np.ix_(order, order)], cmap="RdBu_r", vmin=-1, vmax=1)
        ax.set_title(name, fontsize=9, color=palette.INK)
        ax.set_xticks([])
        ax.set_yticks([])
    if len(order) <= _NAMED:
        axes[0].set_yticks(range(len(order)), [found.names[i] for i in order], fontsize=6)
    assert image is not None
    bar = figure.colorbar(image, ax=axes, shrink=0.8)
    bar.set_label("Correlation over the spots", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    said = f"{len(order):,} genes; the two agree with a correlation of {found.agreement:.2f}"
    text = "\n".join(filter(None, (title, said)))
    figure.suptitle(text, fontsize=9, color=palette.INK, x=0.01, ha="left")
    return figure


def _correlations(values: Array) -> Array:
    """Return the correlation of each pair of columns; 0 with a constant one."""
    centred = np.asarray(values, float) - np.mean(values, axis=0)
    length = np.linalg.norm(centred, axis=0)
    constant = length <= 1e-9 * np.maximum(np.abs(values).max(axis=0), 1e-12)
    unit = np.where(constant, 0.0, centred / np.where(constant, 1.0, length))
    found = unit.T @ unit
    np.fill_diagonal(found, 1.0)
    return np.asarray(found)
