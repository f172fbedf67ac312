"""What layers show, held apart from the window: dots, pictures and lines in world (x, y).

A scene is taken in the window's thread, which is quick: arrays of points are copied, and images
are read when they are drawn, in any thread.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from napari_spatialrecon.viewer.canvas.bar_title import bar_title
from napari_spatialrecon.viewer.canvas.colors import ColorKey, color_key
from napari_spatialrecon.viewer.canvas.pies import pies_of

if TYPE_CHECKING:
    from napari.layers import Image, Layer, Points, Vectors
    from napari.utils.colormaps import Colormap

_FLIP = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
_MARKERS = {"disc": "o", "square": "s", "diamond": "D", "triangle_up": "^", "triangle_down": "v"}


@dataclass(frozen=True, eq=False)
class Sectors:
    """Pies of points.

    Parameters
    ----------
    ends : (n, k) float
        End of each sector as a share of a turn, clockwise from the top.
    colors : (n, k, 4) float
        RGBA in [0, 1].
    rest : (4,) float
        Color of what no sector covers.
    """

    ends: np.ndarray
    colors: np.ndarray
    rest: np.ndarray

    def of(self, rows: np.ndarray) -> Sectors:
        """Return the pies of some points."""
        return Sectors(self.ends[rows], self.colors[rows], self.rest)


@dataclass(frozen=True, eq=False)
class Dots:
    """Points of one layer that are shown.

    Parameters
    ----------
    places : (n, 2) float, (x, y)
    diameters : (n,) float
        In world units.
    faces, rims : (n, 4) float
        RGBA in [0, 1], the layer's opacity included.
    rim_widths : (n,) float
        As a share of the diameter.
    codes : (n,) int
        Entry of the key of each; -1 of those colored by a color map.
    pies
        Drawn in place of the points; None without any.
    """

    name: str
    places: np.ndarray
    diameters: np.ndarray
    faces: np.ndarray
    rims: np.ndarray
    rim_widths: np.ndarray
    marker: str
    key: ColorKey | None
    codes: np.ndarray
    pies: Sectors | None = None

    def within(self, extent: np.ndarray) -> Dots:
        """Return the dots that touch an extent, (2, 2) low and high (x, y)."""
        reach = self.diameters[:, None] / 2
        low, high = self.places + reach >= extent[0], self.places - reach <= extent[1]
        rows = np.flatnonzero((low & high).all(axis=1))
        names = ("places", "diameters", "faces", "rims", "rim_widths", "codes")
        parts: dict[str, Any] = {name: getattr(self, name)[rows] for name in names}
        pies = None if self.pies is None else self.pies.of(rows)
        return replace(self, **parts, pies=pies)


@dataclass(frozen=True, eq=False)
class Picture:
    """One image layer.

    Parameters
    ----------
    levels
        Finest first, each (rows, columns) or (rows, columns, 3 or 4).
    matrix : (3, 3)
        From (x, y) in pixels of the finest level to the world.
    colormap
        None for a color image.
    """

    name: str
    levels: tuple[Any, ...]
    matrix: np.ndarray
    colormap: Colormap | None
    limits: tuple[float, float]
    opacity: float
    smooth: bool
    title: str
    histology: bool = False

    def cut(self, extent: np.ndarray, pixel: float) -> tuple[np.ndarray, np.ndarray] | None:
        """Read the part within an extent, no finer than needed.

        Parameters
        ----------
        extent : (2, 2)
            Low and high (x, y) in the world.
        pixel
            World units per pixel of the figure.

        Returns
        -------
        RGBA (rows, columns, 4) uint8, and its map (3, 3) from (x, y) in pixels to the world;
        None if the image is elsewhere.
        """
        base = self.levels[0].shape
        own = float(abs(np.linalg.det(self.matrix[:2, :2]))) ** 0.5
        factors = [np.array([base[1] / lv.shape[1], base[0] / lv.shape[0]]) for lv in self.levels]
        fine = [i for i, factor in enumerate(factors) if own * factor.max() <= pixel]
        level, factor = self.levels[fine[-1] if fine else 0], factors[fine[-1] if fine else 0]
        matrix = self.matrix @ np.diag([*factor, 1.0])
        (x0, y0), (x1, y1) = extent
        corners = np.array([[x0, y0, 1], [x1, y0, 1], [x0, y1, 1], [x1, y1, 1]], float)
        inside = (np.linalg.inv(matrix) @ corners.T)[:2]
        size = np.array([level.shape[1], level.shape[0]])
        low = np.clip(np.floor(inside.min(axis=1)).astype(int) - 1, 0, size)
        high = np.clip(np.ceil(inside.max(axis=1)).astype(int) + 2, 0, size)
        if (high <= low).any():
            return None
        part = np.asarray(level[low[1] : high[1], low[0] : high[0]])
        shift = np.eye(3)
        shift[:2, 2] = low
        return self._colored(part), matrix @ shift

    def _colored(self, part: np.ndarray) -> np.ndarray:
        rgba = np.full((*part.shape[:2], 4), 255, np.uint8)
        if self.colormap is not None:
            low, high = self.limits
            share = np.clip((part.astype(np.float32) - low) / ((high - low) or 1.0), 0.0, 1.0)
            found = np.asarray(self.colormap.map(share.ravel()))
            rgba[:] = np.rint(255 * found).reshape(rgba.shape)
        else:
            rgba[..., : part.shape[2]] = part if part.dtype == np.uint8 else np.rint(255 * part)
        rgba[..., 3] = np.rint(rgba[..., 3] * self.opacity)
        return rgba


@dataclass(frozen=True, eq=False)
class Lines:
    """Vectors of one layer: start and end of each, (n, 2, 2) as (x, y), and colors (n, 4)."""

    name: str
    ends: np.ndarray
    colors: np.ndarray
    width: float


Drawn: TypeAlias = Dots | Picture | Lines


@dataclass(frozen=True, eq=False)
class Scene:
    """What is drawn in one panel, from bottom to top, and what could not be drawn."""

    drawn: tuple[Drawn, ...]
    unit: str
    missing: tuple[str, ...] = field(default=())


def scene_of(layers: list[Layer]) -> Scene:
    """Return what layers show, from bottom to top.

    Layers of other kinds than points, images and vectors are named in `Scene.missing`.
    """
    from napari.layers import Image, Points, Vectors

    from napari_spatialrecon.viewer.canvas.layers import um_per_layer_unit

    drawn: list[Drawn] = []
    missing = []
    for layer in layers:
        flat = layer.ndim == 2
        if isinstance(layer, Points) and flat:
            drawn.append(_dots(layer))
        elif isinstance(layer, Image) and flat:
            drawn.append(_picture(layer))
        elif isinstance(layer, Vectors) and flat:
            drawn.append(_lines(layer))
        else:
            missing.append(layer.name)
    known = layers and all(um_per_layer_unit(layer) is not None for layer in layers)
    return Scene(tuple(drawn), "um" if known else "unit", tuple(missing))


def _matrix(layer: Layer) -> np.ndarray:
    """Return a layer's map from data to world, (3, 3) for (x, y)."""
    from napari_spatialrecon.viewer.canvas.layers import linear_part

    matrix = np.eye(3)
    matrix[:2, :2] = linear_part(layer)
    matrix[:2, 2] = layer._data_to_world((0, 0))
    return _FLIP @ matrix @ _FLIP


