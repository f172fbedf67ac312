"""The µm of what is open: as typed, as a file states it, as a layer is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.slots import OURS
from napari_spatialrecon.viewer.canvas.layers import um_per_layer_unit

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_spatialrecon.viewer.workspace.entry import Entry


def apply_scale(entry: Entry, um_per_unit: float) -> None:
    """Give an entry its µm per unit, and draw its layer so."""
    if entry.layer is not None:
        factor = um_per_unit / (entry.um_per_unit or 1.0)
        entry.layer.scale = entry.layer.scale * factor
        entry.layer.units = ("um",) * entry.layer.ndim
        ours = {**entry.layer.metadata.get(OURS, {}), "unit": "um", "um_per_unit": um_per_unit}
        entry.layer.metadata[OURS] = ours
    entry.um_per_unit = um_per_unit


def stated_scale(entry: Entry) -> float | None:
    """Return the µm per pixel that the file of an image opened on its own states."""
    from napari_spatialrecon.tissue.lazy_image import image_shape
    from napari_spatialrecon.tissue.pixel_size import stated_um_per_pixel

    layer, path = entry.image, entry.path
    size = None if path is None or not path.exists() else stated_um_per_pixel(path)
    if layer is None or path is None or size is None:
        return None
    finest = layer.data[0] if layer.multiscale else layer.data
    try:
        whole = tuple(finest.shape[:2]) == image_shape(path)
    except InputError:
        return None
    return size if whole else None


def unify_units(viewer: ViewerModel | None, entries: list[Entry]) -> None:
    """Draw what is of unknown scale with a unit as a µm.

    napari would give up the units of all layers, and the scale bar that of its own.
    """
    shown = [entry.layer for entry in entries if entry.layer is not None]
    unscaled = [e.layer for e in entries if e.layer and e.um_per_unit is None]
    if shown and viewer is not None:
        others = [layer for layer in viewer.layers if layer not in shown]
        unscaled += [layer for layer in others if um_per_layer_unit(layer) is None]
    for layer in unscaled:
        if layer.units[-1].is_compatible_with("um"):
            continue
        held = layer.metadata.get(OURS, {})
        layer.metadata[OURS] = {**held, "unit": "unit", "um_per_unit": None}
        layer.units = (*layer.units[:-2], "um", "um")


def um_per_data_unit(layer: Layer) -> float | None:
    """Return the µm per unit of a layer's data; None if that is not known."""
    unit = um_per_layer_unit(layer)
    return None if unit is None else unit * float(layer.scale[-1])
