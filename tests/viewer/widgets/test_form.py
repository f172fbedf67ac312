from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
from magicgui.widgets import CheckBox, ComboBox, Container, Label, LineEdit, SpinBox, create_widget
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QWidget

from napari_spatialrecon.errors import ConfigError
from napari_spatialrecon.hyperparameters import Config, option, section
from napari_spatialrecon.methods.registry import METHODS, MethodInfo
from napari_spatialrecon.viewer.widgets.form import ConfigForm
from napari_spatialrecon.viewer.window.memory import Memory


@dataclass(frozen=True)
class Inner(Config):
    width: int = option(8, "Width of the network.", low=1, high=512)
    rate: float = option(1e-4, "Rate of learning.", low=0.0, advanced=True)


@dataclass(frozen=True)
class Outer(Config):
    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {},
        "paper": {"steps": 900, "inner.width": 256},
    }

    steps: int = option(30, "Steps of training.", unit="steps", low=1)
    radius: float | None = option(None, "Reach of a spot.", unit="µm", low=0.0)
    noisy: bool = option(True, "Add noise.")
    kind: str = option("a", "Which kind.", choices=("a", "b"))
    order: str | None = option(None, "Which order.", choices=("up", "down"))
    inner: Inner = section(Inner, "The network.")


@pytest.fixture
def form(qtbot: Any) -> ConfigForm:
    return shown(qtbot, ConfigForm(Outer))


def shown(qtbot: Any, form: ConfigForm) -> ConfigForm:
    qtbot.addWidget(form.native)
    form.show()
    return form


def typed(form: ConfigForm, name: str, text: str) -> None:
    form.fields[name].editor.native.setText(text)


def test_it_is_a_magicgui_container(form: ConfigForm) -> None:
    assert isinstance(form, Container)
    assert isinstance(form.fields["noisy"].editor, CheckBox)
    assert isinstance(form.fields["kind"].editor, ComboBox)
    assert isinstance(form.fields["steps"].editor, LineEdit)


def test_other_plugins_keep_the_fields_of_magicgui(form: ConfigForm, qtbot: Any) -> None:
    field = create_widget(annotation=int)
    qtbot.addWidget(field.native)
    assert isinstance(field, SpinBox)


def test_it_begins_with_the_first_preset(form: ConfigForm) -> None:
    assert form.config == Outer() and form.tally.value == ""
    assert not form.reset_button.enabled


def test_editors_say_help_unit_and_bounds(form: ConfigForm) -> None:
    steps = form.fields["steps"]
    assert "Steps of training." in steps.editor.tooltip == steps.title.tooltip
    assert "At least 1 steps." in steps.editor.tooltip
    assert "steps" in [label.value for label in steps[0] if isinstance(label, Label)]
    assert steps.editor.native.accessibleName() == "Steps steps"
    assert form.fields["radius"].editor.native.placeholderText() == "automatic"
    assert form.fields["order"].editor.current_choice == "automatic"


def test_titles_are_as_wide_as_the_widest(form: ConfigForm) -> None:
    titles = [form.fields[name].title.native for name in ("steps", "radius", "inner.width")]
    assert len({title.width() for title in titles}) == 1
    assert all(title.width() >= title.sizeHint().width() for title in titles)


def test_advanced_settings_are_folded_away(form: ConfigForm) -> None:
    rate = form.fields["inner.rate"]
    assert form.advanced.folded and not rate.visible and form.fields["inner.width"].visible
    form.advanced.button.native.click()
    assert rate.visible and not form.advanced.folded


def test_what_is_chosen_becomes_the_config(form: ConfigForm) -> None:
    typed(form, "steps", "77")
    typed(form, "radius", "2.5")
    form.fields["noisy"].editor.native.setChecked(False)
    form.fields["kind"].editor.native.setCurrentText("b")
    form.fields["order"].editor.native.setCurrentText("down")
    typed(form, "inner.rate", "3e-5")
    assert form.config == Outer(77, 2.5, False, "b", "down", Inner(rate=3e-5))
    assert form.tally.value == "6 changed"
    assert form.fields["steps"].title.value == "Steps •"


def test_tab_goes_from_field_to_field_and_keys_type(form: ConfigForm, qtbot: Any) -> None:
    steps = form.fields["steps"].editor.native
    steps.selectAll()
    qtbot.keyClicks(steps, "120")
    assert form.config == Outer(120)
    reached, widget = [steps], steps.nextInFocusChain()
    while widget is not steps:
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.isVisible():
            reached.append(widget)
        widget = widget.nextInFocusChain()
    names = ("steps", "radius", "noisy", "kind", "order", "inner.width")
    fields = [form.fields[name].editor.native for name in names]
    buttons = [form.advanced.button.native, form.preset.native, form.reset_button.native]
    assert reached == [*fields, *buttons]


