"""The method `auto` of imputing genes: ranks methods on measured genes that they do not see."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_spatialrecon.hyperparameters import Config
from napari_spatialrecon.methods.auto.candidates import estimate_of, planned
from napari_spatialrecon.methods.auto.config import AutoConfig
from napari_spatialrecon.methods.auto.plan import Candidate, Cost, attempts
from napari_spatialrecon.methods.auto.ranking import Ranking, Words
from napari_spatialrecon.methods.genes.base import GeneBlock, GeneMethod, GeneSizes, Values
from napari_spatialrecon.methods.genes.hiding import HiddenGenes
from napari_spatialrecon.methods.method import Estimate, Fitted
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import Prepared

_WORDS = Words("Mean correlation of hidden genes with their measurement", lambda error: 1.0 - error)
#: Genes that a mean imputes at a time.
_BLOCK = 256


class AutoGenes(GeneMethod):
    """Tries the methods that the time allows on hidden genes; `fit` returns the best, refitted.

    Attributes
    ----------
    trials
        What was tried and kept, set by `fit`.
    """

    name = "auto"
    config_class = AutoConfig
    config: AutoConfig
    trials: Ranking[Values]

    def estimate(self, sizes: GeneSizes) -> Estimate:
        """Return the cost of all trials that the time allows, and of the longest last run."""
        costs, trials = self._planned(sizes, "cpu")

        def whole(candidate: Candidate) -> Estimate:
            return _method(candidate).estimate(sizes)

        return estimate_of(costs, self.config, trials, "hidden genes", whole, whole)

    def fit(  # type: ignore[override]
        self, slide: Prepared, reference: Prepared, run: Run | None = None
    ) -> GeneMethod:
        """Return the fitted method that imputes hidden genes best; see `GeneMethod.fit`."""
        run = run or Run()
        sizes = GeneSizes.of(slide, reference, 0)
        costs, self.trials = self._planned(replace(sizes, asked=sizes.shared), run.device)
        hidden = HiddenGenes.draw(slide, reference, run.seed) if len(costs) > 1 else None
        if hidden is None:
            self.trials.leave_out(costs, "slide and reference share too few genes to hide some")
        else:
            self._try(costs, hidden, reference, run)
        return self.trials.fitted(
            lambda candidate: _method(candidate).fit(
                slide, reference, run.within(candidate.info.name)
            ),
            lambda methods: MeanGenes(self.config, methods),
        )

    def _try(
        self, costs: Sequence[Cost], hidden: HiddenGenes, reference: Prepared, run: Run
    ) -> None:
        def maps(candidate: Candidate, own: Run) -> Values:
            method = _method(candidate).fit(hidden.slide, reference, own)
            blocks = method.impute(hidden.genes, reporter=own.reporter)
            return np.concatenate([block.values for block in blocks], axis=1)

        for candidate, found, seconds in attempts(
            costs, run, self.config.seconds, self.trials, maps
        ):
            self.trials.add(candidate, found, hidden.errors(found), seconds)
        self.trials.average(
            self.trials.pairs(),
            lambda parts: np.mean([made for _, made in parts], 0),
            hidden.errors,
        )

    def impute(
        self, genes: Sequence[str], *, reporter: Reporter | None = None
    ) -> Iterator[GeneBlock]:
        """Not for a method that chooses: `fit` returns one that imputes."""
        raise NotImplementedError("fit returns the method that imputes")

    def _planned(self, sizes: GeneSizes, device: str) -> tuple[list[Cost], Ranking[Values]]:
        def estimates(candidate: Candidate) -> tuple[Estimate, float]:
            whole = _method(candidate).estimate(sizes)
            return whole, whole.seconds

        trials = Ranking[Values](words=_WORDS)
        return planned("impute-genes", self.config, device, estimates, trials), trials


class MeanGenes(GeneMethod):
    """The mean of the maps of fitted methods."""

    name = "auto"
    config_class = AutoConfig

    def __init__(self, config: Config, methods: Sequence[GeneMethod]) -> None:
        super().__init__(config)
        self.methods = tuple(methods)
        self.fitted = Fitted(
            history=tuple(h for method in methods for h in method.history),
            notes=tuple(dict.fromkeys(note for method in methods for note in method.notes)),
        )

    def fit(self, slide: Prepared, reference: Prepared, run: Run | None = None) -> MeanGenes:
        """Return the mean of copies fitted to a slide; see `GeneMethod.fit`."""
        copies = [copy.copy(method) for method in self.methods]
        return MeanGenes(self.config, [method.fit(slide, reference, run) for method in copies])

    def impute(
        self, genes: Sequence[str], *, reporter: Reporter | None = None
    ) -> Iterator[GeneBlock]:
        """Yield the means; see `GeneMethod.impute`."""
        for start in range(0, len(genes), _BLOCK):
            some = tuple(genes[start : start + _BLOCK])
            parts = [_joined(m.impute(some, reporter=reporter)) for m in self.methods]
            yield GeneBlock(
                some,
                np.mean([part.values for part in parts], axis=0, dtype=np.float32),
                _mean_of([part.spread for part in parts]),
                _mean_of([part.reliability for part in parts]),
            )

    def report(self) -> dict[str, Any]:
        """Return what the methods held out themselves; the first that did counts."""
        return next((found for m in self.methods if (found := m.report())), {})


def _joined(blocks: Iterator[GeneBlock]) -> GeneBlock:
    """Return the blocks of a method as one."""
    parts = list(blocks)
    spreads = [p.spread for p in parts if p.spread is not None]
    known = [p.reliability for p in parts if p.reliability is not None]
    return GeneBlock(
        tuple(gene for p in parts for gene in p.genes),
        np.concatenate([p.values for p in parts], axis=1),
        np.concatenate(spreads, axis=1) if len(spreads) == len(parts) else None,
        np.concatenate(known) if len(known) == len(parts) else None,
    )


def _mean_of(arrays: Sequence[NDArray[Any] | None]) -> Any:
    known = [array for array in arrays if array is not None]
    return np.mean(known, axis=0).astype(known[0].dtype) if known else None


def _method(candidate: Candidate) -> GeneMethod:
    method: GeneMethod = candidate.info.method()(candidate.config)
    return method
