"""Expected errors and 90 % radii of placed cells beside their true errors.

    OMP_NUM_THREADS=1 python -m experiments.place.calibration --data DIR [--methods knn ridge ...]
        [--preset quick] [--seeds 0] [--out FILE.json] [case ...]

The truth of the query is read after placing, to judge. Where it lies in another frame than the
slides (`Case.same_frame`), the placed cells are first moved onto it by the best rotation and shift.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from experiments.data import add_data_option, run
from napari_spatialrecon.comparison.cases.places import REAL, SIMULATED, Case, load
from napari_spatialrecon.geometry.procrustes import fit_pose
from napari_spatialrecon.methods.registry import find_method
from napari_spatialrecon.storage import write_json
from napari_spatialrecon.tasks.placing import place
from napari_spatialrecon.tissue.slots import EXPECTED, UNCERTAINTY

SHOWN = ("found", "before", "stated", "ratio", "within_before", "within", "held", "spots")


def true_errors(case: Case, coordinates: np.ndarray) -> np.ndarray:
    """Return how far the placed cells lie from their true places, in µm where known."""
    _, _, truth = case.prepared()
    if not case.same_frame:
        coordinates = fit_pose(coordinates, truth, scaling=False).apply(coordinates)
    return np.linalg.norm(coordinates - truth, axis=1) * case.um


def measure(case: Case, method: str, seed: int, preset: str) -> dict[str, Any]:
    """Return what one run states of its errors, and what they are.

    ``found`` is the median true error; ``before`` and ``stated`` the median spread that earlier
    versions stated and the median expected error, ``ratio`` of the latter to what was found;
    ``within_before`` and ``within`` the share of cells within the spread and within the 90 %
    radius; ``held`` and ``spots`` what the run says of held-out spots.
    """
    config = find_method(method, "place").config().preset(preset)
    start = time.perf_counter()
    result = place(case.slides, case.cells, method=method, config=config, seed=seed, device="cpu")
    seconds = time.perf_counter() - start
    placement, um = result.placement, case.um
    errors = true_errors(case, placement.coordinates)
    spread = placement.uncertainty * um
    row = {
        "case": case.name,
        "method": method,
        "seed": seed,
        "found": float(np.median(errors)),
        "p90": float(np.quantile(errors, 0.9)),
        "before": float(np.median(spread)),
        "within_before": float((errors <= spread).mean()),
        "resemblance": placement.diagnostics["resemblance"],
        "seconds": seconds,
    }
    if EXPECTED in result.adata.obs:
        expected = result.adata.obs[EXPECTED].to_numpy() * um
        radius = result.adata.obs[UNCERTAINTY].to_numpy() * um
        row |= {
            "stated": float(np.median(expected)),
            "ratio": float(np.median(expected) / np.median(errors)),
            "radius": float(np.median(radius)),
            "within": float((errors <= radius).mean()),
            "held": result.record.metrics["calibration_held"],
            "spots": result.record.metrics["calibration_spots"],
            "calibration": result.method.fitted.calibration.to_dict(),
        }
    return row


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as Markdown."""
    lines = [f"| case | method | {' | '.join(SHOWN)} |", f"|{'---|' * (2 + len(SHOWN))}"]
    for row in rows:
        cells = [f"{row[name]:.3g}" if name in row else "-" for name in SHOWN]
        lines.append(f"| {row['case']} | {row['method']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", nargs="*", default=list(REAL), help=", ".join((*REAL, *SIMULATED)))
    add_data_option(parser)
    parser.add_argument("--methods", nargs="+", default=["knn", "ridge", "dpvae", "gears", "come"])
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--out", type=Path, help="JSON of every row")
    asked = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for method in asked.methods:
        for name in asked.case:
            case = load(name, asked.data)
            for seed in asked.seeds:
                rows.append(measure(case, method, seed, asked.preset))
                shown = {k: v for k, v in rows[-1].items() if k != "calibration"}
                print(json.dumps(shown), flush=True)
                if asked.out:
                    write_json(asked.out, rows)
    print(table(rows))


if __name__ == "__main__":
    run(main)
