"""All points of a layer as a picture of what the window shows, without a graphics card.

A pixel has the color of the last point that covers it, as if the points were drawn one after the
other. The last point whose center lies in each pixel is found first; a disc around each center is
then a maximum over neighboring pixels. That takes as long for large points as for small ones, and
new colors need no new picture of which point is where.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MOST_PX = 40.0
"""Diameter up to which points are drawn in a picture."""
_LEAST_RIM_PX = 0.75


@dataclass(frozen=True)
class Frame:
    """The pixels of a picture.

    Parameters
    ----------
    low : (2,) float
        Least x, y of its corner, in the unit of the points.
    step
        Width of a pixel.
    shape
        Rows, columns.
    """

    low: np.ndarray
    step: float
    shape: tuple[int, int]

    @classmethod
    def over(cls, box: np.ndarray, step: float) -> Frame:
        """Return the frame over a box (2, 2), low and high x, y."""
        columns, rows = np.maximum(np.ceil((box[1] - box[0]) / step), 1).astype(int)
        return cls(np.asarray(box[0], float), step, (int(rows), int(columns)))

    @property
    def box(self) -> np.ndarray:
        """Low and high x, y, (2, 2)."""
        return np.stack([self.low, self.low + self.step * np.array(self.shape[::-1])])


def centers(x: np.ndarray, y: np.ndarray, frame: Frame) -> np.ndarray:
    """Return the last point whose center lies in each pixel, (rows, columns) int32; -1 for none.

    Parameters
    ----------
    x, y : (n,) float32
        Finite or infinite.

    Examples
    --------
    >>> frame = Frame(np.zeros(2), 1.0, (1, 3))
    >>> centers(np.array([0.5, 2.5, 2.9, 7.0]), np.full(4, 0.5), frame).tolist()
    [[0, -1, 2]]
    """
    rows, columns = frame.shape
    wide = columns + 2
    flat = _bins(y, frame.low[1], frame.step, rows)
    flat *= wide
    flat += _bins(x, frame.low[0], frame.step, columns)
    found = np.full((rows + 2) * wide, -1, np.int32)
    found[flat] = np.arange(len(x), dtype=np.int32)
    return found.reshape(rows + 2, wide)[1:-1, 1:-1]


def covered(middles: np.ndarray, diameter: float) -> np.ndarray:
    """Return the last point whose disc covers each pixel, (rows, columns) int32; -1 for none.

    Parameters
    ----------
    middles : (rows, columns) int32
        As `centers` returns.
    diameter
        In pixels.

    Examples
    --------
    >>> covered(np.array([[-1, 0, -1, 1]], np.int32), 2.0).tolist()
    [[0, 0, 1, 1]]
    """
    radius = diameter / 2
    reach = int(radius)
    runs = [int(np.sqrt(radius**2 - dy**2)) for dy in range(reach + 1)]
    wide, out = middles.copy(), np.full_like(middles, -1)
    for length in range(max(runs) + 1):
        if length:
            np.maximum(wide[:, length:], middles[:, :-length], out=wide[:, length:])
            np.maximum(wide[:, :-length], middles[:, length:], out=wide[:, :-length])
        for dy in (dy for dy, run in enumerate(runs) if run == length):
            np.maximum(out[dy:], wide[: len(wide) - dy], out=out[dy:])
            if dy:
                np.maximum(out[:-dy], wide[dy:], out=out[:-dy])
    return out


@dataclass(frozen=True)
class Discs:
    """Which point each pixel shows: its face, and its rim around that.

    Parameters
    ----------
    whole : (rows, columns) int32
        The point that is seen; -1 for none.
    face : (rows, columns) int32
        The point whose face would be seen; differs where a rim is. None without rims.
    """

    whole: np.ndarray
    face: np.ndarray | None = None

    @classmethod
    def of(cls, middles: np.ndarray, diameter: float, rim: float = 0.0) -> Discs:
        """Return the discs of points; a rim thinner than a pixel is not drawn."""
        whole = covered(middles, diameter)
        if rim < _LEAST_RIM_PX:
            return cls(whole)
        return cls(whole, covered(middles, max(diameter - 2 * rim, 1.0)))


def packed(colors: np.ndarray) -> np.ndarray:
    """Return colors (n, 4), RGBA in [0, 1], as (n + 1,) uint32; the last one is transparent."""
    levels = np.zeros((len(colors) + 1, 4), np.uint8)
    np.multiply(colors, 255.0, out=levels[:-1], casting="unsafe")
    return levels.view(np.uint32).ravel()


def painted(discs: Discs, faces: np.ndarray, rims: np.ndarray | None = None) -> np.ndarray:
    """Return the picture (rows, columns, 4) uint8.

    Parameters
    ----------
    faces, rims : (n + 1,) uint32
        As `packed` returns.
    """
    out = faces[discs.whole]
    if discs.face is not None and rims is not None:
        ring = discs.face != discs.whole
        out[ring] = rims[discs.whole[ring]]
    return out.view(np.uint8).reshape(*out.shape, 4)


def clipped(
    picture: np.ndarray, frame: Frame, planes: Sequence[tuple[np.ndarray, np.ndarray]]
) -> np.ndarray:
    """Return a picture of which only what lies before all planes is left; without planes, itself.

    Parameters
    ----------
    planes
        A point and the normal of each, (2,) as x, y.
    """
    rows, columns = frame.shape
    x = frame.low[0] + frame.step * (np.arange(columns) + 0.5)
    y = frame.low[1] + frame.step * (np.arange(rows) + 0.5)
    left = picture.copy() if planes else picture
    for at, normal in planes:
        if normal[1] == 0:
            left[:, (x - at[0]) * normal[0] < 0] = 0
            continue
        before = (x - at[0])[None] * normal[0] + (y - at[1])[:, None] * normal[1] >= 0
        left[~before] = 0
    return left


def _bins(values: np.ndarray, low: float, step: float, n: int) -> np.ndarray:
    """Return the bin of each value, 1 to n; 0 and n + 1 for those below and above."""
    found = values - np.float32(low)
    found *= np.float32(1 / step)
    found += 1
    np.clip(found, 0, n + 1, out=found)
    return found.astype(np.intp)
