"""What a run reported so far, as curves: loss, held-out error, and the floor's error."""

from __future__ import annotations

import math

from napari_spatialrecon.progress import Progress

Curve = list[tuple[float, float]]


class Curves:
    """Collects the progress of one run.

    Attributes
    ----------
    losses
        Stage to its (step, loss), in the order of the stages; smoothed by nothing.
    held_out
        (step, error on held-out spots), one for each time it was measured.
    floor
        The error of kNN on the same spots, None while unknown.
    total
        Most steps of a stage.
    """

    def __init__(self) -> None:
        self.losses: dict[str, Curve] = {}
        self.held_out: Curve = []
        self.floor: float | None = None
        self.total = 1

    def add(self, progress: Progress) -> bool:
        """Add a report; return whether there is anything new to draw."""
        metrics = progress.metrics
        if progress.total and "loss" in metrics:
            self.total = max(self.total, progress.total)
        new = _append(self.losses.setdefault(progress.stage, []), progress, "loss")
        if not self.losses[progress.stage]:
            del self.losses[progress.stage]
        if "held_out" in metrics and (
            not self.held_out or metrics["held_out"] != self.held_out[-1][1]
        ):
            new |= _append(self.held_out, progress, "held_out")
        if math.isfinite(metrics.get("floor", math.nan)):
            self.floor = metrics["floor"]
        return new

    def __bool__(self) -> bool:
        return bool(self.losses or self.held_out)


def _append(curve: Curve, progress: Progress, name: str) -> bool:
    value = progress.metrics.get(name, math.nan)
    if not math.isfinite(value) or (curve and curve[-1][0] >= progress.step):
        return False
    curve.append((float(progress.step), float(value)))
    return True
