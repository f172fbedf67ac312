"""Genes imputed from cells of another technique: do methods notice where a linear map is better?

    OMP_NUM_THREADS=1 python -m experiments.genes.across --data DIR --cases hippocampus --seeds 0

A quarter of the genes that a slide shares with 10x cells of the motor cortex is hidden from the
run and imputed. `back` names the linear map that a method stepped back to on its own held-out
genes, `inner` what it and the best linear map reached on them.
"""

from __future__ import annotations

import argparse

import numpy as np
from anndata import AnnData
from scipy import sparse

from experiments.data import add_data_option, run
from napari_spatialrecon.comparison.data import DataFolder
from napari_spatialrecon.tasks.imputing import impute_genes

CASES = {
    "hippocampus": "visium_mini_dg/visium_spots.h5ad",
    "starmap": "starmap_mpfc/section_BZ5.h5ad",
    "molcart": "molcart_mouse_cortex/section_A1.h5ad",
}
CELLS = "mop_merfish_scrna/scrna_mop.h5ad"
#: Fewest counts of a spot.
LEAST = 10


def drawn(table: AnnData, most: int) -> AnnData:
    """Return at most so many rows that have counts, with these as `X`."""
    found = table.copy()
    found.X = sparse.csr_matrix(found.layers.get("counts", found.X), dtype=np.float32)
    found.layers.clear()
    found = found[np.asarray(found.X.sum(axis=1)).ravel() >= LEAST]
    return found[np.sort(np.random.default_rng(0).permutation(found.n_obs)[:most])].copy()


def tables(data: DataFolder, case: str, spots: int, cells: int) -> tuple[AnnData, AnnData]:
    """Return a slide with the genes that it shares with the cells, and those."""
    reference = drawn(data.read(CELLS), cells)
    slide, names = data.read(CASES[case]), {g.lower(): g for g in reference.var_names}
    slide = slide[:, [g for g in slide.var_names if g.lower() in names]].copy()
    slide.var_names = [names[g.lower()] for g in slide.var_names]
    slide = drawn(slide, spots)
    varies = np.ptp(slide.X.toarray(), axis=0) > 0
    return slide[:, varies].copy(), reference


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_data_option(parser)
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=CASES)
    parser.add_argument("--methods", nargs="+", default=["knn", "mapping", "come", "spadit"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--spots", type=int, default=400, help="most spots of a slide")
    parser.add_argument("--cells", type=int, default=1000, help="most cells of the reference")
    options = parser.parse_args()
    print("| case | spots × genes | seed | method | PCC | inner | linear | back |")
    print("|---|---|---|---|---|---|---|---|")
    for case in options.cases:
        slide, cells = tables(options.data, case, options.spots, options.cells)
        for seed in options.seeds:
            count = slide.n_vars // 4
            hidden = np.random.default_rng(seed).permutation(slide.n_vars)[:count]
            genes = list(map(str, slide.var_names[hidden]))
            for method in options.methods:
                found = impute_genes(
                    slide, cells, genes, hide=genes, method=method, seed=seed, device="cpu"
                )
                report, metrics = found.record.settings["report"], found.record.metrics
                own = report.get("inner_pcc", report.get("held_out_stack_pcc", np.nan))
                linear = report.get(
                    "inner_linear_pcc", max(report.get("held_out_bases_pcc", {0: np.nan}).values())
                )
                print(
                    f"| {case} | {slide.n_obs} × {slide.n_vars} | {seed} | {method} "
                    f"| {metrics['hidden_pcc']:.3f} | {own:.3f} | {linear:.3f} "
                    f"| {report.get('stepped_back_to') or '–'} |",
                    flush=True,
                )


if __name__ == "__main__":
    run(main)
