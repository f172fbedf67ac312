"""Rims that set points apart from what lies below them: dark on light ground, white on dark."""

from __future__ import annotations

import weakref
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from napari_spatialrecon.viewer.window.steps import Steps, at_once

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Points
    from napari.layers.utils.color_manager import ColorManager

RIM = 0.1
"""Width of a rim, relative to its point."""
MOST_RIMMED = 50_000
"""With more points than this they touch at most scales, and rims are off at first."""
_FLOOR = "v_edgewidth = max(v_edgewidth, u_canvas_size_min * 0.5);"
_THIN = "v_edgewidth = a_edgewidth > 0.0 ? max(v_edgewidth, min(0.7, 0.12 * $v_size)) : 0.0;"
_DISTINCT = 3.0
"""Contrast above which a face is seen on a ground without a rim."""
_SHADE, _TINT = 0.3, 0.15
"""Dark and light shades of a face: the brightness, and the color, that they keep."""
_DARK, _LIGHT = 0.05, 0.75
_WEIGHTS = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""Of red, green and blue in what is seen as brightness."""
_SAMPLES = 40
"""Points under which the color of an image is read; few, since large images are on disk."""

#: Layer -> color (3,) of the ground that its rims were made for.
_grounds: weakref.WeakKeyDictionary[Points, np.ndarray] = weakref.WeakKeyDictionary()


def thin_rims() -> None:
    """Draw rims of at most a pixel around points that are at their least size on screen.

    vispy 0.17 makes the rim of such a point half as wide as the point, even one of width zero.
    Points drawn before the first call keep it.
    """
    from napari._vispy.visuals.markers import Markers

    shaders = Markers._shaders
    if _FLOOR in shaders["vertex"]:
        vertex = shaders["vertex"].replace(_FLOOR, _THIN)
        Markers._shaders = {**shaders, "vertex": vertex}


def rim_colors(faces: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """Return the color of each rim, a dark or a light shade of its face.

    On tissue it is the one that contrasts more with both face and ground. On black or white, a face
    that is distinct from the ground gets the shade that is still more so: the other would only make
    the point look smaller.

    Parameters
    ----------
    faces : (n, 4) RGBA in [0, 1]
    ground : (3,) RGB in [0, 1]

    Returns
    -------
    (n, 4) float32

    Examples
    --------
    >>> yellow = np.array([[1.0, 1.0, 0.0, 1.0]])
    >>> rim_colors(yellow, np.ones(3)).round(1).tolist()
    [[0.3, 0.3, 0.0, 1.0]]
    """
    below = _luminance(ground[None])
    levels = np.arange(256, dtype=np.float32)[:, None].repeat(3, axis=1) / 255
    at = np.empty((len(faces), 3), np.uint8)
    np.clip(
        np.asarray(faces)[:, :3] * np.float32(255) + np.float32(0.5),
        0,
        255,
        out=at,
        casting="unsafe",
    )
    face, dark, light = (_looked_up(one, at) for one in (levels, levels * _SHADE, _tint(levels)))
    to_ground = [_contrast(one, below) for one in (dark, light)]
    worst = [np.minimum(g, _contrast(one, face)) for g, one in zip(to_ground, (dark, light))]
    choose_light = worst[1] > worst[0]
    if not _DARK < float(below[0]) < _LIGHT:
        distinct = _contrast(face, below) >= _DISTINCT
        choose_light = np.where(distinct, to_ground[1] > to_ground[0], choose_light)
    rims = np.ones((len(faces), 4), np.float32)
    rims[:, :3] = np.asarray(faces)[:, :3]
    rims[:, :3] *= np.where(choose_light, np.float32(_TINT), np.float32(_SHADE))[:, None]
    rims[:, :3] += np.where(choose_light, np.float32(1 - _TINT), np.float32(0))[:, None]
    return rims


def set_rims(layer: Points, ground: np.ndarray | None) -> None:
    """Give the points of a layer rims for this ground, (3,) RGB, or none; new colors keep them."""
    at_once(setting_rims(layer, ground))


def setting_rims(layer: Points, ground: np.ndarray | None) -> Steps:
    """Do what `set_rims` does, in steps; between them the layer may get other rims or colors."""
    if ground is None:
        _grounds.pop(layer, None)
        if not (np.any(layer.border_width) or np.any(layer.border_color)):
            return
        _assign(layer, np.zeros((len(layer.data), 4), np.float32))
        yield None
        _set_width(layer, 0.0)
        return
    own = _grounds[layer] = np.asarray(ground, float)
    faces = np.asarray(layer.face_color)
    rims = yield partial(rim_colors, faces, own)
    if _grounds.get(layer) is not own:
        return
    if np.asarray(layer.face_color) is faces:
        _assign(layer, rims)
    else:
        paint_rims(layer)
    yield None
    if _grounds.get(layer) is own:
        _set_width(layer, RIM)


def set_first_rims(viewer: ViewerModel, layer: Points) -> None:
    """Give points rims where they help: on tissue or a light canvas, if they are not too many.

    On a dark canvas every color of ours is seen, and rims would only shrink small points.
    """
    ground = ground_color(viewer, layer)
    dark = float(_luminance(ground[None])[0]) < _DARK
    set_rims(layer, None if dark or len(layer.data) > MOST_RIMMED else ground)


def has_rims(layer: Points) -> bool:
    """Return whether the points of a layer have rims by contrast."""
    return layer in _grounds


def paint_rims(layer: Points) -> bool:
    """Color the rims of a layer for its present faces; return whether it has rims."""
    ground = _grounds.get(layer)
    if ground is None:
        return False
    _assign(layer, rim_colors(np.asarray(layer.face_color), ground))
    return True


def ground_color(viewer: ViewerModel, layer: Points) -> np.ndarray:
    """Return the color (3,) on which most points of a layer lie: of an image below, or canvas."""
    from napari.layers import Image

    if layer in viewer.layers:
        below = list(viewer.layers)[: viewer.layers.index(layer)]
    else:
        below = list(viewer.layers)
    for image in reversed(below):
        if isinstance(image, Image) and image.visible and image.rgb and image.ndim == 2:
            found = _color_at(image, layer)
            if found is not None:
                return found
    return np.asarray(viewer.canvas.background_color, float)[:3]


def _color_at(image: Image, layer: Points) -> np.ndarray | None:
    """Return the median color of an image under the points; None if most lie beside it."""
    level = image.data[-1] if image.multiscale else image.data
    if not len(layer.data):
        return None
    some = np.linspace(0, len(layer.data) - 1, min(_SAMPLES, len(layer.data))).astype(int)
    world = np.asarray(layer._data_to_world(np.asarray(layer.data)[some][:, -2:]))
    finest = image.data[0] if image.multiscale else image.data
    shrunk = np.asarray(level.shape[:2]) / np.asarray(finest.shape[:2])
    affine = image._data_to_world
    at = np.round(np.asarray(affine.inverse(world))[:, -2:] * shrunk).astype(int)
    inside = ((at >= 0) & (at < level.shape[:2])).all(axis=1)
    if inside.mean() < 0.5:
        return None
    pixels = np.stack([np.asarray(level[int(y), int(x)])[:3] for y, x in at[inside]])
    scale = 255.0 if pixels.dtype.kind in "ui" else 1.0
    median: np.ndarray = np.median(pixels, axis=0) / scale
    return median


def _assign(layer: Points, rims: np.ndarray) -> None:
    with layer._border.events.blocker_all():
        put_colors(layer._border, rims)


def put_colors(manager: ColorManager, colors: np.ndarray) -> None:
    """Give napari the colors (n, 4) of points as it keeps them, without being asked what they are.

    It converts them twice: a tenth of a second for a million points.
    """
    vars(manager)["colors"] = np.asarray(colors, float)


def _set_width(layer: Points, width: float) -> None:
    if not (np.asarray(layer.border_width) == width).all():
        layer.border_width = width
    else:
        layer.events.border_color()


def _tint(colors: np.ndarray) -> np.ndarray:
    """Return the light shade of colors."""
    return 1 - (1 - colors) * np.float32(_TINT)


def _looked_up(shades: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return the luminance of colors (n, 3) uint8 whose 256 levels have these shades (256, 3).

    A power for each of three million numbers would take a quarter of a second.
    """
    table = _linear(shades) * _WEIGHTS
    found: np.ndarray = table[at[:, 0], 0]
    for i in (1, 2):
        found += table[at[:, i], i]
    return found


def _linear(colors: np.ndarray) -> np.ndarray:
    return np.asarray(colors, np.float32)[:, :3] ** np.float32(2.2)


def _luminance(colors: np.ndarray) -> np.ndarray:
    """Return the relative luminance of sRGB colors (n, 3 or 4)."""
    return _linear(colors) @ _WEIGHTS


def _contrast(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the contrast ratio of luminances, 1 to 21."""
    ratio: np.ndarray = (np.maximum(one, other) + 0.05) / (np.minimum(one, other) + 0.05)
    return ratio
