"""Work in the window's own thread, a step at a time, so that the window answers in between."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QWidget

from napari_spatialrecon.viewer.window.steps import Steps
from napari_spatialrecon.viewer.window.worker import Run

_APART = 3
"""Turns of the event loop between two steps; what a step has changed is drawn meanwhile."""
_begun: weakref.WeakSet[Turns] = weakref.WeakSet()


def are_running() -> bool:
    """Whether steps are left to do in any window."""
    return any(turns.alive for turns in list(_begun))


class Turns(QObject):
    """Does steps over as many turns of the event loop.

    Parameters
    ----------
    canvas
        Drawn between the steps, never within one: a step and its frame are two things.
    parent
        The widget that owns it.
    """

    def __init__(self, canvas: QWidget | None, parent: QObject) -> None:
        super().__init__(parent)
        self._canvas = canvas
        if canvas is not None:
            canvas.destroyed.connect(self._on_destroyed)
        self._steps: Steps | None = None
        self._run: Run | None = None
        self._given: Any = None
        self._passed = 0
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._turn)

    @property
    def running(self) -> bool:
        """Whether steps are left to do."""
        return self._steps is not None

    @property
    def alive(self) -> bool:
        """Whether steps are left that will be done: not in a window that is gone."""
        try:
            return self.running and (self._timer.isActive() or self._run is not None)
        except RuntimeError:  # Qt has deleted the timer
            return False

    def start(self, steps: Steps) -> None:
        """Do these steps, the first of them in a later turn, instead of those begun before."""
        self.stop()
        self._steps, self._given, self._passed = steps, None, 0
        _begun.add(self)
        self._draw(False)  # what has just been done is drawn apart from it, too
        self._timer.start(0)

    def stop(self) -> None:
        """Do no further step; the steps are told by being closed."""
        steps, self._steps = self._steps, None
        _begun.discard(self)
        self._timer.stop()
        self._draw(True)
        if self._run is not None:
            self._run.cancel()
            self._run = None
        if steps is not None:
            steps.close()

    def _turn(self) -> None:
        self._passed += 1
        self._draw(True)
        if self._passed <= _APART:
            return
        self._passed, given, self._given = 0, self._given, None
        self._step(lambda steps: steps.send(given))

    def _step(self, resume: Callable[[Steps], Callable[[], Any] | None]) -> None:
        steps = self._steps
        assert steps is not None, "the timer runs while there are steps"
        self._draw(False)
        try:
            work = resume(steps)
        except BaseException as error:
            if self._steps is steps:
                self._steps = None
                _begun.discard(self)
                self._timer.stop()
            if not isinstance(error, StopIteration):
                raise
            return
        finally:
            self._draw(self._steps is not steps)  # else in the next turn
        if work is not None and self._steps is steps:
            self._begin(work)

    def _on_destroyed(self) -> None:
        self._canvas = None

    def _draw(self, on: bool) -> None:
        if self._canvas is not None and self._canvas.updatesEnabled() != on:
            self._canvas.setUpdatesEnabled(on)

    def _begin(self, work: Callable[[], Any]) -> None:
        """Do work in another thread, and go on with what it returns."""
        self._timer.stop()
        self._draw(True)
        run = self._run = Run(lambda *_: work(), "Drawing", parent=self, light=True)
        run.returned.connect(partial(self._go_on, run))
        run.failed.connect(partial(self._fail, run))
        run.finished.connect(run.deleteLater)
        run.start()

    def _go_on(self, run: Run, found: Any) -> None:
        if run is self._run:
            self._run, self._given, self._passed = None, found, 0
            self._timer.start(0)

    def _fail(self, run: Run, error: Exception) -> None:
        if run is self._run:
            self._run = None
            self._timer.start(0)
            self._step(lambda steps: steps.throw(error))


def in_turns(steps: Steps, canvas: QWidget | None, parent: QObject) -> None:
    """Do steps over turns of the event loop, whatever else is begun; see `Turns`."""
    turns = Turns(canvas, parent)

    def to_the_end() -> Steps:
        yield from steps
        turns.deleteLater()

    turns.start(to_the_end())
