"""What a button that opens a table offers: files, a folder, or either with reading options."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QMenu, QPushButton, QWidget

from napari_spatialrecon.tissue.formats.options import NO_CHOICE, ReadOptions
from napari_spatialrecon.tissue.formats.registry import find_format
from napari_spatialrecon.viewer.widgets.read_dialog import ReadDialog
from napari_spatialrecon.viewer.workspace.opening import FILTER

Then = Callable[[list[str], ReadOptions], None]
"""What is done with paths and with the options to read them."""


def add_path_actions(menu: QMenu, parent: QWidget, title: str, then: Then) -> None:
    """Add what can be opened to a menu.

    Parameters
    ----------
    title
        Title of the dialogs, for instance "Open a slide".
    then
        Called with the paths that were chosen, unless there are none.
    """
    with_options = partial(ask_options, parent, then)
    menu.addAction("Open files…", partial(ask_files, parent, title, then))
    menu.addAction("Open a folder…", partial(_ask_folder, parent, title, then))
    menu.addAction("Open files with options…", partial(ask_files, parent, title, with_options))
    menu.addAction("Open a folder with options…", partial(_ask_folder, parent, title, with_options))


def ask_files(parent: QWidget, title: str, then: Then) -> None:
    """Ask for files."""
    paths = QFileDialog.getOpenFileNames(parent, title, filter=FILTER)[0]
    if paths:
        then(paths, NO_CHOICE)


def ask_options(parent: QWidget, then: Then, paths: list[str], _: ReadOptions) -> None:
    """Ask how to read each path; one of no known format is handed on, to be refused."""
    for path in paths:
        known = find_format(path)
        if known is None:
            then([path], NO_CHOICE)
            continue
        dialog = ReadDialog(Path(path), known, parent)
        dialog.chosen.connect(partial(then, [path]))
        dialog.open()


def show_path_menu(button: QPushButton, title: str, then: Then) -> None:
    """Show the menu below a button."""
    menu = QMenu(button)
    add_path_actions(menu, button, title, then)
    show_menu(menu, button)


def show_menu(menu: QMenu, button: QWidget) -> None:
    """Show a menu below a button, and delete it once it is left: its actions may hold layers."""
    menu.aboutToHide.connect(menu.deleteLater)
    menu.exec(button.mapToGlobal(button.rect().bottomLeft()))


def _ask_folder(parent: QWidget, title: str, then: Then) -> None:
    folder = QFileDialog.getExistingDirectory(parent, title)
    if folder:
        then([folder], NO_CHOICE)
