"""The layers of a comparison: the points of each side and the arrows between them.

All lie in world coordinates, (y, x), so that neither side has to be moved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_spatialrecon.tissue.slots import OURS
from napari_spatialrecon.viewer.canvas.layers import (
    CELL_UM,
    LEAST_PIXELS,
    linear_part,
    to_layer,
    um_per_layer_unit,
)
from napari_spatialrecon.viewer.canvas.passing import PASSING

if TYPE_CHECKING:
    from napari.layers import Layer, Points, Vectors

    from napari_spatialrecon.tasks.compared import Compared

MOST_ARROWS = 5_000
"""More cells than this get no arrow each."""
ARROW_COLORS = "viridis"
_STARTS = {ARROW_COLORS: 0.35}
"""Where a color map starts, whose darkest colors would vanish on stained nuclei."""
SYMBOLS = ("disc", "diamond")
"""How the points of the first and of the second side are drawn, told apart without color."""
_HEAD = 3.5
"""Width of the mark at the end of an arrow, in widths of its line."""
_CAPTION_SIZE = 11


@dataclass(frozen=True, eq=False)
class World:
    """The map from the frame of a comparison to the world.

    Parameters
    ----------
    matrix : (3, 3)
        From (y, x) of the comparison, in its unit, to (y, x) of the world.
    units
        Of the layers.
    in_um
        Whether a unit of the world is known in µm; else it is only drawn as one.
    """

    matrix: NDArray[np.float64]
    units: tuple[str, str]
    in_um: bool = True

    @classmethod
    def of(cls, places: np.ndarray, unit: str, layer: Points | None, rows: np.ndarray) -> World:
        """Return the map under which one side lies where its layer shows it.

        Parameters
        ----------
        places : (n, 2) as (x, y), in `unit`
            Of that side, in the frame of the comparison.
        rows : (n,) int
            Rows of the layer that show the cells compared.
        """
        here = to_layer(places)
        in_um = unit == "um"
        unit = "um" if in_um else "pixel"
        matrix = np.eye(3)
        if layer is not None and len(rows) == len(here):
            unit, in_um = str(layer.units[-1]), um_per_layer_unit(layer) is not None
            there = np.asarray(layer._data_to_world(np.asarray(layer.data)[rows]), float)
            design = np.column_stack([here, np.ones(len(here))])
            if np.linalg.matrix_rank(design) == 3:
                matrix[:2] = np.linalg.lstsq(design, there, rcond=None)[0].T
            else:
                matrix[:2, 2] = (there - here).mean(axis=0)
        return cls(matrix, (unit, unit), in_um)

    def __call__(self, points_xy: np.ndarray) -> NDArray[np.float64]:
        """Return (n, 2) points as (y, x) in the world, from (x, y) of the comparison."""
        placed = to_layer(points_xy) @ self.matrix[:2, :2].T + self.matrix[:2, 2]
        return np.asarray(placed, float)

    @property
    def kept(self) -> dict[str, Any]:
        """What all layers of a comparison have in common."""
        metadata = {OURS: {PASSING: True, "unit": "um" if self.in_um else "unit"}}
        return {"units": self.units, "axis_labels": ("y", "x"), "metadata": metadata}

    @property
    def length(self) -> float:
        """Length in the world of one unit of the comparison."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix[:2, :2]))))


def side_points(
    places: np.ndarray,
    source: Points | None,
    rows: np.ndarray,
    name: str,
    symbol: str,
    world: World,
) -> Points:
    """Return the points of one side, with the colors of its layer.

    Parameters
    ----------
    places : (n, 2) as (y, x) in the world
    source
        The layer of that side; None if it has none.
    rows : (n,) int
        Rows of the source.
    """
    from napari.layers import Points

    size, colors, limits = CELL_UM * world.length, "#56B4E9", (LEAST_PIXELS, 10_000.0)
    rim: Any = {"border_width": 0.0, "border_color": "transparent"}
    if source is not None:
        scale = float(np.sqrt(abs(np.linalg.det(linear_part(source)))))
        size = np.asarray(source.size)[rows] * scale
        colors, limits = np.asarray(source.face_color)[rows], source.canvas_size_limits
        rim = {
            "border_width": np.asarray(source.border_width)[rows],
            "border_color": np.asarray(source.border_color)[rows],
        }
    return Points(
        places,
        name=name,
        size=size,
        symbol=symbol,
        face_color=colors,
        canvas_size_limits=limits,
        **rim,
        **world.kept,
    )


def arrows(comparison: Compared, world: World, name: str) -> tuple[Vectors, Points]:
    """Return lines from the first to the second place of cells, and a mark at the end of each.

    Colors tell their length. Of more than `MOST_ARROWS` cells a random choice gets an arrow, the
    same each time.
    """
    from napari.layers import Points, Vectors

    n = len(comparison.obs_names)
    rows = np.arange(n)
    if n > MOST_ARROWS:
        rows = np.sort(np.random.default_rng(0).choice(n, MOST_ARROWS, replace=False))
    start, end = world(comparison.first[rows]), world(comparison.second[rows])
    length = comparison.amount[rows]
    colors = mapped(length, (0.0, top_of(comparison)), ARROW_COLORS)
    width = _arrow_width(start, end)
    lines = Vectors(
        np.stack([start, end - start], axis=1),
        name=name,
        vector_style="line",
        edge_width=width,
        edge_color=colors,
        features={"length": length},
        **world.kept,
    )
    marks = Points(
        end,
        name="ends of the arrows",
        size=_HEAD * width,
        symbol=SYMBOLS[1],
        face_color=colors,
        border_color="white",
        border_width=0.15,
        features={"length": length},
        **world.kept,
    )
    return lines, marks


def captioned(layer: Layer, position: str) -> None:
    """Write a layer's name into a corner of the canvas, on a box so that it is readable."""
    overlay = layer.name_overlay
    overlay.position, overlay.font_size = position, _CAPTION_SIZE
    overlay.box = overlay.visible = True


def mapped(values: np.ndarray, limits: tuple[float, float], colors: str) -> NDArray[np.float32]:
    """Return RGBA of values, (..., 4) float32; transparent where they are NaN."""
    from napari.utils.colormaps import ensure_colormap

    (low, high), start = limits, _STARTS.get(colors, 0.0)
    share = np.clip((values - low) / ((high - low) or 1.0), 0, 1)
    flat = start + (1 - start) * np.nan_to_num(share).ravel()
    rgba = np.asarray(ensure_colormap(colors).map(flat), np.float32).reshape(*values.shape, 4)
    rgba[np.isnan(values)] = (1.0, 1.0, 1.0, 0.0)
    return rgba


def top_of(comparison: Compared) -> float:
    """Return the amount at the end of the colors: that of 98% of the cells."""
    return float(np.quantile(comparison.amount, 0.98)) or 1.0


def _arrow_width(start: np.ndarray, end: np.ndarray) -> float:
    """Return a width of arrows at which their heads stay apart."""
    places = np.concatenate([start, end])
    low, high = places.min(axis=0), places.max(axis=0)
    area = float(np.prod(np.maximum(high - low, 1e-9)))
    return 0.08 * float(np.sqrt(area / max(len(start), 1))) or 1.0
