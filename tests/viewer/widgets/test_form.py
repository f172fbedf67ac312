from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
from qtpy.QtWidgets import QCheckBox, QComboBox, QLabel

from napari_spatialrecon.errors import ConfigError
from napari_spatialrecon.hyperparameters import Config, option, section
from napari_spatialrecon.viewer.widgets.form import ConfigForm, config_form
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
    inner: Inner = section(Inner, "The network.")


@pytest.fixture
def form(qtbot: Any) -> ConfigForm:
    widget = config_form(Outer)
    qtbot.addWidget(widget)
    return widget


def test_it_begins_with_the_first_preset(form: ConfigForm) -> None:
    assert form.value() == Outer() and form.count.text() == ""
    assert not form.reset_button.isEnabled()


def test_editors_suit_the_type_and_say_help_unit_and_bounds(form: ConfigForm) -> None:
    assert isinstance(form.fields["noisy"].editor, QCheckBox)
    assert isinstance(form.fields["kind"].editor, QComboBox)
    steps = form.fields["steps"]
    assert "Steps of training." in steps.editor.toolTip()
    assert "At least 1 steps." in steps.editor.toolTip()
    assert "steps" in [label.text() for label in steps.findChildren(QLabel)]
    assert form.fields["radius"].editor.placeholderText() == "automatic"


def test_advanced_settings_are_folded_away(form: ConfigForm) -> None:
    assert form.advanced.isAncestorOf(form.fields["inner.rate"])
    assert not form.advanced.isAncestorOf(form.fields["inner.width"])
    assert not form.advanced.isExpanded()


def test_what_is_typed_becomes_the_config(form: ConfigForm) -> None:
    form.fields["steps"].editor.setText("77")
    form.fields["radius"].editor.setText("2.5")
    form.fields["noisy"].editor.setChecked(False)
    form.fields["kind"].editor.setCurrentText("b")
    form.fields["inner.rate"].editor.setText("3e-5")
    assert form.value() == Outer(77, 2.5, False, "b", Inner(rate=3e-5))
    assert form.count.text() == "5 changed"


def test_a_long_number_is_shown_rounded_and_kept_until_another_is_typed(form: ConfigForm) -> None:
    third = Outer(radius=1 / 3)
    form.set_value(third)
    field = form.fields["radius"]
    assert field.editor.text() == "0.333333"
    assert form.value() == third
    field.editor.setText("0.33333")
    assert form.value() == Outer(radius=0.33333)
    field.editor.setText("0.333333")
    assert form.value() == third
    form.set_value(Outer(radius=1234.5678))
    assert field.editor.text() == "1234.5678"


def test_a_wrong_value_stays_and_says_why(form: ConfigForm) -> None:
    form.fields["inner.width"].editor.setText("1000")
    assert form.fields["inner.width"].editor.text() == "1000"
    assert "from 1 to 512, found 1000" in form.fields["inner.width"].error.text()
    assert not form.fields["inner.width"].error.isHidden()
    with pytest.raises(ConfigError, match="found 1000"):
        form.value()
    form.fields["inner.width"].editor.setText("100")
    assert form.fields["inner.width"].error.isHidden() and form.value().inner.width == 100


@pytest.mark.parametrize("text", ["", "many", "1.5", "-3", "nan"])
def test_no_whole_number_is_no_crash(form: ConfigForm, text: str) -> None:
    form.fields["steps"].editor.setText(text)
    assert "steps" in form.problems() and form.count.text() == "1 changed"


def test_presets_and_reset(form: ConfigForm) -> None:
    form.preset.setCurrentText("paper")
    assert form.value() == Outer.preset("paper") and form.count.text() == ""
    form.fields["steps"].editor.setText("5")
    assert form.count.text() == "1 changed"
    form.reset_button.click()
    assert form.value() == Outer.preset("paper")


def test_values_are_set_as_a_config_or_by_name(form: ConfigForm) -> None:
    form.set_value(Outer(steps=3))
    form.set_values({"inner.width": 16})
    assert form.value() == Outer(steps=3, inner=Inner(width=16))


def test_unknown_names_and_presets_are_refused_and_nothing_changes(form: ConfigForm) -> None:
    with pytest.raises(ConfigError, match="Did you mean steps"):
        form.set_values({"stepz": 3, "noisy": False})
    with pytest.raises(ConfigError, match="preset"):
        form.set_preset("fast")
    assert form.value() == Outer()


def test_values_come_back_in_the_next_session(qtbot: Any) -> None:
    store: dict[str, str] = {}
    first = config_form(Outer, name="place.outer", memory=Memory(store))
    qtbot.addWidget(first)
    first.set_preset("paper")
    first.fields["kind"].editor.setCurrentText("b")
    first.fields["steps"].editor.setText("wrong")
    second = config_form(Outer, name="place.outer", memory=Memory(store))
    qtbot.addWidget(second)
    assert second.preset.currentText() == "paper"
    assert second.value() == Outer.preset("paper").with_values({"kind": "b"})


def test_what_a_newer_version_no_longer_knows_is_dropped(qtbot: Any) -> None:
    memory = Memory({})
    memory.remember_form("f", {"preset": "gone", "values": {"gone": 1, "steps": 7, "kind": "z"}})
    form = config_form(Outer, name="f", memory=memory)
    qtbot.addWidget(form)
    assert form.value() == Outer(steps=7)


def test_it_says_when_it_changes(form: ConfigForm, qtbot: Any) -> None:
    with qtbot.waitSignal(form.changed):
        form.fields["noisy"].editor.toggle()


def test_each_method_has_a_form(qtbot: Any) -> None:
    from napari_spatialrecon.methods.dpvae.config import DPVAEConfig

    form = config_form(DPVAEConfig)
    qtbot.addWidget(form)
    for preset in DPVAEConfig.presets():
        form.set_preset(preset)
        assert form.value() == DPVAEConfig.preset(preset)
