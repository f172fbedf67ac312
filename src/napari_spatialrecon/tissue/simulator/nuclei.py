"""Drawing of nuclei and cytoplasm at the positions of the cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_spatialrecon.geometry.procrustes import Pose
from napari_spatialrecon.tissue.simulator.cells import Cells
from napari_spatialrecon.tissue.simulator.layout import Array, Layout, Nucleus, SectionMap


@dataclass(frozen=True)
class Drawing:
    """Contributions of the cells to the stain, each (height, width) float32.

    Parameters
    ----------
    chromatin
        Haematoxylin of nuclei.
    haze, pink
        Haematoxylin and eosin of cytoplasm.
    cleared
        Share of the background that a halo removes.
    """

    chromatin: Array
    haze: Array
    pink: Array
    cleared: Array


def turn_directions(cos2: Array, sin2: Array, pose: Pose) -> tuple[Array, Array]:
    """Return directions, given as cos and sin of twice their angle, after a rigid `pose`."""
    a, c = (float(value) for value in pose.linear[:, 0] / pose.scale)
    cos_turn, sin_turn = a * a - c * c, 2 * a * c
    if pose.reflected:
        sin2 = -sin2
    return cos_turn * cos2 - sin_turn * sin2, sin_turn * cos2 + cos_turn * sin2


def draw_nuclei(
    section: SectionMap,
    layout: Layout,
    cells: Cells,
    pose: Pose,
    shape: tuple[int, int],
    um_per_px: float,
    rng: np.random.Generator,
) -> Drawing:
    """Draw every cell at its position.

    Parameters
    ----------
    pose
        From the tissue frame to the slide, both in µm.
    shape
        Height and width of the image in pixels.
    """
    drawing = Drawing(*(np.zeros(shape, np.float32) for _ in range(4)))
    centres = pose.apply(cells.points) / um_per_px - 0.5
    for index, cell_type in enumerate(layout.types):
        chosen = np.flatnonzero(cells.types == index)
        if len(chosen):
            angle = _angles(section, cells.points[chosen], cell_type.nucleus, pose, rng)
            _stamp(drawing, centres[chosen], angle, cell_type.nucleus, um_per_px, rng)
    return drawing


def _angles(
    section: SectionMap, points: Array, nucleus: Nucleus, pose: Pose, rng: np.random.Generator
) -> Array:
    if nucleus.align == "any":
        return rng.uniform(0, 2 * np.pi, len(points))
    if nucleus.align == "wall":
        step = 4.0
        across, down = (
            section.at("lumen", points + move) - section.at("lumen", points - move)
            for move in (np.array([step, 0]), np.array([0, step]))
        )
        angle = np.arctan2(across, -down)
        cos2, sin2 = np.cos(2 * angle), np.sin(2 * angle)
    else:
        cos2, sin2 = section.at("cos2", points), section.at("sin2", points)
    cos2, sin2 = turn_directions(cos2, sin2, pose)
    return np.asarray(np.arctan2(sin2, cos2) / 2 + rng.normal(0, 0.18, len(points)))


def _stamp(
    drawing: Drawing, centres: Array, angle: Array, nucleus: Nucleus, um_per_px: float,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    n = len(centres)
    radius = nucleus.radius / um_per_px * rng.lognormal(0, 0.11, n)
    aspect = np.maximum(1.0, nucleus.aspect * rng.lognormal(0, 0.13, n))
    long, short = radius * np.sqrt(aspect), radius / np.sqrt(aspect)
    colored = nucleus.haze != 0 or nucleus.pink != 0
    half = int(np.ceil(long.max() * (nucleus.reach if colored else 1.1))) + 1
    offset = np.arange(-half, half + 1)
    corner = np.rint(centres).astype(int)
    dx = _each(corner[:, 0] - centres[:, 0]) + offset[None, None, :].astype(np.float32)
    dy = _each(corner[:, 1] - centres[:, 1]) + offset[None, :, None].astype(np.float32)
    cos, sin = _each(np.cos(angle)), _each(np.sin(angle))
    along, across = (dx * cos + dy * sin) / _each(long), (dy * cos - dx * sin) / _each(short)
    theta = np.arctan2(across, along)
    first, second = (_each(rng.uniform(0, 2 * np.pi, n)) for _ in range(2))
    wobble = 1 + 0.08 * np.cos(2 * theta + first) + 0.06 * np.cos(3 * theta + second)
    reach = np.hypot(along, across) / wobble
    edge = np.clip((1 - reach) * _each(short) + 0.5, 0, 1)
    flat = _flat_index(corner, offset, drawing.chromatin.shape)
    dark = nucleus.dark * _each(rng.lognormal(0, 0.14, n))
    texture = 1 + 0.10 * np.cos(5.1 * along + first) * np.cos(4.3 * across + second)
    chromatin = dark * edge * texture * _opened(nucleus, along, across, reach, rng)
    _lay(drawing.chromatin, flat, chromatin)
    if not colored:
        return
    body = np.clip((nucleus.reach - reach) / (nucleus.reach - 0.9), 0, 1) ** 0.7
    body *= _each(rng.lognormal(0, 0.2, n))
    clear = max(0.0, -nucleus.haze, -nucleus.pink)
    for canvas, amount in (
        (drawing.haze, nucleus.haze), (drawing.pink, nucleus.pink), (drawing.cleared, 5 * clear),
    ):  # fmt: skip
        if amount > 0:
            _lay(canvas, flat, amount * body)


def _each(values: Array) -> Array:
    """Return one number per cell, shaped to broadcast to (cells, rows, columns)."""
    return np.asarray(values, np.float32)[:, None, None]


def _opened(
    nucleus: Nucleus, along: Array, across: Array, reach: Array, rng: np.random.Generator
) -> Array:
    pale = 1 - 0.45 * nucleus.open * np.clip(1 - reach**3, 0, 1)
    if nucleus.open < 0.3:
        return np.asarray(pale)
    x, y = (_each(rng.normal(0, 0.16, len(along))) for _ in range(2))
    spot = np.exp(-((along - x) ** 2 + (across - y) ** 2) / 0.05)
    return np.asarray(pale + 0.75 * nucleus.open * spot)


def _flat_index(corner: Array, offset: Array, shape: tuple[int, ...]) -> Array:
    row = corner[:, 1, None, None] + offset[None, :, None]
    column = corner[:, 0, None, None] + offset[None, None, :]
    inside = (row >= 0) & (row < shape[0]) & (column >= 0) & (column < shape[1])
    return np.asarray(np.where(inside, row * shape[1] + column, -1))


def _lay(canvas: Array, flat: Array, values: Array) -> None:
    seen = (flat >= 0) & (values > 0)
    np.maximum.at(canvas.reshape(-1), flat[seen], values[seen].astype(np.float32))
