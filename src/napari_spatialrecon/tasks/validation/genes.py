"""Held-out genes: measured genes that a method imputes without having seen them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.evaluation.intervals import mean_of
from napari_spatialrecon.evaluation.protocols import spatial_blocks
from napari_spatialrecon.methods.auto.plan import Candidate
from napari_spatialrecon.methods.genes.base import GeneMethod, GeneSizes
from napari_spatialrecon.methods.genes.hiding import LEAST_GENES, HiddenGenes
from napari_spatialrecon.methods.genes.scale import standardised
from napari_spatialrecon.methods.method import Estimate
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.tasks.measures import Measure
from napari_spatialrecon.tasks.signal import missing, signals
from napari_spatialrecon.tasks.validation.problem import Answer, Problem, block_count, rough
from napari_spatialrecon.tissue import contract

#: Spots below which a correlation of two maps says nothing.
_FEWEST_SPOTS = 20
_CORRELATION = Measure(
    "correlation",
    (),
    "",
    2,
    True,
    "",
    "Mean correlation of the maps of hidden genes with their measurement",
)


class HeldOutGenes(Problem):
    """Truth that `impute_genes` is asked for; see `Problem`.

    Genes of similar maps are drawn together: one of them tells much about the others.
    """

    task = "impute-genes"
    kind = "genes"
    measures = (_CORRELATION,)

    def __init__(
        self, hidden: HiddenGenes, reference: contract.Prepared, inputs: dict[str, str]
    ) -> None:
        self.hidden, self.reference, self.inputs = hidden, reference, inputs
        count = len(hidden.genes)
        self.held_out = f"{count} measured genes of {hidden.slide.name}, drawn at random"
        self.n_blocks = block_count(count)
        maps = standardised(hidden.truth).T
        self._blocks = spatial_blocks(maps, self.n_blocks)
        self.items = pd.DataFrame({"name": hidden.genes, "block": self._blocks})
        self.cautions = rough(count, self.n_blocks)

    def estimate(self, candidate: Candidate) -> Estimate:
        """Return the cost of imputing the hidden genes."""
        sizes = GeneSizes.of(self.hidden.slide, self.reference, len(self.hidden.genes))
        found: Estimate = candidate.info.method()(candidate.config).estimate(sizes)
        return found

    def answer(self, candidate: Candidate, run: Run) -> Answer:
        """Impute the hidden genes."""
        chooser: Any = candidate.info.method()(candidate.config)
        fitted: GeneMethod = chooser.fit(self.hidden.slide, self.reference, run)
        blocks = fitted.impute(self.hidden.genes, reporter=run.reporter)
        maps = np.concatenate([block.values for block in blocks], axis=1)
        found = self._judged(1.0 - self.hidden.errors(maps))
        return replace(found, kept=fitted, chooser=chooser, notes=tuple(fitted.notes))

    def trivial(self) -> tuple[str, Answer]:
        """Return the correlation of maps of one value everywhere, which say nothing: 0."""
        return "The same everywhere", self._judged(np.zeros(len(self.hidden.genes)))

    def _judged(self, correlations: NDArray[np.float64]) -> Answer:
        return Answer(correlations, (mean_of(correlations, self._blocks),))


def hidden_genes(
    slide: AnnData, reference: AnnData, seed: int, slide_name: str, reference_name: str
) -> HeldOutGenes:
    """Hide measured genes of a slide.

    Raises
    ------
    InputError
        Slide and reference share too few genes, or there are too few spots.
    """
    spots = contract.prepare_slide(slide, slide_name, counts_needed=False)
    cells = contract.prepare_query(reference, reference_name, counts_needed=False)
    inputs = {table.name: table.fingerprint() for table in (spots, cells)}
    if (count := spots.adata.n_obs) < _FEWEST_SPOTS:
        raise InputError(
            f"Expected at least {_FEWEST_SPOTS} spots with counts, over which maps of hidden genes "
            f"can be compared; found {count}.",
            remedy="Try a slide with more spots.",
            where=slide_name,
        )
    hidden = HiddenGenes.draw(spots, cells, seed)
    if hidden is None:
        shared = GeneSizes.of(spots, cells, 0).shared
        raise InputError(
            f"Expected at least {LEAST_GENES} genes that slide and reference share and that vary, "
            f"to hide a fifth of them; found {shared} shared.",
            remedy="Try a slide or a reference with more genes.",
            where=slide_name,
        )
    found = HeldOutGenes(hidden, cells, inputs)
    found.warnings = missing(signals([spots]))
    return found
