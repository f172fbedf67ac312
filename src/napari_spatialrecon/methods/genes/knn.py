"""kNN over shared genes: a spot gets the mean expression of its most similar cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.preprocessing import normalize

from napari_spatialrecon.methods.genes.base import GeneBlock, GeneMethod, Values
from napari_spatialrecon.methods.genes.config import GeneKnnConfig
from napari_spatialrecon.methods.genes.inputs import GeneInputs, read_inputs
from napari_spatialrecon.methods.genes.scale import SlideScale, standardised
from napari_spatialrecon.methods.method import Fitted
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import Prepared

#: Spots compared with all cells per batch, and genes imputed per batch.
SPOTS, GENES = 2048, 256


@dataclass(frozen=True, kw_only=True, eq=False)
class MappedCells(Fitted):
    """Spots as weighted means of cells.

    Parameters
    ----------
    weights : (n_spots, n_mapped)
        Rows sum to 1.
    rows : (n_mapped,) int, optional
        Cells of the reference that the columns of `weights` refer to; all if None.
    """

    inputs: GeneInputs
    scale: SlideScale
    weights: sparse.csr_matrix | Values
    rows: NDArray[np.intp] | None = None

    def genes(self, genes: Sequence[str], reporter: Reporter | None) -> Iterator[GeneBlock]:
        """Yield genes as weighted means over cells, with the standard deviation among them."""
        reporter = reporter or Reporter()
        columns = self.inputs.find(genes)
        reporter.begin("Imputing genes", len(genes))
        for start in range(0, len(genes), GENES):
            reporter.check()
            here = slice(start, start + GENES)
            cells = self.inputs.cells(columns[here])
            used = cells if self.rows is None else cells[self.rows]
            mean = np.asarray(self.weights @ used, np.float32)
            variance = np.maximum(np.asarray(self.weights @ used**2) - mean**2, 0)
            values, unit = self.scale.values(standardised(mean), cells)
            spread = np.sqrt(variance) * unit / np.maximum(cells.std(axis=0), 1e-6)
            yield GeneBlock(tuple(genes[here]), values, spread.astype(np.float32))
            reporter.step(min(start + GENES, len(genes)))


class GeneKnn(GeneMethod):
    """Mean of the cells that are most like a spot in the shared genes."""

    name = "knn"
    config_class = GeneKnnConfig
    config: GeneKnnConfig
    fitted: MappedCells

    def fit(
        self,
        slide: Prepared,
        reference: Prepared,
        run: Run | None = None,
    ) -> Self:
        """Find each spot's most similar cells; see `GeneMethod.fit`."""
        run = run or Run()
        run.reporter.begin("Comparing spots with cells")
        inputs = read_inputs(slide, reference)
        shared = inputs.cells(inputs.columns)
        spots, cells = similar_features(inputs.slide, shared, self.config.components)
        self.fitted = MappedCells(
            inputs=inputs,
            scale=SlideScale.fit(inputs.slide, shared),
            weights=nearest_cells(spots, cells, self.config.neighbours, run.reporter),
            notes=inputs.notes,
        )
        return self

    def impute(
        self, genes: Sequence[str], *, reporter: Reporter | None = None
    ) -> Iterator[GeneBlock]:
        """Yield weighted means over the similar cells, on the slide's scale."""
        yield from self.fitted.genes(genes, reporter)


def similar_features(slide: Values, cells: Values, components: int) -> tuple[Values, Values]:
    """Return spots and cells as unit vectors: z-scores of the shared genes, or joint components.

    Parameters
    ----------
    slide, cells : (n_spots, n_genes), (n_cells, n_genes) float32
        Log-normalised.
    """
    spots, others = standardised(slide), standardised(cells)
    both = np.concatenate([spots, others])
    if 0 < components < min(both.shape):
        both = PCA(components, svd_solver="covariance_eigh").fit_transform(both)
    both = normalize(both).astype(np.float32)
    return both[: len(spots)], both[len(spots) :]


def nearest_cells(
    spots: Values, cells: Values, k: int, reporter: Reporter | None = None
) -> sparse.csr_matrix:
    """Return each spot's `k` most similar cells, weighted by cosine: (n_spots, n_cells).

    Rows sum to 1.

    Parameters
    ----------
    spots, cells : (n_spots, d), (n_cells, d) float32
        Unit vectors.
    """
    k = min(k, len(cells))
    chosen, weights = [], []
    for start in range(0, len(spots), SPOTS):
        if reporter is not None:
            reporter.check()
        likeness = spots[start : start + SPOTS] @ cells.T
        found = np.sort(np.argpartition(-likeness, k - 1, axis=1)[:, :k], axis=1)
        chosen.append(found)
        weights.append(np.maximum(np.take_along_axis(likeness, found, axis=1), 0) + 1e-6)
    weight = np.concatenate(weights)
    weight /= weight.sum(axis=1, keepdims=True)
    indices: NDArray[np.intp] = np.concatenate(chosen)
    shape = (len(spots), len(cells))
    pointer = np.arange(len(spots) + 1) * k
    return sparse.csr_matrix((weight.ravel(), indices.ravel(), pointer), shape)
