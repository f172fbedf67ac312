"""How well deconvolution finds mixtures that are known.

    python -m experiments.deconvolve.table [CASE ...] [--set key=value ...]

Half of the cells of a section, drawn with seed 0, are summed into square spots of about eight; the
reference is 3,000 cells of the other half. Cells labelled Ambiguous are left out before. Prints
for each method the square root of the Jensen-Shannon divergence in bits, PCC, SSIM and RMSE a spot,
and how far a type's map agrees with its markers on the slide (mean over types; first the truth's).
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
import pandas as pd
from anndata import AnnData

from napari_spatialrecon.config import Config
from napari_spatialrecon.evaluation.mixture_metrics import evaluate_mixtures, marker_agreement
from napari_spatialrecon.evaluation.protocols import pseudo_visium
from napari_spatialrecon.methods.come.config import ComeMixturesConfig
from napari_spatialrecon.methods.mixtures.config import RegressionConfig
from napari_spatialrecon.tasks.deconvolving import deconvolve
from napari_spatialrecon.tissue.contract import counts
from napari_spatialrecon.tissue.read import read_adata

DATA = Path(
    os.environ.get("SPATIALRECON_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")
)
CASES = {
    "embryo": ("seqfish_embryo2/seqfish_embryo2.h5ad", "celltype_mapped_refined"),
    "mpoa": ("merfish_mpoa/merfish_mpoa.h5ad", "celltype"),
    "starmap": ("starmap_mpfc/section_BZ9.h5ad", "celltype"),
}
CELLS_PER_SPOT, REFERENCE, LEAST_COUNTS = 8, 3000, 10


def known_mixtures(path: str, column: str) -> tuple[AnnData, AnnData, AnnData]:
    """Return spots, reference cells, and spots with their true proportions."""
    cells = read_adata(DATA / path)
    cells.obs_names_make_unique()
    enough = np.asarray(counts(cells).sum(axis=1)).ravel() >= LEAST_COUNTS
    cells = cells[enough & (cells.obs[column].astype(str) != "Ambiguous").to_numpy()].copy()
    rng = np.random.default_rng(0)
    half = rng.random(cells.n_obs) < 0.5
    summed = cells[half].copy()
    points = np.asarray(summed.obsm["spatial"], float)
    area = np.prod(np.ptp(np.asarray(cells.obsm["spatial"], float), axis=0))
    pitch = float(np.sqrt(area * CELLS_PER_SPOT / half.sum()))
    spots = pseudo_visium(summed, pitch, min_cells=3)
    grid = np.floor((points - points.min(axis=0)) / pitch).astype(int)
    names = [f"spot{x}x{y}" for x, y in grid]
    table = pd.crosstab(pd.Series(names), summed.obs[column].astype(str).to_numpy())
    truth = spots.copy()
    truth.obsm["proportions"] = table.div(table.sum(axis=1), axis=0).loc[spots.obs_names]
    others = cells[~half]
    return spots, others[rng.permutation(others.n_obs)[:REFERENCE]].copy(), truth


def main() -> None:
    """Print a row a method and case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", nargs="*", default=list(CASES))
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
    for case in asked.case:
        path, column = CASES[case]
        spots, reference, truth = known_mixtures(path, column)
        true = marker_agreement(spots, truth.obsm["proportions"], reference, column)
        print(f"{case:8}{'truth':18}{'':44}markers {np.mean(list(true.values())):.3f}")
        for name, (method, config) in rows.items():
            result = deconvolve(spots, reference, column, method=method, config=config)
            found = evaluate_mixtures(truth, result.adata)["mean"]
            marked = marker_agreement(spots, result.proportions, reference, column)
            shown = "  ".join(f"{m} {found[m]:.3f}" for m in ("jsd", "pcc", "ssim", "rmse"))
            agreed = np.mean(list(marked.values()))
            print(f"{case:8}{name:18}{shown}  markers {agreed:.3f}", flush=True)


if __name__ == "__main__":
    main()
