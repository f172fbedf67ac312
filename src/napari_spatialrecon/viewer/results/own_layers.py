"""The layers that each look at a comparison adds; made without changing what is on screen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from napari_spatialrecon.viewer.canvas.colors import ColorKey, color_key, set_point_colors
from napari_spatialrecon.viewer.results import pieces
from napari_spatialrecon.viewer.results.distortion_layers import (
    TITLES,
    Of,
    distortion_image,
    distortion_lines,
)
from napari_spatialrecon.viewer.results.ground_copy import copy_of
from napari_spatialrecon.viewer.results.looks import LETTERS, MARKS
from napari_spatialrecon.viewer.results.scene import Scene
from napari_spatialrecon.viewer.results.value_colors import color_by_difference

if TYPE_CHECKING:
    from napari.layers import Image, Points, Vectors

    from napari_spatialrecon.geometry.distortion import Distortion

MARGIN = 0.06
"""Margin around the tissue, in widths of it, side by side and beyond the line of a swipe."""
_LINE = 0.006
"""Width of the line of a swipe, in widths of the tissue."""


def both_sides(scene: Scene) -> list[Points]:
    """Return the points of both sides, in the colors of their results."""
    marks, found = MARKS if scene.values is None else LETTERS, []
    for number, (layer, rows) in enumerate(scene.sources):
        name, symbol = f"{marks[number]} {scene.names[number]}", scene.symbol(number)
        points = pieces.side_points(scene.places[number], layer, rows, name, symbol, scene.world)
        pieces.captioned(points, "top_right" if number else "top_left")
        found.append(points)
    return found


def room(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """Return the corners, (2,) as (y, x), of what is shown twice side by side."""
    low, high = scene.tissue()
    margin = MARGIN * (high - low)
    return low - margin, high + margin


def aside(scene: Scene) -> np.ndarray:
    """Return the way, (2,) as (y, x), from the first tissue to the second, side by side.

    To the right, or below where a narrow canvas shows both larger so.
    """
    low, high = room(scene)
    span = high - low
    height, width = scene.viewer.canvas.size
    right = min(height / span[0], width / (2 * span[1]))
    below = min(height / (2 * span[0]), width / span[1])
    return np.array([span[0], 0.0] if below > right else [0.0, span[1]])


def grounds(scene: Scene) -> Iterator[tuple[Image, Image]]:
    """Return each image below the first side, with a copy of it for either side."""
    low, high = room(scene)
    for image in scene.ground():
        for moved in (np.zeros(2), aside(scene)):
            copy = copy_of(image, low, high, moved)
            if copy is not None:
                yield image, copy


def line_data(scene: Scene, x: float) -> np.ndarray:
    """Return the line of a swipe at x, as the data (1, 2, 2) of a layer of vectors."""
    low, high = scene.extent
    span = np.array([low[0], high[0]]) + np.array([-1, 1]) * MARGIN * (high[0] - low[0])
    return np.array([[[span[0], x], [span[1] - span[0], 0.0]]])


def divider(scene: Scene, x: float) -> Vectors:
    """Return the line of a swipe at x."""
    from napari.layers import Vectors

    low, high = scene.extent
    return Vectors(
        line_data(scene, x),
        name="drag this line",
        vector_style="line",
        edge_width=_LINE * float((high - low).max()) or 1.0,
        edge_color="#FFC107",
        **scene.world.kept,
    )


def arrows(scene: Scene) -> tuple[Vectors, Points]:
    """Return arrows from where the first places cells to where the second does."""
    first, second = scene.names
    name = f"{first} → {MARKS[1]} {second}"
    lines, ends = pieces.arrows(scene.comparison, scene.world, name)
    pieces.captioned(lines, "top_left")
    return lines, ends


def disagreement(scene: Scene, shown: str) -> tuple[Points, ColorKey]:
    """Return the points of a result by how far the two disagree, or differ in a type or gene."""
    comparison, values = scene.comparison, scene.values
    at = next((i for i, side in enumerate(scene.sides) if side.result is not None), 0)
    layer = pieces.side_points(
        scene.places[at],
        *scene.sources[at],
        f"{scene.names[at]}: disagreement",
        scene.symbol(at),
        scene.world,
    )
    if values is not None and shown:
        return layer, color_by_difference(layer, values, shown, scene.names)
    key = set_point_colors(
        layer,
        comparison.amount,
        kind="uncertainty",
        title=comparison.title(scene.names[1 - at]),
        limits=(0.0, pieces.top_of(comparison)),
    )
    return layer, key


def distortion(scene: Scene, of: Of, found: Distortion | None) -> tuple[Image, Vectors | None]:
    """Return a map of how the first layout is deformed, and the grid; computed if not yet found."""
    from napari_spatialrecon.tasks.comparing import Comparison

    if found is None:
        assert isinstance(scene.comparison, Comparison), "offered for places only"
        found = scene.comparison.distortion()
    name = f"{TITLES[of]}, {' → '.join(scene.names)}"
    image = distortion_image(found, of, scene.world, name)
    pieces.captioned(image, "top_left")
    if not len(found.lines):
        return image, None
    return image, distortion_lines(found, scene.world, "deformed grid")


def keys(scene: Scene) -> list[ColorKey | None]:
    """Return what the colors of both results mean."""
    return [None if layer is None else color_key(layer) for layer, _ in scene.sources]
