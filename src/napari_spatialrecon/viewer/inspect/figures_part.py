"""Communities, and what marks the vicinity of a type: two buttons of the tab Inspect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QDoubleSpinBox,
    QFileDialog,
    QHeaderView,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_spatialrecon.viewer.canvas.coloring import color_layer
from napari_spatialrecon.viewer.canvas.layers import um_per_layer_unit
from napari_spatialrecon.viewer.canvas.table_metadata import table_of
from napari_spatialrecon.viewer.inspect.figures_model import (
    communities_of,
    find_communities,
    markers_near,
    suggested_radius,
    types_of,
)
from napari_spatialrecon.viewer.inspect.figures_saving import (
    communities_picture,
    vicinity_picture,
)
from napari_spatialrecon.viewer.inspect.markers_view import MarkersView
from napari_spatialrecon.viewer.inspect.part import Part
from napari_spatialrecon.viewer.inspect.selected import compared_groups, rows_of_table
from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.widgets.notice import Notice
from napari_spatialrecon.viewer.widgets.qt_look import ignore_wheel
from napari_spatialrecon.viewer.widgets.rows import combo, row
from napari_spatialrecon.viewer.widgets.sorted_table import Column, SortedTable
from napari_spatialrecon.viewer.window.ended import when_destroyed
from napari_spatialrecon.viewer.window.present import present
from napari_spatialrecon.viewer.window.tones import DARK, Tones
from napari_spatialrecon.viewer.window.worker import Run

if TYPE_CHECKING:
    import pandas as pd
    from napari.layers import Points
    from napari.viewer import Viewer


class FiguresPart(Part):
    """The section Neighborhoods of the tab Inspect."""

    title = "Neighborhoods"
    opened = False

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(viewer)
        self.layer: Points | None = None
        self.run: Run | None = None
        self.resolution, self.radius = QDoubleSpinBox(), QDoubleSpinBox()
        self.asked, self.target = combo(), combo()
        self.communities = QPushButton("Communities…")
        self.vicinity = QPushButton("Near a type…")
        self.search, self.test = QPushButton("Find"), QPushButton("Test")
        self.cancel, self.save = QPushButton("Cancel"), QPushButton("Save picture…")
        self.table = SortedTable(QHeaderView.ResizeMode.Stretch)
        self.markers = MarkersView()
        self.note, self.notice = WrappedLabel(), Notice()
        self._column, self._names = "", [""]
        self._groups: dict[str, np.ndarray] = {}
        self._ink = DARK.accent
        self._lay_out()
        self._connect()
        self._open(None)

    def show_layer(self, layer: Points | None) -> None:
        """Be about this layer."""
        if layer is self.layer:
            return
        self.layer = layer
        if self.run is not None:
            self.run.cancel()
        self.notice.clear()
        self._open(None)

    def set_tones(self, tones: Tones) -> None:
        """Use the colors of a theme."""
        self.notice.set_tones(tones)
        self.markers.set_tones(tones)
        self._ink = tones.accent
        self.note.setStyleSheet(f"color: {tones.quiet};")

    def _open(self, pane: QWidget | None) -> None:
        """Show the settings of one of the two; None of neither."""
        for shown in (self._communities, self._vicinity):
            shown.setVisible(shown is pane)
        for part in (self.table, self.markers, self.save):
            part.hide()
        self.note.setText("")
        self.communities.setChecked(pane is self._communities)
        self.vicinity.setChecked(pane is self._vicinity)
        if pane is self._vicinity and self.layer is not None:
            types = types_of(self.layer)
            for box in (self.asked, self.target):
                box.clear()
                box.addItems([] if types is None else list(map(str, types.categories)))
            self.target.setCurrentIndex(min(1, self.target.count() - 1))
            self.test.setEnabled(types is not None)
            self.note.setText("" if types is not None else _NO_TYPES)
            self.radius.setSuffix(" µm" if um_per_layer_unit(self.layer) else " units")
            self.radius.setValue(suggested_radius(self.layer))

    def _start(self, work: Callable[..., Any], title: str, show: Callable[[Any], None]) -> None:
        if self.run is not None or self.layer is None:
            return
        self.notice.clear()
        run = Run(work, title, viewer=self.viewer, parent=self)
        self.run = run
        run.returned.connect(partial(self._show, self.layer, show))
        run.failed.connect(self.notice.show_error)
        run.finished.connect(self._end)
        self.cancel.show()
        self.note.setText(f"{title} …")
        run.start()

    def _end(self) -> None:
        run, self.run = self.run, None
        if run is not None:
            run.deleteLater()
        self.cancel.hide()
        if self.note.text().endswith("…"):
            self.note.setText("")

    def _show(self, layer: Points, show: Callable[[Any], None], found: Any) -> None:
        if layer is self.layer and layer in self.viewer.layers:
            show(found)

    def _find(self) -> None:
        layer, resolution = self.layer, self.resolution.value()
        if layer is not None:
            self._start(
                lambda _, stop: find_communities(layer, resolution, stop),
                "Finding communities",
                partial(self._show_communities, resolution),
            )

    def _test(self) -> None:
        layer, radius = self.layer, self.radius.value()
        asked, target = self.asked.currentText(), self.target.currentText()
        if layer is not None:
            self._start(
                partial(markers_near, layer, asked, target, radius),
                "Testing genes",
                partial(self._show_markers, asked, target),
            )

    def _show_communities(
        self, resolution: float, found: tuple[pd.Categorical, pd.DataFrame]
    ) -> None:
        layer, (groups, table) = self.layer, found
        if layer is None or len(groups) != len(layer.data):
            return
        name = _COMMUNITY.format(resolution)
        layer.features = layer.features.assign(**{name: groups})
        color_layer(layer, name)
        self._list_communities(name, table)

    def _list_communities(self, name: str, table: pd.DataFrame) -> None:
        self._column, self._names = name, [str(one) for one in table.index]
        self.table.show_columns(
            [
                Column("Community", table.index.to_numpy(object)),
                Column("Points", table["cells"].to_numpy(float), decimals=0),
                Column("Main type", table["main_type"].to_numpy(object), "Most frequent type"),
                Column("Purity", table["purity"].to_numpy(float), "Share of the main type"),
                Column(
                    "Overall",
                    table["expected"].to_numpy(float),
                    "Share of that type in the whole layer: the purity of a random group",
                ),
            ],
            1,
        )
        header = present(self.table.horizontalHeader())
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        self.table.show()
        self.save.show()
        typed = np.isfinite(table["purity"].to_numpy(float)).any()
        words = f"{len(table)} communities. Click one to select it."
        self.note.setText(words if typed else f"{words} {_NO_TYPES}")

    def _ask_picture(self) -> None:
        """Ask where to write the picture of what was found, and write it."""
        what = "communities" if self.markers.isHidden() else "near a type"
        path, _ = QFileDialog.getSaveFileName(
            self, "Save picture", f"{what}.png", "Pictures (*.png)"
        )
        if path:
            self.save_picture(path if path.endswith(".png") else f"{path}.png")

    def save_picture(self, path: str) -> None:
        """Write the picture of what was found as PNG, in the background."""
        layer, groups = self.layer, self._groups
        if layer is None:
            return
        if self.markers.isHidden():
            draw = partial(communities_picture, layer, self._column)
        else:
            found, target = self.markers.found, self.target.currentText()
            genes = [] if found is None else [str(name) for name in found.index[:_DRAWN]]
            draw = partial(vicinity_picture, layer, groups["near"], groups["far"], genes, target)

        def work(*_: object) -> str:
            from napari_spatialrecon.evaluation.pictures import save_png

            return f"Saved {save_png(draw(), path).name}"

        said = self.note.text()
        self._start(work, "Drawing", lambda saved: self.note.setText(f"{said} {saved}."))

    def _pick_community(self, row: int) -> None:
        """Select the points of a community."""
        layer = self.layer
        if layer is not None and self._column in layer.features:
            of = layer.features[self._column].astype(str).to_numpy() == self._names[row]
            self.space.selection.set_rows(layer, np.flatnonzero(of))

    def _show_markers(
        self, asked: str, target: str, found: tuple[pd.DataFrame, np.ndarray, np.ndarray]
    ) -> None:
        layer, (table, near, far) = self.layer, found
        adata = None if layer is None else table_of(layer)
        if layer is None or adata is None:
            return
        names = f"{asked} near {target}", f"{asked} farther away"
        masks = [rows_of_table(layer, adata, rows)[0] for rows in (near, far)]
        compared = compared_groups(layer, masks[0], masks[1], names)
        self._groups = {"near": near, "far": far}
        self.markers.show_markers(table, *names, compared=compared)
        self.markers.words.setText(_P_VALUES)
        self.markers.show()
        self.save.show()
        links = (
            f'<a href="{which}" style="color:{self._ink}">{len(rows):,} {words}</a>'
            for (which, rows), words in zip(self._groups.items(), ("near", "farther away"))
        )
        self.note.setText(" against ".join(links) + ".")

    def _pick_group(self, link: str) -> None:
        """Select the cells that are near, or farther away."""
        if self.layer is not None and link in self._groups:
            self.space.selection.set_rows(self.layer, self._groups[link])

    def state(self) -> dict[str, Any]:
        """Return which of the two is open, its settings, and whether it was found."""
        panes = {self._communities: "communities", self._vicinity: "vicinity"}
        pane = next((name for widget, name in panes.items() if not widget.isHidden()), "")
        return {
            "layer": "" if self.layer is None else self.layer.name,
            "pane": pane,
            "found": not (self.table.isHidden() and self.markers.isHidden()),
            "resolution": self.resolution.value(),
            "radius": self.radius.value(),
            "types": [self.asked.currentText(), self.target.currentText()],
            "markers": self.markers.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Return to that; genes near a type are tested again."""
        panes = {"communities": self._communities, "vicinity": self._vicinity}
        pane = panes.get(str(state.get("pane")))
        if self.layer is None or self.layer.name != state.get("layer") or pane is None:
            return
        self.resolution.setValue(float(state["resolution"]))
        self._open(pane)
        self.radius.setValue(float(state["radius"]))
        for box, name in zip((self.asked, self.target), state["types"], strict=True):
            box.setCurrentText(name)
        self.markers.restore(state["markers"])
        if not state["found"]:
            return
        if pane is self._vicinity:
            self._test()
            return
        name = _COMMUNITY.format(self.resolution.value())
        table = communities_of(self.layer, name)
        if table is not None:
            self._list_communities(name, table)

    def _pick(self, gene: str) -> None:
        if self.layer is not None:
            color_layer(self.layer, gene)

    def _connect(self) -> None:
        self.communities.clicked.connect(lambda on: self._open(self._communities if on else None))
        self.vicinity.clicked.connect(lambda on: self._open(self._vicinity if on else None))
        self.search.clicked.connect(self._find)
        self.test.clicked.connect(self._test)
        self.save.clicked.connect(self._ask_picture)
        self.cancel.clicked.connect(lambda: self.run.cancel() if self.run is not None else None)
        self.markers.picked.connect(self._pick)
        self.table.row_picked.connect(self._pick_community)
        self.note.linkActivated.connect(self._pick_group)
        self.space.kept[_KEPT] = self
        when_destroyed(self, self.space.kept.pop, _KEPT, None)

    def _lay_out(self) -> None:
        for button in (self.communities, self.vicinity):
            button.setCheckable(True)
        self.communities.setToolTip("Groups of points that lie together, and what they consist of")
        self.vicinity.setToolTip("Genes that differ in cells of one type near another type")
        self.resolution.setRange(0.01, 100.0)
        self.resolution.setSingleStep(0.1)
        self.resolution.setValue(_RESOLUTION)
        self.resolution.setToolTip("Larger finds more and smaller communities")
        self.radius.setRange(0.01, 1e6)
        self.radius.setToolTip("How far from a cell of the other type still counts as near")
        for box in (self.resolution, self.radius):
            ignore_wheel(box)
        self._communities = row(QLabel("Resolution"), self.resolution, self.search)
        self._vicinity = QWidget()
        lines = QVBoxLayout(self._vicinity)
        lines.setContentsMargins(0, 0, 0, 0)
        lines.addWidget(row(QLabel("Cells of"), self.asked))
        lines.addWidget(row(QLabel("near"), self.target))
        lines.addWidget(row(QLabel("within"), self.radius, self.test))
        self.note.setTextFormat(Qt.TextFormat.RichText)
        self.note.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        self.cancel.hide()
        self.save.setToolTip("As figures 3 and 4 of the GEARS paper, as PNG")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        buttons = row(self.communities, self.vicinity)
        for part in (buttons, self._communities, self._vicinity, self.cancel, self.notice):
            layout.addWidget(part)
        for part in (self.note, self.save, self.table, self.markers):
            layout.addWidget(part)


_RESOLUTION, _DRAWN = 0.2, 4
"""Resolution of figure 3 of the GEARS paper, and genes in a picture."""
_KEPT = "inspect neighborhoods"
_COMMUNITY = "community, resolution {:g}"
"""Name of the column of communities."""
_NO_TYPES = "No column of the layer holds cell types."
_P_VALUES = (
    "Neighboring cells resemble each other: the p-values are too small, and only rank the genes."
)
