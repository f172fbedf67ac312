"""Progress reports of long work, and its stop signal."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

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
    """

    stage: str
    step: int
    total: int | None = None
    elapsed_s: float = 0.0
    eta_s: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)


ProgressCallback = Callable[[Progress], None]
ShouldStop = Callable[[], bool]


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
    ) -> None:
        self._progress = progress
        self._should_stop = should_stop
        self._interval_s = interval_s
        self._part = part
        self._first_step: int | None = None
        self.begin("Starting")

    def within(self, part: str) -> Reporter:
        """Return a reporter of a part of the run, which names it in front of each stage."""
        return Reporter(self._progress, self._should_stop, interval_s=self._interval_s, part=part)

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
        self._progress(Progress(self._stage, step, self._total, elapsed, eta, dict(self._metrics)))

    @property
    def stop_requested(self) -> bool:
        """Whether the user has requested a stop."""
        return self._should_stop is not None and self._should_stop()

    def check(self) -> None:
        """Raise `Stopped` if the user has requested a stop."""
        if self.stop_requested:
            raise Stopped()
