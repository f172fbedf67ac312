"""The fields of a task widget: its inputs, then method and preset, and a dialog of settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QWidget

from napari_spatialrecon.errors import ConfigError
from napari_spatialrecon.methods.pages import FOLDER, method_page, pages_folder
from napari_spatialrecon.methods.registry import methods_for
from napari_spatialrecon.tissue.formats.options import ReadOptions
from napari_spatialrecon.viewer.task.model import TaskModel
from napari_spatialrecon.viewer.task.settings_dialog import SettingsDialog
from napari_spatialrecon.viewer.widgets.form import ConfigForm
from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.widgets.page import PageBox
from napari_spatialrecon.viewer.widgets.rows import combo, row, small_button, stack
from napari_spatialrecon.viewer.widgets.tab_order import order_tabs
from napari_spatialrecon.viewer.window.present import present
from napari_spatialrecon.viewer.workspace.opening import open_table
from napari_spatialrecon.viewer.workspace.workspace import Entry, Role

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_spatialrecon.viewer.workspace.workspace import Entry

Row = tuple[str, QWidget, QPushButton | None]
"""Label, field, and a button beside it."""


class Inputs(QWidget):
    """Shows the choices of a `TaskModel`, and changes them.

    A task's own fields come from `rows`, made in the subclass's ``__init__`` before it calls this
    one's; `refresh` fills them.

    Signals: ``failed(Exception)`` when a file or layer cannot be used, ``opened()`` when one was.
    """

    failed = Signal(object)
    opened = Signal()

    def __init__(self, model: TaskModel, viewer: Viewer) -> None:
        super().__init__()
        self.model, self.viewer = model, viewer
        self.method = combo()
        self.help_button = small_button("?", "What this method assumes, needs and costs")
        self.help_button.clicked.connect(self.show_page)
        self.summary = WrappedLabel()
        self.forms: dict[str, ConfigForm] = {}
        self.heads, self.settings = stack(), SettingsDialog(self)
        self.settings_button = small_button("⚙", "Settings of the method, device and seed")
        self.settings_button.clicked.connect(self.settings.open_beside)
        self.device, self.seed = self.settings.device, self.settings.seed
        self.separate = self.settings.separate
        self.make_fields()
        self._lay_out()
        for number, info in enumerate(methods_for(model.task)):
            self.method.addItem(info.title, info.name)
            self.method.setItemData(number, info.summary, Qt.ItemDataRole.ToolTipRole)
        self.method.setCurrentIndex(self.method.findData(model.method.name))
        self.set_devices(["auto", "cpu"])
        self.method.currentIndexChanged.connect(self._choose_method)
        self.device.currentTextChanged.connect(partial(setattr, model, "device"))
        self.seed.valueChanged.connect(partial(setattr, model, "seed"))
        self.separate.toggled.connect(partial(setattr, model, "separate"))
        self._choose_method()

    # Implemented by subclasses

    def make_fields(self) -> None:
        """Make the task's own fields, and connect them to the model."""

    def rows(self) -> list[Row]:
        """Return the task's own fields, from top to bottom."""
        return []

    def below(self) -> list[QWidget]:
        """Return the widgets below the preset, which span the whole width."""
        return []

    def refresh(self) -> None:
        """Show the model's current choices."""

    def start_with(self, entry: Entry) -> None:
        """Start with an entry that another tab asks for."""
        self.model.start_with(entry)

    def start_opening(self) -> None:
        """Ask for the files that the task needs first: the button of the empty widget."""

    # Shared by all tasks

    @property
    def form(self) -> ConfigForm:
        """The settings of the chosen method."""
        return self.forms[self.method.currentData()]

    def lock(self, locked: bool) -> None:
        """Disable the fields and the settings during a run."""
        self.setEnabled(not locked)
        self.settings.setEnabled(not locked)

    def show_page(self) -> PageBox:
        """Show the page of the chosen method: what it assumes, needs and gives, when it fails."""
        info = self.model.method
        folder = pages_folder() / FOLDER
        box = PageBox(info.title, method_page(info), self.window(), folder=folder)
        box.show()
        return box

    def follow_method(self) -> None:
        """Show the model's method, where something else than the list chose it."""
        self.method.setCurrentIndex(self.method.findData(self.model.method.name))

    def open_as(
        self, role: Role, path: str, use: Callable[[Entry], object], options: ReadOptions
    ) -> None:
        """Open a file in a role, and use what it holds."""

        def opened(entry: Entry) -> None:
            use(entry)
            self.opened.emit()

        open_table(
            self.viewer,
            path,
            role,
            parent=self,
            opened=opened,
            failed=self.failed.emit,
            options=options,
        )

    def state(self) -> dict[str, Any]:
        """Return method, preset, settings that differ from it, seed and device."""
        return {
            "method": self.model.method.name,
            "preset": self.form.preset.value,
            "settings": self.form.changes(),
            "seed": self.seed.value(),
            "device": self.device.currentText(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Return to a state; what this version does not offer is omitted."""
        at = self.method.findData(state.get("method"))
        if at < 0:
            return
        self.method.setCurrentIndex(at)
        with suppress(ConfigError):
            self.form.set_preset(str(state.get("preset")))
            self.form.set_values(state.get("settings", {}))
        self.seed.setValue(int(state.get("seed", 0)))
        self.device.setCurrentText(str(state.get("device", "")))

    def set_devices(self, names: list[str]) -> None:
        """Offer these devices."""
        chosen = self.device.currentText()
        if names == [self.device.itemText(i) for i in range(self.device.count())]:
            return
        with QSignalBlocker(self.device):
            self.device.clear()
            self.device.addItems(names)
            self.device.setCurrentText(chosen if chosen in names else names[0])

    def _choose_method(self) -> None:
        name, task = self.method.currentData(), self.model.task
        info = next(i for i in methods_for(task) if i.name == name)
        if name not in self.forms:
            memory = self.model.workspace.memory
            form = ConfigForm(info.config(), key=f"{task}.{name}", memory=memory)
            present(self.heads.layout()).addWidget(form.head.native)
            self.settings.add(form)
            form.changed.connect(self._read_form)
            self.forms[name] = form
        for other, form in self.forms.items():
            form.head.visible = other == name
        self.settings.show_form(self.form, info.title)
        order_tabs(self)
        self.summary.setText(info.summary)
        self.model.method = name
        self._read_form()

    def _read_form(self) -> None:
        form = self.form
        self.settings.count(form)
        try:
            self.model.set_config(form.config, form.preset.value)
        except ConfigError as error:
            self.model.set_config(error, form.preset.value)

    def _lay_out(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        rows: list[Row] = [
            *self.rows(),
            ("Method", row(self.method, self.settings_button), self.help_button),
            ("", self.summary, None),
            ("Preset", self.heads, None),
        ]
        for number, (label, widget, button) in enumerate(rows):
            grid.addWidget(QLabel(label), number, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(widget, number, 1, 1, 1 if button else 2)
            if button:
                grid.addWidget(button, number, 2, Qt.AlignmentFlag.AlignTop)
        for widget in self.below():
            grid.addWidget(widget, grid.rowCount(), 0, 1, 3)
