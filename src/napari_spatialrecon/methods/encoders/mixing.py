"""How well profiles of several sources (slides, the query) are mixed in an embedding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_spatialrecon.geometry.neighbours import nearest

Counts = NDArray[np.float64]

#: Neighbours per effective neighbour of iLISI (90 for 30 in Korsunsky et al.).
NEIGHBOURS_PER_PERPLEXITY = 3
#: Number of bisection steps when fitting a kernel's width.
HALVINGS = 40


@dataclass(frozen=True)
class Mixing:
    """How well sources are mixed.

    With few neighbours, sampling alone keeps the values below 1: among 20 neighbours, two sources
    of the same distribution have an entropy of 0.96 and an iLISI of 0.63.

    Parameters
    ----------
    entropy
        Normalised entropy of the sources among the neighbours: 0 no mixing, 1 ideal.
    ilisi
        Normalised local inverse Simpson's index: 0 no mixing, 1 ideal.
    probe
        Balanced accuracy with which neighbours predict the source: chance (one over the number of
        sources) is ideal, 1 means no mixing.
    """

    entropy: float
    ilisi: float
    probe: float


def domain_mixing(embedding: NDArray[np.floating], domains: NDArray[np.int_], k: int) -> Mixing:
    """Return how well sources are mixed among neighbours by cosine similarity.

    Parameters
    ----------
    embedding : (n, h) float
        Equally many profiles of each source (see `balanced_rows`), otherwise the ideal is not 1.
    domains : (n,) int
        Source of each, from 0; at least two.
    k
        Number of neighbours of a profile.
    """
    lengths = np.linalg.norm(embedding, axis=1, keepdims=True)
    unit = np.asarray(embedding, float) / np.maximum(lengths, 1e-12)
    indices, distances = nearest(unit, k)
    n_domains = int(domains.max()) + 1
    counts = source_shares(domains[indices], np.ones_like(distances), n_domains)
    perplexity = max(k / NEIGHBOURS_PER_PERPLEXITY, 1.0)
    weighted = source_shares(domains[indices], kernel_weights(distances, perplexity), n_domains)
    return Mixing(
        entropy=normalised_entropy(counts),
        ilisi=normalised_lisi(weighted),
        probe=balanced_accuracy(counts, domains),
    )


def balanced_rows(
    domains: NDArray[np.int_], most: int, rng: np.random.Generator
) -> NDArray[np.int_]:
    """Return rows with equally many profiles of each source, drawn at random, `most` of each."""
    groups = [np.flatnonzero(domains == d) for d in np.unique(domains)]
    size = min(most, *(len(g) for g in groups))
    return np.concatenate([np.sort(rng.permutation(g)[:size]) for g in groups])


def source_shares(sources: NDArray[np.int_], weights: Counts, n_domains: int) -> Counts:
    """Return the share of each source among neighbours, (n, n_domains).

    Parameters
    ----------
    sources : (n, k) int
        Source of each neighbour.
    weights : (n, k) float
        Weight of each neighbour.
    """
    shares = np.stack([(weights * (sources == d)).sum(axis=1) for d in range(n_domains)], axis=1)
    return shares / shares.sum(axis=1, keepdims=True)


def normalised_entropy(shares: Counts) -> float:
    """Return the mean entropy of shares, (n, n_domains), divided by its maximum.

    Haghverdi et al., Nature Biotechnology 2018.
    """
    logs = np.log(np.where(shares > 0, shares, 1.0))
    return float(-(shares * logs).sum(axis=1).mean() / np.log(shares.shape[1]))


def normalised_lisi(shares: Counts) -> float:
    """Return iLISI: the mean of 1 / Σ share², rescaled from 0 (one source) to 1 (equal shares).

    Korsunsky et al., Nature Methods 2019.
    """
    effective = 1 / (shares**2).sum(axis=1)
    return float((effective.mean() - 1) / (shares.shape[1] - 1))


def balanced_accuracy(shares: Counts, domains: NDArray[np.int_]) -> float:
    """Return the accuracy of the neighbours' majority, averaged over sources.

    A tie counts as the expected accuracy of guessing among the tied sources.
    """
    top = shares >= shares.max(axis=1, keepdims=True) - 1e-9
    hits = top[np.arange(len(domains)), domains] / top.sum(axis=1)
    return float(np.mean([hits[domains == d].mean() for d in np.unique(domains)]))


def kernel_weights(distances: Counts, perplexity: float) -> Counts:
    """Return Gaussian weights of neighbours, (n, k), of a given perplexity; rows sum to 1.

    The width is found for each row by bisection, as in t-SNE and in LISI.

    Parameters
    ----------
    distances : (n, k) float
    perplexity
        Effective number of neighbours, at most k.
    """
    squares = distances**2
    squares = squares - squares.min(axis=1, keepdims=True)
    scale = np.maximum(squares.mean(axis=1, keepdims=True), 1e-30)
    low, high = np.full_like(scale, -20.0), np.full_like(scale, 20.0)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        weights = np.exp(-np.exp(middle) * squares / scale)
        weights /= weights.sum(axis=1, keepdims=True)
        entropy = -(weights * np.log(np.maximum(weights, 1e-300))).sum(axis=1, keepdims=True)
        wide = entropy > np.log(perplexity)
        low, high = np.where(wide, middle, low), np.where(wide, high, middle)
    return weights
