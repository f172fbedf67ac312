"""Expected errors of placed cells: what a record and a verdict say of how they were calibrated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_spatialrecon.methods.placement.calibration import LEAST
from napari_spatialrecon.tissue.spatial_signal import is_missing

if TYPE_CHECKING:
    from napari_spatialrecon.methods.placement.base import Placement


def calibration_metrics(placement: Placement, um_per_unit: float | None) -> dict[str, float]:
    """Return the numbers of a record: medians in µm where known, and what they rest on."""
    if (stated := placement.stated) is None:
        return {}
    unit = "" if um_per_unit is None else "_um"
    found = stated.to(um_per_unit or 1.0)
    return {
        f"expected_error{unit}": float(np.median(found.expected)),
        f"radius_90{unit}": float(np.median(found.radius)),
        "calibration_held": found.held,
        f"calibration_{found.kind}": float(found.spots),
        "calibration_share": found.share,
    }


def supported(
    placement: Placement, signals: Mapping[str, Mapping[str, float]], held_out: Mapping[str, float]
) -> tuple[Placement, str]:
    """Return a placement with the errors that can be stated of it, and what they rest on.

    Where expression shows no pattern on any slide nothing is stated, since held-out spots that are
    placed at random look calibrated, and the cells may lie anywhere.

    Parameters
    ----------
    signals
        Spatial signal of each slide, as in a record; none of a saved model whose slides are not at
        hand.
    held_out
        Errors on held-out spots, as in `FittedPlacement.held_out`.
    """
    if not signals or not all(is_missing(signal) for signal in signals.values()):
        return placement, stated_note(placement)
    said = (
        "No expected error is stated: expression shows no pattern in space on "
        f"{', '.join(signals)}, so that a cell may lie anywhere."
    )
    if np.isfinite(center := held_out.get("center_um", np.nan)):
        said += f" All at the tissue center would lie {center:,.0f} µm off (median)."
    return replace(placement, stated=None), said


def stated_note(placement: Placement) -> str:
    """Return what the expected errors rest on, or why none are stated."""
    if placement.stated is not None:
        return placement.stated.note
    return (
        "No expected error is stated: the cells are too few or too unlike the slides, or there are "
        f"fewer than {LEAST} held-out spots or landmarks, to calibrate it."
    )


def stated_words(metrics: Mapping[str, Any]) -> str:
    """Return the expected error and the 90% radius of a record; empty if it states none.

    Examples
    --------
    >>> metrics = {"expected_error_um": 428.0, "radius_90_um": 1031.0, "calibration_held": 0.901}
    >>> stated_words({**metrics, "calibration_spots": 91.0})[:63]
    'Expected error of a cell 428 µm, 90% radius 1,031 µm (medians);'
    >>> onto = {**metrics, "calibration_spots": 91.0, "registration_overlap": 0.9}
    >>> stated_words(onto).rpartition(": ")[2]
    'how far the registration to the other H&E is off comes on top of them.'
    """
    unit = "_um" if "expected_error_um" in metrics else ""
    kind = "landmarks" if "calibration_landmarks" in metrics else "spots"
    on = f"calibration_{kind}"
    names = (f"expected_error{unit}", f"radius_90{unit}", "calibration_held", on)
    values = [metrics.get(name) for name in names]
    if any(value is None for value in values):
        return ""
    error, radius, held, spots = (float(value) for value in values if value is not None)
    of = "µm" if unit else "units"
    shown = [f"{value:,.0f}" if value >= 10 else f"{value:.2g}" for value in (error, radius)]
    return (
        f"Expected error of a cell {shown[0]} {of}, 90% radius {shown[1]} {of} (medians); that "
        f"radius held {100 * held:.0f}% of {spots:,.0f} held-out {kind}.{_beyond(metrics)}"
    )


def held_words(metrics: Mapping[str, Any]) -> str:
    """Return how many held-out spots the 90% radius of a record held; empty if it states none."""
    said = stated_words(metrics).partition("; that ")[2]
    return said and f"That {said}"


def _beyond(metrics: Mapping[str, Any]) -> str:
    """Return which error is not in what is stated, if there is one."""
    if "registration_overlap" not in metrics:
        return ""
    return (
        " They are errors on the reference slide: how far the registration to the other H&E is off "
        "comes on top of them."
    )
