"""COME for genes: a spot has the mean expression of the cells that are mapped to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from napari_spatialrecon.methods.come.autoencoder import pretrain
from napari_spatialrecon.methods.come.coefficients import Coefficients, cosine_start
from napari_spatialrecon.methods.come.config import GENE_OBJECTIVES, ComeGenesConfig
from napari_spatialrecon.methods.come.inputs import unit_interval
from napari_spatialrecon.methods.come.memory import mapping_size
from napari_spatialrecon.methods.come.objective import Tables, learn_mapping, needs_network
from napari_spatialrecon.methods.come.readout import spot_weights
from napari_spatialrecon.methods.gene_floors.knn import mapped_genes
from napari_spatialrecon.methods.gene_imputation import GeneBlock, GeneMethod, Values
from napari_spatialrecon.methods.gene_inputs import GeneInputs, read_inputs
from napari_spatialrecon.methods.gene_scale import SlideScale, standardised
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import Prepared

#: Steps between two looks at the hidden genes, and fewest shared genes of which some can be hidden.
LOOK_EVERY, LEAST_GENES = 5, 10


@dataclass(frozen=True)
class _Choice:
    """An objective and its number of steps, with the correlation they had on hidden genes."""

    objective: str
    steps: int
    correlation: float


class ComeGenes(GeneMethod):
    """Contrastive mapping of cells to spots (Wei et al. 2025), for genes.

    Which objective (eq. 11 over spots, or the cosine of each gene over cells) and how many steps
    is chosen on shared genes that are hidden for it, by one rule for every slide.
    """

    name = "come"
    config_class = ComeGenesConfig
    config: ComeGenesConfig

    def fit(
        self,
        slide: Prepared,
        reference: Prepared,
        *,
        seed: int = 0,
        device: str = "cpu",
        reporter: Reporter | None = None,
    ) -> Self:
        """Choose objective and steps, then learn the mapping; see `GeneMethod.fit`."""
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
        steps = config.joint_steps(cells.shape[1])
        if config.choose and cells.shape[1] >= LEAST_GENES:
            choice = self._chosen(self.inputs, cells)
            config, steps = config.with_values(GENE_OBJECTIVES[choice.objective]), choice.steps
            self._report |= {
                "objective": choice.objective,
                "steps": choice.steps,
                "inner_pcc": choice.correlation,
            }
            notes.append(
                f"Chosen on hidden genes: {choice.objective}, {choice.steps} steps "
                f"(correlation {choice.correlation:.2f})."
            )
        elif config.weights.cell_types:
            notes.append("Without cell types, the cell-type contrast (eq. 8) is left out.")
        self.weights = spot_weights(self._learnt(self.inputs.slide, cells, config, steps))
        self.notes = tuple(notes)
        return self

    def _chosen(self, inputs: GeneInputs, cells: Values) -> _Choice:
        """Return the objective and steps whose maps of hidden genes are best, over the folds."""
        rng, n = np.random.default_rng(self._seed), cells.shape[1]
        count = max(1, round(self.config.inner_share * n))
        found: dict[tuple[str, int], list[float]] = {}
        for _ in range(self.config.folds):
            hidden = np.zeros(n, bool)
            hidden[rng.permutation(n)[:count]] = True
            for objective, values in GENE_OBJECTIVES.items():
                config = self.config.with_values(values)
                for steps, value in self._followed(inputs.slide, cells, hidden, config).items():
                    found.setdefault((objective, steps), []).append(value)
        best = max(found, key=lambda key: float(np.mean(found[key])))
        return _Choice(*best, float(np.mean(found[best])))

    def _followed(
        self, slide: Values, cells: Values, hidden: NDArray[np.bool_], config: ComeGenesConfig
    ) -> dict[int, float]:
        """Return the mean correlation of hidden genes by the number of steps."""
        truth, unseen = standardised(slide[:, hidden]), cells[:, hidden]
        found: dict[int, float] = {}

        def look(coefficients: Coefficients, step: int) -> Mapping[str, float]:
            mapped = standardised(np.asarray(spot_weights(coefficients) @ unseen))
            found[step] = float((truth * mapped).mean())
            return {"held_out": -found[step]}

        steps = config.joint_steps(cells.shape[1])
        self._learnt(slide[:, ~hidden], cells[:, ~hidden], config, steps, look)
        return found

    def _learnt(
        self,
        slide: Values,
        cells: Values,
        config: ComeGenesConfig,
        steps: int,
        look: Any = None,
    ) -> Coefficients:
        """Return the mapping learned on some genes; `look` is shown it on the way."""
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
        """Yield P̄ᵀX of the asked genes on the slide's scale, in blocks."""
        weights: Values | sparse.csr_matrix = self.weights
        yield from mapped_genes(self.inputs, weights, self.scale, genes, reporter)

    def report(self) -> dict[str, Any]:
        """Return what was chosen on hidden genes."""
        return self._report
