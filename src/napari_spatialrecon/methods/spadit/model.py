"""SpaDiT: a diffusion transformer that corrects linear maps of unmeasured genes.

A gene is a sample, and its spots are the tokens. Linear maps (`bases`) of a gene are made from the
other genes; a weighted sum of them (`stack`) is the starting point; the network learns the residual
(eq. 2-10). No values of a requested gene are ever read from the slide: the sampler starts from
noise, or from zero for the mean branch. Held-out genes determine how much of the network's
correction is used, possibly none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_spatialrecon.methods.genes.base import GeneBlock, GeneMethod, GeneSizes, Values
from napari_spatialrecon.methods.genes.inputs import read_inputs
from napari_spatialrecon.methods.genes.map_errors import within
from napari_spatialrecon.methods.genes.scale import SlideScale, standardised
from napari_spatialrecon.methods.genes.stepping_back import better_than
from napari_spatialrecon.methods.method import Estimate, Fitted
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.methods.spadit.bases import NAMES, Bases, Relations, out_of_fold
from napari_spatialrecon.methods.spadit.config import SpaDiTConfig
from napari_spatialrecon.methods.spadit.correcting import train_corrections
from napari_spatialrecon.methods.spadit.correction import Corrections
from napari_spatialrecon.methods.spadit.reliability import Reliability, signs
from napari_spatialrecon.methods.spadit.spread import ErrorProfile
from napari_spatialrecon.methods.spadit.stack import (
    Traits,
    Weights,
    correlations,
    fit_stack,
    split_genes,
    stacked,
)
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import Prepared

#: Genes imputed at a time.
GENES = 32
#: Seconds per gene and spot of a training step, and of a sampling step, on one busy core.
_PER_STEP, _PER_DRAW = 2.5e-5, 1e-6


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedSpaDiT(Fitted):
    """What the shared genes leave.

    Parameters
    ----------
    relations
        Of genes in the reference.
    bases, traits, weights
        The linear maps of a gene, what weighs them, and how.
    corrections
        The networks; None where they are off.
    reliability, errors
        How well a gene's map, and each spot of it, can be expected to fit.
    times
        By what spreads are multiplied, so that two hold 95% of the held-out genes' values.
    report
        What was measured on held-out genes.
    """

    relations: Relations
    scale: SlideScale
    bases: Bases
    traits: Traits
    weights: Weights
    corrections: Corrections | None
    reliability: Reliability
    errors: ErrorProfile
    times: float
    report: dict[str, Any]


class SpaDiT(GeneMethod):
    """Imputation by linear maps, corrected by a diffusion transformer."""

    name = "spadit"
    config_class = SpaDiTConfig
    config: SpaDiTConfig
    fitted: FittedSpaDiT
    calibrated = True

    def estimate(self, sizes: GeneSizes) -> Estimate:
        """Return the cost of the linear maps, of training the networks and of sampling."""
        config, linear = self.config, super().estimate(sizes)
        if not config.network.on:
            return linear
        samples = config.genes_per_step * min(config.spots_per_step, sizes.spots)
        training = config.training.steps * config.networks * samples * _PER_STEP
        draws, steps = config.diffusion.sampled(sizes.spots)
        passes = steps * draws + config.networks
        return linear.plus(training).plus(passes * sizes.asked * sizes.spots * _PER_DRAW)

    def fit(
        self,
        slide: Prepared,
        reference: Prepared,
        run: Run | None = None,
    ) -> Self:
        """Train on the shared genes; see `GeneMethod.fit`."""
        run, config = run or Run(), self.config
        inputs = read_inputs(slide, reference)
        n = len(inputs.genes)
        relations = Relations.of(inputs, config.bases, run.seed)
        folds = split_genes(n, config.folds, run.seed)
        held, strength = out_of_fold(relations, folds, config.bases, run)
        truth = standardised(inputs.slide)
        parts = split_genes(n, max(config.networks, 3), run.seed + 1)
        traits = Traits.fit(held, strength)
        stack = self._held_out_stack(held, traits.of(held, strength), truth, parts)
        report: dict[str, Any] = {}
        final, judged, corrected = stack, np.arange(n), None
        if config.network.on:
            corrected = train_corrections(relations, config, run, held, truth, stack, parts)
            final, judged = corrected.maps, corrected.judged
            report |= corrected.report
        report |= _bases_report(held[:, :, judged], truth[:, judged], stack[:, judged])
        found, notes = correlations(final, truth)[judged], list(inputs.notes)
        weights = self._weights(held, traits.of(held, strength), truth)
        alone = _better_alone(held[:, :, judged], truth[:, judged], found)
        if config.bases.on and alone is not None:
            final, corrected = held[alone], None
            of_stack, found = float(found.mean()), correlations(final, truth)[judged]
            weights = np.eye(weights.shape[1])[alone] * np.eye(len(weights))[:, :1]
            name = _name(alone, len(held))
            report |= {"stepped_back_to": name, "network_share": 0.0}
            notes.append(
                f"Stepped back to one linear map ({name}): it finds held-out genes with a "
                f"correlation of {found.mean():.2f}, the weighted sum of the maps and the network "
                f"with {of_stack:.2f}."
            )
        elif corrected is not None:
            notes.append(corrected.note)
        features = signs(held, stack, relations.cells, relations)[judged]
        reliability = Reliability.fit(features, found, run.seed)
        report |= {
            "held_out_pcc": float(found.mean()),
            "reliability_diagram": reliability.report(),
        }
        run.reporter.begin("Fitting the linear maps to all shared genes")
        scale = SlideScale.fit(inputs.slide, relations.cells)
        errors = ErrorProfile.fit(final[:, judged], truth[:, judged])
        values, unit = scale.values(standardised(final[:, judged]), relations.cells[:, judged])
        missed = 1 - np.clip(reliability.predicted, 0, 1) ** 2
        still = np.zeros_like(final[:, judged])
        spread = errors.spread(final[:, judged], still, missed) * unit
        away = np.abs(inputs.slide[:, judged] - values) / np.maximum(spread, 1e-9)
        self.fitted = FittedSpaDiT(
            relations=relations,
            scale=scale,
            bases=Bases.fit(relations, np.arange(n), config.bases, run),
            traits=traits,
            weights=weights,
            corrections=None if corrected is None else corrected.corrections,
            reliability=reliability,
            errors=errors,
            times=within(away, len(judged)),
            report=report,
            history=() if corrected is None else corrected.history,
            notes=tuple(notes),
        )
        return self

    def _held_out_stack(
        self,
        held: Values,
        traits: NDArray[np.float64],
        truth: Values,
        parts: Sequence[NDArray[np.intp]],
    ) -> Values:
        """Return the sum of each gene's maps, weighted as the genes of the other parts ask."""
        stack, everything = np.empty_like(truth), np.arange(truth.shape[1])
        for part in parts:
            rest = np.setdiff1d(everything, part)
            weights = self._weights(held[:, :, rest], traits[rest], truth[:, rest])
            stack[:, part] = stacked(held[:, :, part], traits[part], weights)
        return stack

    def _weights(self, maps: Values, traits: NDArray[np.float64], truth: Values) -> Weights:
        if not self.config.bases.on:
            return np.zeros((traits.shape[1], len(maps)))
        return fit_stack(maps, traits, truth)

    def impute(
        self, genes: Sequence[str], *, reporter: Reporter | None = None
    ) -> Iterator[GeneBlock]:
        """Yield genes with their spread; a gene does not depend on the other requested ones.

        The reliability is the correlation with the truth that held-out genes of the same kind
        reached.
        """
        reporter, fitted = reporter or Reporter(), self.fitted
        inputs = fitted.relations.inputs
        columns = inputs.find(genes)
        reporter.begin("Imputing genes", len(genes))
        for start in range(0, len(genes), GENES):
            reporter.check()
            names = tuple(genes[start : start + GENES])
            cells = inputs.cells(columns[start : start + GENES])
            maps, strength = fitted.bases.maps(cells)
            stack = stacked(maps, fitted.traits.of(maps, strength), fitted.weights)
            score, drawn = stack, np.zeros_like(stack)
            if fitted.corrections is not None:
                score, drawn = fitted.corrections.apply(names, maps, stack, cells, reporter)
            expected = fitted.reliability.predict(signs(maps, stack, cells, fitted.relations))
            unseen = cells.std(axis=0) == 0
            score[:, unseen], expected[unseen] = 0.0, 0.0
            values, unit = fitted.scale.values(standardised(score), cells)
            missed = 1 - np.clip(expected, 0, 1) ** 2
            spread = fitted.errors.spread(score, drawn, missed) * unit * fitted.times
            yield GeneBlock(names, values, spread.astype(np.float32), expected)
            reporter.step(min(start + GENES, len(genes)))

    def report(self) -> dict[str, Any]:
        """Return held-out PCC of each base, their sum and the network, and the diagram."""
        return self.fitted.report


def _better_alone(held: Values, truth: Values, found: NDArray[np.float64]) -> int | None:
    """Return the number of the map that is better alone than what was found, or None."""
    alone = [correlations(one, truth) for one in held]
    best = int(np.argmax([one.mean() for one in alone]))
    return best if better_than(found, alone[best]) else None


def _name(number: int, count: int) -> str:
    """Return the name of a map; the second half are means over neighbours."""
    half = count // 2
    return NAMES[number] if number < half else f"{NAMES[number - half]}, smoothed"


def _bases_report(held: Values, truth: Values, stack: Values) -> dict[str, Any]:
    pcc = [float(correlations(m, truth).mean()) for m in held]
    half = len(held) // 2
    return {
        "held_out_bases_pcc": dict(zip(NAMES, pcc[:half], strict=False)),
        "held_out_baseline_pcc": pcc[0],
        "held_out_stack_pcc": float(correlations(stack, truth).mean()),
    }
