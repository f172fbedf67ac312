"""Sub-spots: the parts into which a bin or a round spot is split, and their positions."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.faces import argument
from napari_spatialrecon.tissue.lattice import Lattice

#: Maximum parts of a spot; beyond, nothing is known about where in a spot its counts are.
MOST_PARTS = 64
#: Number of parts that best fill a round spot: one in the middle and six around it.
HEXAGONAL = 7


@dataclass(frozen=True)
class Factor:
    """Division of a spot: `rows` x `columns`, or seven hexagonal parts of a round spot.

    Parameters
    ----------
    rows, columns
        Number of rows and columns; ``(0, 7)`` means the seven parts.
    """

    rows: int
    columns: int

    @property
    def parts(self) -> int:
        """Number of sub-spots per spot (K in the paper)."""
        return self.columns if self.rows == 0 else self.rows * self.columns

    def __str__(self) -> str:
        return str(self.columns) if self.rows == 0 else f"{self.rows}x{self.columns}"


def parse_factor(text: str) -> Factor:
    """Read ``2x2``, ``2x5`` (rows x columns), ``7`` (hexagonal) or ``9`` (3x3).

    Raises
    ------
    InputError
        The text is none of these, splits nothing, or has more than 64 parts.

    Examples
    --------
    >>> parse_factor("2x5").parts
    10
    """
    word = text.strip().lower().replace("×", "x")
    if word in ("7", "9"):
        return Factor(0, HEXAGONAL) if word == "7" else Factor(3, 3)
    match = re.fullmatch(r"(\d{1,4})x(\d{1,4})", word)
    if match is None:
        raise InputError(
            f"Expected rows x columns, such as 2x2 or 2x5, or 7 or 9 for round spots; found "
            f"{text!r}.",
            remedy=f"Try {argument('factor', '2x2')}.",
            where="factor",
        )
    factor = Factor(int(match[1]), int(match[2]))
    if min(factor.rows, factor.columns) < 1 or factor.parts < 2:
        raise InputError(
            f"Expected a factor that splits spots, found {factor}.",
            remedy="Try 2x2: four parts of each spot.",
            where="factor",
        )
    if factor.parts > MOST_PARTS:
        raise InputError(
            f"Expected at most {MOST_PARTS} parts of a spot, found {factor.parts} ({factor}).",
            remedy="Try 2x2 or 3x3; the counts do not support more.",
            where="factor",
        )
    return factor


@dataclass(frozen=True, eq=False)
class SubSpots:
    """The parts of all spots of a slide; part k of spot i is row ``i * K + k``.

    Parameters
    ----------
    lattice
        The spots.
    factor
        How each spot is divided.
    steps : (K, 2) float64
        Offsets of the parts from their spot's centre, in steps of the grid (columns, rows).
    offsets : (K, 2) float64
        The same offsets as (x, y) in frame units.
    size
        Width of a part in frame units: the side of a square of the same area.
    """

    lattice: Lattice
    factor: Factor
    steps: np.ndarray
    offsets: np.ndarray
    size: float

    @property
    def centres(self) -> np.ndarray:
        """Positions of all parts, (n * K, 2) as (x, y)."""
        return (self.lattice.points[:, None] + self.offsets).reshape(-1, 2)

    @property
    def parents(self) -> np.ndarray:
        """The spot of each part, (n * K,)."""
        return np.repeat(np.arange(len(self.lattice.points)), len(self.steps))


def split_spots(lattice: Lattice, factor: Factor) -> SubSpots:
    """Split each spot into the parts of `factor`.

    Bins are divided along their sides. Parts of round spots lie inside the circle: seven in a
    hexagon, or rows x columns in the inscribed square. Hexagonal bins without a diameter are
    treated as round, with the pitch as diameter.

    Raises
    ------
    InputError
        Seven hexagonal parts were requested for square bins.
    """
    bins = lattice.diameter is None and lattice.kind == "square"
    if bins:
        if factor.rows == 0:
            raise InputError(
                "Expected rows x columns for square bins, found 7 (for round spots).",
                remedy=f"Try {argument('factor', '2x2')}, or {argument('spot_diameter')}.",
                where="factor",
            )
        steps = _cells(factor)
        area = abs(np.linalg.det(lattice.basis)) / factor.parts
        return SubSpots(lattice, factor, steps, steps @ lattice.basis, float(np.sqrt(area)))
    radius = (lattice.diameter or lattice.pitch) / 2
    across = lattice.basis[0] / np.linalg.norm(lattice.basis[0])
    frame = np.array([across, [-across[1], across[0]]])
    if factor.rows == 0:
        turns = np.arange(6) * np.pi / 3
        ring = np.c_[np.cos(turns), np.sin(turns)] * 2 / 3
        inside = np.vstack([[[0.0, 0.0]], ring])
    else:
        inside = _cells(factor) * np.sqrt(2)
    offsets = inside @ frame * radius
    steps = offsets @ np.linalg.inv(lattice.basis)
    size = float(radius * np.sqrt(np.pi / factor.parts))
    return SubSpots(lattice, factor, steps, offsets, size)


def _cells(factor: Factor) -> np.ndarray:
    """Return the centres of the cells of a unit square around (0, 0), row by row."""
    y = (np.arange(factor.rows) + 0.5) / factor.rows - 0.5
    x = (np.arange(factor.columns) + 0.5) / factor.columns - 0.5
    return np.stack(np.broadcast_arrays(x[None, :], y[:, None]), axis=-1).reshape(-1, 2)
