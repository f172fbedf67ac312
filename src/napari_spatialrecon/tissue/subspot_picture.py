"""Values of sub-spots as an image; gaps between round spots are interpolated and marked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from scipy.spatial import KDTree

from napari_spatialrecon.tissue.subspots import SubSpots

#: Maximum number of pixels; on larger slides, pixels are coarser than a sixth of a sub-spot.
_MOST_PIXELS = 1_500_000
#: Number of sub-spots from which a pixel in a gap is interpolated.
_AROUND = 16
#: Reach of the interpolation over the distance of the farthest of these: it gets nearly no weight.
_FARTHER = 1.001


@dataclass(frozen=True, eq=False)
class SubSpotPicture:
    """Mapping of sub-spots to pixels, computed once per slide and applied to any gene.

    Parameters
    ----------
    shape
        Rows and columns.
    origin : (2,) float64
        (x, y) of the centre of pixel (0, 0), in frame units.
    units_per_pixel
        Frame units per pixel.
    weights : (pixels, sub-spots) csr float32
        One sub-spot for a pixel inside it, several for one in a gap, none outside the tissue.
    gap : (rows, columns) bool
        Pixels between round spots: interpolated, not measured.
    tissue : (rows, columns) bool
        Pixels with a value.
    """

    shape: tuple[int, int]
    origin: np.ndarray
    units_per_pixel: float
    weights: csr_matrix
    gap: np.ndarray
    tissue: np.ndarray

    def image(self, values: np.ndarray) -> np.ndarray:
        """Return values (sub-spots,) as (rows, columns) float32; NaN outside the tissue."""
        picture = (self.weights @ np.asarray(values, np.float32)).reshape(self.shape)
        return np.where(self.tissue, picture, np.float32(np.nan))


def subspot_picture(
    parts: SubSpots,
    units_per_pixel: float | None = None,
    mask: np.ndarray | None = None,
    mask_units_per_pixel: float = 1.0,
) -> SubSpotPicture:
    """Return the mapping of the sub-spots of all spots to pixels.

    Parameters
    ----------
    units_per_pixel
        By default a sixth of a sub-spot, or coarser if the slide is large.
    mask : (y, x) bool
        Where there is tissue, for example `tissue.images.tissue_mask` of a thumbnail; by default
        near spots.
    mask_units_per_pixel
        Frame units per pixel of `mask`.
    """
    lattice, centres = parts.lattice, parts.centres
    reach = 0.75 * lattice.pitch
    low, high = lattice.points.min(axis=0) - reach, lattice.points.max(axis=0) + reach
    coarsest = np.sqrt(np.prod(high - low) / _MOST_PIXELS)
    step = max(units_per_pixel or parts.size / 6, float(coarsest))
    columns, rows = (np.ceil((high - low) / step).astype(int)).tolist()
    y, x = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    places = low + np.c_[x.ravel(), y.ravel()] * step
    away, spot = KDTree(lattice.points).query(places)
    if lattice.diameter is not None:
        inside, near = away <= lattice.diameter / 2, away <= reach
    elif lattice.kind == "square":
        cell = np.rint(lattice.coordinates(places)).astype(int)
        spot = lattice.rows_at(cell)
        inside = near = spot >= 0
    else:
        inside = near = away <= 0.6 * lattice.pitch
    if mask is not None:
        pixel = np.rint(places / mask_units_per_pixel).astype(int)
        size = np.array(mask.shape)[::-1] - 1
        near = near & mask[tuple(np.clip(pixel, 0, size).T[::-1])]
        inside = inside & near
    weights = _weights(parts, places, spot, inside, near & ~inside, centres)
    shape = (rows, columns)
    return SubSpotPicture(
        shape, low, step, weights, (near & ~inside).reshape(shape), near.reshape(shape)
    )


def _weights(
    parts: SubSpots,
    places: np.ndarray,
    spot: np.ndarray,
    inside: np.ndarray,
    gap: np.ndarray,
    centres: np.ndarray,
) -> csr_matrix:
    """Return the nearest sub-spot for pixels inside spots, and smooth weights for gaps."""
    n_parts = len(parts.offsets)
    pixels = np.flatnonzero(inside)
    from_centre = places[pixels] - parts.lattice.points[spot[pixels]]
    nearest_part = KDTree(parts.offsets).query(from_centre)[1]
    rows, columns = [pixels], [spot[pixels] * n_parts + nearest_part]
    shares = [np.ones(len(pixels))]
    if gap.any():
        pixels = np.flatnonzero(gap)
        away, found = KDTree(centres).query(places[pixels], k=min(_AROUND, len(centres)))
        reach = np.maximum(away[:, -1:], 1e-9) * _FARTHER
        share = (1 - (away / reach) ** 2) ** 2  # none at the reach: smooth where neighbours change
        rows.append(np.repeat(pixels, found.shape[1]))
        columns.append(found.ravel())
        shares.append((share / share.sum(axis=1, keepdims=True)).ravel())
    content = np.concatenate(shares).astype(np.float32)
    index = (np.concatenate(rows), np.concatenate(columns))
    return csr_matrix((content, index), shape=(len(places), len(centres)))
