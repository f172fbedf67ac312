"""The tab Data: what is open, how to open more, and what can be done next."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Collection
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QGridLayout,
    QLabel,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_spatialrecon.errors import SpatialReconError
from napari_spatialrecon.tissue.formats.options import NO_CHOICE, ReadOptions
from napari_spatialrecon.viewer.canvas.view import show_tissue
from napari_spatialrecon.viewer.data.card import CardWidget
from napari_spatialrecon.viewer.data.model import Step, advice, cards, next_steps
from napari_spatialrecon.viewer.data.opening import open_paths
from napari_spatialrecon.viewer.data.signal_dialog import SignalDialog
from napari_spatialrecon.viewer.data.thumbnail import source_of, thumbnail
from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.widgets.notice import Notice
from napari_spatialrecon.viewer.widgets.path_menu import add_path_actions
from napari_spatialrecon.viewer.widgets.rows import side_by_side
from napari_spatialrecon.viewer.widgets.scroll_column import ScrollColumn
from napari_spatialrecon.viewer.window.ended import when_destroyed
from napari_spatialrecon.viewer.window.memory import PLUGIN
from napari_spatialrecon.viewer.window.tones import Tones, tones
from napari_spatialrecon.viewer.window.worker import Run
from napari_spatialrecon.viewer.workspace.simulated import open_simulated
from napari_spatialrecon.viewer.workspace.tables import histology_of
from napari_spatialrecon.viewer.workspace.workspace import Entry, Role, workspace_of

if TYPE_CHECKING:
    import numpy as np
    from napari.layers import Image, Layer, Points
    from napari.viewer import Viewer


class DataTab(QWidget):
    """The tab Data of one viewer."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.viewer, self.space = viewer, workspace_of(viewer)
        self.setAcceptDrops(True)
        self.hint, self.notice = WrappedLabel(), Notice()
        self.open_button, self.sample_button = QPushButton("Open…"), QPushButton("Sample")
        opening, samples = QMenu(self), QMenu(self)
        add_path_actions(opening, self, "Open", self.open)
        for tissue in ("cortex", "tumour"):
            samples.addAction(f"Simulated {tissue}", partial(open_simulated, self.viewer, tissue))
        self.open_button.setMenu(opening)
        self.sample_button.setMenu(samples)
        self.beside = QCheckBox("Side by side")
        self.beside.setToolTip(
            "Slides lie beside one another. Off: each lies at its own origin, over the others. "
            "Saved coordinates are the same either way."
        )
        self.beside.clicked.connect(self._lay)
        self.cards: dict[Entry, CardWidget] = {}
        self._pictures: weakref.WeakKeyDictionary[Layer, np.ndarray | None]
        self._pictures = weakref.WeakKeyDictionary()
        self._tones: Tones | None = None
        self.steps: list[QPushButton] = []
        self._lay_out()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.refresh)
        signals = self.space.events
        for signal in (signals.added, signals.removed, signals.changed):
            signal.connect(self._later)
        viewer.events.theme.connect(self._later)
        when_destroyed(self, _release, self)
        self.refresh()

    def go(self, what: str, about: object) -> None:
        """Show what another tab asks for: the card of an entry."""
        if isinstance(about, Entry) and about in self.cards:
            self.area.ensureWidgetVisible(self.cards[about])

    def open(self, paths: list[str], options: ReadOptions = NO_CHOICE) -> None:
        """Open files or folders in the background; images are left to napari."""
        self.notice.clear()
        open_paths(self.viewer, paths, options, self.notice.show_error)

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        """Take files and folders."""
        mime = None if event is None else event.mimeData()
        if event is not None and mime is not None and mime.hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        """Open what was dropped."""
        mime = None if event is None else event.mimeData()
        if event is not None and mime is not None:
            event.acceptProposedAction()
            self.open([url.toLocalFile() for url in mime.urls() if url.isLocalFile()])

    def refresh(self) -> None:
        """Show what is open."""
        chosen = tones(self.viewer)
        self.notice.set_tones(chosen)
        self.hint.setText(advice(self.space) or "Drop files or folders here.")
        self.beside.setChecked(self.space.tiling.on)
        known = self.cards if chosen is self._tones else {}
        self.cards, self._tones = {}, chosen
        shown = cards(self.space)
        kept = {
            card.entry: known[card.entry]
            for group in shown.values()
            for card in group
            if card.entry in known and known[card.entry].still_shows(card)
        }
        _empty(self.column, kept.values())
        for title, group in shown.items():
            self.column.addWidget(QLabel(title.upper()))
            for card in group:
                widget = kept.get(card.entry)
                if widget is None:
                    acts = (self._actions(), self.space.set_role, self._set_scale, self._rename)
                    widget = CardWidget(card, *acts, chosen)
                    self._show_picture(widget)
                self.cards[card.entry] = widget
                self.column.addWidget(widget)
        self.column.addStretch()
        self._show_steps(next_steps(self.space))

    def _show_picture(self, widget: CardWidget) -> None:
        """Show the thumbnail of a card, drawn in the background the first time."""
        source = source_of(self.space, widget.card.entry)
        if source is None:
            return
        if source in self._pictures:
            picture = self._pictures[source]
            if picture is not None:
                widget.set_picture(picture)
            return
        self._pictures[source] = None
        run = Run(partial(_thumbnail, source), "Thumbnail", parent=self, light=True)
        run.returned.connect(partial(self._keep_picture, source))
        run.finished.connect(run.deleteLater)
        run.start()

    def _keep_picture(self, source: Layer, picture: np.ndarray) -> None:
        self._pictures[source] = picture
        for entry, widget in self.cards.items():
            if source_of(self.space, entry) is source:
                widget.set_picture(picture)

    def _show_steps(self, steps: list[Step]) -> None:
        _empty(self.next)
        self.steps = []
        for number, step in enumerate(steps):
            button = QPushButton(step.title)
            button.setObjectName("primary" if step.primary else "")
            if step.primary:
                accent = tones(self.viewer).accent
                button.setStyleSheet(f"font-weight: bold; border: 1px solid {accent};")
            button.clicked.connect(partial(self._take, step))
            self.steps.append(button)
            self.next.addWidget(button, number // 2, number % 2)

    def _take(self, step: Step) -> None:
        self.space.go.emit(step.where, step.about)

    def _actions(self) -> dict[str, Callable[[Entry], None]]:
        return {
            "Align": self._align,
            "Zoom to it": self._zoom,
            "Show or hide": self._toggle,
            "Spatial signal": self._show_signal,
            "Remove": self._remove,
        }

    def _layers(self, entry: Entry) -> list[Layer]:
        """Return the layers of an entry: of a slide also its H&E."""
        image = histology_of(self.space, entry) if entry.role is Role.SLIDE else None
        layers = [entry.layer, None if image is None else image.layer]
        return [layer for layer in layers if layer is not None and layer in self.viewer.layers]

    def _zoom(self, entry: Entry) -> None:
        layers = self._layers(entry)
        if layers:
            self.viewer.fit_to_view(layers=layers)
            self.viewer.layers.selection.active = layers[0]

    def _toggle(self, entry: Entry) -> None:
        layers = self._layers(entry)
        shown = any(layer.visible for layer in layers)
        for layer in layers:
            layer.visible = not shown

    def _remove(self, entry: Entry) -> None:
        layers = self._layers(entry)
        for layer in layers:
            self.viewer.layers.remove(layer)
        if entry in list(self.space):
            self.space.remove(entry)

    def _align(self, entry: Entry) -> None:
        dock, widget = self.viewer.window.add_plugin_dock_widget(PLUGIN, "Align to histology")
        dock.show()
        dock.raise_()
        for box, layer in ((widget.layer, entry.layer), (widget.image, self._image(entry))):
            if layer is not None:
                box.setCurrentIndex(box.findData(layer))
        widget.begin()

    def _show_signal(self, entry: Entry) -> None:
        SignalDialog(entry, tones(self.viewer), self).show()

    def _image(self, entry: Entry) -> Layer | None:
        image = histology_of(self.space, entry)
        return None if image is None else image.layer

    def _set_scale(self, entry: Entry, typed: str) -> None:
        try:
            self.space.set_scale(entry, typed)
        except SpatialReconError as error:
            self.notice.show_error(error)
            return
        self.notice.clear()
        show_tissue(self.viewer)

    def _rename(self, entry: Entry, name: str) -> None:
        image = histology_of(self.space, entry) if entry.role is Role.SLIDE else None
        self.space.rename(entry, name, *([] if image is None else [image]))
        self.refresh()

    def _lay(self, on: bool) -> None:
        self.space.tiling.on = on
        show_tissue(self.viewer)

    def _later(self, _: object = None) -> None:
        self._timer.start(0)

    def _lay_out(self) -> None:
        self.area = ScrollColumn((0, 0, 0, 0), spacing=6)
        self.column = self.area.column
        following = QWidget()
        self.next = QGridLayout(following)
        self.next.setContentsMargins(0, 0, 0, 0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(side_by_side(self.open_button, self.sample_button))
        layout.addWidget(self.hint)
        layout.addWidget(self.notice)
        layout.addWidget(following)
        layout.addWidget(self.beside)
        layout.addWidget(self.area, 1)


def _thumbnail(source: Image | Points, *_: object) -> np.ndarray:
    return thumbnail(source)


def _empty(layout: QVBoxLayout | QGridLayout, kept: Collection[QWidget] = ()) -> None:
    """Delete what a layout holds, except for widgets that are laid out again."""
    while (item := layout.takeAt(0)) is not None:
        widget = item.widget()
        if widget is not None and widget not in kept:
            widget.hide()
            widget.deleteLater()


def _release(tab: DataTab) -> None:
    """Disconnect a tab that Qt has deleted."""
    signals = tab.space.events
    for signal in (signals.added, signals.removed, signals.changed):
        signal.disconnect(tab._later)
    tab.viewer.events.theme.disconnect(tab._later)
