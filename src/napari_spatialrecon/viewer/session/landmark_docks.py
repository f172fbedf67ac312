"""The docks Landmarks and Align of a session: their marks are drawn while they are open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from qtpy.QtCore import QTimer

from napari_spatialrecon.viewer.window.docks import dock_of, has_joined
from napari_spatialrecon.viewer.window.main_window import has_window
from napari_spatialrecon.viewer.window.memory import PLUGIN
from napari_spatialrecon.viewer.workspace.opening import BENCH
from napari_spatialrecon.viewer.workspace.workspace import workspace_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer
    from qtpy.QtWidgets import QComboBox, QWidget

#: Looks, 10 ms apart, after which docks that never became tabs are left as they are.
_LOOKS = 500


@runtime_checkable
class LandmarkDock(Protocol):
    """A dock that draws the landmarks of a layer while it is open."""

    title: str
    session: Any
    layer: QComboBox
    image: QComboBox
    pointer: Any

    def begin(self) -> None:
        """Start on the chosen layers, with their earlier landmarks."""


def landmark_docks(viewer: ViewerModel, at: Mapping[Layer, int]) -> list[dict[str, Any]]:
    """Return title, layer, image and place of each dock whose landmarks are shown.

    Parameters
    ----------
    at
        Number of each layer of the session.
    """
    return [
        {
            "title": dock.title,
            "layer": at.get(dock.session.layer),
            "image": at.get(dock.session.image) if dock.session.image is not None else None,
            "front": not dock.visibleRegion().isEmpty(),
        }
        for dock in _open(viewer)
        if dock.session is not None and dock.session.layer in at
    ]


def open_landmark_docks(
    viewer: ViewerModel, held: Sequence[Mapping[str, Any]], layers: Sequence[Layer | None]
) -> set[tuple[str, Layer]]:
    """Open docks as they were; return title and layer of each.

    Parameters
    ----------
    held
        What `landmark_docks` returned.
    layers
        By their number; None for one that is missing.
    """
    shown: set[tuple[str, Layer]] = set()
    opened: list[QWidget] = []
    if not has_window(viewer):
        return shown
    front: Any = workspace_of(viewer).kept.get(BENCH)
    for one in held:
        layer = layers[one["layer"]]
        image = None if one["image"] is None else layers[one["image"]]
        if layer is None:
            continue
        _, dock = viewer.window.add_plugin_dock_widget(PLUGIN, one["title"])
        for box, chosen in ((dock.layer, layer), (dock.image, image)):
            if (row := box.findData(chosen)) >= 0:
                box.setCurrentIndex(row)
        dock.begin()
        shown.add((dock.title, layer))
        opened.append(dock)
        front = dock if one["front"] else front
    if opened and front is not None:
        _raise_later(front, opened)
    return shown


def _open(viewer: ViewerModel) -> Iterator[Any]:
    if has_window(viewer):
        for widget in viewer.window.dock_widgets.values():
            if isinstance(widget, LandmarkDock):
                yield widget


def _raise_later(front: QWidget, opened: Sequence[QWidget]) -> None:
    """Raise a widget's dock once docks that were opened have become tabs, each in front."""
    timer = QTimer(front)
    looks = iter(range(_LOOKS))

    def look() -> None:
        joined = all(has_joined(widget) for widget in opened)
        if joined and (dock := dock_of(front)) is not None:
            dock.raise_()
        if joined or next(looks, None) is None:
            timer.deleteLater()

    timer.timeout.connect(look)
    timer.start(10)
