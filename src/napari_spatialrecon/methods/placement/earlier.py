"""The µm of models that versions before 0.2 saved, which took Visium spots as 55 µm wide."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_spatialrecon.errors import CheckpointError
from napari_spatialrecon.legacy import SPOT_RATIO
from napari_spatialrecon.methods.placement.reference import Reference, SlideInfo
from napari_spatialrecon.tissue.frame import Points
from napari_spatialrecon.tissue.spot_array import PITCH_UM, ST, VISIUM, hexagonal_pitch, spacing

#: Relative difference up to which a pitch is that of Visium, or what it was taken for.
_TOLERANCE = 0.02


def in_true_um(reference: Reference, folder: Path) -> tuple[Reference, tuple[str, ...]]:
    """Return the reference of an earlier model in true µm, and what a user should know.

    The spots of a model tell: those of Visium are 100 µm apart, and were taken as 84.6 µm apart.
    Where that holds for all slides, lengths are corrected and places stay as they are.

    Raises
    ------
    CheckpointError
        It holds for some slides, so that the model was trained on slides of unlike scale.
    """
    ratios = [
        _ratio(slide, places * reference.frame.radius)
        for slide, places in zip(reference.slides, reference.places, strict=True)
    ]
    small = [s.name for s, r in zip(reference.slides, ratios, strict=True) if r == SPOT_RATIO]
    right = [s.name for s, r in zip(reference.slides, ratios, strict=True) if r == 1.0]
    unknown = [s.name for s, r in zip(reference.slides, ratios, strict=True) if r is None]
    if small and right:
        raise CheckpointError(
            f"Expected slides of one scale, found that a version before 0.2 took {', '.join(small)}"
            f" as 15% smaller than {', '.join(right)}.",
            remedy="Try training the model again.",
            where=str(folder),
        )
    notes = []
    if unknown:
        notes.append(
            f"The model is of a version before 0.2: if {', '.join(unknown)} is Visium without a "
            "stated scale, lengths in µm are 15% too small. Try training it again."
        )
    if not small:
        return reference, tuple(notes)
    notes.append("Lengths in µm of the model, which is of a version before 0.2, were corrected.")
    frame = reference.frame
    frame = replace(frame, scales=frame.scales * SPOT_RATIO, radius=frame.radius * SPOT_RATIO)
    slides = tuple(
        replace(s, um_per_unit=None if s.um_per_unit is None else s.um_per_unit * SPOT_RATIO)
        for s in reference.slides
    )
    return replace(reference, frame=frame, slides=slides), tuple(notes)


def _ratio(slide: SlideInfo, places: Points) -> float | None:
    """Return true µm over those of the model; None where its spots, (n, 2) in µm, do not tell."""
    if slide.unit != "px" or slide.um_per_unit is None:
        return 1.0
    pitch = hexagonal_pitch(places)
    if pitch is None:
        return 1.0 if spacing(places) > (PITCH_UM[VISIUM] + PITCH_UM[ST]) / 2 else None
    for ratio in (1.0, SPOT_RATIO):
        if np.isclose(pitch * ratio, PITCH_UM[VISIUM], rtol=_TOLERANCE, atol=0):
            return ratio
    return None
