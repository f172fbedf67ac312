"""What happens when a window closes while runs are unsaved: they are named, and can be saved."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QFileDialog, QLabel, QVBoxLayout

from napari_spatialrecon.viewer.session.manifest import SUFFIX
from napari_spatialrecon.viewer.window.main_window import main_window
from napari_spatialrecon.viewer.window.present import present
from napari_spatialrecon.viewer.workspace.workspace import workspace_of

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from qtpy.QtWidgets import QWidget

    from napari_spatialrecon.viewer.session.keeper import Keeper

_MOST = 8


class CloseGuard(QObject):
    """Asks before a user closes a window with unsaved runs; scripts close it unasked.

    Parameters
    ----------
    keeper
        Saves the session.

    Attributes
    ----------
    dialog
        The question while it is asked.
    """

    def __init__(self, viewer: Viewer, keeper: Keeper) -> None:
        super().__init__(keeper)
        self.viewer, self.keeper = viewer, keeper
        self.dialog: UnsavedDialog | None = None
        self._window = cast("Any", main_window(viewer))  # its `close` takes more than that of Qt
        self._close = self._window.close
        self._window.close = self._guarded
        self._window.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Hold back a close that the window system asks for, until the user has answered."""
        closes = watched is self._window and event is not None
        if event is None or not closes or event.type() != QEvent.Type.Close:
            return False
        if event.spontaneous() and self.ask(quit_app=False):
            event.ignore()
            return True
        return False

    def _guarded(self, quit_app: bool = False, confirm_need: bool = False) -> object:
        """Close as napari does, which calls this from its menu with `confirm_need`."""
        if confirm_need and self.ask(quit_app=quit_app):
            return None
        close, window = self._close, self._window
        closed = close(quit_app, confirm_need)
        if not window.isVisible():
            self.keeper.end()
        return closed

    def end(self) -> None:
        """Let go of the window, which would never be deleted otherwise."""
        self._window.removeEventFilter(self)
        vars(self._window).pop("close", None)
        self._window = self._close = None

    def ask(self, *, quit_app: bool) -> bool:
        """Ask what to do with unsaved runs; return whether there are any."""
        names = [result.name for result in workspace_of(self.viewer).results.unsaved]
        if not names:
            return False
        if self.dialog is None:
            self.dialog = UnsavedDialog(names, self._window)
            self.dialog.discarded.connect(partial(self._leave, quit_app))
            self.dialog.saved.connect(partial(self._save, quit_app))
            self.dialog.finished.connect(self._answered)
            self.dialog.open()
        return True

    def _answered(self, _: int) -> None:
        self.dialog = None

    def _save(self, quit_app: bool) -> None:
        start = self.keeper.folder or f"session{SUFFIX}"
        path = QFileDialog.getSaveFileName(
            self._window, "Save session", str(start), f"Sessions (*{SUFFIX})"
        )[0]
        if path:
            self.keeper.save(path, partial(self._leave, quit_app))

    def _leave(self, quit_app: bool) -> None:
        self._guarded(quit_app)


def listed(names: Sequence[str]) -> str:
    """Return names as lines of a list, the first few of many."""
    lines = [f"• {name}" for name in names[:_MOST]]
    more = [f"and {len(names) - _MOST} more"] if len(names) > _MOST else []
    return "\n".join([*lines, *more])


class UnsavedDialog(QDialog):
    """Names the runs that would be lost.

    Signals: ``saved()``, ``discarded()``.
    """

    saved = Signal()
    discarded = Signal()

    def __init__(self, names: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Unsaved runs")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        n = len(names)
        runs = "One run is not saved" if n == 1 else f"{n} runs are not saved"
        self.label = QLabel(f"{runs}:\n{listed(names)}")
        self.label.setWordWrap(True)
        kinds = QDialogButtonBox.StandardButton
        buttons = QDialogButtonBox(kinds.Save | kinds.Discard | kinds.Cancel)
        self.save_button = present(buttons.button(kinds.Save))
        self.save_button.setText("Save session…")
        self.save_button.setDefault(True)
        self.discard_button = present(buttons.button(kinds.Discard))
        self.cancel_button = present(buttons.button(kinds.Cancel))
        self.save_button.clicked.connect(lambda: self._answer(saves=True))
        self.discard_button.clicked.connect(lambda: self._answer(saves=False))
        self.cancel_button.clicked.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(self.label)
        layout.addWidget(buttons)
        self.setMinimumWidth(420)

    def _answer(self, *, saves: bool) -> None:
        self.accept()
        (self.saved if saves else self.discarded).emit()
