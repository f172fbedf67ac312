"""Shared base of Landmarks and Align to histology: session, canvas, keys, undo."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

import numpy as np
from qtpy.QtCore import QSignalBlocker, QSize, Qt, QTimer
from qtpy.QtWidgets import (
    QComboBox,
    QDockWidget,
    QFileDialog,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_spatialrecon.errors import InputError, SpatialReconError
from napari_spatialrecon.tissue.slots import OURS
from napari_spatialrecon.viewer.canvas.detail import keep_smooth
from napari_spatialrecon.viewer.canvas.layers import unwrapped
from napari_spatialrecon.viewer.canvas.pointer import Pointer
from napari_spatialrecon.viewer.task.landmark_session import LandmarkSession
from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.widgets.marks_table import MarksTable
from napari_spatialrecon.viewer.widgets.notice import Notice
from napari_spatialrecon.viewer.widgets.page import help_button
from napari_spatialrecon.viewer.widgets.path_menu import add_path_actions
from napari_spatialrecon.viewer.widgets.rows import combo, side_by_side
from napari_spatialrecon.viewer.widgets.saving import ask_where
from napari_spatialrecon.viewer.widgets.scroll_column import ScrollColumn
from napari_spatialrecon.viewer.window.docks import share_tabs
from napari_spatialrecon.viewer.window.ended import when_destroyed
from napari_spatialrecon.viewer.window.main_window import has_window
from napari_spatialrecon.viewer.window.shortcuts import Keys, Shortcut, describe
from napari_spatialrecon.viewer.window.tones import tones
from napari_spatialrecon.viewer.window.worker import Run, Work
from napari_spatialrecon.viewer.workspace.opening import Source, open_in_turn
from napari_spatialrecon.viewer.workspace.workspace import workspace_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer
    from napari.utils.events import Event
    from qtpy.QtGui import QHideEvent, QShowEvent

    from napari_spatialrecon.tissue.formats.options import ReadOptions
    from napari_spatialrecon.viewer.workspace.tiling import Shifts

S = TypeVar("S", bound=LandmarkSession)
L = TypeVar("L", bound="Layer")

_CSV = "Landmarks (*.csv)"


class LandmarkDock(QWidget, Generic[S]):
    """A dock widget whose session takes landmarks on the canvas of one viewer.

    A subclass makes the parts and the session, and shows it. Each session has its own state, so
    that viewers share none.

    Parameters
    ----------
    napari_viewer
        Filled in by napari.

    Attributes
    ----------
    session
        The landmarks being edited; None if the layers for them are missing.
    """

    title: ClassVar[str]
    """Name of the widget in napari's menu."""
    shortcuts: ClassVar[Mapping[str, Shortcut]]
    columns: ClassVar[Mapping[str, str]]
    """Headings of the table, and their tooltips."""
    pick_text: ClassVar[str]
    noun: ClassVar[str] = "landmarks"
    """What is opened and saved."""
    opened: ClassVar[str] = _CSV
    """What the dialog of Open shows."""
    saved: ClassVar[Mapping[str, str]] = {_CSV: ".csv"}
    """Kinds of files that the dialog of Save offers, and their suffixes."""

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__()
        self.viewer = unwrapped(napari_viewer)
        keep_smooth(self.viewer)
        share_tabs(self)
        self.space = workspace_of(self.viewer)
        self.session: S | None = None
        self._closed = False
        self._sessions: weakref.WeakKeyDictionary[Layer, S] = weakref.WeakKeyDictionary()
        self.layer, self.image = combo(), combo()
        self.pick = QPushButton(self.pick_text)
        self.pick.setCheckable(True)
        self.hint, self.verdict = WrappedLabel(), WrappedLabel()
        self.table = MarksTable(list(self.columns), list(self.columns.values()))
        self.undo, self.redo = QPushButton("Undo"), QPushButton("Redo")
        self.remove = QPushButton("Delete")
        self.load, self.store = (QPushButton(f"{verb} {self.noun}…") for verb in ("Open", "Save"))
        self.notice = Notice()
        self.open_button = QPushButton("Open a slide…")
        menu = QMenu(self.open_button)
        add_path_actions(menu, self, "Open a slide", self._open)
        self.open_button.setMenu(menu)
        self.help_button = help_button(
            "landmarks.md", "Landmarks and registration", "How to set landmarks, and how many"
        )
        self.keys_button = QPushButton("Keys")
        self.keys_button.setCheckable(True)
        self.keys_button.setFlat(True)
        self.keys_text = WrappedLabel(describe(self.shortcuts))
        self._leaving = QTimer(self)
        self._leaving.setSingleShot(True)
        self._leaving.timeout.connect(self._leave)
        self._removed = QTimer(self)
        self._removed.setSingleShot(True)
        self._removed.timeout.connect(self._follow)
        self.pointer = Pointer(
            self.viewer,
            clicked=self.on_click,
            marks=lambda: self.session.marks_world() if self.session else np.empty((0, 2)),
            dragged=self.on_drag,
            switched=self._on_switch,
        )
        self.keys = Keys(self.viewer, self.shortcuts, self.key_actions())
        self.keys.on_widget(self)
        self.make_parts()
        self._lay_out()
        self._connect()
        self._set_theme()
        self._refill()

    def sizeHint(self) -> QSize:
        """Wide enough for the table."""
        return QSize(370, 680)

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Disconnect from the canvas if napari removed the dock, which leaves the widget alive."""
        super().hideEvent(event)
        self._leaving.start(0)

    def showEvent(self, event: QShowEvent | None) -> None:
        """Reconnect to the canvas."""
        super().showEvent(event)
        self._closed = False
        if self.session is None:
            self._refill()

    def _leave(self) -> None:
        above = self.parentWidget()
        while above is not None and not isinstance(above, QDockWidget):
            above = above.parentWidget()
        self._closed = above is None
        if self._closed and self.session is not None:
            self.pointer.switch(False)
            self.end()

    # Implemented by subclasses

    def make_parts(self) -> None:
        """Make and connect the task's own fields and buttons."""
        raise NotImplementedError

    def parts(self) -> Sequence[QWidget]:
        """Return the parts from top to bottom."""
        raise NotImplementedError

    def key_actions(self) -> dict[str, Callable[[], object]]:
        """Return the action of each key."""
        return {
            "undo": lambda: self.do(lambda s: s.model.undo()),
            "redo": lambda: self.do(lambda s: s.model.redo()),
            "delete": lambda: self.do(lambda s: s.model.delete()),
            "disable": lambda: self.do(lambda s: s.model.toggle()),
            "stop": lambda: self.pointer.switch(False),
        }

    def on_click(self, world: np.ndarray) -> None:
        """Take a click at (y, x) in the world."""
        raise NotImplementedError

    def on_drag(self, mark: int, world: np.ndarray, done: bool) -> None:
        """Move a mark to (y, x) in the world."""
        raise NotImplementedError

    def fill(self) -> None:
        """Offer the layers that can be used."""
        raise NotImplementedError

    def make_session(self) -> S | None:
        """Return a session on the chosen layers, None if they are missing."""
        raise NotImplementedError

    def refresh(self) -> None:
        """Show the state of the session, in the widget and on the canvas."""
        raise NotImplementedError

    def open_file(self, path: str) -> None:
        """Replace the landmarks by those of a file."""
        raise NotImplementedError

    def save_file(self, path: str, kind: str = "") -> None:
        """Write the landmarks, as a kind of `saved`."""
        raise NotImplementedError

    # Sessions

    def begin(self, _: object = None) -> None:
        """Start on the chosen layers, with their earlier landmarks."""
        layer, image = self.layer.currentData(), self.image.currentData()
        old = self.session
        if old is not None and old.layer is layer and old.image is image:
            return
        self.end()
        known = self._sessions.get(layer) if layer is not None else None
        try:
            kept = known is not None and known.image is image
            self.session = known if kept else self.make_session()
        except SpatialReconError as error:
            self.notice.show_error(error)
        if self.session is not None:
            self._sessions[layer] = self.session
            self.session.model.changed.connect(self.refresh)
            self.session.model.changed.connect(self.session.remember)
        self.refresh()

    def end(self) -> None:
        """End the session; its layer stays as it is."""
        if self.session is not None:
            self.session.close()
            self.session.model.changed.disconnect(self.refresh)
            self.session.model.changed.disconnect(self.session.remember)
        self.session = None

    def do(self, act: Callable[[S], object]) -> None:
        """Change the session; show the error if its model refuses."""
        if self.session is None:
            return
        try:
            if self.notice.error is not None:
                self.notice.clear()
            act(self.session)
        except SpatialReconError as error:
            self.notice.show_error(error)

    def choose(self, number: int) -> None:
        """Select the landmark that keys and buttons act on."""
        if self.session is not None:
            self.session.model.chosen = number

    def offered(self, kind: type[L]) -> list[L]:
        """Return the two-dimensional layers of a class, topmost first, without marks."""
        layers = [x for x in reversed(self.viewer.layers) if isinstance(x, kind) and x.ndim == 2]
        return [x for x in layers if not _is_mark(x)]

    # Files

    def ask_save_as(self, words: str, save: Callable[[str], None]) -> None:
        """Ask where to save a table."""
        name = f"{self.layer.currentText()} {words}"
        if path := ask_where(self, f"Save {words} table", name):
            save(path)

    def write_in_background(self, work: Work) -> None:
        """Write files in the background; show their name, or the error."""
        run = Run(work, "Saving", viewer=self.viewer, parent=self)
        run.returned.connect(lambda files: self.verdict.setText(f"Saved {Path(files[0]).name}"))
        run.failed.connect(self.notice.show_error)
        run.finished.connect(run.deleteLater)
        run.start()

    def _ask_load(self) -> None:
        path = QFileDialog.getOpenFileName(self, f"Open {self.noun}", "", self.opened)[0]
        if path:
            self.open_file(path)

    def _ask_store(self) -> None:
        path, kind = QFileDialog.getSaveFileName(
            self, f"Save {self.noun}", self.noun, ";;".join(self.saved)
        )
        if path:
            suffix = self.saved.get(kind, ".csv")
            self.save_file(path if path.endswith(suffix) else f"{path}{suffix}", kind)

    # Wiring

    def _connect(self) -> None:
        for box in (self.layer, self.image):
            box.activated.connect(self.begin)
        self.pick.toggled.connect(self.pointer.switch)
        self.table.toggled.connect(lambda i, on: self.do(lambda s: s.model.enable(i, on)))
        self.table.picked.connect(self.choose)
        actions = self.key_actions()
        for button, name in ((self.undo, "undo"), (self.redo, "redo"), (self.remove, "delete")):
            button.clicked.connect(lambda _=False, act=actions[name]: act())
        self.load.clicked.connect(self._ask_load)
        self.store.clicked.connect(self._ask_store)
        self.keys_button.toggled.connect(self.keys_text.setVisible)
        layers = self.viewer.layers.events
        for event in (layers.inserted, layers.removed):
            event.connect(self._on_layers)
        self.viewer.events.theme.connect(self._set_theme)
        self.space.tiling.changed.connect(self._on_tiles)
        when_destroyed(self, _release, self)

    def _on_tiles(self, shifts: Shifts) -> None:
        for session in self._sessions.values():
            if session.alive and session is not self.session:
                session.follow(shifts)
        if self.session is not None:
            self.session.follow(shifts)

    def _on_layers(self, event: Event) -> None:
        if self._closed or _is_mark(event.value):
            return
        if event.type == "removed":
            self._removed.start(0)  # layers go one by one: else another would be begun in between
        else:
            self._follow()

    def _follow(self) -> None:
        """Offer what is open, or end a session whose layers were deleted."""
        lost = self.session
        if self._closed:
            return
        if lost is None or lost.alive:
            self._refill()
        else:
            self._lose(lost)

    def _lose(self, lost: S) -> None:
        """End a session whose layers were deleted, and say so."""
        self.pointer.switch(False)
        self._sessions.pop(lost.layer, None)
        self.end()
        self._refill()
        gone = lost.layer if lost.layer not in self.viewer.layers else lost.image
        name = "" if gone is None else gone.name
        error = InputError(
            f"Expected the layers of the landmarks, found that {name!r} was deleted.",
            remedy="Try another layer; saved files are kept.",
        )
        self.notice.show_error(error)

    def _refill(self) -> None:
        """Offer what is open, and to open something where nothing is."""
        self.fill()
        self.open_button.setVisible(self.layer.count() == 0)

    def _open(self, paths: list[str], options: ReadOptions) -> None:
        if has_window(self.viewer):
            open_in_turn(self.viewer, [Source(Path(path), options) for path in paths])

    def _on_switch(self, on: bool) -> None:
        if self.pick.isChecked() != on:
            self.pick.setChecked(on)
        (self.keys.hold if on else self.keys.release)()
        self.refresh()

    def _set_theme(self, event: Event | None = None) -> None:
        chosen = tones(self.viewer)
        self.notice.set_tones(chosen)
        self.table.set_tones(chosen)
        self.refresh()

    def _lay_out(self) -> None:
        area = ScrollColumn()
        column = area.column
        self.keys_text.hide()
        for part in (self.open_button, *self.parts()):
            column.addWidget(part, 1 if part is self.table else 0)
        foot = side_by_side(self.keys_button, self.help_button)
        column.addWidget(foot, alignment=Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.keys_text)
        column.addStretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(area)
        self.setMinimumWidth(320)


def offer(box: QComboBox, layers: Sequence[Layer]) -> None:
    """Offer layers without emitting a signal; the current choice is kept."""
    chosen = box.currentData()
    with QSignalBlocker(box):
        box.clear()
        for layer in layers:
            box.addItem(layer.name, layer)
        box.setCurrentIndex(layers.index(chosen) if chosen in layers else 0 if layers else -1)
        box.setEnabled(bool(layers))


def _is_mark(layer: Layer) -> bool:
    return bool(layer.metadata.get(OURS, {}).get("role") == "marks")


def _release(widget: LandmarkDock[S]) -> None:
    """Disconnect a widget that Qt has deleted."""
    if widget.pointer.on:
        widget.pointer.forget()
        widget.keys.release()
    layers = widget.viewer.layers.events
    layers.inserted.disconnect(widget._on_layers)
    layers.removed.disconnect(widget._on_layers)
    widget.viewer.events.theme.disconnect(widget._set_theme)
    widget.space.tiling.changed.disconnect(widget._on_tiles)
    if widget.session is not None:
        widget.session.model.changed.disconnect(widget.refresh)
