"""Print the table of docs/simulator.md: real compared with simulated tissue.

    python -m experiments.simulator.statistics --data DIR

Data sets that are not in the folder are skipped.
"""

from __future__ import annotations

import argparse

import anndata as ad
import numpy as np
from scipy.sparse import csr_matrix, diags
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr
from sklearn.decomposition import PCA
from sklearn.preprocessing import normalize

from experiments.data import add_data_option, run
from napari_spatialrecon.comparison.data import DataFolder
from napari_spatialrecon.geometry.autocorrelation import morans_i
from napari_spatialrecon.tissue.simulator.config import SimulatorConfig
from napari_spatialrecon.tissue.simulator.result import SimulatedTissue
from napari_spatialrecon.tissue.simulator.simulate import simulate

CELLS = {
    "STARmap cortex BZ5": "starmap_mpfc/section_BZ5.h5ad",
    "STARmap cortex BZ9": "starmap_mpfc/section_BZ9.h5ad",
    "seqFISH embryo": "seqfish_embryo2/seqfish_embryo2.h5ad",
    "Xenium breast cancer": "breast_xenium_visium/xenium_cells.h5ad",
    "10x scRNA motor cortex": "mop_merfish_scrna/scrna_mop.h5ad",
}
SPOTS = {
    "Visium, mouse (visium_coexpress)": "visium_coexpress/visium_spots.h5ad",
    "Visium, dentate gyrus": "visium_mini_dg/visium_spots.h5ad",
    "Visium, breast cancer": "breast_xenium_visium/visium_spots.h5ad",
    "ST HER2+ breast C2": "st_her2_he/C2.h5ad",
}
COLUMNS = (
    "n", "genes", "depth", "depth 10-90 %", "zeros", "zeros at mean .3-.5", "dispersion",
    "Moran's I 10/50/90 %", "genes with I > .1",
)  # fmt: skip


def load(path: str, data: DataFolder) -> ad.AnnData:
    adata = ad.read_h5ad(data.find(path))
    if "counts" in adata.layers:
        adata.X = adata.layers["counts"]
    adata.X = csr_matrix(adata.X, dtype=np.float64)
    return adata[np.linspace(0, adata.n_obs - 1, min(adata.n_obs, 6000)).astype(int)].copy()


def describe(adata: ad.AnnData, most: int = 500) -> list[str]:
    total = np.asarray(adata.X.mean(0)).ravel()
    adata = adata[:, np.argsort(-total, kind="stable")[:most]]
    adata = adata[np.asarray(adata.X.sum(1)).ravel() >= 20]
    x = csr_matrix(adata.X, dtype=np.float64)
    depth = np.asarray(x.sum(1)).ravel()
    scaled = diags(depth.mean() / depth) @ x
    mean = np.asarray(x.mean(0)).ravel()
    second = np.asarray(scaled.multiply(scaled).mean(0)).ravel()
    level = np.asarray(scaled.mean(0)).ravel()
    poisson = level * (depth.mean() * (1 / depth).mean())
    present = level > 0.05
    dispersion = ((second - level**2 - poisson) / np.maximum(level, 1e-9) ** 2)[present]
    zero = 1 - x.getnnz(0) / x.shape[0]
    band = zero[(mean > 0.3) & (mean < 0.5)]
    row = [
        str(adata.n_obs), str(adata.n_vars), f"{np.median(depth):.0f}",
        "{:.0f}-{:.0f}".format(*np.quantile(depth, [0.1, 0.9])), f"{zero.mean():.2f}",
        f"{np.median(band):.2f}" if len(band) else "-", f"{np.median(dispersion):.2f}",
    ]  # fmt: skip
    if "spatial" not in adata.obsm:
        return [*row, "-", "-"]
    logged = np.log1p((diags(np.median(depth) / depth) @ x).toarray())
    signal = morans_i(logged, np.asarray(adata.obsm["spatial"], float))[present]
    spread = " / ".join(f"{v:.2f}" for v in np.quantile(signal, [0.1, 0.5, 0.9]))
    return [*row, spread, f"{(signal > 0.1).mean():.0%}"]


def nearest_spots(made: SimulatedTissue, k: int = 20) -> float:
    """Distance Spearman of cells put at the average of their most similar spots of one slide."""
    depth = np.median(np.asarray(made.cells.X.sum(1)))
    parts = []
    for x in (made.slides[0].X.toarray(), made.cells.X.toarray()):
        logged = np.log1p(x / np.maximum(x.sum(1, keepdims=True), 1) * depth)
        parts.append((logged - logged.mean(0)) / (logged.std(0) + 1e-6))
    joint = normalize(PCA(30, random_state=0).fit_transform(np.vstack(parts)))
    spots, cells = np.split(joint, [len(parts[0])])
    cosine = cells @ spots.T
    best = np.argsort(-cosine, axis=1)[:, :k]
    weight = np.exp(np.take_along_axis(cosine, best, 1) / 0.05)[..., None]
    placed = (weight * made.slides[0].obsm["spatial"][best]).sum(1) / weight.sum(1)
    some = np.random.default_rng(0).choice(len(placed), 1000, replace=False)
    truth = made.truth[["x", "y"]].to_numpy()[some]
    return float(spearmanr(pdist(placed[some]), pdist(truth)).statistic)


def table(rows: dict[str, ad.AnnData]) -> None:
    print("| | " + " | ".join(COLUMNS) + " |\n|---|" + "---|" * len(COLUMNS))
    for name, adata in rows.items():
        print(f"| {name} | " + " | ".join(describe(adata)) + " |")


def _present(files: dict[str, str], data: DataFolder) -> dict[str, ad.AnnData]:
    return {n: load(p, data) for n, p in files.items() if (data.path / p).exists()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_option(parser)
    data = parser.parse_args().data
    made = {tissue: simulate(tissue) for tissue in ("cortex", "tumour")}
    print("Cells\n")
    cells = _present(CELLS, data)
    for tissue, result in made.items():
        cells[f"**simulated {tissue}**, single-cell slide"] = result.single_cell_slides[0]
        cells[f"**simulated {tissue}**, dissociated"] = result.cells
    table(cells)
    print("\nSpots\n")
    spots = _present(SPOTS, data)
    spots |= {f"**simulated {t}**, slide": r.slides[0] for t, r in made.items()}
    table(spots)
    print("\nNearest spots: distance Spearman\n")
    for tissue, result in made.items():
        exact = simulate(tissue, SimulatorConfig(noise=False, um_per_image_px=20.0))
        print(f"{tissue}: {nearest_spots(result):.2f}, noise off {nearest_spots(exact):.3f}")


if __name__ == "__main__":
    run(main)
