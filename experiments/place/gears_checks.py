"""Checks of GEARS against a known truth: simulated tissue, and queries that lack half of it.

    OMP_NUM_THREADS=1 python -m experiments.place.gears_checks --data DIR --models FOLDER \
        [simulator] [composition]

`simulator`: median error of the placed cells in µm, with sections as given, with all sections
rotated by 137° and flipped, and with the cells in another order. `composition`: Spearman of the
remaining cells, placed among all cells and placed alone, for kNN and GEARS, with and without
standardising slides to match the composition of the query.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from experiments.data import add_data_option, run
from experiments.place.cases import without_half
from experiments.place.gears import fitted
from napari_spatialrecon.comparison.cases.places import Case, load
from napari_spatialrecon.comparison.data import DataFolder
from napari_spatialrecon.evaluation.place_metrics import place_metrics
from napari_spatialrecon.geometry.procrustes import Pose, fit_pose
from napari_spatialrecon.methods.placement.base import Placement, PlacementMethod
from napari_spatialrecon.methods.placement.config import KnnConfig
from napari_spatialrecon.methods.placement.knn import Knn
from napari_spatialrecon.methods.run import Run

SETTINGS = ("validate=false",)
TURN = np.radians(137.0)
#: Rotated by 137°, turned over and shifted.
MOVED = Pose(
    np.array([[np.cos(TURN), np.sin(TURN)], [np.sin(TURN), -np.cos(TURN)]]),
    np.array([3000.0, -500.0]),
)


def moved(case: Case) -> Case:
    """Return the case with its slides, and with them the truth, in another pose."""
    slides = {name: slide.copy() for name, slide in case.slides.items()}
    for slide in slides.values():
        slide.obsm["spatial"] = MOVED.apply(np.asarray(slide.obsm["spatial"], float))
    return replace(case, name=f"{case.name}-moved", slides=slides, truth=MOVED.apply(case.truth))


def errors(case: Case, placed: Placement) -> str:
    """Return Spearman and the median error in µm: as posed, and after the best pose."""
    _, cells, truth = case.prepared()
    assert len(placed.layout) == cells.adata.n_obs
    apart = np.linalg.norm(placed.coordinates - truth, axis=1) * case.um
    best = fit_pose(placed.layout, truth, scaling=False).apply(placed.layout)
    own = np.linalg.norm(best - truth, axis=1) * case.um
    metrics = place_metrics(truth, placed.layout)
    radius = np.sqrt(((truth - truth.mean(axis=0)) ** 2).sum(axis=1).mean()) * case.um
    return (
        f"Spearman {metrics['spearman']:.3f}, scale wanted {metrics['scale']:.2f}, "
        f"median error {np.median(apart):.0f} µm as posed, {np.median(own):.0f} µm after the best "
        f"rotation, RMS radius of the tissue {radius:.0f} µm"
    )


def simulator(data: DataFolder, folder: Path) -> None:
    upright = load("sim", data)
    turned = moved(upright)
    order = np.random.default_rng(1).permutation(upright.cells.n_obs)
    shuffled = upright.with_cells(order, "shuffled")
    placed = {}
    for case in (upright, turned, shuffled):
        slides, cells, _ = case.prepared()
        knn = Knn().fit(slides, cells, Run(seed=0)).place(cells)
        print(f"{case.name}, knn: {errors(case, knn)}", flush=True)
        model = fitted(case, SETTINGS, 0, folder)
        placed[case.name] = model.place(cells)
        print(f"{case.name}, gears: {errors(case, placed[case.name])}", flush=True)
    first = placed["sim"].coordinates
    size = np.sqrt(first.var(axis=0).sum())
    same = fitted(upright, SETTINGS, 0, folder).place(shuffled.prepared()[1]).coordinates
    for label, other in (
        ("cells in another order, same model", same - first[order]),
        ("cells in another order, trained anew", placed["sim-shuffled"].coordinates - first[order]),
        ("slides turned over", MOVED.inverse().apply(placed["sim-moved"].coordinates) - first),
    ):
        apart = np.linalg.norm(other, axis=1) / size
        print(f"{label}: moved by {np.median(apart):.1e} radii (median), {apart.max():.1e} (most)")


def composition(data: DataFolder, folder: Path) -> None:
    for tissue in ("embryo", "starmap"):
        whole = load(tissue, data)
        among = {name: layout for name, layout, _ in _placed(whole, folder)}
        for what in ("length", "width", "clusters"):
            half = without_half(whole, what)
            kept = np.flatnonzero(whole.cells.obs_names.isin(half.cells.obs_names))
            for name, alone, said in _placed(half, folder):
                figures = [
                    place_metrics(half.truth, layout)["spearman"]
                    for layout in (among[name][kept], alone)
                ]
                print(
                    f"{tissue} without half of its {what}, {name}: {len(kept)} cells placed among "
                    f"all {figures[0]:.3f}, alone {figures[1]:.3f}; said in the result: {said}",
                    flush=True,
                )
    for case in (load("sim", data), load("sim-shift", data)):
        for name, layout, said in _placed(case, folder):
            metrics = place_metrics(case.prepared()[2], layout)
            print(f"{case.name}, {name}: {metrics['spearman']:.3f}; said: {said}", flush=True)


def _placed(case: Case, folder: Path) -> Iterator[tuple[str, np.ndarray, bool]]:
    """Yield method, layout, and whether the result says that cells may be missing."""
    slides, cells, _ = case.prepared()
    separate = {"preprocess.zscore": "separate"}
    models = {
        "": fitted(case, SETTINGS, 0, folder),
        ", not matched": fitted(case, (*SETTINGS, "preprocess.zscore=separate"), 0, folder),
    }
    alone = copy.copy(models[""])
    alone.config = alone.config.with_values({"baseline_share": 0.0})
    methods: dict[str, PlacementMethod] = {
        "knn": Knn().fit(slides, cells, Run(seed=0)),
        "knn, not matched": Knn(KnnConfig().with_values(separate)).fit(slides, cells, Run(seed=0)),
        "gears, generator alone": alone,
        **{f"gears{how}": model for how, model in models.items()},
    }
    for name, method in methods.items():
        placed = method.place(cells)
        yield name, placed.layout, any("missing" in note for note in placed.notes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("check", nargs="*", default=["simulator", "composition"])
    add_data_option(parser)
    parser.add_argument("--models", type=Path, required=True, help="keeps trained models")
    asked = parser.parse_args()
    for check in asked.check:
        {"simulator": simulator, "composition": composition}[check](asked.data, asked.models)


if __name__ == "__main__":
    run(main)
