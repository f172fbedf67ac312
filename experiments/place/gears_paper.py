"""GEARS' preset `paper` on real tissue, in a size that two cores finish within two hours.

    OMP_NUM_THREADS=1 python -m experiments.place.gears_paper embryo --data DIR --folder FOLDER
        [--seed 0] [--steps 1800] [--set KEY=VALUE ...]

The same command continues a run that was stopped. All of `paper` stays, but for `REDUCED`: the
whole schedule (42,000 steps of 32 minisets of up to 256 spots) takes 385,000 seconds of a core on
the embryo. Each trained model is placed with its refiner and without (the generator alone), so that
a row says what the refiner adds.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from experiments.data import add_data_option, run
from napari_spatialrecon.comparison.cases.places import NAMES, load
from napari_spatialrecon.evaluation.place_metrics import place_metrics
from napari_spatialrecon.methods.gears.config import GearsConfig
from napari_spatialrecon.methods.gears.model import Gears
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.storage import write_json

SHOWN = ("stress1", "shell_f1", "scale_error", "swd", "w1_knn", "spearman", "edge_auc", "trust20")
#: What differs from the preset, and nothing else.
REDUCED: dict[str, Any] = {
    "minisets.per_step": 4,
    "minisets.largest": 128,
    "training.learning_rate": 3e-4,
    "training.checkpoint_every": 200,
    "refiner.steps": 8,
    "validate": False,
}


def fitted(case: str, asked: argparse.Namespace) -> Gears:
    """Return a trained model; one that the folder already holds is read, a stopped run resumed."""
    place = asked.folder / f"{case}_{asked.seed}_{asked.steps}"
    if (place / "model").exists():
        return Gears.load(place / "model")
    config = GearsConfig.preset("paper").with_values({**REDUCED, "training.steps": asked.steps})
    slides, cells, _ = load(case, asked.data).prepared()
    going = (place / "run").exists()
    runs = Run(seed=asked.seed, folder=place / "run", resume=going)
    model = Gears(config.with_text(asked.set)).fit(slides, cells, runs)
    model.save(place / "model")
    write_json(place / "losses.json", [losses_of(history) for history in model.history])
    return model


def losses_of(history: Any) -> list[float]:
    """Return the mean loss of each tenth of a training."""
    losses = np.asarray(history.losses)
    return [float(np.mean(part)) for part in np.array_split(losses, min(10, len(losses)))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", nargs="*", default=["embryo"], help=", ".join(NAMES.values()))
    add_data_option(parser)
    parser.add_argument("--folder", type=Path, required=True, help="keeps models and stopped runs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=1800)
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE")
    asked = parser.parse_args()
    for name in asked.case:
        start = time.process_time()
        model = fitted(name, asked)
        print(f"{name}: {time.process_time() - start:.0f} s of a core to train", flush=True)
        _, cells, truth = load(name, asked.data).prepared()
        for how in ("generator", "refined"):
            start, placer = time.process_time(), copy.deepcopy(model)
            if how == "generator":
                for network in placer.networks:
                    network.denoiser = None
            placed = placer.place(cells)
            found = place_metrics(truth, placed.layout)
            found["scale_error"] = abs(float(np.log(found["scale"])))
            row = {"case": name, "seed": asked.seed, "steps": asked.steps, "how": how}
            row |= {metric: round(found[metric], 4) for metric in SHOWN}
            print(json.dumps(row | {"seconds": round(time.process_time() - start)}), flush=True)


if __name__ == "__main__":
    run(main)
