"""The grid of the spots of a slide: square or hexagonal, rotated by any angle."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.neighbours import nearest

#: Root-mean-square distance from the grid, in pitches, up to which spots are on a grid. Printed
#: arrays deviate by a few per cent of their pitch.
_TOLERANCE = 0.16
#: Share of spots that must have a neighbour in a direction of the grid.
_COMMON = 0.25


@dataclass(frozen=True, eq=False)
class Lattice:
    """Positions of spots: ``origin + index @ basis``, up to the irregularity of a printed array.

    Parameters
    ----------
    kind
        ``"square"`` (or rectangular), ``"hexagon"``, or ``"free"`` for spots not on a grid.
    points : (n, 2) float64
        Centres of the spots, (x, y), y down.
    origin : (2,) float64
        Position of index (0, 0).
    basis : (2, 2) float64
        Rows: the step to the next column and the step to the next row. For a free layout: the
        typical distances along x and y.
    index : (n, 2) int
        Column and row of each spot, from 0; zeros for a free layout.
    diameter
        Diameter of round spots, in frame units; None for bins that tile the plane.
    """

    kind: str
    points: np.ndarray
    origin: np.ndarray
    basis: np.ndarray
    index: np.ndarray
    diameter: float | None = None

    @property
    def pitch(self) -> float:
        """Distance between neighbouring centres: the geometric mean of the two steps."""
        return float(np.sqrt(np.prod(np.linalg.norm(self.basis, axis=1))))

    @property
    def angle(self) -> float:
        """Rotation of the rows relative to the x axis, in degrees."""
        return float(np.degrees(np.arctan2(self.basis[0, 1], self.basis[0, 0])))

    def coordinates(self, places: np.ndarray) -> np.ndarray:
        """Return positions, (m, 2), in steps of the grid: integers at the centres of spots."""
        return np.asarray((places - self.origin) @ np.linalg.inv(self.basis))

    def rows_at(self, index: np.ndarray) -> np.ndarray:
        """Return the spot at each index (..., 2), or -1 if there is none."""
        size = self.index.max(axis=0) + 1
        table = np.full(size, -1, dtype=np.intp)
        table[tuple(self.index.T)] = np.arange(len(self.index))
        inside = ((index >= 0) & (index < size)).all(axis=-1)
        clipped = np.clip(index, 0, size - 1)
        return np.where(inside, table[clipped[..., 0], clipped[..., 1]], -1)


def find_lattice(points: np.ndarray, diameter: float | None = None) -> Lattice:
    """Find the grid of a slide, at any rotation.

    Parameters
    ----------
    points : (n, 2) float
        Centres of spots, at least 4.
    diameter
        Diameter of round spots, in the same unit; None for bins without gaps.

    Raises
    ------
    InputError
        The spots are not on a grid and have no diameter, so their area is unknown; or the diameter
        exceeds the pitch.

    Examples
    --------
    >>> x, y = np.meshgrid(np.arange(5.0), np.arange(4.0))
    >>> find_lattice(np.c_[x.ravel(), y.ravel()]).kind
    'square'
    """
    points = np.asarray(points, dtype=np.float64)
    found = _grid(points)
    if found is None and diameter is None:
        raise InputError(
            "Expected spots on a grid, or round spots of a known diameter; found neither.",
            remedy='Try setting scalefactors["spot_diameter_fullres"] of the library, or the '
            "option spot_diameter; single cells cannot be split.",
            where='obsm["spatial"]',
        )
    if found is None:
        pitch = float(np.median(nearest(points, 1)[1]))
        found = Lattice(
            "free", points, points.min(axis=0), np.eye(2) * pitch, np.zeros((len(points), 2), int)
        )
    if diameter is not None and not 0 < diameter <= 1.2 * found.pitch:
        raise InputError(
            f"Expected spots smaller than their pitch of {found.pitch:.4g}, found a diameter of "
            f"{diameter:.4g}.",
            remedy="Try the diameter in the unit of the coordinates.",
        )
    return replace(found, diameter=diameter)


def _grid(points: np.ndarray) -> Lattice | None:
    steps = _steps(points)
    if steps is None:
        return None
    fitted = _fit(points, steps)
    if fitted is None:
        return None
    origin, basis = fitted
    basis = _canonical(basis)
    index = np.rint((points - origin) @ np.linalg.inv(basis)).astype(int)
    low = index.min(axis=0)
    index -= low
    pitch = np.linalg.norm(basis, axis=1).min()
    away = points - (origin + (index + low) @ basis)
    size = np.prod((index.max(axis=0) + 1).astype(float))
    crowded = len(np.unique(index, axis=0)) < len(index)
    if crowded or np.sqrt((away**2).sum(1).mean()) > _TOLERANCE * pitch:
        return None
    if size > 50 * len(points) + 1e5:
        return None
    kind = _kind(basis)
    return Lattice(kind, points, origin + low @ basis, basis, index) if kind else None


def _kind(basis: np.ndarray) -> str | None:
    lengths = np.linalg.norm(basis, axis=1)
    cosine = basis[0] @ basis[1] / np.prod(lengths)
    if abs(cosine - 0.5) < 0.12 and lengths.max() < 1.15 * lengths.min():
        return "hexagon"
    return "square" if abs(cosine) < 0.15 else None


def _steps(points: np.ndarray) -> np.ndarray | None:
    """Return the two shortest steps shared by most spots, (2, 2), or None."""
    indices, _ = nearest(points, 8)
    moves = (points[indices] - points[:, None]).reshape(-1, 2)
    moves[moves[:, 0] < -1e-9] *= -1
    lengths = np.linalg.norm(moves, axis=1)
    unit = np.median(lengths.reshape(len(points), -1).min(axis=1))
    if not unit > 0:
        return None
    chosen: list[np.ndarray] = []
    while len(moves) >= _COMMON * len(points) and len(chosen) < 2:
        first = np.argmin(np.linalg.norm(moves, axis=1))
        near = np.linalg.norm(moves - moves[first], axis=1) < 0.35 * unit
        near = np.linalg.norm(moves - np.median(moves[near], axis=0), axis=1) < 0.35 * unit
        if not near.any():
            near[first] = True
        step = np.median(moves[near], axis=0)
        turned = not chosen or abs(np.linalg.det([chosen[0], step])) > 0.5 * np.linalg.norm(
            chosen[0]
        ) * np.linalg.norm(step)
        if near.sum() >= _COMMON * len(points) and turned:
            chosen.append(step)
        moves = moves[~near]
    return np.array(chosen) if len(chosen) == 2 else None


def _fit(points: np.ndarray, basis: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Fit origin and steps by least squares, from the middle of the slide outwards."""
    centre = points[np.argmin(np.linalg.norm(points - np.median(points, axis=0), axis=1))]
    away = np.linalg.norm(points - centre, axis=1)
    radius = 2.5 * np.linalg.norm(basis, axis=1).max()
    origin = centre
    while True:
        chosen = points[away <= radius]
        index = np.rint((chosen - origin) @ np.linalg.inv(basis))
        design = np.c_[np.ones(len(index)), index]
        solution, _, rank, _ = np.linalg.lstsq(design, chosen, rcond=None)
        if rank == 3:
            origin, basis = solution[0], solution[1:]
            if abs(np.linalg.det(basis)) < 1e-12:
                return None
        if radius > away.max():
            return origin, basis
        radius *= 1.6


def _canonical(basis: np.ndarray) -> np.ndarray:
    """Return steps that span the same grid: the first nearest to +x, the second downwards."""
    a, b = basis
    candidates = [a, b, -a, -b, a - b, b - a, a + b, -a - b]
    area = abs(np.linalg.det(basis))
    longer = max(np.linalg.norm(a), np.linalg.norm(b))
    steps = [v for v in candidates if np.linalg.norm(v) < 1.15 * longer]
    column = max(steps, key=lambda v: v[0] / np.linalg.norm(v))
    others = [v for v in steps if np.linalg.det([column, v]) > 0.5 * area]
    square = column @ column
    row = min(others, key=lambda v: (round(abs(v @ column) / square, 1), -(v @ column)))
    return np.array([column, row])
