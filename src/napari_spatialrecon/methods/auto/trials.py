"""Methods that are tried on the held-out spots of the data, and which of them is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from napari_spatialrecon.methods.placement.yardsticks import beats_baseline
from napari_spatialrecon.methods.registry import MethodInfo


@dataclass(frozen=True)
class Trial:
    """A method that was tried.

    Parameters
    ----------
    info
        The method.
    errors
        Its errors on held-out spots; see `FittedPlacement.held_out`.
    seconds
        How long it took.
    """

    info: MethodInfo
    errors: dict[str, float]
    seconds: float

    @property
    def gain(self) -> float:
        """What it gains over the baseline beyond noise; 0 of the baseline itself or if nothing."""
        gains = "gain" in self.errors and beats_baseline(self.errors)
        return self.errors["gain"] if gains else 0.0

    @property
    def figure(self) -> str:
        """Its error, in µm if known."""
        name = "method" if "method" in self.errors else "baseline"
        if f"{name}_um" in self.errors:
            return f"{self.errors[f'{name}_um']:,.0f} µm"
        return f"{self.errors[name]:.2f}" if name in self.errors else "unknown"


@dataclass
class Trials:
    """The methods tried, the baseline first, and those that were not.

    Parameters
    ----------
    tried
        In the order in which they were tried.
    skipped
        Title of a method to the reason why it was not tried or did not finish.
    """

    tried: list[Trial] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    @property
    def best(self) -> Trial:
        """The one to keep: the baseline unless others beat it by more than noise."""
        return max(self.tried, key=lambda trial: trial.gain)

    def notes(self) -> tuple[str, ...]:
        """Return what was tried, what was kept and why, in sentences without times."""
        best, baseline = self.best, self.tried[0]
        found = ", ".join(f"{trial.info.short_title} {trial.figure}" for trial in self.tried)
        if len(self.tried) == 1:
            said = f"{best.info.short_title} was kept: no other method was tried."
        elif best is baseline:
            said = (
                f"Median error on held-out spots: {found}. {best.info.short_title}, the baseline, "
                "was kept: no other method beats it by more than noise."
            )
        else:
            gain, noise = (best.errors[name] for name in ("gain", "gain_noise"))
            said = (
                f"Median error on held-out spots: {found}. {best.info.short_title} was kept: its "
                f"distances between these spots have a relative error that is {gain:.3f} ± "
                f"{noise:.3f} below that of {baseline.info.short_title}."
            )
        return said, *self.omissions("was not")

    def omissions(self, verb: str) -> tuple[str, ...]:
        """Return a sentence for each method that was not tried."""
        return tuple(f"{name} {verb} tried: {why}." for name, why in self.skipped.items())

    def settings(self) -> dict[str, Any]:
        """Return all of it for a record, as plain values without times."""
        return {
            "kept": self.best.info.name,
            "tried": {trial.info.name: trial.errors for trial in self.tried},
            "skipped": dict(self.skipped),
        }

    def seconds(self) -> dict[str, float]:
        """Return how long each method took, for a record's metrics."""
        return {f"auto_seconds_{trial.info.name}": trial.seconds for trial in self.tried}


def affordable(
    costs: Sequence[tuple[MethodInfo, float]], seconds: float
) -> tuple[list[MethodInfo], dict[str, str]]:
    """Return the methods to try within a time, and why others are not.

    The first, the baseline, is always tried; the others follow from the cheapest on. Only
    estimates count, so that the same inputs lead to the same choice on every machine.

    Parameters
    ----------
    costs
        Methods with their estimated seconds.
    """
    (baseline, spent), *others = costs
    chosen, skipped = [baseline], {}
    for info, cost in sorted(others, key=lambda other: other[1]):
        if spent + cost <= seconds:
            chosen.append(info)
            spent += cost
        else:
            skipped[info.short_title] = (
                f"with it the estimates sum to {(spent + cost) / 60:.1f} min, "
                f"above the {seconds / 60:g} min allowed"
            )
    return chosen, skipped
