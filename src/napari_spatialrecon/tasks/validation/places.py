"""Held-out places, and how far a method puts them from where they were measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import anndata
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_spatialrecon.evaluation.intervals import median_of, stress_of
from napari_spatialrecon.evaluation.protocols import (
    spatial_blocks,
)
from napari_spatialrecon.geometry.procrustes import fit_pose
from napari_spatialrecon.methods.auto.plan import Candidate
from napari_spatialrecon.methods.method import Estimate
from napari_spatialrecon.methods.placement.base import PlacementMethod, PlacementSizes
from napari_spatialrecon.methods.placement.held_out import MOST_SPOTS
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.tasks.measures import Measure
from napari_spatialrecon.tasks.validation.problem import Answer, Problem, block_count, rough
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.genes import match_genes

Points = NDArray[np.float64]

_UM = Measure(
    "median_um",
    (),
    " µm",
    0,
    False,
    "",
    "Half of what was held out was placed within {} of its true place",
)
_RELATIVE = replace(
    _UM,
    own="median_percent",
    unit="% of the radius",
)
_STRESS = Measure(
    "stress",
    (),
    "",
    2,
    False,
    "",
    "Relative error of the distances between what was held out: 0 is perfect, 1 useless",
)


@dataclass(frozen=True, eq=False)
class Part:
    """Cells of one slide whose places are hidden.

    Parameters
    ----------
    name
        Name of the slide that they are of.
    cells
        Without places.
    truth : (n, 2) float
        In the frame and unit of the slide.
    display
        Number of the slide, among those that a method is fitted to, whose frame a layout gets.
    posed
        Whether a layout has to be laid on the truth, which is in a frame of its own.
    """

    name: str
    cells: contract.Prepared
    truth: Points
    display: int = 0
    posed: bool = False

    @cached_property
    def compared(self) -> NDArray[np.intp]:
        """Rows that are compared, evenly chosen."""
        n = len(self.truth)
        return np.unique(np.arange(min(n, MOST_SPOTS)) * n // min(n, MOST_SPOTS))

    @property
    def radius(self) -> float:
        """Root mean square distance of the hidden places from their center."""
        return float(np.sqrt(self.truth.var(axis=0).sum()))

    def found(self, places: Points) -> Points:
        """Return places of the compared rows in the frame of the truth."""
        rows = self.compared
        if not self.posed or np.ptp(places, axis=0).max() == 0:
            return np.asarray(places[rows])
        pose = fit_pose(places[rows], self.truth[rows], reflection=True, scaling=False)
        return np.asarray(pose.apply(places[rows]))


@dataclass(frozen=True, eq=False)
class Fold:
    """Slides that a method is fitted to, and what is hidden from it."""

    slides: tuple[contract.Prepared, ...]
    parts: tuple[Part, ...]

    @property
    def query(self) -> contract.Prepared:
        """All hidden cells as one table, by the genes that they share."""
        if len(self.parts) == 1:
            return self.parts[0].cells
        tables = {part.name: part.cells.adata for part in self.parts}
        both = anndata.concat(tables, join="inner", merge="same", index_unique=" ")
        return contract.Prepared(both, "held-out spots", np.ones(both.n_obs, bool))

    @property
    def sizes(self) -> PlacementSizes:
        """Size of the task."""
        query = self.query
        tables = (*self.slides, query)
        match = match_genes([t.adata.var for t in tables], [t.name for t in tables])
        return PlacementSizes.of(self.slides, query, len(match.genes))


class HeldOutPlaces(Problem):
    """Truth that `place` is asked for; see `Problem`.

    Parameters
    ----------
    folds
        Each is answered by a fit of its own.
    um
        µm a unit of the slides; None if unknown.
    """

    task = "place"

    def __init__(
        self,
        kind: str,
        held_out: str,
        folds: Sequence[Fold],
        um: float | None,
        inputs: Mapping[str, str],
        cautions: Sequence[str],
    ) -> None:
        self.kind, self.held_out, self.folds, self.um = kind, held_out, tuple(folds), um
        self.inputs = inputs
        self.measures = (_UM if um is not None else _RELATIVE, _STRESS)
        self.parts = tuple(part for fold in folds for part in fold.parts)
        self._blocks, tables = [], []
        first = 0
        for part in self.parts:
            places = part.truth[part.compared]
            own = first + spatial_blocks(places, block_count(len(places)))
            self._blocks.append(own)
            first += block_count(len(places))
            x, y = places.T * self._scale(part)
            names = part.cells.adata.obs_names[part.compared]
            tables.append(
                pd.DataFrame({"name": names, "slide": part.name, "block": own, "x": x, "y": y})
            )
        self.n_blocks = first
        self.items = pd.concat(tables, ignore_index=True)
        self.cautions = (*cautions, *rough(len(self.items), self.n_blocks))

    def _scale(self, part: Part) -> float:
        return self.um if self.um is not None else 100 / max(part.radius, 1e-12)

    def estimate(self, candidate: Candidate) -> Estimate:
        """Return the cost of all folds."""
        found = [_method(candidate).estimate(fold.sizes) for fold in self.folds]
        first, *others = found
        return replace(first, seconds=first.seconds + sum(one.seconds for one in others))

    def answer(self, candidate: Candidate, run: Run) -> Answer:
        """Fit to what is seen, and place what is hidden like cells of a query."""
        places: list[Points] = []
        chooser: Any = None
        fitted: PlacementMethod | None = None
        for fold in self.folds:
            chooser = _method(candidate)
            fitted = chooser.fit(fold.slides, fold.query, run)
            for part in fold.parts:
                found = fitted.place(part.cells, display=part.display, reporter=run.reporter)
                places.append(part.found(found.coordinates))
        assert fitted is not None, "there is a fold"
        return replace(
            self._judged(places), kept=fitted, chooser=chooser, notes=tuple(fitted.notes)
        )

    def trivial(self) -> tuple[str, Answer]:
        """Return the distances if all were put at the center of the tissue."""
        return "All at the tissue center", self._centers()

    def _centers(self) -> Answer:
        middles = []
        for fold in self.folds:
            for part in fold.parts:
                seen = (
                    part.truth
                    if part.posed
                    else contract.coordinates(fold.slides[part.display].adata)
                )
                middles.append(np.tile(seen.mean(axis=0), (len(part.compared), 1)))
        found = self._judged(middles)
        return replace(found, statistics=(found.statistics[0], None))

    def _judged(self, places: Sequence[Points]) -> Answer:
        off, groups = [], []
        for part, own, found in zip(self.parts, self._blocks, places, strict=True):
            true, scale = part.truth[part.compared], self._scale(part)
            off.append(np.linalg.norm(found - true, axis=1) * scale)
            groups.append((true, np.asarray(found, float), own))
        items = np.concatenate(off)
        blocks = self.items["block"].to_numpy()
        return Answer(items, (median_of(items, blocks), stress_of(groups)))


def _method(candidate: Candidate) -> Any:
    return candidate.info.method()(candidate.config)
