"""Two-dimensional views of expression: embeddings that a table holds, PCA and UMAP."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.progress import ProgressCallback, Reporter, ShouldStop
from napari_spatialrecon.tasks.groups import log_expression
from napari_spatialrecon.tissue.slots import (
    BEFORE,
    GEOMETRY,
    LAYOUT,
    LOWER,
    MAPPING,
    PROPORTIONS,
    SPATIAL,
    UPPER,
)

if TYPE_CHECKING:
    from anndata import AnnData
    from scipy.sparse import csr_matrix

Kind = Literal["PCA", "UMAP"]
KINDS: tuple[Kind, ...] = ("UMAP", "PCA")
"""What can be computed where the table holds none."""
_PLACES = {SPATIAL, BEFORE, LAYOUT, GEOMETRY, MAPPING, PROPORTIONS, LOWER, UPPER, "spatial3d"}
_COMPONENTS, _GENES, _NEIGHBORS = 30, 2_000, 15
_FIRST = ("umap", "tsne", "pca", "latent")


def embeddings(adata: AnnData) -> list[str]:
    """Return the keys of `obsm` that hold an embedding of expression: UMAP and t-SNE first.

    Coordinates in the tissue, mappings and proportions are none.
    """
    found = [
        str(key)
        for key, values in adata.obsm.items()
        if key not in _PLACES and getattr(values, "ndim", 0) == 2 and values.shape[1] >= 2
    ]
    ranks = {name: rank for rank, name in enumerate(_FIRST)}
    return sorted(
        found, key=lambda k: min((r for n, r in ranks.items() if n in k.lower()), default=9)
    )


def embed(
    adata: AnnData,
    kind: Kind,
    *,
    seed: int = 0,
    unfold: Callable[[np.ndarray, int], np.ndarray] | None = None,
    progress: ProgressCallback | None = None,
    should_stop: ShouldStop | None = None,
) -> np.ndarray:
    """Return a PCA or UMAP of log-normalized counts, (n_cells, 2) float32.

    PCA is of the 2,000 most variable genes, UMAP of its first 30 components.

    Parameters
    ----------
    adata
        Cells or spots with counts; not changed.
    seed
        Seed of UMAP.
    unfold
        What computes UMAP from components and a seed, by default `umap`: the window runs that in a
        process of its own, which can be stopped.
    progress, should_stop
        Called between steps; UMAP's optimization is one step.

    Returns
    -------
    NaN for cells without counts.

    Raises
    ------
    InputError
        There are fewer than 4 cells with counts, or fewer than 3 genes.
    Stopped
        `should_stop` returned True.
    """
    reporter = Reporter(progress, should_stop)
    reporter.begin("Normalizing")
    expression, _ = log_expression(adata)
    counted = np.flatnonzero(np.diff(expression.indptr))
    if len(counted) < 4 or expression.shape[1] < 3:
        raise InputError(
            "Expected at least 4 cells with counts and 3 genes, found "
            f"{len(counted)} and {expression.shape[1]}."
        )
    reporter.check()
    reporter.begin("Principal components")
    components = _components(expression[counted])
    found = np.full((adata.n_obs, 2), np.nan, np.float32)
    if kind == "PCA":
        found[counted] = components[:, :2]
        return found
    reporter.check()
    reporter.begin("UMAP")
    found[counted] = (unfold or umap)(components, seed)
    reporter.step(1)
    return found


def _components(expression: csr_matrix) -> np.ndarray:
    import scanpy as sc

    squares, mean = expression.multiply(expression).mean(axis=0), expression.mean(axis=0)
    variance = np.asarray(squares - np.square(mean)).ravel()
    variable = np.sort(np.argsort(-variance, kind="stable")[:_GENES])
    n = min(_COMPONENTS, expression.shape[0] - 1, len(variable) - 1)
    found: np.ndarray = sc.pp.pca(expression[:, variable], n_comps=n, random_state=0)
    return found


def umap(components: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return UMAP's two dimensions (n_cells, 2) float32 of components (n_cells, n)."""
    import scanpy as sc
    from anndata import AnnData

    table = AnnData(np.zeros((len(components), 0), np.float32), obsm={"X_pca": components})
    near = min(_NEIGHBORS, len(components) - 1)
    sc.pp.neighbors(table, n_neighbors=near, use_rep="X_pca", random_state=seed)
    sc.tl.umap(table, random_state=seed)
    return np.asarray(table.obsm["X_umap"], np.float32)
