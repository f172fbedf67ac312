"""Held-out landmarks: cells of known place, each predicted from the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from anndata import AnnData

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.evaluation.hiding import hide_places
from napari_spatialrecon.faces import argument
from napari_spatialrecon.geometry.solver.landmarks import Landmarks
from napari_spatialrecon.hyperparameters import Config
from napari_spatialrecon.methods.auto.plan import Candidate
from napari_spatialrecon.methods.method import Estimate
from napari_spatialrecon.methods.placement.base import PlacementMethod, PlacementSizes
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.tasks.placing_run import among, located, prepare_slides
from napari_spatialrecon.tasks.validation.places import Fold, HeldOutPlaces, Part
from napari_spatialrecon.tasks.validation.problem import Answer
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.genes import match_genes

#: Parts of the landmarks, each held out in turn, and fewest landmarks.
_PARTS, _FEWEST = 4, 20
TASK = "impute-locations"


class HeldOutLandmarks(HeldOutPlaces):
    """Truth that `impute_locations` is asked for; see `Problem`.

    Parameters
    ----------
    slides
        That the method is fitted to; none if it learns from the landmarks.
    cells
        All cells.
    known
        Of each fold the landmarks that are seen, and the rows of those that are hidden.
    """

    task = TASK

    def __init__(
        self,
        *given: Any,
        slides: Sequence[contract.Prepared],
        cells: contract.Prepared,
        known: Sequence[tuple[Landmarks, np.ndarray]],
    ) -> None:
        super().__init__(*given)
        self.slides, self.cells, self.known = tuple(slides), cells, tuple(known)

    def estimate(self, candidate: Candidate) -> Estimate:
        """Return the cost of all folds; on slides one fit serves them all."""
        if TASK not in candidate.info.tasks:
            return super().estimate(candidate)
        slides = self.slides or self.folds[0].slides
        tables = (*slides, self.cells)
        match = match_genes([t.adata.var for t in tables], [t.name for t in tables])
        sizes = PlacementSizes.of(slides, self.cells, len(match.genes))
        one: Estimate = candidate.info.method()(candidate.config).estimate(sizes)
        return one if self.slides else replace(one, seconds=one.seconds * len(self.folds))

    def answer(self, candidate: Candidate, run: Run) -> Answer:
        """Predict each part of the landmarks from the others.

        A baseline, which takes no landmarks, has the seen ones as its slide.
        """
        if TASK not in candidate.info.tasks:
            return super().answer(candidate, run)
        fitted: PlacementMethod | None = None
        places = []
        for fold, (seen, rows) in zip(self.folds, self.known, strict=True):
            if fitted is None or not self.slides:
                method: Any = candidate.info.method()(candidate.config)
                fitted = method.fit(self.slides or fold.slides, self.cells, run)
            ensemble: Any = fitted
            found = ensemble.impute(
                self.cells,
                seen,
                um_per_unit=self.um,
                learned=not self.slides,
                reporter=run.reporter,
            )
            places.append(fold.parts[0].found(found.coordinates[rows]))
        assert fitted is not None, "there is a fold"
        return replace(self._judged(places), kept=fitted, notes=tuple(fitted.notes))


def hidden_landmarks(
    query: AnnData,
    landmarks: Landmarks,
    references: Mapping[str, AnnData],
    seed: int,
    config: Config | None = None,
) -> HeldOutLandmarks:
    """Hide landmarks, a quarter in turn.

    Raises
    ------
    InputError
        There are too few.
    """
    slides = prepare_slides(references, config)
    cells = contract.prepare_query(hide_places(query), "query")
    kept = among(landmarks, cells)
    if (n := len(kept)) < _FEWEST:
        raise InputError(
            f"Expected at least {_FEWEST} landmarks, to hold a quarter of them out; found {n}.",
            remedy=f"Try {argument('landmarks')} with more cells.",
            where="landmarks",
        )
    part = np.random.default_rng(seed).permutation(n) % _PARTS
    folds, known = [], []
    for number in range(_PARTS):
        hidden, seen = part == number, part != number
        rows = kept.indices[hidden]
        slide = located(cells.adata, _only(kept, seen))
        cells_hidden = replace(
            cells,
            adata=cells.adata[rows].copy(),
            name="held-out landmarks",
            kept=np.ones(len(rows), bool),
        )
        own = Part(f"landmarks {number + 1}", cells_hidden, kept.places[hidden])
        folds.append(Fold(tuple(prepare_slides({"landmarks": slide}, config)), (own,)))
        known.append((_only(kept, seen), rows))
    held_out = f"{n:,} landmarks, a quarter in turn, each predicted from the others"
    cautions = [
        "Baselines know the expression and places of the other landmarks alone."
        if slides
        else "All methods learn from the other landmarks alone."
    ]
    inputs = {table.name: table.fingerprint() for table in (*slides, cells)}
    scales = [contract.um_per_unit(table) for table in (query, *(s.adata for s in slides))]
    um = next((scale for scale in scales if scale is not None), None)
    given = ("landmarks", held_out, folds, um, inputs, cautions)
    return HeldOutLandmarks(*given, slides=slides, cells=cells, known=known)


def _only(landmarks: Landmarks, some: np.ndarray) -> Landmarks:
    return Landmarks(
        landmarks.indices[some],
        landmarks.places[some],
        landmarks.hard[some],
        landmarks.weights[some],
    )
