"""Training data of a generalist, made from slides and single cells."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.methods.srast.config import SRastConfig
from napari_spatialrecon.methods.srast.learning import Pool, make_pool
from napari_spatialrecon.methods.srast.sasa import Sasa
from napari_spatialrecon.methods.super_resolution.coarse_pair import CoarsePair, coarsen
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.lattice import Lattice, find_lattice
from napari_spatialrecon.tissue.slots import SPATIAL
from napari_spatialrecon.tissue.subspots import Factor

#: How spots are summed: half 2 x 2, the rest so that training covers other numbers of parts.
_FACTORS = (Factor(2, 2), Factor(2, 2), Factor(3, 3), Factor(2, 5))
#: Range of cells per bin for single-cell slides, which are rasterised at random angles.
_CELLS_PER_BIN = (1.5, 3.0)
#: Number of rasters per single-cell slide.
_RASTERS = 3
#: Minimum share of a pair's counts that is kept in thinning.
_LEAST_DEPTH = 0.25


def pools_of(slides: Sequence[Prepared], config: SRastConfig, run: Run) -> list[Pool]:
    """Return pools of pairs from all slides, each summed in several ways and thinned at random."""
    run.reporter.begin("Reading slides", total=len(slides))
    pools: list[Pool] = []
    for number, slide in enumerate(slides):
        rng = np.random.default_rng([run.seed, number])
        for lattice, counts in _rasters(slide, rng):
            for factor in _FACTORS:
                run.reporter.check()
                phase = tuple(int(rng.integers(side)) for side in (factor.columns, factor.rows))
                thinned = thin(counts, rng.uniform(_LEAST_DEPTH, 1.0), rng)
                pair = coarsen(lattice, thinned, factor, (phase[0], phase[1]))
                pair = None if pair is None else _without_empty(pair)
                if pair is not None:
                    pools.append(_pool(pair, config, run))
        run.reporter.step(number + 1)
    return pools


def _rasters(slide: Prepared, rng: np.random.Generator) -> list[tuple[Lattice, csr_matrix]]:
    points, counts = slide.adata.obsm[SPATIAL], csr_matrix(slide.adata.X)
    try:
        return [(find_lattice(points), counts)]
    except InputError:
        return [
            rasterise(points, counts, rng.uniform(*_CELLS_PER_BIN), rng) for _ in range(_RASTERS)
        ]


def rasterise(
    points: np.ndarray, counts: csr_matrix, per_bin: float, rng: np.random.Generator
) -> tuple[Lattice, csr_matrix]:
    """Sum single cells in square bins, randomly rotated and shifted.

    Parameters
    ----------
    per_bin
        Mean number of cells per bin over the bounding box.
    """
    turn = rng.uniform(0, 2 * np.pi)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    pitch = np.sqrt(np.prod(np.ptp(points, axis=0)) * per_bin / len(points))
    turned = points @ rotation / pitch + rng.uniform(0, 1, 2)
    cells, bins = np.unique(np.floor(turned).astype(int), axis=0, return_inverse=True)
    index = cells - cells.min(axis=0)
    members = csr_matrix((np.ones(len(points), np.float32), (bins.ravel(), np.arange(len(points)))))
    lattice = Lattice("square", index.astype(float), np.zeros(2), np.eye(2), index)
    return lattice, csr_matrix(members @ counts)


def thin(counts: csr_matrix, share: float, rng: np.random.Generator) -> csr_matrix:
    """Keep each count with the given probability, as in shallower sequencing."""
    thinned = counts.copy()
    thinned.data = rng.binomial(thinned.data.astype(np.int64), share).astype(np.float32)
    thinned.eliminate_zeros()
    return thinned


def _without_empty(pair: CoarsePair) -> CoarsePair | None:
    """Remove genes without counts; return None if a block is empty or under 10 genes remain."""
    seen = np.asarray(pair.counts.sum(axis=0)).ravel() > 0
    if seen.sum() < 10 or (np.asarray(pair.counts.sum(axis=1)).ravel() <= 0).any():
        return None
    return CoarsePair(pair.parts, pair.counts[:, seen], pair.truth[:, seen], pair.members)


def _pool(pair: CoarsePair, config: SRastConfig, run: Run) -> Pool:
    points = pair.parts.lattice.points
    sasa = Sasa.fit(pair.counts, points, config.sasa, Run(run.seed, run.device))
    return make_pool(pair, sasa.encode(pair.counts, points), config.pool, run.seed)
