from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
import weakref
from typing import Any

import psutil
import pytest
from qtpy.QtCore import QThreadPool

from napari_spatialrecon.errors import InputError, Problem, Stopped, ValidationError
from napari_spatialrecon.progress import Progress, Reporter
from napari_spatialrecon.viewer.window import worker as working
from napari_spatialrecon.viewer.window.notify import details, headline
from napari_spatialrecon.viewer.window.worker import Run

pytest.importorskip("qtpy")


class Heard:
    """Everything a run said, in order."""

    def __init__(self, run: Run) -> None:
        self.said: list[tuple[str, Any]] = []
        self.threads: set[threading.Thread] = set()
        for name in ("progressed", "returned", "stopped", "failed"):
            getattr(run, name).connect(lambda value, name=name: self._add(name, value))
        run.finished.connect(lambda: self._add("finished", None))

    def _add(self, name: str, value: Any) -> None:
        self.said.append((name, value))
        self.threads.add(threading.current_thread())

    def names(self) -> list[str]:
        return [name for name, _ in self.said if name != "progressed"]

    def first(self, name: str) -> Any:
        return next(value for said, value in self.said if said == name)


def endless(progress: Any, should_stop: Any) -> None:
    reporter = Reporter(progress, should_stop)
    reporter.begin("Training")
    step = 0
    while True:
        time.sleep(0.005)
        step += 1
        reporter.step(step)
        reporter.check()


def test_work_returns_its_result_in_the_windows_thread(qtbot: Any) -> None:
    def work(progress: Any, should_stop: Any) -> int:
        progress(Progress("Counting", 1, 2, eta_s=1.0))
        progress(Progress("Counting", 2, 2))
        return 42

    run = Run(work, "Counting")
    heard = Heard(run)
    with qtbot.waitSignal(run.finished, timeout=10_000):
        run.start()
        assert run.running
    assert heard.names() == ["returned", "finished"] and heard.first("returned") == 42
    assert [v.step for n, v in heard.said if n == "progressed"] == [1, 2]
    assert heard.threads == {threading.main_thread()} and not run.running


def test_cancel_is_heard_as_stopped(qtbot: Any) -> None:
    run = Run(endless, "Training")
    heard = Heard(run)
    with qtbot.waitSignal(run.progressed, timeout=10_000):
        run.start()
    with qtbot.waitSignal(run.finished, timeout=3_000):
        run.cancel()
    assert heard.names() == ["stopped", "finished"]
    assert isinstance(heard.first("stopped"), Stopped)


def test_cancel_before_the_thread_begins_stops_it_too(qtbot: Any) -> None:
    run = Run(endless, "Training")
    heard = Heard(run)
    with qtbot.waitSignal(run.finished, timeout=10_000):
        run.start()
        run.cancel()
    assert heard.names() == ["stopped", "finished"]


def test_work_that_ends_just_as_it_is_cancelled_still_hands_over_its_result(qtbot: Any) -> None:
    release = threading.Event()
    run = Run(lambda progress, should_stop: release.wait(10), "Training")
    heard = Heard(run)
    with qtbot.waitSignal(run.finished, timeout=10_000):
        run.start()
        qtbot.waitUntil(lambda: run._worker.begun.is_set(), timeout=10_000)
        run.cancel()
        release.set()
    assert heard.names() == ["returned", "finished"]


@pytest.mark.parametrize("error", [InputError("Expected a, found b."), ZeroDivisionError("x")])
def test_errors_arrive_as_they_were_raised(qtbot: Any, error: Exception) -> None:
    def work(progress: Any, should_stop: Any) -> None:
        raise error

    run = Run(work, "Failing")
    heard = Heard(run)
    with qtbot.waitSignal(run.finished, timeout=10_000):
        run.start()
    assert heard.names() == ["failed", "finished"] and heard.first("failed") is error


