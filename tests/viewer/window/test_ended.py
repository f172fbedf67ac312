"""What follows the end of a widget, by Qt and by Python's search for garbage."""

from __future__ import annotations

import gc
from typing import Any

from qtpy.QtCore import QCoreApplication, QEvent, QObject

from napari_spatialrecon.viewer.window import ended
from napari_spatialrecon.viewer.window.ended import when_destroyed


def test_it_is_done_once_qt_has_deleted_a_widget(qtbot: Any) -> None:
    done: list[object] = []
    part = QObject()
    when_destroyed(part, lambda *about: done.append(about), 1, "two")
    part.deleteLater()
    QCoreApplication.sendPostedEvents(part, QEvent.Type.DeferredDelete)
    assert done == [(1, "two")]


def test_what_is_emptied_while_garbage_is_collected_is_left_undone(monkeypatch: Any) -> None:
    done: list[object] = []
    whole, emptied = (ended._Ended(done.append, (number,)) for number in (1, 2))
    del emptied._about  # as the collector does with a part of a cycle
    with monkeypatch.context() as patch:
        patch.setattr(ended, "_collecting", True)
        emptied()
        whole()
    assert done == [1]


def test_it_is_known_while_garbage_is_collected() -> None:
    seen: list[bool] = []

    class Part:
        def __del__(self) -> None:
            seen.append(ended._collecting)

    part = Part()
    part.itself = part  # type: ignore[attr-defined]
    del part
    gc.collect()
    assert seen == [True] and not ended._collecting
