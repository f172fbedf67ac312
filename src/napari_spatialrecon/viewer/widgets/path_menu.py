"""What a button that opens a table offers: a file, or a folder that a platform wrote."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from qtpy.QtWidgets import QFileDialog, QMenu, QPushButton, QWidget

from napari_spatialrecon.viewer.workspace.opening import FILTER


def add_path_actions(
    menu: QMenu, parent: QWidget, title: str, then: Callable[[list[str]], None]
) -> None:
    """Add "Open files…" and "Open a folder…" to a menu.

    Parameters
    ----------
    title
        Title of the dialogs, for instance "Open a slide".
    then
        Called with the paths that were chosen, unless there are none.
    """
    menu.addAction("Open files…", partial(ask_files, parent, title, then))
    menu.addAction(
        "Open a folder (Space Ranger, Xenium, zarr…)…",
        partial(_ask, parent, title, then),
    )


def ask_files(parent: QWidget, title: str, then: Callable[[list[str]], None]) -> None:
    """Ask for files."""
    paths = QFileDialog.getOpenFileNames(parent, title, filter=FILTER)[0]
    if paths:
        then(paths)


def _ask(parent: QWidget, title: str, then: Callable[[list[str]], None]) -> None:
    folder = QFileDialog.getExistingDirectory(parent, title)
    if folder:
        then([folder])


def show_path_menu(button: QPushButton, title: str, then: Callable[[list[str]], None]) -> None:
    """Show the menu below a button."""
    menu = QMenu(button)
    add_path_actions(menu, button, title, then)
    menu.exec(button.mapToGlobal(button.rect().bottomLeft()))
