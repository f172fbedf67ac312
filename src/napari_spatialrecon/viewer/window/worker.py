"""The one adapter between long work and the window.

Work is a function ``work(progress, should_stop)``; it runs in Qt's thread pool and reports through
the signals of a `Run`, which is deleted with the widget that owns it.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakMethod

from qtpy.QtCore import QCoreApplication, QObject, QThreadPool, QTimer, Signal, Slot
from superqt.utils._qthreading import WorkerBase, WorkerBaseSignals

from napari_spatialrecon.errors import Stopped
from napari_spatialrecon.progress import Progress, ProgressCallback, ShouldStop
from napari_spatialrecon.viewer.window import garbage
from napari_spatialrecon.viewer.window.allocator import note_work
from napari_spatialrecon.viewer.window.ended import when_destroyed
from napari_spatialrecon.viewer.window.main_window import canvas_of, has_window

if TYPE_CHECKING:
    from uuid import UUID

    from napari.components import ViewerModel
    from napari.utils import progress as NapariProgress
    from qtpy.QtWidgets import QWidget

Work = Callable[[ProgressCallback, ShouldStop], Any]

INTERVAL_S = 0.1
"""Least time between two reports to the window."""
DOCK_INTERVAL_S = 0.5
"""Least time between two steps in napari's activity dock: each makes napari redraw its window."""
SWITCH_S = 0.001
"""Longest wait of the window's thread for the interpreter: a fifth of Python's default."""
CLOSE_WAIT_S = 5.0
"""How long a closing window waits for work to end."""

AT_A_TIME = max(1, os.cpu_count() or 2)
"""How many long works run at a time; others wait for one of them to end."""
THREADS = 64
"""Threads of Qt's pool, which has one for each core: works that wait would hold all of them."""
EXPIRY_MS = 2_000
"""After which a thread without work ends. Qt hands work to each in turn, so that with its own half
minute all that many works once needed would stay, and the memory that each keeps for itself."""
WAITING = "Waiting for another run to end"
"""Stage of a long work that waits."""
_WAIT_S = 0.1

_turns_of_long = threading.BoundedSemaphore(AT_A_TIME)

_DRAWN = (lambda: None,) * 3
"""Turns of the event loop in which a change is drawn."""

_log = logging.getLogger(__name__)


