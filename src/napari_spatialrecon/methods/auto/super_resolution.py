"""The method `auto` of super-resolution: ranks methods on the slide seen coarser."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_matrix

from napari_spatialrecon.hyperparameters import Config
from napari_spatialrecon.methods.auto.candidates import estimate_of, planned
from napari_spatialrecon.methods.auto.config import AutoConfig
from napari_spatialrecon.methods.auto.plan import Candidate, Cost, attempts
from napari_spatialrecon.methods.auto.ranking import Ranking, Words
from napari_spatialrecon.methods.method import Estimate
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.methods.super_resolution.base import (
    FittedSplit,
    SplitBlock,
    SplitSizes,
    SuperResolution,
)
from napari_spatialrecon.methods.super_resolution.coarse_problem import CoarseProblem
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.subspots import SubSpots

_WORDS = Words(
    "Mean correlation of the split of the slide in coarser spots with the truth",
    lambda error: 1.0 - error,
)
#: Share of the slide's counts that a trial on genes with many counts splits.
_TRIAL = 0.25


class AutoSplit(SuperResolution):
    """Tries the methods that the time allows on coarser spots; `fit` returns the best, refitted.

    Attributes
    ----------
    trials
        What was tried and kept, set by `fit`.
    """

    name = "auto"
    config_class = AutoConfig
    config: AutoConfig
    trials: Ranking[csr_matrix]

    def estimate(self, sizes: SplitSizes) -> Estimate:
        """Return the cost of all trials that the time allows, and of the longest last run."""
        costs, trials = self._planned(sizes, "cpu")
        return estimate_of(
            costs,
            self.config,
            trials,
            "coarser spots",
            lambda candidate: _method(candidate).estimate(_small(sizes)),
            lambda candidate: _method(candidate).estimate(sizes),
        )

    def fit(  # type: ignore[override]
        self, slide: Prepared, parts: SubSpots, run: Run | None = None
    ) -> SuperResolution:
        """Return the fitted method that splits coarser spots best; see `SuperResolution.fit`."""
        run = run or Run()
        counts = csr_matrix(slide.adata.X)
        n_spots, n_genes = counts.shape
        sizes = SplitSizes(n_spots, len(parts.offsets), n_genes, n_genes, counts.nnz)
        costs, self.trials = self._planned(sizes, run.device)
        problem = CoarseProblem.of(slide, parts) if len(costs) > 1 else None
        if problem is None:
            self.trials.leave_out(
                costs, "the slide has no grid, or too few spots to sum them into coarser ones"
            )
        else:
            self._try(costs, problem, run)
        return self.trials.fitted(
            lambda candidate: _method(candidate).fit(slide, parts, run.within(candidate.info.name)),
            lambda methods: MeanSplit(self.config, methods),
        )

    def _try(self, costs: Sequence[Cost], problem: CoarseProblem, run: Run) -> None:
        def split(candidate: Candidate, own: Run) -> csr_matrix:
            method = _method(candidate).fit(problem.slide, problem.parts, own)
            return method.split(problem.genes, own.reporter).values

        for candidate, found, seconds in attempts(
            costs, run, self.config.seconds, self.trials, split
        ):
            self.trials.add(candidate, found, problem.errors(found), seconds)
        self.trials.average(
            self.trials.pairs(),
            lambda parts: csr_matrix(sum(weight * made for weight, made in parts)),
            problem.errors,
        )

    def split(self, genes: np.ndarray, reporter: Reporter) -> SplitBlock:
        """Not for a method that chooses: `fit` returns one that splits."""
        raise NotImplementedError("fit returns the method that splits")

    def _planned(self, sizes: SplitSizes, device: str) -> tuple[list[Cost], Ranking[csr_matrix]]:
        def estimates(candidate: Candidate) -> tuple[Estimate, float]:
            method = _method(candidate)
            return method.estimate(_small(sizes)), method.estimate(sizes).seconds

        trials = Ranking[csr_matrix](words=_WORDS)
        return planned("super-resolve", self.config, device, estimates, trials), trials


class MeanSplit(SuperResolution):
    """The mean of the splits of fitted methods; it conserves counts as they do."""

    name = "auto"
    config_class = AutoConfig

    def __init__(self, config: Config, methods: Sequence[SuperResolution]) -> None:
        super().__init__(config)
        self.methods = tuple(methods)
        self.fitted = FittedSplit(
            parts=methods[0].fitted.parts,
            metrics={k: v for method in methods for k, v in method.metrics.items()},
            history=tuple(h for method in methods for h in method.history),
            notes=tuple(dict.fromkeys(note for method in methods for note in method.notes)),
        )

    @property
    def conserves(self) -> bool:
        """Whether all of them conserve counts."""
        return all(method.conserves for method in self.methods)

    @property
    def draws(self) -> bool:
        """Whether one of them draws."""
        return any(method.draws for method in self.methods)

    def fit(self, slide: Prepared, parts: SubSpots, run: Run | None = None) -> MeanSplit:
        """Return the mean of copies fitted to a slide; see `SuperResolution.fit`."""
        copies = [copy.copy(method) for method in self.methods]
        return MeanSplit(self.config, [method.fit(slide, parts, run) for method in copies])

    def split(self, genes: np.ndarray, reporter: Reporter) -> SplitBlock:
        """Return the mean of the splits; see `SuperResolution.split`."""
        blocks = [method.split(genes, reporter) for method in self.methods]
        values = csr_matrix(sum(block.values for block in blocks) / len(blocks))
        spreads = [block.spread for block in blocks if block.spread is not None]
        return SplitBlock(genes, values, spreads[0] if len(spreads) == 1 else None)


def _small(sizes: SplitSizes) -> SplitSizes:
    """Return the size of the trial: a quarter of the spots, and the genes compared."""
    genes = min(100, sizes.genes)
    filled = int(sizes.filled * _TRIAL * genes / max(sizes.genes, 1))
    return replace(sizes, spots=max(1, int(sizes.spots * _TRIAL)), genes=genes, filled=filled)


def _method(candidate: Candidate) -> SuperResolution:
    method: SuperResolution = candidate.info.method()(candidate.config)
    return method