@pytest.mark.parametrize("light", [True, False])
def test_light_work_does_not_wait_for_the_import_of_torch(
    light: bool, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)  # an import raises
    run = Run(lambda *_: "done", "", light=light)
    with qtbot.waitSignal(run.returned if light else run.failed, timeout=10_000) as said:
        run.start()
    assert said.args[0] == "done" if light else isinstance(said.args[0], ImportError)


def test_reports_reach_the_window_at_ten_hertz_at_most(qtbot: Any) -> None:
    def work(progress: Any, should_stop: Any) -> None:
        for step in range(1000):
            progress(Progress("Training", step, 1000))
        progress(Progress("Training", 1000, 1000))

    run = Run(work, "Training")
    heard = Heard(run)
    with qtbot.waitSignal(run.finished, timeout=10_000):
        run.start()
    steps = [v.step for n, v in heard.said if n == "progressed"]
    assert len(steps) < 20 and steps[-1] == 1000


def test_the_activity_dock_follows_each_stage_but_redraws_seldom(
    make_napari_viewer: Any, qtbot: Any
) -> None:
    from napari.utils import progress

    shown: list[tuple[str, int, int]] = []

    def work(report: Any, should_stop: Any) -> None:
        for stage, total in (("Reading", 30), ("Training", 60)):
            for step in range(total):
                time.sleep(0.02)
                report(Progress(stage, step, total))

    run = Run(work, "Placing", viewer=make_napari_viewer())
    run.start()
    qtbot.waitUntil(lambda: bool(progress._all_instances))
    (bar,) = progress._all_instances
    bar.events.value.connect(lambda _: shown.append((str(bar.desc), bar.total, bar.n)))
    with qtbot.waitSignal(run.finished, timeout=20_000):
        pass
    assert shown[0][0].startswith("Placing: Reading") and shown[0][1] == 30
    later = [n for desc, total, n in shown if "Training" in desc and total == 60]
    assert later[0] == 0 and later[-1] > 0
    assert len(shown) < 10


def test_work_begins_once_the_window_and_its_bar_are_drawn(
    make_napari_viewer: Any, qtbot: Any
) -> None:
    from napari.utils import progress

    seen: list[tuple[int, bool]] = []
    viewer = make_napari_viewer(show=True)
    viewer.add_points([[0, 0], [9, 9]])
    canvas = viewer.window._qt_viewer.canvas
    begun = threading.Event()
    run = Run(lambda *_: begun.set(), "Comparing", viewer=viewer, light=True)
    canvas._scene_canvas.events.draw.connect(
        lambda event: seen.append((len(progress._all_instances), begun.is_set()))
    )
    qtbot.wait(200)
    seen.clear()
    canvas._scene_canvas.update()
    with qtbot.waitSignal(run.finished, timeout=10_000):
        run.start()
        assert not progress._all_instances and not begun.is_set()
    before = [bars for bars, beside in seen if not beside]
    assert (before[0], before[-1]) == (0, 1), "what was done, then the bar"
    assert canvas.native.updatesEnabled()


def test_a_deleted_widget_stops_its_run_and_hears_nothing(qtbot: Any) -> None:
    from qtpy.QtWidgets import QWidget

    widget = QWidget()
    run = Run(endless, "Training", parent=widget)
    heard = Heard(run)
    with qtbot.waitSignal(run.progressed, timeout=10_000):
        run.start()
    worker = run._worker
    widget.deleteLater()
    qtbot.waitUntil(worker.done.is_set, timeout=3_000)
    qtbot.wait(50)
    assert heard.names() == []


def test_closing_the_viewer_ends_the_work_first(make_napari_viewer: Any, qtbot: Any) -> None:
    from napari.utils import progress

    viewer = make_napari_viewer()
    run = Run(endless, "Place cells", viewer=viewer)
    heard = Heard(run)
    with qtbot.waitSignal(run.progressed, timeout=10_000):
        run.start()
    assert viewer.window._task_status_manager.is_busy()
    assert [str(bar) for bar in progress._all_instances] != []
    viewer.close()
    assert run._worker.done.is_set() and not run.running
    qtbot.wait(50)
    assert heard.names() == []
    assert not progress._all_instances


