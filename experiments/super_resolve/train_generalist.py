"""Train the SRast generalist that ships with the package.

    OMP_NUM_THREADS=1 python -m experiments.super_resolve.train_generalist OUT --data DIR \
        [--steps N] [--set KEY=VALUE]

The result may differ in its bytes with the number of threads or the machine.

Training data are simulated cortex and tumour, and slides that are not used by any super-resolution
case and do not neighbour one that is: STARmap of the mouse prefrontal cortex, three breast cancer
sections (PASTE), MERFISH pseudo-spots of the motor cortex, CytAssist Visium and the dentate gyrus
crop. Excluded are all of breast_xenium_visium, seqfish_embryo2, merfish_mpoa and
molcart_mouse_cortex (test slides), and st_her2_he and st_mob_he (shown in the docs as unseen).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import numpy as np
from anndata import AnnData

from experiments.data import add_data_option, run
from napari_spatialrecon.comparison.data import DataFolder
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.methods.srast.config import SRastConfig
from napari_spatialrecon.methods.srast.model import SRast
from napari_spatialrecon.progress import Progress, Reporter
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.simulator.config import SimulatorConfig
from napari_spatialrecon.tissue.simulator.simulate import simulate

REAL = (
    "starmap_mpfc/section_BZ5.h5ad",
    "starmap_mpfc/section_BZ9.h5ad",
    "st_breast_paste/slice1.h5ad",
    "st_breast_paste/slice2.h5ad",
    "st_breast_paste/slice3.h5ad",
    "mop_merfish_scrna/merfish_pseudospots.h5ad",
    "visium_coexpress/visium_spots.h5ad",
    "visium_mini_dg/visium_spots.h5ad",
)
#: Tissue, seed and counts of a cell.
SIMULATED = (("cortex", 1, 120.0), ("tumour", 2, 200.0), ("cortex", 3, 300.0), ("tumour", 4, 90.0))
MOST_GENES = 300


def simulated(tissue: str, seed: int, depth: float) -> AnnData:
    values = {
        "n_sections": 1, "n_cells": 50, "n_genes": 200, "depth": depth, "size": 2200.0,
        "um_per_image_px": 4.0,
    }  # fmt: skip
    return simulate(tissue, SimulatorConfig().with_values(values), seed=seed).single_cell_slides[0]


def some_genes(slide: contract.Prepared) -> contract.Prepared:
    """Keep genes at random, among those with counts in a twentieth of the spots."""
    seen = np.asarray((slide.adata.X > 0).mean(axis=0)).ravel() > 0.05
    genes = np.flatnonzero(seen)
    if len(genes) > MOST_GENES:
        genes = np.sort(np.random.default_rng(0).choice(genes, MOST_GENES, replace=False))
    kept = slide.adata[:, genes].copy()
    filled = np.asarray(kept.X.sum(axis=1)).ravel() > 0
    return contract.Prepared(kept[filled].copy(), slide.name, filled, slide.notes)


def show(progress: Progress) -> None:
    numbers = " ".join(f"{k}={v:.4f}" for k, v in progress.metrics.items())
    print(f"{progress.stage} {progress.step}/{progress.total} {numbers}", file=sys.stderr)


def train(data: DataFolder, steps: int, seed: int, settings: Sequence[str] = ()) -> SRast:
    """Return a generalist; `settings` are ``key=value`` on top of what the package ships."""
    slides = [
        some_genes(contract.prepare_slide(simulated(*what), f"simulated {what[0]} {what[1]}"))
        for what in SIMULATED
    ]
    slides += [
        some_genes(contract.prepare_slide(data.read(name), name, min_counts=20)) for name in REAL
    ]
    values = {"training.steps": steps, "sasa.training.steps": 30, "sasa.genes": 200}
    config = SRastConfig().with_values(values).with_text(settings)
    return SRast(config).train(slides, Run(seed=seed, reporter=Reporter(show, interval_s=10.0)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    add_data_option(parser)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    model = train(options.data, options.steps, options.seed, options.set)
    model.save(options.out)
    print(model.metrics)


if __name__ == "__main__":
    run(main)
