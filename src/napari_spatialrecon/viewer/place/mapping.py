"""The mapping kept with a result: likely spots of each cell, and likely cells of each spot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_spatialrecon.tissue.slots import MAPPING, OURS

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from scipy.sparse import csr_matrix

_MOST = 0.9


@dataclass(frozen=True)
class CellMapping:
    """Placed cells and the spots of the slides that they were placed on.

    Parameters
    ----------
    matrix : (n_cells, n_spots) csr
        Rows sum to 1.
    cells : (n_cells,) str
    spots, slides : (n_spots,) str
        Name of each spot, and of its slide.
    """

    matrix: csr_matrix
    cells: np.ndarray
    spots: np.ndarray
    slides: np.ndarray

    @classmethod
    def read(cls, adata: AnnData) -> CellMapping | None:
        """Return the mapping of placed cells, None if the method has none."""
        own = adata.uns.get(OURS, {})
        if MAPPING not in adata.obsm or "mapping_spots" not in own:
            return None
        matrix = adata.obsm[MAPPING].tocsr()
        spots, slides = (np.asarray(own[f"mapping_{k}"]).astype(str) for k in ("spots", "slides"))
        if matrix.shape[1] != len(spots):
            return None
        return cls(matrix, adata.obs_names.to_numpy().astype(str), spots, slides)

    def spots_of(self, cell: int, slide: str, names: pd.Series) -> np.ndarray:
        """Return how likely a cell belongs to each spot of a slide, (n_names,); 0 elsewhere.

        Parameters
        ----------
        names
            Spots in the desired order.
        """
        row = self.matrix[[cell]].tocoo()
        known = {
            str(self.spots[i]): value
            for i, value in zip(row.col, row.data, strict=True)
            if self.slides[i] == slide
        }
        return np.array([known.get(str(name), 0.0) for name in names], np.float32)

    def cells_of(self, slide: str, spot: str) -> np.ndarray:
        """Return how likely each cell belongs to a spot, (n_cells,)."""
        column = np.flatnonzero((self.slides == slide) & (self.spots == spot))
        if not len(column):
            return np.zeros(len(self.cells), np.float32)
        return np.asarray(self.matrix[:, column].todense(), np.float32)[:, 0]

    def about_cell(self, cell: int) -> str:
        """Return a description of where a cell may belong."""
        row = self.matrix[[cell]].tocoo()
        order = np.argsort(-row.data)
        n = int(np.searchsorted(row.data[order].cumsum(), _MOST * row.data.sum())) + 1
        best = row.col[order[0]]
        share = {s: row.data[self.slides[row.col] == s].sum() for s in np.unique(self.slides)}
        on = ", ".join(f"{v:.0%} on {s}" for s, v in share.items()) if len(share) > 1 else ""
        spots = f"{n} spot{'s carry' if n > 1 else ' carries'} {_MOST:.0%} of its probability"
        text = f"{self.cells[cell]}: {spots}{f' ({on})' if on else ''}."
        return f"{text} Most likely: {self.spots[best]} of {self.slides[best]}."

    def about_spot(self, slide: str, spot: str) -> str:
        """Return a description of the cells that a spot may contain."""
        values = self.cells_of(slide, spot)
        order = [i for i in np.argsort(-values)[:5] if values[i] > 0]
        if not order:
            return f"{spot} of {slide}: no cell maps here."
        likeliest = ", ".join(f"{self.cells[i]} ({values[i]:.0%})" for i in order)
        return f"{spot} of {slide}: {int((values > 0).sum()):,} cells. Most likely: {likeliest}."
