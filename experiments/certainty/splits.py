"""Coverage of the spread of parts of spots where the true parts are known.

    python -m experiments.certainty.splits --data DIR [case ...] [--genes 30] [--draws 8]

SRast, 2 x 2, the genes with the most counts: share of true counts within two standard deviations
over draws as they come (with the smoothing of eq. 11 left in, and undone), and within two stated
spreads; mean spread stated and root-mean-square error, in counts; and the coverage that the run
itself states. Parts of spots without counts of the gene are left out. The truth only judges.
"""

from __future__ import annotations

import argparse
from unittest.mock import patch

import numpy as np
import torch

from experiments.data import add_data_option, run
from napari_spatialrecon.comparison.cases.splits import CASES, load
from napari_spatialrecon.methods.srast import flow
from napari_spatialrecon.methods.super_resolution.coarse_check import totals_of
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tasks.super_resolving import super_resolve
from napari_spatialrecon.tissue.subspots import parse_factor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", nargs="*", default=list(CASES))
    add_data_option(parser)
    parser.add_argument("--genes", type=int, default=30)
    parser.add_argument("--draws", type=int, default=8)
    parser.add_argument("--adapt", type=int, default=240)
    asked = parser.parse_args()
    print("| case | smoothed | undone | stated | spread | error | the run says |")
    print("|---|---|---|---|---|---|---|")
    for name in asked.case:
        case = load(name, asked.data, parse_factor("2x2"))
        total = np.asarray(case.spots.X.sum(axis=0)).ravel()
        columns = np.sort(np.argsort(-total, kind="stable")[: asked.genes])
        genes = [str(case.spots.var_names[i]) for i in columns]
        settings = {"flow.draws": asked.draws, "adapt.steps": asked.adapt}
        found = super_resolve(case.spots, "2x2", method="srast", genes=genes, settings=settings)
        truth = case.truth.X[:, columns].toarray().astype(float)
        values = found.adata.X.toarray()
        filled = totals_of(values.astype(float), 4) > 0
        away = np.abs(truth - values)[filled]
        raw = found.method.split(columns, Reporter()).spread.toarray()[filled]
        with patch.object(flow, "ratios_of", lambda logits, _: torch.softmax(logits, dim=-1)):
            shrunk = found.method.split(columns, Reporter()).spread.toarray()[filled]
        spread = found.adata.layers["spread"].toarray()[filled]
        held = [f"{(away <= 2 * s).mean():.3f}" for s in (shrunk, raw, spread)]
        row = (
            *held,
            f"{np.sqrt((spread**2).mean()):.2f}",
            f"{np.sqrt((away**2).mean()):.2f}",
            f"{found.record.metrics['spread_coverage']:.3f}",
        )
        print(f"| {name} | {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    run(main)
