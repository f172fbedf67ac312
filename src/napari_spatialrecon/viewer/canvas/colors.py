"""Color points by a gene, a category or an uncertainty, without freezing the window.

napari guesses from its values whether a feature is categorical, and colors categories one point at
a time. Here the kind is given or follows from the dtype, and all colors are assigned at once.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.viewer.canvas.bar_title import show_bar
from napari_spatialrecon.viewer.canvas.palette import (
    CERTAINTY,
    MISSING,
    category_rgba,
    color_map,
    to_rgba,
)
from napari_spatialrecon.viewer.canvas.point_nodes import redraw_colors
from napari_spatialrecon.viewer.canvas.rims import paint_rims, put_colors
from napari_spatialrecon.viewer.window.steps import Steps, at_once

if TYPE_CHECKING:
    import pandas as pd
    from napari.layers import Points

    Values: TypeAlias = np.ndarray | pd.Series | pd.Categorical | list[Any]

Kind = Literal["gene", "category", "uncertainty"]

COLORMAPS: dict[str, str] = {"gene": "viridis", "uncertainty": CERTAINTY}
_STEPS = 256


@dataclass(frozen=True)
class ColorEntry:
    """One line of a legend: a name, its color (RGBA in [0, 1]) and its number of points."""

    name: str
    color: tuple[float, float, float, float]
    count: int
    missing: bool = False


@dataclass(frozen=True)
class ColorKey:
    """What the colors of a layer mean.

    Parameters
    ----------
    kind
        ``"gene"``, ``"category"`` or ``"uncertainty"``.
    title
        What is shown, for instance ``"ERBB2"`` or ``"cell type"``.
    entries
        One per category in order, then one for missing values if there are any. With a color map
        only the one for missing values.
    codes : (n_points,) int32
        Index into `entries` of each point, -1 for points colored by a color map.
    limits
        Values at the two ends of the color map, None for categories.
    source
        What the colors were made from, for whom set them.
    """

    kind: Kind
    title: str
    entries: tuple[ColorEntry, ...]
    codes: np.ndarray = field(repr=False, compare=False)
    limits: tuple[float, float] | None = None
    colormap: str | None = None
    source: object = field(default=None, repr=False, compare=False)

    @property
    def missing(self) -> int:
        """Number of points without a value."""
        return sum(entry.count for entry in self.entries if entry.missing)

    def with_color(self, index: int, color: str | Sequence[float]) -> ColorKey:
        """Return a key in which the entry `index` has another color."""
        entries = list(self.entries)
        r, g, b, a = (float(c) for c in to_rgba(color))
        entries[index] = replace(entries[index], color=(r, g, b, a))
        return replace(self, entries=tuple(entries))


#: Layer -> (its key, the color array set with it): a key is valid until the colors change.
_painted: weakref.WeakKeyDictionary[Points, tuple[ColorKey, weakref.ref[np.ndarray]]]
_painted = weakref.WeakKeyDictionary()
#: Layer -> the opacity (n_points,) of its points, while they are faded.
_opacities: weakref.WeakKeyDictionary[Points, np.ndarray] = weakref.WeakKeyDictionary()


def color_key(layer: Points) -> ColorKey | None:
    """Return what the layer's colors mean; None if they were not set here or have changed since."""
    key, array = _painted.get(layer, (None, None))
    return key if array is not None and array() is layer.face_color else None


def guess_kind(values: Values) -> Kind:
    """Return ``"category"`` for text, booleans and pandas categoricals, else ``"gene"``."""
    import pandas as pd

    dtype = pd.Series(values[:0]).dtype if isinstance(values, list) else values.dtype
    if isinstance(dtype, pd.CategoricalDtype) or pd.api.types.is_bool_dtype(dtype):
        return "category"
    if isinstance(values, list):
        dtype = np.asarray(values).dtype
    return "gene" if pd.api.types.is_numeric_dtype(dtype) else "category"


