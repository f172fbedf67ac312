"""Gram matrices of centred layouts: the shape of a point set, without its pose."""

from __future__ import annotations

import numpy as np

from napari_spatialrecon.errors import InputError


def gram(points: np.ndarray) -> np.ndarray:
    """Return the (n, n) inner products of the centred `points`, (n, d). Needs O(n²) memory.

    Examples
    --------
    >>> gram(np.array([[0.0, 0.0], [2.0, 0.0]]))
    array([[ 1., -1.],
           [-1.,  1.]])
    """
    centred = points - points.mean(axis=0)
    return centred @ centred.T


def layout_from_gram(gram: np.ndarray, d: int = 2) -> np.ndarray:
    """Return the centred (n, d) layout whose Gram matrix is nearest to `gram` (classical MDS).

    Axes are in decreasing order of spread, each with its largest entry positive; negative
    eigenvalues (distances that no layout can have) count as zero.

    Parameters
    ----------
    gram : (n, n) float
        Symmetric; only its symmetric part is used.
    d
        Dimension of the layout.

    Raises
    ------
    InputError
        `gram` is not square or smaller than `d`.
    """
    if gram.ndim != 2 or gram.shape[0] != gram.shape[1] or len(gram) < d:
        raise InputError(
            f"Expected a square Gram matrix of at least {d} rows, found shape {gram.shape}."
        )
    values, vectors = np.linalg.eigh((gram + gram.T) / 2)
    values, vectors = values[::-1][:d], vectors[:, ::-1][:, :d]
    largest = np.abs(vectors).argmax(axis=0)
    signs = np.where(vectors[largest, np.arange(d)] < 0, -1.0, 1.0)
    return vectors * signs * np.sqrt(np.maximum(values, 0))


def canonical(points: np.ndarray) -> np.ndarray:
    """Return `points`, (n, d), centred and with root-mean-square radius 1.

    Raises
    ------
    InputError
        All points coincide, so there is no size to scale.
    """
    centred = points - points.mean(axis=0)
    radius = float(np.sqrt((centred**2).sum(axis=1).mean()))
    if not radius > 0:
        raise InputError(
            f"Expected points in different places, found all {len(points)} in one place."
        )
    return centred / radius
