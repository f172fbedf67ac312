"""Asking where to save a table, and in which format."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QWidget

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