def set_point_colors(
    layer: Points,
    values: Values,
    *,
    kind: Kind | None = None,
    title: str = "",
    colormap: str | None = None,
    limits: tuple[float, float] | None = None,
    palette: Mapping[str, str] | Sequence[str] | None = None,
    missing_color: str = MISSING,
    source: object = None,
) -> ColorKey:
    """Color the points of a layer, and return what the colors mean.

    Parameters
    ----------
    layer
        Only its face colors and its color bar change.
    values : (n_points,)
        Numbers, strings, booleans or a pandas categorical. NaN and None are missing.
    kind
        What `values` are; None infers it from the dtype (numbers are never categories).
    title
        Title of the legend.
    colormap
        Name of a color map; by default viridis for a gene, and one whose light end is the most
        certain for an uncertainty.
    limits
        Values at the ends of the color map; by default the smallest and the largest finite value,
        starting from 0 for an uncertainty.
    palette
        Colors of categories, by name or in order; see `category_rgba`.
    missing_color
        Color of points without a value.
    source
        Kept in the key.

    Raises
    ------
    InputError
        There is not one value for each point.
    """
    key: ColorKey = at_once(
        setting_point_colors(
            layer,
            values,
            kind=kind,
            title=title,
            colormap=colormap,
            limits=limits,
            palette=palette,
            missing_color=missing_color,
            source=source,
        )
    )
    return key


def setting_point_colors(
    layer: Points,
    values: Values,
    *,
    kind: Kind | None = None,
    title: str = "",
    colormap: str | None = None,
    limits: tuple[float, float] | Callable[[], tuple[float, float]] | None = None,
    palette: Mapping[str, str] | Sequence[str] | None = None,
    missing_color: str = MISSING,
    source: object = None,
) -> Steps:
    """Do what `set_point_colors` does, and return the same, in steps; limits may be computed."""
    if len(values) != len(layer.data):
        raise InputError(
            f"Expected one value for each of {len(layer.data):,} points, found {len(values):,}.",
            remedy="Try values in the order of the layer's points.",
            where=layer.name,
        )
    chosen = kind or guess_kind(values)

    def colors() -> tuple[ColorKey, np.ndarray]:
        if chosen == "category":
            return _categories(values, title, palette, missing_color)
        ends = limits() if callable(limits) else limits
        return _numbers(values, chosen, title, colormap or COLORMAPS[chosen], ends, missing_color)

    key, rgba = yield colors
    key = replace(key, source=source)
    yield from _painting(layer, key, rgba)
    return key


def repaint(layer: Points, key: ColorKey) -> None:
    """Color the categories of `key` again, after `ColorKey.with_color`."""
    table = np.array([entry.color for entry in key.entries], np.float32)
    _paint(layer, key, _as_napari(table)[key.codes])


def set_point_opacity(
    layer: Points, uncertainty: np.ndarray | None, *, least: float = 0.15
) -> None:
    """Fade points by their uncertainty, from opaque down to `least`; None undoes it.

    The opacity is kept when the points are colored by something else.

    Parameters
    ----------
    uncertainty : (n_points,) float
        NaN counts as the most uncertain.
    """
    key = color_key(layer)
    rgba = np.array(layer.face_color)
    rgba[:, 3] = 1.0
    _opacities.pop(layer, None)
    if uncertainty is not None:
        values = np.asarray(uncertainty, np.float32)
        low, high = _limits(values, None, zero=False)
        certainty = 1.0 - np.nan_to_num((values - low) / (high - low), nan=1.0)
        _opacities[layer] = least + (1.0 - least) * np.clip(certainty, 0.0, 1.0)
    _assign(layer, rgba)
    _fade_rims(layer)
    if key is not None:
        _painted[layer] = (key, weakref.ref(layer.face_color))
    redraw_colors(layer, rims=True)


def is_faded(layer: Points) -> bool:
    """Return whether the layer's points are faded by their uncertainty."""
    return layer in _opacities


def _fade_rims(layer: Points) -> None:
    """Give rims the opacity of their points; points without a rim get none."""
    rims = np.array(layer.border_color)
    rimmed = rims[:, 3] > 0
    rims[rimmed, 3] = _opacities.get(layer, np.ones(len(rims), np.float32))[rimmed]
    with layer._border.events.blocker_all():
        put_colors(layer._border, rims)


def _naturally_ordered(values: Values) -> pd.Categorical:
    """Return the categories of values, "10" after "9"; an order that was given is kept."""
    import pandas as pd
    from natsort import natsorted

    categorical = pd.Categorical(values)
    names = list(categorical.categories)
    alphabetical = all(isinstance(n, str) for n in names) and names == sorted(names)
    if categorical.ordered or not alphabetical:
        return categorical
    return categorical.reorder_categories(natsorted(names))


