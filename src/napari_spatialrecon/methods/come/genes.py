"""COME for genes: a spot has the mean expression of the cells mapped to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import torch

from napari_spatialrecon.faces import setting
from napari_spatialrecon.methods.come.config import GENE_OBJECTIVES, ComeGenesConfig
from napari_spatialrecon.methods.come.gene_mapping import Choice, GeneMappings
from napari_spatialrecon.methods.come.memory import mapping_seconds, mapping_size
from napari_spatialrecon.methods.genes.base import GeneBlock, GeneMethod, GeneSizes
from napari_spatialrecon.methods.genes.inputs import read_inputs
from napari_spatialrecon.methods.genes.knn import MappedCells
from napari_spatialrecon.methods.genes.scale import SlideScale
from napari_spatialrecon.methods.genes.stepping_back import LINEAR
from napari_spatialrecon.methods.method import Estimate
from napari_spatialrecon.methods.mixtures.base import read_types
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import Prepared

#: Minimum shared genes to hold some out.
LEAST_GENES = 10


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedCome(MappedCells):
    """Spots as means of cells, with the choice made on held-out genes."""

    report: dict[str, Any] = field(default_factory=dict)


class ComeGenes(GeneMethod):
    """Contrastive mapping of cells to spots (Wei et al. 2025), for genes.

    The objective (eq. 11 over spots, or the cosine of each gene over cells) and the number of steps
    are chosen on held-out shared genes, by the same rule for every slide; so is whether to average
    several mappings, each trained without another part of the genes. Where a linear map (`knn` or
    `mapping`) finds the held-out genes better, by more than chance, it is used instead.
    """

    name = "come"
    config_class = ComeGenesConfig
    config: ComeGenesConfig
    fitted: FittedCome

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
        run: Run | None = None,
    ) -> Self:
        """Choose objective and steps, then train the mapping; see `GeneMethod.fit`."""
        run, config = run or Run(), self.config
        run.reporter.begin("Comparing spots with cells")
        inputs = read_inputs(slide, reference)
        cells = inputs.cells(inputs.columns)
        n_spots, n_genes = inputs.slide.shape
        size = mapping_size(len(cells), n_spots, n_genes, config)
        types = (
            read_types(reference.adata, config.labels, reference.name, setting("labels"))
            if config.labels
            else None
        )
        labels = None if types is None else torch.from_numpy(types.codes)
        learner = GeneMappings(config, run, size.kept, labels)
        notes = [
            *inputs.notes,
            *([size.note] if size.note else []),
            *(() if types is None else types.notes),
        ]
        many, report = n_genes >= LEAST_GENES, {}
        steps, mappings = config.joint_steps(n_genes), config.mappings if many else 1
        if config.choose and many:
            choice = learner.choose(inputs.slide, cells)
            learner, steps, mappings = learner.of(choice.objective), choice.steps, choice.mappings
            report = choice.report
            notes.append(_note(choice))
        if report.get("stepped_back_to"):
            found = LINEAR[report["stepped_back_to"]](inputs.slide, cells, run)
            self.fitted = FittedCome(
                inputs=inputs,
                scale=SlideScale.fit(inputs.slide, cells),
                weights=found.weights,
                rows=found.rows,
                report=report,
                notes=tuple(notes),
            )
            return self
        if learner.config.weights.cell_types and labels is None:
            notes.append("Without cell types, the cell-type contrast (eq. 8) is omitted.")
        mapped = learner.average(inputs.slide, cells, steps, mappings)
        self.fitted = FittedCome(
            inputs=inputs,
            scale=SlideScale.fit(inputs.slide, cells),
            weights=mapped.weights,
            report=report,
            history=mapped.history,
            notes=tuple(notes),
        )
        return self

    def impute(
        self, genes: Sequence[str], *, reporter: Reporter | None = None
    ) -> Iterator[GeneBlock]:
        """Yield P̄ᵀX of the requested genes on the slide's scale, in blocks."""
        yield from self.fitted.genes(genes, reporter)

    def report(self) -> dict[str, Any]:
        """Return the choice made on held-out genes."""
        return self.fitted.report


def _note(choice: Choice) -> str:
    own, linear = float(choice.reached.mean()), float(choice.linear_reached.mean())
    if choice.linear:
        return (
            f"Stepped back to the linear map {choice.linear}: it finds held-out genes with a "
            f"correlation of {linear:.2f}, COME's mapping with {own:.2f}."
        )
    averaged = f", the mean of {choice.mappings} mappings" if choice.mappings > 1 else ""
    return (
        f"Chosen on held-out genes: {choice.objective}, {choice.steps} steps{averaged} "
        f"(correlation {own:.2f}, the best linear map {linear:.2f})."
    )
