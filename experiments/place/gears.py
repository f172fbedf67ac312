"""GEARS and kNN on the six cases of real tissue: metrics and calibration of the uncertainty.

    OMP_NUM_THREADS=1 python -m experiments.place.gears --data DIR --models FOLDER
        [--seeds 0 10 20] [--presets quick] [case ...]

`quick` is the first network of `standard`, so one training run gives both; network i has the seed
of the run plus i, so seeds less than four apart would share networks. `spatialrecon place --method
gears` gives the same positions; it first trains another network on three quarters of the spots to
report the held-out error. For the uncertainty, cells are placed in the frame of the reference if
the truth shares it, else by the best similarity transform.
"""

from __future__ import annotations

import argparse
import copy
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.data import add_data_option, run
from napari_spatialrecon.comparison.cases.places import REAL, Case, load
from napari_spatialrecon.comparison.data import DataFolder
from napari_spatialrecon.evaluation.calibration import uncertainty_metrics
from napari_spatialrecon.evaluation.place_metrics import place_metrics
from napari_spatialrecon.geometry.procrustes import fit_pose
from napari_spatialrecon.methods.gears.config import GearsConfig
from napari_spatialrecon.methods.gears.model import Gears
from napari_spatialrecon.methods.placement.base import Placement
from napari_spatialrecon.methods.placement.knn import Knn
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.storage import write_json

SHOWN = ("spearman", "edge_auc", "trust20", "swd", "w1_knn", "decile_ratio", "within_2_sigma")
STANDARD = ("preset=standard", "validate=false")


def fitted(case: Case, settings: Sequence[str], seed: int, folder: Path) -> Gears:
    """Return GEARS fitted to a case; a model that `folder` already holds is read.

    Parameters
    ----------
    settings
        ``key=value`` on top of the preset that ``preset=`` names (quick).
    folder
        Keeps models under the case, the settings and the seed; remove it when training changes.
    """
    words = "_".join((case.name, *settings, str(seed))).replace("/", "-")
    place = folder / words
    if place.exists():
        return Gears.load(place)
    slides, cells, _ = case.prepared()
    model = Gears(configured(settings)).fit(slides, cells, Run(seed=seed))
    model.save(place)
    return model


def configured(settings: Sequence[str]) -> GearsConfig:
    """Return the configuration of ``key=value`` settings, of which ``preset=`` names the start."""
    preset = next((s.removeprefix("preset=") for s in settings if s.startswith("preset=")), "quick")
    return GearsConfig.preset(preset).with_text(
        [s for s in settings if not s.startswith("preset=")]
    )


def first_networks(model: Gears, config: GearsConfig) -> Gears:
    """Return the model with as many of its networks as `config` wants, placing as that says."""
    fewer = copy.copy(model)
    fewer.config, fewer.networks = config, model.networks[: config.members]
    return fewer


def quick(case: Case, seed: int, folder: Path) -> Gears:
    """Return what ``quick`` fits to a case: the first network of `standard`."""
    return first_networks(fitted(case, STANDARD, seed, folder), GearsConfig.preset("quick"))


def measure(case: Case, placement: Placement, truth: np.ndarray) -> dict[str, float]:
    """Return metrics of the layout, and of the uncertainty."""
    if case.same_frame:
        placed = placement.coordinates
    else:
        pose = fit_pose(placement.layout, truth)
        placed = pose.apply(placement.layout)
    errors = np.linalg.norm(placed - truth, axis=1)
    stated = uncertainty_metrics(errors, placement.uncertainty)
    return {
        **place_metrics(truth, placement.layout),
        "decile_ratio": stated["decile_ratio"],
        "within_2_sigma": stated["within_2_sigma"],
        "median_error_um": float(np.median(errors)) * case.um,
    }


def rows(
    name: str, data: DataFolder, seeds: list[int], presets: list[str], folder: Path
) -> Iterator[dict[str, Any]]:
    case = load(name, data)
    slides, cells, truth = case.prepared()
    for seed in seeds:
        knn = Knn().fit(slides, cells, Run(seed=seed)).place(cells)
        yield {"case": name, "method": "knn", "seed": seed} | measure(case, knn, truth)
        settings = STANDARD if "standard" in presets else ("validate=false",)
        model = fitted(case, settings, seed, folder)
        for preset in presets:
            placed = first_networks(model, GearsConfig.preset(preset)).place(cells)
            found = measure(case, placed, truth)
            yield {"case": name, "method": preset, "seed": seed} | found


def table(found: list[dict[str, Any]]) -> str:
    """Return the rows as Markdown, mean ± SD over seeds."""
    lines = [f"| case | method | seeds | {' | '.join(SHOWN)} |", f"|{'---|' * (3 + len(SHOWN))}"]
    for case, method in dict.fromkeys((r["case"], r["method"]) for r in found):
        alike = [r for r in found if (r["case"], r["method"]) == (case, method)]
        cells = []
        for metric in SHOWN:
            values = [r[metric] for r in alike]
            spread = f" ± {np.std(values):.3f}" if len(values) > 1 else ""
            cells.append(f"{np.mean(values):.3f}{spread}")
        lines.append(f"| {case} | {method} | {len(alike)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", nargs="*", default=list(REAL))
    add_data_option(parser)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 10, 20])
    parser.add_argument("--presets", nargs="+", default=["quick", "standard"])
    parser.add_argument("--models", type=Path, required=True, help="keeps trained models")
    parser.add_argument("--out", type=Path, help="JSON of every row")
    asked = parser.parse_args()
    found: list[dict[str, Any]] = []
    for name in asked.case:
        for row in rows(name, asked.data, asked.seeds, asked.presets, asked.models):
            found.append(row)
            print(json.dumps({k: row[k] for k in ("case", "method", "seed", *SHOWN)}), flush=True)
            if asked.out:
                write_json(asked.out, found)
    print(table(found))


if __name__ == "__main__":
    run(main)
