"""A validation that can be run: the method and its baselines on what is not held out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from napari_spatialrecon import provenance
from napari_spatialrecon.durations import Span
from napari_spatialrecon.evaluation.intervals import Interval, block_draws, interval
from napari_spatialrecon.methods.auto.plan import Cost, attempts
from napari_spatialrecon.methods.auto.trials import Trials
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.progress import ProgressCallback, Reporter, ShouldStop
from napari_spatialrecon.tasks.choosing import note_choice
from napari_spatialrecon.tasks.measures import Measure
from napari_spatialrecon.tasks.validation.problem import Answer, Problem
from napari_spatialrecon.tasks.validation.result import Score, Validation
from napari_spatialrecon.tasks.validation.words import TRIVIAL


@dataclass(frozen=True, eq=False)
class ValidationPlan:
    """A validation that can be run, and what it will take.

    Parameters
    ----------
    problem
        What is held out.
    costs
        The method and its baselines, each with the time expected of it.
    """

    problem: Problem
    costs: Sequence[Cost]
    seed: int
    device: str

    @property
    def time(self) -> Span:
        """Range of seconds expected on this machine, now."""
        return Span(sum(c.trial.low for c in self.costs), sum(c.trial.high for c in self.costs))

    @property
    def summary(self) -> str:
        """What is held out, what is run and how long it takes, in a line."""
        names = [cost.candidate.title for cost in self.costs]
        run = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
        return f"Holds out {self.problem.held_out}; runs {run}: {self.time.words}"

    def run(
        self,
        *,
        recorded: Mapping[str, Any] | None = None,
        progress: ProgressCallback | None = None,
        should_stop: ShouldStop | None = None,
    ) -> Validation:
        """Run the method and its baselines on what is not held out.

        Parameters
        ----------
        recorded
            What the record keeps besides the config, such as the command.

        Raises
        ------
        InputError
            There is nothing to hold out, or the method fails.
        Stopped
            `should_stop` returned True.
        """
        problem, chosen = self.problem, self.costs[0].candidate
        reporter = Reporter(progress, should_stop)
        record = provenance.RunRecord(
            problem.task,
            chosen.info.name,
            chosen.config.to_dict(),
            self.seed,
            self.device,
            inputs=dict(problem.inputs),
        )
        reporter.expect(*(cost.trial for cost in self.costs))
        problem.begin(reporter)
        trials, run = Trials(), Run(self.seed, self.device, reporter)
        found: list[tuple[str, str, Answer, float]] = []
        for candidate, answer, seconds in attempts(
            self.costs, run, math.inf, trials, problem.answer
        ):
            title = candidate.title
            if candidate is chosen and candidate.info.selects and answer.kept is not None:
                note_choice(record, answer.chooser, answer.kept)
                record.config = answer.kept.config.to_dict()
                title = f"{title} (kept {_kept_title(answer)})"
            found.append((candidate.name, title, answer, seconds))
        trivial = problem.trivial()
        if trivial is not None:
            found.append((TRIVIAL, *trivial, 0.0))
        record.settings |= {**(recorded or {}), "held_out": problem.kind}
        record.warnings = list(problem.warnings)
        record.notes = [*problem.warnings, *problem.cautions, *found[0][2].notes]
        items = problem.items.copy()
        for name, _, answer, _ in found:
            items[name] = answer.items
        return Validation(
            problem.task,
            problem.kind,
            problem.held_out,
            problem.measures,
            _scores(problem, found, self.seed),
            items,
            problem.n_blocks,
            tuple(record.notes),
            trials.skipped,
            record.to_dict(),
        )


def _kept_title(answer: Answer) -> str:
    """Return what a choosing method kept, in words."""
    titles = [candidate.title for candidate in answer.chooser.trials.kept]
    if len(titles) == 1:
        return str(titles[0])
    return f"the mean of {', '.join(titles[:-1])} and {titles[-1]}"


def _range(measure: Measure) -> tuple[float, float]:
    """Return the least and the most: what is better when higher is a correlation, else an error."""
    return (-1.0, 1.0) if measure.higher else (0.0, math.inf)


def _scores(
    problem: Problem, found: Sequence[tuple[str, str, Answer, float]], seed: int
) -> tuple[Score, ...]:
    """Return values and gains with their intervals, by the same draws for all methods."""
    weights = block_draws(problem.n_blocks, seed)
    drawn = [
        [None if s is None else s(weights) for s in answer.statistics] for _, _, answer, _ in found
    ]
    scores = []
    for (name, title, _, seconds), values in zip(found, drawn, strict=True):
        gains: list[Interval | None] = []
        for measure, own, other in zip(problem.measures, drawn[0], values, strict=True):
            if values is drawn[0] or own is None or other is None:
                gains.append(None)
            else:
                gain = (own - other) * (1.0 if measure.higher else -1.0)
                gains.append(interval(gain, problem.n_blocks))
        shown = tuple(
            None if v is None else interval(v, problem.n_blocks, *_range(measure))
            for measure, v in zip(problem.measures, values, strict=True)
        )
        scores.append(Score(name, title, shown, tuple(gains), round(seconds, 3)))
    return tuple(scores)
