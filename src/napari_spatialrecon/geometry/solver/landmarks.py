"""Landmarks (cells with a known position), the scale they imply and the next one to ask for."""

from __future__ import annotations

import contextlib
import dataclasses
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import pdist
from sklearn.cluster import KMeans

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.procrustes import fit_pose, flatness

#: Landmarks with a smaller ratio of second to first spread do not determine the reflection.
_COLLINEAR = 1e-3

#: Limit on the similarity's λ relative to that of the distances: a layout unrelated to the
#: positions would otherwise shrink to a point.
_MOST_DRAWN = 3.0

#: Number of clusters of reliable cells whose medoids are suggested as landmarks.
TYPICAL = 100

#: Weight that represents no landmark at all, relative to 1 for an exact one.
_FAINT = 1e-3

#: Weight of the variance across nearly collinear landmarks, relative to that of the pose.
_ACROSS = 0.05


@dataclass(frozen=True, eq=False)
class Landmarks:
    """Cells with a known position: eq. 7 of the dp-VAE paper if hard, its relaxation if soft.

    Parameters
    ----------
    indices : (k,) int
        Rows of the cells, at least 3, without duplicates.
    places : (k, 2) float, (x, y)
        Their positions, in the unit of the target frame; not all on one line.
    hard : (k,) bool, optional
        Whether the position is exact (True for all by default).
    weights : (k,) float, optional
        Pull of the soft landmarks, above 0 (default 10). At 1 a landmark pulls as hard as all the
        distances of its cell together; 10 to 100 is firm.

    Raises
    ------
    InputError
        One of the above does not hold; the message says which and what to try.

    Examples
    --------
    >>> three = Landmarks(np.array([4, 9, 2]), np.array([[0.0, 0.0], [50.0, 0.0], [0.0, 80.0]]))
    >>> three.hard
    array([ True,  True,  True])
    >>> three.moved(9, np.array([60.0, 5.0])).places[1]
    array([60.,  5.])
    """

    indices: np.ndarray
    places: np.ndarray
    hard: np.ndarray = None  # type: ignore[assignment]
    weights: np.ndarray = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        indices = np.asarray(self.indices)
        places = np.array(self.places, float)
        k = len(indices)
        hard = np.ones(k, bool) if self.hard is None else np.asarray(self.hard, bool)
        weights = np.full(k, 10.0) if self.weights is None else np.array(self.weights, float)
        _check(indices, places, hard, weights)
        object.__setattr__(self, "indices", indices.astype(np.intp))
        object.__setattr__(self, "places", places)
        object.__setattr__(self, "hard", hard)
        object.__setattr__(self, "weights", weights)

    def __len__(self) -> int:
        return len(self.indices)

    def moved(self, index: int, place: np.ndarray) -> Landmarks:
        """Return a copy with the landmark of cell `index` at `place`, (x, y).

        Raises
        ------
        InputError
            The cell is not a landmark, or the move leaves all landmarks on one line.
        """
        row = np.flatnonzero(self.indices == index)
        if not len(row):
            raise InputError(
                f"Expected a cell that is a landmark, found cell {index}.",
                remedy="Try adding it as a landmark first.",
            )
        places = self.places.copy()
        places[row[0]] = place
        return dataclasses.replace(self, places=places)

    def check_cells(self, n_cells: int) -> None:
        """Raise `InputError` if a landmark is not one of `n_cells` cells."""
        wrong = self.indices[(self.indices < 0) | (self.indices >= n_cells)]
        if len(wrong):
            raise InputError(
                f"Expected landmarks among the {n_cells} cells, found cell {wrong[0]}"
                f"{f' and {len(wrong) - 1} more' if len(wrong) > 1 else ''}.",
                remedy="Try removing the landmarks of cells that are not in this query.",
                where="landmarks",
            )


