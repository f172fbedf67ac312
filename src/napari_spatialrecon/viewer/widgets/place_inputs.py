"""The fields of Place cells: reference, cells, histology, method, settings, device."""

from __future__ import annotations

from functools import partial
from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

from napari_spatialrecon.errors import ConfigError, InputError
from napari_spatialrecon.methods.registry import methods_for
from napari_spatialrecon.viewer.forms import ConfigForm, config_form
from napari_spatialrecon.viewer.opening import FILTER, open_table
from napari_spatialrecon.viewer.place_model import TASK, PlaceModel
from napari_spatialrecon.viewer.place_tables import short_name
from napari_spatialrecon.viewer.widgets.chips import Chips
from napari_spatialrecon.viewer.widgets.eliding_combo import ElidingCombo
from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.workspace import Entry, Role


class PlaceInputs(QWidget):
    """Shows what a `PlaceModel` has chosen, and changes it.

    Signals: ``failed(Exception)`` when a file or layer cannot be used, ``opened()`` when one was.
    """

    failed = Signal(object)
    opened = Signal()

    def __init__(self, model: PlaceModel, viewer: Any) -> None:
        super().__init__()
        self.model, self.viewer = model, viewer
        self.chips = Chips("drop slides here, or +")
        self.add_button = _button("+", "Add a slide that is open, a file, or a Space Ranger folder")
        self.cells, self.cells_button = _combo(), _button("…", "Open a table of cells")
        self.histology = _combo()
        self.method = _combo()
        self.summary = WrappedLabel()
        self.forms: dict[str, ConfigForm] = {}
        self.heads, self.pages = _stack(), _stack()
        self.settings = QCollapsible("Settings", expandedIcon="▾", collapsedIcon="▸")
        self.device, self.seed = QComboBox(), QSpinBox(maximum=2**31 - 1)
        self.separate = QCheckBox("Run in a separate process")
        self.scale = QLineEdit(placeholderText="for instance 0.5")
        self.scale_label, self.scale_button = WrappedLabel(), QPushButton("Set")
        self._lay_out()
        for number, info in enumerate(methods_for(TASK)):
            self.method.addItem(info.title, info.name)
            self.method.setItemData(number, info.summary, Qt.ItemDataRole.ToolTipRole)
        self.method.setCurrentIndex(self.method.findData(model.method.name))
        self.set_devices(["auto", "cpu"])
        self._connect()
        self._choose_method()

    def refresh(self) -> None:
        """Show what the model has chosen now."""
        model = self.model
        self.chips.set_entries([(e, short_name(e), _tip(e)) for e in model.references])
        _fill(self.cells, [(_query_label(e), e) for e in model.queries], model.query)
        _fill(self.histology, [(_image_label(e), e) for e in model.images], model.image)
        entry = model.unscaled()
        self.scale_row.setVisible(entry is not None)
        if entry is not None:
            unit = "pixel" if entry.role is Role.HISTOLOGY else "unit"
            self.scale_label.setText(f"µm per {unit} of {short_name(entry)}")

    def set_devices(self, names: list[str]) -> None:
        """Offer these devices."""
        chosen = self.device.currentText()
        if names == [self.device.itemText(i) for i in range(self.device.count())]:
            return
        with QSignalBlocker(self.device):
            self.device.clear()
            self.device.addItems(names)
            self.device.setCurrentText(chosen if chosen in names else names[0])

    @property
    def form(self) -> ConfigForm:
        """The settings of the chosen method."""
        return self.forms[self.model.method.name]

    def open(self, paths: list[str], role: Role = Role.SLIDE) -> None:
        """Open files as slides, or as cells to place."""

        def use(entry: Entry) -> None:
            if role is Role.QUERY:
                self.model.query = entry
            else:
                self.model.use(entry)
            self.opened.emit()

        for path in paths:
            open_table(self.viewer, path, role, parent=self, opened=use, failed=self.failed.emit)

    def choose_cells(self, entry: Entry) -> None:
        """Place these cells; a slide's spots are taken off the canvas with their coordinates."""
        if entry.role is Role.SLIDE and entry.layer is not None:
            entry.layer.visible = False
        self.model.query = entry

    def use_layers(self) -> None:
        """Take the layers that are selected in the viewer as slides."""
        try:
            for layer in self.viewer.layers.selection:
                self._use_layer(layer)
        except InputError as error:
            self.failed.emit(error)

    def _use_layer(self, layer: Any) -> None:
        entry = self.model.workspace.adopt(layer)
        if entry.role is Role.HISTOLOGY:
            self.model.image = entry
        else:
            self.model.workspace.set_role(entry, Role.SLIDE)
            self.model.use(entry)
        self.opened.emit()

    def _connect(self) -> None:
        model = self.model
        self.chips.removed.connect(lambda entry: model.use(entry, used=False))
        self.chips.files_dropped.connect(self.open)
        self.chips.layers_dropped.connect(self.use_layers)
        self.add_button.clicked.connect(self._show_menu)
        self.cells_button.clicked.connect(self._open_cells)
        self.cells.activated.connect(lambda i: self.choose_cells(self.cells.itemData(i)))
        self.histology.activated.connect(
            lambda i: setattr(model, "image", self.histology.itemData(i))
        )
        self.method.currentIndexChanged.connect(self._choose_method)
        self.device.currentTextChanged.connect(partial(setattr, model, "device"))
        self.seed.valueChanged.connect(partial(setattr, model, "seed"))
        self.separate.toggled.connect(partial(setattr, model, "separate"))
        self.scale_button.clicked.connect(self._set_scale)
        self.scale.returnPressed.connect(self._set_scale)

    def _choose_method(self) -> None:
        name = self.method.currentData()
        info = next(i for i in methods_for(TASK) if i.name == name)
        if name not in self.forms:
            form = config_form(info.config(), name=f"{TASK}.{name}", memory=self._memory)
            self.heads.layout().addWidget(form.head)
            self.pages.layout().addWidget(form)
            form.changed.connect(self._read_form)
            self.forms[name] = form
        for other, form in self.forms.items():
            form.setVisible(other == name)
            form.head.setVisible(other == name)
        self.summary.setText(info.summary)
        self.model.method = name
        self._read_form()

    @property
    def _memory(self) -> Any:
        return self.model.workspace.memory

    def _read_form(self) -> None:
        form = self.form
        try:
            self.model.set_config(form.value(), form.preset.currentText())
        except ConfigError as error:
            self.model.set_config(error, form.preset.currentText())

    def _set_scale(self) -> None:
        entry = self.model.unscaled()
        try:
            value = float(self.scale.text().replace(",", "."))
        except ValueError:
            value = float("nan")
        try:
            if entry is not None:
                self.model.workspace.set_scale(entry, value)
                self.scale.clear()
                self.opened.emit()
        except InputError as error:
            self.failed.emit(error)

    def _show_menu(self) -> None:
        menu = self.menu()
        menu.exec(self.add_button.mapToGlobal(self.add_button.rect().bottomLeft()))

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
        menu.addAction("Open files…", self._open_slides)
        menu.addAction("Open a Space Ranger folder…", self._open_folder)
        return menu

    def _try_layer(self, layer: Any) -> None:
        try:
            self._use_layer(layer)
        except InputError as error:
            self.failed.emit(error)

    def _open_slides(self) -> None:
        self.open(QFileDialog.getOpenFileNames(self, "Open slides", filter=FILTER)[0])

    def _open_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Open a Space Ranger folder")
        self.open([folder] if folder else [])

    def _open_cells(self) -> None:
        path = QFileDialog.getOpenFileName(self, "Open a table of cells", filter=FILTER)[0]
        self.open([path] if path else [], Role.QUERY)

    def _lay_out(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        rows = [
            ("Reference", self.chips, self.add_button),
            ("Cells", self.cells, self.cells_button),
            ("Histology", self.histology, None),
            ("Method", self.method, None),
            ("", self.summary, None),
            ("Preset", self.heads, None),
        ]
        for number, (label, widget, button) in enumerate(rows):
            grid.addWidget(QLabel(label), number, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(widget, number, 1, 1, 1 if button else 2)
            if button:
                grid.addWidget(button, number, 2, Qt.AlignmentFlag.AlignTop)
        self.scale_row = _row(self.scale_label, self.scale, self.scale_button)
        grid.addWidget(self.scale_row, len(rows), 0, 1, 3)
        device = _row(QLabel("Device"), self.device, QLabel("Seed"), self.seed)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (device, self.separate, self.pages):
            column.addWidget(widget)
        self.settings.setDuration(0)
        self.settings.addWidget(inside)
        grid.addWidget(self.settings, len(rows) + 1, 0, 1, 3)
        self.separate.setToolTip(
            "A crash or a lack of memory then ends the run, not napari. Starting takes longer."
        )
        self.seed.setToolTip("The same seed gives the same result.")
        self.cells.setToolTip("Cells to place. A slide's spots are placed without its coordinates.")
        self.histology.setToolTip(
            "Where the result is laid: a reference's own frame, or any H&E, by the images alone."
        )


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setFixedWidth(28)
    button.setToolTip(tip)
    button.setAccessibleName(tip)
    return button


def _combo() -> QComboBox:
    combo = ElidingCombo()
    combo.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    combo.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    return combo


def _row(*widgets: QWidget) -> QWidget:
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget, 1 if isinstance(widget, QComboBox | QLineEdit | QLabel) else 0)
    return row


def _stack() -> QWidget:
    """Return a place where one of several widgets is shown, as high as that one."""
    widget = QWidget()
    layout = QVBoxLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    return widget


def _fill(combo: QComboBox, items: list[tuple[str, Entry]], chosen: Entry | None) -> None:
    with QSignalBlocker(combo):
        combo.clear()
        for label, entry in items:
            combo.addItem(label, entry)
            combo.setItemData(combo.count() - 1, _tip(entry), Qt.ItemDataRole.ToolTipRole)
        entries = [entry for _, entry in items]
        combo.setCurrentIndex(entries.index(chosen) if chosen in entries else -1)
        combo.setEnabled(bool(items))
    combo.setToolTip(combo.currentText())


def _query_label(entry: Entry) -> str:
    if entry.role is Role.SLIDE:
        return f"{short_name(entry)}, its coordinates hidden"
    return short_name(entry)


def _image_label(entry: Entry) -> str:
    if entry.role is not Role.HISTOLOGY:
        return f"{short_name(entry)} (no H&E)"
    size = entry.layer.scale[-1] if entry.um_per_unit is not None else None
    return f"{entry.name} ({size:.2g} µm/px)" if size is not None else f"{entry.name} (no scale)"


def _tip(entry: Entry) -> str:
    rows = (
        f"{entry.adata.n_obs:,} × {entry.adata.n_vars:,} genes" if entry.adata is not None else ""
    )
    return "\n".join(t for t in (entry.name, rows, str(entry.path or ""), *entry.notes) if t)
