"""Intervals by bootstrap over blocks: what lies together, or behaves alike, is drawn together.

A statistic is a function of weights of blocks, so that the same draws compare several methods on
the same held-out truth.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist
from scipy.stats import norm, t

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
"""Values, (n_draws,), for the weights of blocks, (n_draws, n_blocks)."""

#: Draws of blocks, and the share of them that an interval holds.
_DRAWS, _WITHIN = 1000, 0.95


class Interval(NamedTuple):
    """A value and the interval that holds 95% of its draws."""

    value: float
    low: float
    high: float


def block_draws(n_blocks: int, seed: int, draws: int = _DRAWS) -> Floats:
    """Return how often each block is drawn, (1 + draws, n_blocks): first once each, then at random.

    Examples
    --------
    >>> block_draws(4, 0).shape, block_draws(4, 0)[0]
    ((1001, 4), array([1., 1., 1., 1.]))
    """
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(n_blocks, np.full(n_blocks, 1 / n_blocks), size=draws)
    return np.concatenate([np.ones((1, n_blocks)), drawn])


def interval(
    values: Floats, n_blocks: int, least: float = -np.inf, most: float = np.inf
) -> Interval:
    """Return the first of the values, and the percentiles of the others, widened for few blocks.

    Parameters
    ----------
    values
        A statistic of `block_draws`.
    least, most
        Range of what is measured, which the interval does not leave.

    Notes
    -----
    Draws of n blocks vary by (n - 1) / n of the variance that they stand for, and do not know how
    uncertain that is; the distance of the percentiles from their value is therefore stretched by
    sqrt(n / (n - 1)) t / z, as Hesterberg (The American Statistician 2015) does by their level.

    Examples
    --------
    >>> draws = np.array([2.0, *np.linspace(0, 4, 401)])
    >>> [round(x, 2) for x in interval(draws, 1000)]
    [2.0, 0.1, 3.9]
    >>> [round(x, 2) for x in interval(draws, 3, least=0.0)]
    [2.0, 0.0, 7.11]
    """
    tail = (1 - _WITHIN) / 2
    ends = np.percentile(values[1:], [100 * tail, 100 * (1 - tail)])
    stretch = np.sqrt(n_blocks / (n_blocks - 1)) * t.isf(tail, n_blocks - 1) / norm.isf(tail)
    low, high = np.clip(values[0] + stretch * (ends - values[0]), least, most)
    return Interval(float(values[0]), float(low), float(high))


def mean_of(items: Floats, blocks: NDArray[np.intp]) -> Statistic:
    """Return the mean over items, (n,), in blocks, (n,) int."""
    sums, counts = np.bincount(blocks, items), np.bincount(blocks).astype(float)
    return lambda weights: (weights @ sums) / (weights @ counts)


def median_of(items: Floats, blocks: NDArray[np.intp]) -> Statistic:
    """Return the median over items, (n,), in blocks, (n,) int."""
    order = np.argsort(items, kind="stable")
    ordered = items[order]

    def median(weights: Floats) -> Floats:
        below = np.cumsum(weights[:, blocks[order]], axis=1)
        half = below[:, -1:] / 2
        lower, upper = (below < half).sum(axis=1), (below <= half).sum(axis=1)
        return np.asarray((ordered[lower] + ordered[np.minimum(upper, len(items) - 1)]) / 2)

    return median


def stress_of(groups: Sequence[tuple[Floats, Floats, NDArray[np.intp]]]) -> Statistic:
    """Return the Stress-1 of distances between placed items, with the best-fitting factor.

    Parameters
    ----------
    groups
        Items of which distances are known: true places and found places, (n, d) each, and the block
        of each item. The stress is the mean over groups, weighted by their items.

    Notes
    -----
    With the best factor the squared stress is 1 - (Σ g k)² / (Σ g² Σ k²) over the distances g and
    k of the pairs; sums over pairs of blocks give it for any weights.
    """
    known = [(len(true), *_sums(true, found, own)) for true, found, own in groups if len(true) > 1]

    def stress(weights: Floats) -> Floats:
        total, sizes = np.zeros(len(weights)), 0
        for n, blocks, sums in known:
            own = weights[:, blocks]
            gk, gg, kk = (np.einsum("da,ab,db->d", own, s, own) for s in sums)
            fit = gk**2 / np.maximum(gg * kk, 1e-300)
            total += n * np.sqrt(np.clip(1 - fit, 0, None))
            sizes += n
        return total / max(sizes, 1)

    return stress


def _sums(
    true: Floats, found: Floats, blocks: NDArray[np.intp]
) -> tuple[NDArray[np.intp], list[Floats]]:
    """Return the blocks, and Σ g k, Σ g² and Σ k² over the pairs of each two of them."""
    names, number = np.unique(blocks, return_inverse=True)
    n = len(names)
    first, second = np.triu_indices(len(true), 1)
    cell = number[first] * n + number[second]
    k, g = pdist(true), pdist(found)
    products = (g * k, g * g, k * k)
    return names, [np.bincount(cell, v, n * n).astype(float).reshape(n, n) for v in products]


def correlation_of(found: Floats, truth: Floats, blocks: NDArray[np.intp]) -> Statistic:
    """Return the mean of Pearson's correlations of columns, (n, n_columns); constant ones count 0.

    Parameters
    ----------
    blocks : (n,) int
        Block of each row.
    """
    indicator = np.equal.outer(np.arange(blocks.max() + 1), blocks).astype(float)
    x, y = (values - values.mean(axis=0) for values in (found, truth))
    n = indicator.sum(axis=1)
    sums = [indicator @ v for v in (x, y, x * x, y * y, x * y)]

    def correlation(weights: Floats) -> Floats:
        size = (weights @ n)[:, None]
        mx, my, xx, yy, xy = (weights @ s / size for s in sums)
        spread = np.sqrt(np.clip(xx - mx**2, 0, None) * np.clip(yy - my**2, 0, None))
        known = spread > 1e-12 * np.sqrt(np.maximum(xx * yy, 1e-300))
        r = np.divide(xy - mx * my, spread, out=np.zeros_like(spread), where=known)
        return np.asarray(r.mean(axis=1))

    return correlation
