"""What a run is expected to take is told, and how long it took is remembered."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest

from napari_spatialrecon import pace
from napari_spatialrecon.command_line.terminal import Bar
from napari_spatialrecon.durations import Span
from napari_spatialrecon.errors import Stopped
from napari_spatialrecon.methods.method import Estimate
from napari_spatialrecon.progress import Progress, Reporter
from napari_spatialrecon.tasks import timing
from napari_spatialrecon.tasks.placing import place
from napari_spatialrecon.tasks.timing import expected, timed

COST = Estimate(20.0, 1e8)


@pytest.fixture(autouse=True)
def slow(monkeypatch):
    monkeypatch.setattr(pace, "slowness", lambda kind: 2.0)


def test_a_run_that_ends_is_remembered_and_one_that_is_stopped_is_not(monkeypatch):
    ticks = itertools.count(step=60.0)
    monkeypatch.setattr(timing, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
    with timed(Reporter(), COST, "place", "gears", "cpu", cost=lambda _: COST):
        pass
    assert pace.ratios("place gears cpu") == [1.5]
    with (
        pytest.raises(Stopped),
        timed(Reporter(), COST, "place", "knn", "cpu", cost=lambda _: COST),
    ):
        raise Stopped()
    assert pace.ratios("place knn cpu") == []


def test_a_limit_by_the_clock_bounds_what_is_expected():
    assert expected(COST, "place", "auto", "cpu").high == pytest.approx(80.0)
    limited = Estimate(20.0, 1e8, most_seconds=50.0)
    assert expected(limited, "place", "auto", "cpu").high == 50.0


def test_the_command_line_says_once_what_is_expected(references, tiny, capsys):
    with Bar("bar") as bar:
        place(references, tiny.cells, method="knn", progress=bar.show)
        bar.show(Progress("Writing", 0, expected=Span(1, 9)))
    assert capsys.readouterr().err.count("expected: about ") == 1
    with Bar("none") as bar:
        place(references, tiny.cells, method="knn", progress=bar.show)
    assert capsys.readouterr().err == ""
    with Bar("none") as bar:
        for step in range(2):
            bar.show(Progress("Training", step, warnings=("C2 shows no pattern",)))
    assert capsys.readouterr().err == "warning: C2 shows no pattern\n"
    with Bar("json") as bar:
        place(references, tiny.cells, method="knn", progress=bar.show)
    told = capsys.readouterr().err
    assert "expected: " not in told and '"left_s": ' in told
