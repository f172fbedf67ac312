"""Super-resolution of the judge's four cases: SRast, interpolations, and SRast without its parts.

    OMP_NUM_THREADS=1 python -m experiments.super_resolve.table [--factor 2x2] [--rows ROW ...]
        [--models FOLDER] [--out FILE.json] [case ...]

Figures are those of `judge.py superres`, and clusters beside them. The rows of table 4 of the paper
are trained anew on the slides of train_generalist.py, as the package's own model was, and
adapted without the same part; FOLDER keeps them. `ceiling` is not a method: what noise leaves of a
correlation with the truth (`super_cases.poisson_ceiling`).
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from experiments.super_resolve import cases as super_cases
from experiments.super_resolve import train_generalist
from napari_spatialrecon.evaluation.super_metrics import evaluate_super
from napari_spatialrecon.methods.srast.config import SRastConfig
from napari_spatialrecon.storage import write_json
from napari_spatialrecon.tasks.super_resolving import super_resolve
from napari_spatialrecon.tissue.subspots import Factor, parse_factor

FLOORS = ("uniform", "bilinear", "bicubic", "gaussian")
#: Table 4 of the paper.
ABLATIONS = {
    "pca": ["sasa.encoder=pca"],
    "no-latent-norm": ["sasa.latent_norm=false"],
    "no-bcr": ["flow.boundary_weight=0"],
    "no-fm": ["flow.flow_weight=0"],
}
SHOWN = ("pcc_gene", "spearman_spot", "spearman_gene", "fd")
CLUSTERS = ("kmeans", "leiden", "mixture")


def ablated(row: str, folder: Path) -> Path:
    """Return the folder of a generalist that was trained without a part; train it if need be."""
    place = folder / row
    if not place.exists():
        train_generalist.train(1500, 0, ABLATIONS[row]).save(place)
    return place


def measure(row: str, case: super_cases.SuperCase, factor: Factor, options: Any) -> dict[str, Any]:
    """Return the figures of one method on one case."""
    if row == "ceiling":
        return super_cases.poisson_ceiling(case)
    if row in FLOORS:
        asked: dict[str, Any] = {"method": row}
    else:
        config = SRastConfig().with_text([*ABLATIONS.get(row, []), *options.set])
        model = ablated(row, options.models) if row in ABLATIONS else options.model
        asked = {"config": config, "model": model}
    start = time.process_time()
    result = super_resolve(case.spots, factor, device="cpu", seed=options.seed, **asked)
    seconds = time.process_time() - start
    found = evaluate_super(case.truth, result.adata)
    adapted = {k: v for k, v in result.record.metrics.items() if k.startswith("coarse_")}
    return {**{k: found[k] for k in SHOWN}, **found["ari"], **adapted, "cpu_s": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", nargs="*", default=list(super_cases.CASES))
    parser.add_argument("--factor", default="2x2")
    rows_of_all = ["ceiling", *FLOORS, "srast"]
    known = [*rows_of_all, *ABLATIONS]
    parser.add_argument("--rows", nargs="+", default=rows_of_all, choices=known)
    parser.add_argument("--models", type=Path, default=Path("models"), help="of the ablations")
    parser.add_argument("--model", help="for srast, instead of the package's")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="JSON of every row")
    options = parser.parse_args()
    factor = parse_factor(options.factor)
    rows: list[dict[str, Any]] = []
    for name in options.case:
        case = super_cases.load(name, factor)
        for row in options.rows:
            what = {"case": name, "row": row, "factor": str(factor), "seed": options.seed}
            rows.append(what | measure(row, case, factor, options))
            print(json.dumps(rows[-1]), flush=True)
            if options.out:
                write_json(options.out, rows)
    print(table(rows))


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as Markdown."""
    shown = (*SHOWN[:3], *CLUSTERS)
    lines = [f"| case | row | {' | '.join(shown)} |", f"|{'---|' * (2 + len(shown))}"]
    for found in rows:
        if found["row"] == "ceiling":
            continue
        cells = " | ".join(f"{found[name]:.4f}" for name in shown)
        lines.append(f"| {found['case']} | {found['row']} | {cells} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
