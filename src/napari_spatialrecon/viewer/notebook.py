"""The form of a config outside the window: in a notebook, a console or a script."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from magicgui.application import Application, use_app

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.hyperparameters import Config
from napari_spatialrecon.methods.registry import METHODS
from napari_spatialrecon.tasks.configs import Settings, by_dotted_name, config_call
from napari_spatialrecon.tasks.configs import config as config_of
from napari_spatialrecon.viewer.widgets.fields import Note
from napari_spatialrecon.viewer.widgets.form import ConfigForm
from napari_spatialrecon.viewer.widgets.looks import look
from napari_spatialrecon.viewer.widgets.parameters import AUTOMATIC, shown

NOTEBOOK, QT = "ipynb", "qt"
"""The toolkits that can draw a form, as magicgui calls them."""
_WIDTH = 400
"""Size of a standalone form, in pixels."""


def form(config: Config | str, settings: Settings | None = None, /, **arguments: Any) -> ConfigForm:
    """Return a config as a form to edit; its ``config`` holds the current values.

    It is the form of the window: a magicgui container, drawn by ipywidgets in a notebook and by Qt
    elsewhere. A script opens it with ``form.show(run=True)``.

    Parameters
    ----------
    config
        A config, or the name of a method.
    settings, arguments
        Initial settings, as in `napari_spatialrecon.config`; with the name of a method also
        its ``task`` and ``preset``.

    Raises
    ------
    InputError
        Neither Qt nor ipywidgets is installed, or there is no such method.
    ConfigError
        There is no such preset or setting, or a value is not allowed.

    Examples
    --------
    >>> form = sr.form("gears", preset="standard")  # doctest: +SKIP
    >>> form.show(run=True)  # doctest: +SKIP
    >>> sr.place(slides, cells, method="gears", config=form.config)  # doctest: +SKIP
    """
    if isinstance(config, Config):
        start = config.with_values(by_dotted_name(settings) | by_dotted_name(arguments))
    else:
        start = config_of(config, settings, **arguments)
    with _drawn_by(_toolkit()):
        result = ConfigForm(type(start), scrollable=True)
        result.min_width, result.margins = _WIDTH, (8, 8, 8, 8)
        result.set_preset(_nearest_preset(start))
        result.config = start
    return result


def display(config: Config) -> None:
    """Show a config where IPython displays it: as a form with the call that makes it, or as text.

    In a notebook with ipywidgets it is the form. The config itself never changes; the call below
    the form contains the edits.
    """
    if not _in_notebook() or not _installed("ipywidgets"):
        print(table(config))
        return
    shown_form = form(config)
    with _drawn_by(NOTEBOOK):
        call = Note(value=_call(shown_form))
    shown_form.append(call)
    shown_form.changed.connect(lambda: setattr(call, "value", _call(shown_form)))
    look(shown_form).display(shown_form)


def table(config: Config) -> str:
    """Return a config as text: one line per option, with its value, unit and help."""
    rows = [
        (option.name, f"{shown(value) or AUTOMATIC} {option.unit}".strip(), option.help)
        for option, value in zip(config.options(), config.flat().values(), strict=True)
    ]
    name, value = (max(len(row[column]) for row in rows) for column in (0, 1))
    lines = [f"{row[0]:{name}}  {row[1]:{value}}  {row[2]}" for row in rows]
    return "\n".join([type(config).__name__, *lines])


def _call(edited: ConfigForm) -> str:
    """Return the Python expression that makes the config of a form."""
    found = [info for info in METHODS if info.config() is edited.config_class]
    if edited.problems() or not found:
        return ""
    info, changes = found[0], edited.changes()
    return config_call(info.name, info.tasks[0], edited.preset.value, changes)


def _nearest_preset(config: Config) -> str:
    """Return the preset from which the fewest values differ."""
    values = config.flat().items()
    presets = {name: config.preset(name).flat() for name in config.presets()}
    return min(presets, key=lambda name: sum(presets[name][key] != value for key, value in values))


def _toolkit() -> str:
    if _in_notebook() and _installed("ipywidgets"):
        return NOTEBOOK
    if _installed("PyQt6") or _installed("PySide6"):
        return QT
    extra = "notebook" if _in_notebook() else "pyqt6"
    raise InputError(
        "Expected Qt or ipywidgets to draw a form, found neither.",
        remedy=f'Try pip install "napari-spatialrecon[{extra}]".',
    )


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _in_notebook() -> bool:
    """Return whether this is the kernel of a notebook; napari's console is not, though a kernel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return type(shell).__name__ == "ZMQInteractiveShell"


@contextmanager
def _drawn_by(toolkit: str) -> Iterator[None]:
    """Make magicgui draw with a toolkit, then restore the one chosen by napari or others."""
    before = Application._instance
    use_app(toolkit)
    try:
        yield
    finally:
        Application._instance = before
