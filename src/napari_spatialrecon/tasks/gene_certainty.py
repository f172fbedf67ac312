"""What an imputation states of its own certainty, from measured genes that it does not see."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_spatialrecon.methods.genes.base import GeneMethod, GeneSizes, Values
from napari_spatialrecon.methods.genes.hiding import MOST_HIDDEN, HiddenGenes
from napari_spatialrecon.methods.genes.map_errors import MapErrors, coverage
from napari_spatialrecon.methods.method import Estimate
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.tissue.contract import Prepared

#: Standard errors by which the correlation of hidden genes has to exceed 0.
_CLEAR = 2.0


@dataclass(frozen=True, eq=False)
class GeneCertainty:
    """Spread of maps, and what hidden genes told.

    Parameters
    ----------
    errors
        None where the method's own spread is calibrated, or nothing could be hidden.
    keeps_own
        Whether the method's own spread is stated.
    metrics, warnings, notes
        For the record.
    """

    errors: MapErrors | None = None
    keeps_own: bool = False
    metrics: dict[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def gene_certainty(
    chooser: Any, fitted: GeneMethod, slide: Prepared, reference: Prepared, run: Run
) -> GeneCertainty:
    """Return how far maps can be off; the method is fitted without some genes unless it was before.

    Parameters
    ----------
    chooser
        The method that was asked for; with ``trials`` if it selected `fitted`.

    Raises
    ------
    Stopped
        The user stopped the run.
    """
    if fitted.calibrated:
        report = fitted.report()
        found = np.asarray(report.get("reliability_diagram", {}).get("found", []), float)
        return GeneCertainty(keeps_own=True, warnings=_no_better(found))
    hidden = HiddenGenes.draw(slide, reference, run.seed)
    if hidden is None:
        return GeneCertainty(
            notes=("Maps have no spread: slide and reference share too few genes to hide some.",)
        )
    trials = getattr(chooser, "trials", None)
    maps = _tried(trials) if trials is not None and trials.tried else None
    if maps is None:
        maps = _imputed(fitted, hidden, reference, run)
    correlations = 1.0 - hidden.errors(maps)
    return GeneCertainty(
        MapErrors.fit(maps, hidden.truth),
        metrics={
            "held_out_pcc": float(correlations.mean()),
            "spread_coverage": coverage(maps, hidden.truth),
        },
        warnings=_no_better(correlations),
    )


def whole_cost(method: GeneMethod, sizes: GeneSizes, *, selects: bool) -> Estimate:
    """Return the cost of a run, and of another without hidden genes where one is needed.

    Raises
    ------
    InputError
        It does not fit in the available memory.
    """
    estimate = method.estimate(sizes)
    if selects or method.calibrated:
        return estimate
    return estimate.plus(method.estimate(replace(sizes, asked=MOST_HIDDEN)).seconds)


def _tried(trials: Any) -> Values:
    """Return the maps of hidden genes that what was kept made when it was tried."""
    weights = [weight for weight in trials.weights or (1.0,) if weight]
    made = zip(trials.tried, trials.made, strict=True)
    own = [maps for trial, (maps, _) in made if trial.candidate in trials.kept]
    total = sum(weight * maps for weight, maps in zip(weights, own, strict=True))
    return np.asarray(total, np.float32)


def _imputed(fitted: GeneMethod, hidden: HiddenGenes, reference: Prepared, run: Run) -> Values:
    reporter = run.reporter.within("Checking on hidden genes")
    reporter.history = []  # the losses of a check are none of the run
    apart = replace(run.within("hidden-genes").unsaved(), reporter=reporter)
    method = copy.copy(fitted).fit(hidden.slide, reference, apart)
    blocks = method.impute(hidden.genes, reporter=reporter)
    return np.concatenate([block.values for block in blocks], axis=1)


def _no_better(correlations: NDArray[np.float64]) -> tuple[str, ...]:
    if len(correlations) < 2:
        return ()
    noise = correlations.std(ddof=1) / np.sqrt(len(correlations))
    if correlations.mean() > _CLEAR * noise:
        return ()
    return (
        "No better than the baseline: maps of measured genes that were hidden do not follow their "
        f"measurement (mean correlation {correlations.mean():.2f}). Do not rely on these maps.",
    )
