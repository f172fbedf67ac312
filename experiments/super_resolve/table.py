"""Super-resolution of four slides: SRast, interpolations, and ablations of SRast.

    OMP_NUM_THREADS=1 python -m experiments.super_resolve.table --data DIR [--factor 2x2]
        [--rows ROW ...] [--models FOLDER] [--out FILE.json] [case ...]

For each row of table 4 of the paper, a model without that part is trained on the slides of
train_generalist.py, as the package's own model was, and adapted without it; models are saved in
FOLDER. `ceiling` is not a method but the highest correlation with the truth that noise permits
(`cases.poisson_ceiling`).
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from experiments.data import add_data_option, run
from experiments.super_resolve.cases import poisson_ceiling
from experiments.super_resolve.train_generalist import train
from napari_spatialrecon.comparison.cases.splits import CASES, SuperCase, load
from napari_spatialrecon.comparison.data import DataFolder
from napari_spatialrecon.evaluation.super_metrics import evaluate_super
from napari_spatialrecon.methods.srast.config import SRastConfig
from napari_spatialrecon.storage import write_json
from napari_spatialrecon.tasks.super_resolving import super_resolve
from napari_spatialrecon.tissue.subspots import Factor, parse_factor

BASELINES = ("uniform", "bilinear", "bicubic", "gaussian")
#: Table 4 of the paper.
ABLATIONS = {
    "pca": ["sasa.encoder=pca"],
    "no-latent-norm": ["sasa.latent_norm=false"],
    "no-bcr": ["flow.boundary_weight=0"],
    "no-fm": ["flow.flow_weight=0"],
}
SHOWN = ("pcc_gene", "spearman_spot", "spearman_gene", "fd")
CLUSTERS = ("kmeans", "leiden", "mixture")


def ablated(row: str, data: DataFolder, folder: Path) -> Path:
    """Return the folder of a generalist that was trained without a part; train it if need be."""
    place = folder / row
    if not place.exists():
        train(data, 1500, 0, ABLATIONS[row]).save(place)
    return place


def measure(row: str, case: SuperCase, factor: Factor, options: Any) -> dict[str, Any]:
    """Return the figures of one method on one case."""
    if row == "ceiling":
        return poisson_ceiling(case)
    if row in BASELINES:
        asked: dict[str, Any] = {"method": row}
    else:
        config = SRastConfig().with_text([*ABLATIONS.get(row, []), *options.set])
        model = ablated(row, options.data, options.models) if row in ABLATIONS else options.model
        asked = {"config": config, "model": model}
    start = time.process_time()
    result = super_resolve(case.spots, factor, device="cpu", seed=options.seed, **asked)
    seconds = time.process_time() - start
    found = evaluate_super(case.truth, result.adata)
    adapted = {k: v for k, v in result.record.metrics.items() if k.startswith("coarse_")}
    return {**{k: found[k] for k in SHOWN}, **found["ari"], **adapted, "cpu_s": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", nargs="*", default=list(CASES))
    add_data_option(parser)
    parser.add_argument("--factor", default="2x2")
    rows_of_all = ["ceiling", *BASELINES, "srast"]
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
        case = load(name, options.data, factor)
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
    run(main)
