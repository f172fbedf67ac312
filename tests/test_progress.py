"""Progress is told about ten times a second, always at the end, and stop is heard at once."""

from __future__ import annotations

import time

import pytest

from napari_spatialrecon import progress
from napari_spatialrecon.durations import Span
from napari_spatialrecon.errors import Stopped
from napari_spatialrecon.progress import Progress, Reporter


@pytest.fixture
def clock(monkeypatch):
    """A clock that moves only when told."""

    class Clock:
        now = 100.0

        def monotonic(self) -> float:
            return self.now

    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_steps_between_two_reports_are_not_told(clock):
    seen = []
    reporter = Reporter(seen.append, interval_s=0.1)
    reporter.begin("Training", total=100)
    for step in range(1, 51):
        clock.now += 0.01
        reporter.step(step)
    assert len(seen) == pytest.approx(2 + 5, abs=1)


def test_the_last_step_is_always_told(clock):
    seen = []
    reporter = Reporter(seen.append)
    reporter.begin("Training", total=3)
    for step in range(1, 4):
        reporter.step(step)
    assert seen[-1].step == 3


def test_the_time_left_is_estimated_from_the_steps_done(clock):
    seen = []
    reporter = Reporter(seen.append)
    reporter.begin("Training", total=10)
    clock.now += 4
    reporter.step(2)
    assert seen[-1].elapsed_s == pytest.approx(4)
    assert seen[-1].eta_s == pytest.approx(16)


def test_the_time_left_of_the_whole_run_follows_the_speed_of_the_steps(clock):
    seen = []
    reporter = Reporter(seen.append, interval_s=0)
    reporter.expect(Span(10, 10), Span(40, 40))
    reporter.enter(0)
    part = reporter.within("First")
    part.begin("Training", total=10)
    assert seen[-1].left_s == pytest.approx(50) and seen[-1].expected == Span(50, 50)
    clock.now += 4
    part.step(2)  # 16 s remain of a part that was to take 10: twice as long, and so the other
    assert seen[-1].left_s == pytest.approx(16 + 80)
    clock.now += 16
    reporter.enter(1)
    part = reporter.within("Second")
    part.begin("Placing")
    assert seen[-1].left_s == pytest.approx(80)
    clock.now += 81
    part.step(3)
    assert seen[-1].left_s is None


def test_a_part_stops_at_its_time_or_with_the_whole(clock):
    asked = []
    whole = Reporter(None, lambda: bool(asked))
    part = whole.within("Trying", until=clock.now + 5).within("Inner")
    part.check()
    clock.now += 6
    assert part.stop_requested and not whole.stop_requested
    asked.append(1)
    assert whole.within("Again", until=clock.now + 5).stop_requested


def test_the_time_left_is_unknown_without_a_total(clock):
    seen = []
    reporter = Reporter(seen.append)
    reporter.begin("Reading")
    clock.now += 1
    reporter.step(5)
    assert seen[-1].eta_s is None
    assert seen[-1].total is None


def test_a_number_is_told_until_its_next_value_and_forgotten_with_its_stage(clock):
    seen = []
    reporter = Reporter(seen.append, interval_s=0)
    reporter.begin("Training", total=9)
    reporter.step(1, held_out=0.5, loss=2.0)
    reporter.step(2, loss=1.0)
    assert seen[-1].metrics == {"held_out": 0.5, "loss": 1.0}
    assert seen[-2].metrics == {"held_out": 0.5, "loss": 2.0}
    reporter.begin("Placing")
    assert seen[-1].metrics == {}
    assert (seen[-1].stage, seen[-1].step) == ("Placing", 0)


def test_a_stop_is_heard():
    wanted = False
    reporter = Reporter(should_stop=lambda: wanted)
    reporter.check()
    assert not reporter.stop_requested
    wanted = True
    assert reporter.stop_requested
    with pytest.raises(Stopped):
        reporter.check()


def test_nobody_has_to_listen():
    reporter = Reporter()
    reporter.begin("Training", total=2)
    reporter.step(1)
    reporter.check()
    assert not reporter.stop_requested


def test_what_must_not_be_missed_is_reported_at_once() -> None:
    seen: list[Progress] = []
    reporter = Reporter(seen.append, interval_s=1e9)
    reporter.begin("Training", total=10)
    seen.clear()
    reporter.step(1, loss=1.0)
    reporter.step(2, at_once=True, held_out=0.5)
    assert [(p.step, dict(p.metrics)) for p in seen] == [(2, {"loss": 1.0, "held_out": 0.5})]


def test_the_history_of_a_run_does_not_depend_on_the_clock() -> None:
    def run(interval_s: float, steps: int = 5) -> list:
        reporter = Reporter(lambda _: None, interval_s=interval_s)
        reporter.begin("Training", total=steps)
        for step in range(1, steps + 1):
            reporter.step(step, loss=1.0 / step, term=time.monotonic())
        part = reporter.within("kNN")
        part.begin("Measuring")
        part.step(1, held_out=0.25, baseline=float("nan"))
        return reporter.history

    found = run(0.0)
    assert found == run(1e9)
    assert found[1] == ("Training", 2, 5, {"loss": 0.5})
    assert found[-1] == ("kNN: Measuring", 1, None, {"held_out": 0.25})
    many = run(0.0, 5_000)
    assert len(many) < 400 and many[0][1] == 1 and many[-2][1] == 5_000, "thinned, not cut"
