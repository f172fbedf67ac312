"""Progress reports of long work, and its stop signal."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from napari_spatialrecon.durations import Span
from napari_spatialrecon.errors import Stopped


@dataclass(frozen=True)
class Progress:
    """Progress of a run at one moment.

    Parameters
    ----------
    stage
        Current stage as shown to the user ("Training", "Solving").
    step, total
        Steps done and steps in all; `total` is None where unknown.
    elapsed_s, eta_s
        Seconds since the stage began, and estimated seconds remaining (None while unknown).
    metrics
        Numbers worth plotting, such as ``loss`` or ``held_out``.
    left_s
        Estimated seconds remaining of the whole run (None while unknown).
    expected
        How long the whole run was expected to take, where an estimate was made.
    warnings
        What speaks against the result already now, from the inputs alone.
    """

    stage: str
    step: int
    total: int | None = None
    elapsed_s: float = 0.0
    eta_s: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    left_s: float | None = None
    expected: Span | None = None
    warnings: tuple[str, ...] = ()


T = TypeVar("T")
History = list[tuple[str, int, int | None, dict[str, float]]]
"""Stage, step, number of steps and metrics of a run, in their order: the same whenever it is run,
as no time decides what is noted."""
DRAWN = ("loss", "held_out", "method_um", "baseline", "baseline_um", "mixing", "ilisi", "probe")
"""Metrics that curves are drawn from; a clock decides when the terms of a loss are read."""
_NOTED = 300
"""Most rows of one stage that hold the same metrics; of more, every second is kept."""
ProgressCallback = Callable[[Progress], None]
ShouldStop = Callable[[], bool]


class Course:
    """How far a run is: what is left of it, from what was expected and how it has gone so far.

    Parameters
    ----------
    parts
        Range of seconds expected for each part of the run, in order.

    Examples
    --------
    >>> Course([Span(30, 90), Span(30, 90)]).expected.words
    'about 1 to 3 min'
    """

    def __init__(self, parts: Sequence[Span]) -> None:
        self._seconds = [part.likely for part in parts]
        self.expected = Span(sum(p.low for p in parts), sum(p.high for p in parts))
        self._now, self._before = 0, 0.0
        self._started = self._entered = time.monotonic()

    def enter(self, part: int) -> None:
        """Note that the part of this number, from 0, begins."""
        self._entered = time.monotonic()
        self._now, self._before = part, sum(self._seconds[:part])

    def left(self, eta_s: float | None) -> float | None:
        """Return the estimated seconds remaining; None if the run is late and nothing is known.

        Parameters
        ----------
        eta_s
            Seconds remaining of the current stage by the speed of its steps.
        """
        now = time.monotonic()
        spent, expected = now - self._entered, self._seconds[self._now]
        slower = self._slower(self._entered - self._started, self._before)
        own = max(slower * expected - spent, eta_s or 0.0)
        if own <= 0:
            return None
        slower = self._slower(now - self._started + own, self._before + expected)
        return own + slower * sum(self._seconds[self._now + 1 :])

    @staticmethod
    def _slower(found: float, expected: float) -> float:
        return found / expected if expected > 0 else 1.0


class Reporter:
    """Combine a progress callback and a stop signal; limit reports to about 10 Hz.

    Parameters
    ----------
    progress
        Called with a `Progress` about ten times a second, and always at the end of a stage.
    should_stop
        Called often; the work ends if it returns True.
    interval_s
        Minimum time between two reports.
    part
        Part of the run that is reported, put before the name of each of its stages.
    course
        What the whole run was expected to take; see `expect`.
    history
        Where the metrics of all steps are noted; a new list if None.

    Examples
    --------
    >>> seen = []
    >>> reporter = Reporter(seen.append)
    >>> reporter.begin("Counting", total=2)
    >>> for i in range(2):
    ...     reporter.step(i + 1)
    >>> seen[-1].step
    2
    """

    def __init__(
        self,
        progress: ProgressCallback | None = None,
        should_stop: ShouldStop | None = None,
        *,
        interval_s: float = 0.1,
        part: str = "",
        course: Course | None = None,
        history: History | None = None,
    ) -> None:
        self._progress = progress
        self._should_stop = should_stop
        self._interval_s = interval_s
        self._part = part
        self._course = course
        self._first_step: int | None = None
        self._warnings: tuple[str, ...] = ()
        self.history: History = [] if history is None else history
        self.begin("Starting")

    def expect(self, *parts: Span) -> None:
        """Say how long the run is expected to take, in parts; `enter` tells where it is."""
        self._course = Course(parts)

    def warn(self, warnings: Sequence[str]) -> None:
        """Say before the work begins what speaks against its result."""
        self._warnings = (*self._warnings, *warnings)
        if warnings:
            self.step(0, at_once=True)

    def enter(self, part: int) -> None:
        """Note that the expected part of this number, from 0, begins."""
        if self._course is not None:
            self._course.enter(part)

    def within(self, part: str, *, until: float | None = None) -> Reporter:
        """Return a reporter of a part of the run, which names it in front of each stage.

        Parameters
        ----------
        until
            Time (`time.monotonic`) from which on the part is to stop.
        """

        def late_or_stopped() -> bool:
            return self.stop_requested or (until is not None and time.monotonic() > until)

        return Reporter(
            self._progress,
            self._should_stop if until is None else late_or_stopped,
            interval_s=self._interval_s,
            part=part,
            course=self._course,
            history=self.history,
        )

    def begin(self, stage: str, total: int | None = None) -> None:
        """Start a new stage of `total` steps."""
        self._stage = f"{self._part}: {stage}" if self._part else stage
        self._total = total
        self._started = time.monotonic()
        self._last = float("-inf")
        self._first_step = None
        self._metrics: dict[str, float] = {}
        self.step(0)

    def step(self, step: int, *, at_once: bool = False, **metrics: float) -> None:
        """Report that `step` steps are done; metrics accumulate until their next value.

        Parameters
        ----------
        at_once
            Report now, even if the last report was very recent, for metrics that must not be
            missed.
        """
        self._metrics.update(metrics)
        if metrics:
            _note(self.history, self._stage, step, self._total, metrics)
        now = time.monotonic()
        if self._first_step is None:
            self._first_step = step
        if self._progress is None:
            return
        too_soon = now - self._last < self._interval_s
        if too_soon and not at_once and step != self._total:
            return
        self._last = now
        elapsed = now - self._started
        done = step - self._first_step
        eta = elapsed / done * (self._total - step) if self._total and done > 0 else None
        course, metrics = self._course, dict(self._metrics)
        left = None if course is None else course.left(eta)
        expected = None if course is None else course.expected
        self._progress(
            Progress(
                self._stage,
                step,
                self._total,
                elapsed,
                eta,
                metrics,
                left,
                expected,
                self._warnings,
            )
        )

    def recall(self, step: int, **metrics: float) -> None:
        """Note the metrics of a step that was done before the run was resumed."""
        _note(self.history, self._stage, step, self._total, metrics)

    @property
    def stop_requested(self) -> bool:
        """Whether the user has requested a stop."""
        return self._should_stop is not None and self._should_stop()

    def check(self) -> None:
        """Raise `Stopped` if the user has requested a stop."""
        if self.stop_requested:
            raise Stopped()

    def checking(self, items: Iterable[T]) -> Iterator[T]:
        """Yield items, and raise `Stopped` before one if the user has requested a stop."""
        for item in items:
            self.check()
            yield item


def _note(
    history: History, stage: str, step: int, total: int | None, metrics: Mapping[str, float]
) -> None:
    """Note what is drawn of the metrics of a step; of very many steps, some."""
    found = {
        name: float(f"{metrics[name]:.6g}")
        for name in DRAWN
        if math.isfinite(metrics.get(name, math.nan))
    }
    if not found:
        return
    history.append((stage, step, total, found))
    same = [i for i, row in enumerate(history) if row[0] == stage and set(row[3]) == set(found)]
    if len(same) > _NOTED:
        for i in reversed(same[1:-1:2]):
            del history[i]
