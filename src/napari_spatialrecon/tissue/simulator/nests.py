"""Structures of a carcinoma: outline, nests and cords, vessels, fat cells, lymphoid aggregates."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from napari_spatialrecon.tissue.simulator.layout import (
    SPACING,
    Array,
    RandomField,
    signed_distance,
    soft,
    within,
)

#: Height of the block over its width.
HEIGHT = 0.9


class Shapes:
    """The structures of one block, drawn once; each method maps one of them onto a section's grid.

    Parameters
    ----------
    size
        Width of the block in µm. Below 2600 µm, nests are smaller, not fewer.
    """

    def __init__(self, size: float, rng: np.random.Generator) -> None:
        self.size, self.unit = size, min(size / 2600, 1.0)
        unit, height = self.unit, HEIGHT * size
        self.places = _places(size, height, unit, rng)
        self.warps = [RandomField.draw(rng, f * unit) for f in (230, 230, 45, 45)]
        self.cords = RandomField.draw(rng, 75 * unit)
        self.cord_places = RandomField.draw(rng, 330 * unit)
        self.lobes = rng.normal(0, [[0.03], [0.02], [0.012]], (3, 2))
        self.edges = [RandomField.draw(rng, f) for f in (110.0, 25.0)]
        self.fat_places = RandomField.draw(rng, 0.22 * size)
        m = max(5, round(75 * (size / 2600) ** 2))
        self.tubes = np.column_stack([
            rng.uniform(0, size, m), rng.uniform(0, height, m), rng.gamma(2.2, 4.2, m) + 3.5,
            rng.uniform(0, np.pi, m), rng.uniform(1, 3.2, m),
        ])  # fmt: skip
        self.follicles = np.column_stack([
            rng.uniform(0.15, 0.9, 7) * size, rng.uniform(0.1, 0.9, 7) * height,
            rng.uniform(55, 130, 7) * unit,
        ])  # fmt: skip
        step, span = 50.0, np.arange(0, size, 50.0)
        centres = np.stack(np.meshgrid(span, span), -1)
        centres[1::2, :, 0] += step / 2
        self.drops = centres.reshape(-1, 2) + rng.normal(0, 11, (centres.size // 2, 2))
        self.drop_radius = rng.uniform(24, 44, len(self.drops))

    def outline(self, x: Array, y: Array, z: float) -> Array:
        """Return the distance to the outer edge in µm, positive inside."""
        xx, yy = np.meshgrid(x, y)
        across, down = 2 * xx / self.size - 1, 2 * yy / (HEIGHT * self.size) - 1
        angle = np.arctan2(down, across)
        radius = (np.abs(across) ** 3.2 + np.abs(down) ** 3.2) ** (1 / 3.2)
        lobes = sum(
            a * np.cos((k + 2) * angle) + b * np.sin((k + 2) * angle)
            for k, (a, b) in enumerate(self.lobes)
        )
        edge, fray = (f.on(x, y, z) for f in self.edges)
        distance = (0.94 + lobes - radius) * self.size * HEIGHT / 2
        return within(distance + 7 * edge + 4 * fray, x, y)

    def nests(self, x: Array, y: Array, z: float) -> Array:
        """Return the distance to the edge of the nests and cords in µm, positive inside."""
        xx, yy = np.meshgrid(x, y)
        wide_x, wide_y, fine_x, fine_y = (f.on(x, y, z) for f in self.warps)
        across = xx + self.unit * (42 * wide_x + 9 * fine_x)
        down = yy + self.unit * (42 * wide_y + 9 * fine_y)
        level = np.zeros(xx.shape)
        for cx, cy, cz, radius in self.places:
            away = (across - cx) ** 2 + (down - cy) ** 2 + (z - cz) ** 2
            level = np.maximum(level, np.exp(1 - away / radius**2))
        ridge = np.abs(self.cords.on(x, y, z)) < 0.17
        reach = (level > 0.25) & (self.cord_places.on(x, y, z) > -0.15)
        return signed_distance((level > 1) | (ridge & reach))

    def fat(self, x: Array, y: Array, z: float, nest: Array) -> Array:
        """Return the share of fat tissue, 0 to 1: the lower right corner, away from nests."""
        corner = 2.8 * (x[None, :] + y[:, None]) / self.size - 4.0
        share = soft(self.fat_places.on(x, y, z) + corner, 0.05)
        return np.asarray(share * soft(-nest - 60 * self.unit, 12 * self.unit))

    def vessels(self, x: Array, y: Array, nest: Array, fat: Array) -> Array:
        """Return the distance to the nearest vessel lumen in µm, negative inside."""
        xx, yy = np.meshgrid(x, y)
        vessel = np.full(xx.shape, 1e3)
        for cx, cy, radius, angle, aspect in self.tubes:
            row, column = round(cy / SPACING), round(cx / SPACING)
            if nest[row, column] > -12 or fat[row, column] > 0.5:
                continue
            along = (xx - cx) * np.cos(angle) + (yy - cy) * np.sin(angle)
            across = (yy - cy) * np.cos(angle) - (xx - cx) * np.sin(angle)
            across = across + 5 * np.sin(along / 19)
            away = np.hypot(along / aspect, across)
            vessel = np.minimum(vessel, away - radius)
        return np.where(nest > -3, np.maximum(vessel, 9), vessel)

    def vacuoles(self, x: Array, y: Array) -> Array:
        """Return the distance to the nearest fat vacuole in µm, negative inside."""
        xx, yy = np.meshgrid(x, y)
        points = np.column_stack([xx.ravel(), yy.ravel()])
        distance, index = cKDTree(self.drops).query(points, k=2)
        between = (distance[:, 1] - distance[:, 0]) / 2 - 1.3
        inside = self.drop_radius[index[:, 0]] - distance[:, 0]
        return -np.minimum(inside, between).reshape(xx.shape)

    def aggregates(self, x: Array, y: Array, nest: Array, fat: Array) -> Array:
        """Return the share of lymphoid aggregate, 0 to 1."""
        xx, yy = np.meshgrid(x, y)
        aggregate = np.zeros(xx.shape)
        for cx, cy, radius in self.follicles:
            away = np.hypot(xx - cx, (yy - cy) * 1.15)
            aggregate = np.maximum(aggregate, soft(radius - away, 11))
        return np.asarray(aggregate * soft(-nest - 10, 5) * (1 - 0.8 * fat))

    def owner(self, x: Array, y: Array) -> Array:
        """Return the index of the nearest nest."""
        points = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
        nearest = cKDTree(self.places[:, :2]).query(points)[1]
        return np.asarray(nearest.reshape(len(y), len(x)))


def _places(size: float, height: float, unit: float, rng: np.random.Generator) -> Array:
    """Return x, y, z and radius of nests that barely touch, larger on the left."""
    found: list[Array] = []
    for _ in range(round(160 * (size / 2600) ** 2 / unit**2)):
        across = rng.beta(1.3, 1.9)
        radius = rng.triangular(70, 110, 320) * unit * (1.2 - 0.7 * across)
        nest = np.array([
            (0.05 + 0.85 * across) * size, rng.uniform(0.05, 0.95) * height, rng.normal(0, 50),
            radius,
        ])  # fmt: skip
        apart = [np.hypot(*(nest - other)[:2]) - 0.96 * (radius + other[3]) for other in found]
        if min(apart, default=np.inf) > 30 * unit:
            found.append(nest)
    return np.array(found)
