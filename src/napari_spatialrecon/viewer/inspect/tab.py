"""The tab Inspect: what is known of the selected layer, whoever made it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_spatialrecon.viewer.figure.dialog import open_figure
from napari_spatialrecon.viewer.inspect.clicked_part import ClickedPart
from napari_spatialrecon.viewer.inspect.color_part import ColorPart
from napari_spatialrecon.viewer.inspect.embedding_part import EmbeddingPart
from napari_spatialrecon.viewer.inspect.figures_part import FiguresPart
from napari_spatialrecon.viewer.inspect.lasso_part import LassoPart
from napari_spatialrecon.viewer.inspect.legend_part import LegendPart
from napari_spatialrecon.viewer.inspect.part import Part
from napari_spatialrecon.viewer.widgets.fold import Fold
from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.widgets.rows import combo
from napari_spatialrecon.viewer.widgets.scroll_column import ScrollColumn
from napari_spatialrecon.viewer.window.ended import when_destroyed
from napari_spatialrecon.viewer.window.tones import Themed, tones
from napari_spatialrecon.viewer.workspace.workspace import workspace_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari.layers import Layer, Points
    from napari.utils.events import Event
    from napari.viewer import Viewer

PARTS: tuple[type[Part], ...] = (
    ColorPart,
    LegendPart,
    ClickedPart,
    LassoPart,
    FiguresPart,
    EmbeddingPart,
)
"""The sections from top to bottom."""
_KEPT = "inspect"


class InspectTab(QWidget):
    """The tab Inspect of one viewer.

    Attributes
    ----------
    parts
        The sections, by class.
    layer
        The points layer that they are about; None without one.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.viewer, self.space = viewer, workspace_of(viewer)
        self.layer: Points | None = None
        self.parts: dict[type[Part], Part] = {kind: kind(viewer) for kind in PARTS}
        self.folds = {
            kind: Fold(part.title, part, opened=part.opened) for kind, part in self.parts.items()
        }
        self.combo = combo()
        self.combo.setAccessibleName("Layer")
        self.combo.setToolTip("The layer selected in napari's list, whoever made it")
        self.figure = QPushButton("Figure…")
        self.figure.setToolTip("Draw layers as a figure: PNG, SVG or PDF with scale bar and legend")
        self.figure.clicked.connect(lambda: open_figure(viewer))
        self.about = WrappedLabel()
        self._lay_out()
        self.combo.activated.connect(self._choose)
        layers = viewer.layers
        layers.selection.events.active.connect(self._follow)
        for event in (layers.events.inserted, layers.events.removed, layers.events.reordered):
            event.connect(self._follow)
        viewer.events.theme.connect(self._set_theme)
        self.space.kept[_KEPT] = self
        when_destroyed(self, _release, self)
        self._set_theme()
        self._follow()

    def go(self, what: str, about: object) -> None:
        """Select the layer, or the layer of the result, that another tab asks about."""
        asked = getattr(about, "layer", about)
        found = next((layer for layer in self.viewer.layers if layer is asked), None)
        if found is not None:
            self.viewer.layers.selection = {found}

    def state(self) -> dict[str, Any]:
        """Return which sections are unfolded."""
        return {"open": [fold.heading.text() for fold in self.folds.values() if fold.opened]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Unfold the sections that were."""
        for fold in self.folds.values():
            fold.set_opened(fold.heading.text() in state.get("open", ()))

    def _lay_out(self) -> None:
        area = ScrollColumn((8, 4, 8, 8), spacing=6)
        for fold in self.folds.values():
            area.column.addWidget(fold)
        area.column.addStretch()
        above = QWidget()
        top = QVBoxLayout(above)
        top.setContentsMargins(8, 8, 8, 0)
        label = QLabel("Layer")
        label.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)
        choice = QHBoxLayout()
        choice.addWidget(label)
        choice.addWidget(self.combo, 1)
        choice.addWidget(self.figure)
        top.addLayout(choice)
        top.addWidget(self.about)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(above)
        layout.addWidget(area, 1)

    def _follow(self, event: Event | None = None) -> None:
        """Be about the layer that is selected now."""
        from napari.layers import Points

        layers = self.viewer.layers
        active = layers.selection.active
        self._list(active)
        self.about.setText(_about(active, len(layers)))
        self.about.setVisible(bool(self.about.text()))
        before, self.layer = self.layer, active if isinstance(active, Points) else None
        if event is not None and before is not None and self.layer is before:
            return
        for kind, part in self.parts.items():
            self.folds[kind].setVisible(self.layer is not None)
            part.show_layer(self.layer)

    def _list(self, active: Layer | None) -> None:
        with QSignalBlocker(self.combo):
            self.combo.clear()
            for layer in reversed(self.viewer.layers):
                self.combo.addItem(layer.name, layer)
            names = [layer is active for layer in reversed(self.viewer.layers)]
            self.combo.setCurrentIndex(names.index(True) if any(names) else -1)
        for part in (self.combo, self.figure):
            part.setEnabled(self.combo.count() > 0)

    def _choose(self, index: int) -> None:
        self.viewer.layers.selection = {self.combo.itemData(index)}

    def _set_theme(self, event: Event | None = None) -> None:
        chosen = tones(self.viewer)
        for part in self.parts.values():
            if isinstance(part, Themed):
                part.set_tones(chosen)


def _about(active: Layer | None, n_layers: int) -> str:
    """Return what to say where no points are selected; empty where some are."""
    from napari.layers import Image, Points

    if isinstance(active, Points):
        return ""
    if not n_layers:
        return "Nothing is open. Open a slide in the tab Data to color it here."
    if active is None:
        return "Choose a layer to color it and to see what it holds."
    if isinstance(active, Image):
        return (
            "An image: contrast, color map and opacity are in napari's layer controls. "
            "Choose a layer of spots or cells to color it by genes and columns."
        )
    kind = type(active).__name__.lower()
    return f"A {kind} layer holds no cells or spots. Choose a layer of points."


def _release(tab: InspectTab) -> None:
    """Disconnect a tab that Qt has deleted."""
    layers = tab.viewer.layers
    layers.selection.events.active.disconnect(tab._follow)
    for event in (layers.events.inserted, layers.events.removed, layers.events.reordered):
        event.disconnect(tab._follow)
    tab.viewer.events.theme.disconnect(tab._set_theme)
    tab.space.kept.pop(_KEPT, None)
