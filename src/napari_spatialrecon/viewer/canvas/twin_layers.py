"""A second points layer at the positions of a first, to show further values beside its colors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_spatialrecon.tissue.slots import OURS
from napari_spatialrecon.viewer.canvas.table_metadata import table_of
from napari_spatialrecon.viewer.canvas.tiles import tile_slot

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Points

CELLS = "cells"
"""Key of our metadata of a twin: the table of the cells or spots of which it shows some."""
_TWIN = "twin_of"


def find_twin(viewer: ViewerModel, name: str) -> Points | None:
    """Return the twin of this name, None if there is none."""
    from napari.layers import Points

    points = (layer for layer in viewer.layers if isinstance(layer, Points))
    return next((la for la in points if la.metadata.get(OURS, {}).get(_TWIN) == name), None)


def twin(viewer: ViewerModel, source: Points, name: str) -> Points:
    """Return the twin of this name; if there is none, add one above `source`."""
    from napari.layers import Points

    known = find_twin(viewer, name)
    if known is not None:
        return known
    ours = source.metadata.get(OURS, {})
    kept = {key: ours[key] for key in ("unit", "um_per_unit") if key in ours}
    layer = Points(
        np.array(source.data),
        name=name,
        size=source.size,
        border_width=source.border_width,
        border_color=source.border_color,
        canvas_size_limits=source.canvas_size_limits,
        scale=source.scale,
        translate=source.translate,
        affine=source.affine,
        units=source.units,
        axis_labels=source.axis_labels,
        features=source.features,
        metadata={OURS: {**kept, **tile_slot(source), **_shown(source, name)}},
    )
    viewer.layers.insert(viewer.layers.index(source) + 1, layer)
    return layer


def _shown(source: Points, name: str) -> dict[str, Any]:
    return {"role": "result", _TWIN: name, CELLS: table_of(source)}


def show_rows(layer: Points, source: Points, rows: np.ndarray) -> None:
    """Restrict a twin to these points of its source.

    In two dimensions napari draws points even where ``shown`` is False.
    """
    with layer.events.blocker_all():
        layer.selected_data = set()
    layer.data = np.array(source.data)[rows]
    layer.features = source.features.iloc[rows].reset_index(drop=True)
    layer.size = np.asarray(source.size)[rows]


def forget_twin(viewer: ViewerModel, name: str) -> None:
    """Remove a twin."""
    layer = find_twin(viewer, name)
    if layer is not None:
        viewer.layers.remove(layer)
