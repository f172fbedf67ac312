"""The points of a layer in an embedding of their expression, without Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tasks import embedding
from napari_spatialrecon.viewer.canvas import lasso
from napari_spatialrecon.viewer.canvas.layer_values import rows_of
from napari_spatialrecon.viewer.canvas.table_metadata import table_of
from napari_spatialrecon.viewer.window.apart import apart

if TYPE_CHECKING:
    from napari.layers import Points

    from napari_spatialrecon.methods.encoders.base import EncoderMethod
    from napari_spatialrecon.progress import ProgressCallback, ShouldStop
    from napari_spatialrecon.tasks.embedding import Kind

MOST = 50_000
"""Points that are drawn at most; a selection is among all."""
_UMAP = "napari_spatialrecon.tasks.embedding:umap"


def held_names(layer: Points) -> list[str]:
    """Return the embeddings that the layer's table holds, UMAP and t-SNE first."""
    adata = table_of(layer)
    return [] if adata is None else embedding.embeddings(adata)


def held(layer: Points, name: str) -> np.ndarray:
    """Return the first two dimensions (n_points, 2) of an embedding that the table holds.

    NaN for points that the table does not know.
    """
    adata = table_of(layer)
    if adata is None or name not in adata.obsm:
        raise InputError(f"Expected the embedding {name}, found none.", where=layer.name)
    return _of_points(layer, np.asarray(adata.obsm[name])[:, :2])


def computed(
    layer: Points, kind: Kind, progress: ProgressCallback, should_stop: ShouldStop
) -> np.ndarray:
    """Return a PCA or UMAP (n_points, 2) of the layer's table; safe in a thread.

    UMAP runs in a process of its own, which ends as soon as `should_stop` returns True.

    Raises
    ------
    InputError
        The layer has no table, or `tasks.embedding.embed` refuses it.
    Stopped
        `should_stop` returned True.
    """
    adata = table_of(layer)
    if adata is None:
        raise InputError("Expected a table with counts, found points alone.", where=layer.name)

    def unfold(components: np.ndarray, seed: int) -> np.ndarray:
        return apart(_UMAP, components, "a UMAP", should_stop, seed=seed)

    found = embedding.embed(adata, kind, unfold=unfold, progress=progress, should_stop=should_stop)
    return _of_points(layer, found)


def latent(
    layer: Points, encoder: EncoderMethod, progress: ProgressCallback, should_stop: ShouldStop
) -> np.ndarray:
    """Return a UMAP (n_points, 2) of what an encoder reads of the layer's table; safe in a thread.

    Raises
    ------
    InputError
        The layer has no table, or it lacks genes of the encoder.
    Stopped
        `should_stop` returned True.
    """
    from napari_spatialrecon.progress import Reporter
    from napari_spatialrecon.tasks import encoding

    adata = table_of(layer)
    if adata is None:
        raise InputError("Expected a table with counts, found points alone.", where=layer.name)
    reporter = Reporter(progress, should_stop)
    reporter.begin("Encoding")
    values = encoding.latent(encoder, adata)
    known = np.isfinite(values).all(axis=1)
    reporter.begin("UMAP")
    found = np.full((len(values), 2), np.nan)
    found[known] = apart(_UMAP, values[known], "a UMAP", should_stop, seed=0)
    return _of_points(layer, found)


def sampled(drawn: np.ndarray, *, most: int = MOST) -> np.ndarray:
    """Return which points to draw (n_drawn,) int, ascending: a random sample of too many.

    Parameters
    ----------
    drawn : (n_points,) bool
        Points that are in the embedding and not hidden.
    """
    rows = np.flatnonzero(drawn)
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(0).choice(rows, most, replace=False))
    return rows


def inside(xy: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """Return the points (n,) int that lie within a closed outline (m, 2).

    Examples
    --------
    >>> square = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]])
    >>> inside(np.array([[1.0, 1.0], [3.0, 1.0], [np.nan, 1.0]]), square).tolist()
    [0]
    """
    return np.flatnonzero(lasso.inside(xy, outline))


def distinct_colors(rgba: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the colors (n_colors, 4) uint8 among those of points, and the index of each point."""
    levels = np.round(np.clip(rgba, 0, 1) * 255).astype(np.uint8)
    packed = np.ascontiguousarray(levels).view(np.uint32).ravel()
    unique, index = np.unique(packed, return_inverse=True)
    return unique.view(np.uint8).reshape(-1, 4), index


def said(n_drawn: int, n_shown: int, n_missing: int, n_selected: int) -> str:
    """Return in words what is drawn and selected.

    Examples
    --------
    >>> said(50_000, 1_000_000, 0, 12)
    '50,000 of 1,000,000 points are drawn. 12 selected.'
    """
    words = []
    if n_drawn < n_shown:
        words.append(f"{n_drawn:,} of {n_shown:,} points are drawn.")
    if n_missing:
        points = "point without counts is" if n_missing == 1 else "points without counts are"
        words.append(f"{n_missing:,} {points} not in it.")
    words.append(f"{n_selected:,} selected." if n_selected else _HOW)
    return " ".join(words)


_HOW = "Drag around points to select them; Shift adds, a click clears."


def _of_points(layer: Points, values: np.ndarray) -> np.ndarray:
    adata = table_of(layer)
    assert adata is not None
    rows = rows_of(layer, adata)
    found = np.asarray(values, float)
    if rows is None:
        return found
    return np.where((rows < 0)[:, None], np.nan, found[rows])