class Run(QObject):
    """One piece of long work: start it, follow it, cancel it.

    Signals, all in the window's thread: ``started()``, ``progressed(Progress)``, then exactly one
    of ``returned(result)``, ``stopped(Stopped)``, ``failed(Exception)``, and last ``finished()``.
    None is emitted once the run's parent widget or its viewer is gone.

    Parameters
    ----------
    work
        Called in a thread. It reports through its first argument and ends soon, by returning or
        by raising `Stopped`, once the second returns True.
    title
        What is being done, for the user: napari's activity and close dialogs show it.
    viewer
        The viewer that shows the progress and whose closing stops the work.
    parent
        The widget that owns the run; when it is deleted, the work is asked to stop.
    light
        Whether the work needs neither torch, whose import would take longer, nor all cores.
    long
        Whether the work may take minutes: of such, `AT_A_TIME` run, and what is short waits for
        none of them.
    """

    started = Signal()
    progressed = Signal(object)
    returned = Signal(object)
    stopped = Signal(object)
    failed = Signal(object)
    finished = Signal()

    def __init__(
        self,
        work: Work,
        title: str,
        *,
        viewer: ViewerModel | None = None,
        parent: QObject | None = None,
        light: bool = False,
        long: bool = False,
    ) -> None:
        super().__init__(parent)
        self.title = title
        self._running = self._begun = False
        self._worker = _Worker(work, light=light, long=long)
        self._bar = _ActivityBar(title, viewer)
        self._steps: Iterator[Callable[[], None]] = iter(())
        self._turns = QTimer(self)
        self._turns.timeout.connect(self._turn)
        self._status = _TaskStatus(viewer, title, self._close)
        when_destroyed(self, _leave, self._worker, self._bar, self._status)

    @property
    def running(self) -> bool:
        """Whether the work has started and not yet ended."""
        return self._running

    @property
    def cancelled(self) -> bool:
        """Whether the work was asked to stop."""
        return bool(self._worker.abort_requested)

    def start(self) -> None:
        """Start the work; returns at once.

        The work begins once what was done before is drawn and napari shows its bar, two things that
        would take longer beside it.
        """
        self._worker.signals.progressed.connect(self._on_progress)
        self._worker.signals.ended.connect(self._on_ended)
        self._running = True
        self._status.update("BUSY")
        if self._bar.shown:
            self._steps = iter((*_DRAWN, self._bar.open, *_DRAWN, self._begin))
            self._turns.start(0)
        else:
            self._begin()
        self.started.emit()

    def _turn(self) -> None:
        """Do the next of the first steps, in a turn of the event loop of its own."""
        self._turns.stop()  # napari lets Qt handle events in between
        next(self._steps)()
        if self._running and not self._begun:
            self._turns.start(0)

    def _begin(self) -> None:
        self._begun = True
        self._steps = iter(())  # which held this run
        garbage.hold()
        pool = QThreadPool.globalInstance()
        assert pool is not None, "Qt has one"
        if pool.maxThreadCount() < THREADS:
            pool.setMaxThreadCount(THREADS)
        pool.setExpiryTimeout(EXPIRY_MS)
        self._worker.start()

    def cancel(self) -> None:
        """Tell the work to stop; `stopped` follows within a second."""
        self._worker.quit()

    def wait(self, seconds: float = CLOSE_WAIT_S) -> bool:
        """Block until the work has ended in its thread; returns whether it has."""
        return self._worker.done.wait(seconds) if self._worker.begun.is_set() else True

    @Slot(object)
    def _on_progress(self, progress: Progress) -> None:
        if self._running:
            self.progressed.emit(progress)
            self._bar.show(progress)

    @Slot(object, object)
    def _on_ended(self, result: Any, error: Exception | None) -> None:
        if error is None:
            self._end("COMPLETED")
            self.returned.emit(result)
        elif isinstance(error, Stopped):
            self._end("CANCELLED")
            self.stopped.emit(error)
        else:
            self._end("FAILED")
            self.failed.emit(error)
        self.finished.emit()

    def _end(self, status: str) -> None:
        self._running = False
        self._turns.stop()
        self._bar.close()
        self._status.update(status)

    def _close(self) -> None:
        """Stop because the viewer closes: no further signals, and the work has ended."""
        if not self._running:
            return
        self.blockSignals(True)
        self.cancel()
        if not self.wait():
            _log.warning("%s did not end within %g s of the window.", self.title, CLOSE_WAIT_S)
        self._running = False
        self._turns.stop()
        self._bar.close()


class _Signals(WorkerBaseSignals):
    progressed = Signal(object)
    ended = Signal(object, object)