def _check(indices: np.ndarray, places: np.ndarray, hard: np.ndarray, weights: np.ndarray) -> None:
    def wrong(message: str, remedy: str) -> InputError:
        return InputError(message, remedy=remedy, where="landmarks")

    k = len(indices)
    if indices.ndim != 1 or (k and indices.dtype.kind not in "iu"):
        raise wrong("Expected one row number per landmark, found something else.", "Try integers.")
    if places.shape != (k, 2) or hard.shape != (k,) or weights.shape != (k,):
        raise wrong(
            f"Expected a position (x, y) for each of {k} landmarks, found shape {places.shape}.",
            "Try one position, one hard flag and one weight per index.",
        )
    if not np.isfinite(places).all():
        cell = indices[~np.isfinite(places).all(axis=1)][0]
        raise wrong(
            f"Expected finite positions, found that of cell {cell} not finite.",
            "Try setting a position for that landmark or removing it.",
        )
    if not (np.isfinite(weights).all() and (weights > 0).all()):
        raise wrong(
            "Expected weights above 0, found others.", "Try 10, or 100 to hold the cells closer."
        )
    found, counts = np.unique(indices, return_counts=True)
    if (counts > 1).any():
        raise wrong(
            f"Expected each cell once, found cell {found[counts > 1][0]} "
            f"{counts[counts > 1][0]} times.",
            "Try keeping one position for that cell.",
        )
    if k < 3:
        raise wrong(
            f"Expected at least 3 landmarks, found {k}: "
            + (
                "2 determine the pose only up to a reflection."
                if k == 2
                else "the pose is undetermined."
            ),
            f"Try adding {3 - k} more away from the line through the others.",
        )
    flat = flatness(places)
    if flat is None or flat < _COLLINEAR:
        raise wrong(
            f"Expected landmarks that span the plane, found all {k} "
            + ("in one place." if flat is None else "on one line: the layout could be flipped."),
            "Try adding one well away from that line.",
        )


def fit_scale(latent: np.ndarray, landmarks: Landmarks, *, trained: float | None = None) -> float:
    """Return λ, latent units per tissue unit, refitted to the landmarks.

    Two fits, both by least squares in tissue units: of the pairwise distances,
    ``λ = Σ ‖z_i − z_j‖² / Σ ‖z_i − z_j‖ ‖s_i − s_j‖``, and, for a latent in the plane, of the
    similarity that maps the landmarks to their positions (`fit_pose`). The noise is in the latent,
    so the residual is measured in the tissue: an uncertain latent then contracts the layout, which
    lowers the error (measuring it in the latent, as eq. 6 would, expands the layout and raises it).
    Noise lengthens distances, so that they contract the layout too little; the larger λ is
    therefore returned. For an exact latent both agree.

    Parameters
    ----------
    latent : (n, d) float
        Posterior means of all cells.
    landmarks
        At least 3, not on one line.
    trained
        The λ of training. Few landmarks overestimate the spread about half of the time, and only an
        overestimate does harm: the result never spreads the cells wider than `trained` does.

    Raises
    ------
    InputError
        All landmark cells have the same latent.
    """
    landmarks.check_cells(len(latent))
    apart = pdist(latent[landmarks.indices])
    if not apart.any():
        raise InputError(
            "Expected landmarks with different latents, found the same for all of them.",
            remedy="Try landmarks in different parts of the tissue.",
            where="landmarks",
        )
    scale = float(apart @ apart / (apart @ pdist(landmarks.places)))
    if latent.shape[1] == 2:
        with contextlib.suppress(InputError):  # collinear latents: the solver reports them
            pose = fit_pose(latent[landmarks.indices], landmarks.places)
            scale = max(scale, min(1 / max(pose.scale, 1e-12), _MOST_DRAWN * scale))
    return scale if trained is None else max(scale, trained)


def typical_cells(
    latent: np.ndarray, spread: np.ndarray, k: int = TYPICAL, *, seed: int = 0
) -> np.ndarray:
    """Return candidate landmarks: medoids of the cells with the smaller half of the spreads.

    Uncertain cells make worse landmarks than random ones, since their latent carries little
    information about the others, and cells at the rim of the latent are often there by chance. The
    more certain half is therefore clustered by k-means, and each cluster is represented by the cell
    nearest to its centre.

    Parameters
    ----------
    latent : (n, d) float
        Posterior means.
    spread : (n,) float
        Uncertainty of each cell, in any unit.
    k
        Number of clusters; many more than landmarks, so that some lie wherever one is needed.
    seed
        Seed of k-means.

    Returns
    -------
    (m,) int
        Rows of at most `k` cells, ascending.

    Raises
    ------
    InputError
        Lengths differ.
    """
    latent, spread = np.asarray(latent, float), np.asarray(spread, float)
    if len(latent) != len(spread):
        raise InputError(
            f"Expected one spread per cell, found {len(spread)} for {len(latent)} cells."
        )
    certain = np.flatnonzero(spread <= np.median(spread))
    groups = KMeans(min(k, len(certain)), n_init=3, random_state=seed).fit(latent[certain])
    return np.unique(certain[groups.transform(latent[certain]).argmin(axis=0)])


