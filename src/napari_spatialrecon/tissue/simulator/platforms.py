"""Measurement platforms: pose of a section on its slide, the Visium grid, and output tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree

from napari_spatialrecon.geometry.procrustes import Pose
from napari_spatialrecon.tissue.micrometres import CIRCLE_UM
from napari_spatialrecon.tissue.simulator.layout import Array, SectionMap
from napari_spatialrecon.tissue.slots import OURS, SPATIAL
from napari_spatialrecon.tissue.spot_array import PITCH_UM, SPOT_UM, VISIUM

#: Visium: diameter of a spot and distance between centres in µm.
SPOT_DIAMETER, PITCH = SPOT_UM[VISIUM], PITCH_UM[VISIUM]
#: Diameter of a fiducial in µm.
_FIDUCIAL = 105.0
#: Width of bare glass around the tissue on the image, in µm.
MARGIN = 130.0


@dataclass(frozen=True)
class Frame:
    """The frame of one slide.

    Parameters
    ----------
    pose
        From the tissue frame (µm) to the slide frame (µm); rigid, possibly with a reflection.
    size
        Width and height of the imaged area in µm; its corner is the origin, y down.
    """

    pose: Pose
    size: tuple[float, float]

    def in_pixels(self, um_per_px: float) -> Pose:
        """Return the pose from the tissue frame in µm to full-resolution pixels."""
        return Pose(self.pose.linear / um_per_px, self.pose.translation / um_per_px)


def draw_frame(points: Array, number: int, rng: np.random.Generator) -> Frame:
    """Draw the pose of section `number` (from 0) on its slide.

    The first is nearly upright, the others are rotated by up to 50°, and every third is flipped.

    Parameters
    ----------
    points : (n, 2)
        Positions of its cells in µm of the tissue frame.
    """
    most = 8 if number == 0 else 50
    turn = np.deg2rad(rng.uniform(0.3, 1) * most * rng.choice([-1, 1]))
    linear = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    if number % 3 == 2:
        linear = linear @ np.diag([-1.0, 1.0])
    moved = points @ linear.T
    corner = MARGIN + rng.uniform(0, 100, 2)
    low, high = moved.min(0), moved.max(0)
    size = high - low + corner + MARGIN
    return Frame(Pose(linear, corner - low), (float(size[0]), float(size[1])))


def visium_grid(frame: Frame, section: SectionMap) -> tuple[Array, Array]:
    """Return the spots under tissue, (n, 2) in µm of the slide, with their array row and column."""
    width, height = frame.size
    rise = PITCH * np.sqrt(3) / 2
    row, column = np.meshgrid(
        np.arange(int(height / rise) + 1), np.arange(int(width / PITCH) + 1), indexing="ij"
    )
    array_row, array_col = row.ravel(), 2 * column.ravel() + row.ravel() % 2
    spots = np.column_stack([(array_col + 0.5) * PITCH / 2, (array_row + 0.5) * rise])
    under = section.at("tissue", frame.pose.inverse().apply(spots)) > 0
    return spots[under], np.column_stack([array_row, array_col])[under]


def spot_of_cell(cells: Array, spots: Array) -> Array:
    """Return the spot index of each cell, or -1; spots and cells are (n, 2) in µm of the slide."""
    distance, index = cKDTree(spots).query(cells)
    return np.where(distance <= SPOT_DIAMETER / 2, index, -1)


def sum_in_spots(counts: csr_matrix, spot: Array, n_spots: int) -> csr_matrix:
    """Return the summed counts of the cells in each spot, (spots, genes)."""
    cell = np.flatnonzero(spot >= 0)
    ones = np.ones(len(cell), np.float32)
    inside = csr_matrix((ones, (spot[cell], cell)), shape=(n_spots, counts.shape[0]))
    summed = csr_matrix(inside @ counts, dtype=np.float32)
    summed.sort_indices()
    return summed


def barcodes(n: int, suffix: str, rng: np.random.Generator) -> Array:
    """Return `n` different barcodes of 16 bases."""
    codes: dict[str, None] = {}
    while len(codes) < n:
        letters = rng.choice(list("ACGT"), (n, 16))
        codes.update(dict.fromkeys("".join(word) for word in letters))
    return np.array([f"{code}-{suffix}" for code in list(codes)[:n]], dtype=object)


def slide_uns(
    library: str, image: Array, um_per_unit: float, um_per_image_px: float
) -> dict[str, Any]:
    """Return ``uns`` as scanpy and Space Ranger write it, with the unit of the coordinates.

    Parameters
    ----------
    image : (height, width, 3) uint8
        H&E image; shared, not copied.
    um_per_unit
        µm per unit of ``obsm["spatial"]``.
    """
    return {
        OURS: {"unit": "um" if um_per_unit == 1 else "px"},
        SPATIAL: {
            library: {
                "images": {"hires": image},
                "scalefactors": {
                    "tissue_hires_scalef": um_per_unit / um_per_image_px,
                    "spot_diameter_fullres": CIRCLE_UM / um_per_unit,
                    "fiducial_diameter_fullres": _FIDUCIAL / um_per_unit,
                },
                "metadata": {"um_per_fullres_px": um_per_unit},
            }
        },
    }


def slide_table(
    counts: csr_matrix, obs: pd.DataFrame, genes: Array, spatial: Array, uns: dict[str, Any]
) -> AnnData:
    """Return an AnnData of raw counts with ``obsm["spatial"]``."""
    var = pd.DataFrame(index=pd.Index(genes))
    adata = AnnData(counts, obs=obs, var=var, obsm={SPATIAL: spatial})
    adata.uns = uns
    return adata
