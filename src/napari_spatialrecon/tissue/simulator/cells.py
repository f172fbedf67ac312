"""Positions and types of the cells of a section."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from napari_spatialrecon.tissue.simulator.layout import SPACING, Array, SectionMap

#: Cells are pushed apart if they are closer than the radii of their nuclei times this factor.
CONTACT = 1.2


@dataclass(frozen=True)
class Cells:
    """The cells of one section.

    Parameters
    ----------
    points : (n, 2) float64
        (x, y) in µm of the tissue frame.
    types, niches : (n,) int
        Indices into the layout's types and niches.
    """

    points: Array
    types: Array
    niches: Array

    def take(self, chosen: Array) -> Cells:
        """Return the cells selected by an index or mask."""
        return Cells(self.points[chosen], self.types[chosen], self.niches[chosen])


def draw_cells(
    section: SectionMap, radii: Array, per_mm2: float, rng: np.random.Generator
) -> Cells:
    """Draw the cells of a section.

    Cells follow a Poisson process with the section's density; their types are drawn from the local
    shares, and overlapping cells are then pushed apart.

    Parameters
    ----------
    section
        Maps of the section.
    radii : (types,)
        Radius of the nucleus of each type in µm.
    per_mm2
        Mean number of cells per square millimetre of tissue.
    """
    density = section.density
    tissue = section.fields["tissue"] > 0
    expected = per_mm2 * density / density[tissue].mean() * SPACING**2 / 1e6
    rows, columns = np.nonzero(rng.random(density.shape) < expected)
    shares = np.cumsum(section.type_weights[:, rows, columns], axis=0, dtype=np.float64)
    drawn = rng.random(len(rows)) * shares[-1]
    types = np.minimum((shares < drawn).sum(0), len(shares) - 1)
    points = np.column_stack([columns, rows]) + rng.uniform(-0.5, 0.5, (len(rows), 2))
    points = _push_apart(points * SPACING, CONTACT * radii[types])
    points = np.clip(points, 0, np.array(section.extent))
    free = section.at(density, points, order=0) > 0
    points, types = points[free], types[free]
    return Cells(points, types, section.at(section.niche, points, order=0).astype(int))


def _push_apart(points: Array, radii: Array, *, rounds: int = 6) -> Array:
    for _ in range(rounds):
        a, b = cKDTree(points).query_pairs(2 * radii.max(), output_type="ndarray").T
        gap = points[a] - points[b]
        length = np.hypot(*gap.T)
        overlap = np.maximum(0, radii[a] + radii[b] - length)
        move = (0.45 * overlap / np.maximum(length, 1e-9))[:, None] * gap
        np.add.at(points, a, move)
        np.subtract.at(points, b, move)
    return points