def _apply(matrix: np.ndarray, places: np.ndarray) -> np.ndarray:
    return np.asarray(places @ matrix[:2, :2].T + matrix[:2, 2])


def _dots(layer: Points) -> Dots:
    matrix = _matrix(layer)
    rows = np.flatnonzero(np.asarray(layer.shown))
    key = color_key(layer)
    codes = key.codes[rows] if key is not None else np.full(len(rows), -1)
    faces, rims = (
        np.array(np.asarray(c)[rows], float) for c in (layer.face_color, layer.border_color)
    )
    for colors in (faces, rims):
        colors[:, 3] *= layer.opacity
    size = np.asarray(layer.size, float)[rows]
    widths = np.asarray(layer.border_width, float)[rows]
    symbols = np.asarray(layer.symbol)
    symbol = str(getattr(symbols[0], "value", symbols[0])) if len(symbols) else "disc"
    return Dots(
        layer.name,
        _apply(matrix, np.asarray(layer.data, float)[rows][:, ::-1]),
        size * float(abs(np.linalg.det(matrix[:2, :2]))) ** 0.5,
        faces,
        rims,
        widths if layer.border_width_is_relative else widths / np.maximum(size, 1e-9),
        _MARKERS.get(symbol, "o"),
        key,
        codes,
        _sectors(layer, rows),
    )


def _sectors(layer: Points, rows: np.ndarray) -> Sectors | None:
    pies = pies_of(layer)
    drawn = None if pies is None else pies.drawn
    if drawn is None:
        return None
    ends, colors, rest = drawn
    colors = colors.copy()
    colors[..., 3] *= layer.opacity
    return Sectors(np.minimum(ends, 1.0), colors, rest).of(rows)


def _picture(layer: Image) -> Picture:
    from napari_spatialrecon.tissue.slots import OURS

    ours = layer.metadata.get(OURS, {})
    low, high = layer.contrast_limits
    return Picture(
        layer.name,
        tuple(layer.data) if layer.multiscale else (layer.data,),
        _matrix(layer),
        None if layer.rgb else layer.colormap,
        (0.0, 1.0) if layer.rgb else (float(low), float(high)),
        float(layer.opacity),
        str(layer.interpolation2d) != "nearest",
        bar_title(layer) or layer.name,
        ours.get("role") == "histology",
    )


def _lines(layer: Vectors) -> Lines:
    matrix = _matrix(layer)
    data = np.asarray(layer.data, float)[:, :, ::-1]
    start = _apply(matrix, data[:, 0])
    end = _apply(matrix, data[:, 0] + data[:, 1] * layer.length)
    colors = np.array(layer.edge_color, float)
    colors[:, 3] *= layer.opacity
    return Lines(layer.name, np.stack([start, end], axis=1), colors, float(layer.edge_width))
