"""The reports of a run as curves: the loss, and metrics measured at intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Self

from napari_spatialrecon.progress import Progress

Curve = list[tuple[float, float]]

HELD_OUT = MappingProxyType({"held_out": "held-out error"})
"""Metrics of a method that holds out spots."""


class Curves:
    """Collects the progress of one run.

    Parameters
    ----------
    measures
        Metrics drawn above the loss, each with its title.
    baseline_metric, baseline_title
        The metric drawn as a horizontal line for comparison, and its title.
    limits
        Limits of the axis of the metrics; None fits them to the values.
    unit
        Unit of the metrics, for instance "µm"; empty for shares and other numbers of about 1.

    Attributes
    ----------
    losses
        The (step, loss) of each stage, in the order of the stages; not smoothed.
    measured
        The (step, value) of each metric, one for each time it changed; of the method that is
        trained now, where several are tried.
    baseline
        The value for comparison, None while unknown.
    total
        Largest number of steps of a stage.
    """

    def __init__(
        self,
        measures: Mapping[str, str] = HELD_OUT,
        *,
        baseline_metric: str = "baseline",
        baseline_title: str = "baseline, kNN",
        limits: tuple[float, float] | None = None,
        unit: str = "",
    ) -> None:
        self.measures = dict(measures)
        self.baseline_metric, self.baseline_title = baseline_metric, baseline_title
        self.limits, self.unit = limits, unit
        self.losses: dict[str, Curve] = {}
        self.measured: dict[str, Curve] = {name: [] for name in measures}
        self.baseline: float | None = None
        self.total = 1

    @property
    def held_out(self) -> Curve:
        """(step, first metric), for instance the error on held-out spots; one for each change."""
        return next(iter(self.measured.values()), [])

    @property
    def has_measures(self) -> bool:
        """Whether a metric was measured."""
        return any(self.measured.values())

    def shown(self, value: float) -> str:
        """Return a metric's value as text, without its unit."""
        return f"{value:,.0f}" if self.unit else f"{value:.2f}"

    def add(self, progress: Progress) -> bool:
        """Add a report; return whether there is anything new to draw."""
        metrics = progress.metrics
        if progress.total and "loss" in metrics:
            self.total = max(self.total, progress.total)
        new = _append(self.losses.setdefault(progress.stage, []), progress, "loss")
        if not self.losses[progress.stage]:
            del self.losses[progress.stage]
        for name, curve in self.measured.items():
            if name in metrics and curve and progress.step < curve[-1][0]:
                curve.clear()  # another method is tried
            if name in metrics and (not curve or metrics[name] != curve[-1][1]):
                new |= _append(curve, progress, name)
        if math.isfinite(metrics.get(self.baseline_metric, math.nan)):
            self.baseline = metrics[self.baseline_metric]
        return new

    def replay(self, history: Iterable[Sequence[Any]]) -> None:
        """Add what a record notes of the steps of its run.

        Parameters
        ----------
        history
            Stage, step, number of steps and metrics of each.

        Examples
        --------
        >>> curves = Curves()
        >>> curves.replay([["train", 3, 10, {"loss": 0.5}], ["train", 4, 10, {"held_out": 0.4}]])
        >>> curves.losses, curves.held_out
        ({'train': [(3.0, 0.5), (4.0, 0.5)]}, [(4.0, 0.4)])
        """
        known: dict[str, dict[str, float]] = {}
        for stage, step, total, metrics in history:
            own = known.setdefault(str(stage), {})
            own |= {str(name): float(value) for name, value in metrics.items()}
            self.add(Progress(str(stage), int(step), total, metrics=dict(own)))

    def state(self) -> dict[str, Any]:
        """Return all curves, as JSON can hold them."""
        return {
            "measures": self.measures,
            "baseline_metric": self.baseline_metric,
            "baseline_title": self.baseline_title,
            "limits": self.limits,
            "unit": self.unit,
            "losses": self.losses,
            "measured": self.measured,
            "baseline": self.baseline,
            "total": self.total,
        }

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> Self:
        """Return the curves of a `state`.

        Examples
        --------
        >>> curves = Curves()
        >>> _ = curves.add(Progress("train", 3, 10, metrics={"loss": 0.5}))
        >>> Curves.of(curves.state()).losses
        {'train': [(3.0, 0.5)]}
        """
        made = cls(
            state["measures"],
            baseline_metric=state["baseline_metric"],
            baseline_title=state["baseline_title"],
            limits=None if state["limits"] is None else tuple(state["limits"]),
            unit=state.get("unit", ""),
        )
        made.losses = {name: _pairs(curve) for name, curve in state["losses"].items()}
        made.measured |= {name: _pairs(curve) for name, curve in state["measured"].items()}
        made.baseline, made.total = state["baseline"], int(state["total"])
        return made

    def __bool__(self) -> bool:
        return bool(self.losses or any(self.measured.values()))


def _pairs(curve: list[Any]) -> Curve:
    return [(float(step), float(value)) for step, value in curve]


def _append(curve: Curve, progress: Progress, name: str) -> bool:
    value = progress.metrics.get(name, math.nan)
    if not math.isfinite(value) or (curve and curve[-1][0] >= progress.step):
        return False
    curve.append((float(progress.step), float(value)))
    return True
