"""The result of a run in the viewer, as points."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_spatialrecon.tissue.slots import OURS, UNCERTAINTY
from napari_spatialrecon.viewer.canvas.coloring import color_layer
from napari_spatialrecon.viewer.canvas.layer_values import can_fade, type_column
from napari_spatialrecon.viewer.canvas.layers import cells_layer
from napari_spatialrecon.viewer.canvas.rims import set_first_rims
from napari_spatialrecon.viewer.canvas.table_metadata import table_of
from napari_spatialrecon.viewer.canvas.tiles import shift_of, tile_slot
from napari_spatialrecon.viewer.workspace.workspace import Role, workspace_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer, Points

    from napari_spatialrecon.viewer.task.job import Outcome

LOCKED = "locked"
"""Key of our metadata; a rerun does not replace a locked layer."""
FEW, FEW_PIXELS = 2_000, 11.0
"""With fewer cells than the first, none is drawn smaller than the second on screen."""
_RUN = "run"


def show_result(
    viewer: ViewerModel,
    outcome: Outcome,
    name: str,
    *,
    diameter_um: float | None = None,
    image: Image | None = None,
    frame: Layer | None = None,
    color: str = UNCERTAINTY,
) -> Points:
    """Add an outcome's cells or spots as points, or replace those of an earlier run.

    Parameters
    ----------
    name
        Name of the layer, for instance "C5 · dp-VAE". A layer of an earlier run with this name is
        replaced unless it is locked.
    diameter_um
        Diameter of a point; None draws cells.
    image
        The H&E under the result. It is shown, and images that cover it and other slides on its
        tile are hidden; if it was moved, the points follow it.
    frame
        The slide in whose frame the result lies, which the points follow where there is no image.
    color
        A column or a gene of the table.
    """
    from napari.layers import Points

    new = _layer(outcome, name, diameter_um, image if image is not None else frame)
    known = (layer for layer in viewer.layers if isinstance(layer, Points))
    old = next((layer for layer in known if _replaceable(layer, name)), None)
    layer = new if old is None else _replaced(viewer, old, new)
    shown = color if color != UNCERTAINTY or can_fade(layer) else type_column(layer)
    if shown is not None:
        color_layer(layer, shown)
    if old is None:
        viewer.add_layer(new)
    uncover(viewer, layer, image)
    set_first_rims(viewer, layer)
    hide_other_results(viewer, layer)
    viewer.layers.selection = {layer}
    return layer


def _layer(outcome: Outcome, name: str, diameter_um: float | None, ground: Layer | None) -> Points:
    from napari.layers import Points

    from napari_spatialrecon.tissue.slide_frame import SlideFrame

    frame = SlideFrame.read(outcome.adata)
    scale = frame.um_per_unit
    diameter = diameter_um / scale if diameter_um and scale else None
    details = {_RUN: name, LOCKED: False, "provenance": dict(outcome.record)}
    data, kwargs, _ = cells_layer(
        outcome.adata,
        name=name,
        frame=frame,
        diameter=diameter,
        metadata={**details, "pose": _pose(outcome), **tile_slot(ground)},
    )
    if ground is not None:
        kwargs["affine"] = moved(ground)
    return Points(data, **kwargs)


def _replaced(viewer: ViewerModel, old: Points, new: Points) -> Points:
    """Replace an old result; with as many cells, reuse its layer.

    Removing a layer makes napari collect garbage, which freezes the window for half a second.
    """
    if len(old.data) == len(new.data) and old.units == new.units:
        old.data, old.features, old.affine = new.data, new.features, new.affine
        old.metadata = new.metadata
        entry = workspace_of(viewer).of_layer(old)
        if entry is not None:
            entry.adata = table_of(new)
        return old
    index = viewer.layers.index(old)
    new.opacity, new.visible = old.opacity, old.visible
    viewer.layers.remove(old)
    viewer.layers.insert(index, new)
    return new


def set_locked(layer: Layer, locked: bool) -> None:
    """Set whether reruns keep a result's layer."""
    layer.metadata[OURS] = {**layer.metadata[OURS], LOCKED: locked}


def is_locked(layer: Layer) -> bool:
    """Return whether reruns keep a result's layer."""
    return bool(layer.metadata.get(OURS, {}).get(LOCKED))


def moved(layer: Layer) -> np.ndarray:
    """Return how a slide's image or spots were moved, beyond their scale, (3, 3) for (y, x).

    It includes the shift of their tile.
    """
    placed = np.eye(3)
    origin, down, right = (
        np.asarray(layer._data_to_world(point), float)[-2:] for point in ((0, 0), (1, 0), (0, 1))
    )
    placed[:2, 0], placed[:2, 1], placed[:2, 2] = down - origin, right - origin, origin
    return placed @ np.diag([1 / layer.scale[-2], 1 / layer.scale[-1], 1.0])


def _pose(outcome: Outcome) -> dict[str, Any]:
    pose = outcome.adata.uns.get(OURS, {}).get("pose", {})
    return {key: np.asarray(value).tolist() for key, value in pose.items()}


def _replaceable(layer: Layer, name: str) -> bool:
    return layer.metadata.get(OURS, {}).get(_RUN) == name and not is_locked(layer)


def hide_other_results(viewer: ViewerModel, layer: Layer, own: Collection[Layer] = ()) -> None:
    """Hide other results that lie on the same tissue, so that their points do not mix.

    Parameters
    ----------
    own
        Further layers of the same result.
    """
    low, high = _reach(layer)
    for other in viewer.layers:
        if other is layer or other in own or not other.visible or not _is_result(other):
            continue
        other_low, other_high = _reach(other)
        if (other_low < high).all() and (other_high > low).all():
            other.visible = False


def _is_result(layer: Layer) -> bool:
    return layer.metadata.get(OURS, {}).get("role") == "result"


def _reach(layer: Layer) -> tuple[np.ndarray, np.ndarray]:
    corners = np.asarray(layer.extent.world, float)[:, -2:]
    return corners[0], corners[1]


def uncover(viewer: ViewerModel, layer: Layer, image: Image | None) -> None:
    """Show the image; hide slides, whose colors are not the result's, and what covers the image.

    The images of slides that lie elsewhere stay.
    """
    from napari.layers import Image

    space, above, slides = workspace_of(viewer), len(viewer.layers), []
    if image is not None and image in viewer.layers:
        image.visible = True
        above = viewer.layers.index(image)
        slides = [entry.layer for entry in space.of_role(Role.HISTOLOGY)]
    spots = [entry.layer for entry in space.of_role(Role.SLIDE)]
    for index, other in enumerate(viewer.layers):
        covers = isinstance(other, Image) and index > above
        here = np.allclose(shift_of(other), shift_of(layer))
        if other not in (layer, image) and (
            other in spots or (here and (other in slides or covers))
        ):
            other.visible = False
