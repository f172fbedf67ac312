"""Buttons that save and open a session, and what a session that ended without saving left."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_spatialrecon.viewer.canvas.layers import unwrapped
from napari_spatialrecon.viewer.session.keeper import keeper_of
from napari_spatialrecon.viewer.session.manifest import MARK, SUFFIX
from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.window.ended import when_destroyed
from napari_spatialrecon.viewer.workspace.workspace import workspace_of

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_spatialrecon.viewer.session.keeper import Keeper


class SessionBar(QWidget):
    """Saves and opens sessions of one viewer.

    Parameters
    ----------
    napari_viewer
        Its session.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.viewer = unwrapped(napari_viewer)
        self.space = workspace_of(self.viewer)
        self.keeper = keeper_of(self.viewer)
        self.save_button = QPushButton("Save session…")
        self.open_button = QPushButton("Open session…")
        self.save_button.setToolTip(
            "Everything that is open, as it is: layers, tables, results, colors, view"
        )
        self.open_button.setToolTip("Open a session as it was saved")
        self.cancel_button = QPushButton("Cancel")
        self.unsaved, self.status = WrappedLabel(), WrappedLabel()
        self.recovery = _Recovery(self.keeper)
        self._lay_out()
        self.save_button.clicked.connect(self.ask_where_to_save)
        self.open_button.clicked.connect(self.ask_what_to_open)
        self.cancel_button.clicked.connect(self.keeper.cancel)
        self.keeper.busy.connect(self._show_busy)
        self.keeper.told.connect(self.status.setText)
        self.keeper.told.connect(self.recovery.refresh)
        events = self.space.results.events
        for signal in (events.added, events.removed, events.changed):
            signal.connect(self._count)
        when_destroyed(self, _release, self)
        self._show_busy(False)
        self._count()
        self.recovery.refresh()

    def ask_where_to_save(self) -> None:
        """Ask for a folder's name, and save the session there."""
        name = self.keeper.folder or Path.cwd() / f"session{SUFFIX}"
        path = QFileDialog.getSaveFileName(
            self, "Save session", str(name), f"Sessions (*{SUFFIX})"
        )[0]
        if path:
            self.keeper.save(path)

    def ask_what_to_open(self) -> None:
        """Ask for the folder of a session, and open it."""
        path = QFileDialog.getExistingDirectory(self, f"Open session: a folder with {MARK}")
        if path:
            self.keeper.open(path)

    def _count(self, *_: object) -> None:
        n = len(self.space.results.unsaved)
        self.unsaved.setText(f"{n} run{'s' if n > 1 else ''} unsaved")
        self.unsaved.setVisible(n > 0)

    def _show_busy(self, busy: bool) -> None:
        self.cancel_button.setVisible(busy)
        self.save_button.setEnabled(not busy)
        self.open_button.setEnabled(not busy)

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        for button in (self.save_button, self.open_button, self.cancel_button):
            row.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 4, 8, 8)
        for part in (self.recovery, self.unsaved, self.status):
            column.addWidget(part)
        column.addLayout(row)


class _Recovery(QFrame):
    """Offers a session that ended without being saved."""

    def __init__(self, keeper: Keeper) -> None:
        super().__init__()
        self.keeper = keeper
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.label = WrappedLabel()
        self.recover_button, self.discard_button = QPushButton("Recover"), QPushButton("Discard")
        self.recover_button.clicked.connect(self.recover)
        self.discard_button.clicked.connect(self.discard)
        row = QHBoxLayout()
        row.addWidget(self.recover_button)
        row.addWidget(self.discard_button)
        column = QVBoxLayout(self)
        column.addWidget(self.label)
        column.addLayout(row)

    @property
    def pending(self) -> bool:
        """Whether there is a session to recover or discard."""
        return bool(self.keeper.lost())

    def refresh(self, _: object = None) -> None:
        """Show the latest session that was not saved, if there is one."""
        found = self.keeper.lost()
        self.setVisible(bool(found))
        if found:
            self.label.setText(f"The session of {found[0].when} ended without being saved.")

    def recover(self) -> None:
        """Open it."""
        found = self.keeper.lost()
        if found:
            self.keeper.recover(found[0])
        self.refresh()

    def discard(self) -> None:
        """Delete it."""
        found = self.keeper.lost()
        if found:
            self.keeper.discard(found[0])
        self.refresh()


def _release(bar: SessionBar) -> None:
    """Disconnect the signals of a bar that Qt has deleted."""
    events = bar.space.results.events
    for signal in (events.added, events.removed, events.changed):
        signal.disconnect(bar._count)
