"""Held-out mixtures: pseudo-spots of known mixture, made of half of the user's own reference."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.evaluation.intervals import mean_of
from napari_spatialrecon.methods.auto.plan import Candidate
from napari_spatialrecon.methods.method import Estimate
from napari_spatialrecon.methods.mixtures.base import CellTypes, MixtureSizes, read_types
from napari_spatialrecon.methods.mixtures.pseudo_spots import (
    LEAST_CELLS,
    PseudoSpots,
    pseudo_spots,
    trial_sizes,
)
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tasks.measures import Measure
from napari_spatialrecon.tasks.validation.problem import Answer, Problem
from napari_spatialrecon.tissue import contract

_DISTANCE = Measure(
    "js_distance",
    (),
    "",
    2,
    False,
    "",
    "Mean Jensen-Shannon distance from the true mixture: 0 is perfect, 1 useless",
)
_POINTS = Measure(
    "percentage_points",
    (),
    " percentage points",
    1,
    False,
    "",
    "Mean error of the share of a type, in percentage points",
)


class HeldOutMixtures(Problem):
    """Truth that `deconvolve` is asked for; see `Problem`.

    Pseudo-spots are made of cells drawn independently: each is a block.
    """

    task = "deconvolve"
    kind = "pseudo-spots"
    measures = (_DISTANCE, _POINTS)

    def __init__(
        self, slide: contract.Prepared, cells: contract.Prepared, types: CellTypes, seed: int
    ) -> None:
        self._inputs = slide, cells, types, seed
        self.inputs = {table.name: table.fingerprint() for table in (slide, cells)}
        self.sizes = trial_sizes(MixtureSizes.of(slide, cells, types))
        self.held_out = f"pseudo-spots made of half of the cells of {cells.name}"
        self.cautions: tuple[str, ...] = (
            "Pseudo-spots have the depth and the mixtures of the slide as far as these can be "
            "told, but not what else sets a slide apart from dissociated cells.",
        )
        self.spots: PseudoSpots | None = None

    def begin(self, reporter: Reporter) -> None:
        """Make the pseudo-spots.

        Raises
        ------
        InputError
            The reference has too few cells.
        """
        reporter.begin("Making pseudo-spots of the reference")
        slide, cells, types, seed = self._inputs
        found = pseudo_spots(slide, cells, types, seed)
        if found is None:
            raise _too_few(types, cells.name)
        self.spots = found
        count = len(found.truth)
        self.held_out = f"{count} {self.held_out}"
        self.n_blocks = count
        names = found.slide.adata.obs_names
        self.items = pd.DataFrame({"name": names, "block": np.arange(count)})

    def estimate(self, candidate: Candidate) -> Estimate:
        """Return the cost of deconvolving the pseudo-spots."""
        found: Estimate = candidate.info.method()(candidate.config).estimate(self.sizes)
        return found

    def answer(self, candidate: Candidate, run: Run) -> Answer:
        """Deconvolve the pseudo-spots by the other half of the cells."""
        assert self.spots is not None, "begin was called"
        method: Any = candidate.info.method()(candidate.config)
        mixture = method.deconvolve(self.spots.slide, self.spots.reference, self.spots.types, run)
        kept = method.kept if candidate.info.selects else method
        return replace(
            self._judged(mixture.proportions), kept=kept, chooser=method, notes=mixture.notes
        )

    def trivial(self) -> tuple[str, Answer]:
        """Return the error if every spot had the shares of the reference."""
        assert self.spots is not None, "begin was called"
        shares = np.tile(self.spots.types.shares, (len(self.spots.truth), 1))
        return "The reference's shares everywhere", self._judged(shares)

    def _judged(self, shares: NDArray[np.float64]) -> Answer:
        assert self.spots is not None, "begin was called"
        errors, blocks = self.spots.errors(shares), np.arange(len(shares))
        points = 100 * np.abs(shares - self.spots.truth).mean(axis=1)
        return Answer(errors, (mean_of(errors, blocks), mean_of(points, blocks)))


def hidden_mixtures(
    slide: AnnData, reference: AnnData, labels: str, seed: int, slide_name: str, reference_name: str
) -> HeldOutMixtures:
    """Prepare pseudo-spots of a reference that look like the spots of a slide.

    Raises
    ------
    InputError
        The reference has too few cells with a type.
    """
    spots = contract.prepare_slide(slide, slide_name)
    cells = contract.prepare_query(reference, reference_name)
    types = read_types(cells.adata, labels, reference_name)
    if (types.codes >= 0).sum() < LEAST_CELLS or len(types.names) < 2:
        raise _too_few(types, reference_name)
    return HeldOutMixtures(spots, cells, types, seed)


def _too_few(types: CellTypes, name: str) -> InputError:
    known = int((types.codes >= 0).sum())
    return InputError(
        f"Expected at least {LEAST_CELLS} cells of known type, and at least 2 types with 2 cells "
        f"or more, to make pseudo-spots of half of them; found {known} cells of "
        f"{len(types.names)} types.",
        remedy="Try a reference with more cells.",
        where=name,
    )
