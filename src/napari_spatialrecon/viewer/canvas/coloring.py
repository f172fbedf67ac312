"""How a layer is colored, as far as a user chose it, and how that is kept in a session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.slots import UNCERTAINTY
from napari_spatialrecon.viewer.canvas.colors import (
    ColorKey,
    color_key,
    is_faded,
    set_point_opacity,
    setting_point_colors,
)
from napari_spatialrecon.viewer.canvas.hidden import hidden_entries, hide_entries
from napari_spatialrecon.viewer.canvas.layer_values import Found, can_fade, layer_values
from napari_spatialrecon.viewer.canvas.limits import PERCENTILES, limits_at
from napari_spatialrecon.viewer.canvas.many_points import usual_size
from napari_spatialrecon.viewer.canvas.palette import category_rgba
from napari_spatialrecon.viewer.canvas.rims import ground_color, has_rims, setting_rims
from napari_spatialrecon.viewer.canvas.shapes import follow_colors, has_shapes, set_shapes
from napari_spatialrecon.viewer.window.steps import Steps, at_once

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Points


@dataclass(frozen=True)
class Coloring:
    """What a layer is colored by.

    Parameters
    ----------
    name
        A column or a gene.
    colormap
        Of numbers; empty for the default.
    percentiles
        At the ends of the color map.
    limits
        Values at its ends, if they were set by hand.
    log
        Whether values are log-transformed; None for the default.
    colors
        Colors of categories, by name, where they were changed.
    """

    name: str
    colormap: str = ""
    percentiles: tuple[float, float] = PERCENTILES
    limits: tuple[float, float] | None = None
    log: bool | None = None
    colors: Mapping[str, str] = field(default_factory=dict)


def paint(layer: Points, coloring: Coloring, found: Found) -> ColorKey:
    """Color a layer by values that `layer_values` found."""
    key: ColorKey = at_once(painting(layer, coloring, found))
    return key


def painting(layer: Points, coloring: Coloring, found: Found) -> Steps:
    """Do what `paint` does, and return the same, in steps."""

    def ends() -> tuple[float, float]:
        if coloring.limits is not None:
            return coloring.limits
        numbers = np.asarray(found.values, float)
        return limits_at(numbers, coloring.percentiles, zero=found.kind == "uncertainty")

    key = yield from setting_point_colors(
        layer,
        found.values,
        kind=found.kind,
        title=found.title,
        colormap=coloring.colormap or None,
        limits=ends,
        palette=coloring.colors or None,
        source=(coloring, found),
    )
    follow_colors(layer)
    return key


def color_layer(layer: Points, name: str, **chosen: Any) -> ColorKey:
    """Color a layer by a column or a gene of its table, or by one of its features.

    Parameters
    ----------
    chosen
        Further fields of `Coloring`.

    Raises
    ------
    InputError
        There is no such column or gene.
    """
    coloring = Coloring(name, **chosen)
    return paint(layer, coloring, layer_values(layer, name, log=coloring.log))


def coloring_of(layer: Points) -> tuple[Coloring, Found] | None:
    """Return what a layer is colored by; None if it was colored otherwise since.

    Colors that were changed in a legend are included.
    """
    key = color_key(layer)
    if key is None or not isinstance(key.source, tuple):
        return None
    coloring, found = key.source
    entries = [entry for entry in key.entries if not entry.missing]
    names = [entry.name for entry in entries] if found.kind == "category" else []
    before = category_rgba(names, coloring.colors or None)
    now = {e.name: _hex(e.color) for e, old in zip(entries, before) if _hex(old) != _hex(e.color)}
    return (replace(coloring, colors={**coloring.colors, **now}) if now else coloring), found


def fade(layer: Points, faded: bool) -> None:
    """Fade the points of a layer by their uncertainty, or show all opaque."""
    shown = faded and can_fade(layer)
    if shown or is_faded(layer):
        set_point_opacity(layer, layer.features[UNCERTAINTY].to_numpy() if shown else None)


def diameter(layer: Points) -> float:
    """Return the median diameter of a layer's points, in world units (µm where they are known)."""
    scale = float(np.abs(np.asarray(layer.scale)[-1]))
    return usual_size(layer) * scale if len(layer.data) else 0.0


def set_diameter(layer: Points, world: float) -> None:
    """Scale the points of a layer so that their median diameter is `world`."""
    now = diameter(layer)
    if now > 0 and world > 0:
        layer.size = np.asarray(layer.size) * (world / now)
        layer.events.size()  # napari says it only of its own control


def look_of(layer: Points) -> dict[str, Any]:
    """Return how a layer looks, as JSON can hold it; `restore_look` returns to it."""
    held, key = coloring_of(layer), color_key(layer)
    entries = key.entries if key is not None else ()
    return {
        "color": asdict(held[0]) if held is not None else None,
        "hidden": [entries[i].name for i in sorted(hidden_entries(layer))],
        "size": diameter(layer),
        "rims": has_rims(layer),
        "faded": is_faded(layer),
        "shapes": has_shapes(layer),
    }


def restore_look(viewer: ViewerModel, layer: Points, look: Mapping[str, Any]) -> None:
    """Return to a look; a column or gene that no longer exists is ignored."""
    at_once(restoring_look(viewer, layer, look))


def restoring_look(viewer: ViewerModel, layer: Points, look: Mapping[str, Any]) -> Steps:
    """Do what `restore_look` does, in steps."""
    if (color := look.get("color")) is not None:
        kept = {**color, "percentiles": tuple(color["percentiles"])}
        if kept["limits"] is not None:
            kept["limits"] = tuple(kept["limits"])
        coloring, key = Coloring(**kept), None

        def values() -> Found | None:
            try:
                return layer_values(layer, coloring.name, log=coloring.log)
            except InputError:
                return None

        found = yield values
        if found is not None:
            key = yield from painting(layer, coloring, found)
        if key is not None:
            hidden = set(look.get("hidden", ()))
            hide_entries(layer, [i for i, e in enumerate(key.entries) if e.name in hidden])
    yield None
    set_diameter(layer, float(look.get("size", 0.0)))
    yield None
    if bool(look.get("rims")) != has_rims(layer):
        ground = None if has_rims(layer) else ground_color(viewer, layer)
        yield from setting_rims(layer, ground)
        yield None
    fade(layer, bool(look.get("faded")))
    set_shapes(layer, bool(look.get("shapes")))


def _hex(color: Sequence[float] | np.ndarray) -> str:
    return "#" + "".join(f"{round(c * 255):02X}" for c in color[:3])
