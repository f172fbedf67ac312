"""Ablation of GEARS, part by part, on three real cases.

    OMP_NUM_THREADS=1 python -m experiments.place.gears_ablation --data DIR --models FOLDER \
        [--seed 0] [case ...]

Each row that changes training trains one network, as `quick` does; `quick` itself is the first
network of `standard`, which experiments/place/gears.py saves too. Rows that only change how cells
are placed share one training run. Spearman is also printed for the generator alone; all other
metrics are of its positions combined two to one with those by similarity, as in `quick`.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from experiments.data import add_data_option, run
from experiments.place.gears import fitted, quick
from napari_spatialrecon.comparison.cases.places import load
from napari_spatialrecon.comparison.data import DataFolder
from napari_spatialrecon.evaluation.place_metrics import place_metrics
from napari_spatialrecon.geometry.patchwork import stitching
from napari_spatialrecon.geometry.stress import StressLayout
from napari_spatialrecon.methods.ensemble import joining
from napari_spatialrecon.methods.gears.model import Gears
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.storage import write_json
from napari_spatialrecon.tissue.preprocess import Features

SHOWN = ("spearman", "edge_auc", "trust20", "swd", "w1_knn")
PAIRS = ("minisets.overlap=0.5",)
NO_OVERLAP_LOSSES = (
    "losses.overlap_shape=0",
    "losses.overlap_scale=0",
    "losses.overlap_neighbours=0",
)
#: Training: settings, or a word for what no setting changes.
TRAININGS: dict[str, tuple[str, ...]] = {
    "quick": (),
    "noise off": ("noise=0",),
    "per-cell MLP for set attention": ("attention=none", "noise=.9"),
    "overlapping pairs, no losses on them": (*PAIRS, *NO_OVERLAP_LOSSES),
    "overlapping pairs with their losses": PAIRS,
    "refiner": ("refiner.on=true",),
}
PATCHES = {"patches.one_shot": 0}
#: Placing, on the training that each belongs to.
PLACINGS: dict[str, dict[str, Mapping[str, Any]]] = {
    "quick": {
        "": {},
        "places averaged, not distances": {},
        "mean distances as they are": {"spread_share": 0.0},
        "patches of 384": PATCHES | {"patches.size": 384},
        "patches of 128": PATCHES | {"patches.size": 128},
        "patches of 128, all as reliable": PATCHES | {"patches.size": 128},
        "density by transport, half-way": {"density": "transport", "density_share": 0.5},
        "density by transport, whole way": {"density": "transport", "density_share": 1.0},
    },
    "refiner": {
        "not used": {"refiner.on": False},
        **{f"{n} steps": {"refiner.steps": n} for n in (1, 2, 4, 8, 16, 32, 64)},
        "18 steps, one sample": {"refiner.temperature": 1.0},
    },
}


@contextmanager
def instead(module: Any, name: str, value: Any) -> Iterator[None]:
    """Put something else in the place of a part that has no switch."""
    kept = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, kept)


def all_as_reliable(overlaps: Any, n_patches: int) -> tuple[np.ndarray, np.ndarray]:
    """Stand for step 5 of section 3.5 with a_p = 1."""
    return np.zeros(n_patches), np.ones(n_patches)


def the_start(wanted: np.ndarray, anchors: np.ndarray, start: np.ndarray, **_: Any) -> StressLayout:
    """Stand for the layout of mean distances with what it starts from: the mean of places."""
    return StressLayout(start, 0.0)


def rows(name: str, data: DataFolder, seed: int, folder: Path) -> Iterator[dict[str, Any]]:
    case = load(name, data)
    _, cells, truth = case.prepared()
    for training, settings in TRAININGS.items():
        if training == "quick":
            model = quick(case, seed, folder)
        else:
            model = fitted(case, ("validate=false", *settings), seed, folder)
        for placing, values in PLACINGS.get(training, {"": {}}).items():
            if values.get("patches.size", 0) >= len(truth):
                continue
            reliable = all_as_reliable if "reliable" in placing else stitching._reliability
            laid_out = the_start if "averaged" in placing else joining.stress_layout
            placer = copy.copy(model)
            if values.get("refiner.on") is False:
                placer.networks = [_without_refiner(n) for n in model.networks]
            lay_out_once(placer)
            for joined, share in (("alone", 0.0), ("joined", model.config.baseline_share)):
                placer.config = model.config.with_values({**values, "baseline_share": share})
                start = time.process_time()
                with (
                    instead(stitching, "_reliability", reliable),
                    instead(joining, "stress_layout", laid_out),
                ):
                    layout = placer.place(cells).layout
                seconds = time.process_time() - start
                row = {"case": name, "training": training, "placing": placing, "joined": joined}
                yield row | {"seconds": seconds} | place_metrics(truth, layout)


def lay_out_once(placer: Gears) -> None:
    """Let a model keep its networks' layouts, of which a share of kNN's places changes nothing."""
    found, kept = placer.layouts, []

    def layouts(features: Sequence[Features], reporter: Reporter) -> list[np.ndarray]:
        if not kept:
            kept.append(found(features, reporter))
        return kept[0]

    placer.layouts = layouts


def _without_refiner(trained: nn.Module) -> nn.Module:
    alone = copy.deepcopy(trained)
    alone.denoiser = None
    return alone


def table(found: list[dict[str, Any]]) -> str:
    """Return a table per case: one row per part, one metric per column."""
    heads = ["part", "spearman, alone", *SHOWN]
    lines = []
    for case in dict.fromkeys(r["case"] for r in found):
        lines.append(f"\n{case}\n\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
        rows: dict[str, dict[str, dict[str, Any]]] = {}
        for r in (r for r in found if r["case"] == case):
            part = ", ".join(k for k in (r["training"], r["placing"]) if k)
            rows.setdefault(part, {})[r["joined"]] = r
        for part, by_way in rows.items():
            values = [by_way["alone"]["spearman"], *(by_way["joined"][m] for m in SHOWN)]
            lines.append(f"| {part} | {' | '.join(f'{v:.3f}' for v in values)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", nargs="*", default=["embryo", "starmap", "her2"])
    add_data_option(parser)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--models", type=Path, required=True, help="keeps trained models")
    parser.add_argument("--out", type=Path, help="JSON of every row")
    asked = parser.parse_args()
    found: list[dict[str, Any]] = []
    for name in asked.case:
        for row in rows(name, asked.data, asked.seed, asked.models):
            found.append(row)
            if asked.out:
                write_json(asked.out, found)
    print(table(found))


if __name__ == "__main__":
    run(main)
