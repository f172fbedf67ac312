"""Slides whose genes are held out in five folds, and cells that measure them.

`bdtnp`: in situ atlas of the fly embryo (intensities) with Drop-seq. `mop`: MERFISH pseudo-spots of
mouse motor cortex with 10x single-cell RNA. `xenium`: Xenium cells of a breast cancer with Visium
spots of a neighbouring section. True counts become log1p(x / total · median) over all genes.
"""

from __future__ import annotations

from dataclasses import dataclass

import anndata
import numpy as np
import pandas as pd
from scipy import sparse

from experiments.data import DataFolder
from napari_spatialrecon.evaluation.gene_metrics import gene_metrics
from napari_spatialrecon.methods.genes.inputs import log_normalised
from napari_spatialrecon.methods.registry import find_method
from napari_spatialrecon.tasks.imputing import GeneResult, impute_genes
from napari_spatialrecon.tissue.contract import counts, prepare_slide

CASES = ("bdtnp", "mop", "xenium")


@dataclass(frozen=True)
class Case:
    """A slide, reference cells, the genes of each fold, and the log-normalised truth."""

    slide: anndata.AnnData
    cells: anndata.AnnData
    folds: list[list[str]]
    truth: pd.DataFrame


def load(name: str, data: DataFolder, rate: float = 1.0) -> Case:
    """Return a case by its name; of the slide's counts a share of `rate` is kept."""
    if name == "bdtnp":
        slide = anndata.read_h5ad(data.find("drosophila_bdtnp/atlas_bdtnp.h5ad"))
        slide.var_names = slide.var["scrna_name"].astype(str)
        cells = anndata.read_h5ad(data.find("drosophila_bdtnp/scrna_dropseq.h5ad"))
    elif name == "mop":
        slide = anndata.read_h5ad(data.find("mop_merfish_scrna/merfish_pseudospots.h5ad"))
        cells = anndata.read_h5ad(data.find("mop_merfish_scrna/scrna_mop.h5ad"))
        cells = _some(cells, 4000)
    else:
        slide = _some(anndata.read_h5ad(data.find("breast_xenium_visium/xenium_cells.h5ad")), 4000)
        cells = anndata.read_h5ad(data.find("breast_xenium_visium/visium_spots.h5ad"))
    slide.obsm["spatial"] = np.asarray(slide.obsm["spatial"], float)[:, :2]
    slide.X = counts(slide)
    slide = slide[np.asarray(slide.X.sum(axis=1)).ravel() >= 10].copy()
    prepared = prepare_slide(slide, name, counts_needed=False)
    logs = log_normalised(prepared, intensities=True)[0].toarray()
    truth = pd.DataFrame(logs, slide.obs_names, slide.var_names)
    if rate < 1:
        slide.X = _fewer(slide.X, rate)
    slide.layers.clear()
    slide.uns.clear()
    shared = [g for g in truth.columns[truth.std() > 0] if g in set(cells.var_names)]
    order = np.random.default_rng(0).permutation(shared)
    return Case(slide, cells, [list(f) for f in np.array_split(order, 5)], truth)


def _some(adata: anndata.AnnData, n: int) -> anndata.AnnData:
    return adata[np.random.default_rng(0).permutation(adata.n_obs)[:n]].copy()


def _fewer(matrix: sparse.csr_matrix, rate: float) -> sparse.csr_matrix:
    """Keep each count with a chance of `rate`; of intensities, each value."""
    rng, fewer = np.random.default_rng(0), matrix.copy()
    if np.all(matrix.data == np.rint(matrix.data)):
        fewer.data = rng.binomial(matrix.data.astype(int), rate).astype(np.float32)
    else:
        fewer.data = fewer.data * (rng.random(len(fewer.data)) < rate)
    return fewer


def impute(case: Case, fold: list[str], method: str, preset: str, values: list[str]) -> GeneResult:
    """Impute the genes of a fold, which are taken out of the slide first."""
    config = find_method(method, "impute-genes").config().preset(preset).with_text(values)
    seen = case.slide[:, [g for g in case.slide.var_names if g not in set(fold)]].copy()
    return impute_genes(seen, case.cells, fold, method=method, config=config, device="cpu")


def measure(case: Case, folds: int, method: str, preset: str, values: list[str]) -> pd.DataFrame:
    """Return the metrics of every gene of the first folds, and what the method expected of it."""
    tables = []
    for fold in case.folds[:folds]:
        result = impute(case, fold, method, preset, values)
        report = result.method.report()
        table = gene_metrics(case.truth[fold].to_numpy(), result.adata.X).set_axis(fold)
        table["reliability"] = result.genes["reliability"]
        by_share = report.get("held_out_by_share", {})
        table["added"] = report.get("network_added_pcc", np.nan)
        table["in full"] = by_share.get("1.0", np.nan) - by_share.get("0.0", np.nan)
        tables.append(table)
    return pd.concat(tables)