def test_the_wheel_changes_nothing_and_goes_on_to_what_scrolls(
    form: ConfigForm, wheel_taken: Callable[[QWidget, int], bool]
) -> None:
    form.set_values({"kind": "b", "order": "up"})
    before = form.config
    for editor in (form.preset, *(field.editor for field in form.fields.values())):
        assert not any(wheel_taken(editor.native, angle) for angle in (-120, 120)), editor
    assert form.config == before and form.preset.value == "quick"


def test_a_long_number_is_shown_rounded_and_kept_until_another_is_typed(form: ConfigForm) -> None:
    third = Outer(radius=1 / 3)
    form.config = third
    editor = form.fields["radius"].editor.native
    assert editor.text() == "0.333333"
    assert form.config == third
    editor.setText("0.33333")
    assert form.config == Outer(radius=0.33333)
    editor.setText("0.333333")
    assert form.config == third
    form.config = Outer(radius=1234.5678)
    assert editor.text() == "1234.5678"


@pytest.mark.parametrize("text", ["", "none", " None "])
def test_an_empty_field_is_automatic(form: ConfigForm, text: str) -> None:
    form.config = Outer(radius=2.0)
    typed(form, "radius", text)
    assert form.config.radius is None


def test_a_wrong_value_stays_and_says_why(form: ConfigForm) -> None:
    typed(form, "inner.width", "1000")
    width = form.fields["inner.width"]
    assert width.editor.native.text() == "1000"
    assert "from 1 to 512, found 1000" in width.error.value
    assert width.error.visible
    with pytest.raises(ConfigError, match="found 1000"):
        form.config
    typed(form, "inner.width", "100")
    assert not width.error.visible and form.config.inner.width == 100


@pytest.mark.parametrize("text", ["", "many", "1.5", "-3", "nan"])
def test_no_whole_number_is_no_crash(form: ConfigForm, text: str) -> None:
    typed(form, "steps", text)
    assert "steps" in form.problems() and form.tally.value == "1 changed"


def test_presets_and_reset(form: ConfigForm) -> None:
    form.preset.native.setCurrentText("paper")
    assert form.config == Outer.preset("paper") and form.tally.value == ""
    typed(form, "steps", "5")
    assert form.tally.value == "1 changed"
    form.reset_button.native.click()
    assert form.config == Outer.preset("paper")


def test_values_are_set_as_a_config_or_by_name(form: ConfigForm) -> None:
    form.config = Outer(steps=3)
    form.set_values({"inner.width": 16})
    assert form.config == Outer(steps=3, inner=Inner(width=16))


def test_unknown_names_and_presets_are_refused_and_nothing_changes(form: ConfigForm) -> None:
    with pytest.raises(ConfigError, match="Did you mean steps"):
        form.set_values({"stepz": 3, "noisy": False})
    with pytest.raises(ConfigError, match="preset"):
        form.set_preset("fast")
    assert form.config == Outer()


def test_values_come_back_in_the_next_session(qtbot: Any) -> None:
    store: dict[str, str] = {}
    first = shown(qtbot, ConfigForm(Outer, key="place.outer", memory=Memory(store)))
    first.set_preset("paper")
    first.fields["kind"].editor.native.setCurrentText("b")
    typed(first, "steps", "wrong")
    second = shown(qtbot, ConfigForm(Outer, key="place.outer", memory=Memory(store)))
    assert second.preset.value == "paper"
    assert second.config == Outer.preset("paper").with_values({"kind": "b"})


def test_what_a_newer_version_no_longer_knows_is_dropped(qtbot: Any) -> None:
    memory = Memory({})
    memory.remember_form("f", {"preset": "gone", "values": {"gone": 1, "steps": 7, "kind": "z"}})
    assert shown(qtbot, ConfigForm(Outer, key="f", memory=memory)).config == Outer(steps=7)


def test_it_says_once_when_it_changes_and_shows_it_by_then(form: ConfigForm) -> None:
    told: list[tuple[str, bool]] = []
    form.changed.connect(lambda: told.append((form.tally.value, form.config.noisy)))
    form.fields["noisy"].editor.native.toggle()
    form.advanced.button.native.click()
    assert told == [("1 changed", False)]
    form.set_preset("paper")
    assert told[1:] == [("", True)]


@pytest.mark.parametrize("info", METHODS, ids=lambda info: f"{info.name}-{info.tasks[0]}")
def test_each_method_of_each_task_has_a_form(info: MethodInfo, qtbot: Any) -> None:
    config_class = info.config()
    form = shown(qtbot, ConfigForm(config_class))
    assert list(form.fields) and {*form.fields} == {o.name for o in config_class.options()}
    for preset in config_class.presets():
        form.set_preset(preset)
        assert form.config == config_class.preset(preset) and form.tally.value == ""