def _categories(
    values: Values,
    title: str,
    palette: Mapping[str, str] | Sequence[str] | None,
    missing_color: str,
) -> tuple[ColorKey, np.ndarray]:
    categorical = _naturally_ordered(values)
    names = [str(c) for c in categorical.categories]
    codes = np.asarray(categorical.codes, np.int32)
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    table = category_rgba(names, palette)
    entries = [_entry(n, c, count) for n, c, count in zip(names, table, counts, strict=True)]
    missing = int((codes < 0).sum())
    if missing:
        codes = np.where(codes < 0, len(names), codes).astype(np.int32)
        entries.append(_entry("missing", to_rgba(missing_color), missing, missing=True))
        table = np.vstack([table, to_rgba(missing_color)])
    return ColorKey("category", title, tuple(entries), codes), _as_napari(table)[codes]


def _numbers(
    values: Values,
    kind: Kind,
    title: str,
    colormap: str,
    limits: tuple[float, float] | None,
    missing_color: str,
) -> tuple[ColorKey, np.ndarray]:
    numbers = np.asarray(values, np.float32)
    low, high = _limits(numbers, limits, zero=kind == "uncertainty")
    table = np.vstack(
        [color_map(colormap).map(np.linspace(0, 1, _STEPS)), to_rgba(missing_color)]
    ).astype(np.float32)
    absent = ~np.isfinite(numbers)
    scaled = (numbers - low) * np.float32((_STEPS - 1) / (high - low))
    index = np.clip(np.where(absent, 0, scaled), 0, _STEPS - 1).astype(np.int32)
    missing = int(absent.sum())
    codes = np.full(len(numbers), -1, np.int32)
    entries = []
    if missing:
        index[absent], codes[absent] = _STEPS, 0
        entries = [_entry("missing", to_rgba(missing_color), missing, missing=True)]
    key = ColorKey(kind, title, tuple(entries), codes, (low, high), colormap)
    return key, _as_napari(table)[index]


def _as_napari(colors: np.ndarray) -> np.ndarray:
    """Return colors (n, 4) of 32 bits in 64, as napari keeps them."""
    return np.asarray(colors, np.float32).astype(float)


def _limits(
    values: np.ndarray, limits: tuple[float, float] | None, *, zero: bool
) -> tuple[float, float]:
    if limits is None:
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        limits = (min(0.0, low), high) if zero else (low, high)
    low, high = float(limits[0]), float(limits[1])
    return (low, high) if high > low else (low, low + 1.0)


def _entry(name: str, color: np.ndarray, count: int, *, missing: bool = False) -> ColorEntry:
    r, g, b, a = (float(c) for c in color)
    return ColorEntry(name, (r, g, b, a), int(count), missing)


def _paint(layer: Points, key: ColorKey, rgba: np.ndarray) -> None:
    at_once(_painting(layer, key, rgba))


def _painting(layer: Points, key: ColorKey, rgba: np.ndarray) -> Steps:
    """Paint the points, and then show the bar, whose first appearance takes as long."""
    _assign(layer, rgba)
    face = layer._face
    if key.colormap is not None:
        face.continuous_colormap = color_map(key.colormap)
    face.contrast_limits = key.limits
    _painted[layer] = (key, weakref.ref(layer.face_color))
    rims = paint_rims(layer)
    if rims:
        _fade_rims(layer)
    redraw_colors(layer, rims=rims)
    yield None
    if color_key(layer) is key:
        show_bar(layer, (key.title or key.kind) if key.limits is not None else None)


def _assign(layer: Points, rgba: np.ndarray) -> None:
    """Set the face colors with napari's per-property events blocked: one redraw, not three."""
    from napari.layers.utils._color_manager_constants import ColorMode

    face, opacity = layer._face, _opacities.get(layer)
    if opacity is not None and len(opacity) == len(rgba):
        rgba[:, 3] = opacity
    with face.events.blocker_all():
        face.color_mode = ColorMode.DIRECT
        face.color_properties = None
        put_colors(face, rgba)
    layer._update_thumbnail()


def resume_colors(layer: Points, key: ColorKey, rgba: np.ndarray) -> None:
    """Give a layer colors (n_points, 4) whose meaning is known, as a session kept them."""
    _paint(layer, key, np.array(rgba, np.float32))
