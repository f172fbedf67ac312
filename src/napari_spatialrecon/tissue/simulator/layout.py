"""Composition of a tissue: cell types, and maps of everything that varies over a section.

Both tissues, `cortex` and `tumour`, are three-dimensional: a section is cut at a depth z, and
neighbouring sections resemble each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import distance_transform_edt, map_coordinates

Array = np.ndarray

#: Grid spacing of the maps in µm.
SPACING = 5.0


@dataclass(frozen=True)
class Nucleus:
    """Appearance of the nucleus and cytoplasm of a cell type in H&E.

    Parameters
    ----------
    radius
        Mean radius in µm.
    aspect
        Length over width.
    dark
        Optical density of haematoxylin, 1 for a lymphocyte.
    open
        0 for even chromatin, 1 for a pale centre with a dark rim and a nucleolus.
    align
        ``"fibre"``: along the fibres, ``"wall"``: along the nearest lumen, ``"any"``.
    haze, pink
        Haematoxylin and eosin of the cytoplasm around it; negative values clear it.
    reach
        Radius of the cytoplasm over the radius of the nucleus.
    """

    radius: float
    aspect: float = 1.15
    dark: float = 0.8
    open: float = 0.2
    align: str = "any"
    haze: float = 0.0
    pink: float = 0.0
    reach: float = 1.8


@dataclass(frozen=True)
class CellType:
    """A cell type.

    Parameters
    ----------
    name
        Its label.
    family
        Types of the same family share some of their markers.
    size
        Counts of such a cell relative to the others.
    nucleus
        Appearance of its nucleus.
    markers
        Names of its first marker genes.
    """

    name: str
    family: str
    size: float
    nucleus: Nucleus
    markers: tuple[str, ...] = ()


@dataclass(frozen=True)
class SectionMap:
    """Everything that varies over one section, on a grid over the tissue frame.

    Parameters
    ----------
    extent
        Width and height of the tissue frame in µm; its origin is (0, 0), y down.
    fields
        Maps (rows, columns) float32, by name. ``tissue`` is the distance to the outer edge in µm,
        positive inside; ``lumen`` the distance to the nearest hole, negative inside; ``eosin``,
        ``haze``, ``fibre``, ``cos2``, ``sin2``, ``grain`` and ``blood`` serve the stain.
    density : (rows, columns)
        Relative density of cells; 0 where there are none.
    type_weights : (types, rows, columns)
        Relative share of each cell type.
    niche : (rows, columns) int8
        Index into the layout's niches.
    """

    extent: tuple[float, float]
    fields: Mapping[str, Array]
    density: Array
    type_weights: Array
    niche: Array

    def at(self, values: Array | str, points: Array, *, order: int = 1) -> Array:
        """Return a map at `points`, (n, 2) float, (x, y) in µm of the tissue frame."""
        grid = self.fields[values] if isinstance(values, str) else values
        rows_columns = np.asarray(points, np.float64).T[::-1] / SPACING
        return map_coordinates(grid, rows_columns, order=order, mode="nearest")


@dataclass(frozen=True)
class Layout:
    """A tissue.

    Parameters
    ----------
    types, niches
        Cell types, and the names of layers or niches.
    programs
        Names of the fields that drive the genes of each spatial program (``layer``, ``gradient``,
        ``niche``, ``patch``).
    places
        Names of the first genes driven by each field.
    section
        Returns the `SectionMap` at a depth z in µm.
    """

    types: tuple[CellType, ...]
    niches: tuple[str, ...]
    programs: Mapping[str, tuple[str, ...]]
    section: Callable[[float], SectionMap]
    places: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def grid(extent: tuple[float, float]) -> tuple[Array, Array]:
    """Return x, (columns,), and y, (rows,), of the grid in µm."""
    width, height = extent
    x = np.arange(0.0, width + SPACING, SPACING)
    return x, np.arange(0.0, height + SPACING, SPACING)


@dataclass(frozen=True)
class RandomField:
    """A smooth random function of (x, y, z) with mean 0 and variance 1.

    A sum of cosines with Gaussian wave vectors (Rahimi & Recht 2007, random Fourier features):
    its covariance is a Gaussian of the given length.
    """

    waves: Array
    phases: Array

    @classmethod
    def draw(cls, rng: np.random.Generator, length: float, *, n_waves: int = 24) -> RandomField:
        """Draw a field with a correlation length of `length` µm."""
        return cls(rng.normal(size=(n_waves, 3)) / length, rng.uniform(0, 2 * np.pi, n_waves))

    def on(self, x: Array, y: Array, z: float) -> Array:
        """Return the field on the grid of `x` (columns,) and `y` (rows,), as (rows, columns)."""
        kx, ky, kz = self.waves.T
        across = np.exp(1j * (np.outer(kx, x) + (kz * z + self.phases)[:, None]))
        down = np.exp(1j * np.outer(y, ky))
        scale = np.sqrt(2 / len(kx))
        return ((down @ across).real * scale).astype(np.float32)


def soft(value: Array, width: float) -> Array:
    """Return a smooth step from 0 to 1 around `value` = 0, about `width` wide."""
    step: Array = 1 / (1 + np.exp(-np.clip(value / width, -30, 30)))
    return step


def signed_distance(mask: Array) -> Array:
    """Return the distance to the edge of `mask` in µm, positive inside."""
    if mask.all() or not mask.any():
        return np.full(mask.shape, 1e3 if mask.all() else -1e3, np.float32)
    inside, outside = distance_transform_edt(mask), distance_transform_edt(~mask)
    half = 0.5 * np.sign(inside - outside)
    return ((inside - outside - half) * SPACING).astype(np.float32)


def directions(angle: Array) -> dict[str, Array]:
    """Return the cosine and sine of twice the `angle`: a direction without a sign."""
    return {
        "cos2": np.cos(2 * angle).astype(np.float32),
        "sin2": np.sin(2 * angle).astype(np.float32),
    }


def within(tissue: Array, x: Array, y: Array) -> Array:
    """Return the distance to the tissue's edge, which is kept away from the border of the grid."""
    border = np.minimum(np.minimum(x, x[-1] - x), np.minimum(y, y[-1] - y)[:, None])
    return np.minimum(tissue, border - 2 * SPACING)


def along_contours(distance: Array) -> Array:
    """Return the angle of the contour lines of a map, in radians, from x to y."""
    down, across = np.gradient(distance)
    return np.asarray(np.arctan2(across, -down))
