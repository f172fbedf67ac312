"""The choice of the method that wins on held-out spots."""

from __future__ import annotations

import itertools
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from napari_spatialrecon.durations import Span
from napari_spatialrecon.errors import DivergedError, Stopped
from napari_spatialrecon.methods.auto import candidates, plan
from napari_spatialrecon.methods.auto.config import AutoConfig
from napari_spatialrecon.methods.auto.model import Auto
from napari_spatialrecon.methods.placement.base import PlacementSizes
from napari_spatialrecon.methods.placement.knn import Knn
from napari_spatialrecon.methods.placement.ridge import Ridge
from napari_spatialrecon.methods.placement.yardsticks import Yardsticks
from napari_spatialrecon.methods.registry import find_method
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.progress import Reporter

QUICK = [find_method(name, "place") for name in ("auto", "knn", "ridge")]


@pytest.fixture(autouse=True)
def only_quick_methods(monkeypatch):
    monkeypatch.setattr(candidates, "methods_for", lambda task: QUICK)


def test_the_winner_is_as_if_it_had_been_chosen_by_name(slides, cells):
    chooser = Auto()
    kept = chooser.fit(slides, cells, Run(seed=3))
    tried = {trial.candidate.name: trial.errors for trial in chooser.trials.tried}
    assert list(tried) == ["knn", "ridge"]
    assert isinstance(kept, {"knn": Knn, "ridge": Ridge}[chooser.trials.best.candidate.name])
    by_name = type(kept)().fit(slides, cells, Run(seed=3))
    placed, expected = kept.place(cells), by_name.place(cells)
    assert placed.coordinates.tobytes() == expected.coordinates.tobytes()
    assert kept.held_out == by_name.held_out == tried[kept.name]
    assert kept.notes == (*chooser.trials.notes(), *by_name.notes)


def test_a_method_that_wins_clearly_is_kept(slides, cells, monkeypatch):
    monkeypatch.setattr(Yardsticks, "beside", lambda self, *_: {"gain": 0.2, "gain_noise": 0.01})
    assert isinstance(Auto().fit(slides, cells), Ridge)


def test_without_time_only_the_baseline_is_fitted(slides, cells):
    chooser = Auto(AutoConfig(minutes=0.001))
    kept = chooser.fit(slides, cells)
    assert isinstance(kept, Knn)
    assert list(chooser.trials.skipped) == ["Ridge regression"]
    said = kept.notes
    assert said[0] == "kNN was kept: no other method was tried."
    assert "more than the 0.001 min allowed" in said[1]
    assert "depends on the machine" in said[2]
    assert chooser.trials.settings()["depends_on_machine"]


def test_a_method_that_takes_more_than_its_share_of_the_time_is_stopped(slides, cells, monkeypatch):
    def slow(self, references, query, run):
        while True:
            run.reporter.check()

    monkeypatch.setattr(Ridge, "fit", slow)
    monkeypatch.setattr(plan, "time", SimpleNamespace(monotonic=lambda: -1e6))  # long past
    chooser = Auto()
    assert isinstance(chooser.fit(slides, cells), Knn)
    assert "it was stopped after" in chooser.trials.skipped["Ridge regression"]
    assert list(chooser.trials.seconds()) == ["auto_seconds_knn"]


def test_without_a_limit_nothing_is_left_out(slides, cells, monkeypatch):
    monkeypatch.setattr(plan.pace, "span", lambda seconds, kind: Span(1e6, 1e6))
    chooser = Auto(AutoConfig(minutes=0))
    chooser.fit(slides, cells)
    assert len(chooser.trials.tried) == 2 and not chooser.trials.settings()["depends_on_machine"]


def test_slides_too_small_to_hold_spots_out_get_the_baseline(slides, cells):
    few = [replace(s, adata=s.adata[:17].copy(), kept=np.ones(17, bool)) for s in slides]
    chooser = Auto()
    assert isinstance(chooser.fit(few, cells), Knn)
    assert "too few spots" in chooser.trials.skipped["Ridge regression"]


def test_a_method_that_fails_is_passed_over(slides, cells, monkeypatch):
    def diverge(self, *_):
        raise DivergedError("Expected finite values, found loss not finite at step 3.")

    monkeypatch.setattr(Ridge, "fit", diverge)
    chooser = Auto()
    assert isinstance(chooser.fit(slides, cells), Knn)
    assert "it failed (Expected finite" in chooser.trials.skipped["Ridge regression"]


def test_progress_names_the_method_tried_and_a_stop_ends_all(slides, cells):
    stages = []
    reporter = Reporter(lambda progress: stages.append(progress.stage))
    Auto().fit(slides, cells, Run(reporter=reporter))
    assert "Trying kNN (1 of 2): Comparing expression" in stages
    assert "Trying Ridge regression (2 of 2): Fitting a linear map" in stages
    asked = itertools.count()
    with pytest.raises(Stopped):
        Auto().fit(slides, cells, Run(reporter=Reporter(None, lambda: next(asked) > 2)))
    assert next(asked) < 10


def test_the_estimate_is_that_of_all_methods_tried():
    sizes = PlacementSizes(slides=2, spots=400, cells=1000, genes=5000)
    both = sum(info.method()().estimate(sizes).seconds for info in QUICK[1:])
    found = Auto().estimate(sizes)
    assert found.seconds == pytest.approx(both)
    assert found.plan == ("Tries kNN, Ridge regression.",) and found.most_seconds == 180.0
    short = Auto(AutoConfig(minutes=0.001)).estimate(sizes)
    assert short.seconds < both
    assert short.plan[0] == "Tries kNN." and "Ridge regression is skipped" in short.plan[1]
