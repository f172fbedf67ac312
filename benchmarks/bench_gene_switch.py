"""How fast Super-resolve draws another gene: from the choice until the window has painted it.

    xvfb-run -a python benchmarks/bench_gene_switch.py [--spots N] [--repeats N]

Counts are random; the split is `uniform`, since drawing does not depend on the method.
"""

from __future__ import annotations

import argparse
import time

import napari
import numpy as np
from anndata import AnnData
from bench_viewer import finish, renderer, settle, summary
from qtpy.QtWidgets import QApplication
from scipy import sparse

from napari_spatialrecon.methods.super_resolution.config import InterpolationConfig
from napari_spatialrecon.viewer.super_resolve.job import Resolved, SuperJob
from napari_spatialrecon.viewer.super_resolve.layers import GeneLayers
from napari_spatialrecon.viewer.workspace.tables import Table

GENES = 200


def bins(n: int) -> AnnData:
    side = round(n**0.5)
    y, x = (axis.ravel() for axis in np.indices((side, side)))
    counts = sparse.random(side * side, GENES, 0.3, "csr", np.float32, random_state=0)
    counts.data = np.ceil(counts.data * 5)
    adata = AnnData(counts)
    adata.obsm["spatial"] = np.c_[x, y] * 16.0
    adata.uns["spatialrecon"] = {"unit": "um"}
    return adata


def round_spots(n: int) -> AnnData:
    adata = bins(n)
    shift = (adata.obsm["spatial"][:, 1] / 16.0 % 2) / 2
    steps = adata.obsm["spatial"] / 16.0
    adata.obsm["spatial"] = np.c_[steps[:, 0] + shift, steps[:, 1] * 3**0.5 / 2] * 100.0
    return adata


def measure(outcome: Resolved, what: str, repeats: int, *, points: bool) -> None:
    viewer = napari.Viewer()
    layers = GeneLayers(viewer, outcome, "uniform")
    layers.show(outcome.genes[0])
    layers.points.visible = points
    settle(1.0)
    times, cpu = [], []
    for gene in outcome.genes[1 : repeats + 1]:
        start, began = time.perf_counter(), time.process_time()
        layers.show(gene)
        QApplication.processEvents()
        finish()
        times.append(time.perf_counter() - start)
        cpu.append(time.process_time() - began)
        settle()
    rows, columns = outcome.picture.shape
    shown = " and points" if points else ""
    print(
        f"{what}, {outcome.adata.n_obs:,} parts, {rows:,} x {columns:,} pixels{shown}: "
        f"{summary(times)}; of the CPU {summary(cpu)} ({renderer()})",
        flush=True,
    )
    viewer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spots", type=int, nargs="+", default=[3_000, 100_000])
    parser.add_argument("--repeats", type=int, default=10)
    options = parser.parse_args()
    for n in options.spots:
        for slide, factor, diameter, what in (
            (round_spots(n), "7", 55.0, "round spots"),
            (bins(n), "2x2", None, "bins"),
        ):
            job = SuperJob(
                method="uniform",
                config=InterpolationConfig(),
                slide=Table(what, slide),
                factor=factor,
                spot_diameter=diameter,
            )
            outcome = job(lambda _: None, lambda: False)
            for points in (False, True):
                measure(outcome, f"{n:,} {what}", options.repeats, points=points)


if __name__ == "__main__":
    main()
