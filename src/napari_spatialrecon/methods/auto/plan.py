"""Which methods are tried in the time that there is, and how long each may take by the clock."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from napari_spatialrecon import pace
from napari_spatialrecon.durations import Span, duration
from napari_spatialrecon.errors import SpatialReconError, Stopped
from napari_spatialrecon.hyperparameters import Config
from napari_spatialrecon.methods.method import Estimate
from napari_spatialrecon.methods.registry import MethodInfo
from napari_spatialrecon.methods.run import Run

T = TypeVar("T")


@dataclass(frozen=True)
class Candidate:
    """A method with its settings.

    Parameters
    ----------
    variant
        What sets it apart from the preset of the same method; empty for the preset itself.
    """

    info: MethodInfo
    config: Config
    variant: str = ""

    @property
    def name(self) -> str:
        """Its name in the record."""
        return f"{self.info.name} {self.variant}".strip()

    @property
    def title(self) -> str:
        """Its name in messages."""
        return (
            f"{self.info.short_title} ({self.variant})" if self.variant else self.info.short_title
        )


@dataclass(frozen=True)
class Cost:
    """What a candidate is expected to take on this machine, now.

    Parameters
    ----------
    alone
        Seconds by its estimate and the machine's speed and load, without earlier runs.
    trial
        Range of seconds of its trial.
    last
        Range of seconds of the run after it was chosen; none if the trial is that run.
    """

    candidate: Candidate
    kind: str
    alone: float
    trial: Span
    last: Span

    @classmethod
    def of(
        cls, candidate: Candidate, task: str, device: str, trial: Estimate, last: float = 0.0
    ) -> Cost:
        """Return the cost from estimates for an idle core."""
        kind = pace.kind_of(task, candidate.name, device)
        alone = trial.seconds * pace.slowness(kind)
        return cls(candidate, kind, alone, pace.span(trial.seconds, kind), pace.span(last, kind))


class Skips(Protocol):
    """Where it is noted why a method was not tried, or did not finish."""

    skipped: dict[str, str]
    limited: bool


def affordable(costs: Sequence[Cost], seconds: float, skips: Skips) -> list[Cost]:
    """Return what to try within a time, noting why others are not.

    The first, the baseline, is always tried; the others follow from the cheapest on. The time has
    to suffice for all trials and for the longest of the runs after the choice.
    """
    baseline, *others = costs
    chosen, spent, last = [baseline], baseline.trial.likely, baseline.last.likely
    for cost in sorted(others, key=lambda other: other.trial.likely):
        whole = spent + cost.trial.likely + max(last, cost.last.likely)
        if whole <= seconds:
            chosen.append(cost)
            spent, last = spent + cost.trial.likely, max(last, cost.last.likely)
        else:
            skips.limited = True
            skips.skipped[cost.candidate.title] = (
                f"with it the run is expected to take {duration(whole)}, more than the "
                f"{seconds / 60:g} min allowed"
            )
    return chosen


def attempts(
    costs: Sequence[Cost],
    run: Run,
    seconds: float,
    skips: Skips,
    work: Callable[[Candidate, Run], T],
) -> Iterator[tuple[Candidate, T, float]]:
    """Yield each candidate with what it made and the seconds that it took.

    A candidate after the first is stopped by the clock where it would take the time that the others
    are expected to need, or more than its share if there is too little for all, and passed over
    where it fails.

    Raises
    ------
    Stopped
        The user stopped the run.
    """
    ends, last = time.monotonic() + seconds, _longest(costs)
    run.reporter.expect(*(cost.trial for cost in costs), last)
    for number, cost in enumerate(costs):
        candidate, start = cost.candidate, time.monotonic()
        run.reporter.enter(number)
        run.reporter.check()
        waiting = sum(c.trial.likely for c in costs[number:]) + last.likely
        left, others = ends - start, waiting - cost.trial.likely
        share = max(left - others, left * cost.trial.likely / waiting)
        if number and share <= 0:
            skips.limited = True
            skips.skipped[candidate.title] = "no time was left"
            continue
        until = start + share if number and math.isfinite(share) else None
        stage = f"Trying {candidate.title} ({number + 1} of {len(costs)})"
        own = run.within(candidate.name.replace(" ", "-"))
        try:
            made = work(candidate, replace(own, reporter=run.reporter.within(stage, until=until)))
        except Stopped:
            if until is None or run.reporter.stop_requested:
                raise
            skips.limited = True
            took = time.monotonic() - start
            pace.remember(cost.kind, cost.alone, took)  # at least that long
            skips.skipped[candidate.title] = (
                f"it was stopped after {duration(took)}, its share of the {seconds / 60:g} min "
                "allowed"
            )
            continue
        except SpatialReconError as error:
            if not number:
                raise
            why = error.problem.message.rstrip(".")
            skips.skipped[candidate.title] = f"it failed ({why})"
            continue
        took = time.monotonic() - start
        pace.remember(cost.kind, cost.alone, took)
        yield candidate, made, took
    run.reporter.enter(len(costs))


def _longest(costs: Sequence[Cost]) -> Span:
    return max((cost.last for cost in costs), key=lambda span: span.likely)
