"""Effect of landmarks on dp-VAE: error of the other cells against the number of landmarks.

    OMP_NUM_THREADS=1 python -m experiments.place.landmarks --data DIR --out curve.json \
        [--picture curve.png] [--seeds 3] [starmap|her2|cortex|embryo ...]

Places each query once per seed (of dp-VAE, suggestions and draws), then moves it by 0, 3, 5, 10, 20
and 50 landmarks as the window does, set on random cells (five draws) and on those that
`next_landmark` suggests one after another. Measured on the cells that are not landmarks: Procrustes
error, median error in µm (in data units if the scale is unknown), root-mean-square error relative
to the tissue's radius, and its excess over the oracle's. `solved` is eq. 6-7 with λ refitted,
`posed` the similarity transform of the layout to the landmarks, `bent` eq. 6-7 with the smooth
residual; the oracle is the best similarity transform, fitted to all cells and measured on the same
ones. Without landmarks, the cells are where `place` put them on the reference; `expected` is the
automatic start of Align to histology on the first reference, after flipping the layout (her2 and
starmap: in the frame of another section).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from experiments.data import add_data_option, run
from napari_spatialrecon.comparison.data import DataFolder
from napari_spatialrecon.evaluation.hiding import hide_places
from napari_spatialrecon.evaluation.protocols import hold_out_cells
from napari_spatialrecon.geometry.procrustes import fit_pose, procrustes_error
from napari_spatialrecon.geometry.solver.bending import apply_bend
from napari_spatialrecon.geometry.solver.landmarks import (
    Landmarks,
    fit_scale,
    next_landmark,
    typical_cells,
)
from napari_spatialrecon.geometry.solver.place_solver import PlaceSolver
from napari_spatialrecon.storage import write_json
from napari_spatialrecon.tasks.expected_start import expected_places, lay_on_expected
from napari_spatialrecon.tasks.placing import place
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.simulator.simulate import simulate

NUMBERS = (3, 5, 10, 20, 50)
DRAWS = 5
TURNED = np.array([[0.0, -1.0], [-1.0, 0.0]])
TITLES = {
    "starmap": "STARmap cortex, BZ5 → BZ9",
    "her2": "Breast cancer, C2 + C3 → C5",
    "cortex": "Simulated cortex",
    "embryo": "Mouse embryo, held-out cells",
}


def load(name: str, data: DataFolder) -> tuple[dict[str, Any], Any, np.ndarray, float]:
    """Return references, the query without places, its true places, and µm a unit."""
    if name == "embryo":
        cells = data.read("seqfish_embryo2/seqfish_embryo2.h5ad")
        held = hold_out_cells(cells)
        return {"spots": held[0]}, held[1], np.asarray(held[2], float), 1.0
    if name == "cortex":
        made = simulate("cortex", seed=0)
        slides = {f"slide {i}": slide for i, slide in enumerate(made.slides, 1)}
        truth = made.truth.loc[made.cells.obs_names, ["x", "y"]].to_numpy(float)
        return slides, made.cells, truth, contract.um_per_unit(made.slides[0]) or 1.0
    folder, references, query = {
        "starmap": ("starmap_mpfc", ["section_BZ5"], "section_BZ9"),
        "her2": ("st_her2_he", ["C2", "C3"], "C5"),
    }[name]
    read = {s: data.read(f"{folder}/{s}.h5ad") for s in (*references, query)}
    truth = np.asarray(read[query].obsm["spatial"], float)
    um = contract.um_per_unit(read[query]) or 1.0
    return {s: read[s] for s in references}, hide_places(read[query]), truth, um


def errors(true: np.ndarray, placed: np.ndarray, known: np.ndarray, um: float) -> dict[str, float]:
    """Return the errors of the cells that are no landmark."""
    others = np.setdiff1d(np.arange(len(true)), known)
    apart = np.linalg.norm((true - placed)[others], axis=1)
    radius = np.sqrt(((true - true.mean(0)) ** 2).sum(1).mean())
    return {
        "procrustes": procrustes_error(true[others], placed[others]),
        "median_um": float(np.median(apart)) * um,
        "rms": float(np.sqrt((apart**2).mean()) / radius),
    }


def measure(name: str, data: DataFolder, seed: int) -> Iterator[dict[str, Any]]:
    references, query, truth, um = load(name, data)
    result = place(references, query, seed=seed)
    cells = contract.prepare_query(query, "query")
    truth = truth[cells.kept]
    layout, spread = result.placement.layout, result.placement.uncertainty
    nothing = np.empty(0, int)
    start = {"case": name, "seed": seed, "cells": len(truth), "landmarks": 0, "choice": "none"}
    oracle = fit_pose(layout, truth).apply(layout)

    def judged(places: np.ndarray, known: np.ndarray) -> dict[str, float]:
        found, best = errors(truth, places, known, um), errors(truth, oracle, known, um)
        return found | {"above": 100 * (found["rms"] / best["rms"] - 1)}

    yield start | {"way": "placed"} | judged(result.placement.coordinates, nothing)
    yield start | {"way": "oracle"} | judged(oracle, nothing)
    slide = next(iter(references.values()))
    expected = expected_places(query[cells.kept], slide)
    size = (contract.um_per_unit(query) or um) / (contract.um_per_unit(slide) or um)
    pose = lay_on_expected(layout @ TURNED, expected, size=size).pose
    yield start | {"way": "expected"} | judged(pose.apply(layout @ TURNED), nothing)
    solver, typical = PlaceSolver(layout), typical_cells(layout, spread, seed=seed)
    chosen: list[int] = []
    for _ in range(max(NUMBERS)):
        chosen.append(next_landmark(layout, spread, np.array(chosen, int), typical))
    for number in NUMBERS:
        generators = [np.random.default_rng([seed, draw]) for draw in range(DRAWS)]
        draws = [g.choice(len(truth), number, replace=False) for g in generators]
        suggested = np.array(chosen[:number])
        for rows, choice in ((suggested, "suggested"), *((d, "random") for d in draws)):
            known = Landmarks(rows, truth[rows])
            scale = fit_scale(layout, known, trained=1.0)
            solved = solver.solve(known, scale=scale).places
            posed = fit_pose(layout[rows], truth[rows]).apply(layout)
            bowed = apply_bend(solved, layout, known)
            ways = {"solved": solved, "posed": posed, "bent": bowed, "oracle": oracle}
            for way, places in ways.items():
                found = judged(places, rows)
                yield start | {"landmarks": number, "choice": choice, "way": way} | found


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as a Markdown table, means over seeds and draws; of `above` the SD too.

    The SD is that of the seeds; of random draws that of the means of a seed's draws.
    """
    lines = ["| case | landmarks | choice | way | Procrustes | median µm | rms / radius | above |"]
    lines.append("|---|---:|---|---|---:|---:|---:|---:|")
    keys = list(dict.fromkeys((r["case"], r["landmarks"], r["choice"], r["way"]) for r in rows))
    for key in keys:
        alike = [r for r in rows if (r["case"], r["landmarks"], r["choice"], r["way"]) == key]
        means = [float(np.mean([r[m] for r in alike])) for m in ("procrustes", "median_um", "rms")]
        seeds = sorted({r["seed"] for r in alike})
        above = [np.mean([r["above"] for r in alike if r["seed"] == seed]) for seed in seeds]
        lines.append(
            f"| {' | '.join(map(str, key))} | {means[0]:.3f} | {means[1]:.0f} | {means[2]:.3f} "
            f"| {np.mean(above):.1f} ± {np.std(above):.1f}% |"
        )
    return "\n".join(lines)


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw median error in µm against the number of landmarks, one panel per case."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    names = list(dict.fromkeys(r["case"] for r in rows))
    figure, axes = plt.subplots(1, len(names), figsize=(4.2 * len(names), 3.6), squeeze=False)
    styles = {"suggested": ("#0072B2", "o-"), "random": ("#D55E00", "s--")}
    for axis, name in zip(axes[0], names, strict=True):
        of_case = [r for r in rows if r["case"] == name]
        for choice, (color, style) in styles.items():
            values = [
                [r["median_um"] for r in of_case if (r["landmarks"], r["choice"], r["way"]) == key]
                for key in ((number, choice, "solved") for number in NUMBERS)
            ]
            axis.plot(range(1, 6), [np.mean(v) for v in values], style, color=color, label=choice)
            low, high = [min(v) for v in values], [max(v) for v in values]
            axis.fill_between(range(1, 6), low, high, color=color, alpha=0.15, lw=0)
        level = {
            way: np.mean(
                [r["median_um"] for r in of_case if (r["landmarks"], r["way"]) == (0, way)]
            )
            for way in ("placed", "oracle")
        }
        axis.plot([0], [level["placed"]], "k^", label="no landmark")
        axis.axhline(level["oracle"], color="#666666", ls=":", label="best possible pose")
        axis.set_xticks(range(6), ["0", *map(str, NUMBERS)])
        unit = "units of the data" if name in ("starmap", "embryo") else "µm"
        axis.set(title=TITLES[name], xlabel="landmarks", ylabel=f"median error, {unit}")
        axis.set_ylim(bottom=0)
    axes[0][0].legend(frameon=False, fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", default=["starmap", "her2", "cortex"])
    add_data_option(parser)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    rows = json.loads(options.out.read_text()) if options.out.exists() else []
    for name, seed in product(options.cases, range(options.seeds)):
        if not any((row["case"], row["seed"]) == (name, seed) for row in rows):
            rows += list(measure(name, options.data, seed))
            write_json(options.out, rows)
    print(table(rows))
    if options.picture:
        draw(rows, options.picture)


if __name__ == "__main__":
    run(main)
