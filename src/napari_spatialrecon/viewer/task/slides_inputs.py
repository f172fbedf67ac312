"""The fields of a task that learns from slides and cells."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QLineEdit, QMenu, QPushButton, QWidget

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.formats.options import NO_CHOICE, ReadOptions
from napari_spatialrecon.viewer.task.inputs import Inputs, Row
from napari_spatialrecon.viewer.task.slides_model import SlidesModel
from napari_spatialrecon.viewer.widgets.chips import Chips
from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.widgets.path_menu import (
    add_path_actions,
    ask_files,
    show_menu,
    show_path_menu,
)
from napari_spatialrecon.viewer.widgets.rows import combo, entry_tip, fill, row, small_button
from napari_spatialrecon.viewer.workspace.tables import short_name
from napari_spatialrecon.viewer.workspace.workspace import Entry, Role

if TYPE_CHECKING:
    from napari.layers import Layer


class SlidesInputs(Inputs):
    """Reference slides as chips, cells as a list, and a field for a missing µm per unit."""

    model: SlidesModel
    cells_tip = "Cells to train on. Coordinates of a slide are not read."

    def make_fields(self) -> None:
        """Make and connect references, cells and scale."""
        self._hidden: Layer | None = None
        self.chips = Chips("drop slides here, or +")
        self.add_button = small_button("+", "Add an open slide, a file, or a folder")
        self.cells, self.cells_button = combo(), small_button("…", "Open a table of cells")
        self.cells.setToolTip(self.cells_tip)
        self.scale = QLineEdit()
        self.scale.setPlaceholderText("e.g. 0.5")
        self.scale_label, self.scale_button = WrappedLabel(), QPushButton("Set")
        self.scale_row = row(self.scale_label, self.scale, self.scale_button)
        model = self.model
        self.chips.removed.connect(lambda entry: model.use(entry, used=False))
        self.chips.files_dropped.connect(self.open)
        self.chips.layers_dropped.connect(self.use_layers)
        self.add_button.clicked.connect(self._show_menu)
        self.cells_button.clicked.connect(self._open_cells)
        self.cells.activated.connect(lambda i: self.choose_cells(self.cells.itemData(i)))
        self.scale_button.clicked.connect(self._set_scale)
        self.scale.returnPressed.connect(self._set_scale)

    def rows(self) -> list[Row]:
        """Return references and cells."""
        return [
            ("Reference", self.chips, self.add_button),
            ("Cells", self.cells, self.cells_button),
        ]

    def below(self) -> list[QWidget]:
        """Return the field for a missing scale."""
        return [self.scale_row]

    def refresh(self) -> None:
        """Show the model's current choices."""
        model = self.model
        self.chips.set_entries([(e, short_name(e), entry_tip(e)) for e in model.references])
        fill(self.cells, [(_query_label(e), e) for e in model.queries], model.query)
        entry = model.unscaled()
        self.scale_row.setVisible(entry is not None)
        if entry is not None:
            unit = "pixel" if entry.role is Role.HISTOLOGY else "unit"
            self.scale_label.setText(f"µm per {unit} of {short_name(entry)}")

    def open(
        self, paths: list[str], options: ReadOptions = NO_CHOICE, role: Role = Role.SLIDE
    ) -> None:
        """Open files as slides, or as cells."""
        use = partial(setattr, self.model, "query") if role is Role.QUERY else self.model.use
        for path in paths:
            self.open_as(role, path, use, options)

    def choose_cells(self, entry: Entry) -> None:
        """Use these cells; while they are a slide, its spots are hidden on the canvas."""
        if self._hidden is not None:
            self._hidden.visible = True
        hides = entry.role is Role.SLIDE and entry.layer is not None and entry.layer.visible
        self._hidden = entry.layer if hides else None
        if self._hidden is not None:
            self._hidden.visible = False
        self.model.query = entry

    def start_with(self, entry: Entry) -> None:
        """Start with an entry that another tab asks for."""
        if self.model.is_to_be_placed(entry):
            self.choose_cells(entry)
        else:
            super().start_with(entry)

    def use_layers(self) -> None:
        """Use the layers selected in the viewer as slides."""
        try:
            for layer in self.viewer.layers.selection:
                self._use_layer(layer)
        except InputError as error:
            self.failed.emit(error)

    def adopted(self, entry: Entry) -> None:
        """Use a layer, dropped or chosen under +, as a slide."""
        self.model.workspace.set_role(entry, Role.SLIDE)
        self.model.use(entry)

    def start_opening(self) -> None:
        """Ask for slides."""
        ask_files(self, "Open slides", self.open)

    def menu(self) -> QMenu:
        """Return what + offers."""
        from napari.layers import Points

        menu = QMenu(self)
        for entry in self.model.left_out:
            menu.addAction(short_name(entry), partial(self.model.use, entry))
        known = {id(entry.layer) for entry in self.model.workspace}
        for layer in self.viewer.layers:
            if isinstance(layer, Points) and id(layer) not in known:
                menu.addAction(f"Layer {layer.name}", partial(self._try_layer, layer))
        menu.addSeparator()
        add_path_actions(menu, self, "Open slides", self.open)
        return menu

    def _use_layer(self, layer: Layer) -> None:
        self.adopted(self.model.workspace.adopt(layer))
        self.opened.emit()

    def _set_scale(self) -> None:
        entry = self.model.unscaled()
        try:
            if entry is not None:
                self.model.workspace.set_scale(entry, self.scale.text())
                self.scale.clear()
                self.opened.emit()
        except InputError as error:
            self.failed.emit(error)

    def _show_menu(self) -> None:
        show_menu(self.menu(), self.add_button)

    def _try_layer(self, layer: Layer) -> None:
        try:
            self._use_layer(layer)
        except InputError as error:
            self.failed.emit(error)

    def _open_cells(self) -> None:
        title = "Open a table of cells"
        show_path_menu(self.cells_button, title, partial(self.open, role=Role.QUERY))


def _query_label(entry: Entry) -> str:
    if entry.role is Role.SLIDE:
        return f"{short_name(entry)}, its coordinates hidden"
    return short_name(entry)
