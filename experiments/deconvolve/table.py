"""Accuracy of deconvolution on known mixtures.

    python -m experiments.deconvolve.table --data DIR [case ...] [--set key=value ...]

For each method, the mean over spots of the square root of the Jensen-Shannon divergence in bits
(JSD), PCC, SSIM and RMSE, and the agreement of each type's map with its markers on the slide (mean
over types; the row "truth" gives that of the true map).
"""

from __future__ import annotations

import argparse

import numpy as np

from experiments.data import add_data_option, run
from experiments.deconvolve.cases import CASES, load
from napari_spatialrecon.evaluation.mixture_metrics import evaluate_mixtures, marker_agreement
from napari_spatialrecon.hyperparameters import Config
from napari_spatialrecon.methods.come.config import ComeMixturesConfig
from napari_spatialrecon.methods.mixtures.config import RegressionConfig
from napari_spatialrecon.tasks.deconvolving import deconvolve


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", nargs="*", default=list(CASES))
    add_data_option(parser)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    asked = parser.parse_args()
    own = ComeMixturesConfig().with_text(asked.set)
    before = {"prior": "squares", "sizes": False}
    rows: dict[str, tuple[str, Config | None]] = {
        "kNN": ("knn", None),
        "NNLS, of counts": ("nnls", RegressionConfig(sizes=False)),
        "NNLS": ("nnls", None),
        "likelihood": ("nnls", RegressionConfig(loss="counts")),
        "COME, no prior": ("come", own.with_values({"prior": "none"})),
        "COME+ as before": ("come", own.with_values(before)),
        "COME+ of counts": ("come", own.with_values({"sizes": False})),
        "COME+": ("come", own),
    }
    print("| case | method | JSD | PCC | SSIM | RMSE | markers |\n|---|---|---|---|---|---|---|")
    for case in asked.case:
        spots, reference, truth, column = load(case, asked.data)
        true = marker_agreement(spots, truth.obsm["proportions"], reference, column)
        agreed = np.mean(list(true.values()))
        print(f"| {case} | truth | | | | | {agreed:.3f} |")
        for name, (method, config) in rows.items():
            result = deconvolve(spots, reference, column, method=method, config=config)
            found = evaluate_mixtures(truth, result.adata)["mean"]
            marked = marker_agreement(spots, result.proportions, reference, column)
            shown = " | ".join(f"{found[m]:.3f}" for m in ("jsd", "pcc", "ssim", "rmse"))
            agreed = np.mean(list(marked.values()))
            print(f"| {case} | {name} | {shown} | {agreed:.3f} |", flush=True)


if __name__ == "__main__":
    run(main)
