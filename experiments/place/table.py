"""Placement methods compared on tissue with known positions, with default settings.

    OMP_NUM_THREADS=1 python -m experiments.place.table --data DIR [--methods knn dpvae ...]
        [--preset quick] [--set KEY=VALUE] [--seeds 0 1 2] [--out FILE.json] [case ...]

Each cell of the table is the mean over seeds ± SD. Network i of a method has the seed of the run
plus i. `--preset` and `--set` apply to every requested method.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from experiments.data import add_data_option, run
from experiments.place.cases import REAL, SIMULATED, Case, load
from napari_spatialrecon.evaluation.place_metrics import place_metrics
from napari_spatialrecon.methods.registry import find_method
from napari_spatialrecon.storage import write_json
from napari_spatialrecon.tasks.placing import place

SHOWN = ("spearman", "edge_auc", "trust20", "procrustes", "swd", "w1_knn")


def measure(case: Case, method: str, seed: int, preset: str, values: list[str]) -> dict[str, Any]:
    """Return the metrics of the layout of one run."""
    config = find_method(method, "place").config().preset(preset).with_text(values)
    start = time.perf_counter()
    result = place(case.slides, case.cells, method=method, config=config, seed=seed, device="cpu")
    seconds = time.perf_counter() - start
    _, _, truth = case.prepared()
    what = {"case": case.name, "method": method, "seed": seed}
    return what | place_metrics(truth, result.placement.layout) | {"seconds": seconds}


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as Markdown, mean ± SD over seeds."""
    lines = [f"| case | method | seeds | {' | '.join(SHOWN)} |", f"|{'---|' * (3 + len(SHOWN))}"]
    for key in dict.fromkeys((r["case"], r["method"]) for r in rows):
        alike = [r for r in rows if (r["case"], r["method"]) == key]
        values = [[r[metric] for r in alike] for metric in SHOWN]
        cells = [f"{np.mean(v):.3f}" + (f" ± {np.std(v):.3f}" if v[1:] else "") for v in values]
        lines.append(f"| {' | '.join(key)} | {len(alike)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", nargs="*", default=list(REAL), help=", ".join((*REAL, *SIMULATED)))
    add_data_option(parser)
    parser.add_argument("--methods", nargs="+", default=["knn", "ridge", "dpvae", "gears", "come"])
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--out", type=Path, help="JSON of every row")
    asked = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for name in asked.case:
        case = load(name, asked.data)
        for method in asked.methods:
            for seed in asked.seeds:
                rows.append(measure(case, method, seed, asked.preset, asked.set))
                shown = {k: rows[-1][k] for k in ("case", "method", "seed", *SHOWN)}
                print(json.dumps(shown), flush=True)
                if asked.out:
                    write_json(asked.out, rows)
    print(table(rows))


if __name__ == "__main__":
    run(main)
