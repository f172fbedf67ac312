"""Keeps the session of one window: saves and opens it, and copies it aside now and then."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtWidgets import QApplication

from napari_spatialrecon.viewer.canvas.layers import unwrapped
from napari_spatialrecon.viewer.canvas.quiet_layers import MANY
from napari_spatialrecon.viewer.session.autosave import (
    EVERY_S,
    SOON_S,
    Lost,
    autosave_home,
    forget,
    lost_sessions,
    own_folder,
)
from napari_spatialrecon.viewer.session.closing import CloseGuard
from napari_spatialrecon.viewer.session.locate_dialog import LocateDialog
from napari_spatialrecon.viewer.session.manifest import MovedError, OutsideError
from napari_spatialrecon.viewer.session.open_dialog import OpenDialog
from napari_spatialrecon.viewer.session.outside_dialog import OutsideDialog
from napari_spatialrecon.viewer.session.reading import SessionRead, read_session
from napari_spatialrecon.viewer.session.saving import session_path, write_session
from napari_spatialrecon.viewer.session.showing import close_all, points_in, showing_session
from napari_spatialrecon.viewer.session.snapshot import Snapshot, take
from napari_spatialrecon.viewer.window.ended import when_destroyed
from napari_spatialrecon.viewer.window.main_window import canvas_of, main_window
from napari_spatialrecon.viewer.window.notify import notify_error, notify_info
from napari_spatialrecon.viewer.window.present import present
from napari_spatialrecon.viewer.window.pulse import Pulse
from napari_spatialrecon.viewer.window.steps import Steps, at_once
from napari_spatialrecon.viewer.window.turns import Turns
from napari_spatialrecon.viewer.window.worker import Run
from napari_spatialrecon.viewer.workspace.opening import BENCH
from napari_spatialrecon.viewer.workspace.workspace import workspace_of

if TYPE_CHECKING:
    from napari.viewer import Viewer

_keepers: dict[int, Keeper] = {}


def keeper_of(viewer: Viewer) -> Keeper:
    """Return what keeps the session of a viewer that has a window; each has one."""
    viewer = unwrapped(viewer)
    if id(viewer) not in _keepers:
        _keepers[id(viewer)] = Keeper(viewer)
    return _keepers[id(viewer)]


class Keeper(QObject):
    """The session of one window.

    Signals: ``busy(bool)`` while it is saved or opened; ``told(str)``, what happened.

    Parameters
    ----------
    home
        Folder of the copies that are kept aside; default in the user's cache.

    Attributes
    ----------
    folder
        Where the session was saved, or opened from; None before.
    """

    busy = Signal(bool)
    told = Signal(str)

    def __init__(self, viewer: Viewer, home: Path | None = None) -> None:
        super().__init__(main_window(viewer))
        self.viewer, self.space = viewer, workspace_of(viewer)
        self.home = home or autosave_home()
        self.aside = own_folder(self.home)
        self.folder: Path | None = None
        self.dialog: LocateDialog | OutsideDialog | None = None
        self.asked: OpenDialog | None = None
        self.guard = CloseGuard(viewer, self)
        self._run: Run | None = None
        self._copying: Run | None = None
        self._turns = Turns(canvas_of(viewer), self)
        self._changed, self._copied = False, time.monotonic()
        self._recovered: Path | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(1000)
        self._timer.timeout.connect(self._copy_if_due)
        self._timer.start()
        self._due = EVERY_S
        results, entries = self.space.results.events, self.space.events
        self._followed: list[tuple[Any, Any]] = [
            (results.added, self._on_result),
            (results.removed, self._on_change),
            (results.changed, self._on_change),
            (self.space.validations.added, self._on_change),
            (self.space.validations.removed, self._on_change),
            (entries.added, self._on_change),
            (entries.removed, self._on_change),
            (entries.changed, self._on_change),
            (viewer.layers.events, self._on_change),
        ]
        for signal, follow in self._followed:
            signal.connect(follow)
        present(QApplication.instance()).aboutToQuit.connect(self.clean_up)
        when_destroyed(self, _end, id(viewer), self._followed, self.aside)

    @property
    def working(self) -> bool:
        """Whether a session is being saved, read or shown."""
        return self._run is not None or self._turns.running

    # Saving

    def save(self, folder: str | Path, then: Callable[[], None] | None = None) -> None:
        """Save the session in the background, then mark its results as saved.

        Parameters
        ----------
        then
            Called once it is saved.
        """
        if self.working:
            return
        path, taken = session_path(folder), take(self.viewer)
        unsaved = self.space.results.unsaved

        def work(progress: Any, should_stop: Any) -> list[str]:
            return write_session(taken, path, progress, should_stop)

        def done(notes: list[str]) -> None:
            self.folder, self._changed = path, False
            for result in unsaved:
                if result in list(self.space.results):
                    self.space.results.mark_saved(result, path)
            self.told.emit("\n".join([f"Saved {path.name}", *notes]))
            if then is not None:
                then()

        self._start(work, f"Saving {path.name}", done)

    # Opening

    def open(self, folder: str | Path) -> None:
        """Open a session; where something is open, ask whether it replaces that or is added."""
        if not len(self.viewer.layers) and not len(self.space) and not len(self.space.results):
            self.read(folder)
            return
        unsaved = [result.name for result in self.space.results.unsaved]
        name = Path(folder).stem
        self.asked = dialog = OpenDialog(name, unsaved, main_window(self.viewer))
        dialog.replaced.connect(lambda: self.read(folder, replaces=True))
        dialog.added.connect(lambda: self.read(folder))
        dialog.open()

    def read(
        self,
        folder: str | Path,
        moved: Mapping[Path, Path] | None = None,
        *,
        replaces: bool = False,
        trusted: bool = False,
    ) -> None:
        """Open a session in the background; ask where files are that moved.

        Parameters
        ----------
        moved
            Where files are now, by where they were.
        replaces
            Close what is open, once the session was read.
        trusted
            Open what a session of another user names outside its folder, without asking.
        """
        if self.working:
            return
        path = Path(folder)

        def work(progress: Any, should_stop: Any) -> SessionRead:
            return read_session(path, moved, progress, should_stop, trusted=trusted)

        def show(read: SessionRead) -> None:
            if replaces:
                close_all(self.viewer)
            steps = self._showing(read, path)
            if points_in(read) > MANY:
                self.busy.emit(True)
                self._turns.start(steps)
            else:
                at_once(steps)

        def refuse(error: Exception) -> None:
            again = partial(self.read, path, replaces=replaces)
            if isinstance(error, MovedError):
                self._ask_where(error, partial(again, trusted=trusted), dict(moved or {}))
            elif isinstance(error, OutsideError):
                self._ask_whether(error, partial(again, moved, trusted=True))
            else:
                notify_error(error)

        self._start(work, f"Opening {path.name}", show, refuse)

    def _showing(self, read: SessionRead, path: Path) -> Steps:
        """Show a session that was read, and say so."""
        try:
            notes = yield from showing_session(self.viewer, read)
        except Exception as error:
            notify_error(error)
            return
        finally:
            self.busy.emit(False)
        if path.parent == self.home:
            self._recovered = path
            said = "Recovered; not saved yet."
            QTimer.singleShot(0, self.copy_aside)
        else:
            self.folder = path
            for result in self.space.results.unsaved:
                if result.name in {held["name"] for held in read.content["results"]}:
                    self.space.results.mark_saved(result, path)
            said = f"Opened {path.name}"
        if notes and BENCH not in self.space.kept:
            notify_info("\n".join(notes))
            notes = []
        self.told.emit("\n".join([said, *notes]))

    def cancel(self) -> None:
        """Stop saving or opening; what is shown already stays."""
        if self._run is not None:
            self._run.cancel()
        elif self._turns.running:
            self._turns.stop()
            self.told.emit("Stopped.")

    def _ask_where(
        self, error: MovedError, read: Callable[..., None], moved: dict[Path, Path]
    ) -> None:
        self.dialog = dialog = LocateDialog(error, main_window(self.viewer))
        dialog.found.connect(lambda more: read({**moved, **more}))
        dialog.open()

    def _ask_whether(self, error: OutsideError, read: Callable[[], None]) -> None:
        self.dialog = dialog = OutsideDialog(error, main_window(self.viewer))
        dialog.allowed.connect(read)
        dialog.open()

    # Copies kept aside

    def lost(self) -> list[Lost]:
        """Return the sessions that ended without being saved, the latest first."""
        return [lost for lost in lost_sessions(self.home) if lost.folder != self._recovered]

    def recover(self, lost: Lost) -> None:
        """Open a session that was not saved; it is deleted once this one has its own copy."""
        self.open(lost.folder)

    def discard(self, lost: Lost) -> None:
        """Delete a session that was not saved."""
        forget(lost.folder)

    def copy_aside(self) -> None:
        """Keep a copy of the session now, in the background."""
        if self._copying is not None or self.working or not len(self.viewer.layers):
            return
        self._changed, self._copied, self._due = False, time.monotonic(), EVERY_S
        taken = take(self.viewer)
        pulse = Pulse(self)
        work = partial(_copy, taken, self.aside, pulse)
        run = self._copying = Run(work, "Keeping a copy", parent=self, light=True)
        run.returned.connect(self._has_copy)
        run.finished.connect(self._forget_copy)
        run.finished.connect(pulse.deleteLater)
        run.start()

    def clean_up(self) -> None:
        """Delete the copy, since the program ends as it should."""
        self._timer.stop()
        self._turns.stop()
        if self._copying is not None:
            self._copying.cancel()
            self._copying.wait()
        forget(self.aside)

    def end(self) -> None:
        """Let go of a window that was closed."""
        self.clean_up()
        self.guard.end()
        _end(id(self.viewer), self._followed, self.aside)
        self.setParent(None)
        self.deleteLater()

    def _copy_if_due(self) -> None:
        if self._changed and time.monotonic() - self._copied >= self._due:
            self.copy_aside()

    def _has_copy(self, _: object) -> None:
        """Delete the session that was recovered, since this one has its own copy now."""
        if self._recovered is not None:
            forget(self._recovered)
        self._recovered = None

    def _forget_copy(self) -> None:
        if self._copying is not None:
            self._copying.deleteLater()
        self._copying = None

    def _on_result(self, *_: object) -> None:
        self._on_change()
        self._due = min(self._due, time.monotonic() - self._copied + SOON_S)

    def _on_change(self, *_: object) -> None:
        self._changed = True

    def _start(
        self,
        work: Callable[..., Any],
        title: str,
        done: Callable[[Any], None],
        refuse: Callable[[Exception], None] = notify_error,
    ) -> None:
        run = self._run = Run(work, title, viewer=self.viewer, parent=self, light=True)
        run.returned.connect(lambda result: self._finish(run, partial(done, result)))
        run.failed.connect(lambda error: self._finish(run, partial(refuse, error)))
        run.stopped.connect(lambda _: self._finish(run, partial(self.told.emit, "Stopped.")))
        self.busy.emit(True)
        run.start()

    def _finish(self, run: Run, then: Callable[[], object]) -> None:
        self._run = None
        self.busy.emit(False)
        try:
            then()
        except Exception as error:
            notify_error(error)
        run.deleteLater()


def _copy(
    taken: Snapshot, folder: Path, pulse: Pulse, progress: Any, should_stop: Callable[[], bool]
) -> None:
    write_session(taken, folder, progress, partial(pulse.make_way, should_stop))


def _end(viewer: int, followed: list[tuple[Any, Any]], aside: Path) -> None:
    """Disconnect the signals of a keeper, and delete its copy."""
    while followed:
        signal, follow = followed.pop()
        signal.disconnect(follow)
    _keepers.pop(viewer, None)
    forget(aside)
