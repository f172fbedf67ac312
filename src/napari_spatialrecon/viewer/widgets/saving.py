"""Asking where to save a table, and in which format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from napari_spatialrecon.errors import WriteError

_FILTERS = {"Tables (*.h5ad)": ".h5ad", "SpatialData (*.zarr)": ".zarr"}


def ask_where(parent: QWidget, title: str, name: str) -> str:
    """Return where to save a table: a name that ends in .h5ad or .zarr; empty if canceled.

    Parameters
    ----------
    name
        Without a suffix.
    """
    start = f"{name.replace('/', '_')}.h5ad"
    path, chosen = QFileDialog.getSaveFileName(parent, title, start, ";;".join(_FILTERS))
    if not path:
        return ""
    suffix = _FILTERS.get(chosen, ".h5ad")
    if Path(path).suffix == suffix or (not chosen and Path(path).suffix in _FILTERS.values()):
        return path
    known = Path(path).suffix in _FILTERS.values()  # the name stays as the other filter was chosen
    return str(Path(path).with_suffix(suffix)) if known else f"{path}{suffix}"


def offer_elsewhere(parent: QWidget, ask: Callable[[], None], error: object) -> None:
    """Offer to save in another place what could not be written; nothing waits for the answer.

    Parameters
    ----------
    ask
        Asks for the place, and saves there.
    error
        Any but a `WriteError` is left to the notice that shows it.
    """
    if not isinstance(error, WriteError):
        return
    box = QMessageBox(QMessageBox.Icon.Warning, "Not saved", str(error), parent=parent)
    box.setInformativeText("The result is still open. It can be saved in another place.")
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    elsewhere = box.addButton("Save elsewhere…", QMessageBox.ButtonRole.AcceptRole)
    box.addButton(QMessageBox.StandardButton.Cancel)
    assert elsewhere is not None, "a box makes its buttons"
    elsewhere.clicked.connect(lambda: ask())
    box.open()
