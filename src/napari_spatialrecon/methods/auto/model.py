"""The method `auto`: fits several methods, and returns the one that wins on held-out spots."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from napari_spatialrecon.errors import SpatialReconError, Stopped
from napari_spatialrecon.methods.auto.config import AutoConfig
from napari_spatialrecon.methods.auto.trials import Trial, Trials, affordable
from napari_spatialrecon.methods.method import Estimate, Method
from napari_spatialrecon.methods.placement.base import PlacementMethod, PlacementSizes
from napari_spatialrecon.methods.placement.held_out import hold_out
from napari_spatialrecon.methods.registry import MethodInfo, baseline_for, methods_for
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
    trials: Trials

    def estimate(self, sizes: PlacementSizes) -> Estimate:
        """Return the estimated cost of all methods that the time allows, and of placing."""
        chosen, trials = self._chosen(sizes)
        costs = [self._method(info).estimate(sizes) for info in chosen]
        names = ", ".join(info.short_title for info in chosen)
        return Estimate(
            sum(cost.seconds for cost in costs),
            max(cost.memory_bytes for cost in costs),
            plan=(f"Tries {names}.", *trials.omissions("will not be")),
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
        chosen, self.trials = self._chosen(sizes)
        if hold_out(references, run.seed) is None:
            few = "the slides have too few spots to hold some out"
            self.trials.skipped |= {info.short_title: few for info in chosen[1:]}
            chosen = chosen[:1]
        best: PlacementMethod | None = None
        for number, info in enumerate(chosen, start=1):
            stage = f"Trying {info.short_title} ({number} of {len(chosen)})"
            own = replace(run.within(info.name), reporter=run.reporter.within(stage))
            fitted = self._tried(info, references, query, own, alone=best is None)
            if fitted is not None and self.trials.best.info is info:
                best = fitted
        assert best is not None, "the baseline was fitted"
        notes = (*self.trials.notes(), *best.notes)
        best.fitted = replace(best.fitted, notes=notes)
        return best

    def _tried(
        self,
        info: MethodInfo,
        references: Sequence[Prepared],
        query: Prepared | None,
        run: Run,
        *,
        alone: bool,
    ) -> PlacementMethod | None:
        """Return a fitted method; None, noting why, if it fails and another is fitted already."""
        start = time.monotonic()
        run.reporter.check()
        try:
            fitted: PlacementMethod = self._method(info).fit(references, query, run)
        except Stopped:
            raise
        except SpatialReconError as error:
            if alone:
                raise
            why = error.problem.message.rstrip(".")
            self.trials.skipped[info.short_title] = f"it failed ({why})"
            return None
        self.trials.tried.append(Trial(info, fitted.held_out, time.monotonic() - start))
        return fitted

    def _chosen(self, sizes: PlacementSizes) -> tuple[list[MethodInfo], Trials]:
        """Return the methods to try, the baseline first, and trials that know the others."""
        baseline, too_large = baseline_for("place"), {}
        costs = [(baseline, self._method(baseline).estimate(sizes).seconds)]
        for info in methods_for("place"):
            if info.selects or info is baseline:
                continue
            try:
                costs.append((info, self._method(info).estimate(sizes).seconds))
            except SpatialReconError:
                too_large[info.short_title] = "it does not fit the free memory"
        chosen, skipped = affordable(costs, 60 * self.config.minutes)
        return chosen, Trials(skipped={**skipped, **too_large})

    def _method(self, info: MethodInfo) -> PlacementMethod:
        method: PlacementMethod = info.method()(info.config().preset(self.config.tried_preset))
        return method
