"""Methods that were tried on held-out truth of the data, and which of them is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from napari_spatialrecon.methods.auto.plan import Candidate

#: Standard errors of its gain by which a placement method must be better than the baseline to be
#: kept: odds of two to one. A higher bar costs more where methods are better than a few held-out
#: spots can prove than it saves where they are not (`docs/experiments/2026-11-29-auto.md`).
_LIKELY = 0.5


@dataclass(frozen=True)
class Trial:
    """A candidate that was tried.

    Parameters
    ----------
    errors
        Its errors on held-out truth; of a placement method, see `FittedPlacement.held_out`.
    seconds
        How long it took.
    """

    candidate: Candidate
    errors: dict[str, float]
    seconds: float

    @property
    def title(self) -> str:
        """Its name in messages."""
        return self.candidate.title


@dataclass
class Trials:
    """What was tried, the baseline first, and what was not.

    Parameters
    ----------
    tried
        In the order in which they were tried.
    skipped
        Title of a candidate to the reason why it was not tried or did not finish.
    limited
        Whether anything was skipped for time.
    """

    tried: list[Trial] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    limited: bool = False

    @property
    def kept(self) -> Sequence[Candidate]:
        """What was kept: one candidate, or two whose results are averaged."""
        raise NotImplementedError

    def choice(self) -> str:
        """Return what was found and kept, and why, in sentences without times."""
        raise NotImplementedError

    def notes(self) -> tuple[str, ...]:
        """Return what was tried, what was kept and why."""
        return self.choice(), *self.omissions("was skipped")

    def omissions(self, verb: str) -> tuple[str, ...]:
        """Return a sentence for each method that was not tried or did not finish."""
        said = [f"{name} {verb}: {why}." for name, why in self.skipped.items()]
        if self.limited:
            said.append(
                "What can be tried in a limited time depends on the machine and its load; with "
                "minutes at 0 everything is tried, and the choice is the same everywhere."
            )
        return tuple(said)

    def settings(self) -> dict[str, Any]:
        """Return all of it for a record, as plain values without times."""
        names = [candidate.name for candidate in self.kept]
        return {
            "kept": names[0] if len(names) == 1 else names,
            "tried": {trial.candidate.name: trial.errors for trial in self.tried},
            "skipped": dict(self.skipped),
            "depends_on_machine": self.limited,
        }

    def seconds(self) -> dict[str, float]:
        """Return how long each candidate took, for a record's metrics."""
        return {
            f"auto_seconds_{trial.candidate.name.replace(' ', '_')}": trial.seconds
            for trial in self.tried
        }


@dataclass
class PlacementTrials(Trials):
    """Placement methods, by the distances that they find between held-out spots."""

    @property
    def best(self) -> Trial:
        """The one with the largest gain that is likely one; else the baseline."""
        return max(self.tried, key=lambda trial: _gain(trial.errors))

    @property
    def kept(self) -> Sequence[Candidate]:
        """The candidate of the best trial: places in different frames cannot be averaged."""
        return (self.best.candidate,)

    def choice(self) -> str:
        """Return the median errors, and which method was kept and why."""
        best, baseline = self.best, self.tried[0]
        if len(self.tried) == 1:
            return f"{best.title} was kept: no other method was tried."
        found = ", ".join(f"{trial.title} {_figure(trial.errors)}" for trial in self.tried)
        if best is baseline:
            return (
                f"Median error on held-out spots: {found}. {best.title}, the baseline, "
                "was kept: no other method is likely better."
            )
        gain, noise = (best.errors[name] for name in ("gain", "gain_noise"))
        return (
            f"Median error on held-out spots: {found}. {best.title} was kept: its "
            f"distances between these spots have a relative error that is {gain:.3f} ± "
            f"{noise:.3f} below that of {baseline.title}."
        )


def _gain(errors: dict[str, float]) -> float:
    """Return the gain over the baseline where it is likely one, else 0; of the baseline too."""
    gain = errors.get("gain", 0.0)
    return gain if gain > _LIKELY * errors.get("gain_noise", 0.0) else 0.0


def _figure(errors: dict[str, float]) -> str:
    """Return the error, in µm if known."""
    name = "method" if "method" in errors else "baseline"
    if f"{name}_um" in errors:
        return f"{errors[f'{name}_um']:,.0f} µm"
    return f"{errors[name]:.2f}" if name in errors else "unknown"