class _Worker(WorkerBase[None]):
    """Runs the work in a thread; superqt stops it when the application ends.

    superqt's own `returned` is not used: it is lost when the work ends just as it is cancelled.
    """

    signals: _Signals

    def __init__(self, work: Work, *, light: bool, long: bool) -> None:
        super().__init__(SignalsClass=_Signals)
        self._work = work
        self._light, self._long = light, long
        self._last = float("-inf")
        self._stage = ""
        self._held_out: float | None = None
        self.begun = threading.Event()
        self.done = threading.Event()

    def run(self) -> None:
        """Do the work; if Qt has shut down meanwhile, nobody receives the result."""
        try:
            super().run()
        except RuntimeError as error:  # all that the work raises is caught in `work`
            _log.debug("Nobody received the result of the work: %s", error)
        finally:
            note_work()
            garbage.release()

    def work(self) -> None:
        self.begun.set()
        result, failure = None, None
        try:
            if self._abort_requested:
                raise Stopped()
            with (
                self._turn() if self._long else nullcontext(),
                _smooth_window(light=self._light),
                warnings.catch_warnings(),
            ):
                warnings.simplefilter("default")
                result = self._work(self._report, lambda: self._abort_requested)
        except Exception as error:
            failure = error
        except SystemExit as error:
            failure = RuntimeError(f"The work tried to exit the program ({error.code}).")
        finally:
            # What superqt set to show warnings stays where two works overlap, and holds this.
            self._work = _done
            self.done.set()
        self.signals.ended.emit(result, failure)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait until fewer than `AT_A_TIME` long works run."""
        if not _turns_of_long.acquire(blocking=False):
            self._report(Progress(WAITING, 0))
            while not _turns_of_long.acquire(timeout=_WAIT_S):
                if self._abort_requested:
                    raise Stopped()
        try:
            yield
        finally:
            _turns_of_long.release()

    def _report(self, progress: Progress) -> None:
        now = time.monotonic()
        held_out = progress.metrics.get("held_out")
        urgent = (
            progress.stage != self._stage
            or progress.step == progress.total
            or held_out != self._held_out
        )
        if urgent or now - self._last >= INTERVAL_S:
            self._last, self._stage, self._held_out = now, progress.stage, held_out
            self.signals.progressed.emit(progress)


def _done(*_: object) -> None:
    """Stand for work that was done, and hold nothing of it."""


@atexit.register
def _end_with_python() -> None:
    """End the work before Python unloads Qt: a thread that calls deleted objects aborts."""
    try:
        _Worker.await_workers(round(1e3 * CLOSE_WAIT_S))
    except RuntimeError:
        _log.warning("Work did not end within %g s of Python.", CLOSE_WAIT_S)


@contextmanager
def _smooth_window(*, light: bool) -> Iterator[None]:
    """Keep the threads of the work from blocking the window's.

    If torch or BLAS took all cores, both would crawl, so one is left free. A redraw takes the
    interpreter lock many times and would wait for the work each time; that wait stays short
    afterwards, since other work may still be running. Light work needs no more than that.
    """
    sys.setswitchinterval(min(SWITCH_S, sys.getswitchinterval()))
    if light:
        yield
        return
    with garbage.importing():
        import lightning_fabric  # noqa: F401
        import torch
        from threadpoolctl import threadpool_limits
    threads = max(1, (os.cpu_count() or 2) - 1)
    torch.set_num_threads(threads)
    with threadpool_limits(threads):
        yield


class _ActivityBar:
    """The run's bar in napari's activity dock."""

    def __init__(self, title: str, viewer: ViewerModel | None) -> None:
        self._title = title
        self._canvas = None if viewer is None else canvas_of(viewer)
        self._bar: NapariProgress | None = None
        self._stage: tuple[str, int] | None = None
        self._last = float("-inf")

    @property
    def shown(self) -> bool:
        """Whether there is a window that shows it."""
        return self._canvas is not None

    def open(self) -> None:
        if self._canvas is None:
            return
        from napari.utils import progress

        with _undrawn(self._canvas):  # napari would draw it twice before it returns
            self._bar = progress(total=0, desc=self._title)

    def show(self, progress: Progress) -> None:
        if self._bar is None:
            return
        now, stage = time.monotonic(), (progress.stage, progress.total or 0)
        if stage == self._stage and now - self._last < DOCK_INTERVAL_S:
            return
        self._last = now
        if stage != self._stage:
            self._stage = stage
            self._bar.reset(total=stage[1])  # each stage has its own rate and time left
            self._bar.set_description(f"{self._title}: {progress.stage}")
        # napari lets Qt handle events in between: the run may have ended by now.
        if self._bar is not None:
            self._bar.update(progress.step - self._bar.n)

    def close(self) -> None:
        self._canvas = None
        if self._bar is not None:
            self._bar.close()
            self._bar = None


@contextmanager
def _undrawn(canvas: QWidget) -> Iterator[None]:
    """Draw the canvas once afterwards, however often Qt handles events meanwhile."""
    drawn = canvas.updatesEnabled()
    canvas.setUpdatesEnabled(False)
    try:
        yield
    finally:
        with suppress(RuntimeError):  # the window was closed meanwhile, and its canvas deleted
            canvas.setUpdatesEnabled(drawn)


class _TaskStatus:
    """The run's line in the viewer's close dialog, and its hook into the closing."""

    def __init__(self, viewer: ViewerModel | None, title: str, close: Callable[[], None]) -> None:
        self._window = viewer.window if has_window(viewer) else None
        self._title = title
        self._id: UUID | None = None
        if self._window is not None:
            from napari.utils.task_status import Status

            held = WeakMethod(close)  # napari keeps what is registered as long as its window

            def close_if_alive() -> None:
                if (close := held()) is not None:
                    close()

            self._id = self._window._register_task_status(
                "Spatial Reconstruction", Status.COMPLETED, title, close_if_alive
            )

    def update(self, status: str) -> None:
        if self._window is not None and self._id is not None:
            from napari.utils.task_status import Status

            self._window._update_task_status(self._id, Status[status], self._title)


def _leave(worker: _Worker, bar: _ActivityBar, status: _TaskStatus, *_: object) -> None:
    """Stop the work of a run that Qt has deleted, and soon show it no longer.

    Not at once: napari lets Qt handle events as a bar ends, and Qt is deleting an owner of the run.
    """
    worker.quit()

    def end() -> None:
        bar.close()
        status.update("CANCELLED")

    if QCoreApplication.instance() is not None:
        QTimer.singleShot(0, end)
