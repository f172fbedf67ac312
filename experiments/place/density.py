"""How evenly GEARS' cells lie, against how well their distances are ordered: one model, many ways.

    OMP_NUM_THREADS=1 python -m experiments.place.density --data DIR --models FOLDER
        [--seed 0] [--held-out] [case ...]

`standard` is trained once a case; its networks' layouts are joined once, and moved towards the
density of the spots by `density_share` (``density=transport``), with and without cells that lie off
the tissue moved to its rim (``on_tissue``). *beyond*: share of the cells farther than the widest
pitch from any spot. With ``--held-out``, the same on a quarter of the spots, placed by networks
that never saw them: the share that would be chosen without the truth.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from experiments.data import add_data_option, run
from experiments.place.gears import STANDARD, configured, fitted
from experiments.place.gears_ablation import lay_out_once
from napari_spatialrecon.comparison.cases.places import REAL, Case, load
from napari_spatialrecon.evaluation.place_metrics import place_metrics
from napari_spatialrecon.methods.gears.model import Gears
from napari_spatialrecon.methods.placement.held_out import hold_out
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.tissue.contract import Prepared

SHARES = (0.0, 0.1, 0.15, 0.25, 0.5, 1.0)
SHOWN = ("spearman", "edge_auc", "trust20", "swd", "w1_knn", "stress1")


def rows(model: Gears, cells: Prepared, truth: np.ndarray) -> Iterator[str]:
    """Yield the metrics of each share, as cells of a table."""
    placer = copy.copy(model)
    lay_out_once(placer)
    places = model.reference.places
    pitch = max(np.median(cKDTree(p).query(p, 2)[0][:, 1]) for p in places)
    tree = cKDTree(np.concatenate(places))
    for on_tissue in (False, True):
        for share in SHARES:
            values = {"density": "transport", "density_share": share, "on_tissue": on_tissue}
            placer.config = model.config.with_values(values)
            placed = placer.place(cells)
            found = place_metrics(truth, placed.layout)
            frame = model.reference.frame
            own = frame.normalise(placed.coordinates, 0)
            beyond = float((tree.query(own)[0] > pitch).mean())
            cut = "moved to the rim" if on_tissue else "as they lie"
            shown = " | ".join(f"{found[m]:.4f}" for m in SHOWN)
            yield f"{share:g} | {cut} | {shown} | {beyond:.1%} |"


def without_spots(case: Case, seed: int) -> tuple[Gears, Prepared, np.ndarray]:
    """Return `quick` trained without a quarter of the spots, those of a slide, and their places."""
    slides, _, _ = case.prepared()
    held_out = hold_out(slides, seed)
    assert held_out is not None, "slides of more than 20 spots"
    spots = replace(slides[0], adata=slides[0].adata[held_out.masks[0]].copy())
    model = Gears(configured(("validate=false",))).fit(held_out.seen, spots, Run(seed))
    return model, spots, held_out.places()[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", nargs="*", default=list(REAL))
    add_data_option(parser)
    parser.add_argument("--models", type=Path, default=Path("models"), help="keeps trained models")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--held-out", action="store_true")
    asked = parser.parse_args()
    print(f"| case | share | cells off the tissue | {' | '.join(SHOWN)} | beyond |")
    print(f"|---|---:|---|{'---:|' * (len(SHOWN) + 1)}")
    for name in asked.case:
        case = load(name, asked.data)
        if asked.held_out:
            model, cells, truth = without_spots(case, asked.seed)
        else:
            _, cells, truth = case.prepared()
            model = fitted(case, STANDARD, asked.seed, asked.models)
        for row in rows(model, cells, truth):
            print(f"| {name} | {row}", flush=True)


if __name__ == "__main__":
    run(main)
