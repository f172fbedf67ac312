"""From counts to the features that a placement method uses.

Spots are sums of several cells at ten times the depth of a dissociated cell, from another
experiment. Four steps bridge this gap, each controlled by a field of `PreprocessConfig`:

1. ``log1p(x / total · t)`` with t the median depth of the query's cells, for spots too; 2. a
z-score per gene, separately for the query and for each reference slide (whose spots are reweighted
if the query lacks part of the tissue, see `methods.placement.composition`), or, if requested,
deviations over the square root of their standard deviation; 3. each gene is multiplied by √max(I,
0), with I its Moran's I in the reference, so that genes that do not vary in space have no weight;
then 4. a joint principal component analysis of spots and cells.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.extmath import randomized_svd, svd_flip

from napari_spatialrecon.errors import CheckpointError, ValidationError
from napari_spatialrecon.geometry.autocorrelation import morans_i
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.gene_names import GeneNames
from napari_spatialrecon.tissue.genes import match_genes
from napari_spatialrecon.tissue.preprocess_config import PreprocessConfig
from napari_spatialrecon.tissue.shared_counts import (
    SharedCounts,
    factors_to,
    logarithms,
    most_variable,
)
from napari_spatialrecon.tissue.slots import SPATIAL

Features = NDArray[np.float32]

#: Minimum share of a saved model's genes that new data must contain.
GENE_SHARE = 0.9
#: Number of neighbouring spots for Moran's I.
MORAN_NEIGHBOURS = 6
#: Minimum number of cells for a reliable mean and standard deviation per gene.
FEW_CELLS = 10
_TINY = 1e-8
#: Number of values of which a copy is made at a time.
_BLOCK_VALUES = 16_000_000
_NOT_ITS_GENES = "Try training on these genes instead of loading the model."


@dataclass(frozen=True)
class FeatureSpace:
    """The fitted steps, which can be applied to new cells.

    Parameters
    ----------
    genes
        All shared genes, named as in the first reference slide, with the symbols and ids that any
        of the tables knew; a cell's total is the sum over them.
    used : (n_used,) int
        Indices of the genes that become features.
    depth
        Total to which the counts of spots and cells are scaled.
    weights : (n_used,) float
        √max(I, 0) of each gene (ones if weights are off).
    mean, scale : (n_used,) float
        Mean and standard deviation of each gene over the reference, used when
        ``zscore="reference"``; 0 and 1 when it is "none".
    centre : (n_used,) float
        Mean of the weighted genes, of all tables to which the components were fitted; of the
        slides without components.
    components : (n_components, n_used) float
        Empty if no principal components are used.
    own_zscore
        Whether new tables are standardised by their own mean and standard deviation.
    power
        Exponent of the standard deviation by which deviations are divided: 1 or 0.5.
    """

    genes: GeneNames
    used: NDArray[np.int64]
    depth: float
    weights: NDArray[np.float64]
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    centre: NDArray[np.float64]
    components: NDArray[np.float64]
    own_zscore: bool = True
    power: float = 1.0
    notes: tuple[str, ...] = field(default=())

    def transform(
        self, prepared: Prepared, *, shuffle: np.random.Generator | None = None
    ) -> tuple[Features, tuple[str, ...]]:
        """Return the features of new spots or cells, and notes on missing genes.

        Parameters
        ----------
        shuffle
            Generator that shuffles each gene independently across cells: what cells without any
            coordinated program look like.

        Returns
        -------
        features : (n, n_components) float32
        notes
            Messages about missing genes.

        Raises
        ------
        CheckpointError
            Fewer than nine in ten of the genes are present.
        """
        weighted, notes = self._weighted(prepared)
        if shuffle is not None:
            weighted = shuffle.permuted(weighted, axis=0)
        if self.own_zscore and len(weighted) < FEW_CELLS:
            notes = (
                *notes,
                f"{prepared.name}: with only {len(weighted)} rows, per-gene z-scores are "
                "unreliable; place more cells of the tissue together.",
            )
        return self._centred(weighted), notes

    def exchanged(
        self, prepared: Prepared, shares: Sequence[float], *, seed: int
    ) -> Iterator[Features]:
        """Yield the features for each share of every gene's values that rows exchange."""
        weighted, _ = self._weighted(prepared)
        for mixed in exchanged(weighted, shares, seed=seed):
            yield self._centred(mixed)

    def _weighted(self, prepared: Prepared) -> tuple[NDArray[np.float64], tuple[str, ...]]:
        """Return the standardised and weighted genes of new rows, and notes on missing genes."""
        counts, rows, notes = self._matched(prepared)
        place = np.full(len(self.genes), -1)
        place[rows] = np.arange(len(rows))
        present = place[self.used] >= 0
        logs = np.zeros((len(counts), int(present.sum())), counts.matrix.dtype)
        counts.dense_logs(factors_to(self.depth, counts.totals()), place[self.used[present]], logs)
        if present.all():
            weighted = self._standardise(logs)
        else:
            weighted = np.zeros((len(counts), len(self.used)), logs.dtype)
            weighted[:, present] = logs
            weighted = self._standardise(weighted)
            weighted[:, ~present] = self._average[~present]
        return weighted, notes

    def _centred(self, weighted: NDArray[np.float64]) -> Features:
        """Return the features of weighted genes, which are changed."""
        if self.components.size:
            weighted -= self.centre
        return self._project(weighted)

    def counts(
        self, prepared: Prepared
    ) -> tuple[sparse.csr_matrix, NDArray[np.bool_], tuple[str, ...]]:
        """Return new counts in the order of `genes` (0 if missing), which are present, and notes.

        Raises
        ------
        CheckpointError
            Fewer than nine in ten of the genes are present.
        """
        counts, rows, notes = self._matched(prepared)
        found = counts.matrix[:, counts.columns]
        present = np.zeros(len(self.genes), bool)
        present[rows] = True
        indices = rows.astype(found.indices.dtype)[found.indices]
        shape = (len(counts), len(self.genes))
        return sparse.csr_matrix((found.data, indices, found.indptr), shape=shape), present, notes

    def _matched(
        self, prepared: Prepared
    ) -> tuple[SharedCounts, NDArray[np.intp], tuple[str, ...]]:
        """Return the counts of the genes of the space that are present, which these are, and notes.

        Raises
        ------
        CheckpointError
            Fewer than nine in ten of the genes are present.
        """
        try:
            match = match_genes([self.genes, prepared.adata.var], ["model", prepared.name], least=1)
        except ValidationError as error:
            raise CheckpointError(
                f"Expected the {len(self.genes)} genes the model was trained on, found 0 of them. "
                f"{error.problem.message}",
                remedy=_NOT_ITS_GENES,
                where=prepared.name,
            ) from error
        found = set(match.indices[0].tolist())
        missing = [g for i, g in enumerate(self.genes.names) if i not in found]
        if len(missing) > (1 - GENE_SHARE) * len(self.genes):
            raise CheckpointError(
                f"Expected the {len(self.genes)} genes the model was trained on, "
                f"found {len(self.genes) - len(missing)} of them "
                f"(missing, for example, {', '.join(missing[:3])}).",
                remedy=_NOT_ITS_GENES,
                where=prepared.name,
            )
        notes = (
            (f"{len(missing)} of the model's genes are missing and set to their average.",)
            if missing
            else ()
        )
        counts = SharedCounts(sparse.csr_matrix(prepared.adata.X), match.indices[1])
        return counts, match.indices[0], notes

    def _standardise(self, logs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Standardise and weight `logs`, in place."""
        mean, scale = (self.mean, self.scale) if not self.own_zscore else _mean_and_scale(logs)
        _standardise(logs, mean, scale, self.power)
        logs *= self.weights
        return logs

    @property
    def _average(self) -> NDArray[np.float64]:
        """Each weighted gene's average over the reference, (n_used,)."""
        return np.zeros(len(self.used)) if self.own_zscore or self.mean.any() else self.centre

    def _project(self, centred: NDArray[np.float64]) -> Features:
        if not self.components.size:
            return centred.astype(np.float32)
        return (centred @ self.components.T).astype(np.float32)

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """Return the arrays stored in a checkpoint, besides the genes."""
        return {
            "used": self.used,
            "depth": np.array([self.depth]),
            "own_zscore": np.array([float(self.own_zscore)]),
            "power": np.array([self.power]),
            "weights": self.weights,
            "mean": self.mean,
            "scale": self.scale,
            "centre": self.centre,
            "components": self.components,
        }

    @classmethod
    def from_arrays(
        cls, genes: GeneNames, arrays: Mapping[str, NDArray[np.float64]]
    ) -> FeatureSpace:
        """Rebuild the space that `arrays` described."""
        return cls(
            genes=genes,
            used=arrays["used"].astype(np.int64),
            depth=float(arrays["depth"][0]),
            own_zscore=bool(arrays["own_zscore"][0]),
            power=float(arrays["power"][0]) if "power" in arrays else 1.0,
            weights=arrays["weights"],
            mean=arrays["mean"],
            scale=arrays["scale"],
            centre=arrays["centre"],
            components=arrays["components"],
        )


def fit_features(
    references: Sequence[Prepared],
    query: Prepared | None,
    config: PreprocessConfig,
    *,
    seed: int = 0,
    weights: Sequence[NDArray[np.float64]] | None = None,
) -> tuple[FeatureSpace, list[Features], Features | None]:
    """Fit the four steps to reference slides and, if given, the query's cells.

    Parameters
    ----------
    references
        Slides with coordinates.
    query
        Cells to be placed; their expression (never their coordinates) is used for the depth and the
        joint components. If None, only the slides are used, with the median depth of their spots.
    seed
        Seed of the randomised PCA.
    weights : one (n_spots,) float per slide, optional
        Weight of each spot in the mean and standard deviation of its slide's genes; equal if None.

    Returns
    -------
    space
        The fitted steps.
    reference_features
        One (n_spots, n_components) float32 array per slide.
    query_features : (n_cells, n_components) float32 or None
    """
    tables = [*references, *([query] if query is not None else [])]
    match = match_genes([t.adata.var for t in tables], [t.name for t in tables])
    counts = [
        SharedCounts(sparse.csr_matrix(t.adata.X), i)
        for t, i in zip(tables, match.indices, strict=True)
    ]
    totals = [table.totals() for table in counts]
    if config.depth == "fixed":
        depth = config.fixed_depth
    else:
        depth = float(np.median(np.concatenate(totals if query is None else totals[-1:])))
    factors = [factors_to(depth, total) for total in totals]
    n_slides = len(references)
    chosen = most_variable(counts[:n_slides], factors[:n_slides], config.top_genes)
    # Only the selected genes become dense, once; each table is a part that is changed in place.
    scores = np.empty((sum(map(len, counts)), len(chosen)), counts[0].matrix.dtype)
    parts = np.split(scores, np.cumsum([len(table) for table in counts])[:-1])
    for table, factor, part in zip(counts, factors, parts, strict=True):
        table.dense_logs(factor, chosen, part)
    mean, scale = _mean_and_scale(scores[: sum(map(len, parts[:n_slides]))])
    if config.zscore == "none":
        mean, scale = np.zeros_like(mean), np.ones_like(scale)
    own = config.zscore in ("separate", "matched")
    power = 0.5 if config.scaling == "root" else 1.0
    for i, part in enumerate(parts):
        counted = weights[i] if weights is not None and i < n_slides else None
        _standardise(part, *(_mean_and_scale(part, counted) if own else (mean, scale)), power)
    gene_weights = (
        _moran_weights(parts[:n_slides], references)
        if config.gene_weights == "moran"
        else np.ones(len(chosen))
    )
    scores *= gene_weights
    n_components = min(config.components, len(chosen), len(scores) - 1)
    if n_components:
        centre, components = _principal_components(scores, n_components, seed)
    else:
        centre = scores[: sum(map(len, parts[:n_slides]))].mean(axis=0)
        components = np.zeros((0, len(chosen)))
    space = FeatureSpace(
        genes=match.names,
        used=chosen,
        depth=depth,
        weights=gene_weights,
        mean=mean,
        scale=scale,
        centre=centre,
        components=components,
        own_zscore=own,
        power=power,
        notes=tuple(match.notes),
    )
    features = [space._project(part) for part in parts]
    return space, features[:n_slides], features[n_slides] if query is not None else None


def _principal_components(
    scores: NDArray[np.float64], n_components: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centre `scores` in place; return the centre and the components.

    The same as scikit-learn's `PCA`, which squares its input where it may change it, and copies it
    otherwise.
    """
    centre = scores.mean(axis=0)
    scores -= centre
    left, _, right = randomized_svd(scores, n_components, flip_sign=False, random_state=seed)
    return centre, svd_flip(left, right, u_based_decision=False)[1]


def log_depth(counts: sparse.csr_matrix, depth: float) -> NDArray[np.float64]:
    """Return dense log1p counts, with every row's total scaled to `depth`."""
    totals = np.asarray(counts.sum(axis=1)).ravel()
    return logarithms(counts, factors_to(depth, totals)).toarray()


def zscore(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return columns with mean 0 and standard deviation 1; constant columns become 0."""
    result = np.array(values, float)
    _standardise(result, *_mean_and_scale(result))
    return result


def exchanged(
    values: NDArray[Any], shares: Sequence[float], *, seed: int
) -> Iterator[NDArray[Any]]:
    """Yield copies of (n, genes) in which a share of each gene's values changed rows at random.

    What is exchanged for a share is exchanged for larger ones too.
    """
    rng = np.random.default_rng(seed)
    drawn = rng.random(values.shape, np.float32)
    order = np.stack([rng.permutation(len(values)) for _ in range(values.shape[1])], axis=1)
    for share in shares:
        mixed = values.copy()
        for gene in np.flatnonzero((drawn < share).sum(axis=0) > 1):
            taken = order[drawn[order[:, gene], gene] < share, gene]
            mixed[np.sort(taken), gene] = values[taken, gene]
        yield mixed


def _mean_and_scale(
    values: NDArray[np.float64], weights: NDArray[np.float64] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean and standard deviation of columns, with row `weights`, (n_rows,)."""
    if weights is None:
        return values.mean(axis=0), np.concatenate([x.std(axis=0) for x in _columns(values)])
    share = weights / weights.sum()
    mean = np.concatenate([share @ x for x in _columns(values)])
    square = np.concatenate([share @ x**2 for x in _columns(values)])
    return mean, np.sqrt(np.maximum(square - mean**2, 0.0))


def _columns(values: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Return views of even groups of columns, of about 64 MB at most where rows are many."""
    return np.array_split(values, values.size // _BLOCK_VALUES + 1, axis=1)


def _standardise(
    values: NDArray[np.float64],
    mean: NDArray[np.float64],
    scale: NDArray[np.float64],
    power: float = 1.0,
) -> None:
    """Subtract `mean` and divide by a power of `scale`, in place; columns of scale 0 become 0."""
    values -= mean
    varies = scale > _TINY
    values /= np.where(varies, scale, 1.0) ** power
    values[:, ~varies] = 0.0


def _moran_weights(
    scores: Sequence[NDArray[np.float64]], references: Sequence[Prepared]
) -> NDArray[np.float64]:
    sizes = np.array([len(x) for x in scores], dtype=float)
    per_slide = [
        morans_i(x, r.adata.obsm[SPATIAL], k=min(MORAN_NEIGHBOURS, len(x) - 1))
        for x, r in zip(scores, references, strict=True)
    ]
    pooled = np.average(np.stack(per_slide), axis=0, weights=sizes)
    weights: NDArray[np.float64] = np.sqrt(np.clip(pooled, 0.0, None))
    # With a handful of spots, all neighbours of each other, no gene varies in space.
    return weights if weights.any() else np.ones_like(weights)
