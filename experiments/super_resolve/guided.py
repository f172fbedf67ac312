"""Super-resolution guided by an image: bins of mouse brain summed into spots, and split again.

    OMP_NUM_THREADS=1 python -m experiments.super_resolve.guided --data DIR [case ...]

The H&E is rendered from DAPI and poly-T of the same tissue. Prints PCC per gene for the truth's
bins of 10 µm, from spots of 20 µm (`10x2`) and 40 µm (`10x4`).
"""

from __future__ import annotations

import argparse

import anndata
import numpy as np
from scipy.sparse import csr_matrix

from experiments.data import add_data_option, run
from experiments.super_resolve.cases import column_correlation
from napari_spatialrecon.comparison.data import DataFolder
from napari_spatialrecon.tasks.super_resolving import super_resolve
from napari_spatialrecon.tissue.images import histology

CASES = ("10x2", "10x4")


def correlation(name: str, data: DataFolder, method: str, guided: bool) -> float:
    """Return the mean over genes of the correlation with the true bins."""
    folder = f"he_truth/sr_vizgenbrain_{name}"
    path = data.find(f"{folder}/lr.h5ad")
    with np.load(data.find(f"{folder}/hr.npz")) as stored:
        true, k, pitch = stored["hr"].astype(float), int(stored["k"]), float(stored["pitch_px"])
    slide = anndata.read_h5ad(path)
    slide.X = csr_matrix(slide.X)
    image = histology(slide, path.parent) if guided else None
    made = super_resolve(slide, f"{k}x{k}", method=method, histology=image, device="cpu").adata
    column, row = np.floor(np.asarray(made.obsm["spatial"]) / pitch).astype(int).T
    bins = true[row, column]
    split = made.X.toarray()
    varies = bins.std(axis=0) > 0
    return float(column_correlation(bins[:, varies], split[:, varies]).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", nargs="*", default=list(CASES))
    add_data_option(parser)
    asked = parser.parse_args()
    print("| case | method | PCC per gene |\n|---|---|---|")
    ways = [("uniform", False), ("bilinear", False), ("srast", False), ("srast", True)]
    for name in asked.case:
        for method, guided in ways:
            found = correlation(name, asked.data, method, guided)
            print(f"| {name} | {method}{', guided' if guided else ''} | {found:.3f} |", flush=True)


if __name__ == "__main__":
    run(main)
