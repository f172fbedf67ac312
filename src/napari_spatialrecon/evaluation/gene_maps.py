"""Maps of genes as they were measured, beside those that methods imputed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from scipy import sparse

from napari_spatialrecon.evaluation import palette

if TYPE_CHECKING:
    from anndata import AnnData

_WIDTH, _DPI = 1200, 150
_FILLED = 0.5
"""Share of a map that its spots cover."""


def gene_maps(
    measured: AnnData,
    imputed: Mapping[str, AnnData],
    genes: Sequence[str],
    found: Mapping[str, Mapping[str, Any]],
) -> Figure:
    """Draw a row for each gene: as measured, then as each method imputed it.

    Parameters
    ----------
    measured
        The slide: counts, ``obsm["spatial"]`` (n_spots, 2), (x, y), y down.
    imputed
        Title of a method to its result, whose ``X`` holds log-normalized values.
    genes
        Names, a row each.
    found
        What `evaluate_genes` says of each method; its correlations are written below the maps.

    Returns
    -------
    matplotlib.figure.Figure
        1200 pixels wide.
    """
    points = np.asarray(measured.obsm["spatial"], float)
    extent = np.maximum(np.ptp(points, axis=0), 1e-9)
    columns = 1 + len(imputed)
    side = _WIDTH / _DPI / columns
    figure = Figure((_WIDTH / _DPI, len(genes) * (side * extent[1] / extent[0] + 0.5)), dpi=_DPI)
    room = (72 * side) ** 2 * extent[1] / extent[0]  # points² of a map
    axes = figure.subplots(len(genes), columns, squeeze=False)
    for row, gene in enumerate(genes):
        maps = {"measured": _logarithms(measured, gene)}
        maps |= {name: _dense(table[:, [gene]].X) for name, table in imputed.items()}
        for ax, (name, values) in zip(axes[row], maps.items(), strict=True):
            low, high = np.percentile(values, [2, 98])
            ax.scatter(
                *points.T,
                c=values,
                s=_FILLED * room / max(len(points), 1),
                cmap="viridis",
                vmin=low,
                vmax=max(high, low + 1e-9),
                linewidths=0,
            )
            ax.set(xticks=[], yticks=[], aspect="equal")
            ax.invert_yaxis()
            ax.spines[:].set_visible(False)
            ax.set_title(f"{gene}, {name}", fontsize=9, color=palette.INK, loc="left")
            if name in found:
                words = f"correlation {found[name]['per_gene'][gene]['pcc']:.2f}"
                ax.set_xlabel(words, fontsize=8, color=palette.INK, loc="left")
    figure.tight_layout()
    return figure


def _logarithms(slide: AnnData, gene: str) -> np.ndarray:
    totals = np.maximum(np.asarray(slide.X.sum(axis=1)).ravel(), 1)
    return np.log1p(_dense(slide[:, [gene]].X) / totals * np.median(totals))


def _dense(column: Any) -> np.ndarray:
    return np.asarray(column.toarray() if sparse.issparse(column) else column, float).ravel()
