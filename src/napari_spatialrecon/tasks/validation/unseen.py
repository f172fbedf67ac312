"""A saved model on slides that it was not trained on: all of their places are held out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from anndata import AnnData

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.evaluation.hiding import hide_places
from napari_spatialrecon.faces import argument
from napari_spatialrecon.methods.auto.plan import Candidate
from napari_spatialrecon.methods.method import Estimate
from napari_spatialrecon.methods.placement.config import KnnConfig
from napari_spatialrecon.methods.placement.knn import FittedKnn, Knn, align_slides
from napari_spatialrecon.methods.placement.posterior import spatial_directions
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.tasks.placing_run import prepare_slides
from napari_spatialrecon.tasks.saved import Fitted
from napari_spatialrecon.tasks.signal import missing, signals
from napari_spatialrecon.tasks.validation.places import Fold, HeldOutPlaces, Part
from napari_spatialrecon.tasks.validation.problem import Answer
from napari_spatialrecon.tissue import contract

#: Seconds of placing, and of each pair of a spot and a cell.
_FIXED_S, _PER_PAIR = 1.0, 1e-7


class UnseenSlides(HeldOutPlaces):
    """Slides whose places a saved model never saw; see `Problem`."""

    model: Fitted

    def estimate(self, candidate: Candidate) -> Estimate:
        """Return the cost of placing; nothing is trained."""
        cells = sum(len(part.truth) for part in self.parts)
        spots = len(self.model.method.reference.all_places)
        return Estimate(_FIXED_S + _PER_PAIR * spots * cells, 0.0)

    def answer(self, candidate: Candidate, run: Run) -> Answer:
        """Place the spots by the model, or by kNN among the slides that it was trained on."""
        places = []
        for part in self.parts:
            method = self.model.method
            if candidate.name != self.model.name:
                method = _baseline(method.reference, part.cells)
            found = method.place(part.cells, reporter=run.reporter)
            places.append(part.found(found.coordinates))
        return replace(self._judged(places), kept=self.model.method)


def unseen_slides(model: Fitted, references: Mapping[str, AnnData]) -> UnseenSlides:
    """Hide all places of slides that a saved model was not trained on.

    Raises
    ------
    InputError
        It was trained on one of them, or does not say on what, so that nothing is held out.
    """
    slides = prepare_slides(references, model.config)
    inputs = {slide.name: slide.fingerprint() for slide in slides}
    seen = set(dict(model.record.get("inputs", {})).values())
    known = [slide.name for slide in slides if inputs[slide.name] in seen or not seen]
    if known or not slides:
        why = "has seen them" if seen else "does not say on which slides it was trained"
        raise InputError(
            "Expected slides whose places the model has not seen, found "
            f"{', '.join(known) or 'none'}: the model {why}, so nothing can be held out of it.",
            remedy=f"Try without {argument('model')}, which trains {model.name} anew without what "
            "is held out, or a slide that it was not trained on.",
            where="model",
        )
    folds = []
    for slide in slides:
        cells = contract.prepare_query(hide_places(slide.adata), f"{slide.name} (held out)")
        folds.append(
            Fold((), (Part(slide.name, cells, contract.coordinates(slide.adata), posed=True),))
        )
    count = sum(len(fold.parts[0].truth) for fold in folds)
    said = f"all {count:,} spots of {', '.join(inputs)}, which the model was not trained on"
    caution = (
        "A slide has a frame of its own: distances are measured after the turn and shift that fit "
        "best, without a change of size."
    )
    scales = [contract.um_per_unit(slide.adata) for slide in slides]
    um = None if any(scale is None for scale in scales) else scales[0]
    found = UnseenSlides("slides", said, folds, um, inputs, [caution])
    found.model, found.warnings = model, missing(signals(slides))
    return found


def _baseline(reference: Any, cells: contract.Prepared) -> Knn:
    """Return kNN among the slides of a model, in its features."""
    config = KnnConfig()
    features = reference.space.transform(cells)[0]
    directions = spatial_directions(reference, features, config)
    turned, notes = align_slides(reference, directions, config)
    method = Knn(config)
    method.fitted = FittedKnn(
        reference=turned,
        directions=directions,
        held_out={},
        calibration=None,
        notes=notes,
    )
    return method
