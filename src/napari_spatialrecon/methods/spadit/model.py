"""SpaDiT: a diffusion transformer that corrects linear maps of unmeasured genes.

A gene is a sample, and its spots are the tokens. Linear maps (`bases`) of a gene are made from the
other genes; a weighted sum of them (`stack`) is the starting point; the network learns the residual
(eq. 2-10). No values of a requested gene are ever read from the slide: the sampler starts from
noise, or from zero for the mean branch. Held-out genes determine how much of the network's
correction is used, possibly none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_spatialrecon.methods.genes.base import GeneBlock, GeneMethod, GeneSizes, Values
from napari_spatialrecon.methods.genes.inputs import GeneInputs, read_inputs
from napari_spatialrecon.methods.genes.scale import SlideScale, standardised
from napari_spatialrecon.methods.method import Estimate
from napari_spatialrecon.methods.spadit.bases import NAMES, Bases, Relations, out_of_fold
from napari_spatialrecon.methods.spadit.config import SpaDiTConfig
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
_PER_STEP, _PER_DRAW = 2.5e-5, 4e-7


class SpaDiT(GeneMethod):
    """Imputation by linear maps, corrected by a diffusion transformer."""

    name = "spadit"
    config_class = SpaDiTConfig
    config: SpaDiTConfig
    inputs: GeneInputs

    def estimate(self, sizes: GeneSizes) -> Estimate:
        """Return the cost of the linear maps, of training the networks and of sampling."""
        config, linear = self.config, super().estimate(sizes)
        if not config.network.on:
            return linear
        samples = config.genes_per_step * min(config.spots_per_step, sizes.spots)
        training = config.training.steps * config.networks * samples * _PER_STEP
        passes = config.diffusion.steps * config.diffusion.draws * config.networks
        return linear.plus(training).plus(passes * sizes.asked * sizes.spots * _PER_DRAW)

    def fit(
        self,
        slide: Prepared,
        reference: Prepared,
        *,
        seed: int = 0,
        device: str = "cpu",
        reporter: Reporter | None = None,
    ) -> Self:
        """Train on the shared genes; see `GeneMethod.fit`."""
        reporter = reporter or Reporter()
        self.inputs = inputs = read_inputs(slide, reference)
        self.notes = inputs.notes
        config, n = self.config, len(inputs.genes)
        self.relations = Relations.of(inputs, config.bases, seed)
        self.scale = SlideScale.fit(inputs.slide, self.relations.cells)
        held, strength = out_of_fold(
            self.relations,
            split_genes(n, config.folds, seed),
            config.bases,
            seed=seed,
            device=device,
            reporter=reporter,
        )
        truth = standardised(inputs.slide)
        parts = split_genes(n, max(config.networks, 3), seed + 1)
        self.traits = Traits.fit(held, strength)
        traits = self.traits.of(held, strength)
        stack = np.empty_like(truth)
        for part in parts:
            rest = np.setdiff1d(np.arange(n), part)
            weights = self._weights(held[:, :, rest], traits[rest], truth[:, rest])
            stack[:, part] = stacked(held[:, :, part], traits[part], weights)
        self.weights = self._weights(held, traits, truth)
        self._report = self._bases_report(held, truth, stack)
        self.corrections = Corrections(self.relations, config, seed, device)
        final, judged = stack, np.arange(n)
        if config.network.on:
            final, judged = self.corrections.fit(held, truth, stack, parts, reporter)
            self.history = self.corrections.history
            self._report |= self.corrections.report()
            self.notes = (*self.notes, self.corrections.note)
        found = correlations(final, truth)[judged]
        features = signs(held, stack, self.relations.cells, self.relations)[judged]
        self._reliability = Reliability.fit(features, found, seed)
        self.errors = ErrorProfile.fit(final[:, judged], truth[:, judged])
        self._known: dict[str, float] = {}
        self._report |= {
            "held_out_pcc": float(found.mean()),
            "reliability_diagram": self._reliability.report(),
        }
        reporter.begin("Fitting the linear maps to all shared genes")
        self.bases = Bases.fit(
            self.relations, np.arange(n), config.bases, seed=seed, device=device, reporter=reporter
        )
        return self

    def impute(
        self, genes: Sequence[str], *, reporter: Reporter | None = None
    ) -> Iterator[GeneBlock]:
        """Yield genes with their spread; a gene does not depend on the other requested ones."""
        reporter = reporter or Reporter()
        columns = self.inputs.find(genes)
        reporter.begin("Imputing genes", len(genes))
        for start in range(0, len(genes), GENES):
            reporter.check()
            names = tuple(genes[start : start + GENES])
            cells = self.inputs.cells(columns[start : start + GENES])
            maps, strength = self.bases.maps(cells)
            stack = stacked(maps, self.traits.of(maps, strength), self.weights)
            score, drawn = self.corrections.apply(names, maps, stack, cells, reporter)
            expected = self._reliability.predict(signs(maps, stack, cells, self.relations))
            unseen = cells.std(axis=0) == 0
            score[:, unseen], expected[unseen] = 0.0, 0.0
            self._known |= dict(zip(names, expected.tolist(), strict=True))
            values, unit = self.scale.values(standardised(score), cells)
            missed = 1 - np.clip(expected, 0, 1) ** 2
            spread = self.errors.spread(score, drawn, missed) * unit
            yield GeneBlock(names, values, spread.astype(np.float32))
            reporter.step(min(start + GENES, len(genes)))

    def reliability(self, genes: Sequence[str]) -> NDArray[np.float64]:
        """Return the correlation with the truth reached by similar held-out genes."""
        return np.array([self._known.get(gene, np.nan) for gene in genes])

    def report(self) -> dict[str, Any]:
        """Return held-out PCC of each base, their sum and the network, and the diagram."""
        return self._report

    def _weights(self, maps: Values, traits: NDArray[np.float64], truth: Values) -> Weights:
        if not self.config.bases.on:
            return np.zeros((traits.shape[1], len(maps)))
        return fit_stack(maps, traits, truth)

    def _bases_report(self, held: Values, truth: Values, stack: Values) -> dict[str, Any]:
        pcc = [float(correlations(m, truth).mean()) for m in held]
        half = len(held) // 2
        return {
            "held_out_bases_pcc": dict(zip(NAMES, pcc[:half], strict=False)),
            "held_out_baseline_pcc": pcc[0],
            "held_out_stack_pcc": float(correlations(stack, truth).mean()),
        }
