"""Which methods are tried in a given time, and which is kept."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest

from napari_spatialrecon.durations import Span
from napari_spatialrecon.methods.auto import plan
from napari_spatialrecon.methods.auto.plan import Candidate, Cost, affordable, attempts
from napari_spatialrecon.methods.auto.trials import PlacementTrials, Trial
from napari_spatialrecon.methods.registry import find_method
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.progress import Reporter

KNN, RIDGE, GEARS = (
    Candidate(find_method(name, "place"), find_method(name, "place").config()())
    for name in ("knn", "ridge", "gears")
)


def trial(info, um, gain=None, noise=0.01):
    if gain is None:
        return Trial(info, {"baseline": 0.4, "baseline_um": um, "center_um": 1000.0}, 1.0)
    errors = {"method": 0.3, "method_um": um, "gain": gain, "gain_noise": noise}
    return Trial(info, errors, 2.0)


def cost(candidate, seconds, last=0.0):
    return Cost(candidate, "", seconds, Span(seconds, seconds), Span(last, last))


def tried(costs, seconds):
    trials = PlacementTrials()
    chosen = [found.candidate for found in affordable(costs, seconds, trials)]
    return chosen, trials


def test_the_cheapest_are_tried_within_the_time_and_the_baseline_always():
    costs = [cost(KNN, 3.0), cost(GEARS, 50.0), cost(RIDGE, 2.0)]
    chosen, trials = tried(costs, 30.0)
    assert chosen == [KNN, RIDGE] and trials.limited
    assert trials.skipped == {
        "GEARS": "with it the run is expected to take 55 s, more than the 0.5 min allowed"
    }
    chosen, trials = tried(costs, 60.0)
    assert chosen == [KNN, RIDGE, GEARS] and not trials.limited
    assert tried(costs, 0.01)[0] == [KNN]


def test_the_run_after_the_choice_needs_time_too():
    costs = [cost(KNN, 3.0, 3.0), cost(RIDGE, 2.0, 20.0), cost(GEARS, 10.0, 20.0)]
    assert tried(costs, 24.0)[0] == [KNN]
    assert tried(costs, 26.0)[0] == [KNN, RIDGE]
    assert tried(costs, 36.0)[0] == [KNN, RIDGE, GEARS]


def test_what_beats_the_baseline_by_more_than_noise_is_kept():
    trials = PlacementTrials(
        [trial(KNN, 423.0), trial(RIDGE, 400.0, 0.023), trial(GEARS, 380.0, 0.043)]
    )
    assert trials.best.candidate is GEARS
    (note,) = trials.notes()
    assert note == (
        "Median error on held-out spots: kNN 423 µm, Ridge regression 400 µm, GEARS 380 µm. GEARS "
        "was kept: its distances between these spots have a relative error that is 0.043 ± 0.010 "
        "below that of kNN."
    )
    assert trials.settings()["kept"] == "gears" and trials.seconds()["auto_seconds_knn"] == 1.0


def test_ties_go_to_the_baseline():
    trials = PlacementTrials(
        [trial(KNN, 423.0), trial(GEARS, 414.0, 0.003, 0.008)], {"COME": "no time"}
    )
    assert trials.best.candidate is KNN
    note, other = trials.notes()
    assert note.endswith("kNN, the baseline, was kept: no other method is likely better.")
    assert other == "COME was skipped: no time."


def test_a_gain_that_is_likely_is_taken_though_it_is_not_proved():
    trials = PlacementTrials([trial(KNN, 423.0), trial(GEARS, 414.0, 0.005, 0.008)])
    assert trials.best.candidate is GEARS


def allowed(seconds, *costs):
    """Return until when each candidate may run, of a clock that stands still at 0."""
    ends = []

    def work(candidate, run):
        ends.append(run.reporter.until)

    class Recording(Reporter):
        until = None

        def within(self, part, *, until=None):
            made = Recording()
            made.until = until
            return made

    list(attempts(costs, Run(reporter=Recording()), seconds, PlacementTrials(), work))
    return ends


def test_a_candidate_may_take_all_the_time_that_others_do_not_need(monkeypatch):
    monkeypatch.setattr(plan, "time", SimpleNamespace(monotonic=lambda: 0.0))
    costs = cost(KNN, 2.0), cost(RIDGE, 1.0), cost(GEARS, 20.0)
    assert allowed(100.0, *costs) == [None, 80.0, 100.0]
    assert allowed(10.5, *costs) == [None, pytest.approx(0.5), 10.5]
    assert allowed(math.inf, *costs) == [None, None, None]