def test_a_finished_run_does_not_hold_the_close_dialog(make_napari_viewer: Any, qtbot: Any) -> None:
    viewer = make_napari_viewer()
    run = Run(lambda progress, should_stop: None, "Place cells", viewer=viewer)
    assert not viewer.window._task_status_manager.is_busy()
    with qtbot.waitSignal(run.finished, timeout=10_000):
        run.start()
        assert viewer.window._task_status_manager.get_status()
    assert not viewer.window._task_status_manager.is_busy()


def test_a_window_does_not_hold_the_runs_that_ended_in_it(
    make_napari_viewer: Any, qtbot: Any
) -> None:
    viewer = make_napari_viewer()
    run = Run(lambda progress, should_stop: None, "Place cells", viewer=viewer)
    with qtbot.waitSignal(run.finished, timeout=10_000):
        run.start()
    assert run._bar._canvas is None and not [*run._steps]
    held = weakref.ref(run)
    del run
    gc.collect()
    assert held() is None


def test_a_run_that_is_deleted_with_its_widget_leaves_no_progress_behind(
    make_napari_viewer: Any, qtbot: Any
) -> None:
    from napari.utils import progress
    from qtpy.QtCore import QObject

    viewer, owner = make_napari_viewer(), QObject()
    run = Run(endless, "Saving", viewer=viewer, parent=owner)
    with qtbot.waitSignal(run.progressed, timeout=10_000):
        run.start()
    worker = run._worker
    del run
    owner.deleteLater()
    qtbot.waitUntil(worker.done.is_set, timeout=5_000)
    qtbot.waitUntil(lambda: not progress._all_instances, timeout=5_000)
    assert not viewer.window._task_status_manager.is_busy()


