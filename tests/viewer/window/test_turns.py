from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.viewer.window.steps import Steps, at_once

pytest.importorskip("qtpy")

from qtpy.QtCore import QCoreApplication, QEvent, QTimer
from qtpy.QtWidgets import QWidget

from napari_spatialrecon.viewer.window.turns import Turns, are_running


@pytest.fixture
def turns(qtbot: Any) -> Iterator[Turns]:
    owner = QWidget()
    qtbot.addWidget(owner)
    yield Turns(owner, owner)


def steps(said: list[Any]) -> Steps:
    said.append("begun")
    yield None
    said.append((yield threading.current_thread))
    yield None
    said.append("done")
    return "result"


def test_steps_at_once_have_all_their_work_done_here() -> None:
    said: list[Any] = []
    assert at_once(steps(said)) == "result"
    assert said == ["begun", threading.current_thread(), "done"]


def test_the_window_hears_others_between_steps_and_work_is_done_in_another_thread(
    turns: Turns, qtbot: Any
) -> None:
    said: list[Any] = []
    turns.start(steps(said))
    assert turns.running and said == []
    other = QTimer()
    other.timeout.connect(lambda: said.append("other"))
    other.start(0)
    qtbot.waitUntil(lambda: not turns.running, timeout=60_000)
    other.stop()
    own = [one for one in said if one != "other"]
    assert own[0] == "begun" and own[-1] == "done" and own[1] is not threading.current_thread()
    assert "other" in said[said.index("begun") : said.index(own[1])]
    assert "other" in said[said.index(own[1]) : said.index("done")]
    assert turns.parent().updatesEnabled()


def test_other_steps_close_those_begun_before(turns: Turns, qtbot: Any) -> None:
    said: list[Any] = []

    def endless() -> Steps:
        try:
            while True:
                said.append("step")
                yield None
        finally:
            said.append("closed")

    turns.start(endless())
    qtbot.waitUntil(lambda: said.count("step") > 2, timeout=60_000)
    turns.start(steps(said))
    assert said[-1] == "closed"
    qtbot.waitUntil(lambda: not turns.running, timeout=60_000)
    assert said[-1] == "done" and said.count("closed") == 1


def test_an_error_of_the_work_is_one_of_the_steps(turns: Turns, qtbot: Any) -> None:
    said: list[Any] = []

    def fail() -> None:
        raise InputError("no")

    def caught() -> Steps:
        try:
            yield fail
        except InputError as error:
            said.append(str(error))
        yield None
        said.append("done")

    turns.start(caught())
    qtbot.waitUntil(lambda: not turns.running, timeout=60_000)
    assert said == ["no", "done"]


def test_a_window_may_be_closed_between_two_steps(qtbot: Any) -> None:
    owner, canvas = QWidget(), QWidget()
    qtbot.addWidget(owner)
    turns, said = Turns(canvas, owner), []
    turns.start(steps(said))
    qtbot.waitUntil(lambda: bool(said), timeout=60_000)
    canvas.deleteLater()
    QCoreApplication.sendPostedEvents(canvas, QEvent.Type.DeferredDelete)
    turns.stop()
    assert not turns.running


def test_steps_run_in_some_window_until_they_end_or_are_stopped_or_it_is_deleted(
    turns: Turns, qtbot: Any
) -> None:
    assert not are_running()
    turns.start(steps([]))
    assert are_running()
    qtbot.waitUntil(lambda: not turns.running, timeout=60_000)
    assert not are_running()
    turns.start(steps([]))
    turns.stop()
    assert not are_running()
    turns.start(steps([]))
    turns.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert not are_running()
