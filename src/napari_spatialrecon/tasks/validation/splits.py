"""Held-out detail: a slide is seen coarser, and its own spots are the parts to be found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy.sparse import csr_matrix

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.evaluation.intervals import correlation_of
from napari_spatialrecon.evaluation.protocols import spatial_blocks
from napari_spatialrecon.methods.auto.plan import Candidate
from napari_spatialrecon.methods.method import Estimate
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.methods.super_resolution.base import SplitSizes, SuperResolution
from napari_spatialrecon.methods.super_resolution.coarse_problem import LEAST_BLOCKS, CoarseProblem
from napari_spatialrecon.tasks.measures import Measure
from napari_spatialrecon.tasks.signal import missing, signals
from napari_spatialrecon.tasks.super_resolving import parts_of
from napari_spatialrecon.tasks.validation.problem import Answer, Problem, block_count, rough
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.subspots import parse_factor

_CORRELATION = Measure(
    "correlation",
    (),
    "",
    3,
    True,
    "",
    "Mean correlation of the split of each gene with what the slide measured",
)


class HeldOutDetail(Problem):
    """Truth that `super_resolve` is asked for; see `Problem`."""

    task = "super-resolve"
    kind = "coarser"
    measures = (_CORRELATION,)

    def __init__(self, problem: CoarseProblem, name: str, inputs: dict[str, str]) -> None:
        self.problem, self.inputs = problem, inputs
        coarse = problem.slide.adata
        parts = len(problem.truth) // coarse.n_obs
        self.held_out = (
            f"the {parts} spots in each of {coarse.n_obs:,} blocks of {name}, whose sums alone are "
            "seen"
        )
        self.n_blocks = block_count(coarse.n_obs)
        own = spatial_blocks(contract.coordinates(coarse), self.n_blocks)
        self._blocks = np.repeat(own, parts)
        names = coarse.var_names[problem.genes]
        self.items = pd.DataFrame({"name": names, "block": -1})
        self.cautions = (
            f"Spots are {parts} times as many as the blocks; whether their own parts are found as "
            "well cannot be measured on this slide.",
            *rough(coarse.n_obs, self.n_blocks),
        )

    def estimate(self, candidate: Candidate) -> Estimate:
        """Return the cost of splitting the blocks."""
        adata = self.problem.slide.adata
        counts = csr_matrix(adata.X)
        genes = len(self.problem.genes)
        sizes = SplitSizes(
            adata.n_obs,
            len(self.problem.parts.offsets),
            genes,
            adata.n_vars,
            int(counts[:, self.problem.genes].nnz),
        )
        found: Estimate = candidate.info.method()(candidate.config).estimate(sizes)
        return found

    def answer(self, candidate: Candidate, run: Run) -> Answer:
        """Split the blocks."""
        chooser: Any = candidate.info.method()(candidate.config)
        fitted: SuperResolution = chooser.fit(self.problem.slide, self.problem.parts, run)
        split = csr_matrix(fitted.split(self.problem.genes, run.reporter).values)
        correlations = 1.0 - self.problem.errors(split)
        found = np.asarray(split.toarray(), float)
        statistic = correlation_of(found, self.problem.truth, self._blocks)
        return Answer(correlations, (statistic,), fitted, chooser, tuple(fitted.notes))


def hidden_detail(
    slide: AnnData, factor: str, seed: int, name: str, spot_diameter: float | None = None
) -> HeldOutDetail:
    """Sum a slide into blocks of spots.

    Raises
    ------
    InputError
        It has no grid, or too few spots.
    """
    prepared = contract.prepare_slide(slide, name)
    parts = parts_of(prepared, parse_factor(factor), spot_diameter)
    problem = CoarseProblem.of(prepared, parts)
    if problem is None:
        grid = "spots that are not on a grid" if parts.lattice.kind == "free" else "fewer"
        raise InputError(
            f"Expected spots on a grid that form at least {LEAST_BLOCKS} complete blocks of "
            f"2x2 spots; found {grid} "
            f"({prepared.adata.n_obs} spots).",
            remedy="Try a slide with more spots.",
            where=name,
        )
    found = HeldOutDetail(problem, name, {name: prepared.fingerprint()})
    found.warnings = missing(signals([prepared]))
    return found
