"""COME for genes: a spot has the mean expression of the cells mapped to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from napari_spatialrecon.methods.come.autoencoder import pretrain
from napari_spatialrecon.methods.come.coefficients import Coefficients, cosine_start
from napari_spatialrecon.methods.come.config import GENE_OBJECTIVES, ComeGenesConfig
from napari_spatialrecon.methods.come.inputs import unit_interval
from napari_spatialrecon.methods.come.memory import mapping_seconds, mapping_size
from napari_spatialrecon.methods.come.objective import Tables, learn_mapping, needs_network
from napari_spatialrecon.methods.come.readout import spot_weights
from napari_spatialrecon.methods.genes.base import GeneBlock, GeneMethod, GeneSizes, Values
from napari_spatialrecon.methods.genes.inputs import read_inputs
from napari_spatialrecon.methods.genes.knn import mapped_genes
from napari_spatialrecon.methods.genes.scale import SlideScale, standardised
from napari_spatialrecon.methods.method import Estimate
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import Prepared

#: Steps between two evaluations on held-out genes, and minimum shared genes to hold some out.
LOOK_EVERY, LEAST_GENES = 5, 10


@dataclass(frozen=True)
class _Choice:
    """Objective, steps and number of mappings, with their correlation on held-out genes."""

    objective: str
    steps: int
    mappings: int
    correlation: float


class ComeGenes(GeneMethod):
    """Contrastive mapping of cells to spots (Wei et al. 2025), for genes.

    The objective (eq. 11 over spots, or the cosine of each gene over cells) and the number of steps
    are chosen on held-out shared genes, by the same rule for every slide; so is whether to average
    several mappings, each trained without another part of the genes.
    """

    name = "come"
    config_class = ComeGenesConfig
    config: ComeGenesConfig

    def estimate(self, sizes: GeneSizes) -> Estimate:
        """Return the cost of all mappings that are tried and averaged."""
        config, sides = self.config, (sizes.cells, sizes.spots, sizes.shared)
        size = mapping_size(*sides, config)
        tried = config.folds * (len(GENE_OBJECTIVES) + config.mappings) if config.choose else 0
        seconds = (tried + config.mappings) * mapping_seconds(size, *sides, config)
        found = super().estimate(sizes).plus(seconds, note=size.note)
        return replace(found, memory_bytes=float(size.total_bytes))

    def fit(
        self,
        slide: Prepared,
        reference: Prepared,
        *,
        seed: int = 0,
        device: str = "cpu",
        reporter: Reporter | None = None,
    ) -> Self:
        """Choose objective and steps, then train the mapping; see `GeneMethod.fit`."""
        reporter = reporter or Reporter()
        reporter.begin("Comparing spots with cells")
        self._seed, self._device, self._reporter = seed, device, reporter
        self.inputs = read_inputs(slide, reference)
        cells = self.inputs.cells(self.inputs.columns)
        self.scale = SlideScale.fit(self.inputs.slide, cells)
        n_spots, n_genes = self.inputs.slide.shape
        size = mapping_size(len(cells), n_spots, n_genes, self.config)
        self._kept = size.kept
        config, notes = self.config, [*self.inputs.notes, *([size.note] if size.note else [])]
        self._report: dict[str, Any] = {}
        many = cells.shape[1] >= LEAST_GENES
        steps, mappings = config.joint_steps(cells.shape[1]), config.mappings if many else 1
        if config.choose and many:
            choice = self._chosen(self.inputs.slide, cells)
            config, steps = config.with_values(GENE_OBJECTIVES[choice.objective]), choice.steps
            mappings = choice.mappings
            self._report |= {
                "objective": choice.objective,
                "steps": choice.steps,
                "mappings": choice.mappings,
                "inner_pcc": choice.correlation,
            }
            averaged = f", the mean of {choice.mappings} mappings" if choice.mappings > 1 else ""
            notes.append(
                f"Chosen on held-out genes: {choice.objective}, {choice.steps} steps{averaged} "
                f"(correlation {choice.correlation:.2f})."
            )
        elif config.weights.cell_types:
            notes.append("Without cell types, the cell-type contrast (eq. 8) is omitted.")
        self.weights = self._averaged(self.inputs.slide, cells, config, steps, mappings)
        self.notes = tuple(notes)
        return self

    def _chosen(self, slide: Values, cells: Values) -> _Choice:
        """Return the choice that maps held-out genes best, over the folds."""
        rng, n = np.random.default_rng(self._seed), cells.shape[1]
        count = max(1, round(self.config.inner_share * n))
        found: dict[tuple[str, int], list[float]] = {}
        folds = [
            np.isin(np.arange(n), rng.permutation(n)[:count]) for _ in range(self.config.folds)
        ]
        for hidden in folds:
            for objective, values in GENE_OBJECTIVES.items():
                config = self.config.with_values(values)
                for steps, value in self._followed(slide, cells, hidden, config).items():
                    found.setdefault((objective, steps), []).append(value)
        objective, steps = max(found, key=lambda key: float(np.mean(found[key])))
        single, several = float(np.mean(found[objective, steps])), self.config.mappings
        if steps == 0 or several == 1:
            return _Choice(objective, steps, 1, single)
        config = self.config.with_values(GENE_OBJECTIVES[objective])
        scores = []
        for hidden in folds:
            weights = self._averaged(slide[:, ~hidden], cells[:, ~hidden], config, steps, several)
            scores.append(_correlation(slide[:, hidden], weights @ cells[:, hidden]))
        mean = float(np.mean(scores))
        return _Choice(objective, steps, *((several, mean) if mean > single else (1, single)))

    def _followed(
        self, slide: Values, cells: Values, hidden: NDArray[np.bool_], config: ComeGenesConfig
    ) -> dict[int, float]:
        """Return the mean correlation of held-out genes by number of steps."""
        truth, unseen = slide[:, hidden], cells[:, hidden]
        found: dict[int, float] = {}

        def look(coefficients: Coefficients, step: int) -> Mapping[str, float]:
            found[step] = _correlation(truth, spot_weights(coefficients) @ unseen)
            return {"held_out": -found[step]}

        steps = config.joint_steps(cells.shape[1])
        self._learnt(slide[:, ~hidden], cells[:, ~hidden], config, steps, look)
        return found

    def _averaged(
        self, slide: Values, cells: Values, config: ComeGenesConfig, steps: int, mappings: int
    ) -> Values | sparse.csr_matrix:
        """Return the mean P̄ᵀ (n_spots, n_cells) of mappings, each without a part of the genes."""
        n = cells.shape[1]
        if mappings == 1:
            return spot_weights(self._learnt(slide, cells, config, steps))
        parts = np.array_split(np.random.default_rng(self._seed).permutation(n), mappings)
        total: Any = 0
        for part in parts:
            kept = np.setdiff1d(np.arange(n), part)
            total = total + spot_weights(
                self._learnt(slide[:, kept], cells[:, kept], config, steps)
            )
        return total / mappings

    def _learnt(
        self,
        slide: Values,
        cells: Values,
        config: ComeGenesConfig,
        steps: int,
        look: Any = None,
    ) -> Coefficients:
        """Return the mapping trained on some genes; `look` evaluates it during training."""
        start = cosine_start(
            torch.from_numpy(standardised(cells)),
            torch.from_numpy(standardised(slide)),
            over=config.over,
            temperature=config.temperature,
            kept=self._kept,
            constant=config.start == "constant",
        )
        tables = Tables(
            unit_interval(slide),
            unit_interval(cells),
            torch.from_numpy(np.ascontiguousarray(slide)),
            torch.from_numpy(np.ascontiguousarray(cells)),
        )
        network = None
        if needs_network(config.weights) and steps:
            network, history = pretrain(
                tables.spots,
                tables.cells,
                config,
                seed=self._seed,
                device=self._device,
                reporter=self._reporter,
            )
            self.history.append(history)
        coefficients, history = learn_mapping(
            start,
            network,
            tables,
            config,
            steps=steps,
            seed=self._seed,
            device=self._device,
            reporter=self._reporter,
            look=look,
            look_every=LOOK_EVERY,
        )
        self.history.append(history)
        return coefficients

    def impute(
        self, genes: Sequence[str], *, reporter: Reporter | None = None
    ) -> Iterator[GeneBlock]:
        """Yield P̄ᵀX of the requested genes on the slide's scale, in blocks."""
        yield from mapped_genes(self.inputs, self.weights, self.scale, genes, reporter)

    def report(self) -> dict[str, Any]:
        """Return the choice made on held-out genes."""
        return self._report


def _correlation(truth: Values, mapped: Any) -> float:
    """Return the mean correlation of genes (columns) over the spots."""
    return float((standardised(truth) * standardised(np.asarray(mapped))).mean())
