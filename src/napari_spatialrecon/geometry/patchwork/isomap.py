"""A layout from the distances of some pairs of cells, through paths to a few landmark cells."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from napari_spatialrecon.progress import Reporter

#: Landmarks whose paths are found at once, between two checks of the stop signal.
_AT_ONCE = 4


def landmark_isomap(
    distances: csr_matrix,
    landmarks: int,
    generator: np.random.Generator,
    reporter: Reporter | None = None,
) -> np.ndarray:
    """Return a layout whose distances approximate the shortest paths to some `landmarks`.

    Classical scaling of the landmarks; other cells are placed by their distances to the landmarks
    (de Silva and Tenenbaum 2003, "Global versus local methods in nonlinear dimensionality
    reduction").

    Parameters
    ----------
    distances : (n, n) csr
        Symmetric and connected.
    landmarks
        Number of cells drawn at random; all if there are fewer.
    generator
        Draws the landmarks.
    reporter
        May stop the work.

    Returns
    -------
    (n, 2) float
        Centred.

    Examples
    --------
    >>> chain = csr_matrix(np.diag([1.0, 2.0], 1) + np.diag([1.0, 2.0], -1))
    >>> layout = landmark_isomap(chain, 3, np.random.default_rng(0))
    >>> float(abs(layout[0] - layout[2]).max().round(6))
    3.0
    """
    reporter = reporter or Reporter()
    n = distances.shape[0]
    chosen = generator.choice(n, min(landmarks, n), replace=False)
    paths = np.empty((len(chosen), n))
    for start in range(0, len(chosen), _AT_ONCE):
        reporter.check()
        part = slice(start, start + _AT_ONCE)
        paths[part] = dijkstra(distances, directed=True, indices=chosen[part])
    squares = paths**2
    among = squares[:, chosen]
    typical = among.mean(axis=1)
    gram = (typical[:, None] + typical - among - typical.mean()) / 2
    values, vectors = np.linalg.eigh(gram)
    size = np.maximum(values[-2:], 0)
    inverse = np.divide(1.0, np.sqrt(size), out=np.zeros(2), where=size > 1e-9 * size.max())
    layout = (typical[:, None] - squares).T @ vectors[:, -2:] * inverse / 2
    return np.asarray(layout - layout.mean(axis=0))
