"""The method `auto` of placing: fits several methods, and returns the one that wins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from napari_spatialrecon.methods.auto.candidates import planned
from napari_spatialrecon.methods.auto.config import AutoConfig
from napari_spatialrecon.methods.auto.plan import Candidate, Cost, attempts
from napari_spatialrecon.methods.auto.trials import PlacementTrials, Trial
from napari_spatialrecon.methods.method import Estimate, Method
from napari_spatialrecon.methods.placement.base import PlacementMethod, PlacementSizes
from napari_spatialrecon.methods.placement.held_out import hold_out
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.genes import match_genes


class Auto(Method):
    """Tries the baseline and the methods that the time allows, and keeps the best.

    All are fitted with the same seed, hence measured on the same held-out spots of the slides; of
    the query only expression is read. `fit` returns the method that was kept, exactly as if it had
    been chosen by name.

    Attributes
    ----------
    trials
        What was tried and kept, set by `fit`.
    """

    name = "auto"
    config_class = AutoConfig
    config: AutoConfig
    trials: PlacementTrials

    def estimate(self, sizes: PlacementSizes) -> Estimate:
        """Return the estimated cost of all methods that the time allows, and of placing."""
        costs, trials = self._planned(sizes, "cpu")
        found = [_method(cost.candidate).estimate(sizes) for cost in costs]
        names = ", ".join(cost.candidate.title for cost in costs)
        return Estimate(
            sum(cost.seconds for cost in found),
            max(cost.memory_bytes for cost in found),
            plan=(f"Tries {names}.", *trials.omissions("is skipped")),
            most_seconds=max(self.config.seconds, costs[0].trial.high),
        )

    def fit(
        self,
        references: Sequence[Prepared],
        query: Prepared | None = None,
        run: Run | None = None,
    ) -> PlacementMethod:
        """Return the fitted method that places held-out spots best; see `PlacementMethod.fit`.

        Raises
        ------
        Stopped
            The user stopped the run; what was fitted so far is not repeated when it is resumed.
        """
        run = run or Run()
        tables = [*references, *([query] if query is not None else [])]
        match = match_genes([t.adata.var for t in tables], [t.name for t in tables])
        sizes = PlacementSizes.of(references, query, len(match.genes))
        costs, trials = self._planned(sizes, run.device)
        self.trials = trials
        if hold_out(references, run.seed) is None:
            few = "the slides have too few spots to hold some out"
            trials.skipped |= {cost.candidate.title: few for cost in costs[1:]}
            costs = costs[:1]
        best: PlacementMethod | None = None

        def fitted(candidate: Candidate, own: Run) -> PlacementMethod:
            return _method(candidate).fit(references, query, own)

        for candidate, method, seconds in attempts(costs, run, self.config.seconds, trials, fitted):
            trials.tried.append(Trial(candidate, method.held_out, seconds))
            if trials.best.candidate is candidate:
                best = method
        assert best is not None, "the baseline was fitted"
        best.fitted = replace(best.fitted, notes=(*trials.notes(), *best.notes))
        return best

    def _planned(self, sizes: PlacementSizes, device: str) -> tuple[list[Cost], PlacementTrials]:
        """Return what to try, the baseline first, and trials that know the others."""
        trials = PlacementTrials()

        def estimates(candidate: Candidate) -> tuple[Estimate, float]:
            return _method(candidate).estimate(sizes), 0.0

        return planned("place", self.config, device, estimates, trials), trials


def _method(candidate: Candidate) -> PlacementMethod:
    method: PlacementMethod = candidate.info.method()(candidate.config)
    return method
