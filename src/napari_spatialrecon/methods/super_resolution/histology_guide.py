"""Histology-guided splitting: parts with more nuclear stain get more of a spot's counts.

The counts do not tell how a spot's *total* divides among its parts. The stain is used only as far
as it predicts how the counts of the slide's own spots divide within coarser blocks, and only if the
image is in register with the spots.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix, diags

from napari_spatialrecon.geometry.neighbours import nearest, neighbour_graph
from napari_spatialrecon.methods.super_resolution.base import SplitBlock
from napari_spatialrecon.methods.super_resolution.coarse_pair import CoarsePair, coarsen
from napari_spatialrecon.methods.super_resolution.weights import linear_weights
from napari_spatialrecon.tissue.subspots import Factor, SubSpots

#: Mean stain in squares of a given width around positions (m, 2): `NuclearDensity.at`.
Stain = Callable[[np.ndarray, float], np.ndarray]

#: Added to the stain before taking logarithms.
_LEAST = 0.05
#: Largest exponent of the stain: counts proportional to its square.
_STEEPEST = 2.0
#: Standard errors by which held-out blocks must improve, and number of folds.
_SURE, _FOLDS = 2.0, 8
#: Shifts of the image to try, and the largest that is accepted as registered, in pitches.
_SHIFTS, _STILL = np.arange(-0.75, 0.76, 0.25), 0.3


@dataclass(frozen=True)
class Guide:
    """Contribution of the stain to a split.

    Parameters
    ----------
    logits : (n, K) float64
        Added to the logarithm of the shares; zeros if the stain is not used.
    exponent
        Exponent of the stain; 0 if it is not used.
    gain
        Relative reduction of the squared error on held-out blocks.
    shift
        Shift (x, y) at which the image fits the counts best, in pitches.
    note
        Summary for the user.
    """

    logits: np.ndarray
    exponent: float
    gain: float
    shift: tuple[float, float]
    note: str

    def guided(self, block: SplitBlock) -> SplitBlock:
        """Return a block with its shares, and their spread, weighted by the stain.

        The totals of spots are kept.
        """
        if not self.exponent:
            return block
        n, n_parts = self.logits.shape
        stain = diags(np.exp(self.logits).ravel())
        weighed = csr_matrix(stain @ block.values)
        rows = np.arange(n * n_parts)
        gather = csr_matrix((np.ones(len(rows)), (rows // n_parts, rows)))
        scale = csr_matrix(gather @ weighed)
        scale.data = 1 / scale.data
        scale = csr_matrix((gather @ block.values).multiply(scale))
        rescale = csr_matrix(gather.T @ scale)
        spread = (
            None if block.spread is None else csr_matrix((stain @ block.spread).multiply(rescale))
        )
        return SplitBlock(block.genes, csr_matrix(weighed.multiply(rescale)), spread)


def fit_guide(counts: csr_matrix, parts: SubSpots, stain: Stain, seed: int = 0) -> Guide:
    """Determine how far the stain is informative on this slide.

    Two checks, both on observed counts alone. Registration: the spots' totals, relative to their
    neighbours', must follow the stain best without a shift. Prediction: on held-out blocks, the
    stain must predict how the counts of 2 x 2 spots divide among them better than linear
    interpolation does.

    Parameters
    ----------
    counts : (n, g) csr
        Counts of the spots.
    """
    lattice = parts.lattice
    none = np.zeros((len(lattice.points), len(parts.offsets)))
    shift, follows = _best_shift(counts, parts, stain)
    if not follows:
        return Guide(
            none,
            0.0,
            0.0,
            shift,
            "The H&E image was not used: the counts do not correlate with it.",
        )
    if np.hypot(*shift) > _STILL:
        words = (
            f"The H&E image was not used: it seems to be shifted by {np.hypot(*shift):.2f} pitches."
        )
        return Guide(none, 0.0, 0.0, shift, words)
    pairs = [coarsen(lattice, counts, Factor(2, 2), phase) for phase in ((0, 0), (1, 1))]
    found = [p for p in pairs if p is not None] if lattice.kind != "free" else []
    if not found:
        return Guide(none, 0.0, 0.0, shift, "The H&E image was not used: the slide is too small.")
    exponent, gain, error = _validated(found, parts, stain, seed)
    if exponent <= 0 or gain < _SURE * error:
        words = "The H&E image was not used: it did not improve the prediction of held-out spots."
        return Guide(none, 0.0, gain, shift, words)
    places = parts.centres
    logits = exponent * _logs(stain(places, parts.size).reshape(none.shape))
    words = f"The H&E image reduced the error of held-out spots by {100 * gain:.0f}% (exponent "
    return Guide(logits, exponent, gain, shift, words + f"{exponent:.2f}).")


def _logs(stain: np.ndarray) -> np.ndarray:
    logs = np.log(stain + _LEAST)
    return np.asarray(logs - logs.mean(axis=1, keepdims=True))


def _best_shift(
    counts: csr_matrix, parts: SubSpots, stain: Stain
) -> tuple[tuple[float, float], bool]:
    """Return the shift at which totals follow the stain best, and whether they follow it at all."""
    lattice = parts.lattice
    totals = np.log1p(np.asarray(counts.sum(axis=1, dtype=np.float64)).ravel())
    around = neighbour_graph(lattice.points, min(8, len(lattice.points) - 1))
    rough = totals - around @ totals
    size = (lattice.diameter or lattice.pitch) * np.sqrt(np.pi) / 2
    moves = np.stack(np.meshgrid(_SHIFTS, _SHIFTS), axis=-1).reshape(-1, 2)
    scores = []
    for move in moves:
        here = np.log(stain(lattice.points + move * lattice.pitch, size) + _LEAST)
        stained = here - around @ here
        scores.append(np.corrcoef(rough, stained)[0, 1] if stained.std() > 0 else 0.0)
    best = int(np.argmax(scores))
    follows = scores[best] > 3 / np.sqrt(len(totals))
    near = np.exp((np.array(scores) - scores[best]) * np.sqrt(len(totals)) * 4)
    centre = near @ moves / near.sum()
    return (float(centre[0]), float(centre[1])), bool(follows)


def _validated(
    pairs: list[CoarsePair], parts: SubSpots, stain: Stain, seed: int
) -> tuple[float, float, float]:
    """Return exponent, relative gain on held-out blocks, and its standard error."""
    size = (parts.lattice.diameter or parts.lattice.pitch) * np.sqrt(np.pi) / 2
    data = [_block_data(pair, stain, size) for pair in pairs]
    share, base, logs = (np.concatenate(columns) for columns in zip(*data, strict=True))
    points = np.concatenate([pair.parts.lattice.points for pair in pairs])
    fold = _folds(points, seed)
    gains = []
    for number in range(_FOLDS):
        out = fold == number
        exponent = _fit(share[~out], base[~out], logs[~out])
        before = _error(share[out], base[out])
        gains.append(1 - _error(share[out], _weighed(base[out], logs[out], exponent)) / before)
    values = np.array(gains)
    return _fit(share, base, logs), float(values.mean()), float(values.std(ddof=1) / _FOLDS**0.5)


def _block_data(
    pair: CoarsePair, stain: Stain, size: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    shape = pair.members.shape
    truth = np.asarray(pair.truth.sum(axis=1, dtype=np.float64)).reshape(shape)
    total = truth.sum(axis=1)
    linear = np.maximum(linear_weights(pair.parts) @ total, 1e-9).reshape(shape)
    logs = _logs(stain(pair.parts.centres, size).reshape(shape))
    shares = truth / np.maximum(total, 1)[:, None]
    return shares, linear / linear.sum(axis=1, keepdims=True), logs


def _folds(points: np.ndarray, seed: int) -> np.ndarray:
    """Return a fold for each block; neighbours share a fold to avoid leakage."""
    rng = np.random.default_rng(seed)
    seeds = points[rng.choice(len(points), min(len(points), 4 * _FOLDS), replace=False)]
    return np.asarray(nearest(seeds, 1, points)[0].ravel() % _FOLDS)


def _weighed(base: np.ndarray, logs: np.ndarray, exponent: float) -> np.ndarray:
    weighed = base * np.exp(exponent * logs)
    return np.asarray(weighed / weighed.sum(axis=1, keepdims=True))


def _fit(share: np.ndarray, base: np.ndarray, logs: np.ndarray) -> float:
    found = minimize_scalar(
        lambda exponent: _error(share, _weighed(base, logs, exponent)),
        bounds=(0.0, _STEEPEST), method="bounded",
    )  # fmt: skip
    return float(found.x)


def _error(share: np.ndarray, predicted: np.ndarray) -> float:
    return float(((share - predicted) ** 2).sum())
