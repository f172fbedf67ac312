"""Whether a reference is like its slide, and its labels like its cells: asked before a run."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_spatialrecon.errors import SpatialReconError
from napari_spatialrecon.methods.genes.inputs import log_normalised
from napari_spatialrecon.methods.mixtures.base import CellTypes
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.genes import match_genes

#: Most spots, cells and genes that are looked at, and fewest genes from which anything can be told.
_SPOTS, _CELLS, _GENES, _FEWEST = 1000, 2000, 500, 10
#: Shuffles of the genes or labels, and standard deviations of them above which likeness is real.
_SHUFFLES, _CLEAR = 20, 3.0
#: Likeness below which a reference says nothing of a slide, and below which it differs from it. Of
#: references of the slide's tissue it was 0.53 to 0.92, of another brain region 0.35 to 0.70, of
#: another organ or with shuffled genes at most 0.15 (docs/experiments).
_NOTHING, _LITTLE = 0.2, 0.45
#: Components in which labels are compared with cells.
_COMPONENTS = 10
_REMEMBERED = 32
_known: OrderedDict[tuple[str, str], Likeness] = OrderedDict()
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Likeness:
    """Whether genes vary together in a reference as they do on a slide.

    Parameters
    ----------
    value
        Correlation over pairs of genes of their correlations on the slide and in the reference,
        divided by that of halves of the spots and of the cells: about 1 for the same tissue. NaN
        where too few genes are shared to tell.
    noise
        Standard deviation of it with the genes shuffled.
    """

    value: float
    noise: float

    @property
    def is_none(self) -> bool:
        """Whether the reference is as unlike the slide as one with shuffled genes, or nearly."""
        return self.value < max(_CLEAR * self.noise, _NOTHING)

    @property
    def is_little(self) -> bool:
        """Whether the reference seems to be of other tissue than the slide."""
        return self.is_none or self.value < _LITTLE

    def warning(self, slide: str, reference: str) -> tuple[str, ...]:
        """Return what to warn of.

        Examples
        --------
        >>> Likeness(0.9, 0.02).warning("C2", "cells")
        ()
        >>> Likeness(0.01, 0.02).warning("C2", "cells")[0].partition(":")[0]
        'Genes vary together in cells unlike they do on C2'
        """
        if not self.is_little:
            return ()
        said = (
            f"Genes vary together in {reference} unlike they do on {slide}: likeness "
            f"{self.value:.2f}, where 1 is the same tissue and 0 shuffled genes."
        )
        if self.is_none:
            return (
                f"{said} The reference may be of another tissue or species, or its genes mixed up: "
                "expect a result no better than the baseline.",
            )
        return (f"{said} The reference may lack cell types of the slide, or be of another part.",)

    def passed(self, slide: str, reference: str) -> tuple[str, ...]:
        """Return what to say where the reference is like the slide."""
        if self.is_little or not np.isfinite(self.value):
            return ()
        return (f"Genes vary together in {reference} as on {slide} (likeness {self.value:.2f})",)


def likeness(slide: Prepared, reference: Prepared) -> Likeness:
    """Return how like its slide a reference is; remembered, since a window asks before each run."""
    key = (slide.fingerprint(), reference.fingerprint())
    if key not in _known:
        _known[key] = _likeness(slide, reference)
        while len(_known) > _REMEMBERED:
            _known.popitem(last=False)
    return _known[key]


def _likeness(slide: Prepared, reference: Prepared) -> Likeness:
    rng = np.random.default_rng(0)
    try:
        match = match_genes([slide.adata.var, reference.adata.var], [slide.name, reference.name])
        spots = _logs(slide, match.indices[0], _SPOTS, rng)
        cells = _logs(reference, match.indices[1], _CELLS, rng)
    except SpatialReconError:  # said where the inputs are checked
        return Likeness(np.nan, np.nan)
    strength = spots.std(axis=0) / np.sqrt(np.abs(spots.mean(axis=0)) + 1e-3)
    varies = (spots.std(axis=0) > 0) & (cells.std(axis=0) > 0)
    genes = np.argsort(-np.where(varies, strength, -1), kind="stable")[: min(_GENES, varies.sum())]
    if len(genes) < _FEWEST or min(len(spots), len(cells)) < _FEWEST:
        return Likeness(np.nan, np.nan)
    spots, cells = spots[:, genes], cells[:, genes]
    pairs = np.triu_indices(len(genes), 1)
    whole = [_correlations(table) for table in (spots, cells)]
    kept = np.sqrt(np.prod([_reliability(table, pairs) for table in (spots, cells)]))
    value = _alike(whole[0], whole[1], pairs) / kept
    null = []
    for _ in range(_SHUFFLES):
        order = rng.permutation(len(genes))
        null.append(_alike(whole[0], whole[1][np.ix_(order, order)], pairs) / kept)
    return Likeness(float(value), float(np.std(null)))


def _logs(table: Prepared, columns: NDArray[np.intp], most: int, rng: np.random.Generator) -> Array:
    rows = np.sort(rng.permutation(table.adata.n_obs)[:most])
    some = replace(table, adata=table.adata[rows])
    values, _ = log_normalised(some, intensities=True)
    return np.asarray(values[:, columns].toarray(), float)


def _correlations(values: Array) -> Array:
    centered = values - values.mean(axis=0)
    scaled = centered / np.maximum(np.linalg.norm(centered, axis=0), 1e-12)
    return np.asarray(scaled.T @ scaled)


def _alike(a: Array, b: Array, pairs: tuple[NDArray[np.intp], ...]) -> float:
    one, two = a[pairs], b[pairs]
    if one.std() == 0 or two.std() == 0:
        return 0.0
    return float(np.corrcoef(one, two)[0, 1])


def _reliability(values: Array, pairs: tuple[NDArray[np.intp], ...]) -> float:
    """Return how well the correlations of genes are known, from two halves of the rows."""
    half = _alike(_correlations(values[::2]), _correlations(values[1::2]), pairs)
    return float(np.clip(2 * half / (1 + half), 0.1, 1.0)) if half > -1 else 0.1


def label_warning(reference: Prepared, types: CellTypes, column: str) -> tuple[str, ...]:
    """Return a warning where labels say no more of the cells' expression than shuffled labels."""
    from sklearn.decomposition import PCA

    rng = np.random.default_rng(0)
    known = np.flatnonzero(types.codes >= 0)
    rows = np.sort(rng.permutation(known)[:_CELLS])
    if len(types.names) < 2 or len(rows) < _FEWEST:
        return ()
    try:
        some = replace(reference, adata=reference.adata[rows])
        values = log_normalised(some, intensities=True)[0]
    except SpatialReconError:
        return ()
    size = min(_COMPONENTS, *(n - 1 for n in values.shape))
    if size < 1:
        return ()
    solver = "arpack" if size < min(values.shape) else "full"
    latent = PCA(size, svd_solver=solver, random_state=0).fit_transform(values)
    codes = types.codes[rows]
    own = _explained(latent, codes)
    null = [_explained(latent, rng.permutation(codes)) for _ in range(_SHUFFLES)]
    if own > np.mean(null) + _CLEAR * np.std(null):
        return ()
    return (
        f"The labels in {column!r} explain {own:.0%} of the variance of the cells' expression, as "
        f"shuffled labels do ({np.mean(null):.0%}): check that they belong to these cells. Expect "
        "shares no better than the baseline.",
    )


def _explained(latent: Array, codes: NDArray[np.int64]) -> float:
    """Return the share of variance between the groups."""
    sizes = np.bincount(codes)
    sums = np.stack([np.bincount(codes, column, len(sizes)) for column in latent.T], axis=1)
    means = sums / np.maximum(sizes, 1)[:, None]
    overall = latent.mean(axis=0)
    between = (sizes[:, None] * (means - overall) ** 2).sum()
    return float(between / max(((latent - overall) ** 2).sum(), 1e-12))
