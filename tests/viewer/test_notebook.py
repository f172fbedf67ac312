"""The form of a config outside the window: drawn by Qt, by ipywidgets, or as text."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtWidgets import QScrollArea, QWidget

import napari_spatialrecon as sr
from napari_spatialrecon.errors import ConfigError, InputError
from napari_spatialrecon.methods.gears.config import GearsConfig
from napari_spatialrecon.methods.registry import METHODS, MethodInfo
from napari_spatialrecon.viewer import notebook
from napari_spatialrecon.viewer.widgets.form import ConfigForm

STANDARD = GearsConfig.preset("standard").with_values({"members": 3})


@pytest.fixture
def in_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebook, "_in_notebook", lambda: True)


def test_outside_of_a_notebook_the_form_is_drawn_by_qt(qtbot: Any) -> None:
    form = notebook.form(STANDARD)
    qtbot.addWidget(form.root_native_widget)
    assert isinstance(form.native, QWidget)
    assert form.config == STANDARD
    assert (form.preset.value, form.tally.value) == ("standard", "1 changed")


@pytest.mark.parametrize(
    ("arguments", "settings"),
    [
        (("gears",), {"preset": "standard", "members": 3, "training__steps": 7}),
        (("gears", {"training": {"steps": 7}, "members": 3}), {"preset": "standard"}),
        ((STANDARD, {"training.steps": 7}), {}),
        ((GearsConfig.preset("standard"),), {"members": 3, "training__steps": 7}),
    ],
)
def test_it_begins_with_a_config_or_with_what_makes_one(
    arguments: tuple[Any, ...], settings: dict[str, Any], qtbot: Any
) -> None:
    form = sr.form(*arguments, **settings)
    qtbot.addWidget(form.root_native_widget)
    assert form.config == STANDARD.with_values({"training.steps": 7})
    assert form.preset.value == "standard"


def test_no_method_and_no_setting_are_refused(qtbot: Any) -> None:
    with pytest.raises(InputError, match="Expected a method, found 'geers'"):
        sr.form("geers")
    with pytest.raises(ConfigError, match="Did you mean members"):
        sr.form(STANDARD, memberz=2)


def test_ipython_opens_it_as_a_window(qtbot: Any) -> None:
    form = notebook.form(STANDARD)
    qtbot.addWidget(form.root_native_widget)
    form._ipython_display_()
    assert form.visible
    window = form.root_native_widget
    assert isinstance(window, QScrollArea) and window.width() >= 400
    assert all(field.editor.width > 15 for field in form.fields.values() if field.visible)


@pytest.mark.usefixtures("in_notebook")
def test_in_a_notebook_the_same_form_is_drawn_by_ipywidgets(qtbot: Any) -> None:
    import ipywidgets

    form = notebook.form(STANDARD)
    assert isinstance(form.native, ipywidgets.VBox)
    members = form.fields["members"].editor.native
    members.value = "5"
    assert form.config == STANDARD.with_values({"members": 5})
    members.value = "many"
    assert "whole number" in form.fields["members"].error.value
    with pytest.raises(ConfigError):
        form.config
    form.reset_button.native.click()
    assert form.config == GearsConfig.preset("standard") and form.tally.value == ""
    form.advanced.button.native.click()
    assert not form.advanced.folded and form.config == GearsConfig.preset("standard")
    form.preset.native.value = "paper"
    assert form.config == GearsConfig.preset("paper")


@pytest.mark.usefixtures("in_notebook")
def test_what_napari_draws_afterwards_is_drawn_by_qt(qtbot: Any) -> None:
    notebook.form(STANDARD)
    form = ConfigForm(GearsConfig)
    qtbot.addWidget(form.root_native_widget)
    assert isinstance(form.native, QWidget)


@pytest.mark.usefixtures("in_notebook")
@pytest.mark.parametrize("info", METHODS, ids=lambda info: f"{info.name}-{info.tasks[0]}")
def test_each_method_of_each_task_has_a_form_in_a_notebook(info: MethodInfo) -> None:
    for preset in info.config().presets():
        config = info.config().preset(preset)
        assert notebook.form(config).config == config


@pytest.mark.usefixtures("in_notebook")
def test_a_notebook_shows_the_form_and_the_call_that_makes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown: list[Any] = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    notebook.display(STANDARD)
    call = shown[0].children[-1]
    assert call.value == 'sr.config("gears", preset="standard", members=3)'
    shown[0]._magic_widget.set_values({"training.steps": 7})
    assert call.value == 'sr.config("gears", preset="standard", members=3, training__steps=7)'
    shown[0]._magic_widget.set_preset("paper")
    assert call.value == 'sr.config("gears", preset="paper")'


def test_elsewhere_a_config_is_shown_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    notebook.display(STANDARD)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "GearsConfig"
    assert len(lines) == 1 + len(GearsConfig.options())
    members = next(line for line in lines if line.startswith("members "))
    assert members.split()[1] == "3" and GearsConfig.options()[0].help in "\n".join(lines)


@pytest.mark.parametrize(("inside", "extra"), [(True, "notebook"), (False, "pyqt6")])
def test_without_a_toolkit_it_says_what_to_install(
    inside: bool, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notebook, "_in_notebook", lambda: inside)
    monkeypatch.setattr(notebook, "_installed", lambda module: False)
    with pytest.raises(InputError, match=rf"napari-spatialrecon\[{extra}\]"):
        notebook.form(STANDARD)


def test_ipython_shows_a_config_by_itself() -> None:
    """In a kernel of its own, as a notebook starts it: a widget, and text without ipywidgets."""
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel()
    try:
        code = "import napari_spatialrecon as sr; sr.config('gears')"
        assert "application/vnd.jupyter.widget-view+json" in shown_by(client, code)
        code = "import sys; sys.modules['ipywidgets'] = None; sr.config('gears')"
        assert "members " in shown_by(client, code)["text"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def shown_by(client: Any, code: str) -> dict[str, Any]:
    """Run code in a kernel and return the data that it shows."""
    told: dict[str, Any] = {}
    reply = client.execute_interactive(
        code, timeout=60, output_hook=lambda message: told.update(message["content"])
    )
    assert reply["content"]["status"] == "ok", reply["content"]
    return told | told.get("data", {})
