"""How far landmarks bring dp-VAE's places: error of the other cells against their number.

    python tools/landmark_error.py [embryo|starmap|her2 ...]

Prints, for each real case, the root-mean-square error of the cells that are no landmark over the
tissue's radius, for landmarks set on random cells and on those that `next_landmark` suggests; the
oracle is the best similarity pose, fitted to all cells.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

from napari_spatialrecon.evaluation.hiding import hide_places
from napari_spatialrecon.evaluation.protocols import hold_out_cells
from napari_spatialrecon.geometry.landmarks import Landmarks, next_landmark
from napari_spatialrecon.geometry.procrustes import fit_pose
from napari_spatialrecon.tasks.placing import place
from napari_spatialrecon.tissue.contract import prepare_query
from napari_spatialrecon.tissue.read import read_adata

DATA = Path(
    os.environ.get("SPATIALRECON_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")
)
NUMBERS = (3, 5, 10, 20, 50)
DRAWS = 5


def cases(name):
    if name == "embryo":
        cells = read_adata(DATA / "seqfish_embryo2/seqfish_embryo2.h5ad")
        held = hold_out_cells(cells)
        return {"spots": held[0]}, held[1], np.asarray(held[2], float)
    folder, references, query = {
        "starmap": ("starmap_mpfc", ["section_BZ5"], "section_BZ9"),
        "her2": ("st_her2_he", ["C2", "C3"], "C5"),
    }[name]
    read = {s: read_adata(DATA / folder / f"{s}.h5ad") for s in (*references, query)}
    truth = np.asarray(read[query].obsm["spatial"], float)
    return {s: read[s] for s in references}, hide_places(read[query]), truth


def error(true, placed, landmarks):
    others = np.setdiff1d(np.arange(len(true)), landmarks)
    radius = np.sqrt(((true - true.mean(0)) ** 2).sum(1).mean())
    return np.sqrt(((true - placed)[others] ** 2).sum(1).mean()) / radius


def main(names):
    for name in names:
        references, query, truth = cases(name)
        result = place(references, query, seed=0)
        cells = prepare_query(query, "query")
        truth = truth[cells.kept]
        layout, spread = result.placement.layout, result.placement.uncertainty
        oracle = error(truth, fit_pose(layout, truth).apply(layout), [])
        print(f"{name}: {len(truth)} cells, oracle pose {oracle:.2f}")
        for number in NUMBERS:
            chosen = []
            for _ in range(number):
                chosen.append(next_landmark(layout, spread, np.array(chosen, int), k=number))
            draws = [
                np.random.default_rng(s).choice(len(truth), number, replace=False)
                for s in range(DRAWS)
            ]
            solved, posed = [], []
            for rows in [np.array(chosen), *draws]:
                known = Landmarks(rows, truth[rows])
                solved.append(error(truth, result.method.impute(cells, known).coordinates, rows))
                pose = fit_pose(layout[rows], truth[rows])
                posed.append(error(truth, pose.apply(layout), rows))
            print(
                f"  {number:3d} landmarks: eq. 6-7 suggested {solved[0]:.2f}, "
                f"random {np.mean(solved[1:]):.2f}; Procrustes suggested {posed[0]:.2f}, "
                f"random {np.mean(posed[1:]):.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1:] or ["embryo", "starmap", "her2"])