def test_the_progress_of_a_run_ends_after_qt_has_deleted_its_owner(
    make_napari_viewer: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a bar ends napari handles events, which may reach widgets that are half deleted."""
    from qtpy.QtCore import QCoreApplication, QEvent, QObject

    viewer, owner, ended = make_napari_viewer(), QObject(), []
    close = working._ActivityBar.close
    monkeypatch.setattr(working._ActivityBar, "close", lambda bar: ended.append(bar) or close(bar))
    run = Run(endless, "Saving", viewer=viewer, parent=owner)
    with qtbot.waitSignal(run.progressed, timeout=10_000):
        run.start()
    del run
    owner.deleteLater()
    QCoreApplication.sendPostedEvents(owner, QEvent.Type.DeferredDelete)
    assert not ended
    qtbot.waitUntil(lambda: bool(ended), timeout=5_000)


@pytest.mark.parametrize("heeds", [True, False])
def test_python_may_exit_while_work_is_on(heeds: bool) -> None:
    """Work that heeds the stop ends first; other work meets a Qt that has gone, and is silent."""
    script = f"""
import time
from qtpy.QtWidgets import QApplication
from napari_spatialrecon.progress import Progress
from napari_spatialrecon.viewer.window import worker

app = QApplication([])
worker.CLOSE_WAIT_S = 5.0 if {heeds} else 0.1

def work(progress, should_stop):
    for step in range(100 if {heeds} else 10):
        if {heeds} and should_stop():
            return
        progress(Progress("Training", step, 100))
        time.sleep(0.1)

run = worker.Run(work, "Training")
heard = []
run.progressed.connect(heard.append)
run.start()
while not heard:
    app.processEvents()
"""
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    assert "deleted" not in ended.stderr and "Traceback" not in ended.stderr


def test_headlines_speak_to_the_user_and_details_to_the_developer() -> None:
    ours = InputError("Expected a, found b.", remedy="Try c.", where="slide")
    assert headline(ours) == "slide: Expected a, found b. Try c."
    many = ValidationError([Problem("x", "Bad."), Problem("y", "Worse."), Problem("z", "No.")])
    assert headline(many).endswith("and 2 more problems (see Details)")
    assert "y: Worse." in details(many)
    try:
        raise KeyError("inner")
    except KeyError as error:
        assert "Traceback" not in headline(error) and "unexpected" in headline(error)
        assert "Traceback" in details(error) and "numpy" in details(error)


def test_the_details_box_copies_its_text(qtbot: Any) -> None:
    from qtpy.QtGui import QGuiApplication

    from napari_spatialrecon.viewer.window.details import DetailsBox

    box = DetailsBox("It failed.", "line 1\nline 2")
    qtbot.addWidget(box)
    box.copy_button.click()
    assert QGuiApplication.clipboard().text() == "line 1\nline 2"


def test_an_error_becomes_a_notification_with_a_details_button() -> None:
    from napari.utils.notifications import notification_manager

    from napari_spatialrecon.viewer.window.notify import notify_error

    notify_error(InputError("Expected a, found b.", remedy="Try c."))
    record = notification_manager.records[-1]
    assert record.message == "Expected a, found b. Try c."
    assert [name for name, _ in record.actions] == ["Details"]


def test_work_that_was_done_holds_nothing(qtbot: Any) -> None:
    class Table:
        def __call__(self, *_: Any) -> None: ...

    table = Table()
    run, held = Run(table, "Reading", light=True), weakref.ref(table)
    with qtbot.waitSignal(run.finished, timeout=10_000):
        run.start()
    del table
    gc.collect()
    assert held() is None


def test_long_works_wait_for_each_other_and_nothing_short_waits_for_them(qtbot: Any) -> None:
    runs = [Run(endless, f"long {i}", long=True) for i in range(working.AT_A_TIME + 2)]
    heard = [Heard(run) for run in runs]
    for run in runs:
        run.start()

    def stages(one: Heard) -> list[str]:
        return [value.stage for name, value in one.said if name == "progressed"]

    qtbot.waitUntil(lambda: all(stages(one) for one in heard), timeout=60_000)
    assert [working.WAITING in stages(one) for one in heard].count(True) == 2
    short = Run(lambda *_: "done", "Checking", light=True)
    with qtbot.waitSignal(short.returned, timeout=10_000):
        short.start()
    waiting = [i for i, one in enumerate(heard) if working.WAITING in stages(one)]
    with qtbot.waitSignal(runs[waiting[0]].stopped, timeout=1_000):
        runs[waiting[0]].cancel()
    others = [i for i in range(len(runs)) if i not in waiting]
    runs[others[0]].cancel()
    qtbot.waitUntil(lambda: "Training" in stages(heard[waiting[1]]), timeout=10_000)
    for run in runs:
        run.cancel()
    qtbot.waitUntil(lambda: not any(run.running for run in runs), timeout=10_000)


def test_threads_of_many_works_end_though_others_follow(qtbot: Any) -> None:
    runs = [Run(endless, f"long {i}", long=True) for i in range(6)]
    for run in runs:
        run.start()
    pool = QThreadPool.globalInstance()
    qtbot.waitUntil(lambda: pool.activeThreadCount() >= 6, timeout=10_000)
    most = threads()
    for run in runs:
        run.cancel()
    qtbot.waitUntil(lambda: not any(run.running for run in runs), timeout=10_000)

    def few_are_left() -> bool:
        short = Run(lambda *_: "done", "Checking", light=True)
        with qtbot.waitSignal(short.finished, timeout=10_000):
            short.start()
        qtbot.wait(1_000)  # in half a minute each thread would have another work
        return threads() <= most - 4

    qtbot.waitUntil(few_are_left, timeout=15_000)


def threads() -> int:
    return psutil.Process().num_threads()
