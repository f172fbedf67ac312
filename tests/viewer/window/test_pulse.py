from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("qtpy")

from qtpy.QtCore import QObject

from napari_spatialrecon.viewer.window import pulse as module
from napari_spatialrecon.viewer.window.pulse import Pulse


@pytest.fixture
def pulse(qtbot: Any) -> Iterator[Pulse]:
    owner = QObject()
    made = Pulse(owner)
    made._timer.stop()
    made._last -= 1.0  # the window has been at work since the last tick
    yield made
    owner.deleteLater()


def in_a_thread(pulse: Pulse, said: list[bool], stop: threading.Event) -> threading.Thread:
    work = threading.Thread(target=lambda: said.append(pulse.make_way(stop.is_set)))
    work.start()
    return work


def test_work_waits_until_the_window_answers(pulse: Pulse, monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "_PATIENCE_S", 20.0)
    said: list[bool] = []
    work = in_a_thread(pulse, said, threading.Event())
    work.join(0.05)
    assert work.is_alive()
    pulse._tick()
    work.join(30)
    assert said == [False]


def test_work_that_waits_can_be_cancelled(pulse: Pulse, monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "_PATIENCE_S", 20.0)
    said: list[bool] = []
    stop = threading.Event()
    work = in_a_thread(pulse, said, stop)
    stop.set()
    work.join(30)
    assert said == [True]


def test_a_turn_that_takes_long_is_waited_for_once(pulse: Pulse, monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "_PATIENCE_S", 0.0)
    assert not pulse.make_way(lambda: False)
    monkeypatch.setattr(module, "_PATIENCE_S", 20.0)
    monkeypatch.setattr(module.time, "sleep", lambda seconds: pytest.fail("waited again"))
    assert not pulse.make_way(lambda: False)


def test_the_window_ticks_by_itself(qtbot: Any) -> None:
    owner = QObject()
    pulse = Pulse(owner)
    before = pulse._last
    qtbot.waitUntil(lambda: pulse._last > before)
