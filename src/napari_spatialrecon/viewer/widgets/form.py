"""A form from any config: sections, help, units, bounds, presets; Advanced folded away."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

from napari_spatialrecon.errors import ConfigError
from napari_spatialrecon.hyperparameters import Config, Option
from napari_spatialrecon.viewer.widgets.fields import Field, plain
from napari_spatialrecon.viewer.window.memory import Memory


def config_form(
    config_class: type[Config], *, name: str = "", memory: Memory | None = None
) -> ConfigForm:
    """Return a form for a config; see `ConfigForm`."""
    return ConfigForm(config_class, name=name, memory=memory)


class ConfigForm(QWidget):
    """Every hyper-parameter of a config as a field.

    What is typed stays, even if it is not allowed: the reason then stands below the field, and
    `value` raises it.

    Parameters
    ----------
    config_class
        Its options, sections and presets make the form.
    name
        Under which `memory` keeps the values, for instance ``"place.dpvae"``.
    memory
        Where values are kept between sessions; None keeps none.

    Attributes
    ----------
    head
        The row of the preset, which may be moved to where it is seen when the form is folded.
    """

    changed = Signal()

    def __init__(
        self, config_class: type[Config], *, name: str = "", memory: Memory | None = None
    ) -> None:
        super().__init__()
        self.config_class = config_class
        self._name, self._memory = name, memory
        self.fields = {option.name: Field(option) for option in config_class.options()}
        self.head = QWidget()
        self.preset = QComboBox()
        self.preset.addItems(config_class.presets())
        self.preset.setToolTip("Values to start from: quick runs on a CPU within minutes.")
        self.count = QLabel()
        self.reset_button = QPushButton("Reset")
        self.reset_button.setToolTip("Back to the values of the preset.")
        self._lay_out()
        self.preset.currentTextChanged.connect(self._use_preset)
        self.reset_button.clicked.connect(self._use_preset)
        for field in self.fields.values():
            field.changed.connect(self._after_change)
        kept = memory.form(name) if memory is not None and name else {}
        self._use_preset()
        self._recall(kept)

    def value(self) -> Config:
        """Return the config.

        Raises
        ------
        ConfigError
            A field holds what is not allowed.
        """
        return self.config_class().with_values(
            {name: field.value() for name, field in self.fields.items()}
        )

    def set_value(self, config: Config) -> None:
        """Show a config, measured against the preset chosen now."""
        self._fill(config.flat())
        self._after_change()

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Change some values, by dotted name.

        Raises
        ------
        ConfigError
            A name is unknown or a value not allowed; then nothing is changed.
        """
        start = self.config_class().with_values(self._allowed())
        self.set_value(start.with_values(values))

    def set_preset(self, name: str) -> None:
        """Choose a preset; its values replace those in the form.

        Raises
        ------
        ConfigError
            There is no such preset.
        """
        self.config_class.preset(name)
        self.preset.setCurrentText(name)
        self._use_preset()

    def problems(self) -> dict[str, ConfigError]:
        """Return what is wrong, by the name of the field."""
        return {n: p for n, field in self.fields.items() if (p := field.problem()) is not None}

    def changes(self) -> dict[str, Any]:
        """Return the values that differ from the chosen preset; fields not allowed are left out."""
        start = self.config_class.preset(self.preset.currentText()).flat()
        return {name: v for name, v in self._allowed().items() if v != start[name]}

    def _allowed(self) -> dict[str, Any]:
        return {n: f.value() for n, f in self.fields.items() if f.problem() is None}

    def _fill(self, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            with QSignalBlocker(self.fields[name]):
                self.fields[name].set_value(value)

    def _use_preset(self) -> None:
        self.set_value(self.config_class.preset(self.preset.currentText()))

    def _after_change(self) -> None:
        changes, wrong = self.changes(), self.problems()
        for name, field in self.fields.items():
            field.mark(changed=name in changes or name in wrong)
        n = len({*changes, *wrong})
        self.count.setText(f"{n} changed" if n else "")
        self.reset_button.setEnabled(n > 0)
        if self._memory is not None and self._name and not wrong:
            kept = {"preset": self.preset.currentText(), "values": changes}
            self._memory.remember_form(self._name, kept)
        self.changed.emit()

    def _recall(self, kept: Mapping[str, Any]) -> None:
        """Show what was used last; what a newer version no longer allows is dropped."""
        if kept.get("preset") in self.config_class.presets():
            self.set_preset(kept["preset"])
        values = kept.get("values")
        for name, value in values.items() if isinstance(values, dict) else ():
            with contextlib.suppress(ConfigError):
                self.set_values({name: value})

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 6, 0)
        top = QHBoxLayout(self.head)
        top.setContentsMargins(0, 0, 0, 0)
        top.addWidget(self.preset, 1)
        top.addWidget(self.count)
        top.addWidget(self.reset_button)
        layout.addWidget(self.head)
        everyday = [f for f in self.fields.values() if not f.option.advanced]
        advanced = [f for f in self.fields.values() if f.option.advanced]
        layout.addWidget(self._rows(everyday))
        self.advanced = QCollapsible("Advanced", expandedIcon="▾", collapsedIcon="▸")
        self.advanced.setDuration(0)
        if advanced:
            self.advanced.addWidget(self._rows(advanced))
            layout.addWidget(self.advanced)
        layout.addStretch()

    def _rows(self, fields: list[Field]) -> QWidget:
        helps = self.config_class.section_help()
        widget = QWidget()
        form = QFormLayout(widget)
        form.setContentsMargins(0, 0, 0, 0)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        current = ""
        for field in fields:
            section = _section(field.option)
            if section != current:
                heading = QLabel(f"<b>{plain(section)}</b>")
                heading.setToolTip(helps.get(section, ""))
                heading.setTextFormat(Qt.TextFormat.RichText)
                form.addRow(heading)
                current = section
            form.addRow(field.label, field)
        return widget


def _section(option: Option) -> str:
    return option.name.rpartition(".")[0]
