"""The method `auto` of deconvolution: ranks methods on pseudo-spots of the user's own reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_spatialrecon.methods.auto.candidates import estimate_of, planned
from napari_spatialrecon.methods.auto.config import AutoConfig
from napari_spatialrecon.methods.auto.plan import Candidate, Cost, attempts
from napari_spatialrecon.methods.auto.ranking import Ranking, Words
from napari_spatialrecon.methods.method import Estimate
from napari_spatialrecon.methods.mixtures.base import (
    CellTypes,
    CheckedShares,
    Mixture,
    MixtureMethod,
    MixtureSizes,
)
from napari_spatialrecon.methods.mixtures.pseudo_spots import pseudo_spots, trial_sizes
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.tissue.contract import Prepared

Shares = NDArray[np.float64]
#: A mean of several is kept wherever its error is smaller: even where it is not better, it hedges.
_MARGIN = 0.0
_WORDS = Words("Mean Jensen-Shannon distance from the true mixture of pseudo-spots (0 best)")


class AutoMixtures(MixtureMethod):
    """Tries the methods that the time allows on pseudo-spots, and deconvolves with the best.

    Attributes
    ----------
    trials
        What was tried and kept, set by `deconvolve`.
    kept
        The method that deconvolved the slide, set by `deconvolve`; this one after a mean of
        several.
    """

    name = "auto"
    config_class = AutoConfig
    config: AutoConfig
    trials: Ranking[Shares]
    kept: MixtureMethod

    def estimate(self, sizes: MixtureSizes) -> Estimate:
        """Return the cost of all trials that the time allows, and of the longest last run."""
        costs, trials = self._planned(sizes, "cpu")
        return estimate_of(
            costs,
            self.config,
            trials,
            "pseudo-spots",
            lambda candidate: _method(candidate).estimate(trial_sizes(sizes)),
            lambda candidate: _method(candidate).estimate(sizes),
        )

    def deconvolve(
        self,
        slide: Prepared,
        reference: Prepared,
        types: CellTypes,
        run: Run | None = None,
        *,
        prior: NDArray[np.float64] | None = None,
    ) -> Mixture:
        """Return the mixture by the best method; see `MixtureMethod.deconvolve`.

        With a prior, the methods that take one are tried alone.
        """
        run = run or Run()
        costs, trials = self._planned(
            MixtureSizes.of(slide, reference, types), run.device, prior is not None
        )
        self.trials = trials
        run.reporter.begin("Making pseudo-spots of the reference")
        problem = pseudo_spots(slide, reference, types, run.seed) if len(costs) > 1 else None
        if problem is None:
            few = "the reference has too few cells with types to make pseudo-spots of"
            trials.leave_out(costs, few)
        else:

            def shares(candidate: Candidate, own: Run) -> Shares:
                found = _method(candidate).deconvolve(
                    problem.slide, problem.reference, problem.types, own
                )
                return found.proportions

            for candidate, found, seconds in attempts(
                costs, run, self.config.seconds, trials, shares
            ):
                trials.add(candidate, found, problem.errors(found), seconds)
            trials.average(trials.quarters(), _weighted, problem.errors)
        methods = [_method(candidate) for candidate in trials.kept]
        self.kept = methods[0] if len(methods) == 1 else self
        mixtures = [
            method.deconvolve(slide, reference, types, run.within(method.name), prior=prior)
            for method in methods
        ]
        weights = [weight for weight in trials.weights or (1.0,) if weight]
        mixture = _mean(mixtures, weights)
        checked = None
        if problem is not None:
            made = zip(trials.tried, trials.made, strict=True)
            own = [found for trial, (found, _) in made if trial.candidate in trials.kept]
            checked = CheckedShares(problem.truth, _weighted(list(zip(weights, own, strict=True))))
        return replace(mixture, notes=(*trials.notes(), *mixture.notes), checked=checked)

    def _planned(
        self, sizes: MixtureSizes, device: str, with_prior: bool = False
    ) -> tuple[list[Cost], Ranking[Shares]]:
        def estimates(candidate: Candidate) -> tuple[Estimate, float]:
            method = _method(candidate)
            return method.estimate(trial_sizes(sizes)), method.estimate(sizes).seconds

        trials = Ranking[Shares](words=_WORDS, margin=_MARGIN)
        costs = planned("deconvolve", self.config, device, estimates, trials, with_prior=with_prior)
        return costs, trials


def _weighted(parts: Sequence[tuple[float, Shares]]) -> Shares:
    """Return the weighted mean of shares; the weights sum to 1."""
    return np.asarray(sum(weight * shares for weight, shares in parts), float)


def _mean(mixtures: Sequence[Mixture], weights: Sequence[float]) -> Mixture:
    """Return the weighted mean of mixtures of the same spots, with the mapping of one of them."""
    first, *others = mixtures
    if not others:
        return first
    shares = _weighted([(w, m.proportions) for w, m in zip(weights, mixtures, strict=True)])
    mapped = next((m.mapping for m in mixtures if m.mapping is not None), None)
    return Mixture(
        shares / shares.sum(axis=1, keepdims=True),
        mapped,
        diagnostics={k: v for m in mixtures for k, v in m.diagnostics.items()},
        notes=tuple(dict.fromkeys(note for m in mixtures for note in m.notes)),
        history=tuple(h for m in mixtures for h in m.history),
    )


def _method(candidate: Candidate) -> MixtureMethod:
    method: MixtureMethod = candidate.info.method()(candidate.config)
    return method
