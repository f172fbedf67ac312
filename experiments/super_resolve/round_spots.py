"""Why interpolation gains less on round spots than on bins: the cost of noise in neighbours.

    OMP_NUM_THREADS=1 python -m experiments.super_resolve.round_spots --data DIR \
        [cortex | tumour | xenium | embryo ...]

Single cells are summed in round spots on a hexagonal grid, with gaps (a diameter of .55 pitches, as
in Visium) or without (1), and in square bins of the same pitch; the seven parts of a round spot or
the four of a bin are the truth. Shares are those of linear interpolation raised to a power: 0 gives
equal parts, 1 is `bilinear`, and powers in between keep the direction of the slope but shrink it.
Simulated slides have a pitch of 100 µm; on real ones, the pitch gives bins as many cells as in the
benchmark.
"""

from __future__ import annotations

import argparse

import numpy as np
from anndata import AnnData
from scipy.sparse import csr_matrix

from experiments.data import add_data_option, run
from experiments.super_resolve.cases import column_correlation
from experiments.super_resolve.train_generalist import simulated
from napari_spatialrecon.comparison.cases.splits import CASES, from_cells
from napari_spatialrecon.comparison.data import DataFolder
from napari_spatialrecon.geometry.neighbours import nearest
from napari_spatialrecon.methods.super_resolution.base import conserved
from napari_spatialrecon.methods.super_resolution.weights import linear_weights
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.lattice import find_lattice
from napari_spatialrecon.tissue.subspots import Factor, SubSpots, parse_factor, split_spots

POWERS = (0.0, 0.25, 0.5, 0.75, 1.0)
WIDTHS = (0.55, 0.75, 1.0)


def cells_of(name: str, data: DataFolder) -> tuple[AnnData, float]:
    """Return single cells and the pitch of the spots in the unit of their places."""
    if name in CASES:
        path, per_bin = CASES[name]
        cells = data.read(path)
        area = np.prod(np.ptp(contract.coordinates(cells), axis=0))
        return cells, float(np.sqrt(4 * per_bin * area / cells.n_obs))
    cells = simulated(name, 11, 260.0)
    return cells, 100.0 / (contract.um_per_unit(cells) or 1.0)


def hexagons(points: np.ndarray, pitch: float) -> np.ndarray:
    """Return the centres of a hexagonal array over points, those near any of them."""
    low, size = points.min(axis=0), np.ptp(points, axis=0)
    row, column = np.indices(np.ceil(size[::-1] / pitch * (1.2, 1)).astype(int) + 1)
    grid = np.c_[(column + row % 2 / 2).ravel(), row.ravel() * np.sqrt(3) / 2] * pitch + low
    return grid[nearest(points, 1, grid)[1].ravel() < pitch / 3]


def summed(points: np.ndarray, counts: csr_matrix, parts: SubSpots) -> np.ndarray:
    """Return the counts of each part, (n, K, genes): cells by the nearest part of their spot."""
    lattice, radius = parts.lattice, (parts.lattice.diameter or 0) / 2
    spot, away = (found.ravel() for found in nearest(lattice.points, 1, points))
    inside = np.flatnonzero(away <= radius)
    offset = points[inside] - lattice.points[spot[inside]]
    part = nearest(parts.offsets, 1, offset)[0].ravel()
    row = spot[inside] * len(parts.offsets) + part
    size = len(lattice.points) * len(parts.offsets)
    gather = csr_matrix((np.ones(len(row)), (row, inside)), shape=(size, len(points)))
    return (gather @ counts).toarray().reshape(len(lattice.points), -1, counts.shape[1])


def correlations(true: np.ndarray, parts: SubSpots) -> list[float]:
    """Return PCC per gene of linear interpolation to each power."""
    spots = true.sum(axis=1)
    smooth = np.maximum(linear_weights(parts) @ spots, 0).reshape(true.shape)
    flat = true.reshape(-1, true.shape[2])
    seen = flat.std(axis=0) > 0
    found = []
    for power in POWERS:
        split = conserved(smooth**power, spots).reshape(flat.shape)
        correlation = column_correlation(flat[:, seen], split[:, seen])
        found.append(float(correlation.mean()))
    return found


def show(name: str, layout: str, true: np.ndarray, parts: SubSpots, cells: float) -> None:
    values = " | ".join(f"{value:.4f}" for value in correlations(true, parts))
    print(f"| {name} | {layout} | {len(true):,} | {cells:.1f} | {values} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", nargs="*", default=["tumour", "cortex", "xenium", "embryo"])
    add_data_option(parser)
    asked = parser.parse_args()
    print("| cells of | layout | spots | cells a spot | " + " | ".join(map(str, POWERS)) + " |")
    print("|---|---|---:|---:|" + "---:|" * len(POWERS))
    for name in asked.case:
        cells, pitch = cells_of(name, asked.data)
        points, counts = contract.coordinates(cells), contract.counts(cells)
        centres = hexagons(points, pitch)
        for width in WIDTHS:
            parts = split_spots(find_lattice(centres, width * pitch), parse_factor("7"))
            true = summed(points, counts, parts)
            filled = true.sum(axis=(1, 2)) > 0
            kept = split_spots(find_lattice(centres[filled], width * pitch), parse_factor("7"))
            ones = csr_matrix(np.ones((len(points), 1)))
            inside = summed(points, ones, parts).sum() / filled.sum()
            show(name, f"round, {width:g} of the pitch", true[filled], kept, inside)
        per_bin = pitch**2 / 4 * len(points) / np.prod(np.ptp(points, axis=0))
        case = from_cells(name, points, counts, float(per_bin), Factor(2, 2))
        parts = split_spots(find_lattice(case.spots.obsm["spatial"]), Factor(2, 2))
        true = case.truth.X.toarray().astype(float).reshape(case.spots.n_obs, 4, -1)
        show(name, "square bins", true, parts, len(points) / case.spots.n_obs)


if __name__ == "__main__":
    run(main)
