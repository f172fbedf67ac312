from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from napari.components import ViewerModel
from napari.layers import Points
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QCoreApplication, QObject, QTimer

from napari_spatialrecon.viewer.canvas.quiet_layers import inserting
from napari_spatialrecon.viewer.window import garbage
from napari_spatialrecon.viewer.window.steps import at_once
from napari_spatialrecon.viewer.window.worker import Run


@pytest.fixture
def done(qapp: QCoreApplication, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of Python, in order; nothing by the work of a test before."""
    for timer in qapp.findChildren(QTimer, garbage._NAME):
        timer.stop()
    gc.enable()
    asked: list[str] = []
    names = ("collect", "freeze", "unfreeze", "enable", "disable")
    kept = {name: lambda name=name: asked.append(name) for name in names}
    often = {"get_threshold": lambda: (700, 10, 10), "set_threshold": lambda *_: None}
    monkeypatch.setattr(garbage, "gc", SimpleNamespace(**kept, **often, isenabled=lambda: True))
    monkeypatch.setattr(garbage, "_times", 0)
    return asked


def test_what_a_program_consists_of_is_left_out_once(done: list[str]) -> None:
    garbage.settle()
    garbage.settle()
    assert done == ["collect", "freeze"]


def test_modules_are_looked_through_again_only_for_what_is_as_old_as_they(done: list[str]) -> None:
    garbage.settle()
    old = garbage.age()
    garbage.leave_out()
    del done[:]
    garbage.free(garbage.age())
    assert done == ["collect"]
    garbage.free(old)
    assert done == ["collect", "unfreeze", "collect", "freeze"]


def test_modules_that_are_imported_are_left_out_and_others_are_not(
    done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with garbage.importing():
        pass
    assert done == ["disable", "enable"]
    with garbage.importing():
        monkeypatch.setitem(garbage.sys.modules, "a module that was just imported", None)
    assert done[2:] == ["disable", "freeze", "enable"]


def test_what_qt_made_is_not_freed_by_the_thread_of_a_run(qtbot: QtBot) -> None:
    freed: list[int] = []

    def work(*_: object) -> None:
        made = threading.Event()

        def waste() -> None:
            one = QObject()
            one.itself = one
            weakref.finalize(one, lambda: freed.append(threading.get_ident()))

        waste()
        kept = [[] for _ in range(300_000)]  # Python would search more than once
        made.wait(4 * garbage.SEARCH_MS / 1000)
        assert kept and not gc.isenabled()

    run = Run(work, "Wasting", light=True)
    with qtbot.waitSignal(run.finished, timeout=20_000):
        run.start()
    qtbot.waitUntil(gc.isenabled, timeout=5_000)
    gc.collect()
    assert freed == [threading.get_ident()]


def test_layers_are_added_without_a_search_which_comes_in_a_later_turn(
    make_napari_viewer: Callable[[], ViewerModel], qtbot: QtBot
) -> None:
    searched: list[bool] = []
    viewer = make_napari_viewer()
    viewer.layers.events.inserted.connect(lambda event: searched.append(gc.isenabled()))
    layer = Points([[0, 0], [1, 1]])
    at_once(inserting(viewer.layers, 0, layer, nullcontext()))
    assert searched == [False] and not gc.isenabled()
    qtbot.waitUntil(gc.isenabled, timeout=5_000)


def test_all_is_looked_through_when_python_would_have(
    done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    counts, found = [0, 0, garbage.OLD + 1], []
    garbage.gc.get_count = lambda: tuple(counts)
    garbage.gc.set_threshold = lambda *each: found.append(each)
    garbage.settle()
    assert found == [(700, 10, garbage.OLD_WITHOUT_WINDOW)]
    del done[:]
    garbage.look_through()
    assert not done, "it has just been looked through"
    monkeypatch.setattr(garbage, "_looked", garbage._looked - garbage.ALL_S - 1)
    counts[2] = 0
    garbage.look_through()
    assert not done, "few objects are new"
    counts[2] = garbage.OLD + 1
    garbage.hold()  # which other works do every few seconds
    garbage.release()
    assert not garbage.is_overdue()
    monkeypatch.setattr(garbage, "_looked", garbage._looked - garbage.ALL_S)
    assert garbage.is_overdue()
    del done[:]
    garbage.look_through()
    assert done == ["collect"] and not garbage.is_overdue()
