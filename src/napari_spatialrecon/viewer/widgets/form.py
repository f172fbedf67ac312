"""A form from any config: sections, help, units, bounds, presets; Advanced folded away."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from magicgui.widgets import ComboBox, Container, PushButton
from magicgui.widgets.bases import Widget

from napari_spatialrecon.errors import ConfigError
from napari_spatialrecon.hyperparameters import Config
from napari_spatialrecon.viewer.widgets.fields import Field, Fold, Note
from napari_spatialrecon.viewer.widgets.looks import look
from napari_spatialrecon.viewer.widgets.parameters import Group, groups
from napari_spatialrecon.viewer.window.memory import Memory


class ConfigForm(Container[Widget]):
    """A magicgui container with every hyper-parameter of a config as a field.

    Text that was typed stays even if it is invalid; the reason is then shown below the field, and
    `config` raises it. ``changed`` is emitted at every change.

    Parameters
    ----------
    config_class
        The class whose options, sections and presets make the form.
    key
        Key of the values in `memory`, for instance ``"place.dpvae"``.
    memory
        Keeps values between sessions; None keeps none.
    scrollable
        Whether it scrolls by itself, for use outside a scrolling area.

    Attributes
    ----------
    head
        The row of the preset, which may be moved out of the form to stay visible when it is folded.
    fields
        The fields by the dotted names of their options.
    """

    def __init__(
        self,
        config_class: type[Config],
        *,
        key: str = "",
        memory: Memory | None = None,
        scrollable: bool = False,
    ) -> None:
        self.config_class = config_class
        self._key, self._memory = key, memory
        self.fields: dict[str, Field] = {}
        self._make_head()
        everyday = self._rows(groups(config_class, advanced=False))
        self.advanced = Fold("Advanced", self._rows(groups(config_class, advanced=True)))
        parts = [self.head, everyday, self.advanced]
        super().__init__(widgets=parts, labels=False, scrollable=scrollable)
        self.margins = (0, 0, 6, 0)
        self.advanced.visible = any(f.option.advanced for f in self.fields.values())
        # Connected first, so that other listeners see the updated form.
        self.changed.connect(self._show_state)
        kept = memory.form(key) if memory is not None and key else {}
        self.config = config_class.preset(self.preset.value)
        self._recall(kept)

    @property
    def config(self) -> Config:
        """The config; when set, values are compared with those of the current preset.

        Raises
        ------
        ConfigError
            A field holds an invalid value.
        """
        return self.config_class().with_values({n: f.editor.value for n, f in self.fields.items()})

    @config.setter
    def config(self, config: Config) -> None:
        self._fill(config)
        self.changed.emit(self)

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Change some values, by dotted name.

        Raises
        ------
        ConfigError
            A name is unknown or a value invalid; then nothing is changed.
        """
        self.config = self.config_class().with_values(self._read()[0]).with_values(values)

    def set_preset(self, name: str) -> None:
        """Choose a preset; its values replace those in the form.

        Raises
        ------
        ConfigError
            The preset does not exist.
        """
        config = self.config_class.preset(name)
        with self.preset.changed.blocked():
            self.preset.value = name
        self.config = config

    def problems(self) -> dict[str, ConfigError]:
        """Return the errors, by the name of the field."""
        return self._read()[1]

    def changes(self) -> dict[str, Any]:
        """Return the values that differ from the chosen preset; invalid fields are omitted."""
        start = self.config_class.preset(self.preset.value).flat()
        return {name: v for name, v in self._read()[0].items() if v != start[name]}

    def _ipython_display_(self, *_: Any, **__: Any) -> None:
        look(self).display(self)

    def _make_head(self) -> None:
        self.preset = ComboBox(
            value=self.config_class.presets()[0],
            choices=self.config_class.presets(),
            tooltip="Values to start from: quick runs on a CPU within minutes.",
        )
        self.tally = Note(value="")
        self.reset_button = PushButton(text="Reset", tooltip="Reset to the values of the preset.")
        # Connected before the head is made, so that the form is up to date when the head emits.
        self.preset.changed.connect(self._use_preset)
        self.reset_button.changed.connect(self._use_preset)
        parts: list[Widget] = [self.preset, self.tally, self.reset_button]
        self.head = Container(layout="horizontal", widgets=parts, labels=False)
        self.head.margins = (0, 0, 0, 0)
        drawn = look(self.head)
        drawn.grow(self.preset)
        drawn.shrink(self.reset_button)
        drawn.ignore_wheel(self.preset)
        drawn.name(self.preset, "Preset")

    def _rows(self, parts: list[Group]) -> Container[Widget]:
        rows: list[Widget] = []
        for part in parts:
            if part.heading:
                heading = Note(value=part.heading, tooltip=part.help)
                look(heading).heading(heading)
                rows.append(heading)
            for option in part.options:
                self.fields[option.name] = Field(option)
                rows.append(self.fields[option.name])
        result = Container(widgets=rows, labels=False)
        result.margins = (0, 0, 0, 0)
        if titles := [row.title for row in rows if isinstance(row, Field)]:
            look(result).align(result, titles)
        return result

    def _read(self) -> tuple[dict[str, Any], dict[str, ConfigError]]:
        """Return the valid values, and the errors of the others."""
        values: dict[str, Any] = {}
        problems: dict[str, ConfigError] = {}
        for name, field in self.fields.items():
            try:
                values[name] = field.value()
            except ConfigError as error:
                problems[name] = error
        return values, problems

    def _fill(self, config: Config) -> None:
        for name, value in config.flat().items():
            self.fields[name].set_value(value)

    def _use_preset(self) -> None:
        self._fill(self.config_class.preset(self.preset.value))

    def _show_state(self) -> None:
        changes, problems = self.changes(), self.problems()
        for name, field in self.fields.items():
            field.mark(changed=name in changes or name in problems, problem=problems.get(name))
        n = len({*changes, *problems})
        self.tally.value = f"{n} changed" if n else ""
        self.reset_button.enabled = n > 0
        if self._memory is not None and self._key and not problems:
            kept = {"preset": self.preset.value, "values": changes}
            self._memory.remember_form(self._key, kept)

    def _recall(self, kept: Mapping[str, Any]) -> None:
        """Show the values used last; those that a newer version no longer allows are dropped."""
        if kept.get("preset") in self.config_class.presets():
            self.set_preset(kept["preset"])
        values = kept.get("values")
        for name, value in values.items() if isinstance(values, dict) else ():
            with contextlib.suppress(ConfigError):
                self.set_values({name: value})