def next_landmark(
    latent: np.ndarray, spread: np.ndarray, landmarks: np.ndarray, among: np.ndarray
) -> int:
    """Return the most informative next landmark: the one that best fixes the pose of all cells.

    The distance of a cell from its posed latent has the variance ``1 / w = spread² + median²``. The
    similarity fitted to landmarks K with these weights then has, at a latent z, the variance
    ``1 / W + ‖z − m‖² / S``, with ``W = Σ w``, m their weighted mean and ``S = Σ w ‖z_k − m‖²``.
    The cell that minimises this variance, averaged over all cells, is chosen (a V-optimal design,
    one landmark at a time): this favours certain cells, far apart around the middle of the tissue.
    Landmarks on one line determine a similarity, but not its reflection. Once there are enough of
    them, a share of ``v / s`` is therefore added, with v the least variance of the latent along any
    direction and s the least ``Σ w ((z_k − m) · u)²`` of the landmarks along any direction u.

    Parameters
    ----------
    latent : (n, d) float
        Posterior means.
    spread : (n,) float
        Uncertainty of each cell, in any unit.
    landmarks : (m,) int
        Cells that already are landmarks; may be empty.
    among : (c,) int
        Candidate cells (`typical_cells`). Once all are landmarks, any other cell.

    Raises
    ------
    InputError
        Every cell is a landmark.
    """
    latent, known = np.asarray(latent, float), np.asarray(landmarks, np.intp)
    asked = np.setdiff1d(among, known)
    if not len(asked):
        asked = np.setdiff1d(np.arange(len(latent)), known)
    if not len(asked):
        raise InputError("Expected a cell that is not yet a landmark, found none.")
    spread = np.asarray(spread, float)
    known_spread = spread[np.isfinite(spread)]
    usual = float(np.median(known_spread)) if known_spread.any() else 1.0
    weights = 1 / ((spread / usual) ** 2 + 1)
    latent = latent - latent.mean(axis=0)
    radius2 = float((latent**2).sum(axis=1).mean())
    square = (latent**2).sum(axis=1)
    # sums over the landmarks plus each candidate, and over a faint one that represents none
    mass = _FAINT + weights[known].sum() + weights[asked]
    first = weights[known] @ latent[known] + weights[asked, None] * latent[asked]
    second = _FAINT * radius2 + weights[known] @ square[known] + weights[asked] * square[asked]
    off = ((first / mass[:, None]) ** 2).sum(axis=1)
    around = np.maximum(second - mass * off, 1e-12 * max(radius2, 1e-300))
    left = 1 / mass + (radius2 + off) / around
    if len(known) >= latent.shape[1]:
        left += _ACROSS * _across(latent, weights, known, asked)
    return int(asked[left.argmin()])


def _across(
    latent: np.ndarray, weights: np.ndarray, known: np.ndarray, asked: np.ndarray
) -> np.ndarray:
    """Return v / s of `next_landmark` for each candidate cell, (a,)."""
    own = latent[known]
    mass = weights[known].sum() + weights[asked]
    first = weights[known] @ own + weights[asked, None] * latent[asked]
    second = (own * weights[known, None]).T @ own + np.einsum(
        "a,ai,aj->aij", weights[asked], latent[asked], latent[asked]
    )
    scatter = second - np.einsum("ai,aj->aij", first, first) / mass[:, None, None]
    thinnest = np.linalg.eigvalsh(latent.T @ latent / len(latent))[0]
    least = np.linalg.eigvalsh(scatter)[:, 0]
    return thinnest / np.maximum(least, 1e-12 * max(np.trace(latent.T @ latent), 1e-300))
